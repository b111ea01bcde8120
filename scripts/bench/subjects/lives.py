"""fcbox: births, crashes and time limits of instances."""

import asyncio
import os
import time

from bench.subjects.common import (
    EVENT,
    Series,
    function,
    main,
    run_async,
    settings,
    wait_descendants,
    wait_until,
)
from sandbox import AsyncSandbox, Callback, Cause, LifecycleEvent

_SETTLE_S = 0.02
_SPARES_S = 0.3
"""Until zygote and spares are there, with much to spare; a new spare takes a hundredth of it."""
_READY = "fc:Instance:CreateSuccess"
_LATE_S = 10.0


def cold(count: int, isolation: str = "") -> Series:
    """From the invocation that finds no instance to READY (Initializer run), and to its answer."""
    return run_async(_cold(count, isolation))


async def _cold(count: int, isolation: str) -> Series:
    ready, answered, stamps = [], [], []

    def listen(event: LifecycleEvent) -> None:
        if event.name == _READY:
            stamps.append(time.perf_counter())

    spec = function("echo.handler", initializer=Callback("echo.initialize"))
    async with AsyncSandbox([spec], settings(isolation)) as box:
        await box.invoke("f", EVENT)  # the zygote is there now
        box.supervisor.listen(listen)
        for _ in range(count):
            await _empty(box)
            began_s = time.perf_counter()
            result = await box.invoke("f", EVENT)
            answered.append(time.perf_counter() - began_s)
            ready.append(stamps.pop() - began_s)
            assert result.is_cold_start, result
    level = f" {isolation}" if isolation else ""
    return {f"ready{level}": ready, f"cold answer{level}": answered}


async def _empty(box: AsyncSandbox) -> None:
    box.recycle("f")
    await wait_until(box, 0)
    await asyncio.sleep(_SETTLE_S)


def spare(loop: str, count: int) -> Series:
    """The first answer of an instance made from a spare, and the second one, which is warm."""
    return run_async(_spare(loop, count), loop)


async def _spare(loop: str, count: int) -> Series:
    first, then = [], []
    async with AsyncSandbox([function("echo.handler")], settings(spares=2)) as box:
        await asyncio.sleep(_SPARES_S)
        for _ in range(count):
            await _empty(box)
            began_s = time.perf_counter()
            result = await box.invoke("f", EVENT)
            first.append(time.perf_counter() - began_s)
            assert result.is_cold_start, result
            for _ in range(20):
                await box.invoke("f", EVENT)
            began_s = time.perf_counter()
            await box.invoke("f", EVENT)
            then.append(time.perf_counter() - began_s)
    return {f"spare {loop}": first[1:], f"after spare {loop}": then[1:]}


def crash(count: int) -> Series:
    """A worker is killed in its call: until the caller is told, until the next good answer."""
    return run_async(_crash(count))


async def _crash(count: int) -> Series:
    told, answered = [], []
    async with AsyncSandbox([function("crash.handler")]) as box:
        for _ in range(count):
            await box.invoke("f", EVENT)
            began_s = time.perf_counter()
            result = await box.invoke("f", b"die")
            told.append(time.perf_counter() - began_s)
            assert result.cause is Cause.SIGNAL, result
            result = await box.invoke("f", EVENT)
            answered.append(time.perf_counter() - began_s)
            assert result.ok, result
    return {"fcbox told": told, "fcbox answered": answered}


def timeout(count: int, timeout_s: float = 0.1) -> Series:
    """How late after the deadline the caller is told, and worker and grandchild are dead."""
    return run_async(_timeout(count, timeout_s))


async def _timeout(count: int, timeout_s: float) -> Series:
    told, dead = [], []
    async with AsyncSandbox([function("hang.handler", timeout_s=timeout_s)]) as box:
        for _ in range(count):
            told_s, dead_s = await _time_out(box, timeout_s)
            told.append(told_s)
            dead.append(dead_s)
            await asyncio.sleep(_SETTLE_S)
    return {"told late": told, "dead late": dead}


async def _time_out(box: AsyncSandbox, timeout_s: float) -> tuple[float, float]:
    loop = asyncio.get_running_loop()
    stamps: list[float] = []

    def listen(event: LifecycleEvent) -> None:
        if event.name == "fcbox:Invoke:Start":
            stamps.append(time.perf_counter())

    box.supervisor.host.listeners.append(listen)
    reply = asyncio.ensure_future(box.invoke("f"))
    await wait_until(box, 1, "INVOKING")
    worker = box.instances()[0].pid
    pids = [worker, *await wait_descendants(worker, 1)]
    deaths = asyncio.gather(*(_wait_death(loop, pid) for pid in pids))
    result = await reply
    told_s = time.perf_counter()
    dead_s = max(await deaths)
    box.supervisor.host.listeners.remove(listen)
    assert result.cause is Cause.TIMEOUT, result
    deadline_s = stamps[0] + timeout_s
    return told_s - deadline_s, dead_s - deadline_s


async def _wait_death(loop: asyncio.AbstractEventLoop, pid: int) -> float:
    pidfd = os.pidfd_open(pid)
    death: asyncio.Future[float] = loop.create_future()

    def died() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        death.set_result(time.perf_counter())

    loop.add_reader(pidfd, died)
    return await asyncio.wait_for(death, _LATE_S)


def clones(count: int) -> Series:
    """Clone to first byte from a zygote like fcbox's, and the function's import in such a clone."""
    from bench.subjects.reference import Reference

    first_byte, imported = [], []
    with Reference("echo") as reference:
        for _ in range(count + 1):
            time.sleep(_SETTLE_S)
            first, import_s = reference.clone()
            first_byte.append(first)
            imported.append(import_s)
    return {"first byte": first_byte[1:], "import": imported[1:]}


SUBJECTS = {"cold": cold, "spare": spare, "crash": crash, "timeout": timeout, "clones": clones}

if __name__ == "__main__":
    main(SUBJECTS)
