"""The one module that starts, signals and waits for processes.

Death is learned from a pidfd and wait4, nowhere else: an EOF is not a death (a grandchild may
hold the pipe), a death is not an EOF. A pid is signalled through its pidfd only, so never after
it was reaped and given to somebody else.

The tree. Every process of an instance carries the instance's tag in RLIMIT_RTTIME (see
`worker.clone`). `Sweep` looks through /proc for tags, kills what carries one of a dead
instance's, and looks again until a look finds nothing: one look costs a microsecond a process,
needs no privilege, and finds daemons that left session, group and parent behind.
"""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Mapping

    from sandbox.engine.loop import Loop
else:
    import _signal as signal  # `signal` imports enum, and that half the library

__all__ = [
    "TAG_SERIAL_BITS",
    "Child",
    "box_name",
    "end",
    "find",
    "is_init",
    "kill_if",
    "new_box_tag",
    "signal_tree",
    "start",
    "sweep",
    "sweep_box",
    "tree",
    "wait",
]

TAG_SERIAL_BITS = 24
"""The low bits of a tag count the instances of one box; the 38 bits above name the box."""
_TAG_BASE = 1 << 62
_PF_EXITING = 0x4  # include/linux/sched.h: set before a dying process closes its files
_BOX_BITS = 38
_FLAGS, _THREADS = 6, 17  # in /proc/PID/stat, from the state on


def new_box_tag() -> int:
    """A tag for a new box: high enough never to limit a real-time process, low bits zero."""
    box = int.from_bytes(os.urandom(5), "big") & ((1 << _BOX_BITS) - 1)
    return _TAG_BASE | box << TAG_SERIAL_BITS


def box_name(tag: int) -> str:
    """The part of a tag that names the box, as text."""
    return f"{tag >> TAG_SERIAL_BITS:x}"


class Child:
    """A process that is ours to reap. `on_exit(child)` is called once, after it was reaped.

    `status` is as `os.waitstatus_to_exitcode` gives it; None when somebody else in this program
    reaped the child, and the status with it. `max_rss_kb` is its own largest resident size.
    """

    __slots__ = ("_loop", "_on_exit", "_pidfd", "max_rss_kb", "pid", "status")

    def __init__(self, loop: Loop, pid: int, on_exit: Callable[[Child], None]) -> None:
        self.pid = pid
        self.status: int | None = None
        self.max_rss_kb = 0
        self._loop = loop
        self._on_exit = on_exit
        self._pidfd = os.pidfd_open(pid)
        loop.add_reader(self._pidfd, self._reap)

    @property
    def is_alive(self) -> bool:
        """Not reaped yet."""
        return self._pidfd >= 0

    @property
    def is_exiting(self) -> bool:
        """It is on its way out, or dead, and not reaped yet; it comes back no more."""
        if self._pidfd < 0:
            return False
        fields = _stat_of(self.pid)
        return not fields or bool(int(fields[_FLAGS]) & _PF_EXITING)

    def signal(self, signum: int) -> None:
        """Sends a signal; nothing when it is gone."""
        if self._pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._pidfd, signum)
            except ProcessLookupError:
                pass

    def _reap(self) -> None:
        try:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        except ChildProcessError:
            pid, usage = self.pid, None
        else:
            if pid == 0:
                return
            self.status = os.waitstatus_to_exitcode(status)
        self.max_rss_kb = usage.ru_maxrss if usage else 0
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._on_exit(self)


