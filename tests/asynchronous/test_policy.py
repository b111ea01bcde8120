"""What follows an attempt, and what is due when: time is a parameter."""

import json

import pytest

from sandbox.asynchronous.destinations import delivery, local_function
from sandbox.asynchronous.policy import (
    INTERRUPTED,
    LONGEST_MS,
    MOST_REFUSED_MS,
    after_attempt,
    backoff_ms,
    begun,
    given_back,
    invalid,
    overdue,
    stopped,
)
from sandbox.asynchronous.records import FINISHED, Acceptance, Status, TaskRecord, accept_record
from sandbox.asynchronous.schedule import Schedule
from sandbox.core.outcome import Cause, Outcome, error_body
from sandbox.core.spec import AsyncSettings, FunctionSpec

NOW = 1_000_000
FAILED = Outcome(error_body("no"), Cause.ERROR, "UnhandledInvocationError", "c-1", 0.0101)
DONE = Outcome(b"answer", Cause.OK, "", "c-1", 0.0101)
NOT_CREATED = Outcome(error_body("no room"), Cause.NOT_CREATED, "FCCommonError")
SENT_AWAY = Outcome(error_body("stopping"), Cause.CANCELLED, "UnhandledInvocationError")


def record_of(**settings: object) -> TaskRecord:
    policy = AsyncSettings(**settings)  # type: ignore[arg-type]
    return accept_record(Acceptance("1-a", "f", b"event", "", NOW, policy))


def test_an_accepted_record_keeps_its_policy() -> None:
    record = record_of(max_retries=2, max_age_s=10.0, on_failure="g")

    assert (record.status, record.attempts, record.due_ms) == (Status.ENQUEUED, 0, NOW)
    assert (record.max_retries, record.expires_ms, record.on_failure) == (2, NOW + 10_000, "g")
    assert record.task_id == "1-a"


def test_success_ends_it() -> None:
    record = after_attempt(begun(record_of(), NOW), DONE, NOW + 11)

    assert record.status is Status.SUCCEEDED
    assert (record.ended_ms, record.duration_ms, record.error) == (NOW + 11, 11, "")
    assert [event.status for event in record.events] == ["Enqueued", "Running", "Succeeded"]


def test_retries_come_later_and_later_and_end() -> None:
    """0.5 s, 1 s, 2 s; and never more attempts than the policy says."""
    record, waits = record_of(max_retries=3), []
    while record.status not in FINISHED:
        record = after_attempt(begun(record, record.due_ms), FAILED, record.due_ms)
        waits.append(record.due_ms - record.events[-1].at_ms)

    assert record.status is Status.FAILED
    assert (record.attempts, record.retries) == (4, 3)
    assert waits[:3] == [500, 1000, 2000]
    assert record.error == "error: no"


def test_the_wait_is_bounded() -> None:
    assert [backoff_ms(failures) for failures in (0, 1, 2)] == [500, 500, 1000]
    assert backoff_ms(10_000) == LONGEST_MS


def test_an_interrupted_attempt_is_a_failed_one() -> None:
    again = after_attempt(begun(record_of(max_retries=1), NOW), INTERRUPTED, NOW)
    last = after_attempt(begun(record_of(max_retries=0), NOW), INTERRUPTED, NOW)

    assert (again.status, again.attempts) == (Status.RETRYING, 1)
    assert last.status is Status.FAILED
    assert "the supervisor ended" in last.error


def test_an_attempt_that_never_began_is_taken_back() -> None:
    first = record_of()
    second = after_attempt(begun(first, NOW), FAILED, NOW)

    assert given_back(begun(first, NOW), NOW) == first
    returned = given_back(begun(second, NOW), NOW)
    assert (returned.status, returned.attempts, returned.events) == (
        Status.RETRYING, 1, second.events,
    )  # fmt: skip
    back = after_attempt(begun(first, NOW), SENT_AWAY, NOW, is_stopping=True)
    assert (back.status, back.attempts) == (Status.ENQUEUED, 0)


def test_no_instance_is_no_attempt_but_not_for_ever() -> None:
    record, now = record_of(max_retries=0), NOW
    while record.status is Status.ENQUEUED:
        now = record.due_ms
        record = after_attempt(begun(record, now), NOT_CREATED, now)
        assert record.attempts == 0
        assert record.refusals < 1000

    assert record.status is Status.FAILED
    assert MOST_REFUSED_MS - LONGEST_MS <= now - NOW <= MOST_REFUSED_MS


def test_age() -> None:
    """The last moment is not too late; an attempt that would begin later is not waited for."""
    record = record_of(max_age_s=1.0)

    assert overdue(record, NOW + 1000) is None
    late = overdue(record, NOW + 1001)
    assert late is not None
    assert (late.status, late.attempts) == (Status.EXPIRED, 0)
    tried = after_attempt(begun(record, NOW), FAILED, NOW)
    late = overdue(tried, NOW + 1001)
    assert late is not None
    assert late.status is Status.FAILED
    assert after_attempt(begun(record, NOW + 900), FAILED, NOW + 900).status is Status.FAILED


