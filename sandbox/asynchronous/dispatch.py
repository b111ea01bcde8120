"""From what waits to what has ended: the attempts of asynchronous invocations.

    due -> counted in the file -> invoked -> outcome -> written -> due again, or ended
            (writer thread)      (supervisor)         (writer thread)

All of this is on the loop's thread but for what `writer` does. An attempt that comes back from the
writer after the box began to stop is taken back. What is being written when the supervisor is
killed is found Running by the next one, which counts it as an attempt that failed.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

from sandbox.asynchronous.destinations import delivery
from sandbox.asynchronous.ledger import WRITE_AGAIN_S, Ledger, Told
from sandbox.asynchronous.policy import (
    INTERRUPTED,
    after_attempt,
    begun,
    given_back,
    invalid,
    overdue,
    stopped,
)
from sandbox.asynchronous.records import FINISHED, Status, TaskRecord
from sandbox.asynchronous.schedule import Schedule
from sandbox.asynchronous.store import Store, Waiting
from sandbox.asynchronous.writer import Writer
from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.loop import TimerHandle
from sandbox.engine.supervisor import Supervisor

__all__ = ["Dispatcher", "Say"]

Say = Callable[[str], None]

MOST_TOGETHER = 100
"""How many attempts of one function run at a time, however many instances it may have."""
_LONGEST_S, _ABSENT_S = 60.0, 1.0
"""How long to sleep, although nothing is due: the wall clock may be set meanwhile. While something
waits for a function that is not there: it may come back at any time."""
_PRUNE_EACH = 500


class _Attempt:
    """One attempt, from being counted to its outcome."""

    def __init__(self, function: str) -> None:
        self.function = function
        self.record: TaskRecord | None = None
        self.request: Request | None = None
        self.is_stopped = False
        self.stop_told: list[Told] = []
        """Who waits for a stop that came while it was being counted."""

    def tell_stop(self, exc: Exception | None) -> None:
        told, self.stop_told = self.stop_told, []
        for each in told:
            each(exc)


class Dispatcher:
    """Begins what is due while there is room, and records what comes of it."""

    def __init__(
        self,
        supervisor: Supervisor,
        writer: Writer,
        say: Say,
        wall_s: Callable[[], float],
        write_again_s: float = WRITE_AGAIN_S,
    ) -> None:
        self.schedule = Schedule()
        self._ages = Schedule()
        """Of functions that this run never had: when their invocations expire."""
        self.writer = writer
        self.is_stopping = False
        self._supervisor = supervisor
        self._ledger = Ledger(supervisor.loop, writer, say, self._written, write_again_s)
        self._wall_s = wall_s
        self._attempts: dict[str, _Attempt] = {}
        self._running: Counter[str] = Counter()
        self._seen: set[str] = set()
        """The functions that this run has, or had: one that had and has no more was deleted."""
        self._timer: TimerHandle | None = None
        self._is_woken = self._is_closed = False
        self._ended = 0

    # -- what others ask -------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The wall clock."""
        return int(self._wall_s() * 1000)

    def depth(self) -> dict[str, int]:
        """How many wait or run, by function."""
        found = Counter(attempt.function for attempt in self._attempts.values())
        for function in self.schedule.functions():
            found[function] += self.schedule.waiting(function)
        return dict(found)

    def add(self, waiting: TaskRecord | Waiting) -> None:
        """It is in the file, and has not ended."""
        self.schedule.add(waiting.function, waiting.request_id, waiting.due_ms)
        if self._is_absent(waiting.function):
            self._ages.add(waiting.function, waiting.request_id, waiting.expires_ms + 1)
        self.wake()

    def resume(self, waiting: list[Waiting], interrupted: list[TaskRecord]) -> None:
        """What an earlier run has left."""
        broken = {record.request_id for record in interrupted}
        for each in waiting:
            if each.request_id not in broken:
                self.add(each)
        for record in interrupted:
            self._conclude(record, after_attempt(record, INTERRUPTED, self.now_ms()), b"")
        self.wake()

    def wake(self) -> None:
        """Looks soon what can begin."""
        if not self._is_woken:
            self._is_woken = True
            self._supervisor.loop.call_soon(self._turn)

    def stop(self, record: TaskRecord, told: Told) -> bool:
        """Stops what waits or runs; whether it does. `told` hears when that is on the disk. If it
        cannot be written yet, it is stopped all the same, and written later."""
        request_id = record.request_id
        attempt, held = self._attempts.get(request_id), self._ledger.unwritten(request_id)
        if attempt:
            self._stop_attempt(attempt, told)
        elif self.schedule.remove(request_id):
            self._settle(stopped(record, self.now_ms()), b"", told)
        elif held is None:
            return False
        elif held.status in FINISHED:
            self._ledger.hurry(request_id, told)
        else:
            self._settle(stopped(held, self.now_ms()), b"", told)
        return True

    def close(self) -> None:
        """All functions have ended: attempts that never began are taken back."""
        self._is_closed = True
        if self._timer:
            self._timer.cancel()
        for request_id, attempt in self._attempts.items():
            if attempt.record is None:
                self.writer.submit(partial(_give_back, request_id, self.now_ms()), _ignore)
        self._ledger.close()

    # -- turns -----------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._is_woken = False
        if self.is_stopping:
            return
        if self._timer:
            self._timer.cancel()
        now_ms, specs = self.now_ms(), self._specs()
        self._seen.update(specs)
        for function in self.schedule.functions():
            if function in self._seen:
                room = self._room(specs.get(function))
                for request_id in self.schedule.take(function, now_ms, room):
                    self._begin(function, request_id, now_ms)
            else:
                self._expire(function, now_ms)
        self._timer = self._supervisor.loop.call_later(self._sleep_s(now_ms), self.wake)

    def _expire(self, function: str, now_ms: int) -> None:
        """Counting an attempt ends what is too old, and of these nothing else is begun."""
        for request_id in self._ages.take(function, now_ms, MOST_TOGETHER):
            if self.schedule.remove(request_id):
                self._begin(function, request_id, now_ms)

    def _sleep_s(self, now_ms: int) -> float:
        functions = self.schedule.functions()
        absent = any(function not in self._seen for function in functions)
        longest_s = _ABSENT_S if absent else _LONGEST_S
        specs = self._specs()
        free = [name for name in functions if name in self._seen and self._room(specs.get(name))]
        due_ms = self.schedule.next_due_ms(free)
        return longest_s if due_ms is None else min(longest_s, max(0, due_ms - now_ms) / 1000)

    def _room(self, spec: FunctionSpec | None) -> int:
        """How many attempts may begin now: one instance is left to callers that wait."""
        if spec is None:
            return MOST_TOGETHER  # they end at once
        instances = spec.max_instances or max(2, os.cpu_count() or 1)
        most = max(1, (instances - 1) * spec.concurrency)
        if spec.reserved_concurrency:
            most = min(most, max(1, spec.reserved_concurrency - 1))
        return max(0, min(most, MOST_TOGETHER) - self._running[spec.name])

    def _is_absent(self, function: str) -> bool:
        return function not in self._seen and function not in self._supervisor.pools

    def _specs(self) -> dict[str, FunctionSpec]:
        return {name: pool.spec for name, pool in self._supervisor.pools.items()}

    # -- one attempt -----------------------------------------------------------------------------

    def _begin(self, function: str, request_id: str, now_ms: int) -> None:
        attempt = self._attempts[request_id] = _Attempt(function)
        self._running[function] += 1
        self._count(request_id, attempt, now_ms)

    def _count(self, request_id: str, attempt: _Attempt, now_ms: int) -> None:
        counted = partial(self._counted, request_id, attempt, now_ms)
        self.writer.submit(partial(_count, request_id, now_ms), counted)

    def _count_again(self, request_id: str, attempt: _Attempt, now_ms: int) -> None:
        if not self._is_closed:  # what was too old stays so, also when the clock is set back
            self._count(request_id, attempt, max(now_ms, self.now_ms()))

    def _counted(
        self,
        request_id: str,
        attempt: _Attempt,
        now_ms: int,
        record: TaskRecord | None,
        exc: Exception | None,
    ) -> None:
        if self._is_closed:
            return
        if exc:  # it stays where it is: a stop that it was asked for is not forgotten
            self._ledger.failed(exc)
            attempt.tell_stop(exc)
            again = partial(self._count_again, request_id, attempt, now_ms)
            self._supervisor.loop.call_later(self._ledger.write_again_s, again)
        elif record is None:
            self._leave(request_id, attempt)
            attempt.tell_stop(None)
        elif record.status in FINISHED:
            self._leave(request_id, attempt)
            self._conclude(record, record, b"", attempt.tell_stop)
        elif attempt.is_stopped or self.is_stopping:
            self._leave(request_id, attempt)
            back = given_back(record, self.now_ms())
            back = stopped(back, self.now_ms()) if attempt.is_stopped else back
            self._settle(back, b"", attempt.tell_stop)
        else:
            attempt.record = record
            self._invoke(attempt, record)

    def _invoke(self, attempt: _Attempt, record: TaskRecord) -> None:
        if record.function not in self._supervisor.pools:
            self._leave(record.request_id, attempt)
            back = given_back(record, self.now_ms())
            self._conclude(record, invalid(back, self.now_ms()), b"")
            return
        request = self._supervisor.invoke(
            record.function, record.event, partial(self._replied, attempt),
            request_id=record.request_id, retries=record.retries, is_async=True,
        )  # fmt: skip
        attempt.request = request

    def _replied(self, attempt: _Attempt, request: Request, outcome: Outcome) -> None:
        record = attempt.record
        assert record is not None
        self._leave(request.id, attempt)
        next_record = after_attempt(
            record, outcome, self.now_ms(), is_stopping=self.is_stopping
        )  # fmt: skip
        self._conclude(record, next_record, outcome.body)

    def _stop_attempt(self, attempt: _Attempt, told: Told) -> None:
        record, request = attempt.record, attempt.request
        if record is None or request is None:
            attempt.is_stopped = True
            attempt.stop_told.append(told)
            return
        if attempt.is_stopped:
            self._ledger.write(record, told=told)
            return
        attempt.is_stopped = True
        attempt.record = record.moved(Status.STOPPING, self.now_ms())
        self._ledger.write(attempt.record, told=told)  # before its end, which may come at once
        self._supervisor.cancel(attempt.function, request)

    def _leave(self, request_id: str, attempt: _Attempt) -> None:
        del self._attempts[request_id]
        self._running[attempt.function] -= 1
        self.wake()

    # -- what comes of it ------------------------------------------------------------------------

    def _conclude(
        self,
        record: TaskRecord,
        next_record: TaskRecord,
        response: bytes,
        told: Told | None = None,
    ) -> None:
        """As `_settle`, and says what a person wants to know."""
        if text := describe(record, next_record):
            self._notice(next_record, text)
        self._settle(next_record, response, told)

    def _settle(self, record: TaskRecord, response: bytes, told: Told | None = None) -> None:
        follower = None
        if record.status in FINISHED:
            self._ended += 1
            host = self._supervisor.host
            delivered = delivery(record, response, self._specs(), host.ids.request_id)
            record = record._replace(destination_status=delivered.status)
            follower = delivered.invocation
            if delivered.text:
                self._notice(record, delivered.text)
            if self._ended % _PRUNE_EACH == 0:
                self.writer.submit(partial(_prune, self.now_ms()), _ignore)
        self._ledger.write(record, follower, told)

    def _written(self, record: TaskRecord, follower: TaskRecord | None) -> None:
        if record.status in (Status.ENQUEUED, Status.RETRYING):
            self.add(record)
        if follower:
            self.add(follower)

    def _notice(self, record: TaskRecord, text: str) -> None:
        line = f"asynchronous invocation {record.request_id}: {text}"
        self._supervisor.host.hub.notice(record.function, record.instance_id, line)


