"""Logger records inside the stdout stream: any cut, nothing lost."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.logs import CurrentRequest, FCHandler
from worker.records import MAX_RECORD_BYTES, PLAIN, Splitter, record_pieces

TOKEN = bytes(range(200, 216))
PIPE_BUF = 4096
INFO, ERROR = 20, 40

Span = tuple[int, bytes]


def split(chunks: list[bytes], token: bytes = TOKEN) -> list[Span]:
    """All that comes out, neighbouring plain pieces joined: where they are cut is free."""
    splitter = Splitter(token)
    spans = [span for chunk in chunks for span in splitter.feed(chunk)]
    return joined(spans + splitter.flush())


def joined(spans: list[Span]) -> list[Span]:
    result: list[Span] = []
    for level, data in spans:
        if level == PLAIN and result and result[-1][0] == PLAIN:
            result[-1] = (PLAIN, result[-1][1] + data)
        elif data or level != PLAIN:
            result.append((level, data))
    return result


def stream_of(spans: list[Span]) -> bytes:
    """What the pipe carries."""
    return b"".join(
        data if level == PLAIN else b"".join(record_pieces(TOKEN, level, data))
        for level, data in spans
    )


SPANS = [(PLAIN, b"before\n"), (INFO, b"two\nlines"), (PLAIN, b"between"), (ERROR, b""),
         (ERROR, "水".encode()), (PLAIN, b"after\n")]  # fmt: skip


def test_plain_bytes_pass_at_once() -> None:
    """Nothing is held back of what cannot be a record."""
    assert Splitter(TOKEN).feed(b"printed\n") == [(PLAIN, b"printed\n")]


def test_cut_at_every_byte() -> None:
    """The same spans in the same order, wherever the read ended."""
    stream = stream_of(SPANS)
    for cut in range(len(stream) + 1):
        assert split([stream[:cut], stream[cut:]]) == SPANS


def test_byte_by_byte() -> None:
    """Tokens and heads that come in single bytes."""
    stream = stream_of(SPANS)

    assert split([stream[at : at + 1] for at in range(len(stream))]) == SPANS


@pytest.mark.parametrize("size", [1, PIPE_BUF - 21, PIPE_BUF - 20, PIPE_BUF - 19, 3 * PIPE_BUF])
def test_pieces_fit_the_atomic_write(size: int) -> None:
    """The kernel writes each piece whole, and together they are the record."""
    text = bytes(at % 251 for at in range(size))
    pieces = record_pieces(TOKEN, INFO, text)

    assert max(len(piece) for piece in pieces) <= PIPE_BUF
    assert split(pieces) == [(INFO, text)]


def test_what_is_printed_between_the_pieces() -> None:
    """Another thread's print between the pieces of a record comes out beside it, whole."""
    text = b"r" * 10_000
    first, second, third = record_pieces(TOKEN, INFO, text)

    assert split([first, b"A\n", second + b"B\n" + third, b"C\n"]) == [
        (PLAIN, b"A\nB\n"),
        (INFO, text),
        (PLAIN, b"C\n"),
    ]


def test_long_record_is_cut() -> None:
    """At 128 KiB, as in the cloud."""
    pieces = record_pieces(TOKEN, INFO, b"r" * (MAX_RECORD_BYTES + 1))

    assert split(pieces) == [(INFO, b"r" * MAX_RECORD_BYTES)]


def test_formatter_cuts_where_the_pipe_does() -> None:
    """Or one of them would cut a character in two that the other has taken care of."""
    texts: list[str] = []
    handler = FCHandler(lambda _, text: texts.append(text), CurrentRequest())
    handler.emit(logging.LogRecord("", INFO, "", 0, "\u4e2d" * MAX_RECORD_BYTES, None, None))
    data = texts[0].encode()

    assert MAX_RECORD_BYTES - 3 < len(data) <= MAX_RECORD_BYTES
    assert split(record_pieces(TOKEN, INFO, data)) == [(INFO, data)]


def test_stream_that_ends_in_a_piece() -> None:
    """What was there of it is given as it was: nothing is lost."""
    first, second = record_pieces(TOKEN, INFO, b"r" * 5000)
    splitter = Splitter(TOKEN)

    assert splitter.feed(first + second[:30]) == []
    assert splitter.flush() == [(PLAIN, b"r" * (PIPE_BUF - 20)), (PLAIN, second[:30])]
    assert splitter.flush() == []


def test_record_that_never_ends() -> None:
    """It is cut at the limit and goes on as another: nothing is lost, no more than that is held."""
    piece = TOKEN + bytes([INFO, 1]) + (1000).to_bytes(2, "big") + b"r" * 1000
    spans = split([piece] * 300)

    assert max(len(data) for _, data in spans) <= MAX_RECORD_BYTES
    assert sum(len(data) for _, data in spans) == 300_000


def test_half_a_token_is_released() -> None:
    """Pieces are written whole: when the pipe is empty, what looks like a beginning is none."""
    splitter = Splitter(TOKEN)

    assert splitter.feed(b"text" + TOKEN[:3]) == [(PLAIN, b"text")]
    assert splitter.release() == [(PLAIN, TOKEN[:3])]
    assert splitter.feed(TOKEN[3:]) == [(PLAIN, TOKEN[3:])]


def test_release_keeps_a_record_together() -> None:
    """Between two pieces of a record another thread may let the request end."""
    first, second = record_pieces(TOKEN, INFO, b"r" * 5000)
    splitter = Splitter(TOKEN)

    assert splitter.feed(first) == []
    assert splitter.release() == []
    assert splitter.feed(second) == [(INFO, b"r" * 5000)]


def test_token_that_repeats_itself() -> None:
    """A beginning inside a false beginning is still found."""
    token = b"aaab" * 4
    pieces = record_pieces(token, INFO, b"x")

    assert split([b"aa", *pieces, b"a"], token) == [(PLAIN, b"aa"), (INFO, b"x"), (PLAIN, b"a")]


def test_level_zero_is_no_plain_text() -> None:
    """A forged level of 0 stays a record."""
    (piece,) = record_pieces(TOKEN, 0, b"x")

    assert split([piece]) == [(1, b"x")]


plain = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.integers(1, len(TOKEN) - 1).map(lambda size: TOKEN[:size] + b"!"),
    st.integers(1, len(TOKEN) - 1).map(lambda size: TOKEN[size:] + b"!"),
)
spans = st.lists(
    st.one_of(
        st.tuples(st.just(PLAIN), plain),
        st.tuples(st.integers(1, 255), st.binary(max_size=9000)),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(spans, st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_any_stream_in_any_chunks(written: list[Span], sizes: list[int]) -> None:
    """What goes in as spans comes out as the same spans."""
    stream, chunks, turn = stream_of(written), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        chunks.append(stream[:size])
        stream, turn = stream[size:], turn + 1

    assert split(chunks) == joined(written)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.one_of(st.just(TOKEN), st.binary(max_size=30)), max_size=12))
def test_hostile_stream_ends_and_keeps_its_bytes(chunks: list[bytes]) -> None:
    """A function may write tokens of its own: never an error, never more than was written."""
    found = split(chunks)

    assert sum(len(data) for _, data in found) <= sum(len(chunk) for chunk in chunks)
    if TOKEN not in b"".join(chunks):
        assert b"".join(data for _, data in found) == b"".join(chunks)
