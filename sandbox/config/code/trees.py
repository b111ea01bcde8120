"""The code of a function, to be looked at: a directory, or (`archives`) an archive that stays
packed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple, Protocol

from sandbox.config.inputs import Inputs

__all__ = ["MAX_FILES_LISTED", "CodeDirectory", "CodeTree", "Fault"]

MAX_FILES_LISTED = 2000
MAX_FOLDERS_LISTED = 1000


class Fault(NamedTuple):
    """What is wrong: the code of the finding, and what fills its texts."""

    code: str
    fields: Mapping[str, object]


class CodeTree(Protocol):
    """Files by their paths below the code directory, as `pkg/main.py`."""

    path: str

    def has(self, file: str) -> bool:
        """The file is there, or may be."""

    def read(self, file: str, limit_bytes: int) -> bytes | None:
        """At most `limit_bytes` + 1 bytes; None when it cannot be read."""

    def python_files(self) -> list[str]:
        """Files that could be meant, for a finding: the first ones of a large tree."""


class CodeDirectory:
    def __init__(self, path: str, inputs: Inputs) -> None:
        self.path = path
        self._inputs = inputs

    def has(self, file: str) -> bool:
        return self._inputs.is_file(os.path.join(self.path, file))

    def read(self, file: str, limit_bytes: int) -> bytes | None:
        return self._inputs.read(os.path.join(self.path, file), limit_bytes)

    def python_files(self) -> list[str]:
        found: list[str] = []
        for directory, folders, names in islice(os.walk(self.path), MAX_FOLDERS_LISTED):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            relative = os.path.relpath(directory, self.path)
            found += [
                os.path.normpath(os.path.join(relative, name))
                for name in sorted(names)
                if name.endswith(".py")
            ]
            if len(found) > MAX_FILES_LISTED:
                break
        return found[:MAX_FILES_LISTED]
