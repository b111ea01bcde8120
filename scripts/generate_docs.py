"""Writes what the documentation says twice: tables that come out of the code.

    python scripts/generate_docs.py            bring the files up to date
    python scripts/generate_docs.py --check    exit 1, and say which, when one is stale

A generated part stands between two comments, and the name in the first one says which it is:

    <!-- generated: lifecycle-table -->
    ...
    <!-- end -->
"""

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for place in (ROOT / "scripts", ROOT):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from compare import deliberate  # noqa: E402 - the path comes first

from sandbox.cli.explain import shown_template  # noqa: E402
from sandbox.config.messages.catalogue import CATALOGUE  # noqa: E402
from sandbox.config.props import models  # noqa: E402
from sandbox.config.props.triggers import HttpConfig, TimerConfig  # noqa: E402
from sandbox.core.lifecycle import render_table  # noqa: E402
from sandbox.core.walls import MECHANISMS, PROMISES, Promise  # noqa: E402
from sandbox.http.management import api2, api3  # noqa: E402
from tests.attacks import table as attacks  # noqa: E402

FILES = (
    "docs/architecture.md", "docs/attacks.md", "docs/configuration.md", "docs/findings.md",
    "docs/management-api.md", "docs/security.md",
)  # fmt: skip

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def keys_table(model: type[models.Model], *, skip: frozenset[str] = frozenset()) -> str:
    """The keys of a model: what may stand there, and what counts when nothing does."""
    lines = ["| key | value | default |", "|---|---|---|"]
    for key, name in models.known_keys(model).items():
        if key in skip:
            continue
        field = model.model_fields[name]
        expected = field.description or "not supported"
        default = _default(field.get_default(call_default_factory=True))
        lines.append(f"| `{key}` | {expected} | {default} |")
    return "\n".join(lines)


def _default(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{number}`"


def names(keys: frozenset[str]) -> str:
    """Some keys as one sentence, in order."""
    return textwrap.fill(", ".join(f"`{key}`" for key in sorted(keys)) + ".", 100)


def findings() -> str:
    """All codes, with what they say."""
    lines = ["| code | | message |", "|---|---|---|"]
    for code, entry in sorted(CATALOGUE.items()):
        message = shown_template(entry.message, "*{}*").replace("|", "\\|")
        lines.append(f"| {code} | {entry.severity} | {message} |")
    return "\n".join(lines)


def promises() -> str:
    """What each level promises, and the ways to keep it, of which one is enough."""
    lines = ["| promise | a function ... | from | kept by |", "|---|---|---|---|"]
    for promise in PROMISES:
        level = f"`{promise.level}`" + (f", {_CONDITIONS[promise.on]}" if promise.on else "")
        lines.append(f"| `{promise.key}` | {promise.text} | {level} | {_ways(promise)} |")
    return "\n".join(lines)


_CONDITIONS = {"network off": "where the network is off", "cpu": "where `cpu` is given"}


def _ways(promise: Promise) -> str:
    titles = (
        " and ".join(mechanism.title for key, mechanism in MECHANISMS.items() if key in way)
        for way in promise.ways
    )
    return "; or ".join(titles)


def mechanisms() -> str:
    """All mechanisms, by what a machine has to have for them."""
    by_remedy: dict[str, list[str]] = {}
    for key, mechanism in MECHANISMS.items():
        by_remedy.setdefault(mechanism.remedy, []).append(f"`{key}` ({mechanism.title})")
    lines = ["| mechanism | what it takes |", "|---|---|"]
    lines += [f"| {', '.join(names)} | {remedy} |" for remedy, names in by_remedy.items()]
    return "\n".join(lines)


def operations() -> str:
    """What the SDKs can ask for: whether it works, by versions of the API."""
    lines = ["| version | operation | request | |", "|---|---|---|---|"]
    for version, table in (("2023-03-30", api3), ("2021-04-06, 2016-08-15", api2)):
        for each in table.OPERATIONS:
            here = "works" if each.handle else f"not local: {each.why.rpartition(' ')[0]}"
            path = each.path.replace(":path", "")
            lines.append(f"| {version} | {each.action} | `{each.method} {path}` | {here} |")
    return "\n".join(lines)


PARTS: dict[str, Callable[[], str]] = {
    "lifecycle-table": render_table,
    "box-keys": lambda: keys_table(models.Box, skip=frozenset(("functions",))),
    "box-function-keys": lambda: keys_table(models.BoxFunction),
    "props": lambda: keys_table(
        models.Props, skip=models.FC2_KEYS | models.ACCEPTED_SILENTLY | models.WITHOUT_EFFECT
    ),
    "http-trigger": lambda: keys_table(HttpConfig),
    "timer-trigger": lambda: keys_table(TimerConfig),
    "props-silent": lambda: names(models.ACCEPTED_SILENTLY),
    "props-without-effect": lambda: names(models.WITHOUT_EFFECT),
    "findings": findings,
    "deliberate-differences": deliberate.table,
    "management-operations": operations,
    "promises": promises,
    "mechanisms": mechanisms,
    "attacks": attacks.attacks_table,
    "attacks-let-through": attacks.let_through,
    "attacks-everywhere": attacks.blocked_everywhere,
}


def renewed(text: str) -> str:
    """`text` with every generated part as the code has it now."""
    return _PART.sub(lambda found: found[1] + PARTS[found[2]]() + "\n" + found[3], text)


def main(arguments: list[str]) -> int:
    """Gives the exit code."""
    stale = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        if renewed(text) != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(renewed(text), encoding="utf-8")
    for name in stale:
        print(f"{name} was stale" + (": run it again without --check" if arguments else ""))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
