"""A program: one box at one level, in which functions take all that they can get.

    python -m tests.attacks.pressure '{"level": "strict", "attacks": [...], ...}'

While each does, a sibling is called again and again. Told is how every request ended, how long
the sibling's answers took before and meanwhile, how much this process, which is the supervisor,
grew, and what was left of the instance. `ATTACKS` has what each function is given.
"""

import json
import os
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, FunctionSpec, InvokeResult, Sandbox
from tests.attacks.accounts import processes_of, wait_until

__all__ = ["ATTACKS", "DISK_MB", "MEMORY_MB", "PROCESSES"]

MEMORY_MB, DISK_MB, PROCESSES, CPU = 128, 64, 1024, 0.25
CALLS = 50
"""Of the sibling before each attack, and at least while it is under way."""

ATTACKS: dict[str, dict[str, Any]] = {
    "memory fast": {"handler": "memory.fast"},
    "memory slow": {"handler": "memory.slow"},
    "memory in children": {"handler": "memory.children"},
    "memory in daemons": {"handler": "memory.daemons"},
    # A process takes memory too, and here it is their number that counts.
    "fork bomb": {"handler": "numbers.forks", "memory_mb": 2048},
    "thread bomb": {"handler": "numbers.threads", "memory_mb": 512},
    "descriptor leak": {"handler": "numbers.descriptors", "memory_mb": 256},
    "disk fill": {"handler": "storage.fill"},
    "hollow files": {"handler": "storage.hollow"},
    "stdout flood": {"handler": "words.flood"},
    "empty lines": {"handler": "words.lines"},
    "large answer": {"handler": "words.answer", "memory_mb": 1024},
    "large exception": {"handler": "words.exception", "memory_mb": 2048},
    "many causes": {"handler": "words.nested", "memory_mb": 512},
    "processor": {"handler": "numbers.busy", "cpu": CPU, "memory_mb": 512},
}

Facts = dict[str, Any]


class Pressure:
    """One box, a sibling, and the functions that attack."""

    def __init__(self, options: Facts, log_fd: int) -> None:
        self._python = options["python"]
        self._runs = Path(options["folder"], "state", "runs")
        sibling = self._spec("sibling", {"handler": "sibling.handler", "min_instances": 1})
        specs = [self._spec(name, ATTACKS[name]) for name in options["attacks"]]
        settings = BoxSettings(grace_s=0.3, dump_grace_s=0.3, isolation=options["level"],
                               allows_degraded=True)  # fmt: skip
        self.box = Sandbox([sibling, *specs], settings, log_format="json", log_fd=log_fd)

    def _spec(self, name: str, fields: Facts) -> FunctionSpec:
        code = str(Path(__file__).with_name("resources"))
        fields = {"memory_mb": MEMORY_MB, "disk_mb": DISK_MB, "timeout_s": 20.0, **fields}
        return FunctionSpec(
            name.replace(" ", "_"), code_dir=code, python=self._python, max_instances=1, **fields
        )

    def play(self, name: str) -> Facts:
        """One attack, from before it to after the end of its instance."""
        function = name.replace(" ", "_")
        before = [self._call_sibling() for _ in range(CALLS)]
        descriptors, quiet = self._descriptors(), self._processes()
        _reset_peak()
        size_kb = _of_status("VmRSS")
        pending = self.box.submit(function)
        meanwhile = self._call_meanwhile(pending)
        result = pending.result()
        isolation = self.box.statistics()["isolation"]
        well = self.box.invoke(function, b"well")
        self.box.recycle(function)
        self._wait_gone(function, quiet)
        return {
            **_ending(result),
            "isolation": isolation,
            "well": _ending(well),
            "same instance": result.instance_id == well.instance_id,
            "before": before,
            "meanwhile": meanwhile,
            "grown MB": (_of_status("VmHWM") - size_kb) / 1024,
            "descriptors": self._descriptors() - descriptors,
        }

    def _call_sibling(self) -> float:
        begin = time.monotonic()
        result = self.box.invoke("sibling")
        took_s = time.monotonic() - begin
        if result.body != b"well":
            raise RuntimeError(f"the sibling is not well: {result!r}")
        return took_s

    def _call_meanwhile(self, pending: "Future[InvokeResult]") -> list[float]:
        taken: list[float] = []
        while not pending.done() or len(taken) < CALLS:
            taken.append(self._call_sibling())
        return taken

    def _wait_gone(self, function: str, quiet: int) -> None:
        def is_gone() -> bool:
            functions = {record.function for record in self.box.instances()}
            return function not in functions and self._processes() == quiet

        wait_until(is_gone, f"the end of {function} with its tree")

    def _processes(self) -> int:
        (box,) = os.listdir(self._runs)
        return len(processes_of(box))

    def _descriptors(self) -> int:
        return len(os.listdir("/proc/self/fd"))


def _ending(result: InvokeResult) -> Facts:
    return {
        "cause": result.cause.value,
        "status": result.status,
        "error": (result.error or {}).get("errorMessage", "")[:2000],
        "body": result.body[:2000].decode("ascii", "replace"),
        "body bytes": len(result.body),
        "log bytes": len(result.log_bytes),
        "duration": result.duration,
        "memory": result.memory,
    }


def _of_status(key: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5)


def main() -> None:
    options = json.loads(sys.argv[1])
    log_fd = os.open("/dev/null", os.O_WRONLY)
    pressure = Pressure(options, log_fd)
    told: Facts = {"found": {}, "times": {}}
    with pressure.box as box:
        for name in options["attacks"]:
            begin = time.monotonic()
            told["found"][name] = pressure.play(name)
            told["times"][name] = round(time.monotonic() - begin, 2)
        told["alive"] = len(box.instances())
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
