"""Leaving the host's namespaces, as root or by way of a user namespace (user_namespaces(7)).

Root may make any namespace. Anybody else makes a user namespace first, in which they are who they
were and may do in it what root may do outside; those capabilities have to be given up again
before anybody else's code runs.
"""

import _socket
import errno
import fcntl
import os
import signal
import struct

from worker import syscalls
from worker.clone import errno_in_child, set_parent_death_signal

__all__ = [
    "come_back", "drop_capabilities_or_end", "enter_user_namespace", "leave_mounts", "make_private",
    "own_mount_namespace", "raise_loopback", "try_user_namespace", "unshare", "visit_network",
]  # fmt: skip

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


def own_mount_namespace():
    # type: () -> bool
    """Leaves the host's mount namespace; True when that took a user namespace."""
    try:
        unshare(syscalls.CLONE_NEWNS)
    except OSError as exc:
        if exc.errno != errno.EPERM:
            raise
    else:
        make_private()
        return False
    try_user_namespace()
    parent = os.getppid()
    try:
        _enter_with_mounts()
    except OSError:
        drop_capabilities_or_end()  # it may have come in before it failed
        raise
    # A change of credentials may have cleared it, and the parent may have ended since.
    set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    return True


def try_user_namespace():
    # type: () -> None
    """Raises OSError where a user namespace, and mounts in it, cannot be had.

    Some machines grant a user namespace and then refuse all that it is for. There is no way back
    from one, so it is tried in a child first.
    """
    number = errno_in_child(_enter_with_mounts)
    if number:
        raise OSError(number, _words(number), "this machine refuses a user namespace")


def _enter_with_mounts():
    # type: () -> None
    enter_user_namespace(os.getuid(), os.getgid(), syscalls.CLONE_NEWNS)
    make_private()


def enter_user_namespace(uid, gid, flags=0):
    # type: (int, int, int) -> None
    """A new one, in which this process has all capabilities, and this uid and gid."""
    outer_uid, outer_gid = os.getuid(), os.getgid()
    unshare(syscalls.CLONE_NEWUSER | flags)
    syscalls.write_entry("/proc/self/setgroups", "deny")
    syscalls.write_entry("/proc/self/uid_map", "%d %d 1" % (uid, outer_uid))
    syscalls.write_entry("/proc/self/gid_map", "%d %d 1" % (gid, outer_gid))


def leave_mounts():
    # type: () -> None
    """Into a mount namespace of its own, for who may mount."""
    unshare(syscalls.CLONE_NEWNS)
    make_private()


def raise_loopback():
    # type: () -> None
    """All that there is in a new network namespace (netdevice(7))."""
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        fcntl.ioctl(probe.fileno(), _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    finally:
        probe.close()


def visit_network(fd):
    # type: (int) -> None
    """Raises the loopback of the network namespace `fd`; who cannot come back from there ends."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(fd, syscalls.CLONE_NEWNET)
        try:
            raise_loopback()
        finally:
            come_back(home, syscalls.CLONE_NEWNET)
    finally:
        os.close(home)


def come_back(home, kind):
    # type: (int, int) -> None
    """Who cannot ends: all that it does later would be done elsewhere."""
    try:
        syscalls.setns(home, kind)
    except OSError:
        os._exit(1)


def make_private():
    # type: () -> None
    """Nothing that is mounted from here on is seen by the host."""
    syscalls.mount(None, "/", syscalls.MS_REC | syscalls.MS_PRIVATE)


def unshare(flags):
    # type: (int) -> None
    """Raises OSError in words that fit."""
    try:
        syscalls.unshare(flags)
    except OSError as exc:
        exc.strerror = _words(exc.errno or errno.EIO)
        exc.filename = "this machine refuses a namespace"
        raise


def _words(number):
    # type: (int) -> str
    if number == errno.ENOSPC:  # "No space left on device" would mislead
        return "no more of them are allowed (user.max_*_namespaces)"
    return os.strerror(number)


def drop_capabilities_or_end():
    # type: () -> None
    """What a user namespace gives on top of what the function had, for its programs as well.

    Root has them too: here it may be one that had next to none. A process that cannot give them
    up ends: nobody's code may run with them.
    """
    try:
        syscalls.drop_capabilities()
    except OSError as exc:
        os.write(2, ("fcbox: cannot give up capabilities: %s\n" % exc.strerror).encode("ascii"))
        os._exit(1)
