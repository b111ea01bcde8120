"""What is printed into the pipes, and whose it is: pipes of the test's own, no worker."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sandbox.engine.logs import DRAIN_BYTES, LINE_BYTES, TAIL_BYTES, InstanceLog, LogHub, Span
from sandbox.engine.loop import PollLoop
from worker.records import record_pieces

TOKEN = bytes(range(240, 256))
IID = "c-1"


class ListSink:
    """Keeps the spans; congested when told to be."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.is_congested = False

    def write(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        pass


class Ends(NamedTuple):
    """A log, what reaches the sink, and the function's ends of the pipes."""

    log: InstanceLog
    sink: ListSink
    loop: PollLoop
    stdout: int
    stderr: int

    def turn(self) -> None:
        """Lets the loop read what is there."""
        done: list[int] = []
        self.loop.call_later(0.002, done.append, 1)
        self.loop.run_until(lambda: bool(done))

    def told(self) -> list[tuple[str, bytes]]:
        """(source, data) of each span so far."""
        return [(span.source, span.data) for span in self.sink.spans]


@pytest.fixture
def ends() -> Iterator[Ends]:
    loop, sink = PollLoop(), ListSink()
    out_read, out_write = os.pipe2(os.O_NONBLOCK)
    err_read, err_write = os.pipe2(os.O_NONBLOCK)
    log = InstanceLog(LogHub(loop, [sink]), "f", IID, out_read, err_read, TOKEN)
    yield Ends(log, sink, loop, out_write, err_write)
    if log._streams[0].is_open:
        log.close()
    for fd in (out_write, err_write):
        os.close(fd)
    loop.close()


def runner(text: str) -> tuple[str, bytes]:
    return "runner", f"{text}\n".encode()


def test_a_request(ends: Ends) -> None:
    """Start, what was printed, End: in this order without any marker in the stream."""
    ends.log.inited("python3.10")
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"one\ntwo\n")
    ends.log.end("r-1")

    assert ends.told() == [
        runner("FunctionCompute python3.10 runtime inited."),
        runner("FC Invoke Start RequestId: r-1"),
        ("stdout", b"one\ntwo\n"),
        runner("FC Invoke End RequestId: r-1"),
    ]
    assert {(s.request_id, s.phase) for s in ends.sink.spans[1:]} == {("r-1", "invoke")}
    assert {(s.function, s.instance_id) for s in ends.sink.spans} == {("f", IID)}


def test_end_with_an_error(ends: Ends) -> None:
    """The suffix of the cloud."""
    ends.log.begin("PreStop", "r-2")
    ends.log.end("r-2", "Unhandled function error")

    assert ends.told()[-1] == runner(
        "FC PreStop End RequestId: r-2, Error: Unhandled function error"
    )


def test_what_looks_like_a_record_is_not_held_back(ends: Ends) -> None:
    """Half a token at the end of the output comes out before End, and not with the next request."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"binary" + TOKEN[:5])
    ends.turn()
    ends.log.end("r-1")
    ends.log.begin("Invoke", "r-2")
    os.write(ends.stdout, TOKEN[5:] + b"\n")
    ends.log.end("r-2")
    said = [span for span in ends.sink.spans if span.source == "stdout"]

    assert [(span.request_id, span.data) for span in said] == [
        ("r-1", b"binary" + TOKEN[:5]),
        ("r-2", TOKEN[5:] + b"\n"),
    ]


def test_lines_are_kept_whole(ends: Ends) -> None:
    """A line that comes in pieces is one line of one span."""
    ends.log.begin("Invoke", "r-1")
    for piece in (b"be", b"gin", b"ning\nrest", b" of it\n"):
        os.write(ends.stdout, piece)
        ends.turn()

    assert ends.told()[1:] == [("stdout", b"beginning\n"), ("stdout", b"rest of it\n")]


def test_unfinished_line_belongs_to_its_request(ends: Ends) -> None:
    """At End what is there is shown, newline or not."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"no newline")
    ends.log.end("r-1")

    assert ends.told()[1:3] == [("stdout", b"no newline"), runner("FC Invoke End RequestId: r-1")]


