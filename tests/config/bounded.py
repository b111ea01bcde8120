"""Runs a function in a child process, and measures what it takes of processor and memory.

The child is a fork: a crash of the interpreter (a C stack that overflows in libyaml, ast or json)
ends it and not the tests, and a row costs no start of Python.

On a busy machine the same work takes more CPU time: caches and cores are shared. So the child does
some fixed work before and after as well, and bounds are meant for a machine of its nominal pace.
"""

import os
import pickle
import resource
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["MAX_CPU_S", "MAX_MEMORY_MB", "Bounded", "run_bounded", "run_until_quiet"]

MAX_CPU_S = 1.0
MAX_MEMORY_MB = 200
HANG_S = 10
TRIES = 4

NOMINAL_S = 0.1
"""What the fixed work takes, both times together, on an idle machine of two cores."""
MAX_SLOWNESS = 3.0


class Bounded(NamedTuple):
    """`result` is what the function gave; `failure` a traceback, or the signal that ended it.

    `slowness`: how much longer than on an idle machine the fixed work took, 1 or more.
    """

    result: Any
    failure: str
    memory_mb: int
    slowness: float


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
    result, failure, worked_s = pickle.loads(data) if data else (None, "", 0.0)
    if status:
        failure = f"ended with status {os.waitstatus_to_exitcode(status)}"
    slowness = min(MAX_SLOWNESS, max(1.0, worked_s / NOMINAL_S))
    return Bounded(result, failure, max(0, usage.ru_maxrss // 1024 - resident_mb), slowness)


def run_until_quiet(function: Callable[[], Any], is_within: Callable[[Bounded], bool]) -> Bounded:
    """As `run_bounded`, a few times if need be: noise only ever adds, so the least counts.

    The fixed work does not show everything: a neighbour that comes and goes within a run, or one
    that takes the memory's bandwidth and not the processor, slows one of the two only.
    """
    for _ in range(TRIES - 1):
        measured = run_bounded(function)
        if measured.failure or is_within(measured):
            return measured
    return run_bounded(function)


def _child(function: Callable[[], Any], writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (HANG_S, HANG_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    worked_s = _fixed_work()
    try:
        answer = (function(), "")
    except BaseException:
        answer = (None, traceback.format_exc())
    data = pickle.dumps((*answer, worked_s + _fixed_work()))
    while data:
        data = data[os.write(writer, data) :]
    os._exit(0)


def _fixed_work() -> float:
    """Ordinary Python, allocating and looking up; gives its CPU time."""
    begun_s = time.process_time()
    known: dict[str, int] = {}
    for number in range(350_000):
        name = str(number % 5000)
        known[name] = known.get(name, 0) + 1
    return time.process_time() - begun_s


def _resident_mb() -> int:
    """What the child begins with."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // (1 << 20)
