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
A local directory that has vanished is an OSError: that is no property of the machine.
"""

import ctypes
import errno
import os
import signal
import stat
import sys

from worker.clone import errno_in_child, set_parent_death_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Tuple

    Tree = Dict[str, Any]

__all__ = ["enter"]

LAYERS_DIR = "/opt"
SYSTEM_DIRS = (
    "/bin", "/boot", "/code", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc",
    "/sbin", "/sys", "/usr",
)  # fmt: skip
SHARED_DIRS = ("/", "/home", "/root", "/run", "/tmp", "/var")
"""As the configuration has them: nothing is mounted in the ones, nor at the others. It knows the
names of mount points alone, and here is known where links lead."""
MAX_ENTRIES = 2000
"""Most entries of old directories that are bound into a new root: each is a mount."""

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_MOVE = 0x1, 0x20, 0x1000, 0x2000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MS_RELATIME = 0x200000
_ST_RELATIME = 0x1000
_ST_SAME = 0x2 | 0x4 | 0x8 | 0x400 | 0x800
"""nosuid, nodev, noexec, noatime, nodiratime: as in statvfs(3), so for mount(2)."""
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_SECUREBITS = 28
_SECURE_NO_ROOT = 0x1 | 0x2
"""Programs that root starts get no capabilities for it, and that stays so (capabilities(7))."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Place(object):
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
    places = _places(setup)
    if not places:
        return []
    for place in places:
        _check_sources(place)
    refused = _put(places, _kept(setup))
    if setup["layers"] and LAYERS_DIR not in refused:
        setup["layers"] = [LAYERS_DIR]
    setup["mounts"] = [mount for mount in setup["mounts"] if mount[0] in refused]
    return ["%s: %s" % item for item in sorted(refused.items())]


def _places(setup):
    # type: (Dict[str, Any]) -> List[_Place]
    places = [_Place(LAYERS_DIR, list(setup["layers"]), True)] if setup.get("layers") else []
    for target, source, is_read_only in setup.get("mounts", ()):
        places.append(_Place(target, [source], is_read_only))
    return sorted(places, key=lambda place: place.real)  # the outer before the inner


def _check_sources(place):
    # type: (_Place) -> None
    # They were there when the configuration was read; that may be long ago.
    for source in place.sources:
        if not os.path.isdir(source):
            raise OSError(errno.ENOTDIR, "there is no directory " + source)


def _kept(setup):
    # type: (Dict[str, Any]) -> List[str]
    """What the instance itself needs: no mount may hide it."""
    needed = [setup["code_dir"], setup.get("home") or "", __file__, os.__file__, sys.executable]
    needed += [sys.prefix, sys.base_prefix, sys.exec_prefix]
    return [os.path.realpath(path) for path in needed if path]


def _put(places, kept):
    # type: (List[_Place], List[str]) -> Dict[str, str]
    """Mounts what can be mounted; gives the rest by target, with the reason."""
    refused = {}  # type: Dict[str, str]
    for place in places:
        hidden = [path for path in kept if _is_below(path, place.real)]
        if _is_reserved(place):
            refused[place.target] = "nothing may be mounted at " + place.real
        elif hidden:
            refused[place.target] = "it would hide %s, which the function needs" % hidden[0]
    wanted = [place for place in places if place.target not in refused]
    if wanted:
        try:
            refused.update(_put_in_namespace(wanted))
        except OSError as exc:
            refused.update((place.target, _reason(exc)) for place in wanted)
    return refused


def _is_reserved(place):
    # type: (_Place) -> bool
    if place.target == LAYERS_DIR:
        return False
    in_system = any(_is_below(place.real, path) for path in SYSTEM_DIRS)
    return in_system or place.real in SHARED_DIRS


def _put_in_namespace(places):
    # type: (List[_Place]) -> Dict[str, str]
    """As `_put`. Raises OSError when none of them can be mounted."""
    has_new_user_namespace = _own_namespace()
    try:
        _open_sources(places)
        missing = [place.real for place in places if not os.path.isdir(place.real)]
        if missing:
            _new_root(missing)
        return _mount_all(places)
    finally:
        for place in places:
            for fd in place.opened:
                os.close(fd)
        if has_new_user_namespace:
            _drop_capabilities()


def _mount_all(places):
    # type: (List[_Place]) -> Dict[str, str]
    refused = {}  # type: Dict[str, str]
    for place in places:
        try:
            _mount_place(place)
        except OSError as exc:
            refused[place.target] = _reason(exc)
    return refused


def _is_below(path, folder):
    # type: (str, str) -> bool
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _reason(exc):
    # type: (OSError) -> str
    return "%s: %s" % (exc.filename, exc.strerror) if exc.filename else str(exc.strerror)


