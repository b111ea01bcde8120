"""Long work in the background: one piece at a time, at the lowest priority, that nobody waits for
when the box ends.

A thread of the loop's own executor would be waited for at the end. These are daemons, and what
they were at is thrown away with the box.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

__all__ = ["Slowly"]

T = TypeVar("T")
_NICE = 19


class Slowly(Generic[T]):
    """Pieces of work by their names: who asks for one that is under way gets the same."""

    def __init__(self) -> None:
        self._pieces: dict[str, asyncio.Task[T]] = {}
        self._turn = asyncio.Lock()

    def begin(self, name: str, work: Callable[[], T]) -> "asyncio.Task[T]":
        """Whoever waits for it must not cancel it: others may wait for the same one."""
        if name not in self._pieces:
            piece = self._pieces[name] = asyncio.ensure_future(self._run(work))
            piece.add_done_callback(lambda _: self._end(name))
        return self._pieces[name]

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await _in_thread(work)

    def _end(self, name: str) -> None:
        piece = self._pieces.pop(name)
        if not piece.cancelled():
            piece.exception()  # it may be that nobody waits for it: then it is no news


def _in_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        # A thread has a priority of its own (sched(7), "the nice value").
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            end, value = future.set_result, work()
        except Exception as exc:
            end, value = future.set_exception, exc  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop is closed: the box has ended
            loop.call_soon_threadsafe(lambda: future.cancelled() or end(value))

    threading.Thread(target=run, name="fcbox-package", daemon=True).start()
    return future
