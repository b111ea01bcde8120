"""What the filter of system calls has to refuse, and what to let pass: tables for its tests.

A row is a call, its arguments, and whether it is refused. "zeros" and "buffer" stand for the
addresses of memory to read and to write.
"""

import os

__all__ = [
    "BY_LIBC", "MACHINE", "REFUSED", "REFUSED_ON_X86", "UNKNOWN", "rows",
]  # fmt: skip

MACHINE = os.uname().machine


def words(text: str) -> list[str]:
    return text.split()


REFUSED = words("""
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init
    fanotify_mark finit_module fsconfig fsmount fsopen fspick init_module kcmp kexec_file_load
    kexec_load keyctl lookup_dcookie lsm_set_self_attr migrate_pages mount mount_setattr move_mount
    move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget
    msgrcv msgsnd name_to_handle_at nfsservctl open_by_handle_at open_tree open_tree_attr
    perf_event_open pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv
    process_vm_writev ptrace quotactl quotactl_fd reboot request_key semctl semget semop semtimedop
    setdomainname sethostname setns settimeofday shmat shmctl shmdt shmget swapoff swapon syslog
    umount2 unshare userfaultfd vhangup
""")
REFUSED_ON_X86 = words("""
    _sysctl create_module get_kernel_syms ioperm iopl modify_ldt query_module uselib
""")
UNKNOWN = words("""
    clone3 io_setup io_uring_enter io_uring_register io_uring_setup listmount memfd_secret openat2
    statmount
""")
BY_LIBC = words("""
    acct chroot fanotify_init fanotify_mark ioperm iopl mount msgget msgrcv msgsnd
    name_to_handle_at open_by_handle_at pivot_root process_vm_readv process_vm_writev ptrace
    quotactl semget semop semtimedop setdomainname sethostname setns shmat shmctl shmdt shmget
    swapoff swapon umount2 unshare vhangup
""")
"""Calls that the C library has functions for, which pass arguments on as they are: it knows
the numbers from elsewhere."""

HIGH = 1 << 32
"""A bit of the upper half, that the kernel drops from an int."""
OTHER = os.getpid()
"""A process that is not the one that asks."""
CLONE_THREAD = 0x00010000
"""Without CLONE_SIGHAND the kernel refuses it with EINVAL: no child comes of these tests."""
NEW_NAMESPACES = {
    "mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000,
    "user": 0x10000000, "pid": 0x20000000, "network": 0x40000000,
}  # fmt: skip
CLONE_PARENT = 0x00008000
TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD, FIONREAD = 0x5412, 0x541C, 0x541D, 0x5423, 0x541B
RTTIME, CORE = 15, 4
UNIX, INET, INET6, NETLINK, PACKET, ALG, VSOCK, XDP = 1, 2, 10, 16, 17, 38, 40, 44
STREAM, DGRAM, RAW, SEQPACKET, SOCK_PACKET, CLOEXEC = 1, 2, 3, 5, 10, 0o2000000
TCP, MPTCP, ROUTE, AUDIT = 6, 262, 0, 9

CREATE, TEMPORARY, HERE = 0o100, 0o20000000, -100
LEASES = {"F_SETLEASE": 1024, "F_NOTIFY": 1026, "F_SETDELEG": 1040}

