"""The filter of system calls: each rule tried in a real process, and all of it by reckoning.

Processes run the calls under the filter of this machine, on every interpreter. What cannot be
run here, the other machine's filter, goes through a small interpreter of classic BPF.
"""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import INTERPRETERS
from worker import seccomp

ROOT = Path(__file__).resolve().parents[2]
MACHINE = os.uname().machine
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
AUDIT_ARCH_I386 = 0x40000003
everywhere = pytest.mark.parametrize("python", [p for _, p in INTERPRETERS], ids=dict(INTERPRETERS))
on_both_machines = pytest.mark.parametrize("machine", sorted(ARCHITECTURES))


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
    clone3 io_setup io_uring_enter io_uring_register io_uring_setup listmount memfd_secret statmount
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
ROWS = {
    True: BY_ARGUMENTS + SOCKETS + INTERNET_SOCKETS,
    False: BY_ARGUMENTS + SOCKETS + [(name, args, True) for name, args, _ in INTERNET_SOCKETS],
}

PRELUDE = """
import ctypes, json, os, sys
sys.path.insert(0, {root!r})
from worker import seccomp

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
numbers = dict(seccomp._REFUSED)
numbers.update(seccomp._UNKNOWN)
numbers.update(seccomp._BY_ARGUMENTS)
column = ["x86_64", "aarch64"].index(os.uname().machine)
zeros, buffer = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
memory = {{"zeros": ctypes.addressof(zeros), "buffer": ctypes.addressof(buffer)}}

def call(function, *arguments):
    ctypes.set_errno(0)
    result = function(*[ctypes.c_long(memory.get(each, each)) for each in arguments])
    return ctypes.get_errno() if result == -1 else 0

def system_call(name, *arguments):
    number = numbers[name][column] if name in numbers else name
    return call(libc.syscall, number, *arguments)

def enter(network):
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    seccomp.install(seccomp.program(os.uname().machine, network))
"""


