"""A program: a box with many instances at once, which is then killed, or ends in good order.

    python -m tests.attacks.crowd '{"level": "strict", "count": 50, "event": "stay", ...}'

Tells when all of them are as wanted, and ends with its stdin.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, FunctionSpec, Sandbox
from tests.attacks.accounts import processes_of, wait_until
from tests.attacks.refusals import take_away

PATIENCE_S = 30.0


def make_box(options: dict[str, Any]) -> Sandbox:
    """Instances that serve requests, or that are there without one."""
    count, is_frozen = options["count"], options["event"] == "frozen"
    spec = FunctionSpec(
        "crowd", "index.handler", str(Path(__file__).with_name("crowds")),
        python=options["python"], timeout_s=600.0, disk_mb=64, max_instances=count,
        min_instances=count if options["event"] == "" else 0, is_frozen_when_idle=is_frozen,
    )  # fmt: skip
    settings = BoxSettings(isolation=options["level"], grace_s=0.3, allows_degraded=True)
    return Sandbox([spec], settings)


def fill(box: Sandbox, options: dict[str, Any]) -> None:
    """Has as many instances as wanted do what is wanted."""
    count, event = options["count"], options["event"]
    pending = [box.submit("crowd", event.encode()) for _ in range(count if event else 0)]
    if event == "stay":
        processes = options["processes"] * count
        wait_until(lambda: len(processes_of(name_of(options))) == processes, "all", PATIENCE_S)
        return
    for each in pending:
        if not each.result().ok:
            raise RuntimeError(repr(each.result()))
    wait_until(lambda: set(states(box)) == {"IDLE"}, "rest", PATIENCE_S)
    if not event:
        wait_until(lambda: len(states(box)) == count, "all instances", PATIENCE_S)


def states(box: Sandbox) -> list[str]:
    return [record.state for record in box.instances()]


def name_of(options: dict[str, Any]) -> str:
    """Of the newest box: that is this one."""
    runs = Path(options["folder"], "state", "runs")
    return max(runs.iterdir(), key=lambda path: path.stat().st_ctime).name


def main() -> None:
    options = json.loads(sys.argv[1])
    for name in options.get("without", []):
        take_away(name, 1)
    with make_box(options) as box:
        fill(box, options)
        records = box.instances()
        told = {
            "box": name_of(options),
            "zygotes": box.statistics()["zygotes"],
            "states": [record.state for record in records],
            "pids": [record.pid for record in records],
            "supervisor": os.getpid(),
        }
        print(json.dumps(told), flush=True)
        sys.stdin.readline()
        if options.get("recycles"):
            box.recycle("crowd")
            wait_until(lambda: not box.instances(), "the end of the instances")
            print(json.dumps(processes_of(name_of(options))), flush=True)


if __name__ == "__main__":
    main()
