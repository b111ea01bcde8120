"""fcbox: warm calls one at a time, many at once, and large ones."""

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
    wait_until,
)
from sandbox import AsyncSandbox, InvokeResult

_WARM_UP_CALLS = 100
_LIMIT_MB = 32


def warm(
    loop: str, calls: int, handler: str = "echo.handler", series: str = "", isolation: str = ""
) -> Series:
    """One at a time; the log is attributed and written (to /dev/null), the timeout armed."""
    name = series or f"fcbox {loop}"
    return run_async(_warm(name, handler, calls, isolation), loop)


async def _warm(series: str, handler: str, calls: int, isolation: str) -> Series:
    null = os.open(os.devnull, os.O_WRONLY)
    specs, chosen = [function(handler)], settings(isolation)
    async with AsyncSandbox(specs, chosen, log_format="fc", log_fd=null) as box:
        return {series: await _time_calls(box, EVENT, calls)}


async def _time_calls(box: AsyncSandbox, event: bytes, calls: int) -> list[float]:
    clock = time.perf_counter
    for _ in range(min(calls, _WARM_UP_CALLS)):
        await box.invoke("f", event)
    samples = []
    for _ in range(calls):
        began_s = clock()
        result = await box.invoke("f", event)
        samples.append(clock() - began_s)
        _require(result, event)
    return samples


def throughput(loop: str, instances: int, calls: int) -> Series:
    """Requests a second, all of them outstanding at once."""
    return run_async(_throughput(loop, instances, calls), loop)


async def _throughput(loop: str, instances: int, calls: int) -> Series:
    null = os.open(os.devnull, os.O_WRONLY)
    spec = function("echo.handler", min_instances=instances, max_instances=instances)
    async with AsyncSandbox([spec], log_format="fc", log_fd=null) as box:
        await wait_until(box, instances)
        await asyncio.gather(*(box.invoke("f", EVENT) for _ in range(instances * 4)))
        began_s = time.perf_counter()
        results = await asyncio.gather(*(box.invoke("f", EVENT) for _ in range(calls)))
        took_s = time.perf_counter() - began_s
    for result in results:
        _require(result, EVENT)
    return {f"fcbox {loop} x{instances}": [calls / took_s]}


def payload(loop: str, mb: int, calls: int) -> Series:
    """Events of so many MB, given back."""
    return run_async(_payload(loop, mb, calls), loop)


async def _payload(loop: str, mb: int, calls: int) -> Series:
    async with AsyncSandbox([function("echo.handler")]) as box:
        samples = await _time_calls(box, b"e" * (mb << 20), calls)
    return {f"fcbox {loop} {mb} MB": samples}


def over_limit() -> Series:
    """1 for each direction in which a body over the limit gives an error that says so."""
    return run_async(_over_limit())


async def _over_limit() -> Series:
    spec = function("echo.answer_bytes")
    async with AsyncSandbox([spec]) as box:
        answer = await box.invoke("f", str((_LIMIT_MB << 20) + 1).encode())
        try:
            event = await asyncio.wait_for(box.invoke("f", b"e" * ((_LIMIT_MB << 20) + 1)), 5.0)
            said = "" if event.ok else str(event.error)
        except Exception as exc:
            said = f"{type(exc).__name__}: {exc}"
        after = await asyncio.wait_for(box.invoke("f", b"3"), 5.0)
    is_served = after.ok and after.body == b"xxx"
    return {
        "event over limit": [float(_is_clear(said) and is_served)],
        "answer over limit": [float(not answer.ok and _is_clear(str(answer.error)))],
    }


def _is_clear(text: str) -> bool:
    # A stack trace would be the handler's: it got what it should never have seen.
    has_words = any(word in text.lower() for word in ("size", "exceed", "too large", "limit"))
    return has_words and "stackTrace" not in text


def _require(result: InvokeResult, body: bytes) -> None:
    if not result.ok or result.body != body:
        raise SystemExit(f"a wrong answer: {result!r}")


SUBJECTS = {
    "warm": warm, "throughput": throughput, "payload": payload, "over_limit": over_limit
}  # fmt: skip

if __name__ == "__main__":
    main(SUBJECTS)
