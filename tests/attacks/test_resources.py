"""Functions that take all they can get: each is limited, and nobody else is the worse for it.

`pressure` plays them in one box for each level and user: all of them at `strict` as root, at
`none` what needs no wall. What holds for every attack is asserted in one place.
"""

import ast
import errno
import json
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.walls import Lack, Walls, warnings
from sandbox.engine.walls import SHM_MB
from tests.attacks.accounts import USERS, account
from tests.attacks.pressure import ATTACKS, CPU, DISK_MB, MEMORY_MB, PROCESSES

PLAYED = {
    ("none", "root"): ["descriptor leak", "empty lines", "large answer", "many causes"],
    ("process", "root"): [
        "memory fast", "memory in daemons", "fork bomb", "disk fill", "empty lines", "processor",
    ],
    ("strict", "root"): list(ATTACKS),
    ("process", "user"): ["memory fast", "memory in children", "thread bomb", "disk fill"],
    ("strict", "user"): ["memory in daemons", "fork bomb", "hollow files", "processor"],
}  # fmt: skip
GROWN_MB = 64
ANSWER_S = 1.0
"""Nobody waits longer for a sibling, or a machine is so busy that it was as slow before."""
WATCHED_MB = 2000
"""What is watched only may grow until somebody looks: fast functions, and a busy machine."""

Found = dict[str, Any]


@pytest.fixture(scope="module", params=[key for key in PLAYED if key[1] in USERS], ids="-".join)
def told(request: pytest.FixtureRequest) -> Found:
    """What `pressure` told of one level and user."""
    level, user = request.param
    with account(user) as somebody:
        options = {"level": level, "attacks": PLAYED[request.param]}
        found: Found = somebody.ask("pressure", options)
        assert somebody.left() == []
    return {"level": level, "user": user, **found}


def test_others_stay_well(told: Found) -> None:
    """The sibling answers in time, the supervisor grows by next to nothing and keeps no
    descriptor, the function is served again; that its tree has gone `pressure` waits for."""
    for name, found in told["found"].items():
        before, meanwhile = sorted(found["before"]), sorted(found["meanwhile"])
        assert _p99(meanwhile) <= max(ANSWER_S, 20 * _p99(before)), name
        assert meanwhile[-1] <= max(ANSWER_S, 20 * before[-1]), name
        assert found["grown MB"] < GROWN_MB, name
        assert found["descriptors"] <= 2, name  # a zygote's, or an instance's on its way
        assert found["well"]["cause"] == "ok", (name, found["well"])
    assert told["alive"] == 1


def _p99(times: list[float]) -> float:
    return times[int(len(times) * 0.99)]


def test_memory(told: Found) -> None:
    """Out of memory, with the limit in the text; soon enough to have taken little more."""
    for name in _played(told, "memory"):
        found = told["found"][name]
        assert found["cause"] == "oom", (name, found)
        assert f"memory limit: {MEMORY_MB}MB reached" in found["error"]
        assert found["status"] == f"SIGKILL(-9), memory limit {MEMORY_MB} MB reached"
        assert not found["same instance"]
        has_group = "memory_cgroup" in found["isolation"]["held"]
        most_mb = MEMORY_MB + DISK_MB + SHM_MB if has_group else WATCHED_MB
        assert MEMORY_MB / 2 < found["memory"] < most_mb, name


def test_processes_and_threads(told: Found) -> None:
    """1024 of them with the worker itself, and then EAGAIN."""
    for name in _played(told, "fork bomb", "thread bomb"):
        found = told["found"][name]
        answer = json.loads(found["body"])
        assert found["cause"] == "ok"
        assert PROCESSES - 10 < answer["made"] < PROCESSES, name
        assert answer.get("errno", errno.EAGAIN) == errno.EAGAIN
        assert answer.get("error", "can't start new thread") == "can't start new thread"


def test_descriptors(told: Found) -> None:
    """Answering, and taking the next request, needs no free one."""
    for name in _played(told, "descriptor leak"):
        found = told["found"][name]
        assert json.loads(found["body"])["errno"] == errno.EMFILE
        assert json.loads(found["well"]["body"])["errno"] == errno.EMFILE
        assert found["same instance"]


def test_disk(told: Found) -> None:
    """diskSize is what all files have together, and as much again when they are gone."""
    for name in _played(told, "disk fill"):
        answers = [json.loads(told["found"][name]["body"])]
        answers.append(json.loads(told["found"][name]["well"]["body"]))
        assert answers[0] == {"stored": DISK_MB, "errno": errno.ENOSPC}
        assert answers[1]["errno"] == errno.ENOSPC
    for name in _played(told, "hollow files"):
        found = json.loads(told["found"][name]["well"]["body"])
        assert found.pop("terabyte") in (0, errno.EFBIG)  # of nothing
        assert found == {"real": DISK_MB, "errno": errno.ENOSPC}


def test_words(told: Found) -> None:
    """All of the log is taken, a tail of it kept; too long an answer is refused where it is made,
    too long an error is cut."""
    found = told["found"]
    for name in _played(told, "stdout flood", "empty lines"):
        assert found[name]["body"] == "flooded"
        assert found[name]["log bytes"] <= 64 << 10
        longest_s = max(found[name]["meanwhile"])
        assert longest_s < max(found[name]["duration"] / 2, 0.2), "nobody waits for its end"
    for name in _played(told, "large answer"):
        assert found[name]["cause"] == "error"
        assert found[name]["error"] == (
            "Response payload size (104857600 bytes) exceeded maximum allowed size "
            "(33554432 bytes)."
        )
    for name in _played(told, "large exception", "many causes"):
        assert found[name]["cause"] == "error"
        assert found[name]["body bytes"] < 2 << 20
        assert found[name]["log bytes"] <= 64 << 10
        assert found[name]["same instance"]


def test_processor(told: Found) -> None:
    """16 threads in 4 processes have a quarter of a CPU; or a warning says that they have more."""
    for name in _played(told, "processor"):
        found = told["found"][name]
        answer = json.loads(found["body"])
        if "cpu_quota" in found["isolation"]["held"]:
            assert answer["used"] < 1.5 * CPU * answer["passed"] + 0.1
        else:
            assert told["user"] == "user"
            assert any(line.startswith("cpu is not enforced") for line in _warnings(found))


def _warnings(found: Found) -> list[str]:
    isolation = found["isolation"]
    held, lacks = frozenset(isolation["held"]), isolation["lacks"].items()
    walls = Walls(isolation["level"], held, tuple(starmap(Lack, lacks)), frozenset({"cpu"}))
    return warnings(walls)


def _played(told: Found, *prefixes: str) -> list[str]:
    names = [name for name in told["found"] if name.startswith(prefixes)]
    assert names or told["user"] == "user" or told["level"] != "strict"
    return names


def test_functions_are_readable_to_3_6() -> None:
    for path in Path(__file__).with_name("resources").glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
