"""Layers, NAS and OSS directories where the cloud has them: in a mount namespace of one's own.

    unshare -> open the local directories -> make the mount points -> bind

An instance does this before it touches user code, and only when its set-up asks for it. As root
it needs a mount namespace; anybody else needs a user namespace for it too, in which they are who
they were (user_namespaces(7)). The host sees nothing of it.

A mount point such as `/mnt/nas` is mostly absent on the host, and must not be made there. So the
process gets a new root: a tmpfs with the entries of the old one bound into it, but for the way
to the missing mount points, which is made of directories of the tmpfs, filled in the same way:

    /            tmpfs, read-only
    /etc         the old /etc                 /home, /usr, ... likewise
    /mnt         of the tmpfs, as it is missing something
    /mnt/disk    the old /mnt/disk
    /mnt/nas     of the tmpfs: the mount point

Several layers lie over each other in /opt by overlayfs, the first one on top.

What the machine refuses is told, and the function runs without it: `enter` gives a line for each.
A local directory that has vanished is no property of the machine, nor is one that is reached by a
symbolic link now: the set-up names real paths, and a function that may write to a directory can
put a link into it that leads anywhere. Neither is passed over, and no wall is done without for it:
the instance fails (NoSourceError).
"""

import errno
import os
import stat
import sys

from worker import syscalls
from worker.frame import LAYERS_DIR, is_below
from worker.namespaces import drop_capabilities_or_end, own_mount_namespace
from worker.syscalls import MS_BIND, MS_RDONLY, MS_REC, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    Tree = Dict[str, Any]

__all__ = [
    "NoSourceError", "Place", "close_sources", "enter", "forbidden", "lay_root", "lift_root",
    "make_read_only", "open_code", "open_sources", "overlay", "overlay_one", "places", "reason",
]  # fmt: skip

SYSTEM_DIRS = (
    "/bin", "/boot", "/code", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc",
    "/sbin", "/sys", "/usr",
)  # fmt: skip
SHARED_DIRS = ("/", "/home", "/root", "/run", "/tmp", "/var")
"""As the configuration has them: nothing is mounted in the ones, nor at the others. It knows the
names of mount points alone, and here is known where links lead."""
MAX_ENTRIES = 2000
"""Most entries of old directories that are bound into a new root: each is a mount."""

_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)
_ST_RELATIME = 0x1000
_ST_SAME = 0x2 | 0x4 | 0x8 | 0x400 | 0x800
"""nosuid, nodev, noexec, noatime, nodiratime: as in statvfs(3), so for mount(2)."""


class NoSourceError(ValueError):
    """A local directory is gone, or there is a symbolic link on the way to it.

    No OSError: those are the machine's, and the walls that they take are done without.
    """

    def __init__(self, path, is_link):
        # type: (str, bool) -> None
        words = "there is a symbolic link on the way to " if is_link else "there is no directory "
        super().__init__(words + path)
        self.is_link = is_link


class Place(object):
    """A directory of the function's: where, what is to be there (the first on top), how."""

    def __init__(self, target, sources, is_read_only):
        # type: (str, List[str], bool) -> None
        self.target = target
        self.real = os.path.realpath(target)
        self.sources = sources
        self.is_read_only = is_read_only
        self.opened = []  # type: List[int]


def enter(setup):
    # type: (Dict[str, Any]) -> List[str]
    """Puts the directories of the set-up in place; gives a line for each that could not be.

    `setup` then tells what is left for the environment to map: the layers are at /opt, or where
    they were, and `mounts` has those alone that are not in place.
    """
    found = places(setup)
    _check(found, setup)
    refused = forbidden(found, setup)
    wanted = [place for place in found if place.target not in refused]
    if wanted:
        try:
            refused.update(_put_in_namespace(wanted))
        except OSError as exc:
            refused.update((place.target, reason(exc)) for place in wanted)
    if setup["layers"] and LAYERS_DIR not in refused:
        setup["layers"] = [LAYERS_DIR]
    setup["mounts"] = [mount for mount in setup["mounts"] if mount[0] in refused]
    return ["%s: %s" % item for item in sorted(refused.items())]


def places(setup):
    # type: (Dict[str, Any]) -> List[Place]
    """The function's directories, the outer before the inner."""
    found = [Place(LAYERS_DIR, list(setup["layers"]), True)] if setup.get("layers") else []
    for target, source, is_read_only in setup.get("mounts", ()):
        found.append(Place(target, [source], is_read_only))
    return sorted(found, key=lambda place: place.real)


