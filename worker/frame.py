"""What the root of every instance begins with: worked out once, in the zygote.

An instance then takes steps that are written down, and asks the host nothing: each question, and
each line of Python that runs for the first time, is part of a cold start.
"""

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    Owner = Tuple[int, int]

__all__ = [
    "ALL_MAY_READ", "CODE", "DEVICES", "FIRST", "LAYERS_DIR", "SHM", "SYSTEM", "TMP", "Frame",
    "get", "is_below",
]  # fmt: skip

ALL_MAY_READ = 0o005
CODE, LAYERS_DIR, TMP, SHM = "/code", "/opt", "/tmp", "/dev/shm"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store",
)  # fmt: skip
_SEEN = ("/sys/devices/system/cpu",)
_LINKS = (
    ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"), ("/dev/stderr", "/proc/self/fd/2"), ("/var/tmp", TMP),
)  # fmt: skip
FIRST = ("/dev", SHM, TMP)
_FOLDERS = ("/proc", "/run", "/var", LAYERS_DIR, CODE)


class Frame(object):
    """The system's directories, devices and links, and what the interpreter needs beside them.

    `folders` are to be made, in this order, when /tmp and /dev/shm are there, and then `files`;
    `trees` and `devices` are the host's, to be bound where they are; `links` are pairs of a path
    and its target. `interpreter` has the interpreter's directories that none of these brings, the
    outer before the inner, each with its owner, (uid, gid), where not everybody may read it;
    `needed` has them all.
    """

    def __init__(self):
        # type: () -> None
        self.folders = []  # type: List[str]
        self.trees = []  # type: List[str]
        self.devices = [path for path in DEVICES if os.path.exists(path)]
        self.files = list(self.devices)
        self.links = list(_LINKS)
        self.needed = _find_interpreter()
        self.interpreter = []  # type: List[Tuple[str, Optional[Owner]]]
        for path in _FOLDERS:
            self._add_folder(path)
        for path in SYSTEM + _SEEN:
            self._copy(path)
        for path in self.needed:
            self._add_own(path)

    def _copy(self, path):
        # type: (str) -> None
        """A link as a link, a directory as a mount; nothing for what the host does not have."""
        if os.path.islink(path):
            self._add_folder(os.path.dirname(path))
            self.links.append((path, os.readlink(path)))
        elif os.path.isdir(path):
            self._add_folder(path)
            self.trees.append(path)

    def _add_own(self, path):
        # type: (str) -> None
        outer = self.trees + [folder for folder, _ in self.interpreter]
        if any(is_below(path, folder) for folder in outer):
            return
        status = os.stat(path)
        is_private = status.st_mode & ALL_MAY_READ != ALL_MAY_READ
        if stat.S_ISDIR(status.st_mode):
            self._add_folder(path)
        else:  # the standard library may be an archive
            self._add_folder(os.path.dirname(path))
            self.files.append(path)
        self.interpreter.append((path, (status.st_uid, status.st_gid) if is_private else None))

    def _add_folder(self, path):
        # type: (str) -> None
        if path != "/" and path not in FIRST and path not in self.folders:
            self._add_folder(os.path.dirname(path))
            self.folders.append(path)


def get():
    # type: () -> Frame
    """The same one each time. Raises OSError when the interpreter has lost its directories."""
    if not _FRAMES:
        _FRAMES.append(Frame())
    return _FRAMES[0]


_FRAMES = []  # type: List[Frame]


def _find_interpreter():
    # type: () -> List[str]
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    found.update(os.path.abspath(path) for path in sys.path if path)
    found.update(os.path.realpath(path) for path in list(found))
    return sorted(path for path in found if os.path.exists(path) and not _is_given(path))


def is_below(path, folder):
    # type: (str, str) -> bool
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_given(path):
    # type: (str) -> bool
    return path == "/" or any(is_below(path, folder) for folder in SYSTEM)
