"""The system calls that an instance may not make: a deny list for seccomp(2), as classic BPF.

What is not named here is allowed: a function's libraries are nobody's to foresee. Refused is what
reaches beyond the instance (other processes, mounts, namespaces, keys, clocks, objects that a
whole machine shares) and what a function has no use for but an attacker has. A refused call
fails with EPERM; with ENOSYS where libraries then take another way: glibc calls clone when there
is no clone3, whose flags lie in memory where a filter cannot see them. Calls that are newer than
this list fail with ENOSYS too, as on an older kernel: they have been judged by nobody. Calls of
a foreign architecture, and of x32, go by other numbers: they end the process.

    load arch, another one: kill
    load the number
    binary search for the range of numbers it is in, seven or eight comparisons
    allow  |  fail with errno  |  look at arguments, then either

A range, not a number, is what is looked for: most neighbours share an answer. From Linux 5.11 on
the kernel remembers for which numbers a filter allows whatever the arguments are, and then does
not run it for them; it can tell because the way to such an answer reads nothing but the
architecture and the number. Calls whose arguments are looked at have no part in that, and openat
is one of them, as a mode is in its arguments: that costs a call about 0.1 µs.

Arguments are 64 bits wide in what a filter sees. Where the kernel takes an int or unsigned int it
drops the upper half, so rules for such arguments look at the lower half alone: one that compared
both would be passed by setting a bit that the kernel never looks at. For a pointer it is the
other way round: it is null if both halves are.

Nothing in a program depends on the process that installs it.
"""

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    Instruction = Tuple[int, int, int, int]
    Numbers = Tuple[Optional[int], Optional[int]]
    Code = Sequence[Instruction]

__all__ = ["install", "program"]

_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_*, in the order of the columns below."""
_NEWEST = 469
"""The last number of Linux 6.18, the same on both machines (file_setattr)."""
_X32 = 0x40000000

# Numbers on x86_64 and on aarch64, of arch/x86/entry/syscalls/syscall_64.tbl and
# scripts/syscall.tbl in Linux 6.18; None: the machine has no such call.
_REFUSED = {
    # Memory, descriptors and traces of other processes.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "perf_event_open": (298, 241), "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Parts of the kernel that are large, and of use to attacks.
    "bpf": (321, 280), "userfaultfd": (323, 282), "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42), "lsm_set_self_attr": (460, 460),
    # Keyrings belong to the user, not to the process (keyrings(7)).
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # Mounts and namespaces.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
    "setns": (308, 268), "unshare": (272, 97),
    # Files by handles, which no path leads to; events of whole file systems.
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # The machine itself.
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "syslog": (103, 116),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "create_module": (174, None), "get_kernel_syms": (177, None), "query_module": (178, None),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "uselib": (134, None), "_sysctl": (156, None),
    # Objects of the IPC namespace: they outlive their process (sysvipc(7), mq_overview(7)).
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
}  # type: Dict[str, Numbers]  # fmt: skip
_UNKNOWN = {
    # Its flags are out of sight; see above.
    "clone3": (435, 435),
    # What goes through a ring passes by this filter.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # Takes from a number that the whole machine shares: /proc/sys/fs/aio-max-nr.
    "io_setup": (206, 0),
    # A machine with such memory cannot hibernate.
    "memfd_secret": (447, 447),
    # The mode that it makes a file with lies in memory. glibc has no function for it.
    "openat2": (437, 437),
    # The mounts of other namespaces; /proc/self/mountinfo tells the own ones.
    "statmount": (457, 457), "listmount": (458, 458),
}  # type: Dict[str, Numbers]  # fmt: skip
_BY_ARGUMENTS = {
    "clone": (56, 220), "prlimit64": (302, 261), "setrlimit": (160, 164),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "get_robust_list": (274, 100), "socket": (41, 198), "socketpair": (53, 199),
    "ioctl": (16, 29), "prctl": (157, 167), "personality": (135, 92), "fcntl": (72, 25),
    "memfd_create": (319, 279),
    "open": (2, None), "openat": (257, 56), "creat": (85, None), "mknod": (133, None),
    "mknodat": (259, 33), "mkdir": (83, None), "mkdirat": (258, 34), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
}  # type: Dict[str, Numbers]  # fmt: skip

# Instructions of <linux/bpf_common.h>: load a word of struct seccomp_data, compare, return.
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _GREATER_EQUAL, _ANY_BIT = 0x15, 0x35, 0x45
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_INSTRUCTION = struct.Struct("=HBBI")

_KILL = ((_RETURN, 0, 0, 0x80000000),)
_ALLOW = ((_RETURN, 0, 0, 0x7FFF0000),)
_EPERM = ((_RETURN, 0, 0, 0x00050000 | errno.EPERM),)
_ENOSYS = ((_RETURN, 0, 0, 0x00050000 | errno.ENOSYS),)

_CLONE_PARENT = 0x00008000
_CLONE_NEW = 0x7E020000
"""All CLONE_NEW* of clone(2); CLONE_NEWTIME is none: there its bit is part of the signal."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_NETLINK_ROUTE = 0
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_TYPE_MASK = 1, 2, 0xF
_RLIMIT_RTTIME = 15
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1
_TIOCSTI, _TIOCLINUX, _TIOCCONS, _TIOCSETD = 0x5412, 0x541C, 0x541D, 0x5423
_PR_SCHED_CORE = 62
_F_SETLEASE, _F_NOTIFY, _F_SETDELEG = 1024, 1026, 1040
_MAKES_A_FILE = 0o100 | 0o20000000
"""O_CREAT, and of O_TMPFILE the bit that is its own."""
_SET_ID = 0o6000
"""S_ISUID and S_ISGID of inode(7)."""
_PER_LINUX, _PER_LINUX32, _PER_QUERY = 0, 8, 0xFFFFFFFF

