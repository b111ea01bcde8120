"""What `fcbox doctor` makes of a machine's walls."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import doctor
from sandbox.core.walls import MECHANISMS, PROMISES, Lack, Walls
from tests.cli.refusing import refused_fcbox
from tests.configs.commands import PYTHON, Ran, fcbox

ALL = frozenset(MECHANISMS) - {"user_namespace"}
ASKED = frozenset(("cpu", "network off"))
WHOLE = Walls("strict", ALL, (), ASKED)


def without(*lacks: Lack, level: str = "strict") -> Walls:
    return Walls(level, ALL - {lack.mechanism for lack in lacks}, lacks, ASKED)


def states(walls: Walls) -> dict[str, str]:
    data = doctor.as_data(walls, "python3", is_root=True)
    return {each["key"]: each["state"] for each in data["promises"]}


def test_a_machine_that_has_everything() -> None:
    data = doctor.as_data(WHOLE, "/usr/bin/python3", is_root=True)

    assert set(states(WHOLE).values()) == {"kept"}
    assert data["score"] == {"kept": len(PROMISES), "promised": len(PROMISES)}
    assert {each["remedy"] for each in data["mechanisms"]} == {""}
    assert "Remedies" not in doctor.as_text(WHOLE, True, False)


def test_the_keys_of_the_json() -> None:
    """Programs read them: they stay."""
    data = doctor.as_data(without(Lack("cpu_quota", "no cgroup")), "python3", is_root=False)

    assert list(data) == [
        "level", "python", "is_root", "score", "promises", "mechanisms",
    ]  # fmt: skip
    assert {tuple(each) for each in data["promises"]} == {("key", "text", "state", "by", "missing")}
    assert {tuple(each) for each in data["mechanisms"]} == {
        ("key", "title", "is_held", "reason", "remedy")
    }
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("key", sorted(ALL - {"memory_cgroup", "freezer"}))
def test_what_is_missing_is_told(key: str) -> None:
    """With its reason and its remedy, whether or not a promise is lost with it."""
    walls = without(Lack(key, "because of the moon"))
    text = doctor.as_text(walls, True, False)

    assert f"  missing   {MECHANISMS[key].title}: because of the moon\n" in text
    assert f"{MECHANISMS[key].title}: {MECHANISMS[key].remedy}" in text


def test_kept_in_part() -> None:
    """Some of a way is there, and none is whole."""
    found = states(without(Lack("landlock", ""), Lack("root", "refused"), Lack("cpu_quota", "")))

    assert found["writes"] == "in part"
    assert found["files"] == "not kept"
    assert found["cpu"] == "not kept"
    assert found["kernel"] == "kept"


def test_the_score_counts_what_the_level_promises() -> None:
    lacks = (Lack("pid_namespace", "EPERM"), Lack("cpu_quota", "none"))
    of_process = sum(promise.level == "process" for promise in PROMISES)
    strict = doctor.as_data(without(*lacks), "p", True)["score"]
    process = doctor.as_data(without(*lacks, level="process"), "p", True)["score"]

    assert strict == {"kept": len(PROMISES) - 2, "promised": len(PROMISES)}
    assert process == {"kept": of_process - 1, "promised": of_process}


def test_a_remedy_of_several_is_said_once() -> None:
    lacks = [Lack(f"{name}_namespace", "refused") for name in ("pid", "ipc", "uts")]
    text = doctor.as_text(without(*lacks), False, False)

    assert text.count(MECHANISMS["pid_namespace"].remedy) == 1
    assert "  pid namespace, ipc namespace, uts namespace: " in text


def test_a_mechanism_without_a_told_reason() -> None:
    """A promise misses it all the same."""
    walls = Walls("process", ALL - {"seccomp"}, (), ASKED)

    assert "  missing   system call filter\n" in doctor.as_text(walls, True, False)


def test_root_and_user_read_different_things() -> None:
    root, user = (doctor.as_text(WHOLE, is_root, False) for is_root in (True, False))

    assert "You are root." in root
    assert "You are an ordinary user." in user


def test_colour_is_beside_the_words() -> None:
    walls = without(Lack("cpu_quota", "none"))
    plain, colored = (doctor.as_text(walls, True, has_color) for has_color in (False, True))

    assert "\x1b" not in plain
    assert "\x1b[31mnot kept\x1b[0m" in colored
    assert plain == re.sub("\x1b\\[\\d*m", "", colored)


def test_a_reason_cannot_drive_the_terminal() -> None:
    text = doctor.as_text(without(Lack("root", "\x1b[2Jgone\n")), True, False)

    assert "\x1b" not in text


# --- real machines ------------------------------------------------------------------------------


def data_of(ran: Ran) -> dict[str, Any]:
    assert ran.err == ""
    found: dict[str, Any] = json.loads(ran.out)
    return found


@pytest.mark.parametrize("level", ["process", "strict"])
def test_this_machine(tmp_path: Path, level: str) -> None:
    """Whatever it has: the exit code, the score and the promises say the same."""
    ran = fcbox(tmp_path, "doctor", "--json", "--isolation", level, "--python", PYTHON)
    data = data_of(ran)

    kept = [each["state"] == "kept" for each in data["promises"]]
    assert data["level"] == level
    assert data["score"] == {"kept": sum(kept), "promised": len(kept)}
    assert ran.code == (0 if all(kept) else 1)
    assert len(kept) > 10


def test_a_machine_that_refuses_namespaces(tmp_path: Path) -> None:
    ran = refused_fcbox(tmp_path, "doctor", "--json", "--isolation", "strict", "--python", PYTHON)
    data = data_of(ran)

    root = next(each for each in data["mechanisms"] if each["key"] == "root")
    states = {each["key"]: each["state"] for each in data["promises"]}
    assert ran.code == 1
    assert not root["is_held"]
    assert "user.max_" in root["reason"]
    assert root["remedy"]
    assert states["disk"] == "not kept"
    assert states["kernel"] == "kept"


def test_the_text_of_a_machine_that_refuses_namespaces(tmp_path: Path) -> None:
    """Process is the level that is looked at when none is named."""
    ran = refused_fcbox(tmp_path, "doctor", "--python", PYTHON)
    lines = ran.lines

    assert (ran.code, ran.err) == (1, "")
    assert lines[0].startswith("isolation: process, degraded (")
    assert "  not kept  stores no more than diskSize (missing: own root)" in lines
    assert lines[-1].endswith("promises of the level process are kept")


@pytest.mark.parametrize(
    ("python", "code", "says"),
    [("/nonexistent", 2, "there is no executable interpreter"), ("/bin/true", 125, "came up")],
)
def test_no_such_python(tmp_path: Path, python: str, code: int, says: str) -> None:
    ran = fcbox(tmp_path, "doctor", "--python", python)

    assert (ran.code, ran.out) == (code, b"")
    assert says in ran.err
    assert "--python" in ran.err


def test_none_promises_nothing(tmp_path: Path) -> None:
    ran = fcbox(tmp_path, "doctor", "--isolation", "none")

    assert (ran.code, ran.out) == (2, b"")
