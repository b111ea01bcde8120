"""Mishaps that must stay small: a caller's mistake, a hung zygote, a lost interpreter."""

import asyncio
import os
import shutil
import signal
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

from sandbox import AsyncSandbox, BoxSettings, Cause, OpenedTwice
from tests.boxes import (
    PYTHON,
    environ_of,
    error_text,
    open_box,
    share,
    wait_until,
    workers,
    write_function,
)

ECHO = "def handler(event, context): return event"
FAILS_TWICE = """
def initialize(context):
    marks = open("/mnt/shared/failures", "a+")
    marks.seek(0)
    if len(marks.read()) < 2:
        marks.write("x")
        marks.close()
        raise OSError("no database")

def handler(event, context):
    return event
"""


def link_interpreter(folder: Path) -> Path:
    """An interpreter that can be taken away: a script that execs the real one."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nexec "{PYTHON}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def test_event_that_is_not_bytes(tmp_path: Path) -> None:
    """The caller's mistake is the caller's alone: the box goes on."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        with pytest.raises(TypeError, match="an event is bytes, not str"):
            box.invoke("f", "text")  # type: ignore[arg-type]

        assert box.invoke("f", b"next").body == b"next"


def test_environment_that_is_not_text(tmp_path: Path) -> None:
    """Told before anything is started, by function and name."""
    spec = write_function(tmp_path, ECHO, environment={"N": 5})

    with pytest.raises(TypeError, match="f: the variable N is int"), open_box(tmp_path, spec):
        pass


def test_zygote_that_hangs_does_not_hold_the_end(tmp_path: Path) -> None:
    """A hard stop ends what was asked of it and never made."""

    async def run() -> float:
        spec = write_function(tmp_path, ECHO)
        box = await AsyncSandbox([spec], environ=environ_of(tmp_path)).open()
        await box.invoke("f", b"")
        (zygote,) = box.supervisor.host.zygote_pids()
        os.kill(zygote, signal.SIGSTOP)
        box.recycle("f")
        supervisor = box.supervisor
        waiting = asyncio.ensure_future(box.invoke("f", b""))
        while not any(shell.pid == 0 for shell in supervisor.shells()):
            await asyncio.sleep(0)
        began_s = time.monotonic()
        closing = asyncio.ensure_future(box.close())
        await asyncio.sleep(0)
        supervisor.kill()
        await closing
        assert (await waiting).cause is Cause.CANCELLED
        return time.monotonic() - began_s

    assert asyncio.run(run()) < 5


def test_spares_without_their_interpreter(tmp_path: Path) -> None:
    """The instance that is there goes on; a new one is refused with the reason."""
    python = link_interpreter(tmp_path)
    spec = write_function(tmp_path, ECHO, python=str(python))
    with open_box(tmp_path, spec, BoxSettings(spares=1)) as box:
        assert box.invoke("f", b"1").body == b"1"
        python.unlink()
        zygotes = box.statistics()["zygotes"]
        os.kill(zygotes[0], signal.SIGKILL)  # type: ignore[index]
        wait_until(lambda: not box.statistics()["zygotes"], "the zygote's end")
        for _ in range(2):  # the second one was the spare
            box.invoke("f", b"2")
            box.kill(box.instances()[0])
            wait_until(lambda: not box.instances(), "the instance's end")
        result = box.invoke("f", b"3")

        assert result.cause is Cause.NOT_CREATED
        assert "No such file" in error_text(result)


def test_spare_that_died_is_replaced(tmp_path: Path) -> None:
    """Also when it was the only one."""
    spec = write_function(tmp_path, ECHO)
    with open_box(tmp_path, spec, BoxSettings(spares=1)) as box:
        wait_until(lambda: len(workers(box.processes())) == 1, "the spare")
        (spare,) = workers(box.processes())
        os.kill(spare, signal.SIGKILL)

        wait_until(lambda: workers(box.processes()) - {spare}, "the next spare")


def test_back_off_keeps_the_limit(tmp_path: Path) -> None:
    """An instance that a request started counts when the minimum is tried again."""
    spec = write_function(
        tmp_path,
        FAILS_TWICE,
        initializer="initialize",
        min_instances=1,
        max_instances=1,
        mounts=share(tmp_path / "shared"),
    )
    with open_box(tmp_path, spec) as box:
        marks = tmp_path / "shared" / "failures"
        wait_until(lambda: marks.exists() and marks.read_text() == "xx", "the second failure")
        assert box.invoke("f", b"1").body == b"1"
        box._call(lambda supervisor: supervisor.pools["f"]._retry_now())

        assert len(box.instances()) == 1


def test_minimum_comes_back_with_its_interpreter(tmp_path: Path) -> None:
    """What cannot be executed now is tried again."""
    python = link_interpreter(tmp_path)
    spec = write_function(tmp_path, ECHO, python=str(python), min_instances=1)
    with open_box(tmp_path, spec) as box:
        wait_until(lambda: [each.state for each in box.instances()] == ["IDLE"], "the minimum")
        away = shutil.move(python, tmp_path / "away")
        os.kill(box.statistics()["zygotes"][0], signal.SIGKILL)  # type: ignore[index]
        wait_until(lambda: not box.statistics()["zygotes"], "the zygote's end")
        box.kill(box.instances()[0])
        wait_until(lambda: not box.instances(), "the instance's end")
        shutil.move(away, python)

        wait_until(lambda: [each.state for each in box.instances()] == ["IDLE"], "the next one")


def test_async_sandbox_is_opened_once(tmp_path: Path) -> None:
    """As the synchronous one: a second box would be lost."""

    async def run() -> None:
        spec = write_function(tmp_path, ECHO)
        async with AsyncSandbox([spec], environ=environ_of(tmp_path)) as box:
            with pytest.raises(OpenedTwice):
                await box.open()

    asyncio.run(run())


@pytest.mark.parametrize("closed", [(2,), (0, 2), (0, 1, 2)])
def test_program_without_standard_descriptors(tmp_path: Path, closed: tuple[int, ...]) -> None:
    """Their numbers go to our own sockets: the zygote must not take those for stderr."""
    code = f"""
        import os
        for fd in {closed}:
            os.close(fd)
        from sandbox import FunctionSpec, Sandbox
        spec = FunctionSpec("f", "index.handler", {str(tmp_path / "code-f")!r}, {PYTHON!r})
        with Sandbox([spec], environ={environ_of(tmp_path)!r}) as box:
            answer = box.invoke("f", b"answer").body
        with open({str(tmp_path / "answer")!r}, "wb") as file:
            file.write(answer)
    """
    write_function(tmp_path, ECHO)
    subprocess.run([PYTHON, "-c", textwrap.dedent(code)], check=True, timeout=20)

    assert (tmp_path / "answer").read_bytes() == b"answer"