def _check(places, setup):
    # type: (Iterable[Place], Dict[str, Any]) -> None
    """Raises NoSourceError. They were there when the configuration was read, maybe long ago."""
    try:
        open_sources(places)
    finally:
        close_sources(places)
    code = open_code(setup)
    if code is not None:
        os.close(code)


def forbidden(places, setup):
    # type: (List[Place], Dict[str, Any]) -> Dict[str, str]
    """Where nothing may be mounted, by target, with the reason."""
    kept = _kept(setup) if places else []
    refused = {}  # type: Dict[str, str]
    for place in places:
        hidden = [path for path in kept if is_below(path, place.real)]
        if _is_reserved(place):
            refused[place.target] = "nothing may be mounted at " + place.real
        elif hidden:
            refused[place.target] = "it would hide %s, which the function needs" % hidden[0]
    return refused


def _kept(setup):
    # type: (Dict[str, Any]) -> List[str]
    """What the instance itself needs: no mount may hide it."""
    needed = [setup["code_dir"], setup.get("home") or "", __file__, os.__file__, sys.executable]
    needed += [sys.prefix, sys.base_prefix, sys.exec_prefix]
    return [os.path.realpath(path) for path in needed if path]


def _is_reserved(place):
    # type: (Place) -> bool
    if place.target == LAYERS_DIR:
        return False
    in_system = any(is_below(place.real, path) for path in SYSTEM_DIRS)
    return in_system or place.real in SHARED_DIRS


def _put_in_namespace(places):
    # type: (List[Place]) -> Dict[str, str]
    """Mounts what can be mounted; gives the rest by target, with the reason.

    Raises OSError when none of them can be mounted.
    """
    has_new_user_namespace = own_mount_namespace()
    try:
        open_sources(places)
        missing = [place.real for place in places if not os.path.isdir(place.real)]
        if missing:
            _new_root(missing)
        return _mount_all(places)
    finally:
        close_sources(places)
        if has_new_user_namespace:
            drop_capabilities_or_end()


def _mount_all(places):
    # type: (List[Place]) -> Dict[str, str]
    refused = {}  # type: Dict[str, str]
    for place in places:
        try:
            _mount_place(place)
        except OSError as exc:
            refused[place.target] = reason(exc)
    return refused


def reason(exc):
    # type: (OSError) -> str
    return "%s: %s" % (exc.filename, exc.strerror) if exc.filename else str(exc.strerror)


# -- the mounts ----------------------------------------------------------------------------------


def open_sources(places):
    # type: (Iterable[Place]) -> None
    """By descriptor, so that no mount can come between: one place may hide another's source."""
    for place in places:
        for source in place.sources:
            place.opened.append(open_source(source))


def open_source(path):
    # type: (str) -> int
    """A descriptor of a directory, with O_PATH. Raises NoSourceError, and OSError for the rest."""
    try:
        return _open_without_links(path)
    except OSError as exc:
        if exc.errno != errno.ELOOP and exc.errno not in _NO_FOLDER:
            raise
        raise NoSourceError(path, exc.errno == errno.ELOOP) from None


def open_code(setup):
    # type: (Dict[str, Any]) -> Optional[int]
    """None where it has vanished: whoever enters it tells. Raises NoSourceError for a link."""
    try:
        return open_source(setup["code_dir"])
    except NoSourceError as exc:
        if exc.is_link:
            raise
        return None


