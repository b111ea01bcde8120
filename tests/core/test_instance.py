"""One instance without any process: every path through its life, on a clock of the test's own.

The texts and times of FC's outcomes are written out here; what the graph forbids is proved in
test_lifecycle.py, and random walks are in test_invariants.py.
"""

import itertools
import json

import pytest

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
from sandbox.core.instance import KILL_RETRY_S, Instance
from sandbox.core.lifecycle import Event, IllegalEvent, State
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.runs import START_TIMEOUT_S
from sandbox.core.spec import BoxSettings, Callback, FunctionSpec

BORN_S = 1000.0
SETTINGS = BoxSettings(grace_s=2.0, dump_grace_s=0.5)
INIT = Callback("index.initialize", 10.0)
STOP_HOOK = Callback("index.preStop", 7.0)
FAILED_TEXT = "Unhandled function error"
KB = 49 * 1024
"""What the worker says it holds: 49.00MB in the texts."""
OVER_KB = 134349
"""131.20MB, over the limit of 128."""
OOM_TEXT = (
    "Process exited unexpectedly before completing request "
    "(duration: 62ms, maxMemoryUsage: 131.20MB, memory limit: 128MB reached)"
)
OOM_WORDS = "SIGKILL(-9), memory limit 128 MB reached"
OUT_OF_MEMORY = Broken("", OVER_KB, is_oom=True)
DIED_OF_IT = Announce("fcbox:Instance:Died", OOM_WORDS)
DIED = Announce("fcbox:Instance:Died", "SIGKILL(-9)")


class Walk:
    """An instance, and the time. Each step gives the effects; `request` is the one it runs."""

    def __init__(
        self,
        initializer: Callback | None = INIT,
        pre_stop: Callback | None = STOP_HOOK,
        is_waited_for: bool = True,
        is_frozen_when_idle: bool = False,
        concurrency: int = 1,
    ) -> None:
        fresh = (f"fresh-{count}" for count in itertools.count(1))
        self.spec = FunctionSpec(
            "f", "index.handler", "/code", timeout_s=30.0,
            initializer=initializer, pre_stop=pre_stop, memory_mb=128,
            is_frozen_when_idle=is_frozen_when_idle, concurrency=concurrency,
        )  # fmt: skip
        self.now = BORN_S
        self.request = self.new_request("first")
        first = self.request if is_waited_for else None
        self.instance = Instance("c-1", self.spec, SETTINGS, lambda: next(fresh), self.now, first)

    @staticmethod
    def new_request(id: str) -> Request:
        """A request that must be answered through effects alone."""

        def reply(request: Request, outcome: Outcome) -> None:
            raise AssertionError("the core never calls back")

        return Request(id, b"event", BORN_S, reply)

    def step(
        self,
        event: Event,
        detail: Answer | Broken | Exit | Request | None = None,
        after_s: float = 0.0,
    ) -> list[Effect]:
        """One event, `after_s` seconds later."""
        self.now += after_s
        return self.instance.handle(event, self.now, detail)

    def to_initializing(self) -> list[Effect]:
        return self.step(Event.HELLO, after_s=0.25)

    def to_idle(self) -> list[Effect]:
        self.to_initializing()
        return self.step(Event.READY, Answer(max_rss_kb=KB), after_s=0.5)

    def to_invoking(self) -> list[Effect]:
        self.to_idle()
        return self.step(Event.INVOKE, self.request)

    def to_draining(self) -> list[Effect]:
        self.to_invoking()
        return self.step(Event.STOP)

    def to_prestopping(self) -> list[Effect]:
        self.to_idle()
        self.instance.waiting = None
        return self.step(Event.STOP)

    @property
    def left_s(self) -> float | None:
        """The time to the live deadline."""
        deadline_s = self.instance.deadline_s
        return None if deadline_s is None else deadline_s - self.now

    @property
    def state(self) -> State:
        return self.instance.state


def outcome_of(effects: list[Effect]) -> Outcome:
    """The outcome of the only reply among the effects."""
    (reply,) = [effect for effect in effects if isinstance(effect, Reply)]
    return reply.outcome


def message_of(effects: list[Effect]) -> str:
    """The errorMessage of the only reply; it is all that the body has."""
    body = json.loads(outcome_of(effects).body)
    assert list(body) == ["errorMessage"]
    text: str = body["errorMessage"]
    return text


# -- on the way up -------------------------------------------------------------------------------


def test_born() -> None:
    """STARTING, with a deadline for our own part of the start."""
    walk = Walk()

    assert (walk.state, walk.left_s) == (State.STARTING, START_TIMEOUT_S)
    assert walk.instance.created_s == BORN_S


