"""Never answers. Forks a grandchild first and writes its pid to the file that the event names."""

import os
import time


def handler(event, context):
    path = event.decode()
    pid = os.fork()
    if pid == 0:
        while True:
            time.sleep(60)
    with open(path + ".new", "w") as file:
        file.write(str(pid))
    os.rename(path + ".new", path)
    while True:
        time.sleep(60)
