"""What a new configuration changes, seen from the old one: pure.

Only what the file itself says is compared. A function that was made or changed over the management
API differs from its file; it is left alone until the file's own words about it change.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Changes", "changed_settings", "changes_between"]


class Changes(NamedTuple):
    """Specs of the new configuration to add and to update, names of the old one to remove."""

    added: tuple[FunctionSpec, ...]
    updated: tuple[FunctionSpec, ...]
    removed: tuple[str, ...]


def changes_between(old: Iterable[FunctionSpec], new: Iterable[FunctionSpec]) -> Changes:
    """By the names of the functions."""
    before = {spec.name: spec for spec in old}
    after = {spec.name: spec for spec in new}
    return Changes(
        tuple(spec for name, spec in after.items() if name not in before),
        tuple(spec for name, spec in after.items() if before.get(name, spec) != spec),
        tuple(name for name in before if name not in after),
    )


_KEYS = {
    "port": "port",
    "spares": "spares",
    "grace_s": "grace",
    "dump_grace_s": "dumpGrace",
    "logger_layout": "loggerLayout",
    "isolation": "isolation",
}


def changed_settings(old: BoxSettings, new: BoxSettings) -> list[str]:
    """The keys of `fcbox:` that differ: a box has them from its start to its end."""
    return [
        f"fcbox.{key}" for field, key in _KEYS.items() if getattr(old, field) != getattr(new, field)
    ]
