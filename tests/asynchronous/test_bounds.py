"""The queue over a real box in this process: its bound, and a disk that refuses."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.asynchronous.places import Place, open_place
from sandbox.asynchronous.queue import AsyncQueue
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
