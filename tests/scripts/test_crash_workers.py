"""scripts/crash_workers.py: a run passes, and each check fails on the lie it is there for."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sandbox import InvokeResult, LifecycleEvent
from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "crash_workers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("crash_workers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.mark.timeout(120)
def test_run_passes() -> None:
    """200 invocations under fire: all four checks hold, signals were sent, the seed is told."""
    argv = [sys.executable, str(SCRIPT), "--invocations", "200", "--kill-every-ms", "10"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seed \d+", done.stdout)
    assert len(re.findall("^  ok  ", done.stdout, re.MULTILINE)) == 4
    assert re.search(r"signals +.*SIG[A-Z]+ [1-9]", done.stdout)


# -- forged accounts -------------------------------------------------------------------------------

GOOD_LIFE = (
    "fc:Instance:Creating",
    "fcbox:Initialize:Start 1",
    "fcbox:Initialize:End 1",
    "fc:Instance:CreateSuccess",
    "fcbox:Invoke:Start 1",
    "fcbox:Invoke:End 1",
    "fcbox:Request:Replied 1",
    "fcbox:Invoke:Start 2",
    "fcbox:Invoke:End 2",
    "fcbox:Request:Replied 2",
    "fcbox:PreStop:Start 3",
    "fcbox:PreStop:End 3",
    "fc:Instance:DestroySuccess",
)


def events(*lines: str) -> list[LifecycleEvent]:
    """`NAME [REQUEST [DETAIL]]` each, of one instance."""
    parts = [[*line.split(" ", 2), "", ""][:3] for line in lines]
    return [LifecycleEvent(0.0, name, "f", "c-1", request, why) for name, request, why in parts]


def life(*, drop: str = "", swap: tuple[str, str] = ("", ""), add: str = "") -> list[str]:
    """The good life, forged: without a line, with two exchanged, with one said twice."""
    lines = [line for line in GOOD_LIFE if line != drop]
    if swap[0]:
        a, b = lines.index(swap[0]), lines.index(swap[1])
        lines[a], lines[b] = lines[b], lines[a]
    if add:
        lines.insert(lines.index(add) + 1, add)
    return lines


def call(
    script: ModuleType,
    number: int,
    *,
    body: bytes = b"",
    cause: Cause = Cause.OK,
    request: str = "",
) -> object:
    request_id = request or str(number)
    body = body or (
        f'{{"number": {number}, "request_id": "{request_id}", "initialized": 1}}'.encode()
    )
    asked = Request(request_id, b"", 0.0, lambda request, outcome: None)
    return script.Call(number, InvokeResult(asked, Outcome(body, cause, "", "c-1")), 0.001)


def test_good_account_passes(script: ModuleType) -> None:
    """The account that the others are forged from has nothing wrong with it."""
    calls = [call(script, 1), call(script, 2)]
    stream = events(*GOOD_LIFE)

    assert script.check_outcomes(calls, stream) == []
    assert script.check_answers(calls) == []
    assert script.check_lives(stream) == []


def test_crash_excuses_the_prestop(script: ModuleType) -> None:
    """An instance that ended by an error needs none; nor a second End for its Error event."""
    crashed = [*GOOD_LIFE[:4], "fcbox:Invoke:Start 1", "fcbox:Invoke:End 1 crashed"]

    assert script.check_lives(events(*crashed, "fcbox:Instance:Died")) == []
    ends = ("fcbox:Instance:Died", "fc:Instance:DestroySuccess")
    assert script.check_lives(events(*crashed, *ends)) == []


@pytest.mark.parametrize(
    ("forged", "complaint"),
    [
        (life(add="fcbox:Initialize:End 1"), "End of Initialize without its Start"),
        (life(drop="fcbox:Initialize:End 1"), "Invoke began during Initialize"),
        (life(swap=("fcbox:Initialize:Start 1", "fcbox:Invoke:Start 1")), "before the Initializer"),
        (life(swap=("fcbox:Invoke:Start 2", "fcbox:PreStop:Start 3")), "after PreStop"),
        (life(drop="fcbox:Invoke:End 2"), "PreStop began during Invoke"),
        (life(drop="fcbox:PreStop:End 3"), "PreStop has no End"),
        (life(drop="fc:Instance:DestroySuccess"), "not one end"),
        (life(add="fc:Instance:DestroySuccess"), "not one end"),
        ([*GOOD_LIFE[:10], "fc:Instance:DestroySuccess"], "in good order without PreStop"),
        ([*GOOD_LIFE[:3], *GOOD_LIFE[1:]], "Initialize ran 2 times"),
        ([*GOOD_LIFE[:12], *GOOD_LIFE[10:]], "PreStop ran 2 times"),
        (["fcbox:Initialize:Start 1", "fcbox:Initialize:End 1 it raised", *GOOD_LIFE[4:]],
         "Invoke before the Initializer succeeded"),
    ],
)  # fmt: skip
def test_broken_life_is_found(script: ModuleType, forged: list[str], complaint: str) -> None:
    """Each way in which Initializer, invocations and PreStop could be out of order."""
    problems = script.check_lives(events(*forged))

    assert any(complaint in problem for problem in problems), problems


def test_second_outcome_is_found(script: ModuleType) -> None:
    """By the event stream: the caller's future could hide it."""
    stream = events(*life(add="fcbox:Request:Replied 2"))
    problems = script.check_outcomes([call(script, 1), call(script, 2)], stream)

    assert problems == ["request 2: 2 outcomes"]


