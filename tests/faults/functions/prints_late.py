"""Goes on printing after its answer: a thread, a child process, an atexit hook."""

import atexit
import subprocess
import threading
import time

COUNT = [0]
atexit.register(print, "from atexit")


def _print(number):
    time.sleep(0.05)
    print(f"thread {number}")


def handler(event, context):
    COUNT[0] += 1
    threading.Thread(target=_print, args=(COUNT[0],), daemon=True).start()
    subprocess.Popen(["/bin/sh", "-c", f"sleep 0.05; echo child {COUNT[0]}"])
    return "ok"
