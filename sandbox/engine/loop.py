"""What the engine needs of an event loop, and the smallest one that gives it.

The engine asks for the handful of methods in `Loop`, which asyncio's and uvloop's loops have.
Under the async API and beside HTTP it runs in the caller's loop. The command line and the
synchronous API use `PollLoop`, because importing asyncio takes longer than the whole life of a
short function.
"""

import heapq
import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

__all__ = ["Loop", "PollLoop", "TimerHandle"]

_READ, _WRITE = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR, select.EPOLLOUT


class TimerHandle(Protocol):
    """What `call_later` gives."""

    def cancel(self) -> None:
        """The callback will not be called."""


class Loop(Protocol):
    """The part of asyncio.AbstractEventLoop that the engine uses."""

    def add_reader(self, fd: int, callback: Callable[..., object], /, *args: object) -> object: ...
    def remove_reader(self, fd: int, /) -> object: ...
    def add_writer(self, fd: int, callback: Callable[..., object], /, *args: object) -> object: ...
    def remove_writer(self, fd: int, /) -> object: ...
    def call_soon(self, callback: Callable[..., object], /, *args: object) -> object: ...
    def call_soon_threadsafe(self, callback: Callable[..., object], /, *args: object) -> object: ...
    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: object
    ) -> TimerHandle: ...


class _Timer:
    __slots__ = ("args", "callback", "due_s", "order")

    def __init__(
        self, due_s: float, order: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self.due_s = due_s
        self.order = order
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def __lt__(self, other: "_Timer") -> bool:
        return (self.due_s, self.order) < (other.due_s, other.order)

    def cancel(self) -> None:
        self.callback = None


class PollLoop:
    """A `Loop` on epoll. One thread runs it; only `call_soon_threadsafe` may be called by others.

    An exception from a callback leaves `run_until`: in this loop it is always a bug of ours.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, tuple[Callable[..., object], tuple[object, ...]]] = {}
        self._writers: dict[int, tuple[Callable[..., object], tuple[object, ...]]] = {}
        self._soon: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._timers: list[_Timer] = []
        self._serial = 0
        self._wake_read, self.wake_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.add_reader(self._wake_read, self._drain_wake)

    def add_reader(self, fd: int, callback: Callable[..., object], *args: object) -> None:
        self._readers[fd] = (callback, args)
        self._register(fd)

    def remove_reader(self, fd: int) -> None:
        if self._readers.pop(fd, None):
            self._register(fd)

    def add_writer(self, fd: int, callback: Callable[..., object], *args: object) -> None:
        self._writers[fd] = (callback, args)
        self._register(fd)

    def remove_writer(self, fd: int) -> None:
        if self._writers.pop(fd, None):
            self._register(fd)

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self._soon.append((callback, args))

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> None:
        self._soon.append((callback, args))
        self.wake()

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> _Timer:
        self._serial += 1
        timer = _Timer(time.monotonic() + delay, self._serial, callback, args)
        heapq.heappush(self._timers, timer)
        return timer

    def wake(self) -> None:
        """Ends the present wait; safe from other threads and from signal handlers."""
        try:
            os.write(self.wake_fd, b"\0")
        except BlockingIOError:
            pass  # full: it will wake anyway

    def run_until(self, is_done: Callable[[], bool]) -> None:
        """Runs until `is_done` says so; it is asked after each turn."""
        while not is_done():
            self._turn()

    def close(self) -> None:
        """Gives the loop's own descriptors back."""
        self._epoll.close()
        os.close(self._wake_read)
        os.close(self.wake_fd)

    def _turn(self) -> None:
        for fd, mask in self._epoll.poll(self._wait_s()):
            if mask & ~_WRITE and (reader := self._readers.get(fd)):
                reader[0](*reader[1])
            if mask & ~_READ and (writer := self._writers.get(fd)):
                writer[0](*writer[1])
        now = time.monotonic()
        while self._timers and self._timers[0].due_s <= now:
            timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback(*timer.args)
        for _ in range(len(self._soon)):
            callback, args = self._soon.popleft()
            callback(*args)

    def _wait_s(self) -> float | None:
        if self._soon:
            return 0
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0].due_s - time.monotonic())

    def _register(self, fd: int) -> None:
        mask = (_READ if fd in self._readers else 0) | (_WRITE if fd in self._writers else 0)
        try:
            if mask:
                self._epoll.modify(fd, mask)
            else:
                self._epoll.unregister(fd)
        except FileNotFoundError:
            if mask:
                self._epoll.register(fd, mask)

    def _drain_wake(self) -> None:
        os.read(self._wake_read, 4096)
