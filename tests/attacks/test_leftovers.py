"""What is left of instances when they end, or their supervisor is killed: nothing.

Each has made a daemon without session and parent. Looked for are processes by their tag, control
groups by the box's name, mounts of the host, and entries of state and temp directories.
"""

import os
import signal
from typing import Any

import pytest

from tests.attacks.accounts import (
    USERS,
    Account,
    account,
    groups_of,
    is_alive,
    mounts_of,
    processes_of,
    wait_until,
)

CROWD = 50
MANY = 200
SECONDS = 5.0
"""Until all have gone that go by themselves."""
OF_EACH = {"none": 2, "process": 3, "strict": 3}
"""Worker and daemon, and the init of a pid namespace."""
AS = pytest.mark.parametrize("user", USERS)


def options_of(level: str, count: int, event: str, **more: Any) -> dict[str, Any]:
    return {"level": level, "count": count, "event": event, "processes": OF_EACH[level], **more}


def kill(somebody: Account, options: dict[str, Any], with_zygote: bool = False) -> str:
    """Starts a crowd and ends its supervisor with SIGKILL; gives the box's name."""
    with somebody.start("crowd", options) as process:
        try:
            told = somebody.hear(process)
            box: str = told["box"]
            assert len(told["pids"]) == options["count"]
            assert len(processes_of(box)) == options["processes"] * options["count"]
            if somebody.user == "root" and options["level"] != "none" and "without" not in options:
                assert len(groups_of(box)) >= options["count"], "they can be found"
            process.send_signal(signal.SIGSTOP)
            if with_zygote:
                os.kill(told["zygotes"][0], signal.SIGKILL)
        finally:
            process.kill()
    wait_until(lambda: not is_alive(told["zygotes"][0]), "the zygote's end", SECONDS)
    return box


def start_next(somebody: Account) -> None:
    """Another box, which lives a short life."""
    with somebody.start("crowd", options_of("none", 1, "no daemon")) as process:
        somebody.hear(process)
        process.communicate("\n")
    assert process.returncode == 0


def assert_nothing_left(somebody: Account, box: str) -> None:
    assert processes_of(box) == {}
    assert groups_of(box) == []
    assert mounts_of(somebody.folder) == []
    assert somebody.left() == []


@AS
@pytest.mark.parametrize("level", ["process", "strict"])
@pytest.mark.parametrize("with_zygote", [False, True], ids=["supervisor", "and zygote"])
def test_sigkill(level: str, user: str, with_zygote: bool) -> None:
    """Of 50 busy instances all processes go by themselves, the rest with the next start."""
    with account(user) as somebody:
        box = kill(somebody, options_of(level, CROWD, "stay"), with_zygote)
        wait_until(lambda: not processes_of(box), "the end of all processes", SECONDS)
        assert somebody.boxes() == [box]
        start_next(somebody)
        assert_nothing_left(somebody, box)


@AS
def test_sigkill_without_namespaces(user: str) -> None:
    """The zygote ends the daemons; was it killed too, the next start does."""
    options = options_of("process", 5, "stay", without=["namespaces"]) | {"processes": 2}
    with account(user) as somebody:
        box = kill(somebody, options)
        wait_until(lambda: not processes_of(box), "the end of all processes", SECONDS)
        start_next(somebody)
        assert_nothing_left(somebody, box)
    with account(user) as somebody:
        box = kill(somebody, options, with_zygote=True)
        wait_until(lambda: len(processes_of(box)) == 5, "the end of the workers", SECONDS)
        start_next(somebody)
        assert_nothing_left(somebody, box)


@AS
@pytest.mark.parametrize("level", ["none", "process", "strict"])
def test_sigkill_of_frozen(level: str, user: str) -> None:
    """A process that is stopped ends all the same."""
    with account(user) as somebody:
        box = kill(somebody, options_of(level, 5, "frozen"))
        wait_until(lambda: not processes_of(box), "the end of all processes", SECONDS)
        start_next(somebody)
        assert_nothing_left(somebody, box)


@pytest.mark.skipif("root" not in USERS, reason="only root can mount")
def test_sigkill_of_frozen_by_v1() -> None:
    """That freezer keeps back even a SIGKILL; the next start thaws, and nothing is left."""
    with account("root") as somebody:
        box = kill(somebody, options_of("strict", 5, "frozen", without=["unified"]))
        start_next(somebody)
        assert_nothing_left(somebody, box)


@AS
@pytest.mark.parametrize("level", ["none", "process", "strict"])
def test_daemons_end_with_their_instance(level: str, user: str) -> None:
    """In good order, too: the box goes on, with nothing of those it had."""
    options = options_of(level, 3, "daemon", recycles=True)
    with account(user) as somebody, somebody.start("crowd", options) as process:
        box = somebody.hear(process)["box"]
        assert len(processes_of(box)) == 3 * OF_EACH[level]
        left, _ = process.communicate("\n")
        assert left == "{}\n"
        assert process.returncode == 0
        assert_nothing_left(somebody, box)


@AS
def test_many_start_and_stop(user: str) -> None:
    """200 strict instances in good order; as a user 50, which go the same way."""
    options = options_of("strict", MANY if user == "root" else CROWD, "")
    with account(user) as somebody, somebody.start("crowd", options) as process:
        told = somebody.hear(process)
        assert len(set(told["pids"])) == options["count"]
        process.communicate("\n")
        assert process.returncode == 0
        assert_nothing_left(somebody, told["box"])
