"""The memory watch: when it looks, on a clock of the test's own; what it sees of real processes."""

import heapq
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sandbox.engine.loop import Loop, PollLoop
from sandbox.engine.memory import BUSY_S, IDLE_S, SHARE, MemoryWatch, pss_kb, rss_kb, tree_kb

INTERVAL_S = 1 / 64
"""A tick; exact in binary, so that times add up."""
LIMIT_KB = 1000
MB = 1024
UNPRIVILEGED = 65534
ROOT = Path(__file__).resolve().parents[2]


class Timer:
    """What the loop below gives."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Clock:
    """A loop that has timers only, and their time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.timers: list[tuple[float, int, Timer, Callable[..., object]]] = []

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Timer:
        self.asked += 1
        timer = Timer()
        heapq.heappush(self.timers, (self.now + delay, self.asked, timer, callback))
        return timer

    def pass_time(self, seconds: float) -> None:
        """Lets time pass, and fires what is due."""
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            due_s, _, timer, callback = heapq.heappop(self.timers)
            if not timer.is_cancelled:
                self.now = max(self.now, due_s)
                callback()
        self.now = max(self.now, end)

    @property
    def live_timers(self) -> int:
        return sum(not timer.is_cancelled for _, _, timer, _ in self.timers)


class Entry:
    """An instance that holds what the test says, and notes when it was looked at."""

    memory_limit_kb = LIMIT_KB

    def __init__(self, clock: Clock, kb: int = 100, cost_s: float = 0.0) -> None:
        self.clock = clock
        self.kb = kb
        self.children_kb = 0
        self.shared_kb = 0
        self.cost_s = cost_s
        self.cheap = 0
        self.exact: list[float] = []
        self.told: list[int] = []
        self.over: list[int] = []
        self.on_over: Callable[[], object] = lambda: None

    def memory_kb(self) -> int:
        self.cheap += 1
        return self.kb + self.shared_kb

    def tree_memory_kb(self) -> int:
        self.exact.append(self.clock.now)
        self.clock.now += self.cost_s
        return self.kb + self.children_kb

    def on_memory(self, kb: int) -> None:
        self.told.append(kb)

    def on_out_of_memory(self, kb: int) -> None:
        self.over.append(kb)
        self.on_over()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> MemoryWatch:
    loop: Loop = clock  # type: ignore[assignment]
    return MemoryWatch(loop, INTERVAL_S, clock)


# -- when it looks -------------------------------------------------------------------------------


def test_each_tick_looks_at_the_busy(clock: Clock, watch: MemoryWatch) -> None:
    """Cheaply, and exactly once in BUSY_S."""
    entry = Entry(clock)
    watch.begin(entry)
    clock.pass_time(64 * INTERVAL_S)

    assert entry.cheap >= 64
    gaps = [later - former for former, later in zip(entry.exact, entry.exact[1:], strict=False)]
    assert set(gaps) == {7 * INTERVAL_S}  # the first tick that is BUSY_S later
    assert set(entry.told) == {100}


def test_growth_is_found_at_the_next_tick(clock: Clock, watch: MemoryWatch) -> None:
    """Before the time for the next exact look has come."""
    entry = Entry(clock)
    watch.begin(entry)
    clock.pass_time(INTERVAL_S)
    entry.kb = LIMIT_KB + 1
    clock.pass_time(INTERVAL_S)

    assert entry.told == [LIMIT_KB + 1]
    assert entry.over == [LIMIT_KB + 1]


def test_growth_within_the_limit_costs_no_exact_look(clock: Clock, watch: MemoryWatch) -> None:
    """What the cheap look sees is an upper bound."""
    entry = Entry(clock)
    watch.begin(entry)
    entry.kb = LIMIT_KB
    clock.pass_time(2 * INTERVAL_S)

    assert entry.exact == []


