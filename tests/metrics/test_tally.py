"""What is counted, and that it stays bounded."""

import time

import pytest

from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.host import LifecycleEvent
from sandbox.metrics.tally import BOUNDS_S, Durations, Tally

REQUEST = Request("r", b"", 0.0, lambda request, outcome: None)


def spec(name: str) -> FunctionSpec:
    return FunctionSpec(name, "index.handler", "/code")


def event(name: str, function: str = "f", instance: str = "i") -> LifecycleEvent:
    return LifecycleEvent(0.0, name, function, instance)


@pytest.mark.parametrize(
    ("duration_s", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (300.0, len(BOUNDS_S) - 1), (301.0, len(BOUNDS_S))],
)
def test_a_duration_is_in_the_bucket_whose_upper_end_it_does_not_pass(
    duration_s: float, bucket: int
) -> None:
    durations = Durations()
    durations.add(duration_s)

    assert durations.counts.index(1) == bucket
    assert sum(durations.counts) == 1
    assert durations.sum_s == duration_s


def test_outcomes_are_counted_by_cause() -> None:
    tally = Tally({"f"})
    for cause in (Cause.OK, Cause.OK, Cause.TIMEOUT):
        tally.on_outcome(spec("f"), REQUEST, Outcome(b"", cause, instance_id="i", max_rss_kb=7))

    assert tally.of("f").outcomes == {Cause.OK: 2, Cause.TIMEOUT: 1}
    assert tally.of("f").peak_kb == 7


def test_what_did_not_run_has_no_duration() -> None:
    tally = Tally({"f"})
    tally.on_outcome(spec("f"), REQUEST, Outcome(b"", Cause.NOT_CREATED))
    failed = Outcome(b"", Cause.ERROR, "InitializationError", "i", 2.0)
    tally.on_outcome(spec("f"), REQUEST, failed)

    assert sum(tally.of("f").durations["invoke"].counts) == 0


def test_a_hook_takes_as_long_as_from_its_start_to_its_end() -> None:
    tally = Tally({"f"})
    tally.on_event(event("fcbox:Initialize:Start"))
    tally.on_event(event("fcbox:Invoke:Start"))
    time.sleep(0.02)
    tally.on_event(event("fcbox:Initialize:End"))

    durations = tally.of("f").durations
    assert durations["initialize"].sum_s >= 0.02
    assert sum(durations["prestop"].counts) == sum(durations["invoke"].counts) == 0


def test_functions_that_went_are_forgotten() -> None:
    present = {"f0"}
    tally = Tally(present)
    for number in range(1000):
        present.clear()
        present.add(f"f{number}")
        tally.on_outcome(spec(f"f{number}"), REQUEST, Outcome(b""))

    assert list(tally._functions) == ["f999"]


def test_the_last_requests_of_a_removed_function_do_not_bring_it_back() -> None:
    present = {"f"}
    tally = Tally(present)
    tally.on_event(event("fcbox:PreStop:Start"))
    present.clear()
    tally.on_outcome(spec("f"), REQUEST, Outcome(b""))
    tally.on_event(event("fcbox:PreStop:End"))

    assert tally._functions == {}
    assert tally._begun_s == {}
