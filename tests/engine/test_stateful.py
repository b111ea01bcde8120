"""A hypothesis state machine over real processes: fewer steps than on the pure core, same rules.

Each step is taken while the answers of earlier ones may still be under way; the invariants are
checked on the whole event stream when the box has been closed. A failure is shrunk to the
shortest series of steps that has it.
"""

import signal
import tempfile
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sandbox import BoxSettings, Cause, InvokeResult, NotFound
from tests.boxes import open_box, write_function
from tests.engine.test_invariants import SOURCE, check_history, check_results

WAYS = st.sampled_from(["fine", "fine", "nap", "raise", "exit", "segv", "leave", "daemon"])
LIMIT = 2


class RealLife(RuleBasedStateMachine):
    """One box; requests, kills, recycles in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        spec = write_function(
            folder, SOURCE, initializer="initialize", pre_stop="pre_stop",
            max_instances=LIMIT, timeout_s=5, init_timeout_s=5,
        )  # fmt: skip
        box_settings = BoxSettings(grace_s=1, dump_grace_s=0.2)
        self.box = self.stack.enter_context(open_box(folder, spec, box_settings))
        self.ways: dict[str, str] = {}
        self.futures: dict[str, Future[InvokeResult]] = {}

    @rule(way=WAYS)
    def invoke(self, way: str) -> None:
        name = f"r{len(self.ways)}"
        self.ways[name] = way
        self.futures[name] = self.box.submit("f", f"{name} {way}".encode())

    @precondition(lambda self: self.futures)
    @rule()
    def wait_for_all(self) -> None:
        for future in self.futures.values():
            future.result(20)

    @rule(at=st.integers(0, LIMIT), signum=st.sampled_from([signal.SIGKILL, signal.SIGSEGV]))
    def kill(self, at: int, signum: int) -> None:
        instances = self.box.instances()
        if at < len(instances):
            try:
                self.box.kill(instances[at], signum)
            except NotFound:
                pass  # it has died meanwhile

    @rule()
    def recycle(self) -> None:
        self.box.recycle("f")

    @invariant()
    def limit_holds(self) -> None:
        serving = ("STARTING", "INITIALIZING", "IDLE", "INVOKING")

        assert sum(each.state in serving for each in self.box.instances()) <= LIMIT

    def teardown(self) -> None:
        results = {name: future.result(20) for name, future in self.futures.items()}
        self.stack.close()
        check_history(self.box.history, results)
        ran = {
            name: result
            for name, result in results.items()
            # A kill can hit the Initializer, and three in a row the request's every instance.
            if result.error_type != "InitializationError"
            and result.cause is not Cause.NOT_CREATED
            and result.signal not in (signal.SIGKILL, signal.SIGSEGV)
        }
        check_results(ran, self.ways)


TestRealLife = RealLife.TestCase
TestRealLife.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
