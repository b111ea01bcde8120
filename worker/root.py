"""A root of its own for an instance: what a function has in the cloud, and nothing of the host's.

    /            tmpfs, read-only
    /usr /bin /sbin /lib* /etc      the host's, read-only; /etc/passwd knows the function's user
    /code        the code, read-only
    /opt         the layers, read-only          /mnt/... and the like: the function's mounts
    /tmp         tmpfs of diskSize              /dev/shm  tmpfs
    /dev         null, zero, full, random, urandom and links
    /proc        the instance's own in a pid namespace, else the host's
    ...          the interpreter's directories, where they are, read-only

It is built in a mount namespace before user code is touched, by a process that may mount there:
root, or whoever has come through a user namespace. The new root is filled while it lies over the
old one, reached by the working directory, so that absolute paths still mean the host's; then
pivot_root(2) makes it the root, and the old one is gone.

What no function has a say in may be there already (`worker.bare`), or is laid first of all; how
the host's directories are shown is `worker.view`'s.
"""

import errno
import os

from worker import bare, frame, identity, mounts, namespaces, syscalls
from worker.bare import make_folder, write_new
from worker.clone import new_user_namespace
from worker.frame import ALL_MAY_READ, CODE, LAYERS_DIR, SHM, TMP, is_below
from worker.syscalls import MS_BIND, MS_NODEV, MS_NOSUID, MS_REC, mount
from worker.view import View, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    from worker.stock import Stock

    Owner = Tuple[int, int]

__all__ = ["Root", "mount_proc"]

_RESOLVER = "/etc/resolv.conf"
_LEAST_FILES, _FILES_OF_MB, _SHM_FILES = 100000, 200, 10000


def mount_proc():
    # type: () -> None
    """One that shows this pid namespace: the host's has other numbers for us. Raises OSError.

    In a user namespace the kernel refuses that where a part of the host's is covered, as it is in
    most containers (mount_namespaces(7)).
    """
    mount("proc", "/proc", MS_NOSUID | MS_NODEV | syscalls.MS_NOEXEC, "proc")