def test_shared_pages_are_looked_through_once(clock: Clock, watch: MemoryWatch) -> None:
    """Above the limit by what it shares: one exact look says so, until it has grown."""
    entry = Entry(clock)
    entry.shared_kb = LIMIT_KB
    watch.begin(entry)
    clock.pass_time(4 * INTERVAL_S)

    assert len(entry.exact) == 1
    assert entry.over == []
    entry.kb = LIMIT_KB
    clock.pass_time(INTERVAL_S)
    assert len(entry.exact) == 1
    entry.kb = LIMIT_KB + 1
    clock.pass_time(INTERVAL_S)
    assert entry.over == [LIMIT_KB + 1]


def test_children_are_found_without_growth_of_the_worker(clock: Clock, watch: MemoryWatch) -> None:
    """Within BUSY_S and a tick."""
    entry = Entry(clock)
    watch.begin(entry)
    clock.pass_time(8 * INTERVAL_S)
    entry.children_kb = LIMIT_KB
    clock.pass_time(BUSY_S + INTERVAL_S)

    assert entry.over == [LIMIT_KB + 100]


def test_idle_instances_are_looked_at_once_a_second(clock: Clock, watch: MemoryWatch) -> None:
    """Exactly: it is the only look that they get."""
    entry = Entry(clock)
    watch.begin(entry)
    watch.end(entry)
    clock.pass_time(10 * IDLE_S + 2 * INTERVAL_S)

    assert len(entry.exact) in (9, 10)
    assert clock.asked <= 12
    entry.children_kb = LIMIT_KB
    clock.pass_time(IDLE_S)
    assert entry.over == [LIMIT_KB + 100]


def test_busy_sibling_does_not_make_the_idle_dear(clock: Clock, watch: MemoryWatch) -> None:
    """The ticks are fast then, and an idle instance still gets its one look a second."""
    busy, idle = Entry(clock), Entry(clock)
    watch.begin(busy)
    watch.begin(idle)
    watch.end(idle)
    clock.pass_time(10 * IDLE_S)

    assert len(busy.exact) > 80
    assert len(idle.exact) in (9, 10)


def test_one_timer(clock: Clock, watch: MemoryWatch) -> None:
    """Fast while something is busy, slow while there is something, and none without instances."""
    first, second = Entry(clock), Entry(clock)
    for entry in (first, second):
        watch.begin(entry)
    assert clock.live_timers == 1
    watch.end(first)
    watch.end(second)
    clock.pass_time(INTERVAL_S)
    asked = clock.asked
    clock.pass_time(IDLE_S / 2)
    assert (clock.asked, clock.live_timers) == (asked, 1)
    watch.begin(first)
    assert clock.live_timers == 1
    clock.pass_time(INTERVAL_S)
    assert first.cheap > 0
    watch.forget(first)
    watch.forget(second)
    clock.pass_time(2 * IDLE_S)
    assert clock.live_timers == 0


def test_warm_requests_cost_no_timer(clock: Clock, watch: MemoryWatch) -> None:
    """Any number of them within a tick."""
    entry = Entry(clock)
    for _ in range(1000):
        watch.begin(entry)
        watch.end(entry)

    assert clock.asked == 1


def test_exact_looks_take_their_share_at_most(clock: Clock, watch: MemoryWatch) -> None:
    """Large instances that always look as if they had grown cannot take the supervisor's time."""
    cost_s = 3 * INTERVAL_S
    entries = [Entry(clock, cost_s=cost_s) for _ in range(8)]
    for entry in entries:
        entry.memory_kb = lambda: int(clock.now * 1e9)  # type: ignore[method-assign]
        watch.begin(entry)
    began_s = clock.now
    clock.pass_time(60.0)

    looks = sum(len(entry.exact) for entry in entries)
    assert looks * cost_s <= SHARE * (clock.now - began_s) + cost_s
    assert looks > 50
    assert max(len(e.exact) for e in entries) - min(len(e.exact) for e in entries) <= 1