def test_long_line_is_cut_and_marked(ends: Ends) -> None:
    """Nothing is lost of it, and at most so much is ever held."""
    ends.log.begin("Invoke", "r-1")
    written = 0
    while written < 3 * LINE_BYTES + 1000:
        written += os.write(ends.stdout, b"x" * 30_000)
        ends.turn()
    os.write(ends.stdout, b"\n")
    ends.log.end("r-1")
    spans = [span for span in ends.sink.spans if span.source == "stdout"]

    assert b"".join(span.data for span in spans) == b"x" * written + b"\n"
    assert [span.is_cut for span in spans] == [True] * (len(spans) - 1) + [False]
    assert max(len(span.data) for span in spans) <= LINE_BYTES + 30_000


def test_cut_does_not_divide_a_character(ends: Ends) -> None:
    """A reader that takes UTF-8 apart line by line finds no broken character."""
    ends.log.begin("Invoke", "r-1")
    text = "水" * 60_000
    data, at = text.encode(), 0
    while at < len(data):
        at += os.write(ends.stdout, data[at : at + 50_001])
        ends.turn()
    ends.log.end("r-1")
    pieces = [span.data for span in ends.sink.spans if span.source == "stdout"]

    assert len(pieces) > 1
    assert "".join(piece.decode() for piece in pieces) == text


def test_stderr_has_its_own_source(ends: Ends) -> None:
    """And its own unfinished line."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"out")
    os.write(ends.stderr, b"err\n")
    ends.turn()
    os.write(ends.stdout, b"put\n")
    ends.log.end("r-1")

    assert ends.told()[1:3] == [("stderr", b"err\n"), ("stdout", b"output\n")]


def test_logger_record(ends: Ends) -> None:
    """A record of several lines is one span, at its place, with its level."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"before\n")
    for piece in record_pieces(TOKEN, 40, b"first\nsecond"):
        os.write(ends.stdout, piece)
    os.write(ends.stdout, b"after\n")
    ends.log.end("r-1")

    assert ends.told()[1:-1] == [
        ("stdout", b"before\n"),
        ("logger", b"first\nsecond\n"),
        ("stdout", b"after\n"),
    ]
    assert [span.level for span in ends.sink.spans[1:-1]] == [0, 40, 0]


def test_record_after_an_unfinished_line(ends: Ends) -> None:
    """The order of writing is kept."""
    ends.log.begin("Invoke", "r-1")
    pieces = record_pieces(TOKEN, 20, b"record")
    os.write(ends.stdout, b"unfinished" + b"".join(pieces) + b" line\n")
    ends.log.end("r-1")

    assert ends.told()[1:-1] == [
        ("stdout", b"unfinished"),
        ("logger", b"record\n"),
        ("stdout", b" line\n"),
    ]


def test_late_output(ends: Ends) -> None:
    """Outside any request: marked, and it names the last one."""
    ends.log.begin("Invoke", "r-1")
    ends.log.end("r-1")
    os.write(ends.stdout, b"late\n")
    ends.turn()
    os.write(ends.stdout, b"later\n")
    ends.log.begin("Invoke", "r-2")
    ends.log.end("r-2")
    late = [span for span in ends.sink.spans if span.is_late]

    assert [(span.data, span.request_id, span.phase) for span in late] == [
        (b"late\n", "r-1", ""),
        (b"later\n", "r-1", ""),
    ]


