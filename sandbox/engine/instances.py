"""The shell of an instance: events in from descriptors and pids, effects out to them.

All decisions are the machine's (`sandbox.core.instance`); this file only performs them, in the
order given. It is the one place where lifecycle, guest and log meet.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from sandbox.core.effects import (
    Announce,
    Answer,
    Available,
    Begin,
    Broken,
    Effect,
    End,
    Exit,
    Freeze,
    KillTree,
    Reply,
    Request,
    Requeue,
    RuntimeInited,
    SendInvoke,
    SendPreStop,
    SendSetup,
    Terminate,
    Thaw,
)
from sandbox.core.instance import Instance
from sandbox.core.lifecycle import Event, State
from sandbox.core.outcome import Outcome, describe_status
from sandbox.core.spec import FunctionSpec
from sandbox.engine.enclosure import Enclosure
from sandbox.engine.guest import CALLBACKS_A_LOOK, Guest
from sandbox.engine.host import Host
from sandbox.engine.logs import InstanceLog
from worker import wire
from worker.records import TOKEN_BYTES

__all__ = ["InstanceShell", "PoolSide", "make_setup"]

_LEAVING = frozenset(
    (State.DRAINING, State.PRESTOPPING, State.TERMINATING, State.KILLING, State.DEAD)
)
_ENDING = frozenset((State.TERMINATING, State.KILLING, State.DEAD))
_EVENT_OF = {
    wire.HELLO: Event.HELLO,
    wire.READY: Event.READY,
    wire.INIT_FAILED: Event.INIT_FAILED,
    wire.RESULT: Event.DONE,
    wire.FAILED: Event.DONE,
    wire.STOPPED: Event.STOPPED,
}


class PoolSide(Protocol):
    """What an instance tells its pool."""

    def on_available(self, shell: "InstanceShell") -> None:
        """It has room for a request more."""

    def on_idle_deadline(self, shell: "InstanceShell", now: float) -> None:
        """It has been IDLE for its idle timeout; the pool moves `idle_until_s`, or stops it."""

    def on_requeue(self, request: Request, why: str) -> None:
        """A request that never ran comes back."""

    def on_left(self, shell: "InstanceShell") -> None:
        """It is on its way down: its place is free."""

    def on_dead(self, shell: "InstanceShell") -> None:
        """It is DEAD, and nothing of it is left."""


class InstanceShell:
    """One instance, from before its process exists until nothing of it is left."""

    def __init__(
        self, host: Host, spec: FunctionSpec, pool: PoolSide, request: Request | None, guest: Guest
    ) -> None:
        now = time.monotonic()
        self.machine = Instance(
            host.ids.instance_id(), spec, host.settings, host.ids.request_id, now, request
        )
        self.watched_s: float | None = None
        self.idle_until_s: float | None = None
        self.has_left = False
        """It will never serve again, though it may still finish what it does."""
        self._replies: list[tuple[Request, Outcome]] = []
        self.is_retiring = False
        """To be stopped as soon as the request that waits for it is done."""
        self._host = host
        self._pool = pool
        self._guest = guest
        self._log: InstanceLog | None = None
        self._enclosure = Enclosure(
            host.walls, host.memory, spec, guest, self.machine.note_memory, self._out_of_memory
        )
        self._paused_s: float | None = None
        self._behind_s = 0.0
        """How long its clocks stood still."""
        self._asked = 0
        """How many callbacks the worker was asked to run."""
        # No text in UTF-8 holds a byte FF: none of it is ever held back as half a token.
        self._token = b"\xff" + os.urandom(TOKEN_BYTES - 1)
        self._setup = b""
        """What SETUP is going to say, once it is made."""
        self._announce("fc:Instance:Creating", request.id if request else "")
        guest.owner = self
        host.deadlines.watch(self)
        if guest.has_greeted:
            self.handle(Event.HELLO)

    @property
    def id(self) -> str:
        """The instance id."""
        return self.machine.id

    @property
    def state(self) -> State:
        """The lifecycle state."""
        return self.machine.state

    @property
    def pid(self) -> int:
        """The worker's process id; 0 when it has none."""
        return self._guest.pid

    @property
    def deadline_s(self) -> float | None:
        """The machine's deadline; the idle timeout's while IDLE; none while its clocks stand."""
        if self._paused_s is not None:
            return None
        deadline_s = self.machine.deadline_s
        return self.idle_until_s if deadline_s is None else deadline_s + self._behind_s

    def clock_s(self, now: float) -> float:
        """The machine's time: it does not know of the time that its clocks stood still."""
        return (now if self._paused_s is None else self._paused_s) - self._behind_s

    def pause(self) -> None:
        """Its clocks stand still: a debugger has it, and people take their time."""
        if self._paused_s is None and self.state not in _ENDING:
            self._paused_s = time.monotonic()

    def resume(self) -> None:
        """Its clocks go on where they stood."""
        if self._paused_s is None:
            return
        stood_s, self._paused_s = time.monotonic() - self._paused_s, None
        self._behind_s += stood_s
        if self.idle_until_s is not None:
            self.idle_until_s += stood_s
        self._host.deadlines.watch(self)

    def on_deadline(self, now: float) -> None:
        """See `Deadlines`."""
        if self.machine.deadline_s is None:
            self._pool.on_idle_deadline(self, now)
        else:
            self.handle(Event.DEADLINE, Answer(max_rss_kb=self._guest.peak_rss_kb()))

    def handle(self, event: Event, detail: Answer | Broken | Exit | Request | None = None) -> None:
        """Feeds the machine one event and performs what it asks for."""
        machine = self.machine
        for effect in machine.handle(event, self.clock_s(time.monotonic()), detail):
            _PERFORM[type(effect)](self, effect)
        if machine.state in _ENDING:
            self.resume()  # no callback runs any more
        self._host.deadlines.watch(self)
        if machine.state in _LEAVING and not self.has_left:
            self.has_left = True
            self._pool.on_left(self)
        # Last of all: a caller may invoke again from its callback, and finds the pool in order.
        while self._replies:
            request, outcome = self._replies.pop(0)
            request.reply(request, outcome)

    def stop(self) -> None:
        """Ends it in good order: the present request, PreStop, SIGTERM."""
        if self.machine.waiting and self.state in (State.STARTING, State.INITIALIZING):
            self.is_retiring = True  # somebody waits for it: serve that one, then stop
        elif self.state is not State.DEAD:
            self.handle(Event.STOP)

    def kill(self, reason: str, is_cancelled: bool) -> None:
        """Ends it at once, whatever it does."""
        if self.state is State.DEAD:
            return
        rss_kb = self._guest.peak_rss_kb() if self.machine.request else 0
        was = self.state
        self.handle(Event.BROKEN, Broken(reason, rss_kb, is_cancelled))
        if was in (State.TERMINATING, State.KILLING):
            self._guest.kill_tree()  # it was on its way down already, only not so fast

    def cancel(self, request: Request) -> None:
        """Its caller went away. Nothing of it is charged to the next one, so the instance ends;
        unless it may serve others at the same time, for whose sake it goes on."""
        if self.machine.spec.concurrency > 1 and self.machine.waiting is not request:
            self.handle(Event.ABANDONED, request)
        else:
            self.kill("the caller went away", is_cancelled=True)

    def signal(self, signum: int) -> None:
        """Sends the worker a signal, for fault injection. A frozen one is woken to get it."""
        self._enclosure.thaw()
        self._guest.signal(signum)

    # -- Owner -----------------------------------------------------------------------------------

    def on_spawned(self) -> None:
        # Its control group takes the kernel a third of a millisecond: as long as the worker takes
        # to come to itself, and once it has said hello it would wait for that.
        if self._host.debugger is None and self.state is State.STARTING:
            try:
                self._setup = self._make_setup()
            except OSError:
                pass  # it is tried again, and told, when there is a worker to send it to

    def on_message(self, message: wire.Message) -> None:
        kind = message.kind
        if kind == wire.HELLO:
            self.handle(Event.HELLO)
            return
        if kind == wire.WALLS:
            self._take_walls(wire.unpack_walls(message.body))
            return
        rss_kb = wire.unpack_usage(message.meta)
        is_failed = kind in (wire.FAILED, wire.INIT_FAILED) or (
            kind == wire.STOPPED and bool(message.body)
        )
        event, number = _EVENT_OF[kind], 0
        if event is Event.DONE and len(self.machine.open) > 1:
            event, number = Event.ANSWERED, wire.sequence_of(message.meta)
        self.handle(event, Answer(message.body, is_failed, rss_kb, number))

    def _take_walls(self, report: dict[str, list[Any]]) -> None:
        for port in report.get("debug", ()):
            if self._host.debugger:
                self._host.debugger.on_listening(self, port)
        refusal = self._host.take_walls(self.machine.spec, report)
        if refusal:
            self._guest.failure = refusal
            self._guest.kill_tree()

    def _out_of_memory(self, kb: int) -> None:
        self.handle(Event.BROKEN, Broken("out of memory", kb, is_oom=True))

    def on_broken(self, reason: str) -> None:
        self._notice(reason)
        self.handle(Event.BROKEN, Broken(reason, self._guest.peak_rss_kb()))

    def on_exit(self, guest: Guest) -> None:
        self._enclosure.thaw()
        self._host.forget_exited(guest, self._gone)

    def _gone(self) -> None:
        guest = self._guest
        was = self.state
        undelivered = max(0, self._asked - guest.callbacks_begun())
        is_oom = self._enclosure.has_run_out_of_memory()
        exit = Exit(guest.status, guest.max_rss_kb, undelivered, is_oom)
        self.handle(Event.EXITED, exit)
        if was not in (State.TERMINATING, State.KILLING):
            self._notice_death(was)
        guest.close()
        self._enclosure.close()
        if self._log:
            self._log.close()
        elif guest.stdout >= 0:
            os.close(guest.stdout)
            os.close(guest.stderr)
        self.idle_until_s = None
        self._host.deadlines.forget(self)
        self._pool.on_dead(self)

    def _notice_death(self, was: State) -> None:
        guest = self._guest
        if guest.failure:
            self._notice(guest.failure)
        elif guest.status is not None:
            is_oom = self._enclosure.has_run_out_of_memory()
            limit_mb = self.machine.spec.memory_mb if is_oom else 0
            words = describe_status(guest.status, limit_mb)
            self._notice(f"the worker ended by itself while {was.value}: {words}")

    # -- effects ---------------------------------------------------------------------------------

    def _runtime_inited(self, effect: RuntimeInited) -> None:
        self._open_log().inited(self.machine.spec.runtime)

    def _send_setup(self, effect: SendSetup) -> None:
        spec, guest, host = self.machine.spec, self._guest, self._host
        self._asked += spec.initializer is not None
        debug = host.debugger.setup_of(spec) if host.debugger else None
        try:
            setup = self._setup or self._make_setup(debug)
        except OSError as exc:
            guest.failure = f"no control group: {exc.filename}: {exc.strerror}"
            guest.kill_tree()
            return
        self._setup = b""
        guest.allow(spec.concurrency)
        if debug:
            self.pause()  # to start the debugger takes longer than some Initializers may
        guest.send(wire.SETUP, b"", setup)

    def _make_setup(self, debug: dict[str, object] | None = None) -> bytes:
        spec, request_id = self.machine.spec, self.machine.start_request_id
        walls = self._enclosure.open()
        return make_setup(spec, self._host, self.id, request_id, self._token, walls, debug)

    def _send_invoke(self, effect: SendInvoke) -> None:
        request = effect.request
        self._asked += 1
        if self._asked % CALLBACKS_A_LOOK == 0:
            self._guest.callbacks_begun()
        meta = wire.invoke_meta(effect.sequence, request.id, request.is_http, request.retries)
        self._guest.send(wire.INVOKE, meta, request.event)

    def _send_prestop(self, effect: SendPreStop) -> None:
        self._asked += 1
        self._guest.send(wire.PRESTOP, effect.request_id.encode("ascii"))

    def _begin(self, effect: Begin) -> None:
        self._enclosure.begin()
        self._open_log().begin(effect.phase, effect.request_id)
        self._announce(f"fcbox:{effect.phase}:Start", effect.request_id)

    def _end(self, effect: End) -> None:
        if not self.machine.open:
            self._enclosure.end()
        self._open_log().end(effect.request_id, effect.error)
        self._announce(f"fcbox:{effect.phase}:End", effect.request_id, effect.error)

    def _reply(self, effect: Reply) -> None:
        if self._log:
            effect.request.tail = self._log.tail_of(effect.request.id)
        cause = effect.outcome.cause.value
        self._announce("fcbox:Request:Replied", effect.request.id, cause)
        self._replies.append((effect.request, effect.outcome))

    def _requeue(self, effect: Requeue) -> None:
        self._pool.on_requeue(effect.request, self._guest.failure)

    def _terminate(self, effect: Terminate) -> None:
        self._guest.terminate()

    def _kill_tree(self, effect: KillTree) -> None:
        self._guest.kill_tree()
        self._enclosure.kill()

    def _freeze(self, effect: Freeze) -> None:
        self._enclosure.freeze()

    def _thaw(self, effect: Thaw) -> None:
        self._enclosure.thaw()

    def _available(self, effect: Available) -> None:
        self._pool.on_available(self)

    def _perform_announce(self, effect: Announce) -> None:
        self._announce(effect.name, "", effect.detail)

    # -- small parts -----------------------------------------------------------------------------

    def _open_log(self) -> InstanceLog:
        if self._log is None:
            guest, hub = self._guest, self._host.hub
            name = self.machine.spec.name
            self._log = InstanceLog(hub, name, self.id, guest.stdout, guest.stderr, self._token)
        return self._log

    def _announce(self, name: str, request_id: str = "", detail: str = "") -> None:
        self._host.announce(name, self.machine.spec.name, self.id, request_id, detail)

    def _notice(self, text: str) -> None:
        self._host.hub.notice(self.machine.spec.name, self.id, text)


