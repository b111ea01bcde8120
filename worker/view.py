"""How the host's directories are shown in an instance's root: by binds, or by files of its own.

A lock is one on the file that was opened (flock(2)), and whoever opens the host's files shares
their locks with everybody else. overlayfs has files of its own for each mount, which have what is
in those below.

A process with an own uid could not read files that are private to their owner. Their mounts are
idmapped then (mount_setattr(2)): in them the owner has the instance's uid.

All targets are below the working directory, which is the new root.
"""

import os
import stat

from worker import mounts, syscalls
from worker.frame import ALL_MAY_READ, is_below
from worker.syscalls import MS_BIND, MS_REC, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    Owner = Tuple[int, int]

__all__ = ["View", "path_of"]

_MOST_LOOKED_AT = 5000
_OPEN = "/proc/self/fd/"
_ASIDE, _EMPTY = "/proc", "/run"
"""What serves as such in the new root while it is filled."""


class View(object):
    """One instance's. `is_apart`: whether it is to open files of its own; False once that was
    refused, and `refusal` has the reason.

    `points` is where something is mounted on the host. `owners` has for each owner, (uid, gid), of
    what is private a descriptor of a user namespace in which that is the instance's user.
    """

    def __init__(self, is_apart, points, owners):
        # type: (bool, List[str], Dict[Owner, int]) -> None
        self.is_apart = is_apart
        self.refusal = ""
        self._points = points
        self._spent = []  # type: List[int]
        self.owners = owners

    def show(self, source, target, owner):
        # type: (str, str, Optional[Owner]) -> None
        """For reading: it stays writable until the whole tree is made read-only."""
        if not (self.is_apart and os.path.isdir(source)):
            self.bind(source, target, owner, True)
            return
        try:
            self._show_apart(source, target, owner)
        except OSError as exc:
            self.is_apart, self.refusal = False, mounts.reason(exc)
            if self._below(_real(source)):
                self.refusal += " (something is mounted below it)"
            self.bind(source, target, owner, True)

    def _show_apart(self, source, target, owner):
        # type: (str, str, Optional[Owner]) -> None
        """What is mounted below has to be brought anew, and has no files of the instance's."""
        namespace = None if owner is None else self.owners.get(owner)
        if namespace is None:
            mounts.overlay_one(source, "." + _EMPTY, "." + target)
        elif not self._overlay_mapped(source, target, namespace):
            # Not at the target: what something is mounted on can not be renamed by anybody.
            self.bind(source, _ASIDE, owner, True)
            try:
                mounts.overlay_one("." + _ASIDE, "." + _EMPTY, "." + target)
            finally:
                syscalls.umount("." + _ASIDE, syscalls.MNT_DETACH)
        real = _real(source)
        for point in self._below(real):
            self.bind(point, target + point[len(real) :], owner, True)

    def _overlay_mapped(self, source, target, namespace):
        # type: (str, str, int) -> bool
        """False where it cannot be done: overlayfs takes what is mounted nowhere since Linux 6.15.
        It has a copy of the mount then."""
        try:
            tree = _mapped(source, namespace)
        except OSError:
            return False
        self._spent.append(tree)
        try:
            mounts.overlay_one(path_of(tree), "." + _EMPTY, "." + target)
        except OSError:
            return False
        return True

    def drop(self, folder=None):
        # type: (Optional[str]) -> None
        """Lets go of what was opened for showing, and is of no use any more.

        To end a mount the kernel waits for all who may be looking at it. `folder` is in a tree
        that is about to be unmounted as a whole: what is mounted there ends with it.
        """
        for tree in self._spent:
            try:
                if folder is not None:
                    syscalls.move_tree(tree, folder)
            except OSError:
                pass  # it ends alone
            os.close(tree)
        del self._spent[:]

    def _below(self, folder):
        # type: (str) -> List[str]
        """Where something is mounted in there; a mount below one of these comes along with it."""
        below = [path for path in self._points if path != folder and is_below(path, folder)]
        return [path for path in below if not any(p != path and is_below(path, p) for p in below)]

    def bind(self, source, target, owner, is_read_only=False):
        # type: (str, str, Optional[Owner], bool) -> None
        """With what is mounted below, and as the instance's user's where it is its owner's."""
        namespace = None if owner is None else self.owners.get(owner)
        if namespace is not None:
            try:
                _bind_mapped(source, target, namespace)
                return
            except OSError as exc:
                # Not every file system can; where all may read it there is no need to.
                if not (is_read_only and _all_may_read(source)):
                    what = "mounting %s for another user" % target
                    raise OSError(exc.errno, exc.strerror, what) from None
        mount(source, "." + target, MS_BIND | MS_REC)


def path_of(fd):
    # type: (int) -> str
    """What is open, whatever has become of its name."""
    return _OPEN + "%d" % fd


def _real(source):
    # type: (str) -> str
    return os.readlink(source) if source.startswith(_OPEN) else source


def _bind_mapped(source, target, namespace):
    # type: (str, str, int) -> None
    tree = _mapped(source, namespace)
    try:
        syscalls.move_tree(tree, "." + target)
    finally:
        os.close(tree)


def _mapped(source, namespace):
    # type: (str, int) -> int
    """A descriptor of its mounts, in which the owner of that user namespace is our user."""
    tree = syscalls.clone_tree(source)
    try:
        syscalls.set_tree(tree, "", syscalls.MOUNT_ATTR_IDMAP, namespace)
    except OSError:
        os.close(tree)
        raise
    return tree


def _all_may_read(path):
    # type: (str) -> bool
    """Whether that is so for all that is there; False for more than can be looked at in time."""
    left = _MOST_LOOKED_AT
    for folder, _, names in os.walk(path):
        left -= 1 + len(names)
        modes = [os.lstat(os.path.join(folder, name)).st_mode for name in names]
        if left < 0 or os.stat(folder).st_mode & ALL_MAY_READ != ALL_MAY_READ:
            return False
        if not all(stat.S_ISLNK(mode) or mode & stat.S_IROTH for mode in modes):
            return False
    return True