def run(python: str, source: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`source` in a fresh interpreter, with what PRELUDE gives."""
    text = PRELUDE.format(root=str(ROOT)) + textwrap.dedent(source)
    return subprocess.run(
        [python, "-I", "-c", text, *arguments],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


def answer_of(python: str, source: str, *arguments: str) -> Any:
    """What `source` prints as JSON."""
    result = run(python, source, *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@everywhere
def test_refused_calls(python: str) -> None:
    """Each is tried, with arguments that could do no harm if it got through."""
    names = REFUSED + (REFUSED_ON_X86 if MACHINE == "x86_64" else [])
    source = """
    enter(True)
    print(json.dumps({name: system_call(name, *[-1] * 6) for name in sys.argv[1:]}))
    """
    found = answer_of(python, source, *names, *UNKNOWN)

    expected = dict.fromkeys(names, errno.EPERM) | dict.fromkeys(UNKNOWN, errno.ENOSYS)
    assert {name: errno.errorcode.get(found[name]) for name in expected} == {
        name: errno.errorcode[number] for name, number in expected.items()
    }


def test_refused_calls_by_the_names_of_libc() -> None:
    """Numbers of ours could be wrong, and the test above would not notice."""
    source = """
    enter(True)
    found = [name for name in sys.argv[1:] if hasattr(libc, name)]
    print(json.dumps({name: call(getattr(libc, name), *[-1] * 6) for name in found}))
    """
    found = answer_of(sys.executable, source, *BY_LIBC)

    assert len(found) >= len(BY_LIBC) - 2  # iopl and ioperm are functions of x86 alone
    assert {name for name, number in found.items() if number != errno.EPERM} == set()


@everywhere
@pytest.mark.parametrize("network", [True, False])
def test_calls_that_depend_on_arguments(python: str, network: bool) -> None:
    """What is refused and what is not, also with bits set that the kernel never looks at."""
    source = """
    enter(sys.argv[1] == "True")
    rows = json.loads(sys.argv[2])
    print(json.dumps([system_call(name, *arguments) for name, arguments, _ in rows]))
    """
    rows = ROWS[network]
    found = answer_of(python, source, str(network), json.dumps(rows))

    wrong = [
        (name, arguments, errno.errorcode.get(number))
        for (name, arguments, is_refused), number in zip(rows, found, strict=True)
        if (number == errno.EPERM) != is_refused
    ]
    assert wrong == []


def test_rows_are_refused_by_the_filter_alone() -> None:
    """Without it the kernel refuses fewer of the calls with EPERM, as it has other reasons."""
    source = """
    enter(True) if sys.argv[1] == "under" else None
    rows = json.loads(sys.argv[2])
    print(json.dumps([system_call(name, *arguments) for name, arguments, _ in rows]))
    """
    rows = [row for row in ROWS[True] if row[0] in ("clone", "ioctl", "sched_setaffinity")]
    free = answer_of(sys.executable, source, "free", json.dumps(rows))
    under = answer_of(sys.executable, source, "under", json.dumps(rows))

    assert free.count(errno.EPERM) == 0
    assert under.count(errno.EPERM) == sum(is_refused for *_, is_refused in rows)


@pytest.mark.skipif(MACHINE != "x86_64", reason="the code is of x86_64")
@everywhere
@pytest.mark.parametrize(
    "source",
    [
        # mov eax, 20 (getpid of i386); int 0x80; ret
        r"""
        import mmap
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        enter(True)
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        """,
        """
        enter(True)
        libc.syscall(ctypes.c_long(0x40000000 | 39))
        """,
    ],
    ids=["i386", "x32"],
)
def test_other_numbers_kill(python: str, source: str) -> None:
    """A call of another table would mean something else than the filter thinks."""
    assert run(python, textwrap.dedent(source)).returncode == -signal.SIGSYS


@everywhere
def test_numbers_of_no_call(python: str) -> None:
    """What is newer than the list, and what programs ask for that were built without a number."""
    source = "enter(True)\nprint(json.dumps([system_call(n) for n in (470, 600, 5000, -1)]))"

    assert answer_of(python, source) == [errno.ENOSYS] * 4


@everywhere
def test_children_cannot_leave(python: str) -> None:
    """Neither a thread, nor a fork, nor a program that was started."""
    source = """
    import subprocess, threading
    enter(True)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(system_call("unshare", 0)))
    thread.start()
    thread.join()
    pid = os.fork()
    if pid == 0:
        os._exit(system_call("unshare", 0))
    answers.append(os.waitpid(pid, 0)[1] >> 8)
    code = "import ctypes, sys; l = ctypes.CDLL(None, use_errno=True); "
    code += "l.unshare(0); sys.exit(ctypes.get_errno())"
    answers.append(subprocess.call([sys.executable, "-I", "-S", "-c", code]))
    print(json.dumps(answers))
    """
    assert answer_of(python, source) == [errno.EPERM] * 3


EVERYDAY = """
import multiprocessing, signal, socket, sqlite3, ssl, subprocess, tempfile, threading

def threads():
    found = []
    many = [threading.Thread(target=found.append, args=(i,)) for i in range(20)]
    [each.start() for each in many]
    [each.join() for each in many]
    return sorted(found) == list(range(20))

def programs():
    quiet = subprocess.check_output(["sh", "-c", "echo hello | cat"])
    changed = subprocess.check_output(
        ["pwd"], cwd="/", start_new_session=True, preexec_fn=lambda: os.nice(1)
    )
    return [quiet, changed] == [b"hello\\n", b"/\\n"]

def put(queue, lock):
    with lock:
        queue.put("from a child")

def processes():
    fork = multiprocessing.get_context("fork")
    queue, lock = fork.Queue(), fork.Lock()
    child = fork.Process(target=put, args=(queue, lock))
    child.start()
    said = queue.get(timeout=20)
    child.join()
    with fork.Pool(2) as pool:
        squares = pool.map(abs, [-1, -2, -3])
        pool.close()
        pool.join()
    return said == "from a child" and squares == [1, 2, 3]

def loops():
    import asyncio
    async def main():
        child = await asyncio.create_subprocess_exec("true")
        await asyncio.sleep(0)
        loop = asyncio.get_event_loop()
        return await child.wait(), await loop.run_in_executor(None, os.getpid)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # it is told of children, before 3.8
    found = loop.run_until_complete(main())
    loop.close()
    return found[0] == 0

def databases():
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(os.path.join(folder, "base"))
        base.execute("pragma journal_mode=wal")
        base.execute("create table t (x)")
        base.execute("insert into t values (1)")
        base.commit()
        found = base.execute("select x from t").fetchall()
        base.close()
    return found == [(1,)]

def encryption():
    return ssl.create_default_context() is not None

