"""An instance that leaves as much behind as it can: files, daemons, and a request that stays."""

import os
import signal
import threading
import time


def handler(event, context):
    with open(os.path.join(os.environ["HOME"], "left"), "wb") as file:
        file.write(b"x" * 100000)
    if event != b"no daemon":
        start_daemon()
    while event == b"stay":
        sum(range(1000))
        time.sleep(0.02)
    if event == b"frozen":
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return "well"


def start_daemon():
    """In a session of its own, without a parent, deaf to what can be ignored."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(3600)
        os._exit(0)
    os.wait()
