"""scripts/load.py: a bounded run passes, and each check fails on the lie it is there for.

The run of a minute is `scripts/load.py` by hand.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from load import checks

    yield checks
    for name in [name for name in sys.modules if name.partition(".")[0] == "load"]:
        del sys.modules[name]


@pytest.mark.timeout(120)
def test_nothing_is_lost_while_workers_are_killed() -> None:
    argv = [sys.executable, str(SCRIPTS / "load.py"), "--seconds", "12"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seed \d+", done.stdout)
    assert len(re.findall("^  ok  ", done.stdout, re.MULTILINE)) == 5
    assert re.search(r"killed +[1-9]\d+ workers .*INVOKING [1-9]", done.stdout), done.stdout
    assert re.search(r"outcomes +ok \d{3,}, signal [1-9]", done.stdout), done.stdout


# -- forged accounts -------------------------------------------------------------------------------


def call(checks: ModuleType, id: int, body: Any, status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = checks.Answer(
        status, {"x-fc-request-id": f"r{id}", **named}, json.dumps(body).encode()
    )
    return checks.Call(id, answer, 0.01)


def good(checks: ModuleType, id: int) -> Any:
    return call(checks, id, {"id": id})


def killed(checks: ModuleType, id: int) -> Any:
    error = {"x_fc_error_type": "UnhandledInvocationError", "x_fcbox_cause": "signal"}
    return call(checks, id, {"errorMessage": "Process exited"}, **error)


def not_run(checks: ModuleType, id: int) -> Any:
    return call(checks, id, {"Code": "ServiceUnavailable"}, 503)


def test_good_answers_and_documented_errors_pass(checks: ModuleType) -> None:
    calls = [good(checks, 1), killed(checks, 2), killed(checks, 3), not_run(checks, 4)]

    assert checks.check_outcomes(calls) == []
    assert checks.check_runs(calls, [2, 1]) == []


def test_a_lost_request_is_seen(checks: ModuleType) -> None:
    lost = checks.Call(7, None, 20.0, "TimeoutError: ")

    assert checks.check_outcomes([lost]) == ["request 7: lost: TimeoutError: "]


def test_anothers_answer_is_seen(checks: ModuleType) -> None:
    (problem,) = checks.check_outcomes([call(checks, 1, {"id": 2})])

    assert "another's answer" in problem


def test_one_request_id_for_two_is_seen(checks: ModuleType) -> None:
    twice = call(checks, 2, {"id": 2}, x_fc_request_id="r1")

    assert checks.check_outcomes([good(checks, 1), twice]) == [
        "request 2: request id 'r1' is not its own"
    ]


@pytest.mark.parametrize(
    ("status", "cause"), [(500, ""), (429, ""), (502, ""), (200, "timeout"), (200, "error")]
)
def test_an_error_that_a_kill_does_not_explain_is_seen(
    checks: ModuleType, status: int, cause: str
) -> None:
    assert checks.check_outcomes([call(checks, 1, {"Code": "X"}, status, x_fcbox_cause=cause)])


def test_a_second_run_is_seen(checks: ModuleType) -> None:
    assert checks.check_runs([good(checks, 1)], [1, 1]) == ["request 1: ran 2 times"]
    assert checks.check_runs([killed(checks, 1)], [1, 1]) == ["request 1: ran 2 times"]


def test_runs_and_answers_are_held_against_each_other(checks: ModuleType) -> None:
    assert checks.check_runs([good(checks, 1)], []) == [
        "request 1: a good answer, and it did not run"
    ]
    assert checks.check_runs([not_run(checks, 1)], [1]) == [
        "request 1: ran, though the answer says that it did not"
    ]
    assert checks.check_runs([], [5]) == ["request 5: ran, and nobody asked for it"]


def test_growth_is_seen(checks: ModuleType) -> None:
    assert checks.check_memory(50_000, 51_000) == []
    assert checks.check_memory(50_000, 60_000) == ["grew from 50000 to 60000 KB"]


def test_what_is_held_is_seen(checks: ModuleType) -> None:
    before = checks.Held(70, 0)

    assert checks.check_held(before, checks.Held(70, 0)) == []
    assert checks.check_held(before, checks.Held(71, 0)) == ["70 descriptors before, 71 after"]
    assert checks.check_held(before, checks.Held(70, 2)) == ["2 dead children are not reaped"]


def test_a_bad_end_is_seen(checks: ModuleType) -> None:
    ended = 128 + signal.SIGTERM

    assert checks.check_end(ended, []) == []
    assert checks.check_end(1, ["process 5"]) == ["exit code 1", "left: process 5"]