def test_tail_is_of_one_request(ends: Ends) -> None:
    """What FC's tail log shows: the request's own lines, and nothing of the last one's."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"mine\n")
    ends.log.end("r-1")
    ends.log.begin("Invoke", "r-2")
    ends.log.end("r-2")

    expected = b"FC Invoke Start RequestId: r-2\nFC Invoke End RequestId: r-2\n"
    assert ends.log.tail_of("r-2") == expected
    assert ends.log.tail_of("r-1") == b""


def test_initializer_of_a_cold_start_is_in_its_requests_tail(ends: Ends) -> None:
    """They have the same id."""
    ends.log.begin("Initialize", "r-1")
    ends.log.end("r-1")
    ends.log.begin("Invoke", "r-1")

    assert ends.log.tail_of("r-1").count(b"Start RequestId: r-1") == 2


def test_output_while_several_run_belongs_to_none(ends: Ends) -> None:
    """Nothing tells which of them printed it: it is said to be of the instance, and each of their
    tails has it. Start and End keep their own id."""
    ends.log.begin("Invoke", "r-1")
    os.write(ends.stdout, b"one\n")
    ends.log.begin("Invoke", "r-2")
    os.write(ends.stdout, b"two\n")
    ends.log.end("r-1")
    os.write(ends.stdout, b"three\n")
    ends.log.end("r-2")

    assert [(s.request_id, s.phase, s.is_late, s.data.split()[-1]) for s in ends.sink.spans] == [
        ("r-1", "invoke", False, b"r-1"),
        ("r-1", "invoke", False, b"one"),
        ("r-2", "invoke", False, b"r-2"),
        ("", "invoke", False, b"two"),
        ("r-1", "invoke", False, b"r-1"),
        ("r-2", "invoke", False, b"three"),
        ("r-2", "invoke", False, b"r-2"),
    ]
    first = b"FC Invoke Start RequestId: r-1\none\ntwo\nFC Invoke End RequestId: r-1\n"
    second = b"FC Invoke Start RequestId: r-2\ntwo\nthree\nFC Invoke End RequestId: r-2\n"
    assert (ends.log.tail_of("r-1"), ends.log.tail_of("r-2")) == (first, second)


def test_tails_of_a_busy_instance_do_not_pile_up(ends: Ends) -> None:
    """It may never be without a request: only those that run are remembered."""
    for number in range(1, 50):
        ends.log.begin("Invoke", f"r-{number}")
        if number > 1:
            ends.log.end(f"r-{number - 1}")

    assert [n for n in range(50) if ends.log.tail_of(f"r-{n}")] == [48, 49]


def test_tail_is_bounded(ends: Ends) -> None:
    """The last bytes of a flood, however long it is."""
    ends.log.begin("Invoke", "r-1")
    for _ in range(20):
        os.write(ends.stdout, b"y" * 59_999 + b"\n")
        ends.turn()
    ends.log.end("r-1")

    assert len(ends.log.tail_of("r-1")) == TAIL_BYTES
    assert ends.log.tail_of("r-1").endswith(b"y\nFC Invoke End RequestId: r-1\n")


def test_end_does_not_wait_for_a_daemon(ends: Ends) -> None:
    """Somebody writes faster than we read: End comes after a pipe's worth all the same."""
    ends.log.begin("Invoke", "r-1")
    pid = os.fork()
    if pid == 0:
        os.set_blocking(ends.stdout, True)
        while True:
            os.write(ends.stdout, b"tick\n" * 1000)
    try:
        ends.log.end("r-1")
        taken = sum(len(span.data) for span in ends.sink.spans)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert taken <= 4 * DRAIN_BYTES


def test_congestion_holds_the_readers_back(ends: Ends) -> None:
    """The pipe fills, the function waits, and nothing is lost when the sink has caught up."""
    ends.log.begin("Invoke", "r-1")
    ends.sink.is_congested = True
    os.write(ends.stdout, b"patience\n")
    ends.turn()
    ends.turn()

    assert ends.told()[1:] == []
    ends.sink.is_congested = False
    ends.loop.run_until(lambda: len(ends.sink.spans) > 1)
    assert ends.told()[1:] == [("stdout", b"patience\n")]


def test_both_streams_are_held_back_together(ends: Ends) -> None:
    """One resume serves both, however often they were ready."""
    ends.sink.is_congested = True
    os.write(ends.stdout, b"o\n")
    os.write(ends.stderr, b"e\n")
    ends.turn()
    ends.sink.is_congested = False
    ends.loop.run_until(lambda: len(ends.sink.spans) == 2)

    assert sorted(ends.told()) == [("stderr", b"e\n"), ("stdout", b"o\n")]


def test_close_takes_what_is_left(ends: Ends) -> None:
    """The last words of a process that is gone, half a record among them."""
    first, second = record_pieces(TOKEN, 20, b"r" * 5000)
    os.write(ends.stdout, b"last words\n" + first + second[:30])
    ends.log.close()

    assert ends.told()[0] == ("stdout", b"last words\n")
    assert sorted(data for _, data in ends.told()[1:]) == sorted([first[20:], second[:30]])


def test_closed_streams(ends: Ends) -> None:
    """A function that closes its stderr does not stop its stdout."""
    os.dup2(ends.stdout, ends.stderr)
    ends.turn()
    os.write(ends.stdout, b"still here\n")
    ends.turn()

    assert ends.told() == [("stdout", b"still here\n")]


def test_one_id_used_twice_at_a_time(ends: Ends) -> None:
    """Whoever invokes may choose the id: two Start lines, two End lines, no harm."""
    for _ in range(2):
        ends.log.begin("Invoke", "r-1")
    for _ in range(2):
        ends.log.end("r-1")

    assert [data.split()[2] for _, data in ends.told()] == [b"Start", b"Start", b"End", b"End"]
