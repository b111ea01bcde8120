"""The queue of asynchronous invocations, as the HTTP side and the timers see it.

    request_id = await queue.accept("f", event)      durable when it returns
    await queue.tasks("f"); await queue.task("f", task_id); await queue.stop("f", task_id)

`QueueService` is its place in a run: `open` goes on with what an earlier run left; `suspend` begins
nothing more; `close` waits for the last write, milliseconds, and says what is left.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sandbox.asynchronous.destinations import MAX_ASYNC_EVENT_BYTES
from sandbox.asynchronous.dispatch import Dispatcher, Say
from sandbox.asynchronous.ledger import WRITE_AGAIN_S
from sandbox.asynchronous.places import Place, open_place
from sandbox.asynchronous.records import FINISHED, Acceptance, Status, TaskRecord, accept_record
from sandbox.asynchronous.store import DuplicateTask, Store, Waiting
from sandbox.asynchronous.writer import Change, Writer
from sandbox.engine.leftovers import state_dir
from sandbox.engine.supervisor import Supervisor
from sandbox.http.refusals import Refused

__all__ = ["MOST_WAITING", "AsyncQueue", "QueueService", "make_queue"]

MOST_WAITING = 10_000
"""How many may wait together: with the largest events that is 1.3 GB of disk."""
MOST_TASK_ID_CHARS = 128
_MOST_LOOKS = 100


class AsyncQueue:
    """Lives on the supervisor's loop, and is used on its thread only."""

    def __init__(
        self,
        supervisor: Supervisor,
        opens: Callable[[], Place],
        say: Say,
        *,
        notice: Say | None = None,
        wall_s: Callable[[], float] = time.time,
        most_waiting: int = MOST_WAITING,
        write_again_s: float = WRITE_AGAIN_S,
    ) -> None:
        self._supervisor = supervisor
        self._say = say
        self._notice = notice or say
        """For news; what goes wrong is said in any case."""
        self._most_waiting = most_waiting
        self._writer = Writer(supervisor.loop, opens)
        self._dispatcher = Dispatcher(supervisor, self._writer, say, wall_s, write_again_s)
        self._entering = 0
        self._is_open = False

    # -- from the beginning of a run to its end --------------------------------------------------

    def open(self) -> None:
        """Serving begins."""
        self._is_open = True
        self._writer.start()
        self._writer.submit(partial(_load, self._dispatcher.now_ms()), self._loaded)

    def suspend(self) -> None:
        """Accepts and begins nothing more; attempts that run are finished with the drain."""
        self._is_open = False
        self._dispatcher.is_stopping = True

    def close(self) -> None:
        """All functions have ended."""
        self._dispatcher.close()
        self._writer.submit(lambda store: len(store.unfinished()), self._tell_rest)
        self._writer.close()

    # -- what callers ask ------------------------------------------------------------------------

    async def accept(
        self, name: str, event: bytes, task_id: str = "", *, request_id: str = ""
    ) -> str:
        """Takes an invocation; gives its request id when it is on the disk. Raises Refused."""
        self._check(name, event, task_id)
        asked = Acceptance(
            request_id or self._supervisor.host.ids.request_id(),
            name,
            event,
            task_id,
            self._dispatcher.now_ms(),
            self._supervisor.pools[name].spec.asynchronous,
        )
        record = accept_record(asked)
        self._entering += 1
        try:
            # Shielded: a caller that goes away meanwhile has had its invocation accepted.
            await asyncio.shield(self._ask(partial(_insert, record), self._entered(record)))
        except DuplicateTask:
            text = f"asynchronous task '{record.task_id}' of function '{name}' exists already"
            raise Refused(409, "AsyncTaskAlreadyExists", text) from None
        return record.request_id

    async def tasks(self, name: str = "") -> list[TaskRecord]:
        """Those of a function, or all: the newest first, without their events."""
        found: list[TaskRecord] = await self._ask(lambda store: store.recent(name))
        return found

    async def task(self, name: str, task_id: str) -> TaskRecord:
        """The one of that task id, which is the request id where none was given. Raises Refused."""
        record: TaskRecord | None = await self._ask(lambda store: store.find(name, task_id))
        if record is None:
            text = f"asynchronous task '{task_id}' of function '{name}' does not exist"
            raise Refused(404, "AsyncTaskNotFound", text)
        return record

    async def stop(self, name: str, task_id: str) -> None:
        """Stops what waits or runs; one that runs may need a moment. When it returns, that is on
        the disk. Raises Refused."""
        for _ in range(_MOST_LOOKS):
            record = await self.task(name, task_id)
            if record.status in FINISHED:
                text = f"asynchronous task '{task_id}' has ended already: {record.status}"
                raise Refused(400, "InvalidArgument", text)
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._dispatcher.stop(record, partial(_set, written)):
                await self._stopped(task_id, written)
                return
            # It is just being written: when that is done, the file and the schedule agree.
        text = f"asynchronous task '{task_id}' cannot be stopped: the queue cannot be written"
        raise Refused(503, "ServiceUnavailable", text)

    async def _stopped(self, task_id: str, written: "asyncio.Future[None]") -> None:
        try:
            await written
        except (OSError, sqlite3.Error) as exc:
            text = (
                f"asynchronous task '{task_id}' is stopped, but that could not be written to the "
                f"disk yet ({exc}): it is tried again, and is lost if the supervisor ends before"
            )
            raise Refused(503, "ServiceUnavailable", text) from None

    def depth(self) -> dict[str, int]:
        """How many wait or run, by function."""
        return self._dispatcher.depth()

    # -- small parts -----------------------------------------------------------------------------

    def _check(self, name: str, event: bytes, task_id: str) -> None:
        if name not in self._supervisor.pools:
            raise Refused(404, "FunctionNotFound", f"function '{name}' does not exist")
        if not self._is_open:
            text = "the supervisor is stopping: nothing was accepted"
            raise Refused(503, "ServiceUnavailable", text)
        if len(event) > MAX_ASYNC_EVENT_BYTES:
            text = f"payload size exceeds maximum allowed size ({MAX_ASYNC_EVENT_BYTES} bytes)"
            raise Refused(413, "EntityTooLarge", text)
        if len(task_id) > MOST_TASK_ID_CHARS or not (task_id.isprintable() and task_id.isascii()):
            text = f"an asynchronous task's id has at most {MOST_TASK_ID_CHARS} ASCII characters"
            raise Refused(400, "InvalidArgument", text)
        if len(self._dispatcher.schedule) + self._entering >= self._most_waiting:
            text = f"{self._most_waiting} asynchronous invocations wait, more are not taken"
            raise Refused(429, "ResourceExhausted", text)

    def _entered(self, record: TaskRecord) -> Callable[[Exception | None], None]:
        def entered(exc: Exception | None) -> None:
            self._entering -= 1
            if exc is None:
                self._dispatcher.add(record)

        return entered

    def _ask(
        self, change: Change, on_end: Callable[[Exception | None], None] | None = None
    ) -> "asyncio.Future[Any]":
        """What `change` gives. Raises DuplicateTask, and Refused when the file cannot be used."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def then(result: Any, exc: Exception | None) -> None:
            if on_end:
                on_end(exc)
            if future.cancelled():
                return
            if exc is None:
                future.set_result(result)
            else:
                future.set_exception(_refused(exc))

        self._writer.submit(change, then)
        return future

    def _loaded(self, found: Any, exc: Exception | None) -> None:
        if exc:
            self._say(f"asynchronous invocations are not possible: {exc}")
            return
        waiting: list[Waiting] = found[0]
        if waiting:
            self._notice(f"{count(len(waiting))} of an earlier run: begun again")
            known = self._supervisor.pools
            absent = sorted({each.function for each in waiting if each.function not in known})
            if absent:
                self._notice(f"some wait for functions that this run lacks: {', '.join(absent)}")
        self._dispatcher.resume(waiting, found[1])

    def _tell_rest(self, left: int | None, exc: Exception | None) -> None:
        if left:
            verb = "waits" if left == 1 else "wait"
            self._notice(f"{count(left)} {verb} for the next run")


class QueueService:
    """The queue among the services of a run."""

    def __init__(self, queue: AsyncQueue) -> None:
        self.start, self.stop, self.close = queue.open, queue.suspend, queue.close


def make_queue(
    supervisor: Supervisor, config: str | None, environ: Mapping[str, str], say: Say, notice: Say
) -> AsyncQueue:
    """The queue of a run of this configuration."""
    path = os.path.realpath(config) if config else ""
    state, loop = state_dir(environ), supervisor.loop

    def say_on_loop(text: str) -> None:
        loop.call_soon_threadsafe(say, text)

    return AsyncQueue(supervisor, partial(open_place, state, path, say_on_loop), say, notice=notice)


def count(number: int) -> str:
    """So many, in words."""
    return f"{number} asynchronous invocation{'' if number == 1 else 's'}"


def _load(now_ms: int, store: Store) -> tuple[list[Waiting], list[TaskRecord]]:
    store.prune(now_ms)
    waiting = store.unfinished()
    begun = (Status.RUNNING, Status.STOPPING)
    broken = [store.get(each.request_id) for each in waiting if each.status in begun]
    return waiting, [record for record in broken if record]


def _insert(record: TaskRecord, store: Store) -> None:
    store.insert(record)


def _set(written: "asyncio.Future[None]", exc: Exception | None) -> None:
    if written.done():  # its caller went away
        return
    if exc is None:
        written.set_result(None)
    else:
        written.set_exception(exc)


def _refused(exc: Exception) -> Exception:
    if isinstance(exc, DuplicateTask):
        return exc
    text = f"the queue of asynchronous invocations cannot be used: {exc}"
    return Refused(503, "ServiceUnavailable", text)