def test_hello_with_initializer() -> None:
    """The Initializer runs under the waiting request's id, with the hook's own timeout."""
    walk = Walk()

    assert walk.to_initializing() == [
        SendSetup("first"),
        Announce("fc:Instance:RuntimeInitializationSuccess"),
        RuntimeInited(),
        Begin(INITIALIZE, "first"),
    ]
    assert (walk.state, walk.left_s) == (State.INITIALIZING, 10.0)


def test_hello_ahead_of_any_request() -> None:
    """An instance that was started ahead has an id of its own for its Initializer."""
    walk = Walk(is_waited_for=False)

    assert walk.instance.start_request_id == "fresh-1"
    effects = walk.to_initializing()
    assert (effects[0], effects[-1]) == (SendSetup("fresh-1"), Begin(INITIALIZE, "fresh-1"))


def test_hello_without_initializer() -> None:
    """No Start line; only our own set-up has to end in time."""
    walk = Walk(initializer=None)

    assert walk.to_initializing() == [
        SendSetup("first"),
        Announce("fc:Instance:RuntimeInitializationSuccess"),
        RuntimeInited(),
    ]
    assert walk.left_s == START_TIMEOUT_S


def test_ready() -> None:
    """End of the Initializer, then the instance is there for its request."""
    walk = Walk()

    assert walk.to_idle() == [
        End(INITIALIZE, "first"),
        Announce("fc:Instance:InitializationSuccess"),
        Announce("fc:Instance:CreateSuccess"),
        Available(),
    ]
    assert (walk.state, walk.left_s, walk.instance.initialize_s) == (State.IDLE, None, 0.5)


def test_ready_without_initializer() -> None:
    """Nothing was initialized: no End line, no duration."""
    walk = Walk(initializer=None)

    assert walk.to_idle() == [Announce("fc:Instance:CreateSuccess"), Available()]
    assert walk.instance.initialize_s == 0


def test_failed_initializer_fails_its_request() -> None:
    """The request gets the Initializer's own error, and the instance goes."""
    walk = Walk()
    walk.to_initializing()
    body = b'{"errorMessage": "no database", "errorType": "OSError"}'
    effects = walk.step(Event.INIT_FAILED, Answer(body, True, KB), after_s=1.5)

    assert effects[:3] == [
        End(INITIALIZE, "first", FAILED_TEXT),
        Announce("fc:Instance:InitializationFailed", "OSError: no database"),
        Announce("fc:Instance:CreateFailed", "OSError: no database"),
    ]
    assert effects[4] == Terminate()
    assert walk.instance.failure == "OSError: no database"
    assert outcome_of(effects) == Outcome(
        body, Cause.ERROR, "InitializationError", "c-1", 1.5, 0.0, KB, True
    )
    assert (walk.state, walk.left_s) == (State.TERMINATING, SETTINGS.grace_s)


def test_failed_initializer_ahead_of_any_request() -> None:
    """Nobody waits for it: nobody is told."""
    walk = Walk(is_waited_for=False)
    walk.to_initializing()
    effects = walk.step(Event.INIT_FAILED, Answer(b"{}", True))

    assert not [effect for effect in effects if isinstance(effect, Reply)]


def test_initializer_timeout() -> None:
    """Told at the Initializer's deadline, in the Initializer's seconds; End waits for the dump."""
    walk = Walk()
    walk.to_initializing()
    effects = walk.step(Event.DEADLINE, Answer(max_rss_kb=KB), after_s=10.0)
    text = "Function timed out after 10 seconds (maxMemoryUsage: 49.00MB)"

    assert message_of(effects) == text
    assert effects[:2] == [
        Announce("fc:Instance:InitializationFailed", text),
        Announce("fc:Instance:CreateFailed", text),
    ]
    assert effects[3:] == [Terminate()]
    assert outcome_of(effects)[1:3] == (Cause.TIMEOUT, "InitializationError")
    assert (walk.state, walk.left_s) == (State.KILLING, SETTINGS.dump_grace_s)
    assert walk.step(Event.EXITED, Exit(143)) == [
        End(INITIALIZE, "first", text),
        Announce("fc:Instance:DestroySuccess", "exit status 143"),
    ]


def test_death_in_the_initializer() -> None:
    """That request fails, with the signal in its outcome."""
    walk = Walk()
    walk.to_initializing()
    effects = walk.step(Event.EXITED, Exit(-6, KB), after_s=0.0625)
    text = (
        "Process exited unexpectedly before completing request "
        "(duration: 62ms, maxMemoryUsage: 49.00MB)"
    )

    assert effects[0] == End(INITIALIZE, "first", text)
    assert message_of(effects) == text
    outcome = outcome_of(effects)
    assert (outcome.cause, outcome.error_type, outcome.signum, outcome.status) == (
        Cause.SIGNAL, "InitializationError", 6, "SIGABRT(-6)",
    )  # fmt: skip
    assert effects[-1] == Announce("fcbox:Instance:Died", "SIGABRT(-6)")


