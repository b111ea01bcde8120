"""One timer for all deadlines. The loop is a real one; what is counted is how often it is asked."""

import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from sandbox.engine.deadlines import Deadlines
from sandbox.engine.loop import PollLoop, TimerHandle


class CountingLoop(PollLoop):
    """Notes each timer that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0

    def call_later(self, delay: float, callback, *args):  # type: ignore[no-untyped-def]
        self.timers += 1
        handle: TimerHandle = super().call_later(delay, callback, *args)
        return handle


class Item:
    """Something with a deadline; notes when it passed."""

    def __init__(self, deadline_s: float | None) -> None:
        self.watched_s: float | None = None
        self.deadline_s = deadline_s
        self.fired: list[float] = []

    def on_deadline(self, now: float) -> None:
        self.fired.append(now)
        self.deadline_s = None


@pytest.fixture
def loop() -> Iterator[CountingLoop]:
    loop = CountingLoop()
    yield loop
    loop.close()


def test_fires_after_its_deadline_and_once(loop: CountingLoop) -> None:
    """Not before, and not again."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic() + 0.01)
    due_s = item.deadline_s
    deadlines.watch(item)
    loop.run_until(lambda: bool(item.fired))

    assert len(item.fired) == 1
    assert due_s is not None
    assert item.fired[0] >= due_s


def test_order(loop: CountingLoop) -> None:
    """By deadline, whatever the order in which they were watched."""
    deadlines, fired = Deadlines(loop), []
    now = time.monotonic()
    items = [Item(now + delay_s) for delay_s in (0.012, 0.004, 0.008)]
    for item in items:
        item.on_deadline = lambda now, item=item: (  # type: ignore[method-assign, misc]
            fired.append(item), setattr(item, "deadline_s", None)
        )  # fmt: skip
        deadlines.watch(item)
    loop.run_until(lambda: len(fired) == 3)

    assert fired == [items[1], items[2], items[0]]


def test_later_deadlines_cost_no_timer(loop: CountingLoop) -> None:
    """A thousand requests that each move it later: one entry, one timer."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic() + 100)
    for _ in range(1000):
        item.deadline_s = time.monotonic() + 100
        deadlines.watch(item)

    assert loop.timers == 1
    assert len(deadlines._heap) == 1
    deadlines.close()


def test_moved_deadline_fires_at_the_later_time_only(loop: CountingLoop) -> None:
    """The entry at the old time finds that there is more time."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic() + 0.002)
    deadlines.watch(item)
    later = time.monotonic() + 0.03
    item.deadline_s = later
    deadlines.watch(item)
    loop.run_until(lambda: bool(item.fired))

    assert item.fired[0] >= later


def test_earlier_deadline_takes_over(loop: CountingLoop) -> None:
    """An idle timeout of minutes does not delay a request's timeout."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic() + 100)
    deadlines.watch(item)
    item.deadline_s = time.monotonic() + 0.005
    deadlines.watch(item)
    begun = time.monotonic()
    loop.run_until(lambda: bool(item.fired))

    assert time.monotonic() - begun < 5
    assert len(item.fired) == 1
    deadlines.close()


def test_none_is_no_deadline(loop: CountingLoop) -> None:
    """Neither at first, nor when it is taken away before it has passed."""
    deadlines = Deadlines(loop)
    deadlines.watch(Item(None))

    assert loop.timers == 0
    taken_away = Item(time.monotonic() + 0.002)
    deadlines.watch(taken_away)
    taken_away.deadline_s = None
    other = Item(time.monotonic() + 0.006)
    deadlines.watch(other)
    loop.run_until(lambda: bool(other.fired))

    assert taken_away.fired == []


def test_item_that_sets_a_new_deadline_is_watched_on(loop: CountingLoop) -> None:
    """Without being asked to: SIGKILL is repeated this way."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic())

    def on_deadline(now: float) -> None:
        item.fired.append(now)
        item.deadline_s = now + 0.001 if len(item.fired) < 3 else None

    item.on_deadline = on_deadline  # type: ignore[method-assign]
    deadlines.watch(item)
    loop.run_until(lambda: len(item.fired) == 3)


def test_forgotten_items_are_not_kept(loop: CountingLoop) -> None:
    """A dead instance with a day's timeout is not held in memory for a day."""
    deadlines = Deadlines(loop)
    item, other = Item(time.monotonic() + 86400), Item(time.monotonic() + 0.002)
    deadlines.watch(item)
    deadlines.watch(other)
    kept = weakref.ref(item)
    deadlines.forget(item)
    del item
    gc.collect()

    assert kept() is None
    loop.run_until(lambda: bool(other.fired))


def test_close_forgets_everything(loop: CountingLoop) -> None:
    """No deadline passes afterwards."""
    deadlines = Deadlines(loop)
    item = Item(time.monotonic())
    deadlines.watch(item)
    deadlines.close()
    done: list[str] = []
    loop.call_later(0.005, done.append, "end")
    loop.run_until(lambda: bool(done))

    assert item.fired == []
