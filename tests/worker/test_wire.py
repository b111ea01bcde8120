"""The wire protocol: who may say what and when, cuts, caps, and peers that lie."""

import itertools
import struct
import tracemalloc
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.core.spec import MAX_EVENT_BYTES
from worker import wire
from worker.wire import SUPERVISOR, WORKER, Connection, LocalProtocolError, RemoteProtocolError

META = wire.invoke_meta(7, "1-65e59c08-00010203-040506070809")
USAGE = wire.pack_usage(50176)
KINDS = sorted(wire.NAMES)
WALLS = wire.pack_walls({"held": ["root"], "lacks": [["seccomp", "why"]], "mounts": []})
STATES = ["BORN", "GREETED", "ENTERING", "SETTING_UP", "IDLE", "BUSY", "STOPPING", "FINISHED"]
LIFE: list[tuple[int, bytes, bytes]] = [
    (wire.HELLO, b"", b""),
    (wire.SETUP, b"", b'{"a": 1}'),
    (wire.WALLS, b"", WALLS),
    (wire.READY, USAGE, b""),
    (wire.INVOKE, META, b"event \x00\xff"),
    (wire.RESULT, META + USAGE, b"answer"),
    (wire.INVOKE, META, b""),
    (wire.FAILED, META + USAGE, b"{}"),
    (wire.PRESTOP, b"1-a", b""),
    (wire.STOPPED, USAGE, b""),
]
WAY = {  # what has to be said before each state
    "BORN": 0, "GREETED": 1, "ENTERING": 2, "SETTING_UP": 3, "IDLE": 4, "BUSY": 5,
    "STOPPING": 9, "FINISHED": 10,
}  # fmt: skip


def other(role: str) -> str:
    return WORKER if role == SUPERVISOR else SUPERVISOR


def frame(kind: int, meta: bytes = b"", body: bytes = b"", flags: int = 0) -> bytes:
    """A frame made by hand, from the format's own description."""
    return struct.pack(">BBHI", kind, flags, len(meta), len(body)) + meta + body


def pair_in(state: str) -> dict[str, Connection]:
    """Both ends of a conversation that has come this far."""
    ends = {role: Connection(role) for role in (SUPERVISOR, WORKER)}
    steps = LIFE[: WAY[state]]
    if state in ("STOPPING", "FINISHED"):
        steps = LIFE[:6] + LIFE[8 : WAY[state]]
    for kind, meta, body in steps:
        sender = wire.SENDER[kind]
        ends[other(sender)].receive_data(ends[sender].send(kind, meta, body)[0])
        assert ends[other(sender)].next_message() is not None
    assert ends[SUPERVISOR].state == ends[WORKER].state == state
    return ends


def test_frame_layout() -> None:
    """Byte by byte, as the module's docstring has it."""
    sent, bulk = pair_in("IDLE")[SUPERVISOR].send(wire.INVOKE, b"\0\0\0\1r", b"body")

    assert sent == b"\x05\x00" + b"\x00\x05" + b"\x00\x00\x00\x04" + b"\0\0\0\1r" + b"body"
    assert bulk == b""


@pytest.mark.parametrize("step", range(len(LIFE)), ids=lambda at: wire.NAMES[LIFE[at][0]])
def test_round_trip_cut_at_every_byte(step: int) -> None:
    """Each message arrives whole wherever the pipe cuts it, and not before its last byte."""
    kind, meta, body = LIFE[step]
    sender = wire.SENDER[kind]
    whole = len(frame(kind, meta, body))
    for cut in range(whole + 1):
        ends = {role: Connection(role) for role in (SUPERVISOR, WORKER)}
        for earlier in LIFE[:step]:
            role = wire.SENDER[earlier[0]]
            ends[other(role)].receive_data(ends[role].send(*earlier)[0])
            ends[other(role)].next_message()
        data, _ = ends[sender].send(kind, meta, body)
        receiver = ends[other(sender)]
        receiver.receive_data(data[:cut])
        early = receiver.next_message()
        receiver.receive_data(data[cut:])
        message = receiver.next_message() if early is None else early

        assert (early is None) == (cut < whole)
        assert message == (kind, meta, body)
        assert receiver.next_message() is None


def test_byte_by_byte() -> None:
    """A whole conversation in single bytes."""
    ends = {role: Connection(role) for role in (SUPERVISOR, WORKER)}
    heard = []
    for kind, meta, body in LIFE:
        role = wire.SENDER[kind]
        for byte in ends[role].send(kind, meta, body)[0]:
            ends[other(role)].receive_data(bytes([byte]))
            message = ends[other(role)].next_message()
            if message is not None:
                heard.append(tuple(message))

    assert heard == LIFE


