"""Processes that leave session, group and parent behind, and hold on to stdout."""

import os
import signal
import time


def daemon(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        end = time.time() + 60
        while time.time() < end:
            os.write(1, b"tick\n")
            time.sleep(0.02)
        os._exit(0)
    os.wait()
    return "ok"


def runaway(event, context):
    if event == b"well":
        return "well"
    if os.fork() == 0:
        os.setsid()
        end = time.time() + 30
        while time.time() < end:
            if os.fork():
                os._exit(0)
            if os.getsid(0) != os.getpid():
                os.setpgid(0, 0)
            time.sleep(0.002)
        os._exit(0)
    time.sleep(60)


def swarm(event, context):
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
    return "ok"


def stop(context):
    print("PreStop runs")
