"""The supervisor: all functions of one box over one loop, callbacks in and callbacks out.

    invoke(name, event, reply)   ->  reply(request, outcome), exactly once
    drain(done)                  ->  done(), when no process is left

Everything public (the two APIs, the command line, HTTP) is a thin layer over this class.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import MAX_EVENT_BYTES, BoxSettings, FunctionSpec
from sandbox.core.walls import Walls
from sandbox.engine.host import Host, LifecycleEvent
from sandbox.engine.instances import InstanceShell
from sandbox.engine.logs import LogHub
from sandbox.engine.loop import Loop
from sandbox.engine.pool import Pool
from sandbox.engine.walls import BoxWalls

if TYPE_CHECKING:
    from sandbox.engine.trials import Trial

__all__ = ["EventTooLarge", "InstanceRecord", "Supervisor", "UnknownFunction"]


class UnknownFunction(LookupError):
    """There is no function of that name in this box."""


class EventTooLarge(ValueError):
    """The event of an invocation is over MAX_EVENT_BYTES."""


class InstanceRecord(NamedTuple):
    """A snapshot of an instance. `age_s` in seconds, `max_rss_kb` as its worker last said;
    `isolation` is the level, with a word when not all of it is in force."""

    id: str
    function: str
    state: str
    pid: int
    age_s: float
    invocations: int
    max_rss_kb: int
    request_id: str
    isolation: str


class Supervisor:
    """Runs the functions of `specs`. Not thread-safe: call it on the loop's own thread."""

    def __init__(
        self,
        loop: Loop,
        specs: Iterable[FunctionSpec],
        settings: BoxSettings,
        hub: LogHub,
        home: str,
        box_tag: int,
    ) -> None:
        self.loop = loop
        self.host = Host(loop, settings, hub, home, box_tag)
        self.pools = {spec.name: Pool(self.host, spec) for spec in specs}
        self.outcome_listeners: list[Callable[[FunctionSpec, Request, Outcome], None]] = []
        """Each is called for every outcome, before the caller is told."""
        self._leaving: list[Pool] = []
        self._trials: list[Trial] = []
        self._started_s = time.monotonic()
        self._done: Callable[[], None] | None = None
        self._is_draining = False

    @property
    def walls(self) -> Walls | None:
        """What is in force around the instances; None until the first one has reported."""
        return self.host.walls.told

    @property
    def is_draining(self) -> bool:
        """`drain` has been asked for: no request is taken any more."""
        return self._is_draining

    @property
    def is_trying(self) -> bool:
        """A trial of `start` is not over yet."""
        return not all(trial.is_over for trial in self._trials)

    def start(self, tries_walls: bool = False) -> None:
        """Starts minimum instances, and spares, and finds out what functions must do without.

        With `tries_walls` the walls are known, or refused, before the first request comes; else the
        first instance tells.
        """
        self._begin_trials(tries_walls)
        for pool in self.pools.values():
            pool.ensure_minimum()
        if self.host.settings.spares:
            for python in {pool.spec.python for pool in self.pools.values()}:
                self.host.fill_spares(python)

    def invoke(
        self,
        name: str,
        event: bytes,
        reply: Callable[[Request, Outcome], None],
        *,
        request_id: str = "",
        is_http: bool = False,
        retries: int = 0,
        is_async: bool = False,
    ) -> Request:
        """Takes one request. For the rest of what it may be see `Request`; a fresh id if none.

        Raises UnknownFunction, EventTooLarge, and TypeError for an event that is not bytes.
        """
        pool = self.pools.get(name)
        if pool is None:
            raise UnknownFunction(name)
        if not isinstance(event, bytes):
            raise TypeError(f"an event is bytes, not {type(event).__name__}")
        if len(event) > MAX_EVENT_BYTES:
            raise EventTooLarge(
                f"payload size exceeds maximum allowed size ({MAX_EVENT_BYTES} bytes)"
            )
        counted = partial(self._replied, pool, reply)
        request_id = request_id or self.host.ids.request_id()
        now = time.monotonic()
        request = Request(request_id, event, now, counted, is_http, retries, is_async)
        pool.invoke(request)
        return request

    def cancel(self, name: str, request: Request) -> None:
        """The caller of this request went away; it still gets its outcome."""
        for pool in self._all_pools():
            if pool.spec.name == name:
                pool.cancel(request)

    def add(self, spec: FunctionSpec) -> None:
        """A function more. Raises ValueError when there is one of that name."""
        if spec.name in self.pools:
            raise ValueError(f"there is a function {spec.name} already")
        self.pools[spec.name] = Pool(self.host, spec)
        self.pools[spec.name].ensure_minimum()

    def update(self, spec: FunctionSpec) -> None:
        """The function of that name is this from now on: its instances finish their requests, run
        PreStop and are replaced, if what changed concerns them. Raises UnknownFunction."""
        if spec.name not in self.pools:
            raise UnknownFunction(spec.name)
        self.pools[spec.name].update(spec)

    def remove(self, name: str) -> None:
        """A function less: its instances end in good order. Raises UnknownFunction."""
        if name not in self.pools:
            raise UnknownFunction(name)
        pool = self.pools.pop(name)
        self.host.walls.forget(name)
        if pool.shells:
            self._leaving.append(pool)
            pool.on_empty = partial(self._leaving.remove, pool)
        pool.drain()

    def recycle(self, name: str) -> None:
        """Replaces every instance of a function in good order. Raises UnknownFunction."""
        if name not in self.pools:
            raise UnknownFunction(name)
        self.pools[name].recycle()

    def drain(self, done: Callable[[], None]) -> None:
        """Ends everything in good order: requests finish, PreStop runs. May be asked for once."""
        self._done = done
        self._is_draining = True
        for pool in self._all_pools():
            pool.drain()
        self.host.on_ended = self._check_end
        self._check_end()

    def kill(self) -> None:
        """Ends everything now: no PreStop, no grace. After `drain`, which tells when it is over."""
        self.host.hub.is_hurried = True
        self.host.kill_zygotes()  # one that hangs would leave its instances on their way for ever
        for pool in self._all_pools():
            pool.kill()
        for trial in self._trials:
            trial.kill()

    def shells(self) -> list[InstanceShell]:
        """Every instance that is not DEAD."""
        return [shell for pool in self._all_pools() for shell in pool.shells.values()]

    def find(self, instance_id: str) -> InstanceShell | None:
        """The instance of that id, or of the only id that ends so."""
        found = [shell for shell in self.shells() if shell.id.endswith(instance_id)]
        return found[0] if len(found) == 1 else None

    def instances(self) -> list[InstanceRecord]:
        """A snapshot of every instance."""
        now = time.monotonic()
        isolation = self.host.walls.describe()
        return [_record(shell, now, isolation) for shell in self.shells()]

    def listen(self, listener: Callable[[LifecycleEvent], None]) -> None:
        """Has `listener` called for each entry of the lifecycle event stream."""
        self.host.listeners.append(listener)

    def statistics(self) -> dict[str, object]:
        """Counters since the start, and what is there now."""
        functions = {}
        for name, pool in self.pools.items():
            states = [shell.state.value for shell in pool.shells.values()]
            counts = {state: states.count(state) for state in sorted(set(states))}
            functions[name] = {**pool.counts, "queued": pool.queue_length, "instances": counts}
        return {
            "uptime_s": round(time.monotonic() - self._started_s, 3),
            "isolation": _isolation(self.host.walls),
            "zygotes": self.host.zygote_pids(),
            "functions": functions,
        }

    def _replied(
        self,
        pool: Pool,
        reply: Callable[[Request, Outcome], None],
        request: Request,
        outcome: Outcome,
    ) -> None:
        if outcome.cause is not Cause.OK:
            pool.counts["errors"] += 1
        for listener in self.outcome_listeners:
            listener(pool.spec, request, outcome)
        reply(request, outcome)

    def _all_pools(self) -> list[Pool]:
        """Also those of functions that were removed, until their last instance is gone."""
        return [*self.pools.values(), *self._leaving]

    def _begin_trials(self, tries_walls: bool) -> None:
        tries_walls = tries_walls and self.host.settings.isolation != "none"
        specs = [pool.spec for pool in self.pools.values()]
        if not tries_walls:
            specs = [spec for spec in specs if spec.layers or spec.mounts]
        if specs:
            from sandbox.engine.trials import Trial  # few functions need it

            self._trials = [Trial(self.host, spec) for spec in specs]

    def _check_end(self) -> None:
        is_busy = any(pool.shells for pool in self._all_pools())
        if is_busy or self.is_trying:
            return
        self.host.close()
        if self.host.is_clean and self._done:
            done, self._done = self._done, None
            self.host.hub.close()
            done()


def _isolation(walls: BoxWalls) -> dict[str, object]:
    told = walls.told
    if told is None:
        return {"level": walls.level, "held": [], "lacks": {}}
    return {"level": told.level, "held": sorted(told.held), "lacks": dict(told.lacks)}


def _record(shell: InstanceShell, now: float, isolation: str) -> InstanceRecord:
    machine = shell.machine
    return InstanceRecord(
        machine.id,
        machine.spec.name,
        machine.state.value,
        shell.pid,
        now - machine.created_s,
        machine.invocations,
        machine.max_rss_kb,
        machine.request.id if machine.request else "",
        isolation,
    )