def test_death_before_hello_gives_the_request_back() -> None:
    """No code of the function has run: another instance takes it."""
    walk = Walk()

    assert walk.step(Event.EXITED, Exit(1)) == [
        Requeue(walk.request),
        Announce("fc:Instance:RuntimeInitializationFailed", "exit status 1"),
        Announce("fc:Instance:CreateFailed", "exit status 1"),
        Announce("fcbox:Instance:Died", "exit status 1"),
    ]
    assert walk.instance.request is None


def test_death_before_the_setup_was_read_gives_the_request_back() -> None:
    """The Initializer never began, though its Start line stands: it gets its End."""
    walk = Walk()
    walk.to_initializing()
    effects = walk.step(Event.EXITED, Exit(-9, undelivered=1))

    assert effects[0] == End(
        INITIALIZE, "first",
        "the instance ended before the request reached it; it goes to another one, if any",
    )  # fmt: skip
    assert effects[1] == Requeue(walk.request)


def test_death_while_setting_up_without_an_initializer_gives_the_request_back() -> None:
    """Code of the function is imported at the first request: none has run yet."""
    walk = Walk(initializer=None)
    walk.to_initializing()

    assert walk.step(Event.EXITED, Exit(-9)) == [
        Requeue(walk.request),
        Announce("fc:Instance:InitializationFailed", "SIGKILL(-9)"),
        Announce("fc:Instance:CreateFailed", "SIGKILL(-9)"),
        Announce("fcbox:Instance:Died", "SIGKILL(-9)"),
    ]


def test_start_that_hangs_is_not_created() -> None:
    """No hello in time is our failure, not the function's."""
    walk = Walk()
    effects = walk.step(Event.DEADLINE, after_s=START_TIMEOUT_S)

    assert outcome_of(effects)[1:3] == (Cause.NOT_CREATED, "FCCommonError")
    assert message_of(effects) == "no instance could be created: the worker did not start"
    assert effects[-1] == KillTree()


# -- requests ------------------------------------------------------------------------------------


def test_invoke() -> None:
    """Start line, then the message; the deadline is the function's timeout from now."""
    walk = Walk()

    assert walk.to_invoking() == [Begin(INVOKE, "first"), SendInvoke(1, walk.request)]
    assert (walk.state, walk.left_s) == (State.INVOKING, 30.0)


def test_done() -> None:
    """End comes before the reply, and the reply before the next request can begin."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.DONE, Answer(b"answer", False, KB + 1), after_s=0.125)

    assert effects == [
        End(INVOKE, "first"),
        Reply(
            walk.request,
            Outcome(b"answer", Cause.OK, "", "c-1", 0.125, 0.5, KB + 1, True),
        ),
        Available(),
    ]
    assert (walk.state, walk.left_s, walk.instance.request) == (State.IDLE, None, None)


def test_error_of_the_handler_keeps_the_instance() -> None:
    """The process survives, so the instance is available again."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.DONE, Answer(b'{"errorType":"E"}', True))

    assert effects[0] == End(INVOKE, "first", FAILED_TEXT)
    assert outcome_of(effects)[:3] == (
        b'{"errorType":"E"}', Cause.ERROR, "UnhandledInvocationError",
    )  # fmt: skip
    assert effects[-1] == Available()


def test_only_the_first_request_is_cold() -> None:
    """The Initializer's time belongs to the request that waited for it."""
    walk = Walk()
    walk.to_invoking()
    cold = outcome_of(walk.step(Event.DONE, Answer(b"")))
    walk.step(Event.INVOKE, walk.new_request("second"))
    warm = outcome_of(walk.step(Event.DONE, Answer(b"")))

    assert (cold.cold_start, cold.initialize_s) == (True, 0.5)
    assert (warm.cold_start, warm.initialize_s) == (False, 0)


def test_sequence_counts() -> None:
    """The channel's sequence number is the count of the instance's requests."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.DONE, Answer(b""))
    second = walk.new_request("second")

    assert walk.step(Event.INVOKE, second)[1] == SendInvoke(2, second)
    assert walk.instance.invocations == 2


def test_memory_is_the_largest_seen_in_a_callback() -> None:
    """A smaller reading does not take it back, but the next callback counts for itself."""
    walk = Walk()
    walk.to_invoking()
    walk.instance.note_memory(9000)
    walk.step(Event.DONE, Answer(b"", False, 5000))

    assert walk.instance.max_rss_kb == 9000
    walk.step(Event.INVOKE, walk.new_request("another"))
    assert walk.instance.max_rss_kb == 9000, "nothing is known of the new one yet"
    walk.step(Event.DONE, Answer(b"", False, 6000))
    assert walk.instance.max_rss_kb == 6000


def test_timeout() -> None:
    """The caller is told at the deadline; SIGTERM asks for the dump; End comes with the exit."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.DEADLINE, Answer(max_rss_kb=48415), after_s=30.0)
    text = "Function timed out after 30 seconds (maxMemoryUsage: 47.28MB)"

    assert message_of(effects) == text
    outcome = outcome_of(effects)
    assert outcome[1:5] == (Cause.TIMEOUT, "UnhandledInvocationError", "c-1", 30.0)
    assert effects[1:] == [Terminate()]
    assert (walk.state, walk.left_s) == (State.KILLING, SETTINGS.dump_grace_s)
    assert walk.step(Event.DEADLINE, after_s=0.5) == [KillTree()]
    assert walk.left_s == KILL_RETRY_S
    assert walk.step(Event.EXITED, Exit(-9)) == [
        End(INVOKE, "first", text),
        Announce("fc:Instance:DestroySuccess", "SIGKILL(-9)"),
    ]


