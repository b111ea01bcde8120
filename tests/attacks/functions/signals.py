"""Signalling, limiting and slowing supervisor, zygote and siblings.

facts: targets, {word: pid}. What is set is what was set before, and the signal is one that does
nothing: the kernel asks for the same permissions.
"""

import ctypes
import os
import signal

from attempts import require, syscall, words_of

RLIMIT_NOFILE, RLIMIT_RTTIME = 7, 15
SCHED_FIFO = 1


class Limit(ctypes.Structure):
    _fields_ = [("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64)]


def _each(facts, attempt):
    targets = facts["targets"].items()
    return [(word, lambda pid=pid: attempt(pid)) for word, pid in targets]


def kill(facts):
    return words_of(_each(facts, lambda pid: os.kill(pid, signal.SIGCONT)))


def pidfd_signal(facts):
    def attempt(pid):
        syscall("pidfd_send_signal", syscall("pidfd_open", pid, 0), signal.SIGCONT, None, 0)

    return words_of(_each(facts, attempt))


def thread_signal(facts):
    return words_of(_each(facts, lambda pid: syscall("tgkill", pid, pid, signal.SIGCONT)))


def group_signal(facts):
    """The group of the supervisor: what Ctrl-C would reach."""
    return words_of([("the supervisor's", lambda: os.killpg(facts["group"], signal.SIGCONT))])


def _limit(pid, which, new=None):
    old = Limit()
    passed = ctypes.byref(new) if new else None
    syscall("prlimit64", pid, which, passed, ctypes.byref(old))
    return old


def read_limits(facts):
    return words_of(_each(facts, lambda pid: _limit(pid, RLIMIT_NOFILE)))


def set_limits(facts):
    """As it is: lower, and the supervisor could open nothing more."""

    def attempt(pid):
        with open(f"/proc/{pid}/limits") as file:
            (line,) = [line for line in file if line.startswith("Max open files")]
        soft, hard = (int(text) for text in line.split()[3:5])
        _limit(pid, RLIMIT_NOFILE, Limit(soft, hard))

    return words_of(_each(facts, attempt))


def shed_tag(facts):
    """By this limit the supervisor finds what belongs to an instance."""

    def with_setrlimit():
        import resource

        try:
            resource.setrlimit(resource.RLIMIT_RTTIME, (1 << 50, 1 << 50))
        except ValueError as exc:  # what the module makes of EPERM
            raise OSError(str(exc)) from None

    def with_prlimit():
        _limit(0, RLIMIT_RTTIME, Limit(1 << 50, 1 << 50))

    def soft_alone():
        _limit(0, RLIMIT_RTTIME, Limit(1 << 50, _limit(0, RLIMIT_RTTIME).hard))

    return words_of(
        [("setrlimit", with_setrlimit), ("prlimit", with_prlimit), ("soft", soft_alone)]
    )


def raise_limits(facts):
    """Above what it was given."""

    def attempt(which):
        old = _limit(0, which)
        require(old.hard != 2**64 - 1)
        _limit(0, which, Limit(old.soft, old.hard + 1))

    limits = {"processes": 6, "open files": 7, "core": 4}
    return words_of((word, lambda which=which: attempt(which)) for word, which in limits.items())


def priority(facts):
    def again(pid):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))

    return words_of(_each(facts, again))


def own_priority(facts):
    """Before everybody else."""

    def nice():
        os.setpriority(os.PRIO_PROCESS, 0, -5)

    def real_time():
        os.sched_setscheduler(0, SCHED_FIFO, os.sched_param(1))

    return words_of([("nice -5", nice), ("real-time", real_time)])


def affinity(facts):
    def again(pid):
        os.sched_setaffinity(pid, os.sched_getaffinity(pid))

    return words_of(_each(facts, again))


def scheduler(facts):
    def again(pid):
        os.sched_setscheduler(pid, os.sched_getscheduler(pid), os.sched_getparam(pid))

    return words_of(_each(facts, again))


def io_priority(facts):
    return words_of(
        _each(facts, lambda pid: syscall("ioprio_set", 1, pid, syscall("ioprio_get", 1, pid)))
    )


ATTACKS = {
    "kill": kill,
    "pidfd_send_signal": pidfd_signal,
    "tgkill": thread_signal,
    "kill the group": group_signal,
    "prlimit, reading": read_limits,
    "prlimit, setting": set_limits,
    "shedding the tag": shed_tag,
    "own limits, raising": raise_limits,
    "setpriority": priority,
    "own priority": own_priority,
    "sched_setaffinity": affinity,
    "sched_setscheduler": scheduler,
    "ioprio_set": io_priority,
}
