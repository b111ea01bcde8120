"""What follows an attempt: pure, time is a parameter.

    the function succeeded                    Succeeded
    it failed, and a retry is left            Retrying, after 0.5 s, 1 s, 2 s ... 60 s
    it failed, and none is left               Failed
    the supervisor was killed meanwhile       as a failure
    no instance could be made                 Enqueued again, after 0.5 s ... 60 s, for 5 hours
    the box stops, and it has not begun       Enqueued: the next run takes it
    it was asked to stop                      Stopped
    its age is over before an attempt begins  Expired; Failed when there was an attempt before

An attempt whose function never began is taken back: it does not count as one. The cloud does the
same with its 429 and 503 (help.aliyun.com, "retry policy"), and for the same 5 hours.
"""

from typing import NamedTuple

from sandbox.asynchronous.records import FINISHED, Status, TaskRecord
from sandbox.core.outcome import Cause, Outcome, error_text

__all__ = [
    "INTERRUPTED",
    "after_attempt",
    "backoff_ms",
    "begun",
    "given_back",
    "invalid",
    "overdue",
    "stopped",
]

FIRST_MS, LONGEST_MS = 500, 60_000
MOST_REFUSED_MS = 5 * 3600 * 1000
"""How long an invocation is kept for which no instance can be made."""
MOST_ERROR_CHARS = 1000

INTERRUPTED = Outcome(b"", Cause.CANCELLED, "UnhandledInvocationError", "?")
"""Of an attempt in whose middle the supervisor was killed."""
_INTERRUPTED_TEXT = "the supervisor ended in the middle of it"


class _End(NamedTuple):
    status: Status
    kind: str
    text: str


def backoff_ms(failures: int) -> int:
    """The wait after so many failures in a row; the exponent is bounded, as the wait is."""
    return int(min(LONGEST_MS, FIRST_MS << min(max(failures - 1, 0), 10)))


def begun(record: TaskRecord, now_ms: int) -> TaskRecord:
    """An attempt begins."""
    return record.moved(
        Status.RUNNING, now_ms, attempts=record.attempts + 1, started_ms=now_ms, instance_id=""
    )


def overdue(record: TaskRecord, now_ms: int) -> TaskRecord | None:
    """The end of a record whose age is over; None when it is not."""
    if now_ms <= record.expires_ms:
        return None
    status = Status.FAILED if record.attempts else Status.EXPIRED
    text = "its age was over before it could be tried" + (" again" if record.attempts else "")
    return _ended(record, _End(status, record.error_type or "EventAgeExceeded", text), now_ms)


def invalid(record: TaskRecord, now_ms: int) -> TaskRecord:
    """The end of a record whose function was deleted."""
    end = _End(Status.INVALID, "FunctionNotFound", "the function was deleted")
    return _ended(record, end, now_ms)


def stopped(record: TaskRecord, now_ms: int) -> TaskRecord:
    """The end of a record that was asked to stop."""
    return _ended(record, _End(Status.STOPPED, "", "it was stopped"), now_ms)


def after_attempt(
    record: TaskRecord, outcome: Outcome, now_ms: int, *, is_stopping: bool = False
) -> TaskRecord:
    """`is_stopping`: of the box; that somebody stopped this record, its status says."""
    record = record._replace(
        instance_id="" if outcome is INTERRUPTED else outcome.instance_id,
        duration_ms=outcome.billed_ms,
    )
    if outcome.cause is Cause.OK:
        return _ended(record, _End(Status.SUCCEEDED, "", ""), now_ms)
    if record.status is Status.STOPPING:
        return stopped(record, now_ms)
    if not outcome.instance_id:
        return given_back(record, now_ms) if is_stopping else _refused(record, outcome, now_ms)
    text = _INTERRUPTED_TEXT if outcome is INTERRUPTED else error_text(outcome.body)
    return _failed(record, outcome.error_type, text[:MOST_ERROR_CHARS], now_ms)


def _failed(record: TaskRecord, kind: str, text: str, now_ms: int) -> TaskRecord:
    due_ms = now_ms + backoff_ms(record.attempts)
    end = _End(Status.FAILED, kind, text)
    if record.attempts > record.max_retries or due_ms > record.expires_ms:
        return _ended(record, end, now_ms)
    return record.moved(
        Status.RETRYING, now_ms, text, due_ms=due_ms, refusals=0, error_type=kind, error=text
    )


def given_back(record: TaskRecord, now_ms: int) -> TaskRecord:
    """Its attempt, which was counted, never began: as if it had not been."""
    earlier = Status.RETRYING if record.attempts > 1 else Status.ENQUEUED
    return record._replace(
        attempts=record.attempts - 1, status=earlier, started_ms=0, due_ms=now_ms,
        events=record.events[:-1],
    )  # fmt: skip


def _refused(record: TaskRecord, outcome: Outcome, now_ms: int) -> TaskRecord:
    """No instance could be made for it."""
    record = given_back(record, now_ms)
    refusals = record.refusals + 1
    due_ms = now_ms + backoff_ms(refusals)
    kind, text = outcome.error_type, error_text(outcome.body)[:MOST_ERROR_CHARS]
    if due_ms > min(record.expires_ms, record.accepted_ms + MOST_REFUSED_MS):
        return _ended(record, _End(Status.FAILED, kind, text), now_ms)
    return record._replace(due_ms=due_ms, refusals=refusals, error_type=kind, error=text)


def _ended(record: TaskRecord, end: _End, now_ms: int) -> TaskRecord:
    assert record.status not in FINISHED, record.status
    text = "" if end.status is Status.SUCCEEDED else end.text or record.error
    return record.moved(end.status, now_ms, text, ended_ms=now_ms, error_type=end.kind, error=text)