def test_late_answer_is_ignored() -> None:
    """What comes after the deadline is nobody's, and brings nothing back to life."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.DEADLINE, after_s=30.0)

    assert walk.step(Event.DONE, Answer(b"late")) == []
    assert (walk.state, walk.left_s) == (State.KILLING, SETTINGS.dump_grace_s)


@pytest.mark.parametrize("event", [Event.HELLO, Event.READY, Event.INIT_FAILED, Event.STOPPED])
def test_late_messages_are_ignored_while_killing(event: Event) -> None:
    """The pipe may still hold what was said before."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.BROKEN, Broken("broken"))

    assert walk.step(event, Answer()) == []


@pytest.mark.parametrize(
    ("status", "cause", "signum", "words"),
    [(0, Cause.EXIT, 0, "exit status 0"), (3, Cause.EXIT, 0, "exit status 3"),
     (-11, Cause.SIGNAL, 11, "SIGSEGV(-11)"), (None, Cause.EXIT, 0, "exit status unknown")],
)  # fmt: skip
def test_exit_in_the_handler(status: int | None, cause: Cause, signum: int, words: str) -> None:
    """Never a success, whatever the status."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.EXITED, Exit(status, KB), after_s=0.0625)
    text = (
        "Process exited unexpectedly before completing request "
        "(duration: 62ms, maxMemoryUsage: 49.00MB)"
    )

    assert effects[0] == End(INVOKE, "first", text)
    assert message_of(effects) == text
    outcome = outcome_of(effects)
    assert outcome[1:3] == (cause, "UnhandledInvocationError")
    assert (outcome.signum, outcome.status) == (signum, words)
    assert effects[-1] == Announce("fcbox:Instance:Died", words)
    assert walk.left_s is None


def test_undelivered_request_is_given_back() -> None:
    """The worker died before it read the request: no outcome yet, another instance takes it."""
    walk = Walk()
    walk.to_invoking()

    assert walk.step(Event.EXITED, Exit(-9, undelivered=1)) == [
        End(INVOKE, "first", "the instance ended before the request reached it; "
            "it goes to another one, if any"),
        Requeue(walk.request),
        Announce("fcbox:Instance:Died", "SIGKILL(-9)"),
    ]  # fmt: skip


def test_undelivered_after_its_outcome_is_not_given_back() -> None:
    """It has had its outcome at the deadline; it must not get a second one."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.DEADLINE)
    effects = walk.step(Event.EXITED, Exit(-9, undelivered=1))

    assert not [effect for effect in effects if isinstance(effect, (Requeue, Reply))]


def test_broken_channel() -> None:
    """The request fails at once and the tree is killed; End comes with the exit."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.BROKEN, Broken("the worker closed its channel", KB), after_s=0.0625)
    text = (
        "Process exited unexpectedly before completing request "
        "(duration: 62ms, maxMemoryUsage: 49.00MB)"
    )

    assert effects[0] == Announce("fcbox:Instance:Broken", "the worker closed its channel")
    assert message_of(effects) == text
    assert outcome_of(effects).cause is Cause.EXIT
    assert effects[-1] == KillTree()
    assert (walk.state, walk.left_s) == (State.KILLING, KILL_RETRY_S)
    assert walk.step(Event.EXITED, Exit(-9))[0] == End(INVOKE, "first", text)


def test_caller_went_away() -> None:
    """FC's words, in the outcome and in the End line."""
    walk = Walk()
    walk.to_invoking()
    detail = Broken("the caller went away", is_cancelled=True)
    effects = walk.step(Event.BROKEN, detail, after_s=4.9375)
    text = "Invocation canceled by client (duration: 4937ms, maxMemoryUsage: 49.00MB)"

    assert message_of(effects) == text
    assert outcome_of(effects).cause is Cause.CANCELLED
    assert walk.step(Event.EXITED, Exit(-9))[0] == End(INVOKE, "first", text)


