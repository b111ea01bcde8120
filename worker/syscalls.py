"""System calls that the standard library of Python 3.6 lacks: thin, by ctypes, OSError on failure.

Each is named and behaves as its manual page says (section 2). Numbers are those of x86_64 and
aarch64; the new mount API has the same ones everywhere.
"""

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = [
    "clone_tree", "drop_capabilities", "has_capability", "mount", "move_tree",
    "pivot_root", "prctl", "read_entry", "set_tree", "setns", "umount", "unshare", "write_entry",
]  # fmt: skip

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x08000000, 0x10000000, 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_MOVE = 0x1000, 0x2000
MS_REC, MS_PRIVATE, MS_RELATIME = 0x4000, 0x40000, 0x200000
MNT_DETACH = 2
AT_EMPTY_PATH, AT_RECURSIVE = 0x1000, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_IDMAP = 0x1, 0x2, 0x100000
CAP_SETUID, CAP_SYS_ADMIN = 7, 21
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 4, 15, 28, 38

_AT_FDCWD = -100
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_LARGE = 1 << 16
_CAPABILITY_VERSION_3 = 0x20080522
_SECURE_NO_ROOT = 0x1 | 0x2
"""Programs that root starts get no capabilities for it, and that stays so (capabilities(7))."""

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [
        ("set", ctypes.c_uint64), ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64), ("namespace", ctypes.c_uint64),
    ]  # fmt: skip


def unshare(flags):
    # type: (int) -> None
    _check(_libc.unshare(flags), "unshare")


def setns(fd, kind):
    # type: (int, int) -> None
    _check(_libc.setns(fd, kind), "setns")


def prctl(option, argument):
    # type: (int, Any) -> None
    _check(_libc.prctl(option, argument, 0, 0, 0), "prctl")


def mount(source, target, flags, kind=None, options=None):
    # type: (Optional[str], str, int, Optional[str], Optional[str]) -> None
    texts = [
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    ]
    result = _libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _check(result, "mounting at " + target)


def umount(target, flags):
    # type: (str, int) -> None
    _check(_libc.umount2(os.fsencode(target), flags), "unmounting " + target)


def pivot_root(new, old):
    # type: (str, str) -> None
    machine = os.uname().machine
    if machine not in _PIVOT_ROOT:
        raise OSError(38, os.strerror(38), "pivot_root on " + machine)
    result = _libc.syscall(ctypes.c_long(_PIVOT_ROOT[machine]), os.fsencode(new), os.fsencode(old))
    _check(result, "pivot_root")


def clone_tree(path):
    # type: (str) -> int
    """A descriptor of a detached copy of the mounts at and below `path` (open_tree(2), 5.2)."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | AT_RECURSIVE
    result = _libc.syscall(ctypes.c_long(_OPEN_TREE), _AT_FDCWD, os.fsencode(path), flags)
    return _check(result, "open_tree " + path)


def set_tree(fd, path, attributes, namespace=0):
    # type: (int, str, int, int) -> None
    """Sets attributes of all mounts of a tree: of `fd` with an empty path (mount_setattr, 5.12)."""
    wanted = _MountAttributes(attributes, 0, 0, namespace)
    flags = AT_RECURSIVE | (0 if path else AT_EMPTY_PATH)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR), fd, os.fsencode(path), flags,
        ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)),
    )  # fmt: skip
    _check(result, "mount_setattr " + path)


def move_tree(fd, target):
    # type: (int, str) -> None
    """Attaches a detached tree (move_mount(2), 5.2)."""
    result = _libc.syscall(
        ctypes.c_long(_MOVE_MOUNT), fd, b"", _AT_FDCWD, os.fsencode(target),
        _MOVE_MOUNT_F_EMPTY_PATH,
    )  # fmt: skip
    _check(result, "move_mount " + target)


def has_capability(number):
    # type: (int) -> bool
    """Whether this process has a capability in effect."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    _check(_libc.capget(header, sets), "capget")
    return bool(sets[3 * (number // 32)] >> (number % 32) & 1)


def drop_capabilities():
    # type: () -> None
    """All of them, for good, also for the programs that this process starts as root."""
    try:
        prctl(PR_SET_SECUREBITS, _SECURE_NO_ROOT)
    except OSError:
        # It takes CAP_SETPCAP; who has none, and is not root, can get no capability anyway.
        if os.geteuid() == 0 and has_capability(8):
            raise
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def write_entry(path, text):
    # type: (str, str) -> None
    """Into a file of the kernel's, in one write. `open` would ask it four things about the file."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def read_entry(path):
    # type: (str) -> bytes
    """All of a file of the kernel's, likewise."""
    parts = [b"-"]
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while parts[-1]:
            parts.append(os.read(fd, _LARGE))
    finally:
        os.close(fd)
    return b"".join(parts[1:])


def _check(result, what):
    # type: (int, str) -> int
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
