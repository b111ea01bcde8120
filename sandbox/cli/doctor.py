"""`fcbox doctor`: which promises of an isolation level this machine keeps, and what mends the rest.

A throw-away instance without a function raises its walls and reports them; nothing is guessed.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from sandbox.cli import exits, talk
from sandbox.config.code.interpreters import InterpreterMissingError, find_interpreter
from sandbox.config.messages.diagnostics import harmless
from sandbox.core.walls import MECHANISMS, Verdict, Walls, summary, verdicts
from sandbox.engine.doctor import examine

__all__ = ["doctor"]

RUNTIME = "python3.10"
"""Whose interpreter is taken, when none is named."""

_NOT_KEPT = 1
_NOT_UP = "is it a Python from 3.6 on? --python names another one"

KEPT, IN_PART, NOT = "kept", "in part", "not kept"
HELD, MISSING = "held", "missing"
_COLORS = {KEPT: "32", HELD: "32", IN_PART: "33", NOT: "31", MISSING: "31"}
_WIDTH = max(map(len, _COLORS))

_AS_ROOT = """\
You are root. Where the machine allows it, each instance has a user id of its own, owning nothing
of yours, and its limits are control groups. An ordinary user has no other ids to give and, as a
rule, no control groups: the same walls are raised in a user namespace, memory is watched instead,
and cpu is not enforced unless a group was delegated. Ask again as that user."""
_AS_USER = """\
You are an ordinary user. The walls are raised in a user namespace, where the machine allows one;
the function has your user id behind them. As root each instance has a user id of its own, and
control groups for memory, processes and cpu without any delegation."""


def doctor(level: str, python: str | None, is_json: bool) -> int:
    """Prints the report on stdout; gives the exit code: 1 when a promise is not kept."""
    try:
        path = find_interpreter(RUNTIME, python, os.environ).path
    except InterpreterMissingError as missing:
        talk.error(str(missing), "name another interpreter with --python")
        return exits.USAGE
    try:
        walls = examine(path, level, os.environ)
    except OSError as exc:
        return talk.cannot_start(exc)
    if walls is None:
        talk.error(f"no instance came up under {harmless(path)}", _NOT_UP)
        return exits.NOT_CREATED
    is_root = os.geteuid() == 0
    if is_json:
        talk.show(json.dumps(as_data(walls, path, is_root), indent=2) + "\n")
    else:
        talk.show(as_text(walls, is_root, talk.has_color(1, os.environ)))
    return 0 if all(verdict.is_kept for verdict in verdicts(walls)) else _NOT_KEPT


def state_of(verdict: Verdict, walls: Walls) -> str:
    """In part: no way is whole, and something of one is there."""
    if verdict.is_kept:
        return KEPT
    return IN_PART if any(way & walls.held for way in verdict.promise.ways) else NOT


def examined(walls: Walls) -> list[tuple[str, str]]:
    """The mechanisms that are held or missed, each with the reason why it is missing, if known."""
    missing = {lack.mechanism: lack.reason for each in verdicts(walls) for lack in each.missing}
    missing.update(walls.lacks)
    return [(key, missing.get(key, "")) for key in MECHANISMS if key in walls.held | set(missing)]


def _score(found: list[Verdict]) -> tuple[int, int]:
    return sum(verdict.is_kept for verdict in found), len(found)


# --- JSON -------------------------------------------------------------------------------------


def as_data(walls: Walls, python: str, is_root: bool) -> dict[str, Any]:
    """The report for programs; its keys are documented."""
    found = verdicts(walls)
    kept, promised = _score(found)
    return {
        "level": walls.level,
        "python": python,
        "is_root": is_root,
        "score": {"kept": kept, "promised": promised},
        "promises": [_promise_data(verdict, walls) for verdict in found],
        "mechanisms": [
            {
                "key": key,
                "title": MECHANISMS[key].title,
                "is_held": key in walls.held,
                "reason": reason,
                "remedy": "" if key in walls.held else MECHANISMS[key].remedy,
            }
            for key, reason in examined(walls)
        ],
    }


def _promise_data(verdict: Verdict, walls: Walls) -> dict[str, Any]:
    return {
        "key": verdict.promise.key,
        "text": verdict.promise.text,
        "state": state_of(verdict, walls),
        "by": sorted(verdict.by),
        "missing": [lack.mechanism for lack in verdict.missing],
    }


# --- text -------------------------------------------------------------------------------------


def as_text(walls: Walls, is_root: bool, has_color: bool) -> str:
    """The report for people."""
    kept, promised = _score(verdicts(walls))
    parts = [
        [summary(walls)],
        ["A function ...", *_promise_rows(walls, has_color)],
        ["Mechanisms", *_mechanism_rows(walls, has_color)],
        list(_remedies(walls)),
        [(_AS_ROOT if is_root else _AS_USER)],
        [f"{kept} of {promised} promises of the level {walls.level} are kept"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _promise_rows(walls: Walls, has_color: bool) -> Iterator[str]:
    for verdict in verdicts(walls):
        titles = [MECHANISMS[key].title for key in MECHANISMS if key in verdict.by]
        lost = [MECHANISMS[lack.mechanism].title for lack in verdict.missing]
        why = f"by {', '.join(titles)}" if titles else f"missing: {', '.join(lost)}"
        yield _row(state_of(verdict, walls), f"{verdict.promise.text} ({why})", has_color)


def _mechanism_rows(walls: Walls, has_color: bool) -> Iterator[str]:
    for key, reason in examined(walls):
        text = MECHANISMS[key].title + (f": {reason}" if reason else "")
        yield _row(HELD if key in walls.held else MISSING, text, has_color)


def _row(state: str, text: str, has_color: bool) -> str:
    word = f"{state:<{_WIDTH}}"
    return f"  {_colored(word, _COLORS[state]) if has_color else word}  {harmless(text)}"


def _colored(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"


def _remedies(walls: Walls) -> Iterator[str]:
    """What mends several mechanisms is said once."""
    titles: dict[str, list[str]] = {}
    for key, _ in examined(walls):
        if key not in walls.held:
            titles.setdefault(MECHANISMS[key].remedy, []).append(MECHANISMS[key].title)
    if titles:
        yield "Remedies"
    for remedy, missing in titles.items():
        yield f"  {', '.join(missing)}: {remedy}"