_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
_FLAG_SPEC_ALLOW = 4
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

_libc = ctypes.CDLL(None, use_errno=True)
_programs = {}  # type: Dict[Tuple[str, bool, bool], bytes]


def program(machine, network, memfd=True):
    # type: (str, bool, bool) -> bytes
    """The filter for `machine` (os.uname().machine): an array of struct sock_filter.

    `network` allows sockets of the internet families; without it there are none but AF_UNIX.
    `memfd` allows memfd_create(2): the pages of such a file are seen by a control group, and by
    nothing else while no process maps them. Raises OSError (ENOSYS) on a machine whose call
    numbers are not known. It takes a third of a millisecond the first time, and is remembered: to
    be called before a process forks.
    """
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), "seccomp on " + machine)
    key = (machine, network, memfd)
    if key not in _programs:
        _programs[key] = _build(*key)
    return _programs[key]


def install(program):
    # type: (bytes) -> None
    """Puts `program` over this thread and all that it starts, for good. Raises OSError.

    The thread needs no_new_privs, or CAP_SYS_ADMIN. Kernels before 5.16 take a filter for a wish
    for slow speculation as well, for the rest of the process: that is declined where it can be.
    """
    # struct sock_fprog: how many instructions, padding, where they are.
    address = ctypes.cast(ctypes.c_char_p(program), ctypes.c_void_p).value
    filter_ = struct.pack("@HP", len(program) // _INSTRUCTION.size, address)
    number = _SYS_SECCOMP.get(os.uname().machine, -1)
    for flags in (_FLAG_SPEC_ALLOW, 0):
        if _libc.syscall(ctypes.c_long(number), _SET_MODE_FILTER, flags, filter_) == 0:
            return
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _build(machine, network, memfd):
    # type: (str, bool, bool) -> bytes
    answers = _by_number(list(_MACHINES).index(machine), _rules(network, memfd))
    code = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_EQUAL, 1, 0, _MACHINES[machine]),
        _KILL[0],
        (_LOAD, 0, 0, _NUMBER_OFFSET),
    ]
    code += _search(_ranges(answers, has_x32=machine == "x86_64"))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _by_number(column, rules):
    # type: (int, Dict[str, Code]) -> Dict[int, Code]
    """What is answered to each number of the tables."""
    answers = {}  # type: Dict[int, Code]
    for table in (_REFUSED, _UNKNOWN, _BY_ARGUMENTS):
        for name, numbers in table.items():
            number = numbers[column]
            if number is not None:
                answers[number] = (
                    _EPERM if table is _REFUSED else _ENOSYS if table is _UNKNOWN else rules[name]
                )
    return answers


