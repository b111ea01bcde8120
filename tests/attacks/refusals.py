"""Takes mechanisms of the kernel away from this process and all that it starts.

By system call filters, which answer with an error in the kernel's place, by dropping capabilities,
by mounting control groups read-only, by covering a part of /proc. That is what containers do.
"""

import ctypes
import errno
import os
import struct

from worker import namespaces, seccomp, syscalls

__all__ = ["REFUSALS", "take_away"]

_NEW = {
    "landlock_create_ruleset": (444, 444), "seccomp": (317, 277), "setresuid": (117, 147),
    "setuid": (105, 146), "setreuid": (113, 145), "setgroups": (116, 159),
}  # fmt: skip
_NUMBERS = {**seccomp._REFUSED, **seccomp._UNKNOWN, **seccomp._BY_ARGUMENTS, **_NEW}
_MOUNTS = (
    "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr",
)  # fmt: skip
_NAMESPACES = ("unshare", "setns", "clone")
_PR_SET_SECCOMP, _PR_CAPBSET_DROP = 22, 24

REFUSALS: dict[str, tuple[str, ...]] = {
    "namespaces": _NAMESPACES,
    "mounts": _MOUNTS,
    "mount_setattr": ("mount_setattr",),
    "pivot_root": ("pivot_root",),
    "landlock": ("landlock_create_ruleset",),
    "seccomp": ("seccomp", "prctl"),
    "uids": ("setresuid", "setuid", "setreuid", "setgroups"),
    "groups": (),
    "unified": (),
    "proc": (),
    # moby/profiles, seccomp/default_linux.go: what it has for capabilities that no container gets.
    "container": (
        *_NAMESPACES, *_MOUNTS, "bpf", "fanotify_init", "perf_event_open", "quotactl",
        "setdomainname", "sethostname", "syslog", "keyctl", "add_key", "request_key", "userfaultfd",
        "io_uring_setup", "io_uring_enter", "io_uring_register", "move_pages", "kexec_load",
        "acct", "swapon", "swapoff", "reboot", "open_by_handle_at", "name_to_handle_at",
        "init_module", "finit_module", "delete_module", "settimeofday", "clock_settime",
    ),
}  # fmt: skip
_OF_CONTAINERS = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""The capabilities that containers have by default, among them CAP_SETUID and CAP_CHOWN."""
_MOST_CAPABILITIES = 64

_libc = ctypes.CDLL(None, use_errno=True)


def take_away(name: str, error: int) -> None:
    """One of REFUSALS, for good; refused calls fail with `error`. Raises OSError."""
    if name == "proc":
        _cover_proc()
    is_container = name == "container"
    if name == "groups" or (is_container and syscalls.has_capability(syscalls.CAP_SYS_ADMIN)):
        _mount_read_only("/sys/fs/cgroup")
    if name == "unified":
        _mount_read_only("/sys/fs/cgroup/unified")
    if is_container and os.geteuid() == 0:
        _keep_capabilities(_OF_CONTAINERS)
    if REFUSALS[name]:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.install(_program(REFUSALS[name], error))


def _mount_read_only(path: str) -> None:
    namespaces.unshare(syscalls.CLONE_NEWNS)
    namespaces.make_private()
    syscalls.set_tree(-100, path, syscalls.MOUNT_ATTR_RDONLY)


def _cover_proc() -> None:
    """A user may do that in namespaces; what is made below them then shows no more of /proc."""
    namespaces.enter_user_namespace(os.getuid(), os.getgid(), syscalls.CLONE_NEWNS)
    namespaces.make_private()
    syscalls.mount("tmpfs", "/proc/tty", 0, "tmpfs")


def _keep_capabilities(kept: tuple[int, ...]) -> None:
    for number in range(_MOST_CAPABILITIES):
        if number not in kept:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # EINVAL beyond the last
    low = sum(1 << number for number in kept)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")


def _program(names: tuple[str, ...], error: int) -> bytes:
    """As an array of struct sock_filter."""
    column = ("x86_64", "aarch64").index(os.uname().machine)
    number = (0x20, 0, 0, 0)
    code = [number]
    for name in names:
        which = _NUMBERS[name][column]
        assert which is not None
        rule = [*_condition(name), (0x06, 0, 0, 0x00050000 | error)]
        # What does not match jumps over the rule; what only the number matched, loads it again.
        code += [(0x15, 0, len(rule) + (len(rule) > 1), which), *rule]
        code += [number] if len(rule) > 1 else []
    clone3 = _NUMBERS["clone3"][column]
    assert clone3 is not None
    code += [(0x15, 0, 1, clone3), (0x06, 0, 0, 0x00050000 | errno.ENOSYS)]
    code.append((0x06, 0, 0, 0x7FFF0000))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _condition(name: str) -> list[tuple[int, int, int, int]]:
    """Jumps over the one instruction behind it, unless the first argument is what is meant."""
    first = (0x20, 0, 0, 16)
    if name == "clone":
        return [first, (0x45, 0, 1, seccomp._CLONE_NEW)]
    if name == "prctl":
        return [first, (0x15, 0, 1, _PR_SET_SECCOMP)]
    return []