Row = tuple[str, list[int | str], bool]
BY_ARGUMENTS: list[Row] = [
    *[("clone", [CLONE_THREAD | flag], True) for flag in NEW_NAMESPACES.values()],
    *[("clone", [CLONE_THREAD | flag | HIGH], True) for flag in NEW_NAMESPACES.values()],
    ("clone", [CLONE_THREAD | CLONE_PARENT], True),
    ("clone", [CLONE_THREAD], False),
    ("clone", [CLONE_THREAD | NEW_NAMESPACES["user"] << 32], False),
    ("prlimit64", [0, RTTIME, 0, "buffer"], False),
    ("prlimit64", [HIGH, RTTIME, 0, "buffer"], False),
    ("prlimit64", [0, CORE, "zeros", 0], False),
    ("prlimit64", [0, CORE, "zeros", "buffer"], False),
    ("prlimit64", [0, RTTIME, "zeros", 0], True),
    ("prlimit64", [0, RTTIME | HIGH, "zeros", 0], True),
    ("prlimit64", [HIGH, RTTIME, "zeros", 0], True),
    ("prlimit64", [0, RTTIME, HIGH, 0], True),
    ("prlimit64", [OTHER, CORE, 0, "buffer"], True),
    ("prlimit64", [OTHER, CORE, "zeros", 0], True),
    ("prlimit64", [OTHER | HIGH, CORE, 0, "buffer"], True),
    ("setrlimit", [RTTIME, "zeros"], True),
    ("setrlimit", [RTTIME | HIGH, "zeros"], True),
    ("setrlimit", [CORE, "zeros"], False),
    ("setpriority", [0, 0, 0], False),
    ("setpriority", [HIGH, HIGH, 0], False),
    ("setpriority", [0, OTHER, 0], True),
    ("setpriority", [0, OTHER | HIGH, 0], True),
    ("setpriority", [1, 0, 0], True),
    ("setpriority", [2, 0, 0], True),
    ("ioprio_set", [1, 0, 0x4004], False),
    ("ioprio_set", [1, OTHER, 0x4004], True),
    ("ioprio_set", [2, 0, 0x4004], True),
    ("ioprio_set", [3, 0, 0x4004], True),
    ("sched_setaffinity", [0, 0, 0], False),
    ("sched_setaffinity", [HIGH, 0, 0], False),
    ("sched_setaffinity", [OTHER, 0, 0], True),
    ("sched_setaffinity", [OTHER | HIGH, 0, 0], True),
    ("sched_setscheduler", [0, 0, "zeros"], False),
    ("sched_setscheduler", [OTHER, 0, "zeros"], True),
    ("sched_setparam", [0, "zeros"], False),
    ("sched_setparam", [OTHER, "zeros"], True),
    ("sched_setattr", [0, 0, 0], False),
    ("sched_setattr", [OTHER, 0, 0], True),
    ("get_robust_list", [0, "buffer", "buffer"], False),
    ("get_robust_list", [OTHER, "buffer", "buffer"], True),
    ("socketpair", [UNIX, STREAM, 0, "buffer"], False),
    ("socketpair", [UNIX | HIGH, STREAM, 0, "buffer"], False),
    ("socketpair", [INET, STREAM, 0, "buffer"], True),
    ("socketpair", [30, STREAM, 0, "buffer"], True),
    *[("ioctl", [-1, number, 0], True) for number in (TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD)],
    ("ioctl", [-1, TIOCSTI | HIGH, 0], True),
    ("ioctl", [-1, FIONREAD, 0], False),
    ("prctl", [62, 1, 0, 0, 0], True),
    ("prctl", [62 | HIGH, 1, 0, 0, 0], True),
    ("prctl", [3, 0, 0, 0, 0], False),
    ("personality", [0xFFFFFFFF], False),
    ("personality", [8], False),
    ("personality", [0], False),
    ("personality", [0x0040000], True),
    ("personality", [0x0040000 | HIGH], True),
    ("personality", [0x0400000], True),
    ("personality", [0x0100008], True),
]  # fmt: skip
UNIX_SOCKETS: list[Row] = [
    ("socket", [UNIX, STREAM, 0], False),
    ("socket", [UNIX, DGRAM | CLOEXEC, 0], False),
    ("socket", [UNIX | HIGH, STREAM, 0], False),
]
FOREIGN_SOCKETS: list[Row] = [
    ("socket", [family | high, kind, 0], True)
    for family in (0, 3, PACKET, 29, ALG, VSOCK, XDP)
    for kind in (STREAM, DGRAM, RAW, SEQPACKET)
    for high in (0, HIGH)
]
INTERNET_SOCKETS: list[Row] = [
    ("socket", [INET, STREAM, 0], False),
    ("socket", [INET | HIGH, STREAM | HIGH, 0], False),
    ("socket", [INET, DGRAM | CLOEXEC, 0], False),
    ("socket", [INET6, STREAM, TCP], False),
    ("socket", [INET6, DGRAM, 0], False),
    ("socket", [INET, STREAM, MPTCP], False),
    ("socket", [NETLINK, RAW | CLOEXEC, ROUTE], False),
    ("socket", [NETLINK, DGRAM, ROUTE], False),
    ("socket", [NETLINK, RAW, ROUTE | HIGH], False),
]
STRANGE_INTERNET_SOCKETS: list[Row] = [
    ("socket", [INET, RAW, TCP], True),
    ("socket", [INET, RAW | CLOEXEC | HIGH, TCP], True),
    ("socket", [INET6, RAW, TCP], True),
    ("socket", [INET, SOCK_PACKET, 0], True),
    ("socket", [INET, SEQPACKET, 132], True),
    ("socket", [NETLINK, RAW, AUDIT], True),
    ("socket", [NETLINK, RAW, AUDIT | HIGH], True),
]
SOCKETS = UNIX_SOCKETS + FOREIGN_SOCKETS + STRANGE_INTERNET_SOCKETS
MODES: list[Row] = [
    *[
        (name, [*before, mode | high], bool(mode & 0o6000))
        for names, before in (
            (("creat", "mknod", "mkdir", "chmod"), ["zeros"]),
            (("fchmod",), [-1]),
            (("mknodat", "mkdirat", "fchmodat", "fchmodat2"), [HERE, "zeros"]),
            (("open",), ["zeros", CREATE]),
            (("open",), ["zeros", TEMPORARY]),
            (("open",), ["zeros", CREATE | HIGH]),
            (("openat",), [HERE, "zeros", CREATE]),
            (("openat",), [HERE, "zeros", TEMPORARY]),
            (("openat",), [HERE, "zeros", CREATE | HIGH]),
        )
        for name in names
        for mode in (0o644, 0o1777, 0o4000, 0o4755, 0o2755, 0o6711)
        for high in (0, HIGH)
    ],
    # Nothing is made, so what stands for the mode is no mode.
    ("open", ["zeros", 0, 0o7777], False),
    ("open", ["zeros", CREATE << 32, 0o7777], False),
    ("openat", [HERE, "zeros", 0, 0o7777], False),
    ("openat", [HERE, "zeros", CREATE << 32, 0o7777], False),
    # Nor is what stands elsewhere.
    ("openat", [0o6000, "zeros", CREATE, 0o644], False),
    ("fchmod", [0o6000, 0o644], False),
    ("fchmodat", [0o6000, "zeros", 0o644], False),
]  # fmt: skip
FCNTL: list[Row] = [
    *[("fcntl", [-1, number, 0], True) for number in LEASES.values()],
    *[("fcntl", [-1, number | HIGH, 0], True) for number in LEASES.values()],
    # F_GETFD, F_SETFL, F_SETLK, F_SETOWN, F_SETSIG, F_GETLEASE, F_DUPFD_CLOEXEC, F_ADD_SEALS
    *[("fcntl", [-1, number, 0], False) for number in (1, 4, 6, 8, 10, 1025, 1030, 1033)],
    ("fcntl", [-1, 1024 << 32, 0], False),
]
ONLY_ON_X86 = {"open", "creat", "mknod", "mkdir", "chmod"}


def rows(network: bool, machine: str = MACHINE, memfd: bool = True) -> list[Row]:
    """All rows about calls that the machine has."""
    internet = [(name, args, not network) for name, args, _ in INTERNET_SOCKETS]
    found = BY_ARGUMENTS + MODES + FCNTL + SOCKETS + internet
    found = [*found, ("memfd_create", ["zeros", 0], not memfd)]
    return [row for row in found if machine == "x86_64" or row[0] not in ONLY_ON_X86]
