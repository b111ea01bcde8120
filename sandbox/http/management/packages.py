"""Code that comes and goes over the API, as .zip packages in the box's state directory.

    runs/<tag>/packages/<number>.zip     as it was uploaded, or made of a code directory
    runs/<tag>/packages/<number>/0/      unpacked, for the instances

Numbers, never names of functions: nothing that a client says becomes a path. A package that is
made holds the files uncompressed, in the order of their names and with one date, so that the same
files always make the same bytes. `__pycache__` is left out: it changes whenever the code runs.

All of this is slow work on files, done in threads.
"""

import base64
import binascii
import errno
import os
import shutil
import stat
import zipfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from sandbox.core.archive import MAX_MEMBERS, MAX_UNPACKED_BYTES
from sandbox.core.spec import FunctionSpec
from sandbox.http.management.crc64 import crc64
from sandbox.http.refusals import Refused

__all__ = ["MAX_QUICK_BYTES", "MAX_ZIP_BYTES", "Package", "Packages"]

MAX_ZIP_BYTES = 100 << 20
"""FC takes no larger one in a request."""
MAX_QUICK_BYTES = 2 << 20
"""So much code is packed while somebody waits; more takes long, and is packed in the background."""
_CHUNK_BYTES = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)


class Package(NamedTuple):
    """A .zip file, its size and its CRC-64. `made_of`: the state of the directory it was made of,
    empty for one that was uploaded."""

    path: str
    size_bytes: int
    checksum: str
    made_of: tuple[object, ...] = ()


class _Member(NamedTuple):
    name: str
    path: str
    status: os.stat_result


class Packages:
    """The packages of one box, by the code directory they belong to."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._numbers = count()
        self._known: dict[str, Package] = {}
        self._uploads: set[str] = set()
        """Nothing but these is ever removed: what else is known belongs to somebody."""

    def upload(self, text: object, checksum: object) -> str:
        """Stores what `code.zipFile` holds; gives the path. Raises Refused."""
        data = _decoded(text)
        path = self._new_path()
        self._uploads.add(path)
        try:
            with open(path, "xb") as file:
                file.write(data)
        except OSError:  # of a full disk
            self.forget(path)
            raise
        found = str(crc64([data]))
        if checksum not in (None, "", found):
            self.forget(path)
            text = f"code.checksum is {checksum!r}, but that of the package is {found}"
            raise Refused(400, "InvalidArgument", text)
        self._known[path] = Package(path, len(data), found)
        return path

    def unpack(self, spec: FunctionSpec) -> FunctionSpec:
        """The spec with a code directory made of its archive. Raises OSError."""
        from sandbox.engine.archives import unpacked

        (found,) = unpacked([spec], spec.code_archive.removesuffix(".zip"))
        return found

    def forget(self, path: str) -> None:
        """Removes an upload and what came out of it."""
        self._uploads.remove(path)
        self._known.pop(path, None)
        with suppress(OSError):
            os.unlink(path)
        shutil.rmtree(path.removesuffix(".zip"), ignore_errors=True)

    def of(self, spec: FunctionSpec, most_bytes: int | None = None) -> Package | None:
        """The package of a function; None if it is not known, and of more code. Raises Refused."""
        try:
            if spec.code_archive:
                return self._of_archive(spec.code_archive, most_bytes)
            return self._of_directory(spec.code_dir, most_bytes)
        except OSError as exc:
            text = f"the code of '{spec.name}' cannot be read: {exc.strerror or exc}"
            raise Refused(404, "CodeNotFound", text) from exc

    def sweep(self, in_use: Collection[str]) -> None:
        """Removes uploads whose directories no function and no instance has any more."""
        for path in list(self._uploads):
            folder = os.path.realpath(path.removesuffix(".zip"))
            if not any(each.startswith(f"{folder}/") for each in in_use):
                self.forget(path)

    def _new_path(self) -> str:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        return os.path.join(self._directory, f"{next(self._numbers)}.zip")

    def _of_archive(self, path: str, most_bytes: int | None) -> Package | None:
        known = self._known.get(path)
        if known and not known.made_of:  # an upload: nobody changes it
            return known
        status = os.stat(path)
        made_of = (status.st_size, status.st_mtime_ns, status.st_ino)
        if known and known.made_of == made_of:
            return known
        if most_bytes is not None and status.st_size > most_bytes:
            return None
        package = Package(path, status.st_size, str(crc64(_chunks(path))), made_of)
        self._known[path] = package
        return package

    def _of_directory(self, folder: str, most_bytes: int | None) -> Package | None:
        members = _listed(folder)
        made_of = tuple((each.name, each.status.st_size, each.status.st_mtime_ns)
                        for each in members)  # fmt: skip
        known = self._known.get(folder)
        if known and known.made_of == made_of and os.path.exists(known.path):
            return known
        if most_bytes is not None and sum(each.status.st_size for each in members) > most_bytes:
            return None
        path = known.path if known else self._new_path()
        _zip(members, path)
        package = Package(path, os.path.getsize(path), str(crc64(_chunks(path))), made_of)
        self._known[folder] = package
        return package


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise Refused(400, "InvalidArgument", "code.zipFile must be a .zip in base64")
    if len(text) > MAX_ZIP_BYTES * 4 // 3 + 4:
        limit = f"code.zipFile may have {MAX_ZIP_BYTES} bytes"
        raise Refused(400, "InvalidArgument", limit)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "InvalidArgument", "code.zipFile is no base64") from None


def _chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


# --- a package of a directory ---------------------------------------------------------------------


def _listed(folder: str) -> list[_Member]:
    """Files and links, sorted. Raises OSError when they are more than a package may have."""
    found: list[_Member] = []
    size = 0
    for name, path in _walked(folder):
        status = os.lstat(path)
        size += status.st_size
        if len(found) >= MAX_MEMBERS or size > MAX_UNPACKED_BYTES:
            raise OSError(errno.EFBIG, "there is more in its directory than a package may have")
        found.append(_Member(name, path, status))
    return sorted(found)


def _walked(folder: str) -> Iterator[tuple[str, str]]:
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as entries:
            for entry in entries:
                name = os.path.join(below, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting += [] if entry.name == "__pycache__" else [name]
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    yield name, entry.path


def _zip(members: list[_Member], path: str) -> None:
    """Written beside its place first: somebody may be reading the one that is there."""
    new_path = f"{path}.{os.urandom(4).hex()}.new"  # two may be at it at a time
    with zipfile.ZipFile(new_path, "w") as archive:
        for name, source, status in members:
            info = zipfile.ZipInfo(_portable(name), _DATE)
            info.create_system = 3  # Unix: the mode below counts
            if stat.S_ISLNK(status.st_mode):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, os.readlink(source).encode("utf-8", "surrogateescape"))
                continue
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            info.external_attr = (stat.S_IFREG | mode) << 16
            with open(source, "rb", opener=_open_no_link) as file, archive.open(info, "w") as to:
                shutil.copyfileobj(file, to, _CHUNK_BYTES)
    os.replace(new_path, path)


def _portable(name: str) -> str:
    """Names of files are bytes; those that are no UTF-8 get what a text can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _open_no_link(path: str, flags: int) -> int:
    # It may have been exchanged since it was listed, by a function at the level none.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
