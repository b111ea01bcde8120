"""docs/attacks.md: the attacks and what came of each, from `catalogue` and results.json."""

import json
from pathlib import Path

from tests.attacks.catalogue import ATTACKS, COLUMNS, FAMILIES, LEVELS, USERS, Attack

__all__ = ["attacks_table", "blocked_everywhere", "let_through"]

_RESULTS = Path(__file__).with_name("results.json")


def attacks_table() -> str:
    """Attack by level and user, a table for each family."""
    results: dict[str, dict[str, list[str]]] = json.loads(_RESULTS.read_text(encoding="utf-8"))
    lines: list[str] = []
    for family in FAMILIES:
        lines += ["", f"### {family}", "", f"| attack | it tries | {' | '.join(COLUMNS)} |"]
        lines.append("|---|---" + "|---" * len(COLUMNS) + "|")
        for attack in ATTACKS.values():
            if attack.family == family:
                cells = [_cell(attack, results[attack.name], level, user)
                         for level in LEVELS for user in USERS]  # fmt: skip
                lines.append(f"| {attack.name} | {_tries(attack)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _tries(attack: Attack) -> str:
    return f"{attack.tries}; prepared: {attack.prepared}" if attack.prepared else attack.tries


def _cell(attack: Attack, results: dict[str, list[str]], level: str, user: str) -> str:
    words = results[f"{level}, {user}"]
    if words:
        return f"**gets through**: {', '.join(words)}"
    is_there = any(results[f"none, {each}"] for each in USERS)
    return "not on this machine" if attack.needs and not is_there else "blocked"


def let_through() -> str:
    """What `process` does not block, and why."""
    lines = ["| attack | what gets through at `process` | why |", "|---|---|---|"]
    for attack in ATTACKS.values():
        by_reason: dict[str, list[str]] = {}
        for word, reason in attack.let_through.items():
            by_reason.setdefault(reason, []).append(word)
        lines += [
            f"| {attack.name} | {', '.join(words)} | {reason} |"
            for reason, words in by_reason.items()
        ]
    return "\n".join(lines)


def blocked_everywhere() -> str:
    """What needs no wall, and what may find nothing to attack."""
    rows = [
        f"- **{attack.name}**: {attack.everywhere or 'needs ' + attack.needs}."
        for attack in ATTACKS.values()
        if attack.everywhere or attack.needs
    ]
    return "\n".join(rows)
