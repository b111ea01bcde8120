"""Processes that mean to outlive their instance. facts: name, the beginning of theirs.

Each gives itself a name by which the test finds it, wherever it is, and ends by itself at last.
"""

import ctypes
import os
import signal
import time

from attempts import libc, syscall

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
LIFE_S = 15.0


def _orphan():
    """Goes on in a process whose parent has ended, in a session of its own; the caller returns."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    return True


def _stay(end):
    while time.monotonic() < end:
        time.sleep(0.05)


def _change_pid(end):
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        time.sleep(0.002)


def _ignore(end):
    for signum in range(1, 65):
        try:
            signal.signal(signum, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    _stay(end)


def _no_death_signal(end):
    libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.fork():
        _stay(end)
    _stay(end)


def _lower(value):
    limit = (ctypes.c_uint64 * 2)(value, value)
    try:
        syscall("prlimit64", 0, 15, limit, None)
    except OSError:
        pass


def _shed_tag(end):
    _lower(1 << 50)
    _stay(end)


def _shed_and_change(end):
    _lower(1 << 50)
    _change_pid(end)


def _other_tag(end):
    """The tag of another box, or of none: the high bit alone."""
    _lower(1 << 62)
    _stay(end)


def _other_user(end):
    try:
        os.setuid(os.getuid() + 1)
    except OSError:
        pass
    _stay(end)


def _new_namespace(end):
    for flags in (0x20000000, 0x10000000 | 0x20000000):  # pid; user and pid
        try:
            syscall("unshare", flags)
            break
        except OSError:
            continue
    if os.fork():
        os._exit(0)
    _stay(end)


WAYS = {
    "stays": _stay, "ignores": _ignore, "changes": _change_pid, "nosignal": _no_death_signal,
    "untagged": _shed_tag, "hidden": _shed_and_change, "othertag": _other_tag,
    "otheruser": _other_user, "newspace": _new_namespace,
}  # fmt: skip


def start(facts):
    """One of each kind; each has told that it is there before this returns."""
    reading, writing = os.pipe()
    for word, live in WAYS.items():
        if _orphan():
            os.close(reading)
            _be(facts["name"] + word, live, writing)
    os.close(writing)
    seen = b""
    while len(seen) < len(WAYS):
        more = os.read(reading, 64)
        if not more:
            break
        seen += more
    os.close(reading)
    return [] if len(seen) == len(WAYS) else [f"broken: {len(seen)} daemons"]


def _be(name, live, told):
    libc.prctl(PR_SET_NAME, name[:15].encode("ascii"), 0, 0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.write(told, b"x")
    os.close(told)
    try:
        live(time.monotonic() + LIFE_S)
    finally:
        os._exit(0)


def refuse(facts):
    """The worker itself: no signal of the kernel at the supervisor's end, none from elsewhere."""
    libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
    libc.prctl(PR_SET_NAME, (facts["name"] + "worker")[:15].encode("ascii"), 0, 0, 0)
    _lower(1 << 50)
    _ignore(time.monotonic() + LIFE_S)
    return []


ATTACKS = {"daemons": start, "refuse": refuse}
