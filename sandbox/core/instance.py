"""One instance, pure: events in, effects out, time as a parameter.

    Instance.handle(event, now, detail) -> list[Effect]

The shell (`sandbox.engine.instances`) turns what happens to descriptors and processes into
events, and performs the effects in the order given. `deadline_s` is the live deadline of the
present state, absolute and monotonic; every state but IDLE and DEAD has one, and the shell owes
a DEADLINE event soon after it has passed.

Freezing, for functions that ask for it: the pool says REST of an instance that it has nothing
for. Were it frozen with every Available, one that takes the next request from the queue at once
would be frozen and thawed in between for nothing. Whatever leads out of IDLE begins with Thaw.

Request ids: an Initializer runs under the id of the invocation that caused the cold start, or
under a fresh one when the instance was started ahead; PreStop under a fresh one.
"""

from collections.abc import Callable

from sandbox.core.effects import (
    INITIALIZE,
    INVOKE,
    PRESTOP,
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
from sandbox.core.lifecycle import Event, State, next_state
from sandbox.core.outcome import (
    Cause,
    Outcome,
    cancelled_text,
    describe_status,
    error_body,
    error_text,
    exited_text,
    timeout_text,
)
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Instance"]


START_TIMEOUT_S = 30.0
"""Clone to hello, and hello to ready without an Initializer: ours alone, so generous."""
KILL_RETRY_S = 1.0
"""SIGKILL is repeated: a fork may have raced it, or the kernel hold the process back."""

UNHANDLED = "UnhandledInvocationError"
INITIALIZATION = "InitializationError"
_UNHANDLED_TEXT = "Unhandled function error"
_REQUEUED_TEXT = "the instance ended before the request reached it; another one takes it"


_AVAILABLE, _TERMINATE, _KILL_TREE = Available(), Terminate(), KillTree()
_FREEZE, _THAW = Freeze(), Thaw()
_KILLED = -9
"""SIGKILL, as a status."""


class Instance:
    """The lifecycle of one instance. `state` is written by `handle` alone.

    `request` is the one that runs, or the one whose arrival caused this instance to be started
    and which it will serve first; an Initializer's failure is that request's failure.
    """

    __slots__ = (
        "_began_s",
        "_is_frozen",
        "_is_memory_old",
        "_new_request_id",
        "_open",
        "_pending_end",
        "_reached_mb",
        "_settings",
        "created_s",
        "deadline_s",
        "failure",
        "id",
        "initialize_s",
        "invocations",
        "max_rss_kb",
        "request",
        "spec",
        "state",
    )

    def __init__(
        self,
        id: str,
        spec: FunctionSpec,
        settings: BoxSettings,
        new_request_id: Callable[[], str],
        now: float,
        request: Request | None = None,
    ) -> None:
        self.id = id
        self.spec = spec
        self.state = State.STARTING
        self.request = request
        self.created_s = now
        self.deadline_s: float | None = now + START_TIMEOUT_S
        self.invocations = 0
        self.initialize_s = 0.0
        self.max_rss_kb = 0
        self.failure = ""
        """Why it did not become ready, in words."""
        self._settings = settings
        self._new_request_id = new_request_id
        self._began_s = now
        self._open: Begin | None = None
        self._pending_end: End | None = None
        self._reached_mb = 0  # the memory limit, once it has been the end of the instance
        self._is_frozen = False
        self._is_memory_old = True

    def handle(
        self, event: Event, now: float, detail: "Answer | Broken | Exit | Request | None" = None
    ) -> list[Effect]:
        """Applies one event. Raises IllegalEvent, changing nothing, if it cannot come now."""
        was = self.state
        self.state = next_state(was, event)
        if detail is not None and not isinstance(detail, Request):
            self.note_memory(detail.max_rss_kb)
        effects: list[Effect] = _HANDLERS[event](self, was, now, detail)
        if self._is_frozen and self.state is not State.IDLE:
            self._is_frozen = False
            if self.state is not State.DEAD:
                effects.insert(0, _THAW)
        return effects

    def note_memory(self, kb: int) -> None:
        """What was measured between two events; the largest in one callback counts."""
        if kb:
            self.max_rss_kb = kb if self._is_memory_old else max(self.max_rss_kb, kb)
            self._is_memory_old = False

    # -- on the way up ---------------------------------------------------------------------------

    def _hello(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is not State.STARTING:
            return []
        request_id = self.request.id if self.request else self._new_request_id()
        hook = self.spec.initializer
        self._began_s = now
        self.deadline_s = now + (hook.timeout_s if hook else START_TIMEOUT_S)
        effects: list[Effect] = [
            Announce("fc:Instance:RuntimeInitializationSuccess"),
            RuntimeInited(),
        ]
        if hook:
            effects.append(self._begin(INITIALIZE, request_id))
        effects.append(SendSetup(request_id))
        return effects

    def _ready(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is not State.INITIALIZING:
            return []
        self.deadline_s = None
        effects: list[Effect] = []
        if self._open:
            self.initialize_s = now - self._began_s
            effects = [self._end(), Announce("fc:Instance:InitializationSuccess")]
        effects += [Announce("fc:Instance:CreateSuccess"), _AVAILABLE]
        return effects

    def _init_failed(self, was: State, now: float, detail: Answer) -> list[Effect]:
        if was is not State.INITIALIZING:
            return []
        self.deadline_s = now + self._settings.grace_s
        effects: list[Effect] = [self._end(_UNHANDLED_TEXT)] if self._open else []
        effects += self._start_failed(was, error_text(detail.body))
        effects += self._reply(now, Cause.ERROR, detail.body, INITIALIZATION)
        effects.append(_TERMINATE)
        return effects

    # -- requests --------------------------------------------------------------------------------

    def _rest(self, was: State, now: float, detail: object) -> list[Effect]:
        if self._is_frozen or not self.spec.is_frozen_when_idle:
            return []
        self._is_frozen = True
        return [_FREEZE]

    def _invoke(self, was: State, now: float, request: Request) -> list[Effect]:
        self.request = request
        self.invocations += 1
        self._began_s = now
        self.deadline_s = now + self.spec.timeout_s
        return [self._begin(INVOKE, request.id), SendInvoke(self.invocations, request)]

    def _done(self, was: State, now: float, answer: Answer) -> list[Effect]:
        if was is State.KILLING:
            return []
        self.deadline_s = None
        if answer.failed:
            effects: list[Effect] = [self._end(_UNHANDLED_TEXT)]
            effects += self._reply(now, Cause.ERROR, answer.body, UNHANDLED)
        else:
            effects = [self._end(), *self._reply(now, Cause.OK, answer.body, "")]
        if was is State.DRAINING:
            return effects + self._enter_prestopping(now)
        effects.append(_AVAILABLE)
        return effects

    # -- on the way down -------------------------------------------------------------------------

    def _stop(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is State.IDLE:
            return self._enter_prestopping(now)
        if was is State.INITIALIZING:
            self.deadline_s = now + self._settings.grace_s
            text = "the instance was stopped"
            if self._open:
                self._pending_end = self._end(text)
            return [*self._cancel(now), _TERMINATE]
        if was is State.STARTING:
            self.deadline_s = now + KILL_RETRY_S
            return [*self._cancel(now), _KILL_TREE]
        return []

    def _enter_prestopping(self, now: float) -> list[Effect]:
        hook = self.spec.pre_stop
        if hook is None:
            return self.handle(Event.STOPPED, now)
        request_id = self._new_request_id()
        self._began_s = now
        self.deadline_s = now + hook.timeout_s
        return [self._begin(PRESTOP, request_id), SendPreStop(request_id)]

    def _stopped(self, was: State, now: float, answer: Answer | None) -> list[Effect]:
        if was is not State.PRESTOPPING:
            return []
        self.deadline_s = now + self._settings.grace_s
        if not self._open:
            return [_TERMINATE]
        error = _UNHANDLED_TEXT if answer and answer.failed else ""
        return [self._end(error), _TERMINATE]

    def _deadline(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is State.DEAD:
            return []
        if was in (State.STARTING, State.TERMINATING, State.KILLING):
            self.deadline_s = now + KILL_RETRY_S
            failed = self._start_failed(was, "the worker did not start")
            return [*failed, *self._not_created(now), _KILL_TREE]
        # A callback's time is up. The SIGTERM asks for the stack dump; its lines come before the
        # End line, so that one waits for the exit. The caller does not.
        self.deadline_s = now + self._settings.dump_grace_s
        text = timeout_text(self._timeout_s(was), self.max_rss_kb)
        if self._open:
            self._pending_end = self._end(text)
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        effects = self._start_failed(was, text)
        effects += self._reply(now, Cause.TIMEOUT, error_body(text), kind)
        return [*effects, _TERMINATE]

    def _timeout_s(self, state: State) -> float:
        if state is State.INITIALIZING:
            return self.spec.initializer.timeout_s if self.spec.initializer else START_TIMEOUT_S
        if state is State.PRESTOPPING and self.spec.pre_stop:
            return self.spec.pre_stop.timeout_s
        return self.spec.timeout_s

    def _broken(self, was: State, now: float, broken: Broken) -> list[Effect]:
        if was is State.DEAD:
            return []
        if broken.is_oom:
            self._reached_mb = self.spec.memory_mb
        if was in (State.TERMINATING, State.KILLING):
            # What is on its way down may take its time for that, but not more memory.
            return [_KILL_TREE] if broken.is_oom else []
        self.deadline_s = now + KILL_RETRY_S
        cause, text, reason = self._why_broken(broken, now)
        effects: list[Effect] = [Announce("fcbox:Instance:Broken", reason)]
        effects += self._start_failed(was, reason)
        if self._open:
            self._pending_end = self._end(text)
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        effects += self._reply(now, cause, error_body(text), kind, reason)
        effects.append(_KILL_TREE)
        return effects

    def _why_broken(self, broken: Broken, now: float) -> tuple[Cause, str, str]:
        """The cause, the text for the caller, and the reason for the event stream."""
        if broken.is_oom:
            return Cause.OOM, self._exited_text(now), describe_status(_KILLED, self._reached_mb)
        if broken.is_cancelled:
            text = cancelled_text(now - self._began_s, self.max_rss_kb)
            return Cause.CANCELLED, text, broken.reason
        return Cause.EXIT, self._exited_text(now), broken.reason

    def _exited(self, was: State, now: float, exit: Exit) -> list[Effect]:
        self.deadline_s = None
        if exit.is_oom:
            self._reached_mb = self.spec.memory_mb
        words = describe_status(exit.status, self._reached_mb)
        effects: list[Effect] = []
        # Code of the function runs in a callback, and nowhere else.
        is_untouched = exit.is_undelivered or not self._open
        if self.request and is_untouched:
            effects = [self._end(_REQUEUED_TEXT)] if self._open else []
            effects.append(Requeue(self._take_request()))
        else:
            effects += self._fail_by_exit(was, now, exit.status or 0, words)
        if self._pending_end:
            effects.append(self._pending_end)
        is_wanted = was in (State.TERMINATING, State.KILLING, State.PRESTOPPING)
        effects += self._start_failed(was, words)
        is_in_order = is_wanted and not self._reached_mb
        name = "fc:Instance:DestroySuccess" if is_in_order else "fcbox:Instance:Died"
        effects.append(Announce(name, words))
        return effects

    def _fail_by_exit(self, was: State, now: float, status: int, words: str) -> list[Effect]:
        text = self._exited_text(now)
        effects: list[Effect] = [self._end(text)] if self._open else []
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        cause, signum = (Cause.SIGNAL, -status) if status < 0 else (Cause.EXIT, 0)
        if self._reached_mb:
            cause, signum = Cause.OOM, 0
        return effects + self._reply(now, cause, error_body(text), kind, words, signum)

    # -- small parts -----------------------------------------------------------------------------

    def _exited_text(self, now: float) -> str:
        return exited_text(now - self._began_s, self.max_rss_kb, self._reached_mb)

    def _start_failed(self, was: State, reason: str) -> list[Effect]:
        """What the event stream is told when an instance did not become ready."""
        if was is State.STARTING:
            name = "fc:Instance:RuntimeInitializationFailed"
        elif was is State.INITIALIZING:
            name = "fc:Instance:InitializationFailed"
        else:
            return []
        self.failure = reason
        return [Announce(name, reason), Announce("fc:Instance:CreateFailed", reason)]

    def _begin(self, phase: str, request_id: str) -> Begin:
        self._is_memory_old = True
        self._open = begin = Begin(phase, request_id)
        return begin

    def _end(self, error: str = "") -> End:
        begin, self._open = self._open, None
        assert begin is not None, f"End without Begin in {self.state.value}"
        return End(begin.phase, begin.request_id, error)

    def _take_request(self) -> Request:
        request, self.request = self.request, None
        assert request is not None
        return request

    def _cancel(self, now: float) -> list[Effect]:
        text = cancelled_text(now - self.created_s, self.max_rss_kb)
        return self._reply(now, Cause.CANCELLED, error_body(text), UNHANDLED)

    def _not_created(self, now: float) -> list[Effect]:
        text = "no instance could be created: the worker did not start"
        return self._reply(now, Cause.NOT_CREATED, error_body(text), "FCCommonError")

    def _reply(
        self,
        now: float,
        cause: Cause,
        body: bytes,
        error_type: str,
        status: str = "",
        signum: int = 0,
    ) -> list[Effect]:
        """The outcome of the current request, if there is one."""
        if self.request is None:
            return []
        is_cold = self.invocations <= 1
        outcome = Outcome(
            body,
            cause,
            error_type,
            self.id,
            now - self._began_s,
            self.initialize_s if is_cold else 0.0,
            self.max_rss_kb,
            is_cold,
            signum,
            status,
        )
        return [Reply(self._take_request(), outcome)]


_HANDLERS: dict[Event, Callable[..., list[Effect]]] = {
    Event.HELLO: Instance._hello,
    Event.READY: Instance._ready,
    Event.INIT_FAILED: Instance._init_failed,
    Event.REST: Instance._rest,
    Event.INVOKE: Instance._invoke,
    Event.DONE: Instance._done,
    Event.STOP: Instance._stop,
    Event.STOPPED: Instance._stopped,
    Event.DEADLINE: Instance._deadline,
    Event.BROKEN: Instance._broken,
    Event.EXITED: Instance._exited,
}