_PERFORM: dict[type[Effect], Callable[[InstanceShell, Any], None]] = {
    RuntimeInited: InstanceShell._runtime_inited,
    SendSetup: InstanceShell._send_setup,
    SendInvoke: InstanceShell._send_invoke,
    SendPreStop: InstanceShell._send_prestop,
    Begin: InstanceShell._begin,
    End: InstanceShell._end,
    Reply: InstanceShell._reply,
    Requeue: InstanceShell._requeue,
    Terminate: InstanceShell._terminate,
    KillTree: InstanceShell._kill_tree,
    Available: InstanceShell._available,
    Freeze: InstanceShell._freeze,
    Thaw: InstanceShell._thaw,
    Announce: InstanceShell._perform_announce,
}


def make_setup(
    spec: FunctionSpec,
    host: Host,
    instance_id: str,
    request_id: str,
    token: bytes,
    walls: dict[str, Any] | None,
    debug: dict[str, object] | None = None,
) -> bytes:
    """The JSON of SETUP: everything that stays the same for the instance's life."""
    setup = {
        "instance_id": instance_id,
        "request_id": request_id,
        "runtime": spec.runtime,
        "function": {
            "name": spec.name,
            "handler": spec.handler,
            "memory": spec.memory_mb,
            "timeout": int(spec.timeout_s) if spec.timeout_s >= 1 else spec.timeout_s,
        },
        "service": {
            "name": "",
            "log_project": "",
            "log_store": "",
            "qualifier": "LATEST",
            "version_id": "",
        },
        "credentials": {"access_key_id": "", "access_key_secret": "", "security_token": ""},
        "region": spec.region,
        "account_id": spec.account_id,
        "environment": dict(spec.environment),
        "initializer": spec.initializer.handler if spec.initializer else "",
        "pre_stop": spec.pre_stop.handler if spec.pre_stop else "",
        "is_wsgi": spec.is_wsgi,
        "code_dir": spec.code_dir,
        "layers": spec.layers,
        "mounts": spec.mounts,
        "home": host.home,
        "logger_layout": host.settings.logger_layout,
        "log_token": token.hex(),
        "walls": walls,
        "debug": debug,
        "custom": _custom_part(spec),
    }
    return json.dumps(setup).encode("ascii")


def _custom_part(spec: FunctionSpec) -> dict[str, Any] | None:
    custom, initializer, pre_stop = spec.custom, spec.initializer, spec.pre_stop
    if custom is None:
        return None
    return {
        "command": custom.command,
        "port": custom.port,
        "start_timeout_s": custom.start_timeout_s,
        "health_check": custom.health_check._asdict() if custom.health_check else None,
        "concurrency": spec.concurrency,
        "initializer_command": initializer.command if initializer else (),
        "initializer_timeout_s": initializer.timeout_s if initializer else 0.0,
        "pre_stop_command": pre_stop.command if pre_stop else (),
    }
