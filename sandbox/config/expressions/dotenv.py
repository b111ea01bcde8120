"""The environment that `env()` sees: the process's, then the `.env` files. Existing names win."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO

from dotenv.parser import parse_stream

from sandbox.config.inputs import Inputs

__all__ = ["Environment", "parse_dotenv"]

MAX_DOTENV_BYTES = 1 << 16
"""Of all files together, as of the lines: each byte takes a parser in Python its time."""

MAX_FILES = 500

MAX_LINES = 5000

MAX_BLANKS = 200
"""In a row. python-dotenv looks for a comment behind each of them, to the end of them all."""

MAX_EXPANSIONS = 8
"""References within what references stand for."""

_MANY_BLANKS = re.compile(rf"(?<![^\S\r\n])[^\S\r\n]{{{MAX_BLANKS},}}")
_REFERENCE = re.compile(
    r"(?P<escaped>\\\$)|\$\{?(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}?"
)


def parse_dotenv(text: str, known: Mapping[str, str] = {}) -> dict[str, str]:
    """The `NAME=value` lines. A line that is none is passed over, as the official tool does.

    `$A`, `${A}` and `${A:-default}` in a value, however it is quoted, stand for what `known` has
    under that name, then for what the same text has; `\\$` is a dollar sign. python-dotenv expands
    other forms than the official tool, so this is done here.
    """
    bindings = parse_stream(StringIO(_MANY_BLANKS.sub(" " * MAX_BLANKS, text)))
    found = {each.key: each.value for each in bindings if each.key and each.value is not None}
    expansion = _Expansion({**found, **known})
    return {name: expansion.of(value) for name, value in found.items()}


class _Expansion:
    """Expands values. What refers to itself, or grows without end, comes to nothing there."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._left = MAX_DOTENV_BYTES

    def of(self, text: str, depth: int = MAX_EXPANSIONS) -> str:
        if "$" not in text:
            return text
        return _REFERENCE.sub(lambda match: self._value(match, depth), text)

    def _value(self, match: re.Match[str], depth: int) -> str:
        if match["escaped"]:
            return "$"
        value = self._values.get(match["name"]) or match["default"] or ""
        self._left -= len(value) + 1
        return self.of(value, depth - 1) if depth and self._left > 0 else ""


class Environment:
    """Looks names up, reads the `.env` files only when one is needed, and remembers being asked.

    What comes from here must never reach the disk: `consulted` tells the cache to keep away.
    """

    def __init__(
        self, environ: Mapping[str, str], directories: Sequence[str], inputs: Inputs
    ) -> None:
        self.consulted = False
        self._environ = environ
        self._directories = directories
        self._inputs = inputs
        self._files: dict[str, str] | None = None

    def get(self, name: str) -> str:
        """The value, or "" when it is unset: `env()` does not tell these two apart."""
        self.consulted = True
        if name in self._environ:
            return self._environ[name]
        if self._files is None:
            self._files = self._read_files()
        return self._files.get(name, "")

    def _read_files(self) -> dict[str, str]:
        values: dict[str, str] = {}
        left, left_bytes = MAX_LINES, MAX_DOTENV_BYTES
        for directory in self._directories[:MAX_FILES]:
            if left <= 0 or left_bytes <= 0:
                break
            data = self._inputs.read(f"{directory}/.env", left_bytes) or b""
            text = data[:left_bytes].decode("utf-8-sig", "replace")
            left_bytes -= len(data)
            lines = text.splitlines(keepends=True)[:left]
            left -= len(lines) + 1
            text = "".join(lines)
            known = {**values, **self._environ}
            for name, value in parse_dotenv(text, known).items():
                values.setdefault(name, value)
        return values
