"""The thread that writes the store: many changes with one fsync(2).

    submit(change, then)  ->  on the loop, when it is on the disk: then(result, None)
                              when it is not: then(None, exception)

A commit waits for the disk, for milliseconds or, on a busy one, for much longer. The loop must
not. Changes that come while one commit is under way share the next one; when that fails, each is
tried alone, so that a change which the disk has no room for takes no other with it.
"""

import errno
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.asynchronous.places import Place
from sandbox.asynchronous.store import Store
from sandbox.engine.loop import Loop

__all__ = ["Change", "Then", "Writer"]

Change = Callable[[Store], Any]
Then = Callable[[Any, Exception | None], None]
Result = tuple[Then, Any, Exception | None]

MOST_TOGETHER = 256
_END = None


class Writer:
    """`submit` may be called on the loop's thread only; after `close` it gives an error at once."""

    def __init__(self, loop: Loop, open_place: Callable[[], Place]) -> None:
        self._loop = loop
        self._open_place = open_place
        self._changes: queue.SimpleQueue[tuple[Change, Then] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="fcbox-async", daemon=True)

    def start(self) -> None:
        """The file is opened in the thread too: what is submitted meanwhile waits."""
        self._thread.start()

    def submit(self, change: Change, then: Then) -> None:
        """`change` is called in the thread, inside a transaction."""
        if self._is_closed:  # nobody would ever answer
            self._loop.call_soon(partial(then, None, OSError(errno.ESHUTDOWN, "it is closed")))
        else:
            self._changes.put((change, then))

    def close(self) -> None:
        """Waits until all that was submitted is on the disk, and gives the file back."""
        self._is_closed = True
        self._changes.put(_END)
        self._thread.join()

    def _run(self) -> None:
        try:
            place = self._open_place()
        except Exception as exc:  # told to each who submits something
            while batch := self._next_batch():
                self._tell([(then, None, exc) for _, then in batch])
            return
        try:
            while batch := self._next_batch():
                self._tell(_applied(place.store, batch))
        finally:
            place.close()

    def _next_batch(self) -> list[tuple[Change, Then]]:
        """What waits, at least one; empty at the end."""
        batch = []
        item = self._changes.get()
        while item is not _END:
            batch.append(item)
            if len(batch) == MOST_TOGETHER or self._changes.empty():
                return batch
            item = self._changes.get()
        if batch:
            self._changes.put(_END)  # nothing comes after it
        return batch

    def _tell(self, results: list[Result]) -> None:
        def tell() -> None:
            for then, result, exc in results:  # one that fails keeps nothing from the others
                self._loop.call_soon(partial(then, result, exc))

        self._loop.call_soon_threadsafe(tell)


def _applied(store: Store, batch: list[tuple[Change, Then]]) -> list[Result]:
    try:
        with store.transaction():
            return [(then, *_applied_one(store, change)) for change, then in batch]
    except Exception as exc:  # nothing of it is on the disk
        if len(batch) == 1:
            return [(batch[0][1], None, exc)]
    # Who only reads, or writes less, can do so on a full disk too: each is tried alone.
    return [result for each in batch for result in _applied(store, [each])]


def _applied_one(store: Store, change: Change) -> tuple[Any, Exception | None]:
    try:
        with store.part():
            return change(store), None
    except Exception as exc:
        if not store.is_in_transaction:
            raise  # what came before it in this batch is not on the disk either
        return None, exc
