"""One timer for all deadlines, armed so that a warm call costs none.

A deadline that only moves later needs no work when it moves: the entry fires at the old time,
finds that there is more time, and is put back. A request with a timeout of 3 s so costs one
entry in 3 s, however many requests there were.
"""

import heapq
import time
from typing import Protocol

from sandbox.engine.loop import Loop, TimerHandle

__all__ = ["Deadlines", "HasDeadline"]


class HasDeadline(Protocol):
    """`deadline_s`: absolute, monotonic, None when there is none. `watched_s` is ours."""

    watched_s: float | None

    @property
    def deadline_s(self) -> float | None: ...

    def on_deadline(self, now: float) -> None:
        """The deadline has passed. It must be a later one, or None, afterwards."""


class Deadlines:
    """Calls `on_deadline` of what it watches, in order of their deadlines."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, HasDeadline]] = []
        self._serial = 0
        self._timer: TimerHandle | None = None
        self._armed_s = 0.0

    def watch(self, item: HasDeadline) -> None:
        """To be called whenever the item's deadline may have become earlier."""
        deadline_s = item.deadline_s
        if deadline_s is None or (item.watched_s is not None and item.watched_s <= deadline_s):
            return
        item.watched_s = deadline_s
        self._serial += 1
        heapq.heappush(self._heap, (deadline_s, self._serial, item))
        self._arm()

    def forget(self, item: HasDeadline) -> None:
        """Lets go of an item: its entry would hold it until its time, which may be a day off."""
        if item.watched_s is not None:
            item.watched_s = None
            self._heap = [entry for entry in self._heap if entry[2] is not item]
            heapq.heapify(self._heap)
            self._arm()

    def close(self) -> None:
        """Forgets everything."""
        self._heap.clear()
        self._arm()

    def _arm(self) -> None:
        due_s = self._heap[0][0] if self._heap else None
        if self._timer is not None:
            if due_s == self._armed_s:
                return
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            self._armed_s = due_s
            self._timer = self._loop.call_later(max(0.0, due_s - time.monotonic()), self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due_s, _, item = heapq.heappop(self._heap)
            if item.watched_s != due_s:
                continue  # an earlier entry took its place
            item.watched_s = None
            deadline_s = item.deadline_s
            if deadline_s is not None and deadline_s <= now:
                item.on_deadline(now)
            self.watch(item)
        self._arm()
