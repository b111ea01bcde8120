"""Landlock: which files an instance may use, and nobody outside it to signal or trace.

    ruleset: the rights that are handled -> a rule for each path -> restrict_self

What is handled is refused, but for what lies at or below a path with a rule. The domain holds for
this thread and all that it starts, for good; no process in it can trace, or read through /proc
what is for tracers only, of a process outside it. From ABI 6 on neither signals nor connections
to abstract sockets leave it. Descriptors that are open already go on as they are. See
landlock(7); the rights came with the ABIs 1 (Linux 5.13), 2 (5.19), 3 (6.2), 5 (6.10), and the
scopes with 6 (6.12).

Capabilities have to be given up as well: it is asked before CAP_DAC_OVERRIDE and CAP_SYS_PTRACE,
but from Linux 6.15 on CAP_PERFMON reads the memory of others, as in /proc/PID/environ, unasked.

Landlock knows nothing of chmod, chown, utime, extended attributes, locks, and of sockets that
have a path: those are for the own root to take away. Its rights on networks stay unhandled: they
are about ports of TCP, and an instance has a network or has none.
"""

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional, Union

__all__ = ["abi", "restrict"]

# The numbers are the same on x86_64 and aarch64.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_LOG_SAME_EXEC_OFF, _LOG_SUBDOMAINS_OFF = 1, 4

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 0x1, 0x2, 0x4, 0x8
_MAKE_CHAR, _MAKE_BLOCK = 0x40, 0x800
_REFER, _TRUNCATE, _IOCTL_DEV = 0x2000, 0x4000, 0x8000
_OF_ABI = ((1, 0x1FFF), (2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV))
"""LANDLOCK_ACCESS_FS_*, and the ABI that each came with."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""A rule about a file may name no others."""
_READABLE = _EXECUTE | _READ_FILE | _READ_DIR
_NOT_WRITABLE = _MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV
_DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2
_SCOPES_SINCE = 6
_LOG_FLAGS_SINCE = 7

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def abi():
    # type: () -> int
    """The version of the kernel's Landlock; 0 when it has none, or it is turned off."""
    try:
        return _abi()
    except OSError:
        return 0


def restrict(readable, writable, devices):
    # type: (Iterable[str], Iterable[str], Iterable[str]) -> bool
    """Leaves this thread `readable` to read and run, `writable` for anything, and `devices`.

    Paths that are missing, or out of reach already, are passed over. True when signals and
    abstract sockets are kept in as well. The thread needs no_new_privs, or CAP_SYS_ADMIN.
    Raises OSError: ENOSYS or EOPNOTSUPP without Landlock.
    """
    version = _abi()
    handled = sum(rights for since, rights in _OF_ABI if since <= version)
    has_scopes = version >= _SCOPES_SINCE
    scopes = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if has_scopes else 0
    # struct landlock_ruleset_attr: files, network, scopes. Kernels that know less of it take
    # the rest for granted when it is zero.
    attributes = struct.pack("=QQQ", handled, 0, scopes)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for paths, rights in (
            (readable, _READABLE),
            (writable, handled & ~_NOT_WRITABLE),
            (devices, _DEVICE & handled),
        ):
            for path in paths:
                _allow(ruleset, path, rights)
        _call(_RESTRICT_SELF, ruleset, _log_flags(version))
    finally:
        os.close(ruleset)
    return has_scopes


def _log_flags(version):
    # type: (int) -> int
    """What is refused would fill the host's audit log, at the function's will."""
    return _LOG_SAME_EXEC_OFF | _LOG_SUBDOMAINS_OFF if version >= _LOG_FLAGS_SINCE else 0


def _allow(ruleset, path, rights):
    # type: (int, str, int) -> None
    """Adds a rule for `path` and what is below it."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        _add_rule(ruleset, place, rights)
    except OSError as exc:
        if exc.errno != errno.EINVAL or not rights & ~_OF_FILES:
            raise
        _add_rule(ruleset, place, rights & _OF_FILES)  # it is no directory
    finally:
        os.close(place)


def _add_rule(ruleset, place, rights):
    # type: (int, int, int) -> None
    # struct landlock_path_beneath_attr is packed.
    _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, place), 0)


def _abi():
    # type: () -> int
    return _call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)


def _call(number, *arguments):
    # type: (int, Union[int, bytes, None]) -> int
    """The system call; integers as wide as a register. Raises OSError."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer = _libc.syscall(ctypes.c_long(number), *wide)
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(answer)
