"""Parts of the kernel that a function has no business with."""

import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import tempfile

import keys
from attempts import Refused, libc, require, syscall, words_of

NEW = {
    "user": 0x10000000, "mount": 0x00020000, "net": 0x40000000, "pid": 0x20000000,
    "ipc": 0x08000000, "uts": 0x04000000, "cgroup": 0x02000000, "time": 0x00000080,
}  # fmt: skip
MS_BIND, MS_REMOUNT, MS_RDONLY, MS_NOSUID = 4096, 32, 1, 2
HERE = os.path.dirname(os.path.abspath(__file__))


def _alone():
    """Into a mount namespace of its own where that is possible, so that nothing is left behind."""
    try:
        syscall("unshare", NEW["mount"])
    except OSError:
        syscall("unshare", NEW["user"] | NEW["mount"])
    syscall("mount", ctypes.c_char_p(b"none"), ctypes.c_char_p(b"/"), None, 0x44000, None)


def unshare(facts):
    return words_of((word, lambda f=flag: syscall("unshare", f)) for word, flag in NEW.items())


def clone(facts):
    def attempt(flag):
        pid = syscall("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    flags = {word: flag for word, flag in NEW.items() if word != "time"}  # clone3 alone has it
    return words_of((word, lambda flag=flag: attempt(flag)) for word, flag in flags.items())


def clone3(facts):
    def attempt(flag):
        # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, size, tls.
        packed = struct.pack("=8Q", flag, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
        pid = syscall("clone3", ctypes.create_string_buffer(packed, 64), 64)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return words_of((word, lambda flag=flag: attempt(flag)) for word, flag in NEW.items())


def setns(facts):
    """Into the namespaces of the supervisor, and of its own parent."""

    def attempt(pid, kind):
        fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        syscall("setns", fd, 0)

    def by_pidfd(pid):
        syscall("setns", syscall("pidfd_open", pid, 0), NEW["mount"] | NEW["net"])

    pid = facts["targets"]["supervisor"]
    kinds = ("mnt", "net", "ipc", "uts", "pid", "cgroup")
    attempts = [(kind, lambda kind=kind: attempt(pid, kind)) for kind in kinds]
    return words_of([*attempts, ("pidfd", lambda: by_pidfd(pid))])


def _mount(source, target, kind, flags):
    passed = [ctypes.c_char_p(text.encode()) if text else None for text in (source, target, kind)]
    syscall("mount", passed[0], passed[1], passed[2], flags, None)


def mounts(facts):
    """Each in a mount namespace of its own if that can be had; the first ones without asking."""
    temp = tempfile.mkdtemp(prefix="mount-of-attack")

    def alone(attempt):
        def call():
            try:
                _alone()
            except OSError:
                pass
            attempt()

        return call

    def remount_code():
        _mount(HERE, HERE, None, MS_BIND)
        _mount(None, HERE, None, MS_BIND | MS_REMOUNT)

    def open_tree():
        fd = syscall("open_tree", -100, ctypes.c_char_p(b"/"), 1)
        syscall("move_mount", fd, ctypes.c_char_p(b""), -100, ctypes.c_char_p(temp.encode()), 4)

    def set_attributes():
        attributes = ctypes.create_string_buffer(struct.pack("=4Q", 0, 0, 0, 0))
        syscall("mount_setattr", -100, ctypes.c_char_p(b"/"), 0, attributes, 32)

    def file_system():
        fd = syscall("fsopen", ctypes.c_char_p(b"tmpfs"), 0)
        os.close(fd)

    def pivot():
        _mount("none", temp, "tmpfs", 0)
        old = temp + "/old"
        os.mkdir(old)
        syscall("pivot_root", ctypes.c_char_p(temp.encode()), ctypes.c_char_p(old.encode()))

    def unmount():
        fd = os.open("/proc/self/mounts", os.O_RDONLY)
        points = [line.split()[1] for line in os.read(fd, 65536).splitlines()]
        for point in points:
            if point.startswith((b"/tmp", b"/dev/shm", b"/proc")):
                syscall("umount2", ctypes.c_char_p(point), 2)
                return
        raise Refused

    attempts = [
        ("tmpfs", lambda: _mount("none", temp, "tmpfs", 0)),
        ("bind", lambda: _mount("/", temp, None, MS_BIND)),
        ("proc", lambda: _mount("proc", temp, "proc", 0)),
        ("code writable", remount_code),
        ("umount", unmount),
        ("fsopen", file_system),
        ("open_tree", open_tree),
        ("mount_setattr", set_attributes),
        ("pivot_root", pivot),
        ("chroot", lambda: syscall("chroot", ctypes.c_char_p(temp.encode()))),
    ]
    try:
        return words_of((word, alone(attempt)) for word, attempt in attempts)
    finally:
        os.rmdir(temp)


def raw_sockets(facts):
    def make(family, kind, number):
        socket.socket(family, kind, number).close()

    return words_of(
        [
            ("raw", lambda: make(socket.AF_INET, socket.SOCK_RAW, 1)),
            ("packet", lambda: make(17, socket.SOCK_RAW, 0)),
            ("packet datagrams", lambda: make(17, socket.SOCK_DGRAM, 0)),
            ("kernel cryptography", lambda: make(38, socket.SOCK_SEQPACKET, 0)),
            ("bluetooth", lambda: make(31, socket.SOCK_RAW, 1)),
            ("vsock", lambda: make(40, socket.SOCK_STREAM, 0)),
            ("xdp", lambda: make(44, socket.SOCK_RAW, 0)),
            ("netlink audit", lambda: make(16, socket.SOCK_RAW, 9)),
            ("netlink netfilter", lambda: make(16, socket.SOCK_RAW, 12)),
            ("netlink events", lambda: make(16, socket.SOCK_DGRAM, 15)),
        ]
    )


def io_uring(facts):
    buffer = ctypes.create_string_buffer(256)
    return words_of([("io_uring_setup", lambda: syscall("io_uring_setup", 1, buffer))])


def bpf(facts):
    def make_map():
        attributes = ctypes.create_string_buffer(struct.pack("=4I", 2, 4, 4, 1), 128)
        os.close(syscall("bpf", 0, attributes, 128))

    return words_of([("map", make_map)])


def user_faults(facts):
    def by_device():
        import fcntl

        fcntl.ioctl(os.open("/dev/userfaultfd", os.O_RDWR), 0xAA00, 0)

    return words_of(
        [
            ("userfaultfd", lambda: syscall("userfaultfd", 0)),
            ("user mode only", lambda: syscall("userfaultfd", 1)),
            ("/dev/userfaultfd", by_device),
        ]
    )


def perf_events(facts):
    """The dummy of software events, user mode only: what everybody is most likely to get."""

    def attempt(pid, flags):
        # struct perf_event_attr: type, size, config, period, sample, read format, flags.
        packed = struct.pack("=2I5Q", 1, 112, 9, 0, 0, 0, flags)
        attributes = ctypes.create_string_buffer(packed, 112)
        os.close(syscall("perf_event_open", attributes, pid, -1, -1, 0))

    user_only = 1 << 5 | 1 << 6
    return words_of(
        [
            ("of itself", lambda: attempt(0, user_only)),
            ("of the supervisor", lambda: attempt(facts["targets"]["supervisor"], user_only)),
        ]
    )


def own_keys(facts):
    """Keys outlive whoever added them."""
    name = facts["name"] + ".of-attack"

    def request():
        keys.add_key(name, b"x", keys.SESSION_KEYRING)
        kind, description = ctypes.c_char_p(b"user"), ctypes.c_char_p(name.encode("ascii"))
        syscall("request_key", kind, description, None, 0)

    return words_of(
        [
            ("add_key", lambda: keys.add_key(name, b"x", keys.SESSION_KEYRING)),
            ("request_key", request),
            ("keyctl", lambda: syscall("keyctl", keys.KEYCTL_GET_KEYRING_ID, -4, 1)),
        ]
    )


def modules(facts):
    """Of no module at all: the kernel asks for the privilege first."""

    def load():
        _allowed("init_module", None, 0, None)

    def remove():
        _allowed("delete_module", ctypes.c_char_p(b"no-such-module-of-attack"), 0)

    def execute():
        _allowed("kexec_load", 0, 0, None, 0)

    return words_of([("init_module", load), ("delete_module", remove), ("kexec_load", execute)])


def _allowed(*call):
    """The kernel went on to look at what was asked."""
    import errno

    try:
        syscall(*call)
    except OSError as exc:
        if exc.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise


def clock_and_name(facts):
    name = ctypes.create_string_buffer(os.uname().nodename.encode())

    def clock():
        state = ctypes.create_string_buffer(512)
        syscall("clock_adjtime", 0, state)
        struct.pack_into("=I", state, 0, 0x0002)  # ADJ_FREQUENCY, to what it is
        syscall("clock_adjtime", 0, state)

    return words_of(
        [
            ("clock", clock),
            ("hostname", lambda: syscall("sethostname", name, len(name.value))),
            ("fanotify", lambda: syscall("fanotify_init", 0, 0)),
            ("file by handle", _open_by_handle),
        ]
    )


def _open_by_handle():
    """Past every directory that is in the way: inode 2 is the root of most file systems."""
    handle = ctypes.create_string_buffer(struct.pack("=IiII", 8, 1, 2, 0))
    fd = os.open("/", os.O_RDONLY)
    _allowed("open_by_handle_at", fd, handle, os.O_RDONLY)


def foreign_calls(facts):
    """System calls of another architecture, past a filter that knows the numbers of its own."""
    if os.uname().machine != "x86_64":
        return []

    def run(code):
        writable = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        area = libc.mmap(None, 4096, writable, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        require(area != ctypes.c_void_p(-1).value)
        ctypes.memmove(area, code, len(code))
        return ctypes.CFUNCTYPE(ctypes.c_long)(area)()

    def int_80():
        # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
        require(run(b"\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3") == os.getpid())

    def x32():
        # mov eax, 39 | 0x40000000 (getpid); syscall; ret
        require(run(b"\xb8\x27\x00\x00\x40\x0f\x05\xc3") == os.getpid())

    return words_of([("int 0x80", int_80), ("x32", x32)])


def leases(facts):
    """On a file and a directory of its own."""

    def lease():
        with tempfile.NamedTemporaryFile() as file, open(file.name) as reading:
            file.close()
            fcntl.fcntl(reading, fcntl.F_SETLEASE, fcntl.F_RDLCK)

    def notify():
        fd = os.open(tempfile.gettempdir(), os.O_RDONLY)
        fcntl.fcntl(fd, fcntl.F_NOTIFY, fcntl.DN_CREATE)

    return words_of([("lease", lease), ("notify", notify)])


def rare_calls(facts):
    """Calls that few programs make, and that reach beyond the process or hide from the kernel."""
    pid = facts["targets"]["supervisor"]

    def cool_memory():
        area = ctypes.create_string_buffer(struct.pack("=2Q", facts["address"] & ~4095, 4096))
        syscall("process_madvise", syscall("pidfd_open", pid, 0), area, 1, 20, 0)  # MADV_COLD

    def migrate():
        node = ctypes.create_string_buffer(struct.pack("=Q", 1))
        syscall("migrate_pages", pid, 64, node, node)

    def list_mounts():
        # struct mnt_id_req: size, spare, LSMT_ROOT, after which one.
        wanted = ctypes.create_string_buffer(struct.pack("=2I2Q", 24, 0, 2**64 - 1, 0))
        require(syscall("listmount", wanted, ctypes.create_string_buffer(8 * 64), 64, 0))

    def handle():
        name, mount = ctypes.create_string_buffer(struct.pack("=Ii", 120, 0), 128), ctypes.c_int()
        path = ctypes.c_char_p(b"/")
        syscall("name_to_handle_at", -100, path, name, ctypes.byref(mount), 0)

    return words_of(
        [
            ("process_madvise", cool_memory),
            ("move_pages", lambda: syscall("move_pages", pid, 0, None, None, None, 0)),
            ("migrate_pages", migrate),
            ("memfd_secret", lambda: os.close(syscall("memfd_secret", 0))),
            ("listmount", list_mounts),
            ("name_to_handle_at", handle),
            ("personality", lambda: syscall("personality", 0x0040000)),  # ADDR_NO_RANDOMIZE
        ]
    )


ATTACKS = {
    "rare calls": rare_calls,
    "leases": leases,
    "unshare": unshare,
    "clone": clone,
    "clone3": clone3,
    "setns": setns,
    "mounts": mounts,
    "raw sockets": raw_sockets,
    "io_uring": io_uring,
    "bpf": bpf,
    "userfaultfd": user_faults,
    "perf_event_open": perf_events,
    "keys": own_keys,
    "modules": modules,
    "clock, name and files": clock_and_name,
    "foreign calls": foreign_calls,
}
