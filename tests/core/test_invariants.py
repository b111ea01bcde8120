"""Random lives of one instance, with every invariant that the core alone can keep.

I1 Initializer first, at most once; I2 exactly one outcome for each request; I3 to its own
request; I5 never invoke and PreStop at once; I7 a live deadline in every state but IDLE and
DEAD; I8 Start and End lines pair up; I9 nothing is asked of a frozen instance, and only an IDLE
one is frozen. I2, I3 and I8 also with several requests at a time.
"""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
    SendInvoke,
    SendPreStop,
    SendSetup,
    Terminate,
    Thaw,
)
from sandbox.core.instance import Instance
from sandbox.core.lifecycle import TABLE, Event, State
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import BoxSettings, Callback, FunctionSpec

hooks = st.sampled_from([None, Callback("index.hook", 5.0)])
statuses = st.sampled_from([None, 0, 1, 143, -9, -11])


class Life(RuleBasedStateMachine):
    """Feeds an instance whatever its state allows, as a shell would, and watches the effects."""

    @initialize(
        initializer=hooks, pre_stop=hooks, is_waited_for=st.booleans(), freezes=st.booleans(),
        is_grown=st.booleans(), concurrency=st.sampled_from([1, 1, 2, 3]),
    )  # fmt: skip
    def born(
        self,
        initializer: Callback | None,
        pre_stop: Callback | None,
        is_waited_for: bool,
        freezes: bool,
        is_grown: bool,
        concurrency: int,
    ) -> None:
        """One instance, started for a request or ahead of any.

        Many die before they are ready. Those that are grown begin past that, so that what comes
        later is tried as often.
        """
        self.serial = itertools.count(1)
        self.now = 100.0
        self.accepted: list[Request] = []
        self.outcomes: dict[str, list[Outcome | str]] = {}
        self.log: list[Begin | End] = []
        self.gone: set[str] = set()
        self.sent: list[Effect] = []
        self.is_available = False
        self.is_frozen = False
        self.is_oom = False
        self.told = ""
        spec = FunctionSpec(
            "f", "index.handler", "/code", initializer=initializer, pre_stop=pre_stop,
            memory_mb=128, is_frozen_when_idle=freezes, concurrency=concurrency,
        )  # fmt: skip
        self.spec = spec
        self.instance = Instance(
            "c-1", spec, BoxSettings(), lambda: f"fresh-{next(self.serial)}", self.now,
            self.accept() if is_waited_for else None,
        )  # fmt: skip
        if is_grown:
            self.hello()
            self.ready()

    def accept(self) -> Request:
        """A new request: it is owed one outcome."""
        request = Request(f"r-{next(self.serial)}", b"", self.now, lambda *_: None)
        self.accepted.append(request)
        self.outcomes[request.id] = []
        return request

    def can(self, event: Event) -> bool:
        """The table allows it, and a shell would say it."""
        return hasattr(self, "instance") and event in TABLE[self.instance.state]

    def feed(self, event: Event, detail: Answer | Broken | Exit | Request | None = None) -> None:
        """One event; the effects are recorded in their order."""
        self.is_available = False
        here = [request for request in self.accepted if self.instance.has(request)]
        for effect in self.instance.handle(event, self.now, detail):
            if isinstance(effect, (Begin, End)):
                self.log.append(effect)
            elif isinstance(effect, Available):
                self.is_available = True
            elif isinstance(effect, (SendSetup, SendInvoke, SendPreStop, Terminate, KillTree)):
                assert not self.is_frozen, f"I9: {effect} to a frozen instance"
                self.sent.append(effect)
            elif isinstance(effect, (Freeze, Thaw)):
                assert self.is_frozen == isinstance(effect, Thaw), "I9: they alternate"
                self.is_frozen = not self.is_frozen
            elif isinstance(effect, Announce):
                self.told = f"{effect.name} {effect.detail}"
            elif isinstance(effect, (Reply, Requeue)):
                told = effect.outcome if isinstance(effect, Reply) else "requeued"
                self.outcomes[effect.request.id].append(told)
                assert effect.request in here, "I3: told somebody else"

    @rule(passed_s=st.floats(0, 50))
    def time_passes(self, passed_s: float) -> None:
        self.now += passed_s

    @precondition(lambda self: self.can(Event.HELLO))
    @rule()
    def hello(self) -> None:
        self.feed(Event.HELLO)

    @precondition(lambda self: self.can(Event.READY))
    @rule()
    def ready(self) -> None:
        self.feed(Event.READY, Answer(max_rss_kb=7))
        if self.is_available and self.instance.waiting:
            self.feed(Event.INVOKE, self.instance.waiting)

    @precondition(lambda self: self.can(Event.INIT_FAILED))
    @rule()
    def init_failed(self) -> None:
        self.feed(Event.INIT_FAILED, Answer(b"{}", True))

    @precondition(lambda self: self.can(Event.REST))
    @rule()
    def rest(self) -> None:
        self.feed(Event.REST)
        assert self.is_frozen == self.spec.is_frozen_when_idle

    @precondition(lambda self: self.can(Event.INVOKE) and self.instance.room)
    @rule()
    def invoke(self) -> None:
        self.feed(Event.INVOKE, self.accept())

    @precondition(lambda self: self.can(Event.DONE))
    @rule(failed=st.booleans(), at=st.integers(0, 2))
    def done(self, failed: bool, at: int) -> None:
        """One of those that run is answered; its caller, and no other, is told so."""
        runs = self.instance.open
        number = list(runs)[at % len(runs)] if runs else 0
        asker = runs[number].request if runs else None
        told = {id: len(outcomes) for id, outcomes in self.outcomes.items()}
        event = Event.ANSWERED if len(runs) > 1 else Event.DONE
        self.feed(event, Answer(b"{}", failed, 9, number))
        now_told = {id for id, outcomes in self.outcomes.items() if len(outcomes) > told[id]}
        assert now_told == ({asker.id} if asker else set()), "I3"

    @precondition(lambda self: self.can(Event.ABANDONED) and self.instance.request)
    @rule()
    def abandoned(self) -> None:
        request = self.instance.request
        self.feed(Event.ABANDONED, request)
        assert request
        (outcome,) = self.outcomes[request.id]
        assert isinstance(outcome, Outcome)
        assert outcome.cause is Cause.CANCELLED
        self.gone.add(request.id)

    @precondition(lambda self: self.can(Event.STOP))
    @rule()
    def stop(self) -> None:
        self.feed(Event.STOP)

    @precondition(lambda self: self.can(Event.STOPPED))
    @rule(failed=st.booleans())
    def stopped(self, failed: bool) -> None:
        self.feed(Event.STOPPED, Answer(b"{}" if failed else b"", failed))

    @precondition(lambda self: self.can(Event.DEADLINE))
    @rule()
    def deadline(self) -> None:
        if self.instance.deadline_s is not None:
            self.now = max(self.now, self.instance.deadline_s)
        self.feed(Event.DEADLINE, Answer(max_rss_kb=5))

    @precondition(lambda self: self.can(Event.BROKEN))
    @rule(is_cancelled=st.booleans())
    def broken(self, is_cancelled: bool) -> None:
        self.feed(Event.BROKEN, Broken("because", 3, is_cancelled))

    @precondition(lambda self: self.can(Event.BROKEN))
    @rule()
    def out_of_memory(self) -> None:
        self.is_oom |= self.instance.state is not State.DEAD
        self.feed(Event.BROKEN, Broken("", 200 << 10, is_oom=True))

    @precondition(lambda self: self.can(Event.EXITED))
    @rule(status=statuses, undelivered=st.integers(0, 2), is_oom=st.booleans())
    def exited(self, status: int | None, undelivered: int, is_oom: bool) -> None:
        self.is_oom |= is_oom
        self.feed(Event.EXITED, Exit(status, 11, undelivered, is_oom))
        assert ("memory limit 128 MB reached" in self.told) == self.is_oom
        assert self.told.startswith("fcbox:Instance:Died") or not self.is_oom
        self.is_frozen = False  # nothing is left that could be

    @invariant()
    def initializer_at_most_once_and_first(self) -> None:
        """I1."""
        begins = [entry for entry in self.entries(Begin) if entry.phase == INITIALIZE]
        assert len(begins) <= (1 if self.spec.initializer else 0)
        if any(isinstance(effect, SendInvoke) for effect in self.sent) and begins:
            assert End(INITIALIZE, begins[0].request_id) in self.log

    @invariant()
    def one_outcome_each(self) -> None:
        """I2: never two; one as soon as the instance no longer has the request."""
        for request in self.accepted:
            expected = 0 if self.instance.has(request) else 1
            assert len(self.outcomes[request.id]) == expected, request.id

    @invariant()
    def success_only_with_an_answer(self) -> None:
        """I2: an OK needs a DONE that was not a failure, hence an End without a text."""
        for id, told in self.outcomes.items():
            is_ok = any(isinstance(one, Outcome) and one.cause is Cause.OK for one in told)
            assert is_ok == (End(INVOKE, id) in self.log and id not in self.gone)

    @invariant()
    def never_invoke_and_prestop_at_once(self) -> None:
        """I5: and PreStop is the last thing sent before the signals."""
        kinds = [type(effect) for effect in self.sent]
        if SendPreStop in kinds:
            rest = kinds[kinds.index(SendPreStop) + 1 :]
            assert set(rest) <= {Terminate, KillTree}
            assert kinds.index(SendPreStop) < min(
                (kinds.index(kind) for kind in (Terminate, KillTree) if kind in kinds),
                default=len(kinds),
            )

    @invariant()
    def out_of_memory_names_the_limit(self) -> None:
        """The cause, the text and the status agree; without it, none of them names a limit."""
        for told in itertools.chain.from_iterable(self.outcomes.values()):
            if isinstance(told, Outcome):
                is_oom = told.cause is Cause.OOM
                assert is_oom == (b"memory limit: 128MB reached" in told.body)
                assert is_oom == ("memory limit 128 MB reached" in told.status)
                assert self.is_oom or not is_oom

    @invariant()
    def frozen_only_while_idle(self) -> None:
        """I9."""
        assert not self.is_frozen or self.instance.state is State.IDLE

    @invariant()
    def live_deadline(self) -> None:
        """I7."""
        has_none = self.instance.state in (State.IDLE, State.DEAD)
        assert (self.instance.deadline_s is None) == has_none

    @invariant()
    def lines_pair_up(self) -> None:
        """I8: each End after its own Start, hooks alone, and none open at the end."""
        current: list[Begin] = []
        for entry in self.log:
            if isinstance(entry, Begin):
                most = self.spec.concurrency if entry.phase == INVOKE else 1
                assert len(current) < most
                assert {begin.phase for begin in current} <= {INVOKE}
                current.append(entry)
            else:
                current.remove(Begin(entry.phase, entry.request_id))
        if self.instance.state in (State.IDLE, State.DEAD):
            assert current == []
        assert len([e for e in self.entries(Begin) if e.phase == PRESTOP]) <= 1

    def entries(self, kind: type[Begin]) -> list[Begin]:
        return [entry for entry in self.log if isinstance(entry, kind)]


Life.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
TestLife = Life.TestCase
