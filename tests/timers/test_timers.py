"""When timer triggers fire: the tests own the clock."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.core.spec import FunctionSpec, TimerTrigger
from sandbox.timers import Firing, Timers, make_pattern, timer_event

START = datetime(2026, 3, 1, 12, 0, 7, 250_000, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spec_of(*crons: str, name: str = "f", is_enabled: bool = True) -> FunctionSpec:
    timers = tuple(
        TimerTrigger(f"t{number}", cron, "p", is_enabled) for number, cron in enumerate(crons)
    )
    return FunctionSpec(name, "index.handler", "/code", timers=timers)


@pytest.mark.parametrize(
    ("cron", "following", "last"),
    [
        ("*/10 * * * * *", "2026-03-01T12:00:10", "2026-03-01T12:00:00"),
        ("0 0 4 * * *", "2026-03-02T04:00:00", "2026-03-01T04:00:00"),
        ("0 0 4 ? * MON", "2026-03-02T04:00:00", "2026-02-23T04:00:00"),
        ("0 0 4 * * 7", "2026-03-08T04:00:00", "2026-03-01T04:00:00"),
        ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", "2026-03-01T20:00:00", "2026-02-28T20:00:00"),
        ("TZ=Asia/Shanghai 0 0 4 * * *", "2026-03-01T20:00:00", "2026-02-28T20:00:00"),
        ("@every 90s", "2026-03-01T12:01:37.250", "2026-03-01T12:00:07.250"),
        ("@every 1h30m", "2026-03-01T13:30:07.250", "2026-03-01T12:00:07.250"),
    ],
)
def test_moments(cron: str, following: str, last: str) -> None:
    pattern = make_pattern(cron, START)

    assert pattern.next_after(START) == at(following)
    assert pattern.last_until(START) == at(last)


def test_a_moment_is_its_own_last_and_not_its_own_next() -> None:
    pattern = make_pattern("*/10 * * * * *", START)
    moment = at("2026-03-01T12:00:10")

    assert pattern.last_until(moment) == moment
    assert pattern.next_after(moment) == at("2026-03-01T12:00:20")


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-07", 24), ("2026-03-08", 23), ("2026-10-31", 24), ("2026-11-01", 25)],
)
def test_a_day_of_a_zone_may_have_23_or_25_hours(day: str, hours: int) -> None:
    pattern = make_pattern("CRON_TZ=America/New_York 0 0 0 * * *", START)
    first = pattern.next_after(at(f"{day}T03:00:00"))
    assert first is not None
    second = pattern.next_after(first)
    assert second is not None

    assert second - first == timedelta(hours=hours)


@pytest.mark.parametrize(
    "cron",
    [
        "CRON_TZ=Mars/Olympus 0 0 4 * * *",
        "* * * *",
        "@every 0s",
        "@every 0.0000001s",
        "@every 0.001s",
        "@every 999999h",
        "@every 99999999999999h",
        "x",
    ],
)
def test_what_is_no_pattern(cron: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        make_pattern(cron, START)


def test_a_day_that_never_comes() -> None:
    timers = Timers()

    assert timers.update([spec_of("0 0 0 30 2 *")], START) == []
    assert timers.next_at() is None
    assert timers.due(START + timedelta(days=800)) == []


def test_it_does_not_drift() -> None:
    """Each look comes late, and the moments stay where they are."""
    timers, moments, now = Timers(), [], START
    timers.update([spec_of("@every 1s")], START)
    for _ in range(5):
        now = (timers.next_at() or now) + timedelta(milliseconds=300)
        moments += [firing.at - START for firing in timers.due(now)]

    assert moments == [timedelta(seconds=number) for number in (1, 2, 3, 4, 5)]


def test_what_was_missed_fires_once_and_is_told() -> None:
    timers = Timers()
    timers.update([spec_of("*/10 * * * * *", "0 0 13 * * *")], START)
    slept = START + timedelta(hours=8)
    firings = timers.due(slept)

    assert [(each.at, each.missed_since) for each in firings] == [
        (at("2026-03-01T20:00:00"), at("2026-03-01T12:00:10")),
        (at("2026-03-01T13:00:00"), None),
    ]
    assert timers.due(slept) == []
    assert timers.next_at() == at("2026-03-01T20:00:10")


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    timers = Timers()
    timers.update([spec_of("*/10 * * * * *")], START)
    back = START - timedelta(hours=5)

    assert timers.due(back) == []
    assert timers.next_at() == at("2026-03-01T07:00:10")


def test_triggers_come_change_and_go_with_the_functions() -> None:
    timers, now = Timers(), START
    timers.update([spec_of("@every 10s"), spec_of("@every 3s", name="g")], now)
    assert timers.next_at() == now + timedelta(seconds=3)
    timers.update([spec_of("@every 10s")], now + timedelta(seconds=2))
    assert timers.next_at() == now + timedelta(seconds=10)  # it did not begin anew
    timers.update([spec_of("@every 5s")], now + timedelta(seconds=2))
    assert timers.next_at() == now + timedelta(seconds=7)
    timers.update([spec_of("@every 5s", is_enabled=False)], now)
    assert timers.next_at() is None


def test_a_trigger_that_cannot_fire_is_told_once_and_stops_no_other() -> None:
    timers = Timers()
    specs = [spec_of("TZ=Mars/Olympus 0 0 4 * * *", "@every 1s")]
    ((key, problem),) = timers.update(specs, START)

    assert (key[0], key[1].name) == ("f", "t0")
    assert "Mars/Olympus" in problem
    assert timers.update(specs, START) == []
    assert len(timers.due(START + timedelta(seconds=1))) == 1


def test_the_event() -> None:
    firing = Firing("f", TimerTrigger("t", "@every 1s", "负载 {}"), START, None)

    assert json.loads(timer_event(firing)) == {
        "triggerTime": "2026-03-01T12:00:07Z", "triggerName": "t", "payload": "负载 {}",
    }  # fmt: skip