@pytest.mark.parametrize(
    ("size", "is_bulk"),
    [(0, False), (wire.BULK_BYTES, False), (wire.BULK_BYTES + 1, True), (3 << 20, True)],
)
def test_bulk_begins_above_its_bound(size: int, is_bulk: bool) -> None:
    """Up to 64 KiB in the frame; above, announced by it and carried beside."""
    ends = pair_in("IDLE")
    body = b"e" * size
    head, bulk = ends[SUPERVISOR].send(wire.INVOKE, META, body)
    ends[WORKER].receive_data(head)
    message = ends[WORKER].next_message()
    wanted = ends[WORKER].bulk_wanted
    if wanted:
        message = ends[WORKER].receive_bulk(bulk)

    assert (bool(bulk), wanted) == (is_bulk, size if is_bulk else 0)
    assert message == (wire.INVOKE, META, body)
    assert (ends[WORKER].state, ends[WORKER].bulk_wanted) == ("BUSY", 0)


def test_bulk_of_the_wrong_size_is_our_bug() -> None:
    """The caller owes exactly what is wanted."""
    ends = pair_in("IDLE")
    head, bulk = ends[SUPERVISOR].send(wire.INVOKE, META, b"e" * (wire.BULK_BYTES + 1))
    ends[WORKER].receive_data(head)
    ends[WORKER].next_message()

    with pytest.raises(LocalProtocolError):
        ends[WORKER].receive_bulk(bulk[:-1])


def test_bulk_that_nobody_announced_is_our_bug() -> None:
    """There is no message to give."""
    with pytest.raises(LocalProtocolError):
        pair_in("IDLE")[WORKER].receive_bulk(b"")


def test_nothing_may_follow_an_announced_body() -> None:
    """A peer that goes on talking meanwhile could have us hold any amount."""
    connection = pair_in("BUSY")[SUPERVISOR]
    announced = struct.pack(">BBHI", wire.RESULT, 1, len(META), wire.BULK_BYTES + 1) + META
    connection.receive_data(announced + b"x")

    assert connection.next_message() is None
    with pytest.raises(RemoteProtocolError):
        connection.next_message()


@pytest.mark.parametrize(
    ("meta_size", "size"),
    [(wire.MAX_META_BYTES + 1, 0), (0, wire.MAX_BODY_BYTES + 1)],
)
@pytest.mark.parametrize("role", [SUPERVISOR, WORKER])
def test_caps(role: str, meta_size: int, size: int) -> None:
    """Both sides check the same bounds, each with its own blame."""
    mine = wire.SETUP if role == SUPERVISOR else wire.HELLO
    yours = wire.HELLO if role == SUPERVISOR else wire.SETUP

    with pytest.raises(LocalProtocolError):
        Connection(role).send(mine, b"m" * meta_size, b"b" * size)

    receiver = Connection(role)
    flags = 1 if size > wire.BULK_BYTES else 0
    receiver.receive_data(struct.pack(">BBHI", yours, flags, meta_size, size))
    with pytest.raises(RemoteProtocolError):
        receiver.next_message()


@pytest.mark.parametrize(
    ("flags", "size"), [(1, 5), (0, wire.BULK_BYTES + 1), (2, 5), (0x80, 0), (3, 1 << 20)]
)
def test_flags_must_fit_the_size(flags: int, size: int) -> None:
    """There is one way to send a body of a given size, and no flag that we do not know."""
    receiver = Connection(WORKER)
    receiver.receive_data(struct.pack(">BBHI", wire.SETUP, flags, 0, size))

    with pytest.raises(RemoteProtocolError):
        receiver.next_message()


def legal(state: str, kind: int) -> bool:
    """At the capacity of one that a conversation has unless it is told another."""
    return (state, kind) in wire.TABLE and (state, kind) != (wire.BUSY, wire.INVOKE)


@pytest.mark.parametrize("role", [SUPERVISOR, WORKER])
@pytest.mark.parametrize(("state", "kind"), list(itertools.product(STATES, KINDS)))
def test_sending_in_every_state(role: str, state: str, kind: int) -> None:
    """What is not ours to send, or not now, is a bug of ours and changes nothing."""
    connection = pair_in(state)[role]
    if wire.SENDER[kind] == role and legal(state, kind):
        connection.send(kind, META + USAGE)

        assert connection.state == wire.TABLE[state, kind]
        return
    with pytest.raises(LocalProtocolError, match=wire.NAMES[kind]):
        connection.send(kind)

    assert connection.state == state


