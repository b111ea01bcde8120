"""Which .zip archives may be unpacked, and what is in them: rules, on a stream that is given.

The configuration applies them before anything runs, to report what is wrong; the engine applies
them again to the file that it unpacks, which may be another one by then. Nothing is written here.

Names. A member's name is a path below the code directory: relative, with `/` between its parts,
without `..`, not deeper than `MAX_DEPTH`, and no two members at one place. A symbolic link may lead
to another place below the code directory: `..` may stand at the beginning of its target only, and
lead no higher than that directory. So no chain of links leaves it, whatever the links in between
are.

Sizes. The central directory is read in one piece: `_Bounded` refuses a large one before it is
held. The sizes that it declares are added up before anything is unpacked, and zipfile gives no
more of a member than it declares. It holds no more than was asked for either, but for deflate
only: of bzip2 and lzma it unpacks all that a few kilobytes stand for at once, so neither is
accepted. Members may not share bytes of the file: packed, they are together no larger than it.

Counts. Directories that names imply are made like those that are members, so they count as such.
Each link has to be opened to be judged, which is most of the time that this takes.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo  # which imports every compression there is

__all__ = [
    "MAX_DIRECTORY_BYTES",
    "MAX_LINKS",
    "MAX_MEMBERS",
    "MAX_UNPACKED_BYTES",
    "ArchiveRefusedError",
    "Member",
    "Trouble",
    "chunks_of",
    "members_of",
    "open_archive",
    "read_member",
]

MAX_MEMBERS = 20_000
"""And directories that their names imply."""
MAX_LINKS = 1000
MAX_DIRECTORY_BYTES = 4 << 20
"""Of the archive's central directory: 200 bytes for each of the members."""
MAX_UNPACKED_BYTES = 2 << 30
MAX_NAME_BYTES = 1024
MAX_DEPTH = 64
MAX_LINK_BYTES = 4096

_METHODS = frozenset((0, 8))  # stored, deflated
_ENCRYPTED = 0x1
_MADE_BY_UNIX = 3


class Trouble:
    """What can be wrong with an archive: the words that the engine says, filled with a detail."""

    NOT_ZIP = "it is no .zip archive, or a damaged one ({detail})"
    NAME = "the member {detail} has a name that is no path below the code directory"
    LINK = "the symbolic link {detail} leads out of the code directory"
    ENCRYPTED = "the member {detail} is encrypted"
    MANY = (
        f"it has more than {MAX_MEMBERS} members and directories, or than {MAX_LINKS} symbolic "
        "links"
    )
    LARGE = f"it has more than {MAX_UNPACKED_BYTES >> 30} GB when it is unpacked"
    LARGE_TOGETHER = (
        f"all archives that are unpacked have more than {MAX_UNPACKED_BYTES >> 30} GB together"
    )
    TWICE = "two members want to be at {detail}"
    METHOD = (
        "the member {detail} is neither a file nor a directory nor a symbolic link, or neither "
        "stored nor deflated"
    )


class ArchiveRefusedError(Exception):
    """It may not be unpacked, or it cannot: one of `Trouble`, and what fills it."""

    def __init__(self, trouble: str, detail: str = "") -> None:
        super().__init__(trouble.format(detail=detail))
        self.trouble = trouble
        self.detail = detail


class Member(NamedTuple):
    """A file, directory or symbolic link. `path` is relative and clean; `link` a link's target."""

    path: str
    info: ZipInfo
    is_directory: bool
    is_executable: bool
    link: str | None


class _Bounded:
    """A stream of which nobody reads very much at once, as zipfile does with the directory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise ArchiveRefusedError(Trouble.MANY)
        return self._file.read(MAX_DIRECTORY_BYTES if size < 0 else size)


def open_archive(file: IO[bytes]) -> ZipFile:
    """The archive in `file`, its directory read. Raises ArchiveRefusedError."""
    from zipfile import ZipFile

    try:
        return ZipFile(_Bounded(file))
    except ArchiveRefusedError:
        raise
    except Exception as exc:  # a dozen kinds, for what a hostile file can hold
        raise ArchiveRefusedError(Trouble.NOT_ZIP, _text(exc)) from None


def members_of(archive: ZipFile) -> list[Member]:
    """All members. Raises ArchiveRefusedError for the first one that may not be unpacked."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS or sum(map(_is_link, infos)) > MAX_LINKS:
        raise ArchiveRefusedError(Trouble.MANY)
    if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
        raise ArchiveRefusedError(Trouble.LARGE)
    if sum(info.compress_size for info in infos) > archive.start_dir:
        raise ArchiveRefusedError(Trouble.NOT_ZIP, "its members overlap")
    members = [_member(archive, info) for info in infos]
    _check_places(members)
    return [member for member in members if member.path]