def describe(record: TaskRecord, next_record: TaskRecord) -> str:
    """The line about what follows on `record`, empty when there is nothing to say."""
    what = _visible(next_record.error.partition("\n")[0] or next_record.error_type)
    begun_text = f"attempt {record.attempts} of {record.max_retries + 1}"
    wait_s = (next_record.due_ms - next_record.events[-1].at_ms) / 1000
    if next_record.status is Status.RETRYING and next_record.attempts == record.attempts:
        return f"{begun_text} failed ({what}); next in {wait_s:g} s"
    if next_record.status is Status.FAILED and next_record.attempts == record.attempts:
        return f"{begun_text} failed ({what}); given up"
    if next_record.status in (Status.FAILED, Status.EXPIRED, Status.INVALID):
        return f"given up: {what}"
    if next_record.refusals == 1:
        return f"it waits, and is tried again ({what})"
    return ""


def _visible(text: str) -> str:
    """The function wrote it: it must not drive the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _count(request_id: str, now_ms: int, store: Store) -> TaskRecord | None:
    """An attempt that begins is on the disk before it does."""
    record = store.get(request_id)
    if record is None or record.status in FINISHED:
        return None
    if over := overdue(record, now_ms):
        return over
    record = begun(record, now_ms)
    store.update(record)
    return record


def _give_back(request_id: str, now_ms: int, store: Store) -> None:
    record = store.get(request_id)
    if record and record.status is Status.RUNNING:
        store.update(given_back(record, now_ms))


def _prune(now_ms: int, store: Store) -> None:
    store.prune(now_ms)


def _ignore(result: object, exc: Exception | None) -> None:
    pass
