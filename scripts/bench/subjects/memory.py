"""fcbox: what instances weigh. PSS, which counts a page that n processes share as 1/n each."""

import resource
import sys
import time
from pathlib import Path

from bench.subjects.common import EVENT, Series, function, main
from sandbox import Sandbox

_ROOT = Path(__file__).resolve().parents[3]
_DESCRIPTORS_EACH = 7
_POLL_S = 0.01
_LIMIT_S = 60.0


def idle(few: int, many: int) -> Series:
    """PSS that one more idle instance adds to the whole box."""
    totals = []
    for count in (few, many):
        with Sandbox([_spec(count)]) as box:
            _wait_idle(box, count)
            for _ in range(2):
                for future in [box.submit("f", EVENT) for _ in range(count)]:
                    future.result()
            totals.append(_total_mb(box))
    return {"idle instance": [(totals[1] - totals[0]) / (many - few)]}


def thousand(count: int) -> Series:
    """So many idle instances: seconds until all are READY, and PSS of everything."""
    _require_limits(count)
    began_s = time.perf_counter()
    with Sandbox([_spec(count)]) as box:
        _wait_idle(box, count)
        took_s = time.perf_counter() - began_s
        return {"thousand seconds": [took_s], "thousand GB": [_total_mb(box) / 1024]}


def small(workers: int) -> Series:
    """Supervisor, zygote and so many workers of configs/hello, without HTTP."""
    config = str(_ROOT / "configs" / "hello" / "s.yaml")
    with Sandbox.from_config(config, python=sys.executable) as box:
        name = next(iter(box.statistics()["functions"]))  # type: ignore[call-overload]
        while len(box.instances()) < workers:
            for future in [box.submit(name, b"{}") for _ in range(workers)]:
                assert future.result().ok
        return {"small": [_total_mb(box)]}


def _spec(count: int):
    return function("echo.handler", min_instances=count, max_instances=count)


def _wait_idle(box: Sandbox, count: int) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while True:
        states = [record.state for record in box.instances()]
        if states.count("IDLE") == count:
            return
        if time.monotonic() > deadline_s:
            raise SystemExit(f"{states.count('IDLE')} of {count} instances within {_LIMIT_S:g} s")
        time.sleep(_POLL_S)


def _require_limits(count: int) -> None:
    needed = {
        "descriptors": (resource.RLIMIT_NOFILE, _DESCRIPTORS_EACH * count + 100),
        "processes": (resource.RLIMIT_NPROC, count + 100),
    }
    for what, (limit, wanted) in needed.items():
        hard = resource.getrlimit(limit)[1]
        if hard not in (resource.RLIM_INFINITY, -1) and hard < wanted:
            raise SystemExit(f"the limit of {hard} {what} does not allow {count} instances")


def _total_mb(box: Sandbox) -> float:
    pids = [record.pid for record in box.instances()]
    zygotes: list[int] = box.statistics()["zygotes"]  # type: ignore[assignment]
    return sum(_pss_mb(pid) for pid in ["self", *zygotes, *pids])


def _pss_mb(pid: int | str) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("\nPss:")[1].split()[0]) / 1024


SUBJECTS = {"idle": idle, "thousand": thousand, "small": small}

if __name__ == "__main__":
    main(SUBJECTS)
