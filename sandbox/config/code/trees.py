"""The code of a function, to be looked at: a directory, or (`archives`) an archive that stays
packed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple, Protocol

from sandbox.config.inputs import Inputs

__all__ = ["MAX_FILES_LISTED", "CodeDirectory", "CodeTree", "Fault"]

MAX_FILES_LISTED = 2000
MAX_ENTRIES_LISTED = 10_000
"""Looked at for names that could be meant; nobody waits for a larger tree."""


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
        left, waiting = MAX_ENTRIES_LISTED, [""]
        while waiting and left > 0 and len(found) < MAX_FILES_LISTED:
            folder = waiting.pop(0)
            for entry in islice(self._entries(folder), left):
                left -= 1
                name = os.path.join(folder, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting += [] if entry.name.startswith((".", "__")) else [name]
                elif name.endswith(".py"):
                    found.append(name)
        return sorted(found)[:MAX_FILES_LISTED]

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(os.path.join(self.path, folder)) as entries:
                yield from entries
        except OSError:
            return
