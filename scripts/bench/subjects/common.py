"""What the subjects share: the command line, clocks, samples, and fcbox's functions."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox import AsyncSandbox, BoxSettings, FunctionSpec

__all__ = [
    "EVENT", "FUNCTIONS", "Series", "descendants", "function", "main", "peak_mb", "run_async",
    "settings", "status_mb", "time_calls", "wait_descendants", "wait_until",
]  # fmt: skip

EVENT = b"e" * 100
FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"
_WARM_UP_CALLS = 100
_POLL_S = 0.001

Series = dict[str, list[float]]


def main(subjects: Mapping[str, Callable[..., Series]]) -> None:
    """Runs the subject that the command line names with the parameters of its JSON."""
    name, parameters = sys.argv[1:]
    print(json.dumps(subjects[name](**json.loads(parameters))))


def time_calls(call: Callable[[], object], calls: int) -> list[float]:
    """Seconds of each of `calls` calls, after some that warm up."""
    clock = time.perf_counter
    for _ in range(min(calls, _WARM_UP_CALLS)):
        call()
    samples = []
    for _ in range(calls):
        began_s = clock()
        call()
        samples.append(clock() - began_s)
    return samples


def function(handler: str, **changes: Any) -> "FunctionSpec":
    """A function of the folder `functions`, run by this interpreter. Its name is "f"."""
    from sandbox import FunctionSpec

    spec = FunctionSpec("f", handler, str(FUNCTIONS), sys.executable, timeout_s=30.0)
    return spec._replace(**changes)


def settings(isolation: str = "", **changes: Any) -> "BoxSettings":
    """A box's, of the level that users get unless one is named."""
    from sandbox import BoxSettings

    return BoxSettings(**changes, **({"isolation": isolation} if isolation else {}))


def run_async(coroutine: Coroutine[Any, Any, Series], loop: str = "asyncio") -> Series:
    """In asyncio's own loop, or in uvloop's."""
    if loop == "uvloop":
        import uvloop

        return uvloop.run(coroutine)
    return asyncio.run(coroutine)


async def wait_until(box: "AsyncSandbox", count: int, state: str = "IDLE") -> None:
    """Until so many instances are there, all of them in `state`."""
    while True:
        states = [record.state for record in box.instances()]
        if len(states) == count and set(states) <= {state}:
            return
        await asyncio.sleep(_POLL_S)


def descendants(pid: int) -> list[int]:
    """The processes below it; seen from outside, whatever root or namespace they are in."""
    found = [int(name) for path in _children_files(pid) for name in _read(path).split()]
    return found + [below for child in found for below in descendants(child)]


def _children_files(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/children"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


async def wait_descendants(pid: int, count: int) -> list[int]:
    """Until a process has so many below it."""
    while len(found := descendants(pid)) < count:
        await asyncio.sleep(_POLL_S)
    return found


def peak_mb() -> float:
    """The largest resident size of this process since `reset_peak`, or since its start."""
    return status_mb("VmHWM")


def status_mb(key: str, pid: int | str = "self") -> float:
    """A size from /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{key}:")[1].split()[0]) / 1024