def test_stopping() -> None:
    waiting = stopped(record_of(), NOW)
    running = begun(record_of(), NOW).moved(Status.STOPPING, NOW)

    assert waiting.status is Status.STOPPED
    assert after_attempt(running, FAILED, NOW).status is Status.STOPPED
    assert after_attempt(running, INTERRUPTED, NOW).status is Status.STOPPED
    assert after_attempt(running, DONE, NOW).status is Status.SUCCEEDED


def test_the_schedule_gives_what_is_due_and_no_more_than_there_is_room_for() -> None:
    schedule = Schedule()
    for number, due_ms in enumerate((30, 10, 20, 10)):
        schedule.add("f", f"r{number}", due_ms)
    schedule.add("g", "other", 5)

    assert schedule.take("f", 9, 10) == []
    assert schedule.next_due_ms(["f"]) == 10
    assert schedule.take("f", 20, 2) == ["r1", "r3"]
    assert schedule.take("f", 20, 2) == ["r2"]
    assert len(schedule) == 2
    assert schedule.functions() == ["f", "g"]


def test_the_schedule_forgets_what_is_removed_or_moved() -> None:
    schedule = Schedule()
    schedule.add("f", "gone", 1)
    schedule.add("f", "moved", 1)
    schedule.add("f", "moved", 50)

    assert schedule.remove("gone")
    assert not schedule.remove("gone")
    assert schedule.waiting("f") == 1
    assert schedule.take("f", 49, 9) == []
    assert schedule.take("f", 50, 9) == ["moved"]
    assert schedule.functions() == []


@pytest.mark.parametrize(
    ("destination", "name"),
    [
        ("g", "g"),
        ("acs:fc:cn-hangzhou:123:functions/g", "g"),
        ("acs:fc:cn-hangzhou:123:functions/g/LATEST", "g"),
        ("acs:fc:::services/s/functions/g", "s$g"),
        ("acs:fc:cn-hangzhou:123:services/s.LATEST/functions/g", "s$g"),
        ("acs:mns:cn-hangzhou:123:/queues/q/messages", None),
        ("acs:eventbridge:cn-hangzhou:123:eventbus/b/", None),
        ("", None),
    ],
)
def test_local_destinations(destination: str, name: str | None) -> None:
    assert local_function(destination) == name


SPECS = {name: FunctionSpec(name, "index.handler", "/code") for name in ("f", "g")}


def test_the_event_of_a_destination() -> None:
    record = record_of(max_retries=0, on_failure="acs:fc:::functions/g", on_success="f")
    ended = after_attempt(begun(record, NOW), FAILED, NOW + 7)
    told = delivery(ended, FAILED.body, SPECS, lambda: "1-b")

    assert told.invocation is not None
    assert (told.invocation.function, told.invocation.request_id) == ("g", "1-b")
    assert json.loads(told.invocation.event) == {
        "timestamp": NOW + 7,
        "requestContext": {
            "requestId": "1-a",
            "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/f",
            "condition": "UnhandledInvocationError",
            "approximateInvokeCount": 1,
        },
        "requestPayload": "event",
        "responseContext": {"statusCode": 200, "functionError": "error: no"},
        "responsePayload": FAILED.body.decode(),
    }


def test_what_cannot_be_delivered_is_told() -> None:
    def deliver(destination: str, response: bytes = b"") -> tuple[str, str, bool]:
        ended = after_attempt(begun(record_of(on_success=destination), NOW), DONE, NOW)
        told = delivery(ended, response, SPECS, lambda: "1-b")
        return told.status, told.text, told.invocation is None

    assert deliver("") == ("", "", True)
    assert deliver("acs:mns:::/queues/q")[0] == "Failed"
    assert "is not local" in deliver("acs:mns:::/queues/q")[1]
    assert "no function of this run" in deliver("h")[1]
    assert "bytes" in deliver("g", b"x" * (128 << 10))[1]
    assert deliver("g", b"x")[0] == "Succeeded"
    assert deliver("acs:fc:::services/default/functions/g", b"x")[0] == "Succeeded"
    assert deliver("acs:fc:::services/s/functions/g", b"x")[0] == "Failed"


def test_a_deleted_function_is_reported_to_its_destination() -> None:
    ended = invalid(record_of(on_failure="g"), NOW)
    told = delivery(ended, b"", {"g": SPECS["g"]}, lambda: "1-b")

    assert ended.status is Status.INVALID
    assert told.invocation is not None
    assert json.loads(told.invocation.event)["requestContext"]["condition"] == "FunctionNotFound"