def files():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
        file.flush()
        os.utime(file.name)
        os.chmod(file.name, 0o600)
        return os.stat(file.name).st_size == 1

def signals():
    caught = []
    signal.signal(signal.SIGALRM, lambda *_: caught.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while not caught:
        signal.pause()
    os.kill(os.getpid(), 0)
    return caught == ["alarm"]

def names():
    return bool(socket.getaddrinfo("localhost", 80))

def local_sockets():
    one, other = socket.socketpair()
    one.sendall(b"x")
    return other.recv(1) == b"x"

def limits():
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return resource.getrlimit(resource.RLIMIT_RTTIME) is not None

def network():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    client = socket.create_connection(server.getsockname())
    peer = server.accept()[0]
    client.sendall(b"x")
    return peer.recv(1) == b"x" and bool(socket.if_nameindex())

def no_network():
    try:
        socket.socket()
    except PermissionError:
        return True

enter(sys.argv[1] == "network")
for each in (threads, programs, processes, loops, databases, encryption, files, signals, names,
             local_sockets, limits, globals()[sys.argv[1]]):
    assert each(), each.__name__
"""


@everywhere
@pytest.mark.parametrize("network", ["network", "no_network"])
def test_everyday_programs(python: str, network: str) -> None:
    """What functions do all day is not to notice."""
    result = run(python, EVERYDAY, network)

    assert (result.returncode, result.stderr) == (0, "")


def test_installing_is_refused_with_a_reason() -> None:
    """A program that is none, and a process that may not: OSError, nothing passes silently."""
    source = """
    failures = []
    for code in (b"", bytes(8)):
        try:
            libc.prctl(38, 1, 0, 0, 0)
            seccomp.install(code)
        except OSError as exc:
            failures.append(exc.errno)
    print(json.dumps(failures))
    """
    assert answer_of(sys.executable, source) == [errno.EINVAL] * 2


def test_installing_without_the_newer_call() -> None:
    """Where seccomp(2) is missing or refused, prctl(2) does it."""
    source = """
    libc.prctl(38, 1, 0, 0, 0)
    number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    missing = seccomp._search([(0, seccomp._ALLOW), (number, seccomp._ENOSYS),
                               (number + 1, seccomp._ALLOW)])
    code = [(0x20, 0, 0, 0)] + missing
    seccomp.install(b"".join(seccomp._INSTRUCTION.pack(*each) for each in code))
    assert system_call(number, 1, 0, 0) == 38
    enter(True)
    print(json.dumps(system_call("unshare", 0)))
    """
    assert answer_of(sys.executable, source) == errno.EPERM


def test_unknown_machine() -> None:
    """Numbers are not guessed."""
    with pytest.raises(NotImplementedError, match="riscv64"):
        seccomp.program("riscv64", True)


def compare(code: int, a: int, k: int) -> bool:
    return {0x15: a == k, 0x35: a >= k, 0x45: bool(a & k)}[code]


def evaluate(code: bytes, architecture: int, number: int, *args: int) -> tuple[str, int, set[int]]:
    """(answer, instructions run, offsets read) as the kernel would reckon them."""
    words = [value % 2**64 for value in (*args, *[0] * (6 - len(args)))]
    data = struct.pack("=IIQ6Q", number % 2**32, architecture, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", code))
    at, a, steps, offsets = 0, 0, 0, set()
    while True:
        operation, if_true, if_false, k = instructions[at]
        at, steps = at + 1, steps + 1
        if operation == 0x20:
            (a,) = struct.unpack_from("=I", data, k)
            offsets.add(k)
        elif operation == 0x54:
            a &= k
        elif operation == 0x06:
            return answer_in_words(k), steps, offsets
        else:
            at += if_true if compare(operation, a, k) else if_false


def answer_in_words(value: int) -> str:
    if value & 0xFFFF0000 == 0x00050000:
        return errno.errorcode[value & 0xFFFF]
    return {0x80000000: "kill", 0x7FFF0000: "allow"}[value]


def number_of(name: str, machine: str) -> int:
    table: dict[str, Any] = {**seccomp._REFUSED, **seccomp._UNKNOWN, **seccomp._BY_ARGUMENTS}
    number = table[name][sorted(ARCHITECTURES, reverse=True).index(machine)]
    assert isinstance(number, int)
    return number


def answers(machine: str, network: bool) -> Callable[..., str]:
    code = seccomp.program(machine, network)
    return lambda number, *args: evaluate(code, ARCHITECTURES[machine], number, *args)[0]


@on_both_machines
@pytest.mark.parametrize("network", [True, False])
def test_every_number(machine: str, network: bool) -> None:
    """Those that are named, and no others, are refused: on the machine that is not here too."""
    answer = answers(machine, network)
    expected = dict.fromkeys(range(470), "allow")
    expected.update(dict.fromkeys(range(470, 2000), "ENOSYS"))
    for name in REFUSED + (REFUSED_ON_X86 if machine == "x86_64" else []):
        expected[number_of(name, machine)] = "EPERM"
    for name in UNKNOWN:
        expected[number_of(name, machine)] = "ENOSYS"
    by_arguments = {number_of(name, machine) for name in seccomp._BY_ARGUMENTS}

    wrong = [
        (number, answer(number), wanted)
        for number, wanted in expected.items()
        if number not in by_arguments and answer(number) != wanted
    ]
    assert wrong == []


@on_both_machines
@pytest.mark.parametrize("network", [True, False])
def test_arguments_by_reckoning(machine: str, network: bool) -> None:
    """The same rows as above."""
    answer = answers(machine, network)
    memory = {"zeros": 0x7FFF00000000, "buffer": 0x7FFF00000040}
    wrong = [
        (name, args)
        for name, args, is_refused in ROWS[network]
        if (answer(number_of(name, machine), *(memory.get(each, each) for each in args)) == "EPERM")
        != is_refused
    ]
    assert wrong == []


@on_both_machines
def test_ends_of_the_numbers(machine: str) -> None:
    """x32 is of x86_64 alone; all ones is no call; other architectures die whatever they call."""
    answer, code = answers(machine, True), seccomp.program(machine, True)
    killed = "kill" if machine == "x86_64" else "ENOSYS"
    others = [
        AUDIT_ARCH_I386,
        *(ARCHITECTURES[other] for other in ARCHITECTURES.keys() - {machine}),
    ]

    found = [answer(number) for number in (0x3FFFFFFF, 0x40000000, 0x40000027, 2**32 - 2, -1)]
    assert found == ["ENOSYS", killed, killed, killed, "ENOSYS"]
    assert {evaluate(code, other, 39)[0] for other in others} == {"kill"}


@on_both_machines
def test_allowed_calls_are_quick(machine: str) -> None:
    """They pass after few instructions, and read no argument: the kernel can skip the filter."""
    code = seccomp.program(machine, True)
    found = [evaluate(code, ARCHITECTURES[machine], number) for number in range(470)]
    by_arguments = {number_of(name, machine) for name in seccomp._BY_ARGUMENTS}
    plain = [each for i, each in enumerate(found) if i not in by_arguments and each[0] == "allow"]

    assert max(steps for _, steps, _ in plain) <= 12
    assert {offset for *_, offsets in plain for offset in offsets} == {0, 4}


@pytest.mark.parametrize(
    ("name", "x86_64", "aarch64"),
    [
        ("ptrace", 101, 117), ("mount", 165, 40), ("setns", 308, 268), ("unshare", 272, 97),
        ("bpf", 321, 280), ("keyctl", 250, 219), ("clone", 56, 220), ("socket", 41, 198),
        ("prlimit64", 302, 261), ("ioctl", 16, 29), ("prctl", 157, 167), ("shmget", 29, 194),
        ("clone3", 435, 435), ("io_uring_setup", 425, 425), ("pidfd_getfd", 438, 438),
    ],
)  # fmt: skip
def test_numbers_from_the_manual(name: str, x86_64: int, aarch64: int) -> None:
    """Written down a second time: nothing else here knows those of the machine that is not here."""
    assert (number_of(name, "x86_64"), number_of(name, "aarch64")) == (x86_64, aarch64)


def test_no_number_stands_twice() -> None:
    """A slip in a table would hide one call behind another."""

    def columns() -> Iterable[list[int]]:
        tables = (seccomp._REFUSED, seccomp._UNKNOWN, seccomp._BY_ARGUMENTS)
        for column in (0, 1):
            yield [n[column] for table in tables for n in table.values() if n[column] is not None]

    assert [len(numbers) - len(set(numbers)) for numbers in columns()] == [0, 0]