# -- the namespace -------------------------------------------------------------------------------


def _own_namespace():
    # type: () -> bool
    """Leaves the host's mount namespace; True when that took a user namespace."""
    try:
        _unshare(_CLONE_NEWNS)
    except OSError as exc:
        if exc.errno != errno.EPERM:
            raise
    else:
        _make_private()
        return False
    # Some machines grant a user namespace and then refuse all that it is for. There is no way
    # back from one, so it is tried in a child first.
    number = errno_in_child(_enter_user_namespace)
    if number:
        raise OSError(number, os.strerror(number), "this machine refuses a user namespace")
    try:
        _enter_user_namespace()
    except OSError:
        _drop_capabilities()  # it may have come in before it failed
        raise
    return True


def _enter_user_namespace():
    # type: () -> None
    parent, uid, gid = os.getppid(), os.getuid(), os.getgid()
    _unshare(_CLONE_NEWNS | _CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
    _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))
    # A change of credentials may have cleared it, and the parent may have ended since.
    set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _make_private()


def _make_private():
    # type: () -> None
    _mount(None, "/", _MS_REC | _MS_PRIVATE)


def _unshare(flags):
    # type: (int) -> None
    if _libc.unshare(flags) != 0:
        exc = _error("this machine refuses a namespace")
        if exc.errno == errno.ENOSPC:  # "No space left on device" would mislead
            exc.strerror = "no more of them are allowed (user.max_mnt_namespaces)"
        raise exc


def _write(path, text):
    # type: (str, str) -> None
    with open(path, "w") as file:
        file.write(text)


def _drop_capabilities():
    # type: () -> None
    """What a user namespace gives on top of what the function had, for its programs as well.

    Root has them too: here it may be one that had next to none. A process that cannot give them
    up ends: nobody's code may run with them.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    is_bound = _libc.prctl(_PR_SET_SECUREBITS, _SECURE_NO_ROOT, 0, 0, 0) == 0
    if not is_bound or _libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        reason = os.strerror(ctypes.get_errno())
        os.write(2, ("fcbox: cannot give up capabilities: %s\n" % reason).encode("ascii"))
        os._exit(1)


# -- the mounts ----------------------------------------------------------------------------------


def _open_sources(places):
    # type: (Iterable[_Place]) -> None
    """By descriptor, so that no mount can come between: one place may hide another's source."""
    for place in places:
        for source in place.sources:
            place.opened.append(os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def _mount_place(place):
    # type: (_Place) -> None
    # What is mounted by now may have brought a link, and mount(2) would follow it anywhere.
    if os.path.realpath(place.real) != place.real:
        raise OSError(errno.ELOOP, "there is a symbolic link on the way", place.real)
    if len(place.opened) > 1:
        folders = ":".join("/proc/self/fd/%d" % fd for fd in place.opened)
        _mount("overlay", place.real, _MS_RDONLY, "overlay", "lowerdir=" + folders)
        return
    _mount("/proc/self/fd/%d" % place.opened[0], place.real, _MS_BIND | _MS_REC)
    if place.is_read_only:
        _make_read_only(place.real)


def _make_read_only(path):
    # type: (str) -> None
    # What the mount does not allow now has to be said again: in a user namespace it is locked.
    now = os.statvfs(path).f_flag
    flags = now & _ST_SAME | (_MS_RELATIME if now & _ST_RELATIME else 0)
    _mount(None, path, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | flags)


def _new_root(missing):
    # type: (Iterable[str]) -> None
    """Moves this process to a root that is like the old one, with the missing directories."""
    tree = {}  # type: Tree
    for path in missing:
        branch = tree
        for name in path.strip("/").split("/"):
            branch = branch.setdefault(name, {})
    # Any directory will do to mount it first: it goes on top of the root at once, and is reached
    # by the working directory, while paths still begin at the old root.
    _mount("tmpfs", "/proc", 0, "tmpfs", "mode=755,size=16m")
    os.chdir("/proc")
    _mount(".", "/", _MS_MOVE)
    try:
        _fill("/", ".", tree)
        _make_read_only(".")
        os.chroot(".")
    except OSError:
        os.chdir("/")
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
    _mount(old, new, _MS_BIND | _MS_REC)


def _mount(source, target, flags, kind=None, options=None):
    # type: (Any, str, int, Any, Any) -> None
    texts = [text and os.fsencode(text) for text in (source, target, kind, options)]
    if _libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
        raise _error("mounting at " + target)


def _error(what):
    # type: (str) -> OSError
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
