"""Who an instance is: a uid of nobody else's."""

import os

from worker import syscalls
from worker.clone import TAG_SERIAL_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

__all__ = ["INSIDE_ID", "become", "limit_watches", "may_become", "shown", "uid_of"]

INSIDE_ID = 1000
"""Who an instance is in its own user namespace, at the level strict."""
_SERIAL_BITS = 18
"""How many of a tag's lowest bits go into the number from which an instance's uid is made."""


def may_become():
    # type: () -> bool
    """Whether this process may be somebody else."""
    return os.getuid() == 0 and syscalls.has_capability(syscalls.CAP_SETUID)


def become(uid):
    # type: (int) -> None
    for fd in (1, 2):
        os.fchown(fd, uid, uid)  # who opens /dev/stdout opens the pipe anew
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def shown(uid, is_strict):
    # type: (Optional[int], bool) -> int
    """What an instance sees as its uid, when `uid` is its own, or None if it has none."""
    return INSIDE_ID if is_strict else os.getuid() if uid is None else uid


def uid_of(tag):
    # type: (int) -> Optional[int]
    """A uid of nobody else's: of the last quarter of the numbers, where that is mapped at all.

    None where there are too few. Two instances may have the same one when a quarter of a million
    others came between them.
    """
    serial = tag >> TAG_SERIAL_BITS << _SERIAL_BITS | tag & ((1 << _SERIAL_BITS) - 1)
    inside, count = _most_uids()
    if inside + count > 0x7FFFFFFF:
        return 0x70000000 + serial % 0x0FFFFFFF
    if count < 20000:
        return None
    return inside + count - 1 - serial % 10000


def _most_uids():
    # type: () -> Tuple[int, int]
    """The largest range of uids that exist here, first and count: it stays for a zygote's life."""
    if not _RANGES:
        with open("/proc/self/uid_map") as lines:
            ranges = [list(map(int, line.split())) for line in lines]
        inside, _, count = max(ranges, key=lambda found: found[2])
        _RANGES.append((inside, count))
    return _RANGES[0]


_RANGES = []  # type: List[Tuple[int, int]]


def limit_watches():
    # type: () -> None
    """In the user namespace of its own: else its watches were counted with all of the user's."""
    for name, most in (("max_inotify_instances", 64), ("max_inotify_watches", 8192)):
        try:
            syscalls.write_entry("/proc/sys/user/" + name, "%d" % most)
        except OSError:
            pass  # before Linux 4.12, or without inotify; no promise depends on it