def test_attacker_does_not_hide_a_sibling(clock: Clock, watch: MemoryWatch) -> None:
    """One that always seems to grow comes first, but not for ever."""
    attacker, sibling = Entry(clock, cost_s=INTERVAL_S), Entry(clock)
    attacker.memory_kb = lambda: int(clock.now * 1e9)  # type: ignore[method-assign]
    watch.begin(attacker)
    watch.begin(sibling)
    sibling.children_kb = LIMIT_KB
    clock.pass_time(1.0)

    assert sibling.over


def test_out_of_memory_is_repeated(clock: Clock, watch: MemoryWatch) -> None:
    """A fork may have raced the kill; what is forgotten is let alone."""
    entry = Entry(clock, kb=LIMIT_KB + 1)
    watch.begin(entry)
    clock.pass_time(1.0)
    assert len(entry.over) > 5
    watch.forget(entry)
    before = len(entry.over)
    clock.pass_time(5.0)

    assert len(entry.over) == before


def test_callback_may_change_what_is_watched(clock: Clock, watch: MemoryWatch) -> None:
    """The death of one frees the place for another, and may be the end of a third."""
    dying, third = Entry(clock, kb=LIMIT_KB + 1), Entry(clock, kb=LIMIT_KB + 1)
    another = Entry(clock)

    def on_over() -> None:
        watch.forget(dying)
        watch.forget(third)
        watch.begin(another)

    dying.on_over = third.on_over = on_over
    watch.begin(dying)
    watch.begin(third)
    clock.pass_time(1.0)

    assert len(dying.over) + len(third.over) == 1
    assert another.exact
    assert clock.live_timers == 1


def test_close(clock: Clock, watch: MemoryWatch) -> None:
    """No look afterwards, and no timer."""
    entry = Entry(clock)
    watch.begin(entry)
    watch.close()
    clock.pass_time(5.0)

    assert (entry.cheap, entry.exact, clock.live_timers) == (0, [], 0)


# -- what it sees --------------------------------------------------------------------------------

HOLD = """
import mmap, os, sys
def say(*words):
    print(*words, flush=True)
def wait():
    if not sys.stdin.readline():
        os._exit(0)
def fill(mb):
    held = mmap.mmap(-1, mb << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, mb << 20, 4096):
        held[at] = 1
    return held
"""


