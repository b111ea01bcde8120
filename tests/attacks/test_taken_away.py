"""A mechanism is taken away around the supervisor: the words and the data say so, everywhere.

What is lost without it is written down here by hand, and not derived from the table of promises.
Functions still run at `process`; at `strict` no line of user code does, unless that is allowed;
and what is said to be lost can then really be done.
"""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from sandbox.core.walls import MECHANISMS, PROMISES
from tests.attacks.accounts import COMMON_PYTHON, REPOSITORY, USERS, Account, account
from tests.attacks.deprivation import RUNS

Found = dict[str, Any]
LOST_WORDS = {promise.key: promise.lost for promise in PROMISES}
WITH_OWN_UID = {"sockets", "disk"}
"""What is lost without an own root: root can give an instance a uid that owns nothing."""
WITHOUT_ROOT = WITH_OWN_UID | {"writes"}
AT_STRICT = {"locks"}
"""What is lost there besides, without an own root."""


class Case(NamedTuple):
    """`lacks`: mechanisms that are told as missing, with `reason` in the words. `process` and
    `strict`: the promises that are lost."""

    without: tuple[str, ...]
    user: str
    lacks: set[str]
    process: set[str]
    strict: set[str]
    error: int = errno.EPERM
    reason: str = ""


NAMESPACES = {"root", "pid_namespace"}
OF_STRICT = {"ipc_namespace", "uts_namespace", "cgroup_namespace", "net_namespace"}
CASES = {
    "nothing": Case((), "root", set(), set(), set()),
    "nothing, user": Case((), "user", set(), set(), set()),
    "namespaces": Case(
        ("namespaces",), "root", NAMESPACES, WITH_OWN_UID, WITH_OWN_UID | AT_STRICT | {"view"},
        reason="this machine refuses a namespace: Operation not permitted",
    ),
    "namespaces, user": Case(
        ("namespaces",), "user", NAMESPACES | {"user_namespace"},
        WITHOUT_ROOT | {"processes"}, WITHOUT_ROOT | AT_STRICT | {"processes", "view"},
        errno.ENOSYS, "this machine refuses a user namespace: Function not implemented",
    ),
    "mounts": Case(
        ("mounts",), "root", NAMESPACES, WITH_OWN_UID, WITH_OWN_UID | AT_STRICT | {"view"},
        errno.ENOSYS, "mounting at /: Function not implemented",
    ),
    "mounts, user": Case(
        ("mounts",), "user", NAMESPACES | {"user_namespace"},
        WITHOUT_ROOT | {"processes"}, WITHOUT_ROOT | AT_STRICT | {"processes", "view"},
        reason="this machine refuses a user namespace: Operation not permitted",
    ),
    "mount_setattr": Case(
        ("mount_setattr",), "root", {"root"}, WITH_OWN_UID, WITH_OWN_UID | AT_STRICT,
        reason="Operation not permitted",
    ),
    "mount_setattr, user": Case(
        ("mount_setattr",), "user", {"root"}, WITHOUT_ROOT, WITHOUT_ROOT | AT_STRICT, errno.ENOSYS,
        "Function not implemented",
    ),
    "pivot_root": Case(
        ("pivot_root",), "root", {"root"}, WITH_OWN_UID, WITH_OWN_UID | AT_STRICT,
        reason="pivot_root: Operation not permitted",
    ),
    "landlock": Case(
        ("landlock",), "root", {"landlock", "landlock_scopes"}, {"sockets"}, set(),
        errno.EOPNOTSUPP, "Operation not supported",
    ),
    "landlock, user": Case(
        ("landlock",), "user", {"landlock", "landlock_scopes"}, {"sockets"}, set(), errno.ENOSYS,
        "Function not implemented",
    ),
    "seccomp": Case(
        ("seccomp",), "root", {"seccomp"}, {"signals", "kernel", "leftovers"},
        {"signals", "kernel"}, reason="Operation not permitted",
    ),
    "seccomp, user": Case(
        ("seccomp",), "user", {"seccomp"}, {"signals", "kernel", "leftovers"},
        {"signals", "kernel"}, errno.EINVAL, "Invalid argument",
    ),
    "uids": Case(("uids",), "root", {"own_uid"}, set(), set(), reason="Operation not permitted"),
    "groups": Case(
        ("groups",), "root", {"memory_cgroup", "pids_cgroup", "cpu_quota"}, {"cpu"}, {"cpu"},
        reason="is mounted read-only",
    ),
    "a whole /proc, user": Case(
        ("proc",), "user", {"pid_namespace"}, set(), {"view"},
        reason="mounting at /proc: Operation not permitted",
    ),
    "container": Case(
        ("container",), "root", NAMESPACES | {"user_namespace", "cpu_quota"},
        WITH_OWN_UID | {"cpu"}, WITH_OWN_UID | AT_STRICT | {"cpu", "view"},
        reason="this machine refuses a user namespace: Operation not permitted",
    ),
    "container, user": Case(
        ("container",), "user", NAMESPACES | {"user_namespace"},
        WITHOUT_ROOT | {"processes"}, WITHOUT_ROOT | AT_STRICT | {"processes", "view"},
        reason="this machine refuses a user namespace: Operation not permitted",
    ),
    "namespaces and landlock, user": Case(
        ("namespaces", "landlock"), "user", NAMESPACES | {"landlock", "landlock_scopes"},
        WITHOUT_ROOT | {"secrets", "files", "signals", "leftovers", "processes"},
        WITHOUT_ROOT | AT_STRICT
        | {"secrets", "files", "signals", "leftovers", "processes", "view"},
    ),
}  # fmt: skip
CAN = {
    "namespaces and landlock, user": {
        "reads a file of the host", "reads an environment", "writes elsewhere",
        "sees the supervisor",
    },
    "seccomp": {"makes shared memory"},
    "seccomp, user": {"makes shared memory"},
    "a whole /proc, user": {"sees the supervisor"},
}  # fmt: skip
"""What a function can do then at `process`, and nobody has to be believed."""


