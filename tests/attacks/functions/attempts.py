"""How an attack tries: each attempt in a child of its own, by system calls where it can.

What an attempt changes in its own process (a namespace, a root, a user) goes with the child, and
a filter that kills takes the child alone. An attempt that raises OSError or Refused was refused.
Any other exception is a mistake of ours and comes back as a word that no table expects.
"""

import ctypes
import os
import signal

CLONE = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
PATIENCE_S = 10

# From arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
NUMBERS = {
    "add_key": (248, 217), "bpf": (321, 280), "capset": (126, 91), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clone": (56, 220), "clone3": (435, 435),
    "delete_module": (176, 106), "fanotify_init": (300, 262), "finit_module": (313, 273),
    "fsmount": (432, 432), "fsopen": (430, 430), "get_robust_list": (274, 100),
    "getrandom": (318, 278), "init_module": (175, 105), "io_uring_setup": (425, 425),
    "ioprio_get": (252, 31), "ioprio_set": (251, 30), "kcmp": (312, 272), "kexec_load": (246, 104),
    "keyctl": (250, 219), "listmount": (458, 458), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "migrate_pages": (256, 238), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "msgget": (68, 186), "msgrcv": (70, 188),
    "msgsnd": (69, 189), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41), "prlimit64": (302, 261), "process_madvise": (440, 440),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "request_key": (249, 218), "sched_setattr": (314, 274), "semget": (64, 190),
    "setdomainname": (171, 162), "setgroups": (116, 159), "sethostname": (170, 161),
    "setns": (308, 268), "setresuid": (117, 147), "shmat": (30, 196), "shmget": (29, 194),
    "swapon": (167, 224), "syslog": (103, 116), "tgkill": (234, 131), "umount2": (166, 39),
    "unshare": (272, 97), "userfaultfd": (323, 282),
}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]  # fmt: skip


class Refused(Exception):
    """It was tried, and came to nothing."""


def require(is_so):
    """For what shows only afterwards whether it has worked."""
    if not is_so:
        raise Refused


def syscall(name, *arguments):
    """One system call. Raises OSError."""
    ctypes.set_errno(0)
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS[name][CLONE]), *passed)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def words_of(attempts):
    """The words of those (word, callable) that got through."""
    return [found for word, attempt in attempts for found in _tried(word, attempt)]


def _tried(word, attempt):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_child(attempt, writing)
    os.close(writing)
    with open(reading, "rb") as told:
        text = told.read().decode("utf-8", "replace")
    status = os.waitpid(pid, 0)[1]
    if text:
        return [f"broken: {word}: {text}"]
    if os.WIFSIGNALED(status):
        # A filter kills with SIGSYS; a call for another architecture may be a bad instruction.
        was_killed = os.WTERMSIG(status) in (signal.SIGSYS, signal.SIGSEGV)
        return [] if was_killed else [f"broken: {word}: signal {os.WTERMSIG(status)}"]
    return [word] if os.WEXITSTATUS(status) == 0 else []


def _in_child(attempt, told):
    code = 2
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(PATIENCE_S)
        attempt()
        code = 0
    except (OSError, Refused):
        pass
    except BaseException as exc:
        os.write(told, f"{type(exc).__name__}: {exc}".encode())
    finally:
        os._exit(code)


def read_some(path, size=1):
    """Reads from a file without waiting for anybody. Raises OSError; Refused when it is empty."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        data = os.read(fd, size)
    finally:
        os.close(fd)
    require(data)
    return data


def open_to_write(path):
    """Opens what is there for writing, and writes nothing."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))


def make_and_remove(path):
    """A new file, for a moment."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)
