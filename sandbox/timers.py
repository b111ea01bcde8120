"""Timer triggers: functions that are invoked by the clock, asynchronously, as the cloud does it.

    Pattern     a cronExpression: when it is due next, and when it was due last
    Timers      all triggers of all functions: what fires now, and when to look again
    TimerService  looks, and puts what fires into the queue

The first two are pure: time is a parameter. A trigger's next moment follows from its expression,
not from when the last one was served, so it does not drift. After the machine slept, or the loop
was stopped, a trigger that missed several moments fires once, for the last of them, and says so.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, Protocol

from sandbox.asynchronous.queue import AsyncQueue
from sandbox.core.spec import FunctionSpec, TimerTrigger
from sandbox.engine.loop import TimerHandle
from sandbox.engine.supervisor import Supervisor
from sandbox.http.refusals import Refused

__all__ = ["Firing", "Pattern", "TimerService", "Timers", "make_pattern", "timer_event"]

LOOK_S = 1.0
"""How often the specs are looked at, and the wall clock, which may be set or have stood still."""

_LEAST_S, _MOST_S = 1.0, 10 * 366 * 86400.0
"""Of the intervals of @every: shorter ones would only fill the queue."""

_EVERY = re.compile(r"@every\s+((?:[0-9.]+[hms])+)", re.ASCII)
_PART = re.compile(r"([0-9.]+)([hms])", re.ASCII)
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)", re.ASCII)
_UNIT_S = {"h": 3600, "m": 60, "s": 1}
_SECOND = timedelta(seconds=1)


class Pattern(Protocol):
    """When a trigger is due. All moments are aware and in UTC."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first one after it; None when there is none for years."""

    def last_until(self, moment: datetime) -> datetime | None:
        """The last one that is not after it."""


class _Every:
    """Each so many seconds from when the trigger was first seen."""

    def __init__(self, period: timedelta, start: datetime) -> None:
        self._period, self._start = period, start

    def next_after(self, moment: datetime) -> datetime:
        return self.last_until(moment) + self._period

    def last_until(self, moment: datetime) -> datetime:
        return self._start + (moment - self._start) // self._period * self._period


class _Cron:
    """Six fields, the first one seconds, in a time zone."""

    def __init__(self, fields: str, zone: tzinfo) -> None:
        from croniter import croniter  # here: only a run with timers needs it

        self._fields, self._zone, self._croniter = fields, zone, croniter
        if len(fields.split()) != 6 or not croniter.is_valid(fields, second_at_beginning=True):
            raise ValueError(f"'{fields}' is no cron expression of six fields")

    def next_after(self, moment: datetime) -> datetime | None:
        return self._look(moment, "get_next")

    def last_until(self, moment: datetime) -> datetime | None:
        return self._look(moment.replace(microsecond=0) + _SECOND, "get_prev")

    def _look(self, moment: datetime, method: str) -> datetime | None:
        from croniter import CroniterBadDateError

        start = moment.astimezone(self._zone)
        found = self._croniter(self._fields, start, second_at_beginning=True)
        try:
            there: datetime = getattr(found, method)(datetime)
        except CroniterBadDateError:  # such as the 30th of February
            return None
        return there.astimezone(UTC)


def make_pattern(cron: str, start: datetime) -> Pattern:
    """Of a cronExpression. `start` is where the intervals of @every begin. Raises ValueError."""
    text = cron.strip()
    if every := _EVERY.fullmatch(text):
        seconds = sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(every[1]))
        if not _LEAST_S <= seconds <= _MOST_S:
            raise ValueError(f"the interval of '{cron}' is not from a second to ten years")
        return _Every(timedelta(seconds=seconds), start)
    if zoned := _ZONE.fullmatch(text):
        return _Cron(zoned[2], _zone_of(zoned[1]))
    return _Cron(text, UTC)


def _zone_of(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"this machine knows no time zone '{name}'") from None


class Firing(NamedTuple):
    """A trigger whose moment `at` has come; `missed_since` is the first of those it missed."""

    function: str
    trigger: TimerTrigger
    at: datetime
    missed_since: datetime | None