def test_kill_is_repeated_until_the_exit() -> None:
    """A SIGKILL that did not help is sent again, each second."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.BROKEN, Broken("broken"))
    for _ in range(3):
        assert walk.step(Event.DEADLINE, after_s=KILL_RETRY_S) == [KillTree()]
        assert walk.left_s == KILL_RETRY_S


# -- out of memory -------------------------------------------------------------------------------


def test_out_of_memory_in_the_handler() -> None:
    """Answer, status, End line and event stream all name the limit."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.BROKEN, OUT_OF_MEMORY, after_s=0.0625)

    assert effects[0] == Announce("fcbox:Instance:Broken", OOM_WORDS)
    assert effects[-1] == KillTree()
    assert message_of(effects) == OOM_TEXT
    outcome = outcome_of(effects)
    assert outcome[1:3] == (Cause.OOM, "UnhandledInvocationError")
    assert (outcome.status, outcome.signum, outcome.max_rss_kb) == (OOM_WORDS, 0, OVER_KB)
    assert (walk.state, walk.left_s) == (State.KILLING, KILL_RETRY_S)
    assert walk.step(Event.EXITED, Exit(-9)) == [End(INVOKE, "first", OOM_TEXT), DIED_OF_IT]


def test_kernel_says_out_of_memory() -> None:
    """The same outcome when the kernel's SIGKILL came before any look of ours."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.EXITED, Exit(-9, OVER_KB, is_oom=True), after_s=0.0625)

    assert effects[0] == End(INVOKE, "first", OOM_TEXT)
    assert message_of(effects) == OOM_TEXT
    outcome = outcome_of(effects)
    assert outcome[1:3] == (Cause.OOM, "UnhandledInvocationError")
    assert (outcome.status, outcome.signum) == (OOM_WORDS, 0)
    assert effects[-1] == DIED_OF_IT


@pytest.mark.parametrize(
    ("event", "detail"),
    [(Event.BROKEN, OUT_OF_MEMORY), (Event.EXITED, Exit(-9, OVER_KB, is_oom=True))],
    ids=["watch", "kernel"],
)
def test_out_of_memory_in_the_initializer(event: Event, detail: Broken | Exit) -> None:
    """It fails the start, and the request that waited for it."""
    walk = Walk()
    walk.to_initializing()
    effects = walk.step(event, detail, after_s=0.0625)

    assert message_of(effects) == OOM_TEXT
    assert outcome_of(effects)[1:3] == (Cause.OOM, "InitializationError")
    assert Announce("fc:Instance:InitializationFailed", OOM_WORDS) in effects
    assert walk.instance.failure == OOM_WORDS


@pytest.mark.parametrize("way", ["to_idle", "to_draining", "to_prestopping"])
@pytest.mark.parametrize("is_kernel", [False, True], ids=["watch", "kernel"])
def test_out_of_memory_is_announced_in_any_state(way: str, is_kernel: bool) -> None:
    """Its threads may grow between requests, too; and it is no death in good order."""
    walk = Walk()
    getattr(walk, way)()
    if way == "to_idle":
        walk.instance.waiting = None  # nobody waited for it
    if not is_kernel:
        assert Announce("fcbox:Instance:Broken", OOM_WORDS) in walk.step(
            Event.BROKEN, OUT_OF_MEMORY
        )

    assert walk.step(Event.EXITED, Exit(-9, OVER_KB, is_oom=is_kernel))[-1] == DIED_OF_IT


@pytest.mark.parametrize("event", [Event.DEADLINE, Event.STOPPED])
def test_out_of_memory_on_the_way_down(event: Event) -> None:
    """The grace period is for ending, not for growing: the tree is killed, nobody told twice."""
    walk = Walk()
    if event is Event.STOPPED:
        walk.to_prestopping()
    else:
        walk.to_invoking()
    walk.step(event, Answer())
    before = walk.state, walk.left_s

    assert walk.step(Event.BROKEN, OUT_OF_MEMORY) == [KillTree()]
    assert (walk.state, walk.left_s) == before
    assert walk.step(Event.EXITED, Exit(-9))[-1] == DIED_OF_IT


def test_undelivered_request_survives_the_limit() -> None:
    """What grew was not the request's doing: another instance takes it."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.EXITED, Exit(-9, OVER_KB, undelivered=1, is_oom=True))

    assert effects[1:] == [Requeue(walk.request), DIED_OF_IT]


def test_other_kills_name_no_limit() -> None:
    """A SIGKILL from elsewhere stays a SIGKILL, however much the instance held."""
    walk = Walk()
    walk.to_invoking()
    effects = walk.step(Event.EXITED, Exit(-9, OVER_KB))

    assert outcome_of(effects).cause is Cause.SIGNAL
    assert "limit" not in message_of(effects) + outcome_of(effects).status


def test_noted_memory_counts() -> None:
    """What was measured between two events is in the next outcome; a smaller one later is not."""
    walk = Walk()
    walk.to_invoking()
    walk.instance.note_memory(OVER_KB)
    walk.instance.note_memory(1)

    assert outcome_of(walk.step(Event.DONE, Answer(b""))).max_rss_kb == OVER_KB