def _rules(network, memfd):
    # type: (bool, bool) -> Dict[str, Code]
    """The code for calls whose arguments decide, or what the instance was given."""
    rules = {
        # A lease has whoever opens the file wait, 45 seconds; F_NOTIFY tells what others do in a
        # directory (fcntl(2)). F_SETOWN and F_SETSIG may stay: when such a signal is sent the
        # kernel asks what it asks of kill(2), uids, pid namespace and the scopes of Landlock.
        "fcntl": _refuse(1, _F_SETLEASE, _F_NOTIFY, _F_SETDELEG) + _ALLOW,
        "memfd_create": _ALLOW if memfd else _EPERM,
    }  # type: Dict[str, Code]
    rules.update(_rules_about_modes())
    rules.update(_rules_about_the_process(network))
    return rules


def _rules_about_modes():
    # type: () -> Dict[str, Code]
    """No set-uid and set-gid files: in a writable mount they would be the user's, or root's.

    Without a file to make, open(2) does not read its mode, and libc passes what happens to be in
    the register. All others have one: fchmodat in the third place, fchmod in the second.
    """
    second, third = (_refuse_bits(index, _SET_ID) + _ALLOW for index in (1, 2))
    rules = {}  # type: Dict[str, Code]
    rules.update(dict.fromkeys(("creat", "mknod", "mkdir", "chmod", "fchmod"), second))
    rules.update(dict.fromkeys(("mknodat", "mkdirat", "fchmodat", "fchmodat2"), third))
    rules["open"] = _unless_bits(1, _MAKES_A_FILE) + third
    rules["openat"] = _unless_bits(2, _MAKES_A_FILE) + _refuse_bits(3, _SET_ID) + _ALLOW
    return rules


def _rules_about_the_process(network):
    # type: (bool) -> Dict[str, Code]
    own = _need(0, 0) + _ALLOW
    return {
        # A child that is its parent's sibling would be the supervisor's, which knows it not.
        "clone": _refuse_bits(0, _CLONE_NEW | _CLONE_PARENT) + _ALLOW,
        "prlimit64": _prlimit(),
        # The tag of the instance is in there (worker.clone).
        "setrlimit": _refuse(0, _RLIMIT_RTTIME) + _ALLOW,
        "setpriority": _need(0, _PRIO_PROCESS) + _need(1, 0) + _ALLOW,
        "ioprio_set": _need(0, _IOPRIO_WHO_PROCESS) + _need(1, 0) + _ALLOW,
        "sched_setaffinity": own,
        "sched_setscheduler": own,
        "sched_setparam": own,
        "sched_setattr": own,
        "get_robust_list": own,
        "socket": _socket(network),
        "socketpair": _need(0, _AF_UNIX) + _ALLOW,
        # Typing into a terminal; taking the console; modules for lines (ioctl_tty(2)).
        "ioctl": _refuse(1, _TIOCSTI, _TIOCLINUX, _TIOCCONS, _TIOCSETD) + _ALLOW,
        # With a cookie of its own a process keeps others off the sibling of its core.
        "prctl": _refuse(0, _PR_SCHED_CORE) + _ALLOW,
        # All else changes where memory lies and what may be run in it, over execve too: page
        # zero, fixed addresses, data as code. PER_LINUX32 changes a word in uname.
        "personality": _need(0, _PER_LINUX, _PER_LINUX32, _PER_QUERY) + _ALLOW,
    }


