"""fcbox: the output of eight instances, as fast as they can write it.

What arrives is counted at the other end of a pipe by a process of its own (this module again).
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.functions.lines import CHUNK_BYTES
from bench.subjects.common import Series, function, main, peak_mb, run_async, status_mb, wait_until
from sandbox import AsyncSandbox

_INSTANCES = 8
_READ_BYTES = 1 << 20
_PAYLOAD = b"payload "
_TEXT = re.compile(r'"request_id": "([^"]+)".*"source": "stdout".*"late": false.*"text": "(.*)"}$')


def throughput(log_format: str, mb: int) -> Series:
    """MB a second into /dev/null."""
    null = os.open(os.devnull, os.O_WRONLY)
    return run_async(_throughput(log_format, null, mb))


async def _throughput(log_format: str, fd: int, mb: int) -> Series:
    took_s = await _write_all(log_format, fd, mb)
    return {f"fcbox {log_format}": [_INSTANCES * (mb << 20) / took_s / 1e6]}


async def _write_all(log_format: str, fd: int, mb: int) -> float:
    spec = function("lines.handler", min_instances=_INSTANCES, max_instances=_INSTANCES)
    chunks = str((mb << 20) // CHUNK_BYTES).encode()
    async with AsyncSandbox([spec], log_format=log_format, log_fd=fd) as box:
        await wait_until(box, _INSTANCES)
        await asyncio.gather(*(box.invoke("f", b"0") for _ in range(_INSTANCES)))
        began_s = time.perf_counter()
        results = await asyncio.gather(*(box.invoke("f", chunks) for _ in range(_INSTANCES)))
        took_s = time.perf_counter() - began_s
    assert all(result.ok for result in results), results
    return took_s


def kept(mb: int) -> Series:
    """The share of the bytes written that came out, and came out tagged with one request each."""
    fc = _counted("fc", mb, 0.0)
    tagged = _counted("json", mb, 0.0)
    written = _INSTANCES * (mb << 20)
    by_request = [size for size in tagged["requests"].values() if size]
    share = sum(size for size in by_request if size == mb << 20) / written
    return {"fc bytes kept": [fc["payload"] / written], "json bytes tagged": [share]}


def slow_sink(mb: int, mb_per_s: float) -> Series:
    """How much the supervisor grows while the sink takes less than the functions write."""
    before_mb = status_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    counted = _counted("fc", mb, mb_per_s)
    return {
        "slow sink growth": [peak_mb() - before_mb],
        "slow sink kept": [counted["payload"] / (_INSTANCES * (mb << 20))],
    }


def _counted(log_format: str, mb: int, mb_per_s: float) -> dict:
    read, write = os.pipe()
    argv = [sys.executable, "-m", __spec__.name, "--count", log_format, str(mb_per_s)]
    counter = subprocess.Popen(argv, stdin=read, stdout=subprocess.PIPE)
    os.close(read)

    async def write_all() -> Series:
        await _write_all(log_format, write, mb)
        return {}

    run_async(write_all())
    os.close(write)
    return json.loads(counter.communicate()[0])


def count(log_format: str, mb_per_s: float) -> None:
    """The other end: counts what comes on stdin, by line, and prints the sums."""
    payload, requests, rest = 0, Counter(), b""
    while data := os.read(0, _READ_BYTES):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if log_format == "json":
                found = _TEXT.search(line.decode())
                if found and found[2].startswith("payload "):
                    requests[found[1]] += len(found[2]) + 1
            elif line.startswith(_PAYLOAD):
                payload += len(line) + 1
        if mb_per_s:
            time.sleep(len(data) / 1e6 / mb_per_s)
    print(json.dumps({"payload": payload, "requests": requests}))


SUBJECTS = {"throughput": throughput, "kept": kept, "slow_sink": slow_sink}

if __name__ == "__main__":
    if sys.argv[1] == "--count":
        count(sys.argv[2], float(sys.argv[3]))
    else:
        main(SUBJECTS)
