"""What an instance has begun and not ended, who waits for it, and what each of them is told.

A run is one callback: a hook, or a request. There is one hook at a time and no request beside it;
there are as many requests as `concurrency` allows. When something ends them all, `Why` says how
each of them ended.
"""

from collections.abc import Callable

from sandbox.core.effects import INITIALIZE, Answer, Begin, Effect, End, Reply, Request, Requeue
from sandbox.core.outcome import Cause, Outcome, error_body
from sandbox.core.spec import FunctionSpec

__all__ = [
    "HOOK",
    "INITIALIZATION",
    "START_TIMEOUT_S",
    "UNHANDLED",
    "UNHANDLED_TEXT",
    "Run",
    "Runs",
    "Why",
    "start_timeout_s",
]

UNHANDLED = "UnhandledInvocationError"
INITIALIZATION = "InitializationError"
UNHANDLED_TEXT = "Unhandled function error"
_REQUEUED_TEXT = "the instance ended before the request reached it; it goes to another one, if any"

START_TIMEOUT_S = 30.0
"""Clone to hello, and hello to ready without an Initializer: ours alone, so generous."""
HOOK = 0
"""Under which number a hook runs; the first request is number 1."""


class Run:
    """One callback. `request` is None for a hook, and when the caller has gone away."""

    __slots__ = ("began_s", "deadline_s", "is_cold", "phase", "request", "request_id")

    def __init__(
        self,
        phase: str,
        request_id: str,
        began_s: float,
        deadline_s: float,
        request: Request | None = None,
        is_cold: bool = False,
    ) -> None:
        self.phase = phase
        self.request_id = request_id
        self.began_s = began_s
        self.deadline_s = deadline_s
        self.request = request
        self.is_cold = is_cold

    def end(self, error: str = "") -> End:
        """Its End line."""
        return End(self.phase, self.request_id, error)


Why = Callable[[Run | None], tuple[Cause, str]]
"""Why a run ended, and the text for its caller; of None for who waits for an instance."""


class Runs:
    """Those of one instance, oldest first, by number; HOOK is a hook's.

    `waiting` is the request whose arrival caused this instance to be started, and which it will
    serve first; an Initializer's failure is that request's failure.
    """

    __slots__ = (
        "_is_memory_old",
        "began_s",
        "id",
        "initialize_s",
        "max_rss_kb",
        "open",
        "waiting",
    )

    def __init__(self, id: str, waiting: Request | None, now: float) -> None:
        self.id = id
        self.waiting = waiting
        self.open: dict[int, Run] = {}
        self.began_s = now
        """When it began to start, to initialize, to stop: who waits, waits since then."""
        self.initialize_s = 0.0
        self.max_rss_kb = 0
        self._is_memory_old = True

    @property
    def request(self) -> Request | None:
        """The request that waits for this instance, or the oldest that runs in it."""
        if self.waiting:
            return self.waiting
        return next((run.request for run in self.open.values() if run.request), None)

    def has(self, request: Request) -> bool:
        """Whether that request waits for it, or runs in it."""
        runs = self.open.values()
        return self.waiting is request or any(run.request is request for run in runs)

    def note_memory(self, kb: int) -> None:
        """What was measured between two events; the largest in one callback counts."""
        if kb:
            self.max_rss_kb = kb if self._is_memory_old else max(self.max_rss_kb, kb)
            self._is_memory_old = False

    def begin(self, number: int, run: Run) -> Begin:
        if not self.open:
            self._is_memory_old = True
        self.open[number] = run
        return Begin(run.phase, run.request_id)

    def end_hook(self, error: str = "") -> End:
        return self.open.pop(HOOK).end(error)

    def end_all(self, why: Why) -> list[Effect]:
        return [run.end(why(run)[1]) for run in self.open.values()]

    def tell_all(
        self, now: float, why: Why, kind: str, status: str = "", signum: int = 0
    ) -> list[Effect]:
        """The outcome of every request that is still owed one. Nothing is open afterwards."""
        effects: list[Effect] = []
        if self.waiting:
            cause, text = why(None)
            body = error_body(text)
            effects.append(self.reply_waiting(now, cause, body, kind, status, signum))
        for run in self.open.values():
            if run.request:
                cause, text = why(run)
                body = error_body(text)
                reply = self.reply(run.request, run, now, cause, body, kind, status, signum)
                effects.append(reply)
        self.open.clear()
        return effects

    def take_answer(self, now: float, answer: Answer) -> list[Effect]:
        """The End line, and the reply unless the caller has gone."""
        run = self.open.pop(answer.sequence) if answer.sequence else self.open.popitem()[1]
        cause, kind, error = Cause.OK, "", ""
        if answer.failed:
            cause, kind, error = Cause.ERROR, UNHANDLED, UNHANDLED_TEXT
        if run.request is None:
            return [run.end(error)]
        return [run.end(error), self.reply(run.request, run, now, cause, answer.body, kind)]

    def requeue_untouched(self, undelivered: int) -> list[Effect]:
        """Code of the function runs in a callback, and nowhere else: what the worker had not
        begun may run in another instance. They were asked for in order, so these are the last."""
        if self.waiting and (undelivered or not self.open):
            effects: list[Effect] = [self.end_hook(_REQUEUED_TEXT)] if self.open else []
            waiting, self.waiting = self.waiting, None
            return [*effects, Requeue(waiting)]
        effects = []
        for number in list(self.open)[::-1][:undelivered]:
            request = self.open[number].request
            if request is not None:
                effects += [self.open.pop(number).end(_REQUEUED_TEXT), Requeue(request)]
        return effects

    def reply_waiting(
        self, now: float, cause: Cause, body: bytes, kind: str, status: str = "", signum: int = 0
    ) -> Reply:
        request, self.waiting = self.waiting, None
        assert request is not None
        run = Run(INITIALIZE, request.id, self.began_s, now, request, is_cold=True)
        return self.reply(request, run, now, cause, body, kind, status, signum)

    def reply(
        self,
        request: Request,
        run: Run,
        now: float,
        cause: Cause,
        body: bytes,
        error_type: str,
        status: str = "",
        signum: int = 0,
    ) -> Reply:
        outcome = Outcome(
            body,
            cause,
            error_type,
            self.id,
            now - run.began_s,
            self.initialize_s if run.is_cold else 0.0,
            self.max_rss_kb,
            run.is_cold,
            signum,
            status,
        )
        return Reply(request, outcome)


def start_timeout_s(spec: FunctionSpec) -> float:
    """Hello to ready. How long the server of a custom runtime may take is told by the worker,
    which sees it come up: this is the most that all its steps may take together."""
    hook_s = spec.initializer.timeout_s if spec.initializer else START_TIMEOUT_S
    if spec.custom is None:
        return hook_s
    check = spec.custom.health_check
    check_s = check.initial_delay_s + check.timeout_s if check else 0.0
    return spec.custom.start_timeout_s + check_s + hook_s + START_TIMEOUT_S
