"""Takes memory: fast, slowly, or where only the whole tree shows it. Bounded by itself."""

import os
import time

MB = 1 << 20


def fast(event, context):
    if event == b"well":
        return "well"
    held = []
    while len(held) < 64:
        held.append(bytearray(b"x") * (64 * MB))
    return "held 4 GB"


def slow(event, context):
    if event == b"well":
        return "well"
    held = []
    while len(held) < 1024:
        held.append(bytearray(b"x") * (4 * MB))
        time.sleep(0.01)
    return "held 4 GB"


def children(event, context):
    """Each of them is far below the limit."""
    if event == b"well":
        return "well"
    pids = []
    for _ in range(64):
        pid = os.fork()
        if pid == 0:
            held = bytearray(b"x") * (32 * MB)
            time.sleep(20)
            os._exit(len(held) and 0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return "held 2 GB"


def daemons(event, context):
    """As above, in processes that have left session and parent behind."""
    if event == b"well":
        return "well"
    for _ in range(64):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            held = bytearray(b"x") * (32 * MB)
            time.sleep(20)
            os._exit(len(held) and 0)
        os.wait()
    time.sleep(20)
    return "held 2 GB"
