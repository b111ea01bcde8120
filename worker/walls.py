"""Raising the walls around an instance, from the inside, before any user code runs.

    groups -> namespaces -> own root -> own uid -> own user namespace -> limits
           -> no capabilities -> Landlock -> system call filter

Each step is a mechanism (`sandbox.core.walls` has the table); what a machine refuses is told with
the reason, and the next step is taken. Which promises hold then is not this module's to say, but
for one thing: what must not run without a wall (`needed` in the set-up) does not run.

The order matters. Groups come first, while the host's files can still be reached; the root before
the uid, as only root may idmap a mount; Landlock after the last mount, as it forbids them; the
filter last, as it forbids most of what the others do.
"""

import _socket
import collections
import os
import resource
import signal

from worker import frame, identity, landlock, mounts, namespaces, root, seccomp, syscalls
from worker.clone import errno_in_child, set_parent_death_signal
from worker.stock import Stock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

__all__ = ["Ground", "Walls", "may_come_back", "prepare", "stock"]

_HOST_NAME = "fc"
_MB = 1 << 20
_RESERVED_FILES, _MOST_SIGNALS = 1024, 1024
_OF_NAMESPACES = ("root", "pid_namespace")
_OF_STRICT = ("overlays", "ipc_namespace", "cgroup_namespace", "uts_namespace", "net_namespace")


Ground = collections.namedtuple("Ground", "refusal has_own_processes tag stock")
"""What an instance finds when it is cloned: why it may not mount, or ""; whether it is in a pid
namespace of its own; the tag that it wears; what the zygote had ready for it."""


def prepare(level):
    # type: (str) -> str
    """What a zygote does once, so that its instances may mount; gives why they may not, or "".

    Root may already. Anybody else goes into a user namespace, which every instance inherits.
    """
    if level == "none":
        return ""
    # All of it is remembered; of the filters those that are most likely.
    frame.get()
    for has_network in (True, False):
        try:
            seccomp.program(os.uname().machine, has_network, os.getuid() == 0)
        except OSError:
            pass  # each instance tells
    if syscalls.has_capability(syscalls.CAP_SYS_ADMIN):
        identity.uid_of(0)
        return ""
    try:
        namespaces.try_user_namespace()
        namespaces.enter_user_namespace(os.getuid(), os.getgid(), syscalls.CLONE_NEWNS)
        namespaces.make_private()
    except OSError as exc:
        return mounts.reason(exc)
    return ""


def may_come_back():
    # type: () -> bool
    """Whether a zygote that makes a pid namespace for a clone can make the next clone outside."""
    return os.getuid() == 0 and _is_initial() and syscalls.has_capability(syscalls.CAP_SYS_ADMIN)


def stock(level, refusal):
    # type: (str, str) -> Stock
    """What is worth having ready at this level, where instances may mount."""
    may_mount = level != "none" and not refusal
    return Stock(may_mount, level == "strict", identity.may_become(), may_come_back())


def _is_initial():
    # type: () -> bool
    # The initial user namespace maps all there is (user_namespaces(7)); the host's pid namespace
    # belongs to it.
    with open("/proc/self/uid_map") as uid_map:
        return uid_map.read().split() == ["0", "0", "4294967295"]


