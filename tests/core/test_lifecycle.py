"""The lifecycle table: each pair of state and event, and what follows from the graph alone."""

from collections.abc import Iterator

import pytest

from sandbox.core.lifecycle import STAY, TABLE, Event, IllegalEvent, State, next_state, render_table

# A copy made by hand from the design, not from the code. "." stays, "" is illegal. A deadline in
# KILLING has its handler run again, so the code goes to KILLING and does not merely stay.
DESIGN = """
              hello        ready init_failed rest invoke   answered abandoned done        stop        stopped     deadline    broken  exited
STARTING      INITIALIZING -     -           -    -        -        -         -           KILLING     -           KILLING     KILLING DEAD
INITIALIZING  -            IDLE  TERMINATING -    -        -        -         -           TERMINATING -           KILLING     KILLING DEAD
IDLE          -            -     -           .    INVOKING -        -         -           PRESTOPPING -           -           KILLING DEAD
INVOKING      -            -     -           -    .        .        .         IDLE        DRAINING    -           KILLING     KILLING DEAD
DRAINING      -            -     -           -    -        .        .         PRESTOPPING .           -           KILLING     KILLING DEAD
PRESTOPPING   -            -     -           -    -        -        -         -           .           TERMINATING TERMINATING KILLING DEAD
TERMINATING   -            .     .           -    -        -        -         -           .           .           KILLING     .       DEAD
KILLING       .            .     .           -    -        -        -         .           .           .           KILLING     .       DEAD
DEAD          -            -     -           -    -        -        -         -           .           -           .           .       -
"""  # noqa: E501 - a table


def cells() -> Iterator[tuple[State, Event, str]]:
    """Each pair with what the design says about it."""
    head, *rows = (line.split() for line in DESIGN.strip().splitlines())
    for row in rows:
        for event, cell in zip(head, row[1:], strict=True):
            yield State(row[0]), Event(event), cell


PAIRS = [(state, event) for state, event, cell in cells() if cell != "-"]
ILLEGAL = [(state, event) for state, event, cell in cells() if cell == "-"]
EDGES = {(state, event): next_state(state, event) for state, row in TABLE.items() for event in row}


def reachable(start: State, without: frozenset[tuple[State, Event]] = frozenset()) -> set[State]:
    """Every state that can follow, when some edges are cut."""
    found, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for (state, event), target in EDGES.items():
            if state is here and (state, event) not in without and target not in found:
                found.add(target)
                todo.append(target)
    return found


def test_design_covers_every_pair() -> None:
    """The copy above has a cell for each state and event."""
    covered = {(state, event) for state, event, _ in cells()}

    assert covered == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize(
    ("state", "event", "cell"),
    [entry for entry in cells() if entry[2] != "-"],
    ids=lambda value: value if isinstance(value, str) else value.value,
)
def test_legal_pair(state: State, event: Event, cell: str) -> None:
    """The state goes where the design says."""
    expected = state if cell == "." else State(cell)

    assert next_state(state, event) is expected


@pytest.mark.parametrize(("state", "event"), ILLEGAL, ids=lambda value: value.value)
def test_illegal_pair_names_both(state: State, event: Event) -> None:
    """What cannot happen raises, and the text names state and event."""
    with pytest.raises(IllegalEvent) as caught:
        next_state(state, event)

    assert str(caught.value) == f"{event.value} in {state.value}"


def test_table_has_nothing_else() -> None:
    """No state or pair beyond the design's."""
    assert set(EDGES) == set(PAIRS)
    assert set(TABLE) == set(State)


def test_initializer_begins_at_most_once() -> None:
    """SETUP is sent on entering INITIALIZING; no path enters it twice, and only hello does."""
    entries = {pair for pair, target in EDGES.items() if target is State.INITIALIZING}

    assert entries == {(State.STARTING, Event.HELLO)}
    assert State.STARTING not in EDGES.values()


