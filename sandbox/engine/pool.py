"""The instances of one function, and the requests that wait for one.

A request takes the instance with room that was used last; else, below the limit, an instance is
started for it and it waits for that one (its Initializer's failure is this request's failure);
else it waits in one queue, first come first served. Instances started ahead (minimum instances)
wait for nobody. Where an instance has several requests at a time, one that is being started for a
request has room for more: those wait in the queue, and no other is started for them.
"""

import os
import time
from collections import deque
from collections.abc import Callable

from sandbox.core.backoff import Backoff
from sandbox.core.effects import Request
from sandbox.core.lifecycle import Event, State
from sandbox.core.outcome import Cause, Outcome, cancelled_text, error_body
from sandbox.core.spec import FunctionSpec, needs_new_instances
from sandbox.engine.host import Host
from sandbox.engine.instances import InstanceShell
from sandbox.engine.loop import TimerHandle

__all__ = ["Pool"]

_ON_THE_WAY = (State.STARTING, State.INITIALIZING)
_MOST_STARTS = 3
"""How many instances may die under a request before it ran, until it is given up."""


class Pool:
    """One function. `shells` holds every instance that is not DEAD, oldest first."""

    def __init__(self, host: Host, spec: FunctionSpec) -> None:
        self.spec = spec
        self.shells: dict[str, InstanceShell] = {}
        self.counts = {"invocations": 0, "errors": 0, "cold_starts": 0, "created": 0}
        self._host = host
        self._roomy: list[InstanceShell] = []  # the most recently used last: it is taken first
        self._ahead: set[InstanceShell] = set()
        self._queue: deque[Request] = deque()
        self._serving = 0
        self._limit = _limit_of(spec)
        self._backoff = Backoff()
        self._retry: TimerHandle | None = None
        self._is_closing = False
        self._is_held = False
        self.on_empty: Callable[[], None] | None = None
        """Called when the last instance is gone."""

    @property
    def _refusal(self) -> str:
        return self._host.walls.refusal_of(self.spec.name)

    @property
    def queue_length(self) -> int:
        """Requests that wait for an instance."""
        return len(self._queue)

    def invoke(self, request: Request) -> None:
        """Takes one request; it gets exactly one outcome."""
        self.counts["invocations"] += 1
        if self._is_closing or self._refusal:
            why = self._refusal or "the box is stopping"
            self._refuse(request, Cause.NOT_CREATED, why)
        elif self._roomy and not self._queue and not self._host.hub.is_congested:
            self._give(request)
        else:
            self._queue.append(request)
            self._serve_queue()

    def cancel(self, request: Request) -> None:
        """The caller went away: see `InstanceShell.cancel`."""
        if request in self._queue:
            self._queue.remove(request)
            self._refuse_cancelled(request)
            return
        for shell in self.shells.values():
            if shell.machine.has(request):
                shell.cancel(request)
                return

    def ensure_minimum(self) -> None:
        """Starts what is missing of the minimum instances."""
        while self._lacks_minimum():
            if self._backoff.delay_s:
                self._retry_later()
                return
            if not self._start(None):
                self._backoff.failed("it cannot be executed")

    def start_ahead(self) -> bool:
        """Has an instance started that nobody waits for, unless there is one; whether there is."""
        if self._serving or self._is_closing or self._refusal:
            return self._serving > 0
        return self._start(None)

    def recycle(self) -> None:
        """Lets each instance finish its request, runs its PreStop, replaces it."""
        for shell in list(self.shells.values()):
            self._ahead.discard(shell)  # one that is stopped has not failed to start
            shell.stop()

    def update(self, spec: FunctionSpec) -> None:
        """From now on the function is this. Instances are replaced only if they have to be."""
        is_new = needs_new_instances(self.spec, spec)
        self.spec, self._limit = spec, _limit_of(spec)
        if is_new:
            self._host.walls.forget(spec.name)
            self.recycle()
        self._serve_queue()
        self.ensure_minimum()

    def drain(self) -> None:
        """As `recycle`, but no new instance and no new request; those that wait are told."""
        self._is_closing = True
        if self._retry:
            self._retry.cancel()
        while self._queue:
            self._refuse_cancelled(self._queue.popleft())
        self.recycle()

    def kill(self) -> None:
        """Ends everything now."""
        self.drain()
        for shell in list(self.shells.values()):
            shell.kill("the box was stopped hard", is_cancelled=True)

    # -- PoolSide --------------------------------------------------------------------------------

    def on_available(self, shell: InstanceShell) -> None:
        self._ahead.discard(shell)
        self._backoff.succeeded()
        waiting = shell.machine.waiting
        if waiting is not None:
            shell.handle(Event.INVOKE, waiting)
        if shell.is_retiring or self._is_closing:
            shell.handle(Event.STOP)
            return
        while self._queue and shell.machine.room and not self._must_wait():
            shell.handle(Event.INVOKE, self._queue.popleft())
        if shell.machine.room and shell not in self._roomy:
            self._roomy.append(shell)
        if shell.state is State.IDLE:
            shell.idle_until_s = time.monotonic() + self.spec.idle_timeout_s
            if self.spec.is_frozen_when_idle:
                # Later: who waits for the answer need not wait for the freezing.
                self._host.loop.call_soon(self._rest, shell)

    def on_idle_deadline(self, shell: InstanceShell, now: float) -> None:
        shell.idle_until_s = now + self.spec.idle_timeout_s
        if shell.state is State.IDLE and self._serving > self.spec.min_instances:
            shell.handle(Event.STOP)

    def on_requeue(self, request: Request, why: str) -> None:
        if request.starts >= _MOST_STARTS or self._is_closing or self._refusal:
            why = why or "the instances died before the request reached them"
            self._refuse(request, Cause.NOT_CREATED, f"no instance could be created: {why}")
            return
        self._queue.appendleft(request)
        self._host.loop.call_soon(self._serve_queue)

    def on_left(self, shell: InstanceShell) -> None:
        self._serving -= 1
        if shell in self._roomy:
            self._roomy.remove(shell)
        if shell in self._ahead:
            self._ahead.discard(shell)
            self._backoff.failed(shell.machine.failure)
        self._serve_queue()
        self.ensure_minimum()

    def on_dead(self, shell: InstanceShell) -> None:
        del self.shells[shell.id]
        if not self.shells and self.on_empty:
            self.on_empty()
        self._host.ended()

    def _rest(self, shell: InstanceShell) -> None:
        if shell.state is State.IDLE:
            shell.handle(Event.REST)

    # -- small parts -----------------------------------------------------------------------------

    def _serve_queue(self) -> None:
        while self._queue and self._refusal:
            self._refuse(self._queue.popleft(), Cause.NOT_CREATED, self._refusal)
        while self._queue and not self._must_wait():
            if self._roomy:
                self._give(self._queue.popleft())
            elif self._serving < self._limit and len(self._queue) > self._coming_room():
                self._start(self._queue.popleft())
            else:
                return

    def _give(self, request: Request) -> None:
        """To the instance that was used last. Before it begins: a pool is always in order."""
        shell = self._roomy[-1]
        if shell.machine.room == 1:
            self._roomy.pop()
        shell.handle(Event.INVOKE, request)

    def _coming_room(self) -> int:
        """For how many of those that wait there is room in the instances that are on their way."""
        concurrency = self.spec.concurrency
        if concurrency == 1:
            return len(self._ahead)
        coming = [
            shell
            for shell in self.shells.values()
            if shell.state in _ON_THE_WAY and not shell.is_retiring  # that one takes no other
        ]
        return sum(concurrency - (shell not in self._ahead) for shell in coming)

    def _lacks_minimum(self) -> bool:
        wanted = min(self.spec.min_instances, self._limit)
        return self._serving < wanted and not self._is_closing and not self._refusal

    def _must_wait(self) -> bool:
        """No request begins while the log cannot be written: what it prints would have to be
        held in memory, however much that is by and by. Its time does not run yet."""
        hub = self._host.hub
        if hub.is_congested and not self._is_held:
            self._is_held = True
            hub.resume_later(self._let_go)
        return hub.is_congested

    def _let_go(self) -> None:
        self._is_held = False
        self._serve_queue()

    def _start(self, request: Request | None) -> bool:
        try:
            guest = self._host.take_guest(self.spec.python)
        except OSError as exc:
            text = f"no instance could be created: {self.spec.python}: {exc.strerror}"
            if request:
                self._refuse(request, Cause.NOT_CREATED, text)
            self._host.hub.notice(self.spec.name, "", text)
            return False
        self._serving += 1
        self.counts["created"] += 1
        if request:
            request.starts += 1
            self.counts["cold_starts"] += 1
        shell = InstanceShell(self._host, self.spec, self, request, guest)
        self.shells[shell.id] = shell
        if request is None and shell.state in _ON_THE_WAY:
            self._ahead.add(shell)
        return True

    def _retry_later(self) -> None:
        if self._retry is None:
            self._host.hub.notice(self.spec.name, "", self._backoff.describe())
            self._retry = self._host.loop.call_later(self._backoff.delay_s, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        if self._lacks_minimum() and not self._start(None):
            self._backoff.failed("it cannot be executed")
        self.ensure_minimum()

    def _refuse_cancelled(self, request: Request) -> None:
        text = cancelled_text(time.monotonic() - request.accepted_s, 0)
        self._refuse(request, Cause.CANCELLED, text)

    def _refuse(self, request: Request, cause: Cause, text: str) -> None:
        kind = "FCCommonError" if cause is Cause.NOT_CREATED else "UnhandledInvocationError"
        request.reply(request, Outcome(error_body(text), cause, kind))


def _limit_of(spec: FunctionSpec) -> int:
    return spec.max_instances or max(2, os.cpu_count() or 1)
