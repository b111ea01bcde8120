"""Reading and steering other processes: supervisor, zygote and sibling instances.

facts: targets, {word: pid}; address, where the supervisor has something readable. Instances are
forks of the zygote and share its layout: what is at an address here is there, too.
"""

import ctypes
import os

from attempts import Refused, libc, read_some, require, syscall, words_of

PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def on_each(facts, attempt):
    """Tries it on each process that the event names."""
    return words_of((word, lambda pid=pid: attempt(pid)) for word, pid in facts["targets"].items())


def read_environ(facts):
    return on_each(facts, lambda pid: read_some(f"/proc/{pid}/environ"))


def read_maps(facts):
    return on_each(facts, lambda pid: read_some(f"/proc/{pid}/maps"))


def _guess(facts, pid):
    return facts["address"] if pid == facts["targets"]["supervisor"] else id(os.environ)


def read_memory(facts):
    def attempt(pid):
        fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        require(os.pread(fd, 1, _guess(facts, pid)))

    return on_each(facts, attempt)


def write_memory(facts):
    def attempt(pid):
        fd = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        address = _guess(facts, pid)
        require(os.pwrite(fd, os.pread(fd, 1, address), address))

    return on_each(facts, attempt)


def _transfer(call, pid, address, buffer):
    ours = IoVec(ctypes.cast(buffer, ctypes.c_void_p).value, 1)
    theirs = IoVec(address, 1)
    moved = syscall(call, pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    require(moved == 1)


def copy_memory(facts):
    def attempt(pid):
        buffer = ctypes.create_string_buffer(1)
        _transfer("process_vm_readv", pid, _guess(facts, pid), buffer)

    return on_each(facts, attempt)


def overwrite_memory(facts):
    def attempt(pid):
        buffer = ctypes.create_string_buffer(1)
        _transfer("process_vm_readv", pid, _guess(facts, pid), buffer)
        _transfer("process_vm_writev", pid, _guess(facts, pid), buffer)

    return on_each(facts, attempt)


def list_descriptors(facts):
    return on_each(facts, lambda pid: require(os.listdir(f"/proc/{pid}/fd")))


def open_descriptors(facts):
    """What is open there, opened once more: /dev/null too."""

    def attempt(pid):
        for fd in range(64):
            try:
                os.close(os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK))
                return
            except OSError:
                continue
        raise Refused

    return on_each(facts, attempt)


def take_descriptors(facts):
    def attempt(pid):
        pidfd = syscall("pidfd_open", pid, 0)
        for fd in range(64):
            try:
                os.close(syscall("pidfd_getfd", pidfd, fd, 0))
                return
            except OSError:
                continue
        raise Refused

    return on_each(facts, attempt)


def take_control_socket(facts):
    """Whoever has the zygote's socket has instances of its own made."""

    def attempt():
        import socket

        pidfd = syscall("pidfd_open", facts["targets"]["zygote"], 0)
        for fd in range(3, 16):
            try:
                taken = syscall("pidfd_getfd", pidfd, fd, 0)
                with socket.socket(fileno=taken) as found:
                    if found.type == socket.SOCK_SEQPACKET:
                        return
            except OSError:
                continue
        raise Refused

    def inherited():
        import socket

        for name in os.listdir("/proc/self/fd"):
            try:
                kind = socket.socket(fileno=os.dup(int(name))).type
            except OSError:
                continue
            if kind == socket.SOCK_SEQPACKET:
                return
        raise Refused

    return words_of([("taken from the zygote", attempt), ("inherited", inherited)])


def list_root(facts):
    return on_each(facts, lambda pid: require(os.listdir(f"/proc/{pid}/root/")))


def list_cwd(facts):
    return on_each(facts, lambda pid: os.listdir(f"/proc/{pid}/cwd/"))


def _seize(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    require(libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0)
    # The end of this child ends the trace; nothing was stopped.


def _attach(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    require(libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0)
    os.waitpid(pid, 0x40000000)  # __WALL: it is no child of ours
    libc.ptrace(PTRACE_DETACH, pid, None, None)


def seize(facts):
    return on_each(facts, _seize)


def attach(facts):
    return on_each(facts, _attach)


def compare_kernel_objects(facts):
    """kcmp(2) tells of a process what /proc/PID/fd would: who shares what with whom."""
    return on_each(facts, lambda pid: syscall("kcmp", os.getpid(), pid, 1, 0, 0))


def robust_list(facts):
    head, size = ctypes.c_long(), ctypes.c_long()
    return on_each(
        facts,
        lambda pid: syscall("get_robust_list", pid, ctypes.byref(head), ctypes.byref(size)),
    )


ATTACKS = {
    "read environment": read_environ,
    "read memory map": read_maps,
    "read memory": read_memory,
    "write memory": write_memory,
    "process_vm_readv": copy_memory,
    "process_vm_writev": overwrite_memory,
    "list descriptors": list_descriptors,
    "open descriptors": open_descriptors,
    "pidfd_getfd": take_descriptors,
    "zygote's control socket": take_control_socket,
    "root of a process": list_root,
    "directory of a process": list_cwd,
    "ptrace seize": seize,
    "ptrace attach": attach,
    "kcmp": compare_kernel_objects,
    "get_robust_list": robust_list,
}
