"""Every attack, at every level, as root and as an ordinary user: what gets through is as written.

What is written is results.json, shown as docs/attacks.md. `catalogue` says what may get through,
and why. What a machine does not have cannot be attacked there; that is found out by playing the
attack outside of any box, as the same user.
"""

import ast
import json
import os
from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS, COLUMNS, LEVELS, USERS
from tests.attacks.runs import RESULTS, available_users, missing_outside, run
from tests.boxes import ENDS, PYTHONS

Words = dict[str, list[str]]
VICTIM_HAS = {
    "abstract socket", "code lock", "file", "lock", "pipe", "shared memory", "socket",
}  # fmt: skip


def recorded(level: str, user: str) -> Words:
    results: dict[str, Words] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {name: words[f"{level}, {user}"] for name, words in results.items()}


def differences(level: str, user: str, found: Words) -> list[str]:
    """Where that is not what is written."""
    wanted = recorded(level, user)
    # At `none` another machine may offer more to attack: that is nobody's promise.
    extra = {
        name: sorted(set(words) - set(wanted[name]))
        for name, words in found.items()
        if level != "none" or any(word.startswith("broken") for word in words)
    }
    missing = {name: sorted(set(words) - set(found[name])) for name, words in wanted.items()}
    missing = {name: words for name, words in missing.items() if words}
    if missing:
        outside = missing_outside(user, missing)
        missing = {name: sorted(set(missing[name]) - set(outside[name])) for name in missing}
    return [
        f"{name}: {what}: {', '.join(words)}"
        for what, each in (("gets through", extra), ("is blocked now", missing))
        for name, words in each.items()
        if words
    ]


@pytest.mark.parametrize("user", available_users())
@pytest.mark.parametrize("level", LEVELS)
def test_attacks(level: str, user: str) -> None:
    """One box, all attacks. After a deliberate change: python -m tests.attacks.runs"""
    told = run(level, user)
    found: Words = told["found"]

    assert told["able"] == ["file", "program", "sockets", "thread"]
    assert set(told["things"]) >= VICTIM_HAS  # who has nothing cannot be robbed
    assert sorted(found) == sorted(ATTACKS)
    assert differences(level, user, found) == []


@pytest.mark.parametrize("user", USERS)
def test_nothing_gets_through_at_strict(user: str) -> None:
    assert holes(recorded("strict", user)) == {}


def holes(found: Words) -> Words:
    """What got through."""
    return {name: words for name, words in found.items() if words}


@pytest.mark.parametrize("user", available_users())
def test_strict_with_the_hosts_network(user: str) -> None:
    """It brings back the host's abstract names, and nothing else."""
    found: Words = run("strict", user, network="host")["found"]

    assert holes(found) == {"taking an abstract name": ["the name is taken"]}


def test_strict_on_the_oldest_interpreter() -> None:
    """The walls are raised from Python: by any version of it."""
    told = run("strict", available_users()[0], python=PYTHONS[ENDS[0]])

    assert told["able"] == ["file", "program", "sockets", "thread"]
    assert holes(told["found"]) == {}


@pytest.mark.parametrize("user", USERS)
def test_what_gets_through_at_process_has_a_reason(user: str) -> None:
    found = holes(recorded("process", user))

    assert {
        name: words for name, words in found.items() if set(words) - set(ATTACKS[name].let_through)
    } == {}


def test_no_reason_without_need() -> None:
    """What is blocked by now needs none any more."""
    process = [recorded("process", user) for user in USERS]
    stale = {
        name: sorted(set(attack.let_through).difference(*(each[name] for each in process)))
        for name, attack in ATTACKS.items()
    }

    assert {name: words for name, words in stale.items() if words} == {}


def test_every_attack_proves_something() -> None:
    """Without walls it gets through, or it is said why not."""
    without = {name for name in ATTACKS if not any(recorded("none", user)[name] for user in USERS)}

    everywhere = {name for name, attack in ATTACKS.items() if attack.everywhere}
    assert everywhere <= without
    assert without - everywhere <= {name for name, attack in ATTACKS.items() if attack.needs}


def test_the_record_is_of_these_attacks() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))

    assert list(results) == list(ATTACKS)
    assert all(list(words) == list(COLUMNS) for words in results.values())


def test_functions_are_readable_to_3_6() -> None:
    for path in Path(__file__).with_name("functions").glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root")
def test_a_hole_is_seen() -> None:
    """The comparison can fail: what was played at `none` is not what is written for `strict`."""
    found: Words = run("none", "root", ["kill", "own code"])["found"]
    wanted = recorded("strict", "root") | {"daemons after SIGKILL": []}

    assert [name for name in ("kill", "own code") if found[name] == wanted[name]] == []
