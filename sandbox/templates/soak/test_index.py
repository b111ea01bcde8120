"""The function and the script: python -m pytest"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Cause, Sandbox

FOLDER = Path(__file__).parent
NAME = "{{ name }}"


def outcomes(numbers):
    with Sandbox.from_config(str(FOLDER / "s.yaml")) as box:
        return [box.invoke(NAME, json.dumps({"number": n}).encode()) for n in numbers]


def test_same_work_same_answer():
    first, second = outcomes([1, 1])

    assert first.ok, first.error
    assert first.body == second.body


def test_failures_that_are_asked_for(monkeypatch):
    """The third in turn raises, the sixth ends its process; all others are well."""
    monkeypatch.setenv("FAIL_EVERY", "3")
    ways = [result.cause for result in outcomes(range(1, 8))]

    assert (ways[2], ways[5]) == (Cause.ERROR, Cause.EXIT)
    assert ways.count(Cause.OK) == 5


@pytest.mark.parametrize("limit", [("--invocations", "50"), ("--seconds", "0.5")])
def test_soak(limit):
    command = [sys.executable, str(FOLDER / "soak.py"), "--seed", "7", *limit]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)

    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("seed 7\n")
    assert done.stdout.endswith("each request had exactly one outcome\n")