def test_invoke_only_after_the_initializer_succeeded() -> None:
    """Without the edge `ready`, no request can ever run."""
    cut = frozenset({(State.INITIALIZING, Event.READY)})

    assert State.INVOKING not in reachable(State.STARTING, cut)
    assert State.INVOKING in reachable(State.STARTING)


def test_prestop_begins_only_where_no_request_runs() -> None:
    """PRESTOPPING is entered from IDLE, or from DRAINING when the request is done."""
    entries = {
        pair
        for pair, target in EDGES.items()
        if target is State.PRESTOPPING and pair[0] is not State.PRESTOPPING
    }

    assert entries == {(State.IDLE, Event.STOP), (State.DRAINING, Event.DONE)}


def test_prestop_begins_at_most_once() -> None:
    """No way leads back from PRESTOPPING to where it could begin again."""
    assert reachable(State.PRESTOPPING).isdisjoint({State.IDLE, State.INVOKING, State.DRAINING})


def test_prestop_comes_before_sigterm() -> None:
    """From a state that has served, in good order, TERMINATING is behind PRESTOPPING alone."""
    entries = {
        state
        for (state, _), target in EDGES.items()
        if target is State.TERMINATING and state is not State.TERMINATING
    }

    assert entries == {State.INITIALIZING, State.PRESTOPPING}
    assert State.PRESTOPPING not in reachable(State.TERMINATING)
    assert State.PRESTOPPING not in reachable(State.KILLING)


def test_dead_is_final() -> None:
    """Nothing leaves DEAD."""
    assert reachable(State.DEAD) == {State.DEAD}


@pytest.mark.parametrize("state", [state for state in State if state is not State.DEAD])
def test_every_state_reaches_dead_at_once_and_without_an_exit(state: State) -> None:
    """Each has an exited edge, and one of stop, deadline or broken that leads out of life."""
    assert EDGES[state, Event.EXITED] is State.DEAD
    assert State.DEAD in reachable(state)
    assert {Event.DEADLINE, Event.STOP, Event.BROKEN} & set(TABLE[state])


@pytest.mark.parametrize("state", [s for s in State if s not in (State.IDLE, State.DEAD)])
def test_deadlines_alone_lead_to_killing(state: State) -> None:
    """I7 is of use only if the deadline of each state leads on, at last to SIGKILL."""
    seen = set()
    while state is not State.KILLING:
        assert state not in seen
        seen.add(state)
        state = next_state(state, Event.DEADLINE)

    assert EDGES[State.KILLING, Event.DEADLINE] is State.KILLING


def test_nothing_is_invoked_on_its_way_down() -> None:
    """Past `stop` or `broken` no request is taken any more."""
    takers = {state for (state, event) in EDGES if event is Event.INVOKE}

    assert takers == {State.IDLE, State.INVOKING}
    assert reachable(State.DRAINING).isdisjoint(takers)


def test_only_the_last_answer_ends_the_work() -> None:
    """What is answered or abandoned beside others leads nowhere."""
    for event in (Event.ANSWERED, Event.ABANDONED):
        assert {(a, b) for (a, e), b in EDGES.items() if e is event} == {
            (State.INVOKING, State.INVOKING),
            (State.DRAINING, State.DRAINING),
        }


def test_only_an_idle_instance_rests() -> None:
    """Nothing that still has something to do can be frozen."""
    assert [state for (state, event) in EDGES if event is Event.REST] == [State.IDLE]
    assert EDGES[State.IDLE, Event.REST] is State.IDLE


def test_rendered_table() -> None:
    """The Markdown has a row for each state; `.` is STAY and blank is illegal."""
    lines = render_table().splitlines()
    head, rows = lines[0], {line.split(" | ")[0].strip("| "): line for line in lines[2:]}

    assert [cell.strip() for cell in head.strip("|").split("|")[1:]] == [e.value for e in Event]
    assert set(rows) == {state.value for state in State}
    assert rows["DEAD"] == "| DEAD |  |  |  |  |  |  |  |  | . |  | . | . |  |"
    assert STAY is None
