"""Code in a .zip, looked at without unpacking it. The rules are those of `sandbox.core.archive`."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import IO

from sandbox.config.code.trees import MAX_FILES_LISTED, Fault
from sandbox.config.inputs import Inputs
from sandbox.core.archive import (
    MAX_LINKS,
    MAX_MEMBERS,
    MAX_UNPACKED_BYTES,
    ArchiveRefusedError,
    Member,
    Trouble,
    members_of,
    open_archive,
    read_member,
)

__all__ = ["Archive"]

CODES = {
    Trouble.NOT_ZIP: "FCB411",
    Trouble.NAME: "FCB412",
    Trouble.LINK: "FCB413",
    Trouble.ENCRYPTED: "FCB414",
    Trouble.MANY: "FCB415",
    Trouble.LARGE: "FCB418",
    Trouble.TWICE: "FCB416",
    Trouble.METHOD: "FCB417",
}


class Archive:
    """An archive that may be unpacked; a `CodeTree`. No file stays open."""

    def __init__(self, path: str, members: Sequence[Member]) -> None:
        self.path = path
        self._files = {each.path: each for each in members if not each.is_directory}
        self._links = {each.path for each in members if each.link is not None}
        self._read: dict[tuple[str, int], bytes | None] = {}

    @classmethod
    def open(cls, path: str, inputs: Inputs) -> Archive | Fault:
        """The archive at `path`, or why it cannot be one."""
        status = inputs.note(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return Fault("FCB410", {"path": path})
        try:
            with _opened(path) as file, open_archive(file) as archive:
                return cls(path, members_of(archive))
        except OSError:
            return Fault("FCB118", {"file": path})
        except ArchiveRefusedError as exc:
            limits = {"most": MAX_MEMBERS, "links": MAX_LINKS, "gb": MAX_UNPACKED_BYTES >> 30}
            fields = {"path": path, "detail": exc.detail, **limits}
            return Fault(CODES[exc.trouble], fields)

    def names(self) -> list[str]:
        """The files and links, in the order of the archive."""
        return list(self._files)

    def has(self, file: str) -> bool:
        """What is reached by a link may be there."""
        return file in self._files or any(file.startswith(f"{link}/") for link in self._links)

    def read(self, file: str, limit_bytes: int) -> bytes | None:
        """At most `limit_bytes` + 1 bytes, read once; None for links and what is damaged."""
        key = file, limit_bytes
        if key not in self._read:
            self._read[key] = self._read_now(file, limit_bytes)
        return self._read[key]

    def python_files(self) -> list[str]:
        names = (name for name in self._files if name.endswith(".py") and "/." not in f"/{name}")
        return sorted(names)[:MAX_FILES_LISTED]

    def _read_now(self, file: str, limit_bytes: int) -> bytes | None:
        member = self._files.get(file)
        if member is None or member.link is not None:
            return None
        try:
            with _opened(self.path) as stream, open_archive(stream) as archive:
                return read_member(archive, member.info, limit_bytes)
        except (OSError, ArchiveRefusedError):
            return None  # the engine will say why, if it is asked to unpack this


def _opened(path: str) -> IO[bytes]:
    return open(path, "rb")
