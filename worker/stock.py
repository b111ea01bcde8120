"""What a zygote has ready for its next instance: namespaces, and where something is mounted.

The kernel takes half a millisecond to make a network namespace, and a user namespace for a mount
takes a process to be made in. A zygote does it while nothing is asked of it; an instance that finds
none here makes its own. Nobody lives in them and they hold nothing, so they are as good as new.

The list of mounts takes a fifth of a millisecond. A descriptor of it tells when it has changed.
"""

import os

from worker import syscalls
from worker.clone import new_namespace, new_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    Owner = Tuple[int, int]

__all__ = ["Stock"]


class Stock(object):
    """One of each. An instance inherits the descriptors: it takes what it needs, and closes.

    Instances need owners as root, and all the rest at the level strict. `points` are the mount
    points of the zygote's mount namespace when it last looked.
    """

    def __init__(self, is_strict, has_owners):
        # type: (bool, bool) -> None
        self._is_strict = is_strict
        self._has_networks = is_strict
        self._has_owners = has_owners
        self._network = None  # type: Optional[int]
        self._owners = {}  # type: Dict[Tuple[int, Owner], int]
        self._mounts = None  # type: Optional[int]
        self.points = []  # type: List[str]

    def look(self):
        # type: () -> None
        """Brings `points` up to date (proc_pid_mountinfo(5) tells of changes by POLLPRI)."""
        if not self._is_strict:
            return
        import select  # a library of its own, which takes its time, and not all zygotes want it

        if self._mounts is None:
            self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
            self.points = _mount_points()
        changes = select.poll()
        changes.register(self._mounts, select.POLLPRI)
        if changes.poll(0):
            self.points = _mount_points()

    def is_wanting(self):
        # type: () -> bool
        """Whether there is something to be made."""
        has_all = self._network is not None or not self._has_networks
        return not has_all or (self._has_owners and not self._owners)

    def fill(self, uid):
        # type: (Optional[int]) -> None
        """`uid` is the one that the next instance is going to have."""
        try:
            if self._has_networks and self._network is None:
                self._network = new_namespace(syscalls.CLONE_NEWNET, "net")
            if self._has_owners and uid is not None:
                owner = (os.getuid(), os.getgid())  # most code is whose the supervisor is
                self._owners[uid, owner] = new_user_namespace(uid, owner)
        except OSError:
            # Instances try for themselves, and tell.
            self._has_networks = self._has_owners = False

    def take_network(self):
        # type: () -> Optional[int]
        """A descriptor, the caller's from now on."""
        found, self._network = self._network, None
        return found

    def take_owner(self, uid, owner):
        # type: (int, Owner) -> Optional[int]
        """That of a user namespace in which files of `owner` are `uid`'s."""
        return self._owners.pop((uid, owner), None)

    def close(self):
        # type: () -> None
        """The namespaces."""
        for fd in [*self._owners.values(), *([] if self._network is None else [self._network])]:
            os.close(fd)
        self._network = None
        self._owners.clear()

    def leave(self):
        # type: () -> None
        """All of it, for good: by an instance, which is none of a zygote's."""
        self.close()
        if self._mounts is not None:
            os.close(self._mounts)
            self._mounts = None


def _mount_points():
    # type: () -> List[str]
    """Of this process's mount namespace (proc_pid_mountinfo(5))."""
    lines = syscalls.read_entry("/proc/self/mountinfo").splitlines()
    return [os.fsdecode(_unescaped(line.split(b" ", 5)[4])) for line in lines]


def _unescaped(path):
    # type: (bytes) -> bytes
    """Space, tab, newline and backslash are written as three octal digits."""
    first, *others = path.split(b"\\")
    return first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in others)
