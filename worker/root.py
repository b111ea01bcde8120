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

A process with an own uid could not read files that are private to their owner. Their mounts are
idmapped then (mount_setattr(2)): in them the owner has the instance's uid.
"""

import errno
import os
import stat

from worker import frame, mounts, syscalls
from worker.clone import new_user_namespace
from worker.frame import ALL_MAY_READ, CODE, LAYERS_DIR, SHM, TMP, is_below
from worker.syscalls import MS_BIND, MS_NODEV, MS_NOSUID, MS_REC, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

    from worker.stock import Stock

    Owner = Tuple[int, int]

__all__ = ["Root", "mount_proc"]

SECRETS = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh", "/etc/ssl/private",
    "/etc/sudoers", "/etc/sudoers.d",
)  # fmt: skip
_MOST_LOOKED_AT = 5000
_OPEN = "/proc/self/fd/"
_RESOLVER = "/etc/resolv.conf"
_ASIDE, _EMPTY = "/proc", "/run"
"""What serves as such in the new root while it is filled."""
_LEAST_FILES, _FILES_OF_MB, _SHM_FILES = 100000, 200, 10000
_PASSWD = (
    "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    "fc:x:%d:%d:fc:/tmp:/bin/sh\n"
)


def mount_proc():
    # type: () -> None
    """One that shows this pid namespace: the host's has other numbers for us. Raises OSError.

    In a user namespace the kernel refuses that where a part of the host's is covered, as it is in
    most containers (mount_namespaces(7)).
    """
    mount("proc", "/proc", MS_NOSUID | MS_NODEV | syscalls.MS_NOEXEC, "proc")


class Root(object):
    """One instance's. `uid` is what it is going to have, None to stay who it is.

    `shown_uid` is how it will see itself: /etc/passwd has a line for that one. `is_apart`: whether
    it is to open files of its own; False once that was refused, and `refusal` has the reason.
    """

    def __init__(self, setup, uid, shown_uid, stock, is_apart):
        # type: (Dict[str, Any], Optional[int], int, Stock, bool) -> None
        self._setup = setup
        self.is_apart = is_apart
        self.refusal = ""
        self._points = []  # type: List[str]
        self._stock = stock
        self._uid = uid
        self._shown_uid = shown_uid
        self._code = None  # type: Optional[int]  # None where it has vanished: nothing is there
        self._owners = {}  # type: Dict[Tuple[int, int], int]
        self._writable = []  # type: List[str]

    def enter(self):
        # type: () -> List[str]
        """Builds the root and moves in; gives a line for each mount that cannot be had.

        Raises OSError, or mounts.NoSourceError, and this process is where it was. `setup` then
        tells what is where. The mount namespace must be this process's own.
        """
        places = mounts.places(self._setup)
        try:
            mounts.open_sources(places)
            self._code = mounts.open_code(self._setup)
            refused = mounts.forbidden(places, self._setup)
            self._points = self._stock.points if self.is_apart else []
            allowed = [place for place in places if place.target not in refused]
            if self._uid is not None:
                self._make_owners(self._uid, allowed)
            mounts.lay_root()
            try:
                refused.update(self._fill(allowed))
                syscalls.pivot_root(".", ".")
            except OSError:
                mounts.lift_root()
                raise
            syscalls.umount(".", syscalls.MNT_DETACH)
        finally:
            mounts.close_sources(places)
            for fd in [*self._owners.values(), *([] if self._code is None else [self._code])]:
                os.close(fd)
        os.chdir("/")
        self._tell(refused)
        return ["%s: %s" % item for item in sorted(refused.items())]

    def writable(self):
        # type: () -> List[str]
        """The directories that the function may write to, once it is in."""
        return [TMP, SHM] + self._writable

    def _fill(self, places):
        # type: (List[mounts.Place]) -> Dict[str, str]
        self._mount_own_storage()
        plan = frame.get()
        for path in plan.folders:
            os.mkdir("." + path, 0o755)
        for path in plan.files:
            _write_new("." + path, b"")
        for path, target in plan.links:
            os.symlink(target, "." + path)
        for path in plan.trees:
            self._show(path, path, None)
        self._add_user()
        for path in plan.devices:
            mount(path, "." + path, MS_BIND)
        self._add_resolver()
        if os.getuid() == 0 and self._uid is None:
            _hide_secrets()
        for path, owner in plan.interpreter:
            self._show(path, path, owner)
        if self._code is not None:
            self._show(_path_of(self._code), CODE, _owner(self._code))
        _make_folders(places)
        syscalls.set_tree(-100, ".", syscalls.MOUNT_ATTR_RDONLY)
        return self._fill_writable(places)

    def _mount_own_storage(self):
        # type: () -> None
        # First of all: the interpreter may be in a folder of the host's /tmp.
        for folder in frame.FIRST:
            os.mkdir("." + folder, 0o755)
        walls = self._setup["walls"]
        # Empty files take no block, but memory of the kernel's: they have a limit of their own.
        files = max(_LEAST_FILES, walls["disk_mb"] * _FILES_OF_MB)
        for folder, size_mb, most in (
            (TMP, walls["disk_mb"], files), (SHM, walls["shm_mb"], _SHM_FILES),
        ):  # fmt: skip
            options = "mode=1777,size=%dm,nr_inodes=%d" % (size_mb, most)
            mount("tmpfs", "." + folder, MS_NOSUID | MS_NODEV, "tmpfs", options)

    def _fill_writable(self, places):
        # type: (List[mounts.Place]) -> Dict[str, str]
        for folder in (TMP, SHM):
            flags = syscalls.MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV
            mount(None, "." + folder, flags)  # these alone, not what is mounted below them
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
            _make_folder(place.target)
        if _has_link(place.target):
            raise OSError(errno.ELOOP, "there is a symbolic link on the way", place.target)
        if len(place.opened) > 1:
            mounts.overlay(place.opened, "." + place.target)
            return
        source, owner = _path_of(place.opened[0]), _owner_of_place(place)
        if place.is_read_only:
            self._show(source, place.target, owner)
            mounts.make_read_only("." + place.target)
        else:
            self._bind(source, place.target, owner)
            self._writable.append(place.target)

    def _show(self, source, target, owner):
        # type: (str, str, Optional[Owner]) -> None
        """For reading: it stays writable until the whole tree is made read-only."""
        if not (self.is_apart and os.path.isdir(source)):
            self._bind(source, target, owner, True)
            return
        try:
            self._show_apart(source, target, owner)
        except OSError as exc:
            self.is_apart, self.refusal = False, mounts.reason(exc)
            if self._below(_real(source)):
                self.refusal += " (something is mounted below it)"
            self._bind(source, target, owner, True)

    def _show_apart(self, source, target, owner):
        # type: (str, str, Optional[Owner]) -> None
        """The instance opens files of its own there, which have what is in those of the source.

        A lock is one on the file that was opened (flock(2)), and overlayfs has others for each
        mount. What is mounted below has to be brought anew, and has none.
        """
        if owner in self._owners:
            # Not at the target: what something is mounted on can not be renamed by anybody.
            self._bind(source, _ASIDE, owner, True)
            try:
                mounts.overlay_one("." + _ASIDE, "." + _EMPTY, "." + target)
            finally:
                syscalls.umount("." + _ASIDE, syscalls.MNT_DETACH)
        else:
            mounts.overlay_one(source, "." + _EMPTY, "." + target)
        real = _real(source)
        for point in self._below(real):
            self._bind(point, target + point[len(real) :], owner, True)

    def _below(self, folder):
        # type: (str) -> List[str]
        """Where something is mounted in there; a mount below one of these comes along with it."""
        below = [path for path in self._points if path != folder and is_below(path, folder)]
        return [path for path in below if not any(p != path and is_below(path, p) for p in below)]

    def _bind(self, source, target, owner, is_read_only=False):
        # type: (str, str, Optional[Owner], bool) -> None
        """With what is mounted below, and as our user's where it is private to its owner."""
        namespace = None if owner is None else self._owners.get(owner)
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

    def _make_owners(self, uid, places):
        # type: (int, List[mounts.Place]) -> None
        """For each owner of a private directory a user namespace in which that is our user.

        Ahead of everything else: the kernel grants none to a process whose root is covered.
        """
        wanted = [owner for _, owner in frame.get().interpreter]
        wanted += [] if self._code is None else [_owner(self._code)]
        wanted += [_owner_of_place(place) for place in places if len(place.opened) == 1]
        for owner in wanted:
            if owner is not None and owner not in self._owners:
                fd = self._stock.take_owner(uid, owner)
                self._owners[owner] = new_user_namespace(uid, owner) if fd is None else fd

    def _add_user(self):
        # type: () -> None
        lines = _PASSWD % (self._shown_uid, self._shown_uid)
        _write_new("./.passwd", lines.encode("ascii"))
        if os.path.isfile("./etc/passwd"):
            mount("./.passwd", "./etc/passwd", MS_BIND)
        os.unlink("./.passwd")  # a mount needs no name

    def _add_resolver(self):
        # type: () -> None
        """What /etc/resolv.conf leads to, when that is in none of the system's directories."""
        path = os.path.realpath(_RESOLVER) if os.path.islink(_RESOLVER) else _RESOLVER
        if not any(is_below(path, folder) for folder in frame.SYSTEM) and os.path.isfile(path):
            _make_folder(os.path.dirname(path))
            _write_new("." + path, b"")
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