# -- freezing ------------------------------------------------------------------------------------


def frozen(pre_stop: Callback | None = STOP_HOOK) -> Walk:
    """IDLE, without a request, and frozen."""
    walk = Walk(pre_stop=pre_stop, is_waited_for=False, is_frozen_when_idle=True)
    assert Freeze() not in walk.to_idle()  # its request may wait for it
    assert walk.step(Event.REST) == [Freeze()]
    assert walk.left_s is None
    return walk


def test_rest_freezes_only_where_it_was_asked_for() -> None:
    """A function that did not ask is left to run."""
    walk = Walk()
    walk.to_idle()

    assert walk.step(Event.REST) == []


def test_second_rest_changes_nothing() -> None:
    """One Freeze, one Thaw."""
    walk = frozen()

    assert walk.step(Event.REST) == []
    assert walk.step(Event.STOP).count(Thaw()) == 1


def test_invoke_thaws_first() -> None:
    """A request's time runs from INVOKE, however long it was frozen, and it rests again."""
    walk = frozen()
    effects = walk.step(Event.INVOKE, walk.request, after_s=500.0)

    assert effects == [Thaw(), Begin(INVOKE, "first"), SendInvoke(1, walk.request)]
    assert walk.left_s == 30.0
    assert outcome_of(walk.step(Event.DONE, Answer(b""), after_s=0.125)).duration_s == 0.125
    assert walk.step(Event.REST) == [Freeze()]


def test_request_that_waits_meets_no_frost() -> None:
    """From the queue to an instance that has just become available: nothing is thawed."""
    walk = Walk(is_frozen_when_idle=True)
    effects = [*walk.to_invoking(), *walk.step(Event.DONE, Answer(b""))]
    effects += walk.step(Event.INVOKE, walk.new_request("second"))

    assert not {Freeze, Thaw} & {type(effect) for effect in effects}


def test_stop_thaws_for_prestop() -> None:
    """The hook runs, with all of its time."""
    walk = frozen()

    assert walk.step(Event.STOP) == [Thaw(), Begin(PRESTOP, "fresh-2"), SendPreStop("fresh-2")]
    assert walk.left_s == 7.0


def test_stop_thaws_for_sigterm() -> None:
    """A frozen process cannot end in good order."""
    assert frozen(pre_stop=None).step(Event.STOP) == [Thaw(), Terminate()]


def test_kill_thaws() -> None:
    """In the freezer of cgroup v1 not even SIGKILL reaches a process."""
    effects = frozen().step(Event.BROKEN, Broken("the channel broke"))

    assert effects[0] == Thaw()
    assert effects[-1] == KillTree()


def test_dead_needs_no_thaw() -> None:
    """Nothing is left of it."""
    assert frozen().step(Event.EXITED, Exit(-9)) == [DIED]


# -- on the way down -----------------------------------------------------------------------------


def test_stop_runs_prestop() -> None:
    """Under an id of its own, with the hook's timeout, and before any signal."""
    walk = Walk()

    assert walk.to_prestopping() == [Begin(PRESTOP, "fresh-1"), SendPreStop("fresh-1")]
    assert (walk.state, walk.left_s) == (State.PRESTOPPING, 7.0)


def test_stopped() -> None:
    """End, SIGTERM, grace, SIGKILL."""
    walk = Walk()
    walk.to_prestopping()

    assert walk.step(Event.STOPPED, Answer()) == [End(PRESTOP, "fresh-1"), Terminate()]
    assert (walk.state, walk.left_s) == (State.TERMINATING, SETTINGS.grace_s)
    assert walk.step(Event.DEADLINE, after_s=2.0) == [KillTree()]
    assert walk.step(Event.EXITED, Exit(-9)) == [
        Announce("fc:Instance:DestroySuccess", "SIGKILL(-9)")
    ]


def test_failed_prestop_changes_nothing() -> None:
    """Only its End line tells."""
    walk = Walk()
    walk.to_prestopping()

    assert walk.step(Event.STOPPED, Answer(b"{}", True)) == [
        End(PRESTOP, "fresh-1", FAILED_TEXT),
        Terminate(),
    ]


def test_prestop_timeout() -> None:
    """SIGTERM asks for the dump; the End line has the hook's seconds and waits for the exit."""
    walk = Walk()
    walk.to_prestopping()

    assert walk.step(Event.DEADLINE, Answer(max_rss_kb=KB), after_s=7.0) == [Terminate()]
    assert (walk.state, walk.left_s) == (State.TERMINATING, SETTINGS.dump_grace_s)
    assert walk.step(Event.STOPPED, Answer()) == []
    assert walk.step(Event.EXITED, Exit(143)) == [
        End(PRESTOP, "fresh-1", "Function timed out after 7 seconds (maxMemoryUsage: 49.00MB)"),
        Announce("fc:Instance:DestroySuccess", "exit status 143"),
    ]


