"""The kinds of events, each from its file in `templates/`:

    {"summary": .., "facts": the vendor's page, "definitions": {..},
     "parameters": {NAME: {"help": .., "default": .., "choices": [..]}}, "event": ..}

A parameter has the type of its default; see `filling` for what may stand in `event`. The default of
a text may hold names too, what the user gives is taken as it is.
"""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.event_kinds.filling import Filling, Fresh, compact_json

__all__ = ["BadParameter", "Kind", "Parameter", "kinds", "load"]

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_MOST = 10_000
"""The largest batch."""


class BadParameter(ValueError):
    """There is no such parameter, or it cannot have that value; the text says so."""


class Parameter(NamedTuple):
    """What may be chosen of an event."""

    name: str
    help: str
    default: Any
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """The value that was meant. Raises BadParameter."""
        if self.choices and text not in self.choices:
            raise BadParameter(f"{self.name}: expected one of {', '.join(self.choices)}")
        if isinstance(self.default, str):
            return text
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if type(value) is not type(self.default):
            raise BadParameter(f"{self.name}: expected {_WORDS[type(self.default)]}, not {text}")
        if self.name == "count" and not 1 <= value <= _MOST:
            raise BadParameter(f"{self.name}: expected a number from 1 to {_MOST}")
        return value


_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    dict: "a JSON object",
    list: "a JSON list",
}


class Kind(NamedTuple):
    """One kind of event."""

    name: str
    summary: str
    facts: str
    parameters: tuple[Parameter, ...]
    definitions: Mapping[str, Any]
    event: Any

    def make(
        self, given: Mapping[str, str], now: datetime | None = None, seed: int | None = None
    ) -> bytes:
        """The event, as the trigger would send it. Raises BadParameter."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                text = f"{self.name} events have no parameter {name}, but: {', '.join(known)}"
                raise BadParameter(text)
        defaults = {name: parameter.default for name, parameter in known.items()}
        values = {name: known[name].read(text) for name, text in given.items()}
        source = random.SystemRandom() if seed is None else random.Random(seed)
        fresh = Fresh(now or datetime.now(UTC), source)
        return _as_bytes(Filling(values, defaults, self.definitions, fresh).fill(self.event))


def kinds() -> list[str]:
    """The names of all kinds."""
    return sorted(path.stem for path in _TEMPLATES.glob("*.json"))


def load(name: str) -> Kind:
    """The kind of that name, one of `kinds`."""
    found = json.loads((_TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))
    parameters = tuple(
        Parameter(each, entry["help"], entry["default"], tuple(entry.get("choices", ())))
        for each, entry in found["parameters"].items()
    )
    definitions = found.get("definitions", {})
    return Kind(name, found["summary"], found["facts"], parameters, definitions, found["event"])


def _as_bytes(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    text = event if isinstance(event, str) else compact_json(event)
    return text.encode("utf-8", "surrogateescape")
