"""Sinks: three formats byte by byte, and an outlet that never blocks and never grows."""

import fcntl
import json
import os
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engine.logs import LogHub, Span
from sandbox.engine.loop import PollLoop
from sandbox.engine.sinks import CONGESTED_BYTES, FORMATS, Outlet, make_sink

RID = "1-65e59c08-00010203-040506070809"
IID = "c-65e59c08-00010203-04050607abcd"
AT_S = 1709546248.25


def span(source: str, data: bytes, phase: str = "invoke", **fields: object) -> Span:
    return Span(AT_S, "hello", IID, RID, phase, source, data, **fields)  # type: ignore[arg-type]


SPANS = [
    span("runner", f"FC Invoke Start RequestId: {RID}\n".encode()),
    span("stdout", "一 line\nand another\n".encode()),
    span("logger", b"2024-03-04 09:57:28.192 x [info] first\nsecond\n", level=20),
    span("stderr", b"\xff no newline"),
    span("stdout", b"piece", is_cut=True),
    span("runner", f"FC Invoke End RequestId: {RID}, Error: boom\n".encode()),
    span("stdout", b"late\n", "", is_late=True),
    span("notice", b"the worker ended", ""),
]


@pytest.fixture
def loop() -> Iterator[PollLoop]:
    loop = PollLoop()
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The console shows the local time; here that is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def written(loop: PollLoop, folder: Path, name: str, **options: bool) -> bytes:
    """What a sink makes of SPANS."""
    path = folder / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sink = make_sink(name, Outlet(loop, fd), **options)
    for entry in SPANS:
        sink.write(entry)
    sink.close(False)
    os.close(fd)
    return path.read_bytes()


def test_fc(loop: PollLoop, tmp_path: Path) -> None:
    """Exactly the function's own lines and FC's; fcbox's notices are no part of it."""
    expected = (
        f"FC Invoke Start RequestId: {RID}\n"
        "一 line\nand another\n"
        "2024-03-04 09:57:28.192 x [info] first\nsecond\n"
    ).encode() + b"\xff no newline\npiece\n" + (
        f"FC Invoke End RequestId: {RID}, Error: boom\nlate\n"
    ).encode()  # fmt: skip

    assert written(loop, tmp_path, "fc") == expected


def test_console(loop: PollLoop, tmp_path: Path) -> None:
    """The same short prefix before every line."""
    head = "09:57:28.250 hello/abcd"
    expected = (
        f"{head} | FC Invoke Start RequestId: {RID}\n"
        f"{head} | 一 line\n"
        f"{head} | and another\n"
        f"{head} | 2024-03-04 09:57:28.192 x [info] first\n"
        f"{head} | second\n"
    ).encode() + f"{head} | ".encode() + b"\xff no newline\n" + (
        f"{head} | piece\n"
        f"{head} | FC Invoke End RequestId: {RID}, Error: boom\n"
        f"{head} late | late\n"
        f"{head} | the worker ended\n"
    ).encode()  # fmt: skip

    assert written(loop, tmp_path, "console") == expected


def test_colored_console(loop: PollLoop, tmp_path: Path) -> None:
    """Colour is put around what is there, and every line ends without it."""
    plain = written(loop, tmp_path, "console")
    colored = written(loop, tmp_path, "console", has_color=True)
    for code in (b"2", b"31", b"33", b"36", b"0"):
        colored = colored.replace(b"\x1b[" + code + b"m", b"")

    assert colored == plain


DRIVING = [
    (b"red \x1b[1;31mtext\x1b[0m\tand a tab", None),
    (b"where is the cursor? \x1b[6n", b"where is the cursor? \\x1b[6n"),
    (b"a title \x1b]0;x\x07", b"a title \\x1b]0;x\\x07"),
    (b"over the prefix\rother/0000 | forged", b"over the prefix\\x0dother/0000 | forged"),
    (b"eight bits \xc2\x9b6n", b"eight bits \\x9b6n"),
    (b"\x1b[", b"\\x1b["),
    ("é 一 \xa0".encode(), None),
]


@pytest.mark.parametrize("name", ["console", "fc"])
@pytest.mark.parametrize(("text", "shown"), DRIVING)
def test_a_function_does_not_drive_the_terminal(
    loop: PollLoop, tmp_path: Path, name: str, text: bytes, shown: bytes | None
) -> None:
    """A terminal answers some sequences as if somebody had typed; a file gets what was written."""
    master, slave = os.openpty()
    tty.setraw(slave)
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    for target in (slave, fd):
        sink = make_sink(name, Outlet(loop, target))
        sink.write(span("stdout", text + b"\n"))
        sink.close(False)

    assert os.read(master, 4096).endswith((text if shown is None else shown) + b"\n")
    assert path.read_bytes().endswith(text + b"\n")
    for opened in (master, slave, fd):
        os.close(opened)