@contextmanager
def process(code: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python program that says when it is ready, and ends with its stdin."""
    argv = [sys.executable, "-I", "-S", "-c", HOLD + code, *arguments]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdin is not None
        yield child
        child.stdin.close()


def line_of(child: "subprocess.Popen[str]") -> list[str]:
    """The next line that it says."""
    assert child.stdout is not None
    return child.stdout.readline().split()


def tell(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


FAMILY = """
held = fill(100)
child = os.fork()
if child == 0:
    sys.stdin.close()
    import signal
    signal.pause()
say(child)
wait()
os.kill(child, 9)
os.waitpid(child, 0)
say("alone")
wait()
"""


def test_what_a_fork_shares_is_charged_once() -> None:
    """Each has its share of 100 MB; who stays behind has all of it."""
    with process(FAMILY) as parent:
        child = int(line_of(parent)[0])
        pids = (parent.pid, child)

        assert 100 * MB <= tree_kb(pids) < 120 * MB
        assert all(45 * MB < pss_kb(pid) < 75 * MB for pid in pids)
        assert sum(map(rss_kb, pids)) > 200 * MB
        tell(parent)
        assert line_of(parent) == ["alone"]
        assert 100 * MB <= tree_kb(pids) < 120 * MB
        assert (rss_kb(child), pss_kb(child)) == (0, 0)


def large_program() -> str:
    """The largest program or library that this process has mapped: a file on a disk."""
    maps = Path("/proc/self/maps").read_text()
    paths = {line.split()[5] for line in maps.splitlines() if " r-xp " in line and " /" in line}
    return max((path for path in paths if os.path.isfile(path)), key=os.path.getsize)


def test_pages_of_files_are_not_charged_and_shared_memory_is() -> None:
    """The kernel takes the first back when it needs them, and has no place to put the second."""
    path = large_program()
    size_kb = os.path.getsize(path) >> 10
    code = """
say("ready")
wait()
file = open(sys.argv[1], "rb")
read = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
sum(read[at] for at in range(0, len(read), 4096))
say("read")
wait()
shared = mmap.mmap(-1, 64 << 20)
for at in range(0, 64 << 20, 4096):
    shared[at] = 1
say("written")
wait()
"""
    with process(code, path) as child:
        line_of(child)
        seen, charged = rss_kb(child.pid), pss_kb(child.pid)
        tell(child)
        line_of(child)

        assert rss_kb(child.pid) - seen > 0.9 * size_kb > 2 * MB
        assert pss_kb(child.pid) - charged < 1 * MB
        tell(child)
        line_of(child)
        assert 64 * MB <= pss_kb(child.pid) - charged < 66 * MB


def test_nothing_is_left_of_a_zombie() -> None:
    """It has a /proc entry, and no memory."""
    with process("os._exit(0)") as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert (rss_kb(child.pid), pss_kb(child.pid)) == (0, 0)


def test_who_may_not_look_charges_in_full() -> None:
    """A process that is not dumpable is seen by its unprivileged owner, if less exactly."""
    code = f"""
import ctypes, signal
sys.path.insert(0, sys.argv[1])
from sandbox.engine import memory
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({UNPRIVILEGED})
    os.setuid({UNPRIVILEGED})
libc = ctypes.CDLL(None)
read, write = os.pipe()
child = os.fork()
if child == 0:
    held = fill(50)
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    os.write(write, b"x")
    signal.pause()
os.read(read, 1)
try:
    open("/proc/%d/smaps_rollup" % child)
    is_refused = False
except PermissionError:
    is_refused = True
say(is_refused, memory.pss_kb(child), memory.rss_kb(child))
os.kill(child, 9)
os.waitpid(child, 0)
"""
    with process(code, str(ROOT)) as child:
        is_refused, exact, cheap = line_of(child)

    assert is_refused == "True"
    assert 50 * MB <= int(exact) <= int(cheap) < 100 * MB


# -- both ----------------------------------------------------------------------------------------


class RealEntry:
    """A real process and its child, with a limit of 80 MB."""

    memory_limit_kb = 80 * MB

    def __init__(self, pid: int, pids: set[int]) -> None:
        self.pid, self.pids = pid, pids
        self.told: list[int] = []
        self.over: list[int] = []

    def memory_kb(self) -> int:
        return rss_kb(self.pid)

    def tree_memory_kb(self) -> int:
        return tree_kb(self.pids)

    def on_memory(self, kb: int) -> None:
        self.told.append(kb)

    def on_out_of_memory(self, kb: int) -> None:
        self.over.append(kb)


GROW = """
if sys.argv[1] == "child" and (child := os.fork()):
    say(child)
    os.waitpid(child, 0)
    os._exit(0)
if sys.argv[1] == "worker":
    say(os.getpid())
wait()
held = [fill(10) for _ in range(5)]
say("below")
wait()
held += [fill(10) for _ in range(6)]
wait()
"""


@pytest.mark.parametrize("who", ["worker", "child"])
def test_real_growth_is_found(who: str) -> None:
    """110 MB, in the worker or in a child of it, are over 80; 50 are not."""
    with ExitStack() as stack:
        child = stack.enter_context(process(GROW, who))
        loop = PollLoop()
        stack.callback(loop.close)
        watch = MemoryWatch(loop)
        stack.callback(watch.close)
        entry = RealEntry(child.pid, {child.pid, int(line_of(child)[0])})
        watch.begin(entry)
        tell(child)
        assert line_of(child) == ["below"]
        entry.told.clear()
        loop.run_until(lambda: len(entry.told) > 1)
        assert entry.over == []
        assert all(kb > 50 * MB for kb in entry.told)
        tell(child)
        loop.run_until(lambda: bool(entry.over))
        assert entry.memory_limit_kb < entry.over[0] < 150 * MB
