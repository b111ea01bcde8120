"""A program: instances that are frozen between requests, in a few situations.

    python -m tests.attacks.freezing '{"level": "strict", "without": [], ...}'

Told is what `test_freeze` asks about, and by what the machine freezes.
"""

import json
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, Callback, FunctionSpec, Mount, Sandbox
from tests.attacks.accounts import is_alive, processes_of, wait_until
from tests.attacks.refusals import take_away

Facts = dict[str, Any]
STILL_S = 0.15
TIMEOUT_S = 0.3
IDLE_S = 0.2


class Freezer:
    """A folder that the function counts in, and boxes with it."""

    def __init__(self, options: Facts) -> None:
        self._options = options
        self._folder = Path(options["folder"], "counters")
        self._counters = self._folder / "counters"
        self._settings = BoxSettings(
            isolation=options["level"], grace_s=0.3, dump_grace_s=0.3, allows_degraded=True
        )

    def box(self, **fields: Any) -> Sandbox:
        """Of one function; its file is new."""
        self._counters.write_bytes(bytes(4096))
        self._counters.chmod(0o666)
        code = Path(__file__).with_name("crowds")
        spec = FunctionSpec(
            "f", "ticking.handler", str(code), python=self._options["python"],
            pre_stop=Callback("ticking.pre_stop"), is_frozen_when_idle=True, max_instances=1,
            environment={"COUNTERS": str(self._folder)},
            mounts=(Mount("/mnt/counters", str(self._folder)),), **fields,
        )  # fmt: skip
        return Sandbox([spec], self._settings)

    def counters(self) -> tuple[int, ...]:
        """Of the thread and of the child."""
        return struct.unpack("=QQ", self._counters.read_bytes()[:16])

    def is_still(self, seconds: float = STILL_S) -> bool:
        before = self.counters()
        time.sleep(seconds)
        return self.counters() == before

    def wait_frozen(self, box: Sandbox) -> None:
        """The kernel takes a moment."""
        wait_until(lambda: [each.state for each in box.instances()] == ["IDLE"], "rest")
        wait_until(lambda: self.is_still(0.02), "the freezing")

    def processes(self) -> dict[int, str]:
        (name,) = os.listdir(Path(self._options["folder"], "state", "runs"))
        return processes_of(name)

    # -- situations ------------------------------------------------------------------------------

    def between_requests(self) -> Facts:
        """Counters, states and the record of an instance that serves now and then."""
        with self.box(timeout_s=10.0) as box:
            answers, still = [], []
            for event in (b"start", b"again", b"again"):
                answers.append(box.invoke("f", event).body.decode())
                self.wait_frozen(box)
                still.append(self.is_still())
            (record,) = box.instances()
            told = {"state": record.state, "invocations": record.invocations}
            counted = self.counters()
            states = sorted(set(self.processes().values()))
            held = box.statistics()["isolation"]
        self._forget_end()
        return {
            "answers": answers, "still": still, "record": told, "counted": counted,
            "states": states, "isolation": held,
        }  # fmt: skip

    def deadlines(self) -> Facts:
        """After longer at rest than a request may take."""
        with self.box(timeout_s=TIMEOUT_S) as box:
            box.invoke("f", b"start")
            self.wait_frozen(box)
            time.sleep(TIMEOUT_S * 1.5)
            quick = box.invoke("f", b"quick")
            self.wait_frozen(box)
            time.sleep(TIMEOUT_S * 1.5)
            begin = time.monotonic()
            late = box.invoke("f", b"hang")
            took_s = time.monotonic() - begin
        self._forget_end()
        return {"quick": quick.cause.value, "late": late.cause.value, "took": took_s}

    def idle_timeout(self) -> Facts:
        """It is thawed for its PreStop, and then it ends."""
        with self.box(idle_timeout_s=IDLE_S) as box:
            begin = time.monotonic()
            box.invoke("f", b"start")
            wait_until(lambda: not box.instances(), "the end")
            took_s = time.monotonic() - begin
            left = self.processes()
        return {"took": took_s, "stopped": self._forget_end(), "left": len(left)}

    def kill(self) -> Facts:
        """By fcbox, and by somebody with `kill -9`."""
        told: Facts = {}
        with self.box() as box:
            for name in ("fcbox", "somebody"):
                box.invoke("f", b"start")
                self.wait_frozen(box)
                (record,) = box.instances()
                if name == "fcbox":
                    box.kill(record)
                elif self._options["kills"]:
                    os.kill(record.pid, signal.SIGKILL)
                else:
                    break
                begin = time.monotonic()
                wait_until(lambda pid=record.pid: not is_alive(pid), "its end")
                wait_until(lambda: not box.instances() and not self.processes(), "that of all")
                told[name] = time.monotonic() - begin
            told["after"] = box.invoke("f", b"start").body.decode()
        self._forget_end()
        return told

    def close(self) -> Facts:
        """The box is closed in good order while its instance rests."""
        with self.box() as box:
            box.invoke("f", b"start")
            self.wait_frozen(box)
        return {"stopped": self._forget_end()}

    def _forget_end(self) -> bool:
        """Whether PreStop has run."""
        mark = self._folder / "stopped"
        was_there = mark.exists()
        mark.unlink(missing_ok=True)
        return was_there


def main() -> None:
    options = json.loads(sys.argv[1])
    for name in options["without"]:
        take_away(name, 1)
    freezer = Freezer(options)
    told = {
        "between": freezer.between_requests(),
        "deadlines": freezer.deadlines(),
        "idle": freezer.idle_timeout(),
        "kill": freezer.kill(),
        "close": freezer.close(),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