def test_json(loop: PollLoop, tmp_path: Path) -> None:
    """One object for a line; a record of several lines stays one object."""
    common = {
        "time": "2024-03-04T09:57:28.250Z",
        "function": "hello",
        "instance": IID,
        "request_id": RID,
        "phase": "invoke",
        "late": False,
    }
    outside = {**common, "phase": None}
    expected = [
        {**common, "source": "runner", "text": f"FC Invoke Start RequestId: {RID}"},
        {**common, "source": "stdout", "text": "一 line"},
        {**common, "source": "stdout", "text": "and another"},
        {
            **common,
            "source": "logger",
            "level": 20,
            "text": "2024-03-04 09:57:28.192 x [info] first\nsecond",
        },
        {**common, "source": "stderr", "text": "\ufffd no newline"},
        {**common, "source": "stdout", "cut": True, "text": "piece"},
        {**common, "source": "runner", "text": f"FC Invoke End RequestId: {RID}, Error: boom"},
        {**outside, "source": "stdout", "late": True, "text": "late"},
        {**outside, "source": "notice", "text": "the worker ended"},
    ]
    data = written(loop, tmp_path, "json")

    assert [json.loads(line) for line in data.decode().splitlines()] == expected
    assert data.startswith(b'{"time": "2024-03-04T09:57:28.250Z", "function": "hello", ')


@pytest.mark.parametrize("name", FORMATS)
def test_forged_lines_stay_text(loop: PollLoop, tmp_path: Path, name: str) -> None:
    """The source field, not the text, tells FC's lines from the function's."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    sink = make_sink(name, Outlet(loop, fd))
    sink.write(span("stdout", f"FC Invoke End RequestId: {RID}\n".encode()))
    sink.close(False)
    os.close(fd)
    text = path.read_text()

    assert text.endswith(f"FC Invoke End RequestId: {RID}\n") or '"source": "stdout"' in text


def fill(fd: int) -> int:
    """Fills a pipe by its writing end; gives how much it took."""
    os.set_blocking(fd, False)
    taken = 0
    try:
        while True:
            taken += os.write(fd, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(fd, True)
    return taken


def test_slow_reader_never_blocks_and_loses_nothing(loop: PollLoop) -> None:
    """The loop goes on while nobody reads; everything arrives, in order, when somebody does."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    outlet = Outlet(loop, write)
    lines = [b"line %d\n" % at for at in range(20_000)]
    for line in lines:
        outlet.write(line)
    ticks: list[int] = []
    loop.call_later(0.005, ticks.append, 1)
    loop.run_until(lambda: bool(ticks))
    got = bytearray()
    whole = b"".join(lines)

    def take() -> None:
        got.extend(os.read(read, 1 << 20))

    loop.add_reader(read, take)
    loop.run_until(lambda: len(got) >= len(whole))
    loop.remove_reader(read)
    outlet.close()
    os.close(read)
    os.close(write)

    assert bytes(got) == whole
    assert outlet.lost_bytes == 0


def test_the_descriptor_is_left_as_it_is(loop: PollLoop) -> None:
    """O_NONBLOCK is shared with every program that has the same terminal: it is not touched."""
    read, write = os.pipe()
    outlet = Outlet(loop, write)
    outlet.write(b"text\n")
    outlet.close()

    assert os.get_blocking(write)
    assert os.read(read, 100) == b"text\n"
    os.close(read)
    os.close(write)


def test_congestion(loop: PollLoop) -> None:
    """Above its bound the outlet says so, and no longer when it has been read."""
    read, write = os.pipe()
    fill(write)
    outlet = Outlet(loop, write)
    hub = LogHub(loop, [make_sink("fc", outlet)])
    hub.emit(span("stdout", b"x" * (CONGESTED_BYTES - 1)))

    assert not outlet.is_congested
    hub.emit(span("stdout", b"y"))
    assert hub.is_congested
    resumed: list[str] = []
    hub.resume_later(lambda: resumed.append("resumed"))
    loop.add_reader(read, os.read, read, 1 << 20)
    loop.run_until(lambda: bool(resumed))
    loop.remove_reader(read)

    assert not hub.is_congested
    os.close(read)
    outlet.close()
    os.close(write)


def test_full_disk_is_counted(loop: PollLoop) -> None:
    """What does not fit is lost and counted; the box goes on."""
    fd = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(loop, fd)
    outlet.write(b"a" * 1000)
    done: list[int] = []
    loop.call_later(0.001, done.append, 1)
    loop.run_until(lambda: bool(done))
    outlet.write(b"b" * 10)
    outlet.close()
    os.close(fd)

    assert outlet.lost_bytes == 1010
    assert not outlet.is_congested


def test_reader_that_went_away_is_counted(loop: PollLoop) -> None:
    """As `fcbox run | head`: no error, no waiting."""
    read, write = os.pipe()
    outlet = Outlet(loop, write)
    os.close(read)
    outlet.write(b"nobody reads this\n")
    outlet.close()
    os.close(write)

    assert outlet.lost_bytes == 18


def test_closing_waits_for_a_reader_only_so_long(loop: PollLoop) -> None:
    """What is not taken in time is counted, and nothing of it is written afterwards."""
    read, write = os.pipe()
    taken = fill(write)
    outlet = Outlet(loop, write)
    outlet.write(b"last words\n")
    outlet.close(patience_ms=20)
    os.set_blocking(read, False)
    full = os.read(read, 1 << 20)
    done: list[int] = []
    loop.call_later(0.005, done.append, 1)
    loop.run_until(lambda: bool(done))

    assert outlet.lost_bytes == 11
    assert full == b"." * taken
    with pytest.raises(BlockingIOError):
        os.read(read, 100)
    os.close(read)
    os.close(write)


def test_unknown_format(loop: PollLoop) -> None:
    """There are these three."""
    assert FORMATS == ("console", "fc", "json")