def _open_without_links(path):
    # type: (str) -> int
    """Component by component: O_NOFOLLOW is about the last one alone (open(2)).

    openat2(2) would do it in one call, from Linux 5.6.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open("/", flags)
    for name in path.split("/"):
        above = folder
        try:
            folder = os.open(name or ".", flags, dir_fd=above)
        except NotADirectoryError:
            # With O_DIRECTORY that is what a link comes to as well.
            if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                raise OSError(errno.ELOOP, "there is a symbolic link on the way", path) from None
            raise
        finally:
            os.close(above)
    return folder


def close_sources(places):
    # type: (Iterable[Place]) -> None
    for place in places:
        for fd in place.opened:
            os.close(fd)
        del place.opened[:]


def overlay(opened, target, flags=0):
    # type: (List[int], str, int) -> None
    """Directories over each other, the first one on top; by descriptor, whatever their names."""
    folders = ":".join("/proc/self/fd/%d" % fd for fd in opened)
    mount("overlay", target, MS_RDONLY | flags, "overlay", "lowerdir=" + folders)


def overlay_one(source, empty, target):
    # type: (str, str, str) -> None
    """A single directory, over an empty one, as overlayfs wants two. It brings no devices, and no
    programs where there were none."""
    opened = []  # type: List[int]
    try:
        for path in (source, empty):
            opened.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
        kept = os.fstatvfs(opened[0]).f_flag & syscalls.MS_NOEXEC
        overlay(opened, target, kept | syscalls.MS_NOSUID | syscalls.MS_NODEV)
    finally:
        for fd in opened:
            os.close(fd)


def _mount_place(place):
    # type: (Place) -> None
    # What is mounted by now may have brought a link, and mount(2) would follow it anywhere.
    if os.path.realpath(place.real) != place.real:
        raise OSError(errno.ELOOP, "there is a symbolic link on the way", place.real)
    if len(place.opened) > 1:
        overlay(place.opened, place.real)
        return
    mount("/proc/self/fd/%d" % place.opened[0], place.real, MS_BIND | MS_REC)
    if place.is_read_only:
        make_read_only(place.real)


def lay_root():
    # type: () -> None
    """Lays an empty root over this one, reached by the working directory: paths still begin at the
    old one. Any directory will do to mount it first, as it goes on top of the root at once."""
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
    mount("tmpfs", "/proc", flags, "tmpfs", "mode=755,size=16m,nr_inodes=10000")
    os.chdir("/proc")
    mount(".", "/", syscalls.MS_MOVE)


def lift_root():
    # type: () -> None
    """Takes it away again: under it, this process would count as one in a chroot(2)."""
    try:
        syscalls.umount(".", syscalls.MNT_DETACH)
    except OSError:
        pass  # who may not mount may not unmount
    os.chdir("/")


def make_read_only(path):
    # type: (str) -> None
    """The mount and those below it; before Linux 5.12 only the mount itself."""
    try:
        syscalls.set_tree(-100, path, syscalls.MOUNT_ATTR_RDONLY)
    except OSError as exc:
        if exc.errno != errno.ENOSYS:
            raise
        _make_one_read_only(path)


def _make_one_read_only(path):
    # type: (str) -> None
    # What the mount does not allow now has to be said again: in a user namespace it is locked.
    now = os.statvfs(path).f_flag
    flags = now & _ST_SAME | (syscalls.MS_RELATIME if now & _ST_RELATIME else 0)
    mount(None, path, syscalls.MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def _new_root(missing):
    # type: (Iterable[str]) -> None
    """Moves this process to a root that is like the old one, with the missing directories."""
    tree = {}  # type: Tree
    for path in missing:
        branch = tree
        for name in path.strip("/").split("/"):
            branch = branch.setdefault(name, {})
    lay_root()
    try:
        _fill("/", ".", tree)
        _make_one_read_only(".")  # what is bound into it stays as it is
        os.chroot(".")
    except OSError:
        lift_root()
        raise


def _fill(old, new, tree, count=0):
    # type: (str, str, Tree, int) -> int
    """Makes `new` look like `old`, with what is in `tree` made anew; gives how many entries."""
    names = [name for name in os.listdir(old) if name not in tree]
    count += len(names)
    if count > MAX_ENTRIES:
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), "too many entries in " + old)
    for name in names:
        _copy_entry(os.path.join(old, name), os.path.join(new, name))
    for name, below in tree.items():
        old_below, new_below = os.path.join(old, name), os.path.join(new, name)
        os.mkdir(new_below, 0o755)
        if below and os.path.lexists(old_below):
            count = _fill(old_below, new_below, below, count)
        else:
            _make(new_below, below)
    return count


def _make(folder, tree):
    # type: (str, Tree) -> None
    for name, below in tree.items():
        os.mkdir(os.path.join(folder, name), 0o755)
        _make(os.path.join(folder, name), below)


def _copy_entry(old, new):
    # type: (str, str) -> None
    try:
        mode = os.lstat(old).st_mode
    except OSError:
        return  # gone, or somebody's private file system: not ours to see
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(old), new)
        return
    if stat.S_ISDIR(mode):
        os.mkdir(new, 0o755)
    else:
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    mount(old, new, MS_BIND | MS_REC)