def test_death_in_prestop() -> None:
    """Its Start line gets its End; the instance is gone as was wanted."""
    walk = Walk()
    walk.to_prestopping()
    effects = walk.step(Event.EXITED, Exit(-11), after_s=0.0625)

    assert effects == [
        End(PRESTOP, "fresh-1", "Process exited unexpectedly before completing request "
            "(duration: 62ms, maxMemoryUsage: 49.00MB)"),
        Announce("fc:Instance:DestroySuccess", "SIGSEGV(-11)"),
    ]  # fmt: skip


def test_stop_without_prestop() -> None:
    """Straight to SIGTERM, with no line."""
    walk = Walk(pre_stop=None)

    assert walk.to_prestopping() == [Terminate()]
    assert (walk.state, walk.left_s) == (State.TERMINATING, SETTINGS.grace_s)


def test_stop_waits_for_the_request() -> None:
    """DRAINING keeps the request's deadline; PreStop begins when its answer is out."""
    walk = Walk()

    assert walk.to_draining() == []
    assert (walk.state, walk.left_s) == (State.DRAINING, 30.0)
    effects = walk.step(Event.DONE, Answer(b"answer"))
    assert [type(effect) for effect in effects] == [End, Reply, Begin, SendPreStop]
    assert (walk.state, walk.left_s) == (State.PRESTOPPING, 7.0)


def test_timeout_while_draining_runs_no_prestop() -> None:
    """After a timeout there is only the kill."""
    walk = Walk()
    walk.to_draining()
    effects = walk.step(Event.DEADLINE, after_s=30.0)

    assert [type(effect) for effect in effects] == [Reply, Terminate]
    assert walk.state is State.KILLING


def test_stop_in_the_initializer_cancels_its_request() -> None:
    """SIGTERM and no PreStop: the Initializer never succeeded."""
    walk = Walk()
    walk.to_initializing()
    effects = walk.step(Event.STOP)

    assert outcome_of(effects).cause is Cause.CANCELLED
    assert effects[-1] == Terminate()
    assert walk.step(Event.READY, Answer()) == []
    assert walk.step(Event.EXITED, Exit(143)) == [
        End(INITIALIZE, "first", "the instance was stopped"),
        Announce("fc:Instance:DestroySuccess", "exit status 143"),
    ]


def test_stop_before_hello() -> None:
    """There is nothing to be polite to."""
    walk = Walk()
    effects = walk.step(Event.STOP)

    assert outcome_of(effects).cause is Cause.CANCELLED
    assert effects[-1] == KillTree()
    assert walk.step(Event.HELLO) == []


@pytest.mark.parametrize("way", ["to_draining", "to_prestopping"])
def test_second_stop_changes_nothing(way: str) -> None:
    """Neither the effects nor the deadline."""
    walk = Walk()
    getattr(walk, way)()
    before = walk.instance.deadline_s

    assert walk.step(Event.STOP, after_s=1.0) == []
    assert walk.instance.deadline_s == before


def test_death_while_idle_is_nobodys_failure() -> None:
    """No request, no outcome; only the event stream knows."""
    walk = Walk()
    walk.to_invoking()
    walk.step(Event.DONE, Answer(b""))

    assert walk.step(Event.EXITED, Exit(9)) == [Announce("fcbox:Instance:Died", "exit status 9")]


@pytest.mark.parametrize("event", [Event.STOP, Event.DEADLINE, Event.BROKEN])
def test_dead_stays_silent(event: Event) -> None:
    """What comes too late has no effect, and arms nothing."""
    walk = Walk()
    walk.step(Event.EXITED, Exit(0))

    assert walk.step(event, Broken("late")) == []
    assert (walk.state, walk.left_s) == (State.DEAD, None)


def test_illegal_event_changes_nothing() -> None:
    """A bug of ours is loud, and does not make things worse."""
    walk = Walk()
    walk.to_invoking()
    before = walk.instance.deadline_s

    with pytest.raises(IllegalEvent, match="invoke in INVOKING"):
        walk.step(Event.INVOKE, walk.new_request("second"), after_s=1.0)

    assert walk.state is State.INVOKING
    assert walk.instance.deadline_s == before
    assert walk.instance.request is walk.request


# -- several requests at a time ------------------------------------------------------------------


def three() -> Walk:
    """Three run, begun a second apart: the deadlines are at 30, 31 and 32 s of the first."""
    walk = Walk(concurrency=3, pre_stop=None)
    walk.to_invoking()
    for id in ("second", "third"):
        walk.step(Event.INVOKE, walk.new_request(id), after_s=1.0)
    return walk


def replies_of(effects: list[Effect]) -> list[tuple[str, Cause]]:
    """Who is told, and how it ended."""
    return [(e.request.id, e.outcome.cause) for e in effects if isinstance(e, Reply)]


