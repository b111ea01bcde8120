"""Runs a function in a child process, and measures what it takes of processor and memory.

The child is a fork: a crash of the interpreter (a C stack that overflows in libyaml, ast or json)
ends it and not the tests, and a row costs no start of Python.
"""

import os
import pickle
import resource
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["MAX_CPU_S", "MAX_MEMORY_MB", "Bounded", "run_bounded"]

MAX_CPU_S = 1.0
MAX_MEMORY_MB = 200
HANG_S = 10


class Bounded(NamedTuple):
    """`result` is what the function gave; `failure` a traceback, or the signal that ended it."""

    result: Any
    failure: str
    memory_mb: int


def run_bounded(function: Callable[[], Any]) -> Bounded:
    resident_mb = _resident_mb()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(function, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    result, failure = pickle.loads(data) if data else (None, "")
    if status:
        failure = f"ended with status {os.waitstatus_to_exitcode(status)}"
    return Bounded(result, failure, max(0, usage.ru_maxrss // 1024 - resident_mb))


def _child(function: Callable[[], Any], writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (HANG_S, HANG_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = (function(), "")
    except BaseException:
        answer = (None, traceback.format_exc())
    data = pickle.dumps(answer)
    while data:
        data = data[os.write(writer, data) :]
    os._exit(0)


def _resident_mb() -> int:
    """What the child begins with."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // (1 << 20)