def test_lost_request_is_found(script: ModuleType) -> None:
    """A call that never ended, and an outcome that the stream does not have."""
    lost = script.Call(2, None, 0.0)
    stream = events(*life(drop="fcbox:Request:Replied 1"))
    problems = script.check_outcomes([call(script, 1), lost], stream)

    assert any("call 2: no outcome" in problem for problem in problems)
    assert any("call 1: an outcome that the event stream" in problem for problem in problems)
    assert any("request 2: nobody asked for it" in problem for problem in problems)


def test_shared_request_id_is_found(script: ModuleType) -> None:
    """Two calls with one outcome between them."""
    calls = [call(script, 1), call(script, 2, request="1")]
    problems = script.check_outcomes(calls, events(*GOOD_LIFE))

    assert any("is another call's too" in problem for problem in problems)


@pytest.mark.parametrize(
    "body",
    [
        b'{"number": 2, "request_id": "1", "initialized": 1}',
        b'{"number": 1, "request_id": "2", "initialized": 1}',
        b'{"number": 1, "request_id": "1", "initialized": 2}',
    ],
    ids=["another event's", "another request's", "initialized twice"],
)
def test_wrong_answer_is_found(script: ModuleType, body: bytes) -> None:
    """An answer that is good, but somebody else's."""
    assert script.check_answers([call(script, 1, body=body)])


@pytest.mark.parametrize("cause", [Cause.ERROR, Cause.TIMEOUT, Cause.CANCELLED])
def test_failure_without_a_crash_is_found(script: ModuleType, cause: Cause) -> None:
    """Nothing but a crash may fail a request here."""
    assert script.check_answers([call(script, 1, body=b"{}", cause=cause)])
    assert not script.check_answers([call(script, 1, body=b"{}", cause=Cause.SIGNAL)])


def test_left_process_is_found(script: ModuleType) -> None:
    """A child of this program, and a process that carries the box's tag."""
    tag = (1 << 62) | (5 << 24)
    limit = f"r.setrlimit(r.RLIMIT_RTTIME, ({tag}, {tag}))"
    code = f"import resource as r; {limit}; print(flush=True); input()"
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        problems = script.check_processes(tag >> 24)
        process.communicate(b"\n")

    assert any(f"process {process.pid} of the box is left" in problem for problem in problems)
    assert any(f"child {process.pid} is left" in problem for problem in problems)
    assert not any(f" {process.pid} " in each for each in script.check_processes(tag >> 24))
    assert script.box_of(os.getpid()) != tag >> 24
