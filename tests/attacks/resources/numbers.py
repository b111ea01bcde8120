"""Takes what is counted: processes, threads, descriptors, processor time. Bounded by itself."""

import os
import threading
import time

KEPT = []


def forks(event, context):
    if event == b"well":
        return "well"
    made = 0
    try:
        while made < 3000:
            if os.fork() == 0:
                time.sleep(30)
                os._exit(0)
            made += 1
    except OSError as exc:
        return {"made": made, "errno": exc.errno}
    return {"made": made, "errno": 0}


def threads(event, context):
    if event == b"well":
        return "well"
    threading.stack_size(64 << 10)
    ends = threading.Event()
    made = 0
    try:
        while made < 3000:
            threading.Thread(target=ends.wait, daemon=True).start()
            made += 1
    except RuntimeError as exc:
        return {"made": made, "error": str(exc)}
    return {"made": made, "error": ""}


def descriptors(event, context):
    """And keeps them, so that the next request finds none."""
    try:
        while len(KEPT) < 200000:
            KEPT.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as exc:
        return {"open": len(KEPT), "errno": exc.errno}
    return {"open": len(KEPT), "errno": 0}


def busy(event, context):
    """Four threads in four processes each: what they used of the time that passed."""
    if event == b"well":
        return "well"
    begin = time.time()
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            for _ in range(3):
                threading.Thread(target=_spin, args=(begin + 1.2,), daemon=True).start()
            _spin(begin + 1.2)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    times = os.times()
    used = times.children_user + times.children_system
    return {"used": used, "passed": time.time() - begin}


def _spin(end):
    while time.time() < end:
        pass