class Walls(object):
    """Those of one instance. `setup` is changed to tell what is where."""

    def __init__(self, setup, ground):
        # type: (Dict[str, Any], Ground) -> None
        self.held = list(setup["walls"]["given"])  # type: List[str]
        self.lacks = []  # type: List[List[str]]
        self.mounts = []  # type: List[str]
        self._setup = setup
        self._wanted = setup["walls"]
        self._refusal = ground.refusal
        self._tag = ground.tag
        self._stock = ground.stock
        self._has_own_processes = ground.has_own_processes
        self._is_root = identity.may_become()
        self._was_root = os.getuid() == 0
        self._is_strict = self._wanted["level"] == "strict"
        self._root = None  # type: Optional[root.Root]
        self._uid = None  # type: Optional[int]

    def raise_all(self):
        # type: () -> bool
        """All that can be had; False when one is missing that this function must not run without.

        Raises OSError when the function's own directories have vanished. A process that cannot
        give up its capabilities ends.
        """
        self._join_groups()
        self._uid = self._own_uid()
        try:
            if not self._refusal:
                self._leave_host()
            else:
                self._lack_namespaces(self._refusal)
                self._lack("user_namespace", self._refusal)
        finally:
            self._stock.leave()
        if self._root is None:
            self._stay_in_host()
        elif self._uid is not None:
            uid = self._uid
            self._attempt("own_uid", lambda: identity.become(uid))
        self._own_user_namespace()
        self._set_limits()
        self._give_up_privileges()
        if not self._attempt("landlock", self._restrict_files):
            self._lack("landlock_scopes", "there is no Landlock")
        self._attempt("seccomp", self._filter_calls)
        self._hide_memory()
        return all(
            any(set(way) <= set(self.held) for way in ways) for ways in self._wanted["needed"]
        )

    def report(self):
        # type: () -> Dict[str, Any]
        """The body of a WALLS message."""
        return {"held": self.held, "lacks": self.lacks, "mounts": self.mounts}

    def _attempt(self, mechanism, action):
        # type: (str, Callable[[], object]) -> bool
        try:
            action()
        except OSError as exc:
            self._lack(mechanism, mounts.reason(exc))
            return False
        self.held.append(mechanism)
        return True

    def _lack(self, mechanism, reason):
        # type: (str, str) -> None
        self.lacks.append([mechanism, reason])

    def _join_groups(self):
        # type: () -> None
        # By the process itself: it can take the kernel long, and the supervisor must not wait.
        wanted = self._wanted["groups"]
        try:
            for path in wanted["entries"]:
                syscalls.write_entry(path, "0")
        except OSError as exc:
            for mechanism in wanted["mechanisms"]:
                self._lack(mechanism, mounts.reason(exc))
        else:
            self.held.extend(wanted["mechanisms"])

    # -- namespaces and the root -----------------------------------------------------------------

    def _leave_host(self):
        # type: () -> None
        own_root = root.Root(self._setup, self._uid, self._stock, self._is_strict)
        try:
            own_root.leave_host()
        except OSError as exc:
            self._lack_namespaces(mounts.reason(exc))
            return
        if self._has_own_processes:
            # The host's /proc would show all processes: without one of its own it hides nothing.
            self._attempt("pid_namespace", root.mount_proc)
        else:
            self._lack("pid_namespace", "this machine refuses it")
        if self._wanted["network"] == "off":
            self._attempt("net_namespace", self._leave_network)
        if self._is_strict:
            self._leave_more()
        try:
            self._enter_root(own_root)
        except OSError as exc:
            self._enter_root_as_it_is(exc)

    def _enter_root(self, own_root):
        # type: (root.Root) -> None
        self.mounts = own_root.enter()
        self._root = own_root
        self.held.append("root")
        if own_root.view.is_apart:
            self.held.append("overlays")
        elif self._is_strict:
            self._lack("overlays", own_root.view.refusal)

    def _enter_root_as_it_is(self, refused):
        # type: (OSError) -> None
        """Without an own uid: not every file system can be mounted for another one."""
        try:
            if self._uid is None:
                raise refused
            self._enter_root(root.Root(self._setup, None, self._stock, self._is_strict))
        except OSError:
            self._lack("root", mounts.reason(refused))
            if self._is_strict:
                self._lack("overlays", "there is no own root")
        else:
            self._uid = None
            self._lack("own_uid", mounts.reason(refused))

    def _lack_namespaces(self, reason):
        # type: (str) -> None
        for mechanism in _OF_NAMESPACES + (_OF_STRICT if self._is_strict else ()):
            self._lack(mechanism, reason)

    def _leave_more(self):
        # type: () -> None
        self._attempt("ipc_namespace", lambda: namespaces.unshare(syscalls.CLONE_NEWIPC))
        self._attempt("cgroup_namespace", lambda: namespaces.unshare(syscalls.CLONE_NEWCGROUP))
        self._attempt("uts_namespace", _own_host_name)

    def _leave_network(self):
        # type: () -> None
        ready = self._stock.take_network()
        if ready is None:
            namespaces.unshare(syscalls.CLONE_NEWNET)
        else:
            syscalls.setns(ready, syscalls.CLONE_NEWNET)
            os.close(ready)
        if ready is None or not self._stock.has_loopback:
            namespaces.raise_loopback()

    def _stay_in_host(self):
        # type: () -> None
        """Without a root of its own: on real paths, with a directory instead of /tmp."""
        setup = self._setup
        folder = setup["walls"]["folder"]
        os.mkdir(folder, 0o700)
        setup["home"] = setup["tmp_dir"] = folder
        self.mounts = mounts.enter(setup)
        uid = self._uid
        if uid is not None:
            self._attempt("own_uid", lambda: self._become_where_readable(uid))

    def _hide_memory(self):
        # type: () -> None
        """From tracers (prctl(2)); but an ordinary user's own supervisor could not measure it then.

        Where Landlock keeps other instances out it is not needed: its domains do not trace.
        """
        dumpable = 1 if "landlock" in self.held and not self._is_root else 0
        try:
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, dumpable)
        except OSError as exc:
            self._lack("non_dumpable", mounts.reason(exc))
            return
        if not dumpable:
            self.held.append("non_dumpable")

    def _become_where_readable(self, uid):
        # type: (int) -> None
        folder, code_dir = self._setup["home"], self._setup["code_dir"]

        def visit():
            # type: () -> None
            identity.become(uid)
            for path in [folder, code_dir] + frame.get().needed:
                os.listdir(path) if os.path.isdir(path) else os.stat(path)

        os.chown(folder, uid, uid)
        number = errno_in_child(visit)
        if number:
            os.chown(folder, 0, 0)
            raise OSError(number, os.strerror(number), "its code or the interpreter, as that user")
        identity.become(uid)

    # -- who it is -------------------------------------------------------------------------------

    def _own_uid(self):
        # type: () -> Optional[int]
        """The uid that this instance is going to have; None to stay who it is."""
        if not self._is_root:
            if os.getuid() == 0:
                self._lack("own_uid", "CAP_SETUID is missing")
            return None
        uid = identity.uid_of(self._tag)
        if uid is None:
            self._lack("own_uid", "this user namespace has too few user ids")
        return uid

    def _own_user_namespace(self):
        # type: () -> None
        # Each process in one is counted by it, and not by all that its user runs elsewhere.
        if self._refusal or (self._is_root and not self._is_strict):
            return
        inside = identity.INSIDE_ID
        uid, gid = (inside, inside) if self._is_strict else (os.getuid(), os.getgid())

        def enter():
            # type: () -> None
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # else its files in /proc are root's
            namespaces.enter_user_namespace(uid, gid)
            identity.limit_watches()

        self._attempt("user_namespace", enter)

    def _give_up_privileges(self):
        # type: () -> None
        # No attempt: with capabilities that it came to by our own doing no function may run.
        namespaces.drop_capabilities_or_end()
        self.held.append("capabilities")
        self._attempt("no_new_privs", lambda: syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1))
        # A change of credentials clears it (prctl(2)).
        set_parent_death_signal(signal.SIGKILL)

    # -- limits and filters ----------------------------------------------------------------------

    def _set_limits(self):
        # type: () -> None
        wanted = self._wanted
        # Some things the kernel counts for the user as a whole, and holds against the limits of
        # whoever wants one more: the supervisor is to have the higher ones.
        ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        ceiling = wanted["files"] + _RESERVED_FILES if ceiling < 0 else ceiling
        limits = [
            (resource.RLIMIT_NOFILE, min(wanted["files"], max(ceiling - _RESERVED_FILES, 64))),
            (resource.RLIMIT_SIGPENDING, _MOST_SIGNALS),
            (resource.RLIMIT_MSGQUEUE, 0),
            (resource.RLIMIT_NICE, 0),
            (resource.RLIMIT_RTPRIO, 0),
        ]
        if self._root is None:
            limits.append((resource.RLIMIT_FSIZE, wanted["disk_mb"] * _MB))
        if {"own_uid", "user_namespace"}.intersection(self.held):
            # Else all that the user runs elsewhere would count (setrlimit(2)).
            limits.append((resource.RLIMIT_NPROC, wanted["processes"]))
        if wanted["data_mb"]:
            limits.append((resource.RLIMIT_DATA, wanted["data_mb"] * _MB))

        def limit():
            # type: () -> None
            for kind, value in limits:
                ceiling = resource.getrlimit(kind)[1]
                value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
                resource.setrlimit(kind, (value, value))

        self._attempt("rlimits", limit)
        if self._was_root and self._uid is None and "rlimits" in self.held:
            # Only for the real root, in whatever namespace it is (setrlimit(2), RLIMIT_NPROC).
            self.held.remove("rlimits")
            self._lack("rlimits", "the kernel does not limit how many processes root has")

    def _restrict_files(self):
        # type: () -> None
        if self._root is not None:
            readable, writable, devices = ["/"], self._root.writable(), ["/dev"]
        else:
            setup = self._setup
            readable = list(frame.SYSTEM) + frame.get().needed + list(setup["layers"])
            readable += [setup["code_dir"], "/proc", "/sys/devices/system/cpu"]
            readable += [frame.LAYERS_DIR] if frame.LAYERS_DIR in setup["layers"] else []
            readable += [source for _, source, _ in self._wanted["mounts"]]
            readable += [target for target, _, _ in self._wanted["mounts"]]
            writable, devices = [setup["home"]], list(frame.DEVICES)
            for target, source, is_read_only in self._wanted["mounts"]:
                writable += [] if is_read_only else [target, source]
        if landlock.restrict(readable, writable, devices):
            self.held.append("landlock_scopes")
        else:
            self._lack("landlock_scopes", "this kernel's Landlock has none (before 6.12)")

    def _filter_calls(self):
        # type: () -> None
        has_network = self._wanted["network"] != "off" or "net_namespace" in self.held
        # What nobody maps is seen by no watch, but counted by a group.
        has_memfd = "memory_cgroup" in self.held
        seccomp.install(seccomp.program(os.uname().machine, has_network, has_memfd))


def _own_host_name():
    # type: () -> None
    namespaces.unshare(syscalls.CLONE_NEWUTS)
    _socket.sethostname(_HOST_NAME)
