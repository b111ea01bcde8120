"""Counts in a thread and in a child process, where the host can see it: bytes 0 and 8 of a file."""

import mmap
import os
import threading
import time

PLACES = ("/mnt/counters", os.environ["COUNTERS"])
FOLDER = next(place for place in PLACES if os.path.isdir(place))

file = open(os.path.join(FOLDER, "counters"), "r+b")  # noqa: SIM115
memory = mmap.mmap(file.fileno(), 4096)
counters = memoryview(memory).cast("Q")


def count(index):
    while True:
        counters[index] += 1
        time.sleep(0.001)


def handler(event, context):
    if event == b"start":
        threading.Thread(target=count, args=(0,), daemon=True).start()
        if os.fork() == 0:
            os.setsid()
            count(1)
    if event == b"hang":
        time.sleep(60)
    wait_advance()
    return "both count"


def wait_advance():
    before = list(counters[:2])
    while counters[0] < before[0] + 3 or counters[1] < before[1] + 3:
        time.sleep(0.002)


def pre_stop(context):
    wait_advance()
    open(os.path.join(FOLDER, "stopped"), "w").close()
