"""The queue over a real box in this process: its bound, and a disk that refuses."""

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.asynchronous.places import Place, open_place
from sandbox.asynchronous.queue import AsyncQueue
from sandbox.asynchronous.records import Status
from sandbox.core.spec import BoxSettings
from sandbox.engine.box import Box
from sandbox.http.refusals import Refused
from tests.boxes import environ_of, write_function

SOURCE = "import time\ndef handler(event, context): time.sleep(3600)"


def with_queue(
    folder: Path,
    use: Callable[[AsyncQueue], Coroutine[Any, Any, None]],
    opens: Callable[[], Place],
    say: Callable[[str], None],
    **options: Any,
) -> None:
    """Runs `use` with a queue over a box; everything ends in good order."""

    async def run() -> None:
        drained = asyncio.Event()
        settings = BoxSettings(isolation="none", grace_s=0.2)
        spec = write_function(folder, SOURCE, max_instances=1)
        loop = asyncio.get_running_loop()
        box = Box(loop, [spec], settings, [], environ_of(folder))
        box.supervisor.start()
        queue = AsyncQueue(box.supervisor, opens, say, **options)
        queue.open()
        try:
            await use(queue)
        finally:
            queue.suspend()
            box.drain(drained.set)
            box.supervisor.kill()
            await drained.wait()
            queue.close()

    asyncio.run(run())


def test_no_more_wait_than_may(tmp_path: Path) -> None:
    said: list[str] = []

    async def use(queue: AsyncQueue) -> None:
        await queue.accept("f", b"runs")
        while queue.depth() != {"f": 1} or queue._dispatcher.schedule.functions():
            await asyncio.sleep(0)
        for _ in range(3):
            await queue.accept("f", b"waits")
        with pytest.raises(Refused) as refused:
            await queue.accept("f", b"one more")

        assert (refused.value.status, refused.value.code) == (429, "ResourceExhausted")
        assert queue.depth() == {"f": 4}

    opens = partial(open_place, str(tmp_path / "queue"), "s.yaml", said.append)
    with_queue(tmp_path, use, opens, said.append, most_waiting=3)


def test_a_place_that_cannot_be_opened_refuses_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "file").write_text("not a directory")

    async def use(queue: AsyncQueue) -> None:
        with pytest.raises(Refused) as refused:
            await queue.accept("f", b"")

        assert refused.value.status == 503
        assert "Not a directory" in refused.value.message

    opens = partial(open_place, str(tmp_path / "file"), "s.yaml", said.append)
    with_queue(tmp_path, use, opens, said.append)

    assert len(said) == 1
    assert said[0].startswith("asynchronous invocations are not possible: ")


def test_the_loop_turns_while_the_disk_is_slow(tmp_path: Path) -> None:
    """A commit that takes long holds up who asked for it, and nobody else."""

    def opens() -> Place:
        place = open_place(str(tmp_path / "queue"), "s.yaml", pytest.fail)

        def trace(statement: str) -> None:
            if statement == "COMMIT":
                time.sleep(0.2)

        place.store._connection.set_trace_callback(trace)
        return place

    async def use(queue: AsyncQueue) -> None:
        accepted = asyncio.ensure_future(queue.accept("f", b"x"))
        begun_s = last_s = time.monotonic()
        longest_s = 0.0
        while not accepted.done():
            await asyncio.sleep(0.001)
            now_s = time.monotonic()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s

        assert last_s - begun_s >= 0.2
        assert longest_s < 0.15

    with_queue(tmp_path, use, opens, [].append)


# --- a disk that is full --------------------------------------------------------------------------


class _Disk:
    """A real file system of 1 MB that can be filled and emptied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.opens = partial(open_place, str(path), "s.yaml", self.said.append)

    def fill(self) -> None:
        with open(self.path / "ballast", "ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        assert os.statvfs(self.path).f_bavail == 0

    def empty(self) -> None:
        (self.path / "ballast").unlink()

    def status(self) -> str:
        """What another program reads in the file."""
        (file,) = (self.path / "async").glob("*.sqlite")
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        ((status,),) = connection.execute("SELECT status FROM invocations").fetchall()
        connection.close()
        return str(status)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[_Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", path], check=True)
    yield _Disk(path)
    subprocess.run(["umount", path], check=True)


async def _running(queue: AsyncQueue, event: bytes = b"runs") -> str:
    """The id of an invocation whose attempt has begun."""
    request_id = await queue.accept("f", event)
    await _has_come(queue, request_id, Status.RUNNING)
    while not queue._dispatcher._attempts[request_id].request:
        await asyncio.sleep(0)
    return request_id


async def _has_come(queue: AsyncQueue, request_id: str, status: Status) -> None:
    async with asyncio.timeout(20):
        while (await queue.task("f", request_id)).status is not status:
            await asyncio.sleep(0.01)


async def _refused_stop(queue: AsyncQueue, request_id: str) -> str:
    with pytest.raises(Refused) as refused:
        await queue.stop("f", request_id)
    assert (refused.value.status, refused.value.code) == (503, "ServiceUnavailable")
    return refused.value.message


def test_a_stop_is_on_the_disk_when_it_is_answered(tmp_path: Path, disk: _Disk) -> None:
    async def use(queue: AsyncQueue) -> None:
        request_id = await _running(queue)
        await queue.stop("f", request_id)

        assert disk.status() in ("Stopping", "Stopped")

    with_queue(tmp_path, use, disk.opens, disk.said.append)


def test_a_stop_that_a_full_disk_refuses_is_told_and_written_later(
    tmp_path: Path, disk: _Disk
) -> None:
    """Of what runs, and of what waits; asked for again it is the same stop."""

    async def use(queue: AsyncQueue) -> None:
        running = await _running(queue)
        waiting = await queue.accept("f", b"waits")
        disk.fill()
        for request_id in (waiting, waiting, running):
            assert "could not be written" in await _refused_stop(queue, request_id)
        disk.empty()
        await _has_come(queue, running, Status.STOPPED)
        await _has_come(queue, waiting, Status.STOPPED)

    with_queue(tmp_path, use, disk.opens, disk.said.append, write_again_s=0.05)

    assert "cannot be written: database or disk is full; tried again" in disk.said[0]
    assert disk.said[1:] == ["the queue of asynchronous invocations can be written again"]


def test_a_stop_while_its_attempt_cannot_be_counted_is_not_forgotten(
    tmp_path: Path, disk: _Disk
) -> None:
    async def use(queue: AsyncQueue) -> None:
        running = await _running(queue)
        waiting = await queue.accept("f", b"waits")
        disk.fill()
        await _refused_stop(queue, running)
        while not disk.said or waiting not in queue._dispatcher._attempts:
            await asyncio.sleep(0.01)  # its turn has come
        assert "could not be written" in await _refused_stop(queue, waiting)
        disk.empty()
        await _has_come(queue, waiting, Status.STOPPED)

        assert (await queue.task("f", waiting)).attempts == 0

    with_queue(tmp_path, use, disk.opens, disk.said.append, write_again_s=0.05)


def test_what_could_never_be_written_is_said_at_the_end(tmp_path: Path, disk: _Disk) -> None:
    async def use(queue: AsyncQueue) -> None:
        request_id = await _running(queue)
        disk.fill()
        await _refused_stop(queue, request_id)

    with_queue(tmp_path, use, disk.opens, disk.said.append)

    assert disk.said[-2:] == [
        "1 change of asynchronous invocations could not be written: "
        "the next run does not know of it",
        "1 asynchronous invocation waits for the next run",
    ]