def test_room() -> None:
    """For as many as it may have, and none more."""
    walk = three()

    assert walk.instance.room == 0
    with pytest.raises(IllegalEvent, match="without room"):
        walk.step(Event.INVOKE, walk.new_request("fourth"))
    walk.step(Event.ANSWERED, Answer(b"", sequence=2))
    assert walk.instance.room == 1
    walk.step(Event.STOP)
    assert walk.instance.room == 0


@pytest.mark.parametrize(
    ("order", "left_s"),
    [((1, 2), [29.0, 30.0]), ((3, 2), [28.0, 28.0]), ((2, 1), [28.0, 30.0]), ((2, 3), [28.0] * 2)],
)
def test_answers_in_any_order(order: tuple[int, ...], left_s: list[float]) -> None:
    """Each goes to the one that asked; the deadline is that of the oldest that is left."""
    walk = three()
    names = {1: "first", 2: "second", 3: "third"}
    last = ({1, 2, 3} - set(order)).pop()
    seen = []
    for number in order:
        effects = walk.step(Event.ANSWERED, Answer(b"%d" % number, sequence=number))
        assert replies_of(effects) == [(names[number], Cause.OK)]
        assert outcome_of(effects).body == b"%d" % number
        assert effects[0] == End(INVOKE, names[number])
        assert effects[-1] == Available()
        seen.append(walk.left_s)
    effects = walk.step(Event.DONE, Answer(b"last"))

    assert seen == left_s
    assert replies_of(effects) == [(names[last], Cause.OK)]
    assert (walk.state, walk.left_s, walk.instance.room) == (State.IDLE, None, 3)


CAUSES = [
    (Event.DEADLINE, None, [Cause.TIMEOUT, Cause.EXIT, Cause.EXIT]),
    (Event.EXITED, Exit(7), [Cause.EXIT] * 3),
    (Event.EXITED, Exit(-11), [Cause.SIGNAL] * 3),
    (Event.EXITED, Exit(-9, is_oom=True), [Cause.OOM] * 3),
    (Event.BROKEN, Broken("bad frame"), [Cause.EXIT] * 3),
    (Event.BROKEN, Broken("stopped", is_cancelled=True), [Cause.CANCELLED] * 3),
    (Event.BROKEN, OUT_OF_MEMORY, [Cause.OOM] * 3),
]


@pytest.mark.parametrize("is_draining", [False, True])
@pytest.mark.parametrize(("event", "detail", "causes"), CAUSES)
def test_what_ends_all(
    event: Event, detail: Broken | Exit | None, causes: list[Cause], is_draining: bool
) -> None:
    """Every caller is told, and every Start has its End, once each, whatever comes after."""
    walk = three()
    if is_draining:
        assert walk.step(Event.STOP) == []
    effects = walk.step(event, detail)
    if walk.state is not State.DEAD:
        effects += walk.step(Event.DONE, Answer(b"too late"))
        effects += walk.step(Event.EXITED, Exit(-9))

    assert replies_of(effects) == list(zip(["first", "second", "third"], causes, strict=True))
    assert [e.request_id for e in effects if isinstance(e, End)] == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("undelivered", "requeued"),
    [(0, []), (1, ["third"]), (2, ["third", "second"]), (3, ["third", "second", "first"])],
)
def test_what_had_not_begun_is_given_on(undelivered: int, requeued: list[str]) -> None:
    """The last ones, the newest first: each is put at the head of the queue."""
    walk = three()
    effects = walk.step(Event.EXITED, Exit(7, undelivered=undelivered))
    told = [id for id, _ in replies_of(effects)]

    assert [e.request.id for e in effects if isinstance(e, Requeue)] == requeued
    assert told == ["first", "second", "third"][: 3 - undelivered]


def test_abandoned() -> None:
    """It is told once, takes its room until it is over, and is not given to another instance."""
    walk = three()
    request = walk.instance.open[3].request
    effects = walk.step(Event.ABANDONED, request)

    assert replies_of(effects) == [("third", Cause.CANCELLED)]
    assert walk.instance.room == 0
    effects = walk.step(Event.EXITED, Exit(7, undelivered=1))
    assert replies_of(effects) == [("first", Cause.EXIT), ("second", Cause.EXIT)]
    assert not [e for e in effects if isinstance(e, Requeue)]


def test_draining_waits_for_all() -> None:
    """No room is offered, and the end comes with the last answer."""
    walk = three()
    walk.step(Event.STOP)
    for number in (2, 1):
        effects = walk.step(Event.ANSWERED, Answer(sequence=number))
        assert (walk.state, effects[-1].__class__) == (State.DRAINING, Reply)

    assert walk.step(Event.DONE, Answer())[-1] == Terminate()
    assert walk.state is State.TERMINATING
