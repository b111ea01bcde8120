"""A bare root: what every instance's root begins with, before the function's own things come in.

It takes twenty mounts, and nothing that a function says: so a zygote begins the next instance's
ahead of time, in a mount namespace that nobody lives in, and the instance moves in. One that finds
none begins its own, by the same steps.
"""

import os

from worker import frame, mounts, namespaces, syscalls
from worker.frame import SHM, TMP
from worker.syscalls import MS_BIND, MS_NODEV, MS_NOSUID, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from worker.view import View

__all__ = ["Begun", "begin", "lay", "make_folder", "write_new"]

SECRETS = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh", "/etc/ssl/private",
    "/etc/sudoers", "/etc/sudoers.d",
)  # fmt: skip
_FIRST_SIZE = "mode=1777,size=1m,nr_inodes=10000"
"""Of /tmp and /dev/shm, until the function has said how much it may have."""
_PASSWD = (
    "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    "fc:x:%d:%d:fc:/tmp:/bin/sh\n"
)


class Begun(object):
    """A bare root that waits for its instance, which is going to have `uid`, or to stay who it is.

    `view` is how it was shown what is in it, so far.
    """

    def __init__(self, uid, view):
        # type: (Optional[int], View) -> None
        self.uid = uid
        self.view = view
        self._where = _Whereabouts()

    def enter(self):
        # type: () -> None
        """Moves this process there, with the new root as its working directory; for good."""
        try:
            self._where.enter()
        finally:
            self.close()

    def close(self):
        # type: () -> None
        self._where.close()


class _Whereabouts(object):
    """Where this process is: its mount namespace, its root and its working directory."""

    def __init__(self):
        # type: () -> None
        self._namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._root = os.open("/", os.O_PATH | os.O_CLOEXEC)
        self._folder = os.open(".", os.O_PATH | os.O_CLOEXEC)

    def enter(self):
        # type: () -> None
        syscalls.setns(self._namespace, syscalls.CLONE_NEWNS)  # and its root with it (setns(2))
        os.fchdir(self._root)
        os.chroot(".")
        os.fchdir(self._folder)

    def close(self):
        # type: () -> None
        for fd in (self._namespace, self._root, self._folder):
            os.close(fd)


def begin(uid, shown_uid, view):
    # type: (Optional[int], int, View) -> Begun
    """Begins one, and comes back. Raises OSError; who cannot come back ends."""
    home = _Whereabouts()
    try:
        home.enter()  # who could not come back does not leave
        namespaces.leave_mounts()
        try:
            mounts.lay_root()
            lay(uid, shown_uid, view)
            return Begun(uid, view)
        finally:
            view.drop()
            try:
                home.enter()
            except OSError:
                os._exit(1)
    finally:
        home.close()


def lay(uid, shown_uid, view):
    # type: (Optional[int], int, View) -> None
    """Fills the working directory, an empty root that mounts.lay_root has laid over the old one."""
    plan = frame.get()
    # First of all: the interpreter may be in a folder of the host's /tmp.
    for folder in frame.FIRST:
        os.mkdir("." + folder, 0o755)
    for folder in (TMP, SHM):
        mount("tmpfs", "." + folder, MS_NOSUID | MS_NODEV, "tmpfs", _FIRST_SIZE)
    for path in plan.folders:
        os.mkdir("." + path, 0o755)
    for path in plan.files:
        write_new("." + path, b"")
    for path, target in plan.links:
        os.symlink(target, "." + path)
    for path in plan.trees:
        view.show(path, path, None)
    _add_user(shown_uid)
    for path in plan.devices:
        mount(path, "." + path, MS_BIND)
    if os.getuid() == 0 and uid is None:
        _hide_secrets()
    for path, owner in plan.interpreter:
        view.show(path, path, owner)


def _add_user(uid):
    # type: (int) -> None
    write_new("./.passwd", (_PASSWD % (uid, uid)).encode("ascii"))
    if os.path.isfile("./etc/passwd"):
        mount("./.passwd", "./etc/passwd", MS_BIND)
    os.unlink("./.passwd")  # a mount needs no name


def _hide_secrets():
    # type: () -> None
    """For who is root in there: what of /etc nobody else may read."""
    for path in SECRETS:
        if os.path.isdir("." + path):
            mount("tmpfs", "." + path, syscalls.MS_RDONLY, "tmpfs", "mode=000,size=4k")
        elif os.path.isfile("." + path):
            mount("./dev/null", "." + path, MS_BIND)


def write_new(path, content):
    # type: (str, bytes) -> None
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def make_folder(path):
    # type: (str) -> None
    """And those above it, below the working directory."""
    try:
        os.mkdir("." + path, 0o755)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        os.mkdir("." + path, 0o755)
