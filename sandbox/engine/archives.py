"""Unpacks the .zip of a function into the box's directory, where it lives as long as the box.

    runs/<tag>/code/<number>/     the code directory of one archive

Once per box and archive, before the first instance starts. The archive is checked here again by
the rules of `sandbox.core.archive`: the file may have been swapped since the configuration looked
at it. Files are made new, never through a link: links come last of all. However many archives a
box has, together they are no larger than one may be.
"""

import errno
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.core.archive import (
    MAX_UNPACKED_BYTES,
    ArchiveRefusedError,
    Member,
    Trouble,
    chunks_of,
    members_of,
    open_archive,
)
from sandbox.core.spec import FunctionSpec

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["unpacked"]

_CHUNK_BYTES = 1 << 20


def unpacked(specs: Iterable[FunctionSpec], directory: str) -> list[FunctionSpec]:
    """The specs, those with an archive with a code directory below `directory`.

    Raises OSError, with words, for an archive that cannot be unpacked.
    """
    unpacking = _Unpacking()
    done: dict[str, str] = {}
    found = []
    for spec in specs:
        archive = "" if spec.code_dir else spec.code_archive
        if archive and archive not in done:
            done[archive] = os.path.join(directory, _next_number(directory))
            _unpack(archive, done[archive], unpacking)
        found.append(spec._replace(code_dir=done[archive]) if archive else spec)
    return found


def _next_number(directory: str) -> str:
    """What is not taken: functions come and go while the box runs."""
    taken = os.listdir(directory) if os.path.isdir(directory) else []
    return str(1 + max((int(name) for name in taken), default=-1))


def _unpack(path: str, target: str, unpacking: "_Unpacking") -> None:
    try:
        with open(path, "rb", opener=_open_at_once) as file, open_archive(file) as archive:
            members = members_of(archive)
            os.makedirs(target, mode=0o700)
            unpacking.write(archive, members, target)
    except ArchiveRefusedError as exc:
        raise OSError(errno.EINVAL, f"the archive of the code: {exc}", path) from None


def _open_at_once(path: str, flags: int) -> int:
    # It may be a pipe by now, and one that nobody writes to would never open.
    return os.open(path, flags | os.O_NONBLOCK)


class _Unpacking:
    """Writes members of archives, and no more bytes of all of them than one may have."""

    def __init__(self) -> None:
        self._left_bytes = MAX_UNPACKED_BYTES

    def write(self, archive: "ZipFile", members: list[Member], target: str) -> None:
        """Below `target`, which is new and empty."""
        if sum(member.info.file_size for member in members) > self._left_bytes:
            raise ArchiveRefusedError(Trouble.LARGE_TOGETHER)
        for member in members:
            folder = member.path if member.is_directory else os.path.dirname(member.path)
            os.makedirs(os.path.join(target, folder), mode=0o755, exist_ok=True)
        for member in members:
            if not member.is_directory and member.link is None:
                self._write_file(archive, member, os.path.join(target, member.path))
        for member in members:
            if member.link is not None:
                os.symlink(member.link, os.path.join(target, member.path))

    def _write_file(self, archive: "ZipFile", member: Member, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = 0o755 if member.is_executable else 0o644
        descriptor = os.open(path, flags, mode)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks_of(archive, member.info, _CHUNK_BYTES):
                self._left_bytes -= len(chunk)
                if self._left_bytes < 0:
                    raise ArchiveRefusedError(Trouble.LARGE)
                file.write(chunk)
