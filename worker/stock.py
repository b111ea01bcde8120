"""What a zygote has ready for its next instance: namespaces, and a root that has been begun.

The kernel takes half a millisecond to make a network namespace, a user namespace for a mount takes
a process to be made in, and a bare root takes twenty mounts. A zygote makes them while nothing is
asked of it; an instance that finds none here makes its own. Nobody lives in them and they hold
nothing, so they are as good as new.

The mounts of the host are another matter, as they come and go: a descriptor tells of it. What was
begun before a change is dropped, so that no file system is kept busy that somebody unmounts.
"""

import os

from worker import bare, frame, identity, namespaces, syscalls
from worker.clone import new_namespace, new_user_namespace
from worker.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    Owner = Tuple[int, int]

__all__ = ["Stock"]


class Stock(object):
    """One of each. An instance inherits the descriptors: it takes what it needs, and closes.

    Instances that may mount need a root, as root they need owners, and at the level strict a
    network. `points` are the mount points of the zygote's mount namespace when it last looked;
    `has_loopback`: whether a network has that up already, which takes being there and coming back.
    """

    def __init__(self, may_mount, is_strict, has_owners, may_come_back):
        # type: (bool, bool, bool, bool) -> None
        self._has_roots = may_mount
        self._is_strict = may_mount and is_strict
        self._has_owners = may_mount and has_owners
        self._network = None  # type: Optional[int]
        self._owners = {}  # type: Dict[Tuple[int, Owner], int]
        self._root = None  # type: Optional[bare.Begun]
        self._mounts = None  # type: Optional[int]
        self.has_loopback = may_come_back
        self.points = []  # type: List[str]

    def look(self):
        # type: () -> None
        """Brings `points` up to date, and drops what was begun when they were others."""
        if self._mounts is None:
            if self._is_strict:
                self._open_mounts()
        elif self._changes(0):
            self._take_in_changes()

    def wait(self, control):
        # type: (int) -> None
        """Until something can be read from `control`, or there is nothing here to look after."""
        while self._root is not None:
            ready = self._changes(None, control)
            if self._mounts in ready:
                self._take_in_changes()
            if control in ready:
                return

    def _open_mounts(self):
        # type: () -> None
        self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self.points = _mount_points()

    def _changes(self, timeout_ms, *others):
        # type: (Optional[int], int) -> List[int]
        """The descriptors that have something to tell: that of the mounts, by POLLPRI
        (proc_pid_mountinfo(5)), and the others."""
        import select  # a library of its own, which takes its time, and not all zygotes want it

        descriptors = select.poll()
        assert self._mounts is not None
        descriptors.register(self._mounts, select.POLLPRI)
        for fd in others:
            descriptors.register(fd, select.POLLIN)
        return [fd for fd, _ in descriptors.poll(timeout_ms)]

    def _take_in_changes(self):
        # type: () -> None
        self.points = _mount_points()
        self._drop_root()

    def is_wanting(self):
        # type: () -> bool
        """Whether there is something to be made."""
        return (
            (self._is_strict and self._network is None)
            or (self._has_owners and not self._owners)
            or (self._has_roots and self._root is None)
        )

    def fill(self, uid):
        # type: (Optional[int]) -> None
        """`uid` is the one that the next instance is going to have, if it may have its own."""
        try:
            if self._is_strict and self._network is None:
                self._make_network()
            if self._has_owners and uid is not None:
                self._make_owners(uid)
            if self._has_roots and self._root is None:
                self._begin_root(uid if self._has_owners else None)
        except OSError:
            # Instances try for themselves, and tell.
            self._is_strict = self._has_owners = self._has_roots = self.has_loopback = False

    def _make_network(self):
        # type: () -> None
        self._network = new_namespace(syscalls.CLONE_NEWNET, "net")
        if self.has_loopback:
            namespaces.visit_network(self._network)

    def _make_owners(self, uid):
        # type: (int) -> None
        # Most code is whose the supervisor is.
        private = [owner for _, owner in frame.get().interpreter if owner is not None]
        for owner in {(os.getuid(), os.getgid()), *private}:
            if (uid, owner) not in self._owners:
                self._owners[uid, owner] = new_user_namespace(uid, owner)

    def _begin_root(self, uid):
        # type: (Optional[int]) -> None
        if self._mounts is None:
            self._open_mounts()
        self.look()
        owners = {owner: fd for (whose, owner), fd in self._owners.items() if whose == uid}
        view = View(self._is_strict, self.points, owners)
        self._root = bare.begin(uid, identity.shown(uid, self._is_strict), view)

    def take_network(self):
        # type: () -> Optional[int]
        """A descriptor, the caller's from now on."""
        found, self._network = self._network, None
        return found

    def has_owner(self, uid, owner):
        # type: (int, Owner) -> bool
        return (uid, owner) in self._owners

    def take_owner(self, uid, owner):
        # type: (int, Owner) -> Optional[int]
        """That of a user namespace in which files of `owner` are `uid`'s."""
        return self._owners.pop((uid, owner), None)

    def take_root(self, uid):
        # type: (Optional[int]) -> Optional[bare.Begun]
        """The caller's from now on; None too where it was begun for somebody else."""
        if self._root is None or self._root.uid != uid:
            return None
        found, self._root = self._root, None
        return found

    def close(self):
        # type: () -> None
        """The namespaces, and the root."""
        for fd in [*self._owners.values(), *([] if self._network is None else [self._network])]:
            os.close(fd)
        self._network = None
        self._owners.clear()
        self._drop_root()

    def _drop_root(self):
        # type: () -> None
        if self._root is not None:
            self._root.close()
            self._root = None

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
