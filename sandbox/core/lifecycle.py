"""The lifecycle of an instance: one table, and the one function that applies it.

Rules for this file: states, events and TABLE are the whole truth; nothing else in fcbox writes
a state. Every pair of state and event is filled on purpose: a state (go there), STAY (known to
happen, deliberately without effect on the state), or absent (illegal: `next_state` raises with
both names in the text). `docs/architecture.md` shows the table as generated from here.
"""

from enum import Enum

__all__ = ["STAY", "TABLE", "Event", "IllegalEvent", "State", "next_state", "render_table"]


class State(Enum):
    """Where an instance is in its life."""

    STARTING = "STARTING"  # cloned, has not said hello
    INITIALIZING = "INITIALIZING"  # SETUP sent; the Initializer runs, if there is one
    IDLE = "IDLE"  # waits for a request
    INVOKING = "INVOKING"  # the handler runs, for as many requests as it may have at a time
    DRAINING = "DRAINING"  # told to stop while the handler runs
    PRESTOPPING = "PRESTOPPING"  # PreStop runs, if there is one
    TERMINATING = "TERMINATING"  # SIGTERM sent, grace runs
    KILLING = "KILLING"  # its time is up or it is broken: on the way to SIGKILL
    DEAD = "DEAD"  # reaped, and no process of it is left

    # Identity is enough for members; Enum's own hash runs in Python and costs at every look-up.
    __hash__ = object.__hash__


class Event(Enum):
    """What can happen to an instance.

    An answer is `answered` while other requests run beside it, and `done` when it was the last
    one: so the table alone says where each leads. `abandoned`: a caller went away, and the
    instance lives on for the sake of the others.
    """

    HELLO = "hello"
    READY = "ready"
    INIT_FAILED = "init_failed"
    REST = "rest"
    INVOKE = "invoke"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    DONE = "done"
    STOP = "stop"
    STOPPED = "stopped"
    DEADLINE = "deadline"
    BROKEN = "broken"
    EXITED = "exited"

    __hash__ = object.__hash__


class IllegalEvent(Exception):
    """An event came in a state in which it cannot come: a bug of ours."""


_S, _E = State, Event
STAY = None

TABLE: dict[State, dict[Event, State | None]] = {
    _S.STARTING: {
        _E.HELLO: _S.INITIALIZING,
        _E.STOP: _S.KILLING,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.INITIALIZING: {
        _E.READY: _S.IDLE,
        _E.INIT_FAILED: _S.TERMINATING,
        _E.STOP: _S.TERMINATING,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.IDLE: {
        _E.REST: STAY,
        _E.INVOKE: _S.INVOKING,
        _E.STOP: _S.PRESTOPPING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.INVOKING: {
        _E.INVOKE: STAY,  # while there is room, which the instance counts
        _E.ANSWERED: STAY,
        _E.ABANDONED: STAY,
        _E.DONE: _S.IDLE,
        _E.STOP: _S.DRAINING,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.DRAINING: {
        _E.ANSWERED: STAY,
        _E.ABANDONED: STAY,
        _E.DONE: _S.PRESTOPPING,
        _E.STOP: STAY,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.PRESTOPPING: {
        _E.STOP: STAY,
        _E.STOPPED: _S.TERMINATING,
        _E.DEADLINE: _S.TERMINATING,
        _E.BROKEN: _S.KILLING,
        _E.EXITED: _S.DEAD,
    },
    _S.TERMINATING: {
        _E.READY: STAY,
        _E.INIT_FAILED: STAY,
        _E.STOP: STAY,
        _E.STOPPED: STAY,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: STAY,
        _E.EXITED: _S.DEAD,
    },
    _S.KILLING: {
        _E.HELLO: STAY,
        _E.READY: STAY,
        _E.INIT_FAILED: STAY,
        _E.DONE: STAY,
        _E.STOP: STAY,
        _E.STOPPED: STAY,
        _E.DEADLINE: _S.KILLING,
        _E.BROKEN: STAY,
        _E.EXITED: _S.DEAD,
    },
    _S.DEAD: {
        _E.STOP: STAY,
        _E.DEADLINE: STAY,
        _E.BROKEN: STAY,
    },
}


def next_state(state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalEvent for a pair that is not in TABLE."""
    try:
        target = TABLE[state][event]
    except KeyError:
        raise IllegalEvent(f"{event.value} in {state.value}") from None
    return state if target is STAY else target


def render_table() -> str:
    """TABLE as Markdown: `.` is STAY, blank is illegal."""
    events = list(Event)
    lines = ["| state \\ event | " + " | ".join(event.value for event in events) + " |"]
    lines.append("|---" * (len(events) + 1) + "|")
    for state in State:
        cells = (_cell(TABLE[state], event) for event in events)
        lines.append(f"| {state.value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: dict[Event, State | None], event: Event) -> str:
    if event not in row:
        return ""
    target = row[event]
    return "." if target is None else target.value