@pytest.mark.parametrize("role", [SUPERVISOR, WORKER])
@pytest.mark.parametrize(("state", "kind"), list(itertools.product(STATES, KINDS)))
def test_receiving_in_every_state(role: str, state: str, kind: int) -> None:
    """What the peer may not say, or not now, is the peer's doing and changes nothing."""
    connection = pair_in(state)[role]
    meta = META + USAGE
    connection.receive_data(frame(kind, meta))
    if wire.SENDER[kind] != role and legal(state, kind):
        assert connection.next_message() == (kind, meta, b"")
        assert connection.state == wire.TABLE[state, kind]
        return
    with pytest.raises(RemoteProtocolError, match=wire.NAMES[kind]):
        connection.next_message()

    assert connection.state == state


@pytest.mark.parametrize("kind", [0, 11, 200, 255])
def test_unknown_kind(kind: int) -> None:
    """No such frame, from either side."""
    connection = Connection(SUPERVISOR)
    connection.receive_data(frame(kind))

    with pytest.raises(RemoteProtocolError, match=str(kind)):
        connection.next_message()
    with pytest.raises(LocalProtocolError, match=str(kind)):
        connection.send(kind)


@pytest.mark.parametrize("kind", [wire.RESULT, wire.FAILED])
@pytest.mark.parametrize(
    "meta",
    [wire.invoke_meta(8, wire.request_id_of(META)) + USAGE,
     wire.invoke_meta(7, "1-65e59c08-00010203-04050607080a") + USAGE,
     META[:-1], b"", USAGE],
    ids=["other sequence", "other id", "too short", "empty", "only usage"],
)  # fmt: skip
@pytest.mark.parametrize("size", [2, wire.BULK_BYTES + 1], ids=["frame", "bulk"])
def test_answer_to_another_request(kind: int, meta: bytes, size: int) -> None:
    """Refused: no request can get another's result."""
    connection = pair_in("BUSY")[SUPERVISOR]
    body = b"a" * size
    is_bulk = size > wire.BULK_BYTES
    head = struct.pack(">BBHI", kind, is_bulk, len(meta), size) + meta
    connection.receive_data(head if is_bulk else head + body)
    take = connection.next_message
    if is_bulk:
        assert take() is None
        take = partial(connection.receive_bulk, body)

    with pytest.raises(RemoteProtocolError, match="another request"):
        take()


def metas(count: int) -> list[bytes]:
    return [wire.invoke_meta(number, f"1-{number}") for number in range(1, count + 1)]


def roomy_pair(capacity: int, sent: list[bytes]) -> dict[str, Connection]:
    """Both ends of a conversation in which so much may be unanswered, and these are."""
    ends = pair_in("IDLE")
    for end in ends.values():
        end.capacity = capacity
    for meta in sent:
        ends[WORKER].receive_data(ends[SUPERVISOR].send(wire.INVOKE, meta)[0])
        assert ends[WORKER].next_message() == (wire.INVOKE, meta, b"")
    return ends


def test_answers_come_in_any_order() -> None:
    """Each is matched by its meta, and the last one alone ends the turn."""
    first, second, third = metas(3)
    ends = roomy_pair(3, [first, second, third])
    states = []
    for meta in (second, third, first):
        ends[SUPERVISOR].receive_data(ends[WORKER].send(wire.RESULT, meta + USAGE)[0])
        assert ends[SUPERVISOR].next_message() == (wire.RESULT, meta + USAGE, b"")
        states.append((ends[SUPERVISOR].state, ends[WORKER].state))

    assert states == [("BUSY", "BUSY"), ("BUSY", "BUSY"), ("IDLE", "IDLE")]
    assert wire.sequence_of(third + USAGE) == 3


def test_no_more_requests_than_there_is_room_for() -> None:
    """Ours to keep when we send, the peer's when it does; nothing has changed then."""
    first, second, third = metas(3)
    ends = roomy_pair(2, [first, second])
    ends[WORKER].receive_data(frame(wire.INVOKE, third))

    with pytest.raises(LocalProtocolError, match="INVOKE while BUSY"):
        ends[SUPERVISOR].send(wire.INVOKE, third)
    with pytest.raises(RemoteProtocolError, match="INVOKE while BUSY"):
        ends[WORKER].next_message()


@pytest.mark.parametrize("kind", [wire.RESULT, wire.FAILED])
def test_second_answer_to_one_of_several(kind: int) -> None:
    """A request has one answer, however many others wait for theirs."""
    first, second = metas(2)
    supervisor = roomy_pair(2, [first, second])[SUPERVISOR]
    supervisor.receive_data(2 * frame(kind, first + USAGE))

    assert supervisor.next_message() == (kind, first + USAGE, b"")
    with pytest.raises(RemoteProtocolError, match="another request"):
        supervisor.next_message()


