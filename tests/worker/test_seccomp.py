"""The filter of system calls around real processes, on every interpreter: each rule is tried."""

import errno
import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import INTERPRETERS
from tests.worker.seccomp_cases import BY_LIBC, MACHINE, REFUSED, REFUSED_ON_X86, UNKNOWN, rows

ROOT = Path(__file__).resolve().parents[2]
everywhere = pytest.mark.parametrize("python", [p for _, p in INTERPRETERS], ids=dict(INTERPRETERS))

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

def enter(network, memfd=True):
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    seccomp.install(seccomp.program(os.uname().machine, network, memfd))
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
@pytest.mark.parametrize(("network", "memfd"), [(True, True), (False, False)])
def test_calls_that_depend_on_arguments(python: str, network: bool, memfd: bool) -> None:
    """What is refused and what is not, also with bits set that the kernel never looks at."""
    source = """
    enter(sys.argv[1] == "True", sys.argv[2] == "True")
    rows = json.loads(sys.argv[3])
    print(json.dumps([system_call(name, *arguments) for name, arguments, _ in rows]))
    """
    wanted = rows(network, memfd=memfd)
    found = answer_of(python, source, str(network), str(memfd), json.dumps(wanted))

    wrong = [
        (name, arguments, errno.errorcode.get(number))
        for (name, arguments, is_refused), number in zip(wanted, found, strict=True)
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
    names = ("clone", "ioctl", "sched_setaffinity", "fcntl", "openat", "mknodat", "fchmodat")
    tried = [row for row in rows(True) if row[0] in names]
    free = answer_of(sys.executable, source, "free", json.dumps(tried))
    under = answer_of(sys.executable, source, "under", json.dumps(tried))

    assert free.count(errno.EPERM) == 0
    assert under.count(errno.EPERM) == sum(is_refused for *_, is_refused in tried)


SET_ID = """
import errno, stat, tempfile

folder = tempfile.mkdtemp()
plain, other = os.path.join(folder, "plain"), os.path.join(folder, "other")

def in_folder(flags):
    os.close(os.open(folder, flags | os.O_RDWR, 0o4755))

WAYS = {
    "open": lambda: os.close(os.open(other, os.O_CREAT | os.O_WRONLY, 0o4755)),
    "open at": lambda: os.close(os.open("other", os.O_CREAT, 0o2755, dir_fd=at)),
    "nameless": lambda: in_folder(os.O_TMPFILE),
    "mknod": lambda: os.mknod(other, 0o104755),
    "fifo": lambda: os.mkfifo(other, 0o4755),
    "chmod": lambda: os.chmod(plain, 0o6755),
    "chmod at": lambda: os.chmod("plain", 0o4755, dir_fd=at),
    "fchmod": lambda: os.fchmod(file, 0o2755),
    "chmod in a library": lambda: libc.chmod(os.fsencode(plain), 0o4755) and wrong(),
    "creat in a library": lambda: libc.creat(os.fsencode(other), 0o4755) == -1 and wrong(),
}

def wrong():
    raise OSError(ctypes.get_errno(), "")

def outcome(way):
    if os.path.exists(other):
        os.unlink(other)
    try:
        WAYS[way]()
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "done"

os.umask(0)
file = os.open(plain, os.O_CREAT | os.O_RDWR, 0o644)
at = os.open(folder, os.O_RDONLY)
enter(True) if sys.argv[1] == "under" else None
found = {way: outcome(way) for way in WAYS}
os.chmod(plain, 0o1711)  # the other bits are nobody's business
os.close(os.open(other + "2", os.O_CREAT, 0o755))
found["mode at last"] = oct(stat.S_IMODE(os.stat(plain).st_mode))
print(json.dumps(found))
"""


@everywhere
def test_no_set_id_files(python: str) -> None:
    """By any of the ways that lead to one without the filter; other modes are as ever."""
    free = answer_of(python, SET_ID, "free")
    under = answer_of(python, SET_ID, "under")

    assert free.pop("mode at last") == under.pop("mode at last") == "0o1711"
    assert set(free.values()) == {"done"}
    assert set(under.values()) == {"EPERM"}
    assert free.keys() == under.keys()


@everywhere
def test_no_leases(python: str) -> None:
    """With one, whoever opens the file would wait; locks and signals of sockets are allowed."""
    source = """
    import errno, fcntl, tempfile
    enter(True) if sys.argv[1] == "under" else None
    found = {}
    with tempfile.NamedTemporaryFile() as file, open(file.name) as reading:
        folder = os.open(os.path.dirname(file.name), os.O_RDONLY)
        for name, fd, command, value in (
            ("lease", reading.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK),
            ("notify", folder, fcntl.F_NOTIFY, 0),
            ("owner", reading.fileno(), fcntl.F_SETOWN, os.getpid()),
            ("signal", reading.fileno(), 10, 0),
        ):
            try:
                fcntl.fcntl(fd, command, value)
            except OSError as exc:
                found[name] = errno.errorcode[exc.errno]
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print(json.dumps(found))
    """
    # Giving back a lease that one does not have is EAGAIN.
    assert answer_of(python, source, "free") == {"lease": "EAGAIN"}
    assert answer_of(python, source, "under") == {"lease": "EPERM", "notify": "EPERM"}


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

def callbacks():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p)
    seen = []
    many = (ctypes.c_int * 3)(3, 1, 2)
    libc.qsort(many, 3, 4, compare(lambda one, other: seen.append(one[0]) or 0))
    return len(seen) > 1

def no_network():
    try:
        socket.socket()
    except PermissionError:
        return True

enter(sys.argv[1] == "network", memfd=sys.argv[2] == "memfd")
for each in (callbacks, threads, programs, processes, loops, databases, encryption, files,
             signals, names, local_sockets, limits, globals()[sys.argv[1]]):
    assert each(), each.__name__
"""


@everywhere
@pytest.mark.parametrize(("network", "memfd"), [("network", "memfd"), ("no_network", "none")])
def test_everyday_programs(python: str, network: str, memfd: str) -> None:
    """What functions do all day is not to notice."""
    result = run(python, EVERYDAY, network, memfd)

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
