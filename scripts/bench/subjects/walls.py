"""fcbox: how long an isolation level takes to kill a tree, and what it leaves behind."""

import asyncio
import os
import resource
import time
from pathlib import Path

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
from sandbox import AsyncSandbox, Cause, LifecycleEvent

_DIED = "fcbox:Instance:Died"
_PATIENCE_S = 10.0
_TAG_SERIAL_BITS = 24


def kill_tree(isolation: str, size: int, count: int) -> Series:
    """From the SIGKILL for the worker to its death told; raises when a process outlived that."""
    return run_async(_kill_tree(isolation, size, count))


async def _kill_tree(isolation: str, size: int, count: int) -> Series:
    samples = []
    async with AsyncSandbox([function("tree.handler")], settings(isolation)) as box:
        for _ in range(count):
            samples.append(await _kill_one(box, size - 1))  # the worker is one of them
    return {f"tree {isolation}": samples}


async def _kill_one(box: AsyncSandbox, children: int) -> float:
    died: asyncio.Future[tuple[float, list[int]]] = asyncio.get_running_loop().create_future()
    reply = asyncio.ensure_future(box.invoke("f", str(children).encode()))
    await wait_until(box, 1, "INVOKING")
    instance = box.instances()[0]
    pids = [instance.pid, *await wait_descendants(instance.pid, children)]

    def listen(event: LifecycleEvent) -> None:
        if event.name == _DIED:
            died.set_result((time.perf_counter(), [pid for pid in pids if _is_alive(pid)]))

    box.supervisor.listen(listen)
    began_s = time.perf_counter()
    box.kill(instance)
    told_s, alive = await asyncio.wait_for(died, _PATIENCE_S)
    box.supervisor.host.listeners.remove(listen)
    result = await reply
    if alive or result.cause is not Cause.SIGNAL:
        raise SystemExit(f"{len(alive)} of {len(pids)} processes outlived the kill: {result.cause}")
    return told_s - began_s


def leftovers(isolation: str, count: int) -> Series:
    """What so many instances leave when their box has been closed, by kind."""
    mounts, files = _mounts(), _files()
    tag = asyncio.run(_live(isolation, count))
    left = {
        "mounts": len(_mounts() - mounts),
        "cgroups": len(_cgroups(tag)),
        "processes": len(_processes(tag)),
        "files": len(_files() - files),
    }
    return {f"left {kind}": [float(number)] for kind, number in left.items()}


async def _live(isolation: str, count: int) -> int:
    """Gives the tag of the box."""
    spec = function("echo.handler", min_instances=count, max_instances=count)
    async with AsyncSandbox([spec], settings(isolation)) as box:
        await wait_until(box, count)
        for result in await asyncio.gather(*(box.invoke("f", EVENT) for _ in range(count))):
            assert result.ok, result
        [run] = (Path(os.environ["FCBOX_STATE_DIR"]) / "runs").iterdir()
        tag = int(run.name, 16)
        # A look that does not find what is there would not find what is left either.
        if len(_processes(tag)) < count or run not in _files():
            raise SystemExit("the instances were not seen while they were there")
    return tag


def _mounts() -> set[str]:
    return set(Path("/proc/self/mountinfo").read_text().splitlines())


def _cgroups(tag: int) -> list[Path]:
    """The groups of a box, below every mount of a hierarchy."""
    lines = [line.split(" - ") for line in _mounts()]
    roots = {mount.split()[4] for mount, kind in lines if kind.startswith("cgroup")}
    return [path for root in roots for path in Path(root).rglob(f"fcbox-{tag:x}*")]


def _processes(tag: int) -> list[int]:
    """The live ones that carry the tag of a box."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if _is_of(pid, tag) and _is_alive(pid)]


def _is_of(pid: int, tag: int) -> bool:
    try:
        found = resource.prlimit(pid, resource.RLIMIT_RTTIME)[1]
    except OSError:
        return False
    return found >> _TAG_SERIAL_BITS == tag >> _TAG_SERIAL_BITS


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"


def _files() -> set[Path]:
    """In the state of boxes and in the temp directory."""
    folders = [Path(os.environ[name]) for name in ("FCBOX_STATE_DIR", "TMPDIR")]
    # The folder of all boxes stays, empty.
    return {path for folder in folders for path in folder.rglob("*") if path.name != "runs"}


SUBJECTS = {"kill_tree": kill_tree, "leftovers": leftovers}

if __name__ == "__main__":
    main(SUBJECTS)
