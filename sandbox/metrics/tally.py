"""Counts what can only be seen when it happens: outcomes, and how long callbacks took.

    outcome of a request  -->  Tally.on_outcome  --+
                                                   +-->  by function, read when somebody scrapes
    Start and End of a hook  -->  Tally.on_event --+

Plain numbers and nothing else: the library that writes the page is imported when the page is asked
for. What can be seen at any time, such as instances and queues, is not counted here at all.

Functions come and go, and whoever makes them by the thousand must not fill the memory. What was
counted for a function is forgotten when it is removed; a function of the same name then begins at
zero, which Prometheus knows as a restart.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection

from sandbox.core.effects import INITIALIZE, INVOKE, PRESTOP, Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.host import LifecycleEvent

__all__ = ["BOUNDS_S", "PHASES", "Durations", "FunctionTally", "Tally"]

PHASES = {INITIALIZE: "initialize", INVOKE: "invoke", PRESTOP: "prestop"}
"""As the lifecycle events spell them, and as the page does."""
BOUNDS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
"""Upper ends of the buckets: a warm call takes one millisecond, an Initializer 300 s at most."""


class Durations:
    """A histogram. `counts` has one number a bucket, the last one for what is over all bounds."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        """Counts one."""
        self.counts[bisect_left(BOUNDS_S, duration_s)] += 1
        self.sum_s += duration_s


class FunctionTally:
    """What was counted for one function."""

    __slots__ = ("durations", "outcomes", "peak_kb")

    def __init__(self) -> None:
        self.outcomes: Counter[Cause] = Counter()
        self.durations = {phase: Durations() for phase in PHASES.values()}
        self.peak_kb = 0


class Tally:
    """Of one box. `present` is the live collection of its functions' names."""

    def __init__(self, present: Collection[str]) -> None:
        self._present = present
        self._functions: dict[str, FunctionTally] = {}
        self._begun_s: dict[tuple[str, str], float] = {}

    def of(self, function: str) -> FunctionTally:
        """What was counted for a function so far."""
        found = self._functions.get(function)
        if found is None:
            self._forget_absent()
            found = self._functions[function] = FunctionTally()
        return found

    def on_outcome(self, spec: FunctionSpec, request: Request, outcome: Outcome) -> None:
        """A listener of `Supervisor.outcome_listeners`."""
        if spec.name not in self._present:
            return  # its last requests end after it was removed
        tally = self.of(spec.name)
        tally.outcomes[outcome.cause] += 1
        tally.peak_kb = max(tally.peak_kb, outcome.max_rss_kb)
        if outcome.instance_id and outcome.error_type != "InitializationError":
            tally.durations["invoke"].add(outcome.duration_s)

    def on_event(self, event: LifecycleEvent) -> None:
        """A listener of `Supervisor.listen`: a hook has no outcome, only a Start and an End."""
        _, _, rest = event.name.partition("fcbox:")
        phase, _, edge = rest.partition(":")
        if phase not in (INITIALIZE, PRESTOP):
            return
        if edge == "Start":
            self._begun_s[event.instance_id, phase] = time.monotonic()
        elif edge == "End":
            began_s = self._begun_s.pop((event.instance_id, phase), None)
            if began_s is not None and event.function in self._present:
                tally = self.of(event.function)
                tally.durations[PHASES[phase]].add(time.monotonic() - began_s)

    def _forget_absent(self) -> None:
        self._functions = {
            name: tally for name, tally in self._functions.items() if name in self._present
        }
