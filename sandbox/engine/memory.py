"""The memory watch: what each instance holds, looked at often enough, and at a bounded cost.

Two looks. The cheap one takes microseconds and sees the worker alone, or a group's counter with
the page cache in it. The exact one adds up the whole tree, and the kernel walks the page tables
for it: 0.4 ms for a small process, 12 ms for one of a gigabyte, and all of that the supervisor
does nothing else. So

- every tick (20 ms) each busy instance gets a cheap look. As long as that has not grown by what
  was left below the limit at the last exact look, the worker cannot have reached the limit;
- it gets the exact look when it has grown by that much, and every 100 ms for what the cheap one
  does not see: children, pages that were shared and are its own now. An idle one, whose threads
  may grow too, gets it once a second;
- exact looks take a tenth of the time at most, whoever makes them dear. What finds no room waits
  for the next tick, and the one that was looked at longest ago comes first.

What is charged: anonymous memory, shared memory and swap; of a page that several processes map,
each its share (PSS), so that neither fork nor the zygote charges a page twice. Pages of files are
not charged: the kernel takes them back when it needs them, so in the cloud nobody is killed for
them either, and libraries belong to the whole machine. A mapped file of a tmpfs is shared memory.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from sandbox.engine.loop import Loop, TimerHandle

__all__ = ["MemoryWatch", "Watched", "pss_kb", "rss_kb", "tree_kb"]

BUSY_S, IDLE_S = 0.1, 1.0
"""Between two exact looks at the same instance."""
SHARE = 0.1
"""The part of the time that exact looks may take."""

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_MOST_TABLES_KB = 8 << 10
"""Page tables for 4 GB that are mapped in small pages."""
_MOST_BYTES = 8192
"""More than any of the files that are read here has."""


class Watched(Protocol):
    """An instance, to the watch. Looks give 0 when there is nothing left to look at."""

    @property
    def memory_limit_kb(self) -> int: ...

    def memory_kb(self) -> int:
        """The cheap look. It must not grow less than the worker does."""

    def tree_memory_kb(self) -> int:
        """The exact look, at all processes of the instance."""

    def on_memory(self, kb: int) -> None:
        """What an exact look has found."""

    def on_out_of_memory(self, kb: int) -> None:
        """It was above the limit. Called again until it is not, or the entry is forgotten."""


class _Look:
    """What is known of an entry since its last exact look."""

    __slots__ = ("allowed_kb", "at_s")

    def __init__(self, allowed_kb: int, at_s: float) -> None:
        self.allowed_kb = allowed_kb
        """While the cheap look gives no more than this, the worker is below the limit."""
        self.at_s = at_s


class MemoryWatch:
    """One for all instances of a box."""

    def __init__(
        self, loop: Loop, interval_s: float = 0.02, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._clock = clock
        self._busy: set[Watched] = set()
        self._looks: dict[Watched, _Look] = {}
        self._timer: TimerHandle | None = None
        self._is_fast = False
        self._credit_s = 0.0
        """How long exact looks may still take; they stop when it is used up."""
        self._credited_s = clock()

    def begin(self, entry: Watched) -> None:
        """The instance does something from now on. For every warm request, so it costs little."""
        self._busy.add(entry)
        if entry not in self._looks:
            self._looks[entry] = _Look(entry.memory_limit_kb, self._clock())
        if not self._is_fast:
            self._arm(self._interval_s)

    def end(self, entry: Watched) -> None:
        """The instance is idle from now on. The timer finds out by itself."""
        self._busy.discard(entry)

    def forget(self, entry: Watched) -> None:
        """Nothing is left of the instance."""
        self._busy.discard(entry)
        self._looks.pop(entry, None)

    def close(self) -> None:
        """Forgets everything."""
        self._busy.clear()
        self._looks.clear()
        self._stop()

    def _tick(self) -> None:
        now = self._clock()
        self._credit_s += SHARE * (now - self._credited_s)
        self._credit_s = min(self._credit_s, SHARE * self._interval_s)
        self._credited_s = now
        wanted = self._wanted(now)
        while wanted and self._credit_s > 0:
            self._measure(wanted.pop(), now)
        if self._busy or wanted:
            self._arm(self._interval_s)
        elif self._looks:
            self._arm(IDLE_S)
        else:
            self._stop()

    def _wanted(self, now: float) -> list[Watched]:
        """Whom to look at exactly, the first one last.

        Who has grown comes before who has only waited, but cannot hold the others up for ever.
        """
        grown = {each for each in self._busy if each.memory_kb() > self._looks[each].allowed_kb}
        wanted = [
            (look.at_s - (BUSY_S if entry in grown else 0), entry)
            for entry, look in self._looks.items()
            if entry in grown or now - look.at_s >= (BUSY_S if entry in self._busy else IDLE_S)
        ]
        wanted.sort(key=lambda each: each[0], reverse=True)
        return [entry for _, entry in wanted]

    def _measure(self, entry: Watched, now: float) -> None:
        look = self._looks.get(entry)
        if look is None:
            return  # it was forgotten when another one ran out of memory
        began_s = self._clock()
        # The cheap look first: what it grows until the exact one is counted twice, not missed.
        seen_kb = entry.memory_kb()
        kb = entry.tree_memory_kb()
        self._credit_s -= self._clock() - began_s
        look.at_s = now  # the tick's time, or each look would come a tick late
        look.allowed_kb = seen_kb + max(0, entry.memory_limit_kb - kb)
        entry.on_memory(kb)
        if kb > entry.memory_limit_kb:
            entry.on_out_of_memory(kb)

    def _arm(self, delay_s: float) -> None:
        self._stop()
        self._is_fast = delay_s == self._interval_s
        self._timer = self._loop.call_later(delay_s, self._tick)

    def _stop(self) -> None:
        self._is_fast = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def rss_kb(pid: int) -> int:
    """The resident size of a process, all that it maps in full; 0 when it is gone.

    An upper bound of what it is charged, swap aside, for 10 microseconds.
    """
    try:
        return int(_read(pid, "statm").split()[1]) * _PAGE_KB
    except OSError:
        return 0


def pss_kb(pid: int) -> int:
    """What a process is charged, see above; 0 when it is gone.

    Other users' processes and those that are not dumpable show no smaps_rollup, unless one may
    trace them (proc_pid_smaps(5)). Then their shared pages count in full: the limit holds, but
    what a fork shares with its parent is charged twice. So it is with page tables of a size that
    no honest process has: to walk them would keep the supervisor for as long as they say.
    """
    try:
        status = _fields(_read(pid, "status"))
        if status.get(b"VmPTE", 0) > _MOST_TABLES_KB:
            return _resident(status)
        found = _fields(_read(pid, "smaps_rollup"))
        if b"Pss_Anon" in found:  # since Linux 5.3
            return found[b"Pss_Anon"] + found[b"Pss_Shmem"] + found[b"SwapPss"]
        return found[b"Pss"] + found[b"SwapPss"]
    except (OSError, KeyError):
        return _resident_kb(pid)


def tree_kb(pids: Iterable[int]) -> int:
    """What several processes are charged together."""
    return sum(map(pss_kb, pids))


def _resident_kb(pid: int) -> int:
    try:
        return _resident(_fields(_read(pid, "status")))
    except OSError:
        return 0


def _resident(status: dict[bytes, int]) -> int:
    # proc_pid_status(5); a zombie has none of them.
    return sum(status.get(name, 0) for name in (b"RssAnon", b"RssShmem", b"VmSwap"))


def _fields(text: bytes) -> dict[bytes, int]:
    """The lines `Name:   123 kB`."""
    lines = (line.split() for line in text.splitlines() if line.endswith(b" kB"))
    return {words[0][:-1]: int(words[1]) for words in lines}


def _read(pid: int, name: str) -> bytes:
    fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _MOST_BYTES)
    finally:
        os.close(fd)
