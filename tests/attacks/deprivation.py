"""A program: boxes on a machine from which something was taken away.

    python -m tests.attacks.deprivation '{"without": ["landlock"], "error": 38, ...}'

For each level: what the doctor says; what a function that is called could do, and what the box
says of its walls. At `strict` that is done twice: refusing what does not hold, then allowing it.
Told with each is whether user code has run, which leaves a mark.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, Callback, FunctionSpec, Mount, Sandbox
from sandbox.core.walls import Walls, verdicts, warnings
from sandbox.engine.doctor import examine
from sandbox.engine.supervisor import Supervisor
from tests.attacks.refusals import take_away

__all__ = ["RUNS"]

DALLYING_S = 0.1
Facts = dict[str, Any]
RUNS = {
    "process": BoxSettings(isolation="process", grace_s=0.3),
    "strict": BoxSettings(isolation="strict", grace_s=0.3),
    "degraded": BoxSettings(isolation="strict", grace_s=0.3, allows_degraded=True),
}


def run(settings: BoxSettings, folder: Path, python: str, cpu: float) -> Facts:
    """One request in one box."""
    marks = folder / "marks"
    spec = FunctionSpec(
        "f", "index.handler", str(folder / "code"), python=python, timeout_s=10.0, cpu=cpu,
        mounts=(Mount("/mnt/marks", str(marks)),), environment={"MARKS": str(marks)},
        initializer=Callback("index.initialize"),  # which nobody has to ask for
    )  # fmt: skip
    event = {
        "secret": str(folder / "home" / "secret"),
        "supervisor": os.getpid(),
        "open folder": str(folder / "open"),
    }
    with Sandbox([spec], settings) as box:
        # What a guest must not do it must not do by itself: time enough to do it, were it to try.
        box._call(lambda supervisor: _set_on_told(supervisor, lambda _: time.sleep(DALLYING_S)))
        result = box.invoke("f", json.dumps(event).encode())
        walls = box._call(lambda supervisor: supervisor.walls)
        isolation = box.statistics()["isolation"]
        records = [record.isolation for record in box.instances()]
    mark = marks / "mark"
    has_run = mark.exists()
    mark.unlink(missing_ok=True)
    return {
        "cause": result.cause.value,
        "answer": json.loads(result.body),
        "has run": has_run,
        "isolation": isolation,
        "records": records,
        **of_walls(walls),
    }


def _set_on_told(supervisor: Supervisor, on_told: Callable[[Walls], None]) -> None:
    supervisor.host.walls.on_told = on_told


def run_pair(folder: Path, python: str) -> list[Facts]:
    """What a box has told after each request: to one function, to one with cpu, to the first."""
    specs = [
        FunctionSpec(name, "plain.handler", str(folder / "code"), python=python, cpu=cpu)
        for name, cpu in (("first", 0.0), ("second", 1.0))
    ]
    told = []
    with Sandbox(specs, RUNS["process"]) as box:
        for name in ("first", "second", "first"):
            box.recycle(name)
            box.invoke(name)
            told.append(of_walls(box._call(lambda supervisor: supervisor.walls)))
    return told


def of_walls(walls: Walls | None) -> Facts:
    """What is lost, in words and by key."""
    if walls is None:
        return {"lost": None, "warnings": []}
    lost = [verdict.promise.key for verdict in verdicts(walls) if not verdict.is_kept]
    return {"lost": lost, "warnings": warnings(walls), "lacks": dict(walls.lacks)}


def main() -> None:
    options = json.loads(sys.argv[1])
    folder, python = Path(options["folder"]), options["function_python"]
    for name in options["without"]:
        take_away(name, options["error"])
    told: Facts = {}
    for name in options["runs"]:
        told[name] = run(RUNS[name], folder, python, options["cpu"])
        level = RUNS[name].isolation
        if name != "degraded":
            told[name]["doctor"] = of_walls(examine(python, level, os.environ))
    if options.get("pair"):
        told["pair"] = run_pair(folder, python)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
