"""The environment that `env()` sees: the process's, then the `.env` files. Existing names win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO

from dotenv.parser import parse_stream

from sandbox.config.inputs import Inputs

__all__ = ["Environment", "parse_dotenv"]

MAX_DOTENV_BYTES = 1 << 18


def parse_dotenv(text: str) -> dict[str, str]:
    """The `NAME=value` lines. A line that is none is passed over, as the official tool does."""
    bindings = parse_stream(StringIO(text))
    return {each.key: each.value for each in bindings if each.key and each.value is not None}


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
        for directory in self._directories:
            data = self._inputs.read(f"{directory}/.env", MAX_DOTENV_BYTES)
            text = data[:MAX_DOTENV_BYTES].decode("utf-8-sig", "replace") if data else ""
            for name, value in parse_dotenv(text).items():
                values.setdefault(name, value)
        return values