def test_no_prestop_while_one_of_several_runs() -> None:
    """Not before the last answer, on either side."""
    first, second = metas(2)
    ends = roomy_pair(2, [first, second])
    ends[SUPERVISOR].receive_data(ends[WORKER].send(wire.RESULT, first + USAGE)[0])
    ends[SUPERVISOR].next_message()

    with pytest.raises(LocalProtocolError, match="PRESTOP while BUSY"):
        ends[SUPERVISOR].send(wire.PRESTOP)


def test_frame_behind_an_announced_body_waits_for_it() -> None:
    """With room for several, the next answer may be in the pipe while a body is on its way."""
    first, second = metas(2)
    ends = roomy_pair(2, [first, second])
    body = b"a" * (wire.BULK_BYTES + 1)
    head, bulk = ends[WORKER].send(wire.RESULT, first + USAGE, body)
    behind, _ = ends[WORKER].send(wire.RESULT, second + USAGE, b"small")
    supervisor = ends[SUPERVISOR]
    supervisor.receive_data(head + behind)

    assert supervisor.next_message() is None
    assert supervisor.next_message() is None
    assert supervisor.receive_bulk(bulk) == (wire.RESULT, first + USAGE, body)
    assert supervisor.next_message() == (wire.RESULT, second + USAGE, b"small")


def test_request_id_travels_in_the_meta() -> None:
    """What is packed comes out again."""
    assert wire.request_id_of(META) == "1-65e59c08-00010203-040506070809"


def test_usage_is_the_tail_of_the_meta() -> None:
    """Kilobytes, at the end of whatever comes before."""
    assert wire.unpack_usage(META + USAGE) == 50176


def test_meta_without_usage() -> None:
    """A worker that leaves it out has broken the protocol."""
    with pytest.raises(RemoteProtocolError):
        wire.unpack_usage(b"abc")


def test_walls_travel_in_the_body() -> None:
    """What is packed comes out again, each lack with its reason."""
    assert wire.unpack_walls(WALLS) == {
        "held": ["root"], "lacks": [("seccomp", "why")], "mounts": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"1", b"\xff", b'{"held": 1, "lacks": [], "mounts": []}',
     b'{"held": [], "lacks": [["root"]], "mounts": []}', b'{"held": [], "lacks": []}'],
)  # fmt: skip
def test_walls_that_cannot_be_read(body: bytes) -> None:
    """A worker that sends them has broken the protocol."""
    with pytest.raises(RemoteProtocolError):
        wire.unpack_walls(body)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from([SUPERVISOR, WORKER]),
    st.sampled_from(STATES),
    st.lists(
        st.one_of(
            st.binary(max_size=64),
            st.builds(
                frame, st.sampled_from(KINDS), st.binary(max_size=40), st.binary(max_size=40)
            ),
        ),
        max_size=6,
    ),
)
def test_any_bytes(role: str, state: str, chunks: list[bytes]) -> None:
    """Hostile bytes give messages, nothing yet, or the peer's blame: never anything else."""
    connection = pair_in(state)[role]
    try:
        for chunk in chunks:
            connection.receive_data(chunk)
            while (message := connection.next_message()) is not None:
                assert message.kind in wire.NAMES
    except RemoteProtocolError:
        pass

    assert connection.bulk_wanted <= wire.MAX_BODY_BYTES


@pytest.mark.parametrize("kind", [0, wire.RESULT, wire.READY])
@pytest.mark.parametrize("flags", [0, 1])
def test_a_header_alone_allocates_nothing(kind: int, flags: int) -> None:
    """The largest length that fits is refused, or waited for, but never made room for."""
    connection = pair_in("BUSY")[SUPERVISOR]
    tracemalloc.start()
    try:
        for size in (wire.MAX_BODY_BYTES, 0xFFFFFFFF):
            connection.receive_data(struct.pack(">BBHI", kind, flags, 0, size))
            try:
                connection.next_message()
            except RemoteProtocolError:
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 64 << 10


def test_largest_event_and_answer_fit() -> None:
    """They have one limit, and a frame has room for either."""
    assert wire.MAX_ANSWER_BYTES == MAX_EVENT_BYTES
    worker = pair_in("BUSY")[WORKER]
    _, bulk = worker.send(wire.RESULT, META + USAGE, bytes(wire.MAX_ANSWER_BYTES))
    assert len(bulk) == wire.MAX_ANSWER_BYTES
