"""One record for each invocation, as the cloud's request metrics have it, as JSON Lines.

    outcome of a request  -->  record  -->  Outlet  -->  the file of --metrics-log

Initializer and PreStop are no invocations: they have no outcome and no record of their own. The
record of a cold start says how long its Initializer took. Names and units are the cloud's, but for
`outcome`, which is ours: the cloud has no word for a request whose caller went away, or that no
instance could be created for, and without one they would look like successes.

Writing never waits. What a full disk does not take is counted, told once when it begins and again,
with the sum, at the end.
"""

import json
import os
import time
from collections.abc import Callable

from sandbox.core.effects import Request
from sandbox.core.lifecycle import State
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.loop import Loop
from sandbox.engine.sinks import Outlet
from sandbox.engine.supervisor import Supervisor

__all__ = ["InvocationLog", "make_record"]

_ERROR_TYPES = {
    Cause.ERROR: "FunctionUnhandledError",
    Cause.EXIT: "FunctionUnhandledError",
    Cause.SIGNAL: "FunctionUnhandledError",
    Cause.TIMEOUT: "FunctionTimeoutError",
    Cause.OOM: "FunctionOOMError",
}
"""The vocabulary of metrics, not to be mixed with X-Fc-Error-Type or the body's errorType."""


def make_record(
    spec: FunctionSpec, request: Request, outcome: Outcome, now_s: float, active: int
) -> dict[str, object]:
    """The record of one outcome. `now_s` is Unix time, `active` the instances of the function."""
    error_type = _ERROR_TYPES.get(outcome.cause, "")
    record: dict[str, object] = {
        "functionName": spec.name,
        "requestId": request.id,
        "instanceID": outcome.instance_id,
        "operation": "InvokeFunction",
        "invocationType": "Async" if request.is_async else "Sync",
        "isColdStart": outcome.cold_start,
        "durationMs": round(outcome.duration_s * 1000, 2),
    }
    if outcome.cold_start and spec.initializer:
        record["initializationDurationMs"] = round(outcome.initialize_s * 1000, 2)
    return record | {
        "memoryMB": spec.memory_mb,
        "memoryUsageMB": round(outcome.max_rss_kb / 1024, 2),
        "hasFunctionError": bool(error_type),
        "errorType": error_type,
        "outcome": outcome.cause.value,
        "invocationStartTimestamp": int((now_s - outcome.duration_s) * 1000),
        "activeInstances": active,
        "qualifier": "LATEST",
        "resourceMode": "OnDemand",
        "versionId": "",
    }


class InvocationLog:
    """Appends to a file. Raises OSError when it cannot be opened."""

    def __init__(self, loop: Loop, path: str, say: Callable[[str], None]) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._outlet = Outlet(loop, self._fd)
        self._path = path
        self._say = say
        self._has_told = False
        self._supervisor: Supervisor | None = None

    def watch(self, supervisor: Supervisor) -> None:
        """Writes a record for every outcome from now on."""
        self._supervisor = supervisor
        supervisor.outcome_listeners.append(self._on_outcome)

    def close(self) -> None:
        """Writes what is left, and tells what could not be written."""
        self._outlet.close()
        if self._outlet.lost_bytes:
            lost = self._outlet.lost_bytes
            self._say(f"{lost} bytes of the metrics log could not be written")
        os.close(self._fd)

    def _on_outcome(self, spec: FunctionSpec, request: Request, outcome: Outcome) -> None:
        record = make_record(spec, request, outcome, time.time(), self._active(spec.name))
        line = json.dumps(record, ensure_ascii=False) + "\n"
        self._outlet.write(line.encode("utf-8", "replace"))
        self._tell_loss()

    def _active(self, function: str) -> int:
        assert self._supervisor is not None
        pool = self._supervisor.pools.get(function)
        shells = pool.shells.values() if pool else ()
        return sum(shell.state is not State.DEAD for shell in shells)

    def _tell_loss(self) -> None:
        if self._outlet.lost_bytes and not self._has_told:
            self._has_told = True
            self._say(f"the metrics log {self._path} cannot be written; the run goes on")