@contextmanager
def scene(user: str) -> Iterator[Account]:
    """Somebody whose function's code and interpreter everybody can read."""
    with account(user) as somebody:
        for name in ("marks", "open"):
            (somebody.folder / name).mkdir()
            (somebody.folder / name).chmod(0o777)
        (somebody.folder / "home" / "secret").write_text("secret")
        code = REPOSITORY / "tests" / "attacks" / "deprived"
        shutil.copytree(code, somebody.folder / "code")
        somebody.folder.chmod(0o755)
        somebody.own(somebody.folder)
        yield somebody


def options_of(case: Case, **more: Any) -> Found:
    """Only root can have the cpu that it asks for, as a rule."""
    cpu = 1.0 if case.user == "root" else 0.0
    return {
        "without": case.without, "error": case.error, "function_python": COMMON_PYTHON,
        "cpu": cpu, "runs": list(RUNS), **more,
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.user in USERS])
def test_what_is_told(name: str) -> None:
    case = CASES[name]
    with scene(case.user) as somebody:
        told = somebody.ask("deprivation", options_of(case))
        assert somebody.left() == []

    process, strict, degraded = told["process"], told["strict"], told["degraded"]
    check_told(case, process, case.process)
    check_told(case, strict, case.strict)
    check_told(case, degraded, case.strict)
    if OF_STRICT & set(degraded["lacks"]):
        assert set(degraded["lacks"]) >= OF_STRICT, "all or none"
    assert ("overlays" in degraded["lacks"]) == ("root" in degraded["lacks"])
    assert process["cause"] == "ok"
    check_refused(strict, case.strict)
    check_degraded(degraded, case)
    can = {word for word, is_done in process["answer"].items() if is_done is True}
    assert can >= CAN.get(name, set())
    if not case.without:
        assert can == set()
        assert process["has run"], "a mark can be left"


