"""What a command says while it waits, for instances in every state, on a clock of the test's."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.cli import oneshot, progress, serve, talk
from sandbox.cli.progress import progress_lines
from sandbox.core.effects import Answer, Request
from sandbox.core.instance import Instance
from sandbox.core.lifecycle import Event, State
from sandbox.core.spec import BoxSettings, Callback, FunctionSpec
from sandbox.engine.supervisor import Supervisor

SETTINGS = BoxSettings(grace_s=2.0)
SPEC = FunctionSpec(
    "f", "index.handler", "/code", timeout_s=30,
    initializer=Callback("index.initialize", 20), pre_stop=Callback("index.preStop", 60),
)  # fmt: skip


def told(now: float, *machines: Instance) -> list[str]:
    shells = [SimpleNamespace(machine=machine, clock_s=lambda now: now) for machine in machines]
    fake: Any = SimpleNamespace(
        host=SimpleNamespace(settings=SETTINGS), shells=lambda: cast(Any, shells)
    )
    return progress_lines(cast(Supervisor, fake), now)


def machine(*events: Event, spec: FunctionSpec = SPEC) -> Instance:
    """An instance to which all these events happened at the time 100."""
    made = Instance("c-1", spec, SETTINGS, lambda: "1-2", 100.0)
    for event in events:
        request = Request("1-1", b"", 100.0, lambda request, outcome: None)
        detail = {Event.INVOKE: request, Event.HELLO: None, Event.STOP: None}
        made.handle(event, 100.0, cast(Any, detail.get(event, Answer())))
    return made


UP = (Event.HELLO, Event.READY)


@pytest.mark.parametrize(
    ("events", "state", "line"),
    [
        ((), State.STARTING, "waiting for start of c-1: 1/30 s"),
        ((Event.HELLO,), State.INITIALIZING, "waiting for initializer of c-1: 1/20 s"),
        ((*UP, Event.INVOKE), State.INVOKING, "waiting for handler of c-1: 1/30 s"),
        ((*UP, Event.INVOKE, Event.STOP), State.DRAINING, "waiting for handler of c-1: 1/30 s"),
        ((*UP, Event.STOP), State.PRESTOPPING, "waiting for preStop of c-1: 1/60 s"),
        (
            (*UP, Event.STOP, Event.STOPPED),
            State.TERMINATING,
            "waiting for exit of c-1: 1/2 s",
        ),
    ],
)
def test_a_line_names_what_it_waits_for(events: tuple[Event, ...], state: State, line: str) -> None:
    waiting = machine(*events)

    assert waiting.state is state
    assert told(101.0, waiting) == [line]
    assert told(100.5, waiting) == []


def test_without_an_initializer_the_start_is_what_it_waits_for() -> None:
    waiting = machine(Event.HELLO, spec=SPEC._replace(initializer=None))

    assert told(112.0, waiting) == ["waiting for start of c-1: 12/30 s"]


def test_seconds_are_counted() -> None:
    assert told(112.2, machine(*UP, Event.STOP)) == ["waiting for preStop of c-1: 12/60 s"]


def test_an_idle_instance_is_not_waited_for() -> None:
    assert told(200.0, machine(*UP)) == []


def test_a_killed_instance_has_no_time_of_its_own() -> None:
    killed = machine(*UP, Event.INVOKE, Event.DEADLINE)

    assert killed.state is State.KILLING
    assert told(100.0, killed) == ["waiting for the end of c-1"]


def test_many_instances_are_summed_up() -> None:
    lines = told(101.0, *(machine() for _ in range(20)))

    assert len(lines) == 9
    assert lines[-1] == "and for 12 more"


def test_one_constant_says_how_often() -> None:
    """Both commands that wait use the same one; a copy would go its own way some day."""
    names = [name for module in (oneshot, progress, serve) for name in vars(module)]

    assert [name for name in names if name.endswith("PROGRESS_S")] == []
    assert talk.PROGRESS_S == 1.0