def _prlimit():
    # type: () -> Code
    """Of this process alone; any limit may be read, and all but the tag be set."""
    return _need(0, 0) + (
        _load(1),
        (_EQUAL, 1, 0, _RLIMIT_RTTIME),
        _ALLOW[0],
        _load(2),
        (_EQUAL, 0, 2, 0),
        _load(2, is_upper=True),
        (_EQUAL, 1, 0, 0),
        _EPERM[0],
        _ALLOW[0],
    )


def _socket(network):
    # type: (bool) -> Code
    """Families that are known to be harmless. glibc asks NETLINK_ROUTE for own addresses."""
    if not network:
        return _need(0, _AF_UNIX) + _ALLOW
    netlink = _need(2, _NETLINK_ROUTE) + _ALLOW
    stream_or_datagram = (_load(1), (_AND, 0, 0, _SOCK_TYPE_MASK))
    return (
        (_load(0), (_EQUAL, 0, 1, _AF_UNIX), _ALLOW[0], (_EQUAL, 0, len(netlink), _AF_NETLINK))
        + netlink
        + _need(0, _AF_INET, _AF_INET6)
        + stream_or_datagram
        + _one_of(_SOCK_STREAM, _SOCK_DGRAM)
        + _ALLOW
    )


def _load(index, is_upper=False):
    # type: (int, bool) -> Instruction
    """Loads half of an argument; both machines keep the lower half first."""
    return (_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * index + (4 if is_upper else 0))


def _need(index, *values):
    # type: (int, int) -> Tuple[Instruction, ...]
    """Goes on when the int argument is one of `values`."""
    return (_load(index),) + _one_of(*values)


def _one_of(*values):
    # type: (int) -> Tuple[Instruction, ...]
    """Goes on when what was loaded is one of `values`."""
    last = len(values)
    jumps = tuple((_EQUAL, last - i, 0, value) for i, value in enumerate(values))
    return jumps + _EPERM


def _refuse(index, *values):
    # type: (int, int) -> Tuple[Instruction, ...]
    """Goes on when the int argument is none of `values`."""
    code = (_load(index),)  # type: Tuple[Instruction, ...]
    for value in values:
        code += ((_EQUAL, 0, 1, value),) + _EPERM
    return code


def _refuse_bits(index, mask):
    # type: (int, int) -> Tuple[Instruction, ...]
    return (_load(index), (_ANY_BIT, 0, 1, mask)) + _EPERM


def _unless_bits(index, mask):
    # type: (int, int) -> Tuple[Instruction, ...]
    """Allows the call when no bit of `mask` is set, goes on when one is."""
    return (_load(index), (_ANY_BIT, 1, 0, mask)) + _ALLOW


def _ranges(answers, has_x32):
    # type: (Dict[int, Code], bool) -> List[Tuple[int, Code]]
    """(first number, answer) for each range of numbers with the same answer, in order."""
    every = {0: _ALLOW}  # type: Dict[int, Code]
    every.update(answers)
    for number in answers:
        every.setdefault(number + 1, _ALLOW)
    every[_NEWEST + 1] = _ENOSYS
    if has_x32:
        # All ones is no call, and asked for by programs that were built without a number.
        every.update({_X32: _KILL, 0xFFFFFFFF: _ENOSYS})
    ranges = []  # type: List[Tuple[int, Code]]
    for number in sorted(every):
        if not ranges or ranges[-1][1] != every[number]:
            ranges.append((number, every[number]))
    return ranges


def _search(ranges):
    # type: (List[Tuple[int, Code]]) -> List[Instruction]
    """A tree of comparisons: what lies before `middle` follows at once, the rest behind it."""
    if len(ranges) == 1:
        return list(ranges[0][1])
    middle = len(ranges) // 2
    before = _search(ranges[:middle])
    jump = (_GREATER_EQUAL, len(before), 0, ranges[middle][0])
    return [jump] + before + _search(ranges[middle:])