def start(argv: list[str], environment: Mapping[str, str], inherited: Mapping[int, int]) -> int:
    """Execs a program: `inherited` maps its descriptors to ours, the rest of ours are CLOEXEC.

    posix_spawn, so the size of this process costs nothing. Raises OSError.
    """
    actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in inherited.items()]
    defaults = [signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return os.posix_spawn(
        argv[0], argv, environment, file_actions=actions, setsigmask=[], setsigdef=defaults
    )


def wait(pid: int) -> None:
    """Waits for a child that nobody watches yet."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # somebody else in this program reaped it


def sweep(tags: Iterable[int]) -> set[int]:
    """SIGKILLs every process that carries one of `tags`; gives the tags that were found alive."""
    wanted = set(tags)
    return {tag for pid, tag in _tagged() if tag in wanted and _send(pid, tag, signal.SIGKILL)}


def sweep_box(box_tag: int) -> int:
    """SIGKILLs every process of a box; gives how many were found alive."""
    box = box_tag >> TAG_SERIAL_BITS
    of_box = [(pid, tag) for pid, tag in _tagged() if tag >> TAG_SERIAL_BITS == box]
    # The init of a pid namespace cannot end before somebody has reaped the worker beside it, and
    # that is pid 1 now, which may take its time. No code of a process on its way out runs again.
    of_box = [(pid, tag) for pid, tag in of_box if not _is_over(pid)]
    return sum(_send(pid, tag, signal.SIGKILL) for pid, tag in of_box)


def kill_if(pid: int, is_meant: Callable[[int], bool]) -> None:
    """SIGKILLs a process, unless its number has gone to one that is not meant."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if is_meant(pid):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        pass  # gone, or another user's
    finally:
        os.close(pidfd)


def find(tag: int) -> list[int]:
    """The pids of the processes that carry `tag`, dead or alive, the lowest first.

    A clone that has just been born has its tag in the soft limit only.
    """
    return sorted(pid for pid in _pids() if tag in _limits_of(pid))


def is_init(pid: int) -> bool:
    """Whether it is the first process of a pid namespace below ours (proc_pid_status(5))."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            numbers = next((line.split()[1:] for line in status if line.startswith(b"NSpid:")), [])
    except OSError:
        return False
    return len(numbers) > 1 and numbers[-1] == b"1"


def tree(tag: int) -> list[int]:
    """The pids of the processes of an instance, as far as they have come to live in it."""
    return [pid for pid, found in _tagged() if found == tag]


def signal_tree(tag: int, signum: int, pids: Iterable[int] | None = None) -> list[int]:
    """Sends a signal to every live process that carries `tag`, of `pids` if given; gives whom."""
    return [pid for pid in (tree(tag) if pids is None else pids) if _send(pid, tag, signum)]


def end(pid: int) -> None:
    """Ends a child that cannot be watched."""
    os.kill(pid, signal.SIGKILL)
    wait(pid)


def _tagged() -> Iterable[tuple[int, int]]:
    for pid in _pids():
        if (tag := _tag_of(pid)) >= _TAG_BASE:
            yield pid, tag


def _pids() -> Iterable[int]:
    """Every process. Who looks at all of them and finds none of a kind has proved it.

    A process can escape one look by changing its pid: it forks, and ends before the look has
    come to it. Its child then has a pid that was given out meanwhile, so those are looked at
    next, until no new one was given out.
    """
    newest = _newest_pid()
    pids: Iterable[int] = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    while pids:
        yield from pids
        looked_at, newest = newest, _newest_pid()
        if newest >= looked_at:
            pids = range(looked_at + 1, newest + 1)
        else:  # the numbers have begun anew
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _newest_pid() -> int:
    with open("/proc/loadavg", "rb") as loadavg:  # proc(5): the last field
        return int(loadavg.read().split()[-1])


def _tag_of(pid: int) -> int:
    return _limits_of(pid)[1]


def _limits_of(pid: int) -> tuple[int, int]:
    """RLIMIT_RTTIME, soft and hard; -1 for none, and for both of a process that is gone."""
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)
    except PermissionError:
        return _limits_in_text(pid)  # it has a uid of its own, and we lack CAP_SYS_RESOURCE
    except OSError:
        return -1, -1


def _limits_in_text(pid: int) -> tuple[int, int]:
    """The same from /proc, which anybody may read, ten times slower (proc_pid_limits(5))."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as limits:
            text = limits.read().partition(b"Max realtime timeout")[2]
        soft, hard = (-1 if word == b"unlimited" else int(word) for word in text.split()[:2])
    except (OSError, ValueError):
        return -1, -1
    return soft, hard


def _send(pid: int, tag: int, signum: int) -> bool:
    # The pidfd first, then the tag again: the number may have gone to another process meanwhile.
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if _tag_of(pid) != tag or _is_zombie(pid):
            return False
        signal.pidfd_send_signal(pidfd, signum)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def _is_zombie(pid: int) -> bool:
    # A zombie keeps its limits until its parent reaps it; it is dead all the same. A process whose
    # first thread has ended alone looks like one, but has other threads.
    fields = _stat_of(pid)
    return not fields or (fields[0] in b"ZX" and int(fields[_THREADS]) <= 1)


def _is_over(pid: int) -> bool:
    """Gone, or on its way out with its last thread."""
    fields = _stat_of(pid)
    if not fields:
        return True
    return bool(int(fields[_FLAGS]) & _PF_EXITING) and int(fields[_THREADS]) <= 1


def _stat_of(pid: int) -> list[bytes]:
    """The fields after the name (proc_pid_stat(5)); none of a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b") ")[2].split()
    except OSError:
        return []