def read_member(archive: ZipFile, info: ZipInfo, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a member. Raises ArchiveRefusedError when it is damaged."""
    return next(chunks_of(archive, info, limit + 1), b"")


def chunks_of(archive: ZipFile, info: ZipInfo, size: int) -> Iterator[bytes]:
    """All bytes of a member, at most `size` at a time. Raises like `read_member`."""
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(size):
                yield chunk
    except ArchiveRefusedError:
        raise
    except Exception as exc:  # as in open_archive
        raise ArchiveRefusedError(Trouble.NOT_ZIP, _text(exc)) from None


def _member(archive: ZipFile, info: ZipInfo) -> Member:
    path = _path(info)
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveRefusedError(Trouble.ENCRYPTED, path)
    mode = _mode(info)
    kind = stat.S_IFMT(mode)
    is_directory = info.is_dir()
    fits = (0, stat.S_IFDIR) if is_directory else (0, stat.S_IFREG, stat.S_IFLNK)
    if info.compress_type not in _METHODS or kind not in fits:
        raise ArchiveRefusedError(Trouble.METHOD, path)
    link = _link(archive, info, path) if _is_link(info) else None
    return Member(path, info, is_directory, bool(mode & 0o100), link)


def _mode(info: ZipInfo) -> int:
    return info.external_attr >> 16 if info.create_system == _MADE_BY_UNIX else 0


def _is_link(info: ZipInfo) -> bool:
    return stat.S_ISLNK(_mode(info))


def _path(info: ZipInfo) -> str:
    """The clean path of a member; empty for the code directory itself (`./`)."""
    name = info.orig_filename
    parts = [part for part in name.split("/") if part not in ("", ".")]
    is_windows = "\\" in name or (len(name) > 1 and name[1] == ":")
    size = len(name.encode("utf-8", "surrogatepass"))
    is_long = size > MAX_NAME_BYTES or len(parts) > MAX_DEPTH
    is_odd = "\0" in name or not name or not (parts or info.is_dir())
    if is_windows or is_long or is_odd or name.startswith("/") or ".." in parts:
        raise ArchiveRefusedError(Trouble.NAME, repr(name[:MAX_NAME_BYTES]))
    return "/".join(parts)


def _link(archive: ZipFile, info: ZipInfo, path: str) -> str:
    # Deflate can say nothing at length: a small member may take long to read.
    if max(info.file_size, info.compress_size) > MAX_LINK_BYTES:
        raise ArchiveRefusedError(Trouble.LINK, path)
    data = read_member(archive, info, MAX_LINK_BYTES)
    target = data.decode("utf-8", "surrogateescape")
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = 0
    while up < len(parts) and parts[up] == "..":
        up += 1
    is_odd = not target or "\0" in target
    if is_odd or target.startswith("/") or up > path.count("/") or ".." in parts[up:]:
        raise ArchiveRefusedError(Trouble.LINK, path)
    return target


def _check_places(members: list[Member]) -> None:
    """One member at a place, nothing below what is no directory, not too many directories."""
    folders = {member.path for member in members if member.is_directory}
    taken: set[str] = set()
    for member in members:
        if not member.is_directory:
            if member.path in taken or member.path in folders:
                raise ArchiveRefusedError(Trouble.TWICE, member.path)
            taken.add(member.path)
    for member in members:
        folder = member.path.rpartition("/")[0]
        while folder and folder not in folders:  # whoever put it there saw to those above it
            if folder in taken:
                raise ArchiveRefusedError(Trouble.TWICE, folder)
            folders.add(folder)
            if len(folders) + len(taken) > MAX_MEMBERS:
                raise ArchiveRefusedError(Trouble.MANY)
            folder = folder.rpartition("/")[0]


def _text(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