def check_told(case: Case, found: Found, lost: set[str]) -> None:
    """The data, the words, the record and the doctor say the same, and why."""
    assert set(found["lost"]) == lost
    assert set(found["lacks"]) >= case.lacks
    assert all(found["lacks"].values()), "each has a reason"
    assert not case.lacks or case.reason in " ".join(found["lacks"].values())
    assert found["lacks"] == found["isolation"]["lacks"]
    assert not set(found["lacks"]) & set(found["isolation"]["held"])
    assert set(found["isolation"]["held"]) <= set(MECHANISMS)
    assert len(found["warnings"]) == len(lost)
    for key in lost:
        (warning,) = [line for line in found["warnings"] if line.startswith(LOST_WORDS[key])]
        assert ": " in warning, "with a reason"
    if "doctor" in found:
        of_network = {"network"} - lost
        assert set(found["doctor"]["lost"]) - of_network == lost - {"cpu"}


def check_refused(found: Found, lost: set[str]) -> None:
    """Strict: no line of user code runs where something is lost."""
    if not lost:
        assert found["cause"] == "ok"
        return
    assert found["cause"] == "not_created"
    message = found["answer"]["errorMessage"]
    assert "isolation strict does not hold on this machine" in message
    assert all(LOST_WORDS[key] in message for key in lost)
    assert not found["has run"]
    assert found["records"] == []


def check_degraded(found: Found, case: Case) -> None:
    """Allowed to, it runs, and says what it is."""
    assert found["cause"] == "ok"
    assert found["records"] == ["strict (degraded)" if case.strict else "strict"]
    assert found["has run"] or case.without == ("uids",)  # as root without the rights of root


def test_seccomp_is_what_keeps_keys_and_queues_away() -> None:
    """With it, and all else, that attack is not possible: `CAN` says what the words are worth."""
    with scene(USERS[-1]) as somebody:
        case = Case((), USERS[-1], set(), set(), set())
        told = somebody.ask("deprivation", options_of(case, runs=["process"]))

    assert set(told["process"]["answer"]) == set().union(*CAN.values())
    assert set(told["process"]["answer"].values()) == {False}


@pytest.mark.skipif("root" not in USERS, reason="an ordinary user's python may lack packages")
def test_commands_say_it_too() -> None:
    """`fcbox doctor` fails and has it in its data; `fcbox invoke` warns, or refuses."""
    case = CASES["container"]
    with scene("root") as somebody:
        told = somebody.ask("deprivation_of_commands", options_of(case))
    lost = case.strict - {"cpu"}

    assert {name: each["code"] for name, each in told.items()} == {
        "text": 1, "doctor": 1, "process": 0, "strict": 125, "degraded": 0,
    }  # fmt: skip
    doctor = json.loads(told["doctor"]["stdout"])
    assert {each["key"] for each in doctor["promises"] if each["state"] != "kept"} == lost
    assert doctor["score"]["promised"] - doctor["score"]["kept"] == len(lost)
    missing = {each["key"]: each for each in doctor["mechanisms"] if not each["is_held"]}
    assert set(missing) >= case.lacks
    assert all(each["reason"] and each["remedy"] for each in missing.values())
    assert case.reason in told["text"]["stdout"]
    for name, keys in (("process", case.process - {"cpu"}), ("degraded", lost)):
        warned = {line for line in told[name]["stderr"].splitlines() if "warning: " in line}
        assert len(warned) == len(keys), name
        assert all(any(LOST_WORDS[key] in line for line in warned) for key in keys), name
        assert "user code has run" in told[name]["stderr"]
    refused = told["strict"]
    assert all(LOST_WORDS[key] in refused["stderr"] for key in lost)
    assert "user code has run" not in refused["stderr"] + refused["stdout"]


def test_what_one_function_lacks_is_told_whoever_comes_after_it() -> None:
    """Of two functions only one asks for cpu, where it cannot be had."""
    case = CASES["groups"] if "root" in USERS else CASES["nothing, user"]
    with scene(case.user) as somebody:
        told = somebody.ask("deprivation", options_of(case, runs=[], pair=True))["pair"]

    assert [set(each["lacks"]) >= {"cpu_quota"} for each in told] == [False, True, True]
    assert [each["lost"] for each in told] == [[], ["cpu"], ["cpu"]]