def _path_of(fd):
    # type: (int) -> str
    """What is open, whatever has become of its name."""
    return _OPEN + "%d" % fd


def _real(source):
    # type: (str) -> str
    return os.readlink(source) if source.startswith(_OPEN) else source


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


def _bind_mapped(source, target, namespace):
    # type: (str, str, int) -> None
    tree = syscalls.clone_tree(source)
    try:
        syscalls.set_tree(tree, "", syscalls.MOUNT_ATTR_IDMAP, namespace)
        syscalls.move_tree(tree, "." + target)
    finally:
        os.close(tree)


def _hide_secrets():
    # type: () -> None
    """For who is root in there: what of /etc nobody else may read."""
    for path in SECRETS:
        if os.path.isdir("." + path):
            mount("tmpfs", "." + path, syscalls.MS_RDONLY, "tmpfs", "mode=000,size=4k")
        elif os.path.isfile("." + path):
            mount("./dev/null", "." + path, MS_BIND)


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


def _write_new(path, content):
    # type: (str, bytes) -> None
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def _make_folders(places):
    # type: (Iterable[mounts.Place]) -> None
    for place in places:
        if not _has_link(place.target):
            _make_folder(place.target)


def _has_link(path):
    # type: (str) -> bool
    """Links of this root, and of what is mounted in it, lead out of it for now: to the host."""
    while path != "/" and not os.path.islink("." + path):
        path = os.path.dirname(path)
    return path != "/"


def _make_folder(path):
    # type: (str) -> None
    try:
        os.mkdir("." + path, 0o755)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_folder(os.path.dirname(path))
        os.mkdir("." + path, 0o755)
