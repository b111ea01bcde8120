"""One instance, pure: events in, effects out, time as a parameter.

    Instance.handle(event, now, detail) -> list[Effect]

The shell (`sandbox.engine.instances`) turns what happens to descriptors and processes into
events, and performs the effects in the order given. `deadline_s` is the live deadline of the
present state, absolute and monotonic; every state but IDLE and DEAD has one, and the shell owes
a DEADLINE event soon after it has passed.

Freezing, for functions that ask for it: the pool says REST of an instance that it has nothing
for. Were it frozen with every Available, one that takes the next request from the queue at once
would be frozen and thawed in between for nothing. Whatever leads out of IDLE begins with Thaw.

Several requests at a time, where `concurrency` allows it: each has its own Start and End line and
its own answer. The deadline is that of the one that began first. When it passes, the instance ends
as it would for one alone, and the callers of the others are told that the process ended.

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
    Broken,
    Effect,
    Exit,
    Freeze,
    KillTree,
    Request,
    RuntimeInited,
    SendInvoke,
    SendPreStop,
    SendSetup,
    Terminate,
    Thaw,
)
from sandbox.core.lifecycle import Event, IllegalEvent, State, next_state
from sandbox.core.outcome import (
    Cause,
    cancelled_text,
    describe_status,
    error_body,
    error_text,
    exited_text,
    timeout_text,
)
from sandbox.core.runs import (
    HOOK,
    INITIALIZATION,
    START_TIMEOUT_S,
    UNHANDLED,
    UNHANDLED_TEXT,
    Run,
    Runs,
    start_timeout_s,
)
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Instance"]

KILL_RETRY_S = 1.0
"""SIGKILL is repeated: a fork may have raced it, or the kernel hold the process back."""


_AVAILABLE, _TERMINATE, _KILL_TREE = Available(), Terminate(), KillTree()
_FREEZE, _THAW = Freeze(), Thaw()
_KILLED = -9
"""SIGKILL, as a status."""


class Instance(Runs):
    """The lifecycle of one instance. `state` is written by `handle` alone.

    What runs in it, and who waits for it, is in `Runs`.
    """

    __slots__ = (
        "_is_frozen",
        "_new_request_id",
        "_pending_ends",
        "_reached_mb",
        "_settings",
        "created_s",
        "deadline_s",
        "failure",
        "invocations",
        "spec",
        "start_request_id",
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
        super().__init__(id, request, now)
        self.spec = spec
        self.state = State.STARTING
        self.created_s = now
        self.deadline_s: float | None = now + START_TIMEOUT_S
        self.invocations = 0
        self.failure = ""
        """Why it did not become ready, in words."""
        self.start_request_id = request.id if request else new_request_id()
        """Under which its Initializer runs."""
        self._settings = settings
        self._new_request_id = new_request_id
        self._pending_ends: list[Effect] = []
        self._reached_mb = 0  # the memory limit, once it has been the end of the instance
        self._is_frozen = False

    @property
    def room(self) -> int:
        """How many requests more it can take now."""
        if self.state is State.IDLE or self.state is State.INVOKING:
            return self.spec.concurrency - len(self.open)
        return 0

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

    # -- on the way up ---------------------------------------------------------------------------

    def _hello(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is not State.STARTING:
            return []
        request_id = self.start_request_id
        self.began_s = now
        self.deadline_s = deadline_s = now + start_timeout_s(self.spec)
        effects: list[Effect] = [
            SendSetup(request_id),  # first: the worker goes on while the rest is told
            Announce("fc:Instance:RuntimeInitializationSuccess"),
            RuntimeInited(),
        ]
        if self.spec.initializer:
            effects.append(self.begin(HOOK, Run(INITIALIZE, request_id, now, deadline_s)))
        return effects

    def _ready(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is not State.INITIALIZING:
            return []
        self.deadline_s = None
        effects: list[Effect] = []
        if self.open:
            self.initialize_s = now - self.began_s
            effects = [self.end_hook(), Announce("fc:Instance:InitializationSuccess")]
        effects += [Announce("fc:Instance:CreateSuccess"), _AVAILABLE]
        return effects

    def _init_failed(self, was: State, now: float, detail: Answer) -> list[Effect]:
        if was is not State.INITIALIZING:
            return []
        self.deadline_s = now + self._settings.grace_s
        effects: list[Effect] = [self.end_hook(UNHANDLED_TEXT)] if self.open else []
        effects += self._start_failed(was, error_text(detail.body))
        if self.waiting:
            effects.append(self.reply_waiting(now, Cause.ERROR, detail.body, INITIALIZATION))
        effects.append(_TERMINATE)
        return effects

    # -- requests --------------------------------------------------------------------------------

    def _rest(self, was: State, now: float, detail: object) -> list[Effect]:
        if self._is_frozen or not self.spec.is_frozen_when_idle:
            return []
        self._is_frozen = True
        return [_FREEZE]

    def _invoke(self, was: State, now: float, request: Request) -> list[Effect]:
        if len(self.open) >= self.spec.concurrency:
            raise IllegalEvent(f"{Event.INVOKE.value} in {was.value} without room")
        if self.waiting is request:
            self.waiting = None
        self.invocations = number = self.invocations + 1
        deadline_s = now + self.spec.timeout_s
        if self.deadline_s is None:
            self.deadline_s = deadline_s
        run = Run(INVOKE, request.id, now, deadline_s, request, number == 1)
        return [self.begin(number, run), SendInvoke(number, request)]

    def _answered(self, was: State, now: float, answer: Answer) -> list[Effect]:
        effects = self.take_answer(now, answer)
        self.deadline_s = next(iter(self.open.values())).deadline_s
        if was is State.INVOKING:
            effects.append(_AVAILABLE)
        return effects

    def _done(self, was: State, now: float, answer: Answer) -> list[Effect]:
        if was is State.KILLING:
            return []
        effects = self.take_answer(now, answer)
        assert not self.open, "done while requests run"
        self.deadline_s = None
        if was is State.DRAINING:
            return effects + self._enter_prestopping(now)
        effects.append(_AVAILABLE)
        return effects

    def _abandoned(self, was: State, now: float, request: Request) -> list[Effect]:
        """It goes on, to nobody's use; its time runs, and its End line comes when it is over."""
        run = next(run for run in self.open.values() if run.request is request)
        body = error_body(cancelled_text(now - run.began_s, self.max_rss_kb))
        reply = self.reply(request, run, now, Cause.CANCELLED, body, UNHANDLED)
        run.request = None
        return [reply]

    # -- on the way down -------------------------------------------------------------------------

    def _stop(self, was: State, now: float, detail: object) -> list[Effect]:
        if was is State.IDLE:
            return self._enter_prestopping(now)
        if was is State.INITIALIZING:
            self.deadline_s = now + self._settings.grace_s
            self._pending_ends = [run.end("the instance was stopped") for run in self.open.values()]
            self.open.clear()
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
        self.began_s = now
        self.deadline_s = deadline_s = now + hook.timeout_s
        run = Run(PRESTOP, request_id, now, deadline_s)
        return [self.begin(HOOK, run), SendPreStop(request_id)]

    def _stopped(self, was: State, now: float, answer: Answer | None) -> list[Effect]:
        if was is not State.PRESTOPPING:
            return []
        self.deadline_s = now + self._settings.grace_s
        if not self.open:
            return [_TERMINATE]
        error = UNHANDLED_TEXT if answer and answer.failed else ""
        return [self.end_hook(error), _TERMINATE]

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
        late = next(iter(self.open.values()), None)

        def why(run: Run | None) -> tuple[Cause, str]:
            if run is late or run is None:
                return Cause.TIMEOUT, text
            return Cause.EXIT, self._exited_text(run, now)

        self._pending_ends = self.end_all(why)
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        effects = self._start_failed(was, text)
        effects += self.tell_all(now, why, kind)
        return [*effects, _TERMINATE]

    def _timeout_s(self, state: State) -> float:
        if state is State.INITIALIZING:
            return start_timeout_s(self.spec)
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
        reason = describe_status(_KILLED, self._reached_mb) if broken.is_oom else broken.reason

        def why(run: Run | None) -> tuple[Cause, str]:
            if broken.is_cancelled and not broken.is_oom:
                return Cause.CANCELLED, self._cancelled_text(run, now)
            return Cause.OOM if broken.is_oom else Cause.EXIT, self._exited_text(run, now)

        self._pending_ends = self.end_all(why)
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        effects: list[Effect] = [Announce("fcbox:Instance:Broken", reason)]
        effects += self._start_failed(was, reason)
        effects += self.tell_all(now, why, kind, reason)
        effects.append(_KILL_TREE)
        return effects

    def _exited(self, was: State, now: float, exit: Exit) -> list[Effect]:
        self.deadline_s = None
        if exit.is_oom:
            self._reached_mb = self.spec.memory_mb
        words = describe_status(exit.status, self._reached_mb)
        effects = self.requeue_untouched(exit.undelivered)
        effects += self._fail_by_exit(was, now, exit.status or 0, words)
        effects += self._pending_ends
        is_wanted = was in (State.TERMINATING, State.KILLING, State.PRESTOPPING)
        effects += self._start_failed(was, words)
        is_in_order = is_wanted and not self._reached_mb
        name = "fc:Instance:DestroySuccess" if is_in_order else "fcbox:Instance:Died"
        effects.append(Announce(name, words))
        return effects

    def _fail_by_exit(self, was: State, now: float, status: int, words: str) -> list[Effect]:
        kind = INITIALIZATION if was is State.INITIALIZING else UNHANDLED
        cause, signum = (Cause.SIGNAL, -status) if status < 0 else (Cause.EXIT, 0)
        if self._reached_mb:
            cause, signum = Cause.OOM, 0

        def why(run: Run | None) -> tuple[Cause, str]:
            return cause, self._exited_text(run, now)

        return self.end_all(why) + self.tell_all(now, why, kind, words, signum)

    # -- small parts -----------------------------------------------------------------------------

    def _exited_text(self, run: Run | None, now: float) -> str:
        duration_s = now - (run.began_s if run else self.began_s)
        return exited_text(duration_s, self.max_rss_kb, self._reached_mb)

    def _cancelled_text(self, run: Run | None, now: float) -> str:
        return cancelled_text(now - (run.began_s if run else self.began_s), self.max_rss_kb)

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

    def _cancel(self, now: float) -> list[Effect]:
        if self.waiting is None:
            return []
        body = error_body(cancelled_text(now - self.created_s, self.max_rss_kb))
        return [self.reply_waiting(now, Cause.CANCELLED, body, UNHANDLED)]

    def _not_created(self, now: float) -> list[Effect]:
        if self.waiting is None:
            return []
        body = error_body("no instance could be created: the worker did not start")
        return [self.reply_waiting(now, Cause.NOT_CREATED, body, "FCCommonError")]


_HANDLERS: dict[Event, Callable[..., list[Effect]]] = {
    Event.HELLO: Instance._hello,
    Event.READY: Instance._ready,
    Event.INIT_FAILED: Instance._init_failed,
    Event.REST: Instance._rest,
    Event.INVOKE: Instance._invoke,
    Event.ANSWERED: Instance._answered,
    Event.ABANDONED: Instance._abandoned,
    Event.DONE: Instance._done,
    Event.STOP: Instance._stop,
    Event.STOPPED: Instance._stopped,
    Event.DEADLINE: Instance._deadline,
    Event.BROKEN: Instance._broken,
    Event.EXITED: Instance._exited,
}