class Root(object):
    """One instance's. `uid` is what it is going to have, None to stay who it is. `view` tells
    whether it opens files of its own there, once it has been entered."""

    def __init__(self, setup, uid, stock, is_strict):
        # type: (Dict[str, Any], Optional[int], Stock, bool) -> None
        self._setup = setup
        self._stock = stock
        self._uid = uid
        self._shown_uid = identity.shown(uid, is_strict)
        self._places = mounts.places(setup)
        self._code = None  # type: Optional[int]  # None where it has vanished: nothing is there
        self._owners = {}  # type: Dict[Owner, int]
        self._writable = []  # type: List[str]
        self._is_laid = False
        self.view = View(is_strict, stock.points, self._owners)

    def leave_host(self):
        # type: () -> None
        """Into a mount namespace of its own, which may have a bare root. Raises OSError."""
        # Where one covers the old root, the kernel makes nobody a user namespace.
        begun = self._stock.take_root(self._uid) if self._has_owners() else None
        if begun is None:
            namespaces.leave_mounts()
            return
        begun.enter()
        self._is_laid = True
        self.view = begun.view
        self.view.owners = self._owners

    def _has_owners(self):
        # type: () -> bool
        if self._uid is None:
            return True
        sources = [source for place in self._places for source in place.sources]
        try:
            owners = {_owner(path) for path in [self._setup["code_dir"]] + sources}
        except OSError:
            return False  # who opens them tells
        return all(self._stock.has_owner(self._uid, owner) for owner in owners)

    def enter(self):
        # type: () -> List[str]
        """Builds the root and moves in; gives a line for each mount that cannot be had.

        Raises OSError, or mounts.NoSourceError, and this process is where it was. `setup` then
        tells what is where. The mount namespace must be this process's own.
        """
        old = os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            refused = self._build()
            syscalls.pivot_root(".", ".")
            self.view.drop(path_of(old) + "/proc")
        except (OSError, mounts.NoSourceError):
            if self._is_laid:
                mounts.lift_root()
            raise
        finally:
            os.close(old)
            self._close()
        syscalls.umount(".", syscalls.MNT_DETACH)
        os.chdir("/")
        self._tell(refused)
        return ["%s: %s" % item for item in sorted(refused.items())]

    def _close(self):
        # type: () -> None
        mounts.close_sources(self._places)
        self.view.drop()
        for fd in [*self._owners.values(), *([] if self._code is None else [self._code])]:
            os.close(fd)

    def writable(self):
        # type: () -> List[str]
        """The directories that the function may write to, once it is in."""
        return [TMP, SHM] + self._writable

    def _build(self):
        # type: () -> Dict[str, str]
        mounts.open_sources(self._places)
        self._code = mounts.open_code(self._setup)
        refused = mounts.forbidden(self._places, self._setup)
        allowed = [place for place in self._places if place.target not in refused]
        if self._uid is not None:
            self._make_owners(self._uid, allowed)
        if not self._is_laid:
            mounts.lay_root()
            self._is_laid = True
            bare.lay(self._uid, self._shown_uid, self.view)
        refused.update(self._fill(allowed))
        return refused

    def _fill(self, places):
        # type: (List[mounts.Place]) -> Dict[str, str]
        self._add_resolver()
        if self._code is not None:
            self.view.show(path_of(self._code), CODE, _owner(self._code))
        _make_folders(places)
        syscalls.set_tree(-100, ".", syscalls.MOUNT_ATTR_RDONLY)
        return self._fill_writable(places)

    def _open_own_storage(self):
        # type: () -> None
        """For writing, and as much as the function may have."""
        walls = self._setup["walls"]
        # Empty files take no block, but memory of the kernel's: they have a limit of their own.
        files = max(_LEAST_FILES, walls["disk_mb"] * _FILES_OF_MB)
        for folder, size_mb, most in (
            (TMP, walls["disk_mb"], files), (SHM, walls["shm_mb"], _SHM_FILES),
        ):  # fmt: skip
            # These alone, not what is mounted below them.
            flags = syscalls.MS_REMOUNT | MS_NOSUID | MS_NODEV
            mount(None, "." + folder, flags, None, "size=%dm,nr_inodes=%d" % (size_mb, most))

    def _fill_writable(self, places):
        # type: (List[mounts.Place]) -> Dict[str, str]
        self._open_own_storage()
        _make_folders(place for place in places if is_below(place.target, TMP))
        refused = {}
        for place in places:
            try:
                self._put(place)
            except OSError as exc:
                refused[place.target] = mounts.reason(exc)
        mount("/proc", "./proc", MS_BIND | MS_REC)
        return refused

    def _put(self, place):
        # type: (mounts.Place) -> None
        # Elsewhere nothing is made: what is not there now would be made in the user's directory.
        if is_below(place.target, TMP):
            make_folder(place.target)
        if _has_link(place.target):
            raise OSError(errno.ELOOP, "there is a symbolic link on the way", place.target)
        if len(place.opened) > 1:
            mounts.overlay(place.opened, "." + place.target)
            return
        source, owner = path_of(place.opened[0]), _owner_of_place(place)
        if place.is_read_only:
            self.view.show(source, place.target, owner)
            mounts.make_read_only("." + place.target)
        else:
            self.view.bind(source, place.target, owner)
            self._writable.append(place.target)

    def _make_owners(self, uid, places):
        # type: (int, List[mounts.Place]) -> None
        """For each owner of a private directory a user namespace in which that is our user.

        Ahead of everything else: the kernel grants none to a process whose root is covered.
        """
        wanted = [] if self._is_laid else [owner for _, owner in frame.get().interpreter]
        wanted += [] if self._code is None else [_owner(self._code)]
        wanted += [_owner_of_place(place) for place in places if len(place.opened) == 1]
        for owner in wanted:
            if owner is not None and owner not in self._owners:
                fd = self._stock.take_owner(uid, owner)
                self._owners[owner] = new_user_namespace(uid, owner) if fd is None else fd

    def _add_resolver(self):
        # type: () -> None
        """What /etc/resolv.conf leads to, when that is in none of the system's directories."""
        path = os.path.realpath(_RESOLVER) if os.path.islink(_RESOLVER) else _RESOLVER
        if not any(is_below(path, folder) for folder in frame.SYSTEM) and os.path.isfile(path):
            make_folder(os.path.dirname(path))
            write_new("." + path, b"")
            mount(path, "." + path, MS_BIND)

    def _tell(self, refused):
        # type: (Dict[str, str]) -> None
        setup = self._setup
        setup["home"] = TMP
        if self._code is not None:
            setup["code_dir"] = CODE
        if LAYERS_DIR not in refused and setup["layers"]:
            setup["layers"] = [LAYERS_DIR]
        else:
            setup["layers"] = []
        setup["mounts"] = []  # what is refused is nowhere: there is no local path to name instead


def _owner(fd):
    # type: (int) -> Owner
    status = os.stat(fd)
    return status.st_uid, status.st_gid


def _owner_of_place(place):
    # type: (mounts.Place) -> Optional[Owner]
    """None where any other uid can use all of it."""
    if place.is_read_only and os.stat(place.opened[0]).st_mode & ALL_MAY_READ == ALL_MAY_READ:
        return None
    return _owner(place.opened[0])


def _make_folders(places):
    # type: (Iterable[mounts.Place]) -> None
    for place in places:
        if not _has_link(place.target):
            make_folder(place.target)


def _has_link(path):
    # type: (str) -> bool
    """Links of this root, and of what is mounted in it, lead out of it for now: to the host."""
    while path != "/" and not os.path.islink("." + path):
        path = os.path.dirname(path)
    return path != "/"
