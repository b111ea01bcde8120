"""Which files a result came from, and whether they are still the same.

Everything in this package that looks at the disk goes through an `Inputs`, so that the cache
knows what to look at again. Absent files count: a file that appears can change the result.
"""

import os
import stat
import time

__all__ = [
    "CONTENT",
    "EXISTENCE",
    "INTERPRETER_VARIABLES",
    "Fingerprint",
    "Inputs",
    "fingerprint",
]

INTERPRETER_VARIABLES = ("PATH", "VIRTUAL_ENV", "PYENV_ROOT", "HOME")
"""The environment variables that the choice of an interpreter depends on."""

CONTENT = "content"
"""The result depends on what is in the file, or on the names in the directory."""

EXISTENCE = "existence"
"""The result depends on what kind of thing is there. (A directory's time changes with each
`__pycache__` written into it; that must not cost a cache miss.)"""

SETTLED_NS = 20_000_000
"""A file younger than this may change again without its time changing: clocks of file systems
tick every few milliseconds."""

Fingerprint = list[int] | None
"""None: absent."""


def fingerprint(path: str, kind: str) -> Fingerprint:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return _of_status(status, kind)


def _of_status(status: os.stat_result, kind: str) -> list[int]:
    if kind == EXISTENCE:
        return [stat.S_IFMT(status.st_mode), status.st_ino, status.st_mode & 0o111]
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _open_at_once(path: str, flags: int) -> int:
    # Not all that says it is a regular file is one: /proc/kmsg waits for the kernel's next line.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


class Inputs:
    """Looks at files and remembers each of them as it was at the first look."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], Fingerprint] = {}
        self.settled = True
        """False when a file was so young that a later change could go unnoticed."""
        self._last: tuple[str, int, bytes] | None = None
        """The file that was read last: many functions have their handlers in one."""

    def note(self, path: str, kind: str = CONTENT) -> os.stat_result | None:
        """The status of `path`, or None when nothing is there."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            self.seen.setdefault((path, kind), None)
            return None
        self.seen.setdefault((path, kind), _of_status(status, kind))
        if kind == CONTENT and time.time_ns() - status.st_mtime_ns < SETTLED_NS:
            self.settled = False
        return status

    def is_directory(self, path: str) -> bool:
        status = self.note(path, EXISTENCE)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def is_file(self, path: str) -> bool:
        status = self.note(path, EXISTENCE)
        return status is not None and stat.S_ISREG(status.st_mode)

    def is_program(self, path: str) -> bool:
        return self.is_file(path) and os.access(path, os.X_OK)

    def names(self, directory: str) -> list[str]:
        """The sorted names in `directory`; none when it cannot be listed."""
        self.note(directory)
        try:
            return sorted(os.listdir(directory))
        except (OSError, ValueError):
            return []

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """At most `limit_bytes` + 1 bytes of a regular file, or None (a pipe would block)."""
        if self._last is not None and self._last[:2] == (path, limit_bytes):
            return self._last[2]
        status = self.note(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        try:
            with open(path, "rb", opener=_open_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None  # it was exchanged since the look at it
                data = file.read(limit_bytes + 1)
        except OSError:
            return None
        self._last = path, limit_bytes, data
        return data
