"""PollLoop: descriptors, timers, calls from other threads. Nothing here needs a worker."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.engine.loop import PollLoop


@pytest.fixture
def loop() -> Iterator[PollLoop]:
    loop = PollLoop()
    yield loop
    loop.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_NONBLOCK)
    yield read, write
    os.close(read)
    os.close(write)


def run(loop: PollLoop, done: list[object], count: int = 1) -> None:
    """Turns the loop until `done` has so many entries."""
    loop.run_until(lambda: len(done) >= count)


def test_reader(loop: PollLoop, pipe: tuple[int, int]) -> None:
    """Called with its arguments while there is something to read, and not after it was removed."""
    read, write = pipe
    heard: list[object] = []

    def take(tag: str) -> None:
        heard.append((tag, os.read(read, 1)))

    loop.add_reader(read, take, "t")
    os.write(write, b"abc")
    run(loop, heard, 2)
    loop.remove_reader(read)
    loop.call_soon(heard.append, "end")
    run(loop, heard, 3)

    assert heard == [("t", b"a"), ("t", b"b"), "end"]


def test_reader_hears_the_end(loop: PollLoop) -> None:
    """The other end's closing wakes the reader."""
    read, write = os.pipe()
    heard: list[object] = []
    loop.add_reader(read, lambda: heard.append(os.read(read, 1)))
    os.close(write)
    run(loop, heard)
    loop.remove_reader(read)
    os.close(read)

    assert heard == [b""]


def test_writer(loop: PollLoop, pipe: tuple[int, int]) -> None:
    """Called when there is room again."""
    read, write = pipe
    os.write(write, b"x" * (1 << 20))  # as much as goes in
    done: list[object] = []
    loop.add_writer(write, done.append, "room")
    loop.call_soon(lambda: os.read(read, 1 << 20))
    run(loop, done)
    loop.remove_writer(write)

    assert done[0] == "room"


def test_reader_and_writer_of_one_descriptor(loop: PollLoop) -> None:
    """Removing one leaves the other."""
    import socket

    ours, theirs = socket.socketpair()
    heard: list[object] = []
    loop.add_reader(ours.fileno(), lambda: heard.append(ours.recv(1)))
    loop.add_writer(ours.fileno(), heard.append, "writable")
    run(loop, heard)
    loop.remove_writer(ours.fileno())
    heard.clear()
    theirs.send(b"r")
    run(loop, heard)
    loop.remove_reader(ours.fileno())
    ours.close()
    theirs.close()

    assert heard == [b"r"]


def test_removing_what_is_not_there(loop: PollLoop) -> None:
    """No error: the engine need not remember."""
    loop.remove_reader(0)
    loop.remove_writer(0)


def test_reader_removed_in_the_same_turn(loop: PollLoop, pipe: tuple[int, int]) -> None:
    """A callback that removes another ready reader is obeyed at once."""
    read, write = pipe
    other_read, other_write = os.pipe()
    heard: list[object] = []

    def first(name: str, other: int) -> None:
        heard.append(name)
        loop.remove_reader(other)

    loop.add_reader(read, first, "one", other_read)
    loop.add_reader(other_read, first, "other", read)
    os.write(write, b"x")
    os.write(other_write, b"x")
    run(loop, heard)
    loop.remove_reader(read)
    loop.remove_reader(other_read)
    os.close(other_read)
    os.close(other_write)

    assert len(heard) == 1


def test_timers_fire_in_their_order(loop: PollLoop) -> None:
    """By time, and by the order of their making when the time is the same; never early."""
    fired: list[object] = []
    begun = time.monotonic()
    loop.call_later(0.02, fired.append, "late")
    loop.call_later(0.0, fired.append, "a")
    loop.call_later(0.0, fired.append, "b")
    run(loop, fired, 3)

    assert fired == ["a", "b", "late"]
    assert time.monotonic() - begun >= 0.02


def test_cancelled_timer(loop: PollLoop) -> None:
    """It does not fire, and does not keep the loop from waiting for the next one."""
    fired: list[object] = []
    loop.call_later(0.0, fired.append, "cancelled").cancel()
    loop.call_later(0.001, fired.append, "kept")
    run(loop, fired)

    assert fired == ["kept"]


def test_soon_calls_wait_for_the_next_turn(loop: PollLoop) -> None:
    """A callback that calls itself again and again starves nobody."""
    heard: list[object] = []

    def again() -> None:
        loop.call_soon(again)

    again()
    loop.call_later(0.001, heard.append, "timer")
    run(loop, heard)

    assert heard == ["timer"]


def test_wake_from_another_thread(loop: PollLoop) -> None:
    """A loop that waits for nothing runs at once what another thread gives it."""
    heard: list[object] = []
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(heard.append, "hello"))
    loop.call_soon(thread.start)
    run(loop, heard)
    thread.join()

    assert heard == ["hello"]


def test_many_threads(loop: PollLoop) -> None:
    """Nothing is lost, and each thread's calls keep their order, even when the pipe is full."""
    heard: list[object] = []

    def send(name: int) -> None:
        for at in range(20_000):
            loop.call_soon_threadsafe(heard.append, (name, at))

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    run(loop, heard, 80_000)
    for thread in threads:
        thread.join()

    for name in range(4):
        assert [entry for entry in heard if entry[0] == name] == [  # type: ignore[index]
            (name, at) for at in range(20_000)
        ]


def test_exception_leaves_the_loop(loop: PollLoop) -> None:
    """A bug of ours is not swallowed; the loop can go on afterwards."""
    done: list[object] = []

    def fail() -> None:
        raise RuntimeError("ours")

    loop.call_soon(fail)
    loop.call_soon(done.append, "next")
    with pytest.raises(RuntimeError, match="ours"):
        run(loop, done)
    run(loop, done)

    assert done == ["next"]


def test_close_gives_everything_back() -> None:
    """No descriptor is left."""
    before = set(os.listdir("/proc/self/fd"))
    PollLoop().close()

    assert set(os.listdir("/proc/self/fd")) == before
