"""Frozen between requests: by a control group where there is one, else by SIGSTOP of the tree.

Counters in a thread and in a child process are seen from outside: they stand still, and go on with
the next request. What is to end is thawed first; time at rest counts for no deadline.
"""

from typing import Any, NamedTuple

import pytest

from tests.attacks.accounts import USERS, account
from tests.attacks.freezing import IDLE_S, TIMEOUT_S

SLOW_S = 5.0
"""A busy machine takes its time; what counts is that it ends."""


class Machine(NamedTuple):
    """`without`: see `refusals`. `stopped`: the states of frozen processes (proc_pid_stat(5))."""

    level: str
    user: str
    without: tuple[str, ...] = ()
    has_freezer: bool = True

    @property
    def kills(self) -> bool:
        """The freezer of v1 keeps back even a SIGKILL, until fcbox thaws."""
        return self.without != ("unified",)


MACHINES = {
    "none": Machine("none", "root", has_freezer=False),
    "process": Machine("process", "root"),
    "strict": Machine("strict", "root"),
    "strict, freezer of v1": Machine("strict", "root", ("unified",)),
    "strict, no groups": Machine("strict", "root", ("groups",), False),
    "process, user": Machine("process", "user", has_freezer=False),
    "strict, user": Machine("strict", "user", has_freezer=False),
}
Found = dict[str, Any]


@pytest.fixture(scope="module", params=[n for n, each in MACHINES.items() if each.user in USERS])
def told(request: pytest.FixtureRequest) -> Found:
    """What `freezing` told of one machine."""
    machine = MACHINES[request.param]
    with account(machine.user) as somebody:
        (somebody.folder / "counters").mkdir()
        (somebody.folder / "counters").chmod(0o777)
        somebody.own(somebody.folder)
        somebody.folder.chmod(0o755)
        options = {"level": machine.level, "without": machine.without, "kills": machine.kills}
        found: Found = somebody.ask("freezing", options)
        assert somebody.left() == []
    return {"machine": machine, **found}


def test_nothing_runs_between_requests(told: Found) -> None:
    """Neither thread nor child; both go on with the next request. The record says IDLE."""
    found, machine = told["between"], told["machine"]

    assert found["answers"] == ["both count"] * 3
    assert found["still"] == [True] * 3
    assert min(found["counted"]) >= 9
    assert found["record"] == {"state": "IDLE", "invocations": 3}
    if machine.level != "none":
        assert ("freezer" in found["isolation"]["held"]) == machine.has_freezer
        assert bool(found["isolation"]["lacks"].get("freezer")) != machine.has_freezer
    if not machine.has_freezer:
        assert found["states"] == ["T"], "all of its tree is stopped"


def test_time_at_rest_is_nobodys(told: Found) -> None:
    """A request gets its whole timeout, and no more."""
    found = told["deadlines"]

    assert (found["quick"], found["late"]) == ("ok", "timeout")
    assert TIMEOUT_S <= found["took"] < SLOW_S


def test_idle_timeout(told: Found) -> None:
    """It ends an instance at rest in good order: PreStop runs, with thread and child."""
    found = told["idle"]

    assert IDLE_S <= found["took"] < SLOW_S
    assert found["stopped"]
    assert found["left"] == 0


def test_kill(told: Found) -> None:
    """Whoever kills it, it ends with its tree; the next request has a new one."""
    found = told["kill"]

    assert found.pop("after") == "both count"
    assert list(found) == (["fcbox", "somebody"] if told["machine"].kills else ["fcbox"])
    assert all(took_s < SLOW_S for took_s in found.values())


def test_close(told: Found) -> None:
    """Of the box: PreStop runs."""
    assert told["close"]["stopped"]
