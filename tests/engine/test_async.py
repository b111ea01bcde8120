"""The asynchronous API over the same engine, on asyncio's loop and on uvloop's."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sandbox import AsyncSandbox, BoxSettings, Cause, FunctionSpec, NotFound, SandboxClosed
from tests.boxes import box_tag, environ_of, live_processes, workers, write_function

ECHO = "def handler(event, context): return event"
SLEEPER = """
import os, time

def handler(event, context):
    if event == b"who":
        return os.environ["FC_INSTANCE_ID"]
    print("begun", flush=True)
    time.sleep(3600)
"""

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(scope="session")
def warm_uvloop() -> None:
    """The first uvloop of a process makes a pipe for signals, and keeps it."""
    uvloop.new_event_loop().close()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(warm_uvloop: None, request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a test's body on a loop of its own; afterwards nothing of its box is left."""

    def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(body(), 20))
        assert os.listdir(tmp_path / "state" / "runs") == []

    return run


def sandbox(folder: Path, spec: FunctionSpec) -> AsyncSandbox:
    return AsyncSandbox([spec], BoxSettings(grace_s=1), environ=environ_of(folder))


def test_invoke(run: Run, tmp_path: Path) -> None:
    """Many at once, each with its own answer."""

    async def body() -> None:
        async with sandbox(tmp_path, write_function(tmp_path, ECHO, max_instances=3)) as box:
            results = await asyncio.gather(*(box.invoke("f", b"%d" % at) for at in range(100)))

            assert [result.body for result in results] == [b"%d" % at for at in range(100)]
            assert len(box.instances()) == 3

    run(body)


def test_large_event(run: Run, tmp_path: Path) -> None:
    """Over the bulk channel, both ways."""

    async def body() -> None:
        async with sandbox(tmp_path, write_function(tmp_path, ECHO)) as box:
            event = os.urandom(5 << 20)

            assert (await box.invoke("f", event)).body == event
            with pytest.raises(ValueError, match="exceeds maximum"):
                await box.invoke("f", b"x" * ((32 << 20) + 1))

    run(body)


def test_cancelled_await_ends_the_instance(run: Run, tmp_path: Path) -> None:
    """The caller went away: its instance is killed, the next request has a new one."""

    async def body() -> None:
        spec = write_function(tmp_path, SLEEPER, timeout_s=60, max_instances=1)
        async with sandbox(tmp_path, spec) as box:
            first = await box.invoke("f", b"who")
            names: list[str] = []
            box.supervisor.listen(lambda event: names.append(event.detail or event.name))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(box.invoke("f", b"sleep"), 0.05)
            second = await box.invoke("f", b"who")

            assert second.ok
            assert second.body != first.body
            assert "cancelled" in names
            assert any(name.startswith("Invocation canceled by client") for name in names)

    run(body)


def test_cancelled_in_the_queue(run: Run, tmp_path: Path) -> None:
    """Nobody is killed for it."""

    async def body() -> None:
        spec = write_function(tmp_path, SLEEPER, timeout_s=60, max_instances=1)
        async with sandbox(tmp_path, spec) as box:
            running = asyncio.ensure_future(box.invoke("f", b"sleep"))
            await asyncio.sleep(0)
            waiting = asyncio.ensure_future(box.invoke("f", b"who"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

            assert box.statistics()["functions"]["f"]["queued"] == 0  # type: ignore[index]
            assert len(box.instances()) == 1
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    run(body)


def test_events(run: Run, tmp_path: Path) -> None:
    """The stream begins when it is asked for, and may be left."""

    async def body() -> None:
        async with sandbox(tmp_path, write_function(tmp_path, ECHO)) as box:
            stream = box.events()
            names = []
            await box.invoke("f")
            async for event in stream:
                names.append(event.name)
                if event.name == "fcbox:Request:Replied":
                    break
            stream.close()
            stream.close()
            other = box.events()

            assert names[0] == "fc:Instance:Creating"
            assert len(box.supervisor.host.listeners) == 1
        assert [event.name async for event in other] == ["fc:Instance:DestroySuccess"]

    run(body)


def test_nothing_is_left(run: Run, tmp_path: Path) -> None:
    """Instances, zygotes, files."""

    async def body() -> None:
        box = await sandbox(tmp_path, write_function(tmp_path, ECHO)).open()
        tag = box_tag(tmp_path / "state")
        await box.invoke("f")
        assert len(workers(live_processes(tag))) == 1
        await box.close()
        await box.close()

        assert live_processes(tag) == set()
        with pytest.raises(SandboxClosed):
            await box.invoke("f")

    run(body)


def test_not_found_and_kill(run: Run, tmp_path: Path) -> None:
    """Names that are not there; an instance by its id."""

    async def body() -> None:
        async with sandbox(tmp_path, write_function(tmp_path, SLEEPER, timeout_s=60)) as box:
            with pytest.raises(NotFound):
                await box.invoke("nope")
            with pytest.raises(NotFound):
                box.kill("nope")
            with pytest.raises(NotFound):
                box.recycle("nope")
            first = (await box.invoke("f", b"who")).body
            running = asyncio.ensure_future(box.invoke("f", b"sleep"))
            await asyncio.sleep(0.02)
            box.kill(box.instances()[0])
            result = await running

            assert (result.cause, result.signal) == (Cause.SIGNAL, 9)
            assert (await box.invoke("f", b"who")).body != first

    run(body)


def test_interpreter_that_does_not_exist(run: Run, tmp_path: Path) -> None:
    """Told by `open`; nothing is left behind."""

    async def body() -> None:
        spec = write_function(tmp_path, ECHO, python="/nonexistent/python")
        with pytest.raises(FileNotFoundError):
            await sandbox(tmp_path, spec).open()

    run(body)
