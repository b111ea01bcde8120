"""What happened and is not on the disk yet: it is written again until it is.

    write(record, ...)  ->  on the disk      told(None), and `written` goes on with the record
                        ->  a full disk      told(exception), said once, again in some seconds

A stop that is forgotten would have a function run that somebody was told does not. So no change is
given up while the box lives; one that could not be written when it ends is told.
"""

from collections.abc import Callable
from functools import partial

from sandbox.asynchronous.records import TaskRecord
from sandbox.asynchronous.store import Store
from sandbox.asynchronous.writer import Writer
from sandbox.engine.loop import Loop

__all__ = ["WRITE_AGAIN_S", "Ledger", "Told"]

Told = Callable[[Exception | None], None]
"""Called with None when it is on the disk, and with why it is not the first time that it fails."""
Written = Callable[[TaskRecord, TaskRecord | None], None]

WRITE_AGAIN_S = 5.0
"""After the file could not be written."""


class _Change:
    """One record on its way to the disk, with the invocation that it brings about."""

    def __init__(self, record: TaskRecord, follower: TaskRecord | None) -> None:
        self.record = record
        self.follower = follower
        self.told: list[Told] = []
        self.is_refused = False

    def tell(self, exc: Exception | None) -> None:
        told, self.told = self.told, []
        for each in told:
            each(exc)


class Ledger:
    """The newest state of each invocation that the file does not have yet."""

    def __init__(
        self,
        loop: Loop,
        writer: Writer,
        say: Callable[[str], None],
        written: Written,
        write_again_s: float = WRITE_AGAIN_S,
    ) -> None:
        self.write_again_s = write_again_s
        self._loop = loop
        self._writer = writer
        self._say = say
        self._written = written
        self._changes: dict[str, _Change] = {}
        self._has_failed = self._is_closed = False
        self._lost = 0

    def write(
        self, record: TaskRecord, follower: TaskRecord | None = None, told: Told | None = None
    ) -> None:
        """Instead of what was to be written of that invocation before."""
        change = self._changes[record.request_id] = _Change(record, follower)
        if told:
            change.told.append(told)
        self._submit(change)

    def unwritten(self, request_id: str) -> TaskRecord | None:
        """Its newest state, if that is not on the disk."""
        change = self._changes.get(request_id)
        return change.record if change else None

    def hurry(self, request_id: str, told: Told) -> None:
        """Tries at once again to write what is unwritten."""
        change = self._changes[request_id]
        change.told.append(told)
        self._again(change)

    def failed(self, exc: Exception) -> None:
        """Says it, once until it works again."""
        if not self._has_failed:
            self._has_failed = True
            self._say(f"the queue of asynchronous invocations cannot be written: {exc}; "
                      f"tried again every {self.write_again_s:g} s")  # fmt: skip

    def close(self) -> None:
        """The last try. What is not on the disk after it is said."""
        self._is_closed = True
        for change in self._changes.values():
            self._again(change)
        self._writer.submit(lambda store: None, self._tell_lost)

    def _submit(self, change: _Change) -> None:
        change.is_refused = False
        update = partial(_update, change.record, change.follower)
        self._writer.submit(update, partial(self._ended, change))

    def _ended(self, change: _Change, _: object, exc: Exception | None) -> None:
        request_id = change.record.request_id
        is_newest = self._changes.get(request_id) is change
        if exc:
            self._refused(change, exc, is_newest)
        elif is_newest:
            del self._changes[request_id]
            if not self._is_closed:
                self._written(change.record, change.follower)
            self._tell_recovery()
        change.tell(exc)

    def _refused(self, change: _Change, exc: Exception, is_newest: bool) -> None:
        if not is_newest:
            return  # a newer one is on its way
        self.failed(exc)
        change.is_refused = True
        if self._is_closed:
            self._lost += 1
        else:
            self._loop.call_later(self.write_again_s, partial(self._again, change))

    def _again(self, change: _Change) -> None:
        if change.is_refused and self._changes.get(change.record.request_id) is change:
            self._submit(change)

    def _tell_recovery(self) -> None:
        if self._has_failed and not any(each.is_refused for each in self._changes.values()):
            self._has_failed = False
            self._say("the queue of asynchronous invocations can be written again")

    def _tell_lost(self, _: object, exc: Exception | None) -> None:
        if self._lost:
            word, them = ("change", "it") if self._lost == 1 else ("changes", "them")
            self._say(f"{self._lost} {word} of asynchronous invocations could not be written: "
                      f"the next run does not know of {them}")  # fmt: skip


def _update(record: TaskRecord, follower: TaskRecord | None, store: Store) -> None:
    """In one transaction: who is told of a result is told once."""
    store.update(record)
    if follower:
        store.insert(follower)