def timer_event(firing: Firing) -> bytes:
    """What the function is invoked with: the cloud's form (help.aliyun.com, "timer triggers")."""
    document = {
        "triggerTime": firing.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "triggerName": firing.trigger.name,
        "payload": firing.trigger.payload,
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


_Key = tuple[str, TimerTrigger]


class _Alarm:
    def __init__(self, pattern: Pattern, now: datetime) -> None:
        self.pattern = pattern
        self.next = pattern.next_after(now)


class Timers:
    """What fires when. A trigger that changed is another one, and begins anew."""

    def __init__(self) -> None:
        self._alarms: dict[_Key, _Alarm | None] = {}

    def update(self, specs: Iterable[FunctionSpec], now: datetime) -> list[tuple[_Key, str]]:
        """The functions are these from now on; gives the triggers that cannot fire, once."""
        wanted = [(spec.name, each) for spec in specs for each in spec.timers if each.is_enabled]
        self._alarms = {key: self._alarms[key] for key in wanted if key in self._alarms}
        problems = []
        for key in wanted:
            if key not in self._alarms:
                try:
                    self._alarms[key] = _Alarm(make_pattern(key[1].cron, now), now)
                except ValueError as exc:
                    self._alarms[key] = None
                    problems.append((key, str(exc)))
        return problems

    def due(self, now: datetime) -> list[Firing]:
        """What fires now, each trigger at most once."""
        firings = []
        for (function, trigger), alarm in self._alarms.items():
            if alarm is None or alarm.next is None:
                continue
            if alarm.next > now:
                self._set_back(alarm, now)
                continue
            first, last = alarm.next, alarm.pattern.last_until(now) or alarm.next
            missed_since = first if last > first else None
            firings.append(Firing(function, trigger, last, missed_since))
            alarm.next = alarm.pattern.next_after(now)
        return firings

    def next_at(self) -> datetime | None:
        """When something fires next."""
        return min(
            (each.next for each in self._alarms.values() if each and each.next), default=None
        )

    def _set_back(self, alarm: _Alarm, now: datetime) -> None:
        """The wall clock may have been set back by hours: nothing waits until it is there again."""
        sooner = alarm.pattern.next_after(now)
        if sooner and alarm.next and sooner < alarm.next:
            alarm.next = sooner


class TimerService:
    """Lets the triggers of all functions fire, or says that it does not."""

    def __init__(
        self,
        supervisor: Supervisor,
        queue: AsyncQueue,
        say: Callable[[str], None],
        *,
        is_on: bool,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._supervisor = supervisor
        self._queue = queue
        self._say = say
        self._is_on = is_on
        self._wall = wall
        self._timers = Timers()
        self._handle: TimerHandle | None = None
        self._accepting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Serving begins."""
        if self._is_on:
            self._look()
        elif count := sum(each.is_enabled for spec in self._specs() for each in spec.timers):
            what = "1 timer trigger is" if count == 1 else f"{count} timer triggers are"
            self._say(f"{what} off; --timers, or timers: true below fcbox, lets them fire")

    def stop(self) -> None:
        """Nothing fires any more."""
        if self._handle:
            self._handle.cancel()
        self._is_on = False

    def close(self) -> None:
        """What was fired has been accepted, or was refused."""

    def _look(self) -> None:
        if not self._is_on:
            return
        now = self._wall()
        for (function, trigger), problem in self._timers.update(self._specs(), now):
            self._notice(function, f"timer trigger {trigger.name} cannot fire: {problem}")
        for firing in self._timers.due(now):
            self._fire(firing)
        next_at = self._timers.next_at()
        left_s = (next_at - self._wall()).total_seconds() if next_at else LOOK_S
        self._handle = self._supervisor.loop.call_later(min(LOOK_S, max(0.001, left_s)), self._look)

    def _fire(self, firing: Firing) -> None:
        task = asyncio.ensure_future(self._accept(firing))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _accept(self, firing: Firing) -> None:
        name = f"timer trigger {firing.trigger.name}"
        if firing.missed_since:
            since = f"{firing.missed_since:%Y-%m-%dT%H:%M:%SZ}"
            self._notice(firing.function, f"{name} missed its moments since {since}: fires once")
        try:
            request_id = await self._queue.accept(firing.function, timer_event(firing))
        except Refused as refused:
            self._notice(firing.function, f"{name} fires in vain: {refused.message}")
        else:
            self._notice(firing.function, f"{name} fires: {request_id}")

    def _specs(self) -> list[FunctionSpec]:
        return [pool.spec for pool in self._supervisor.pools.values()]

    def _notice(self, function: str, text: str) -> None:
        self._supervisor.host.hub.notice(function, "", text)
