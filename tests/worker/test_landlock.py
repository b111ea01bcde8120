"""Landlock around a real process: what it may still do with files, and to whom.

Each process first forks a witness of its own uid that stays outside; then it restricts itself,
tries everything, and tells the errno of each attempt.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import INTERPRETERS
from worker import landlock

ROOT = Path(__file__).resolve().parents[2]
ABI = landlock.abi()
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
USERS = [0, NOBODY] if IS_ROOT else [os.geteuid()]
everywhere = pytest.mark.parametrize("python", [p for _, p in INTERPRETERS], ids=dict(INTERPRETERS))
as_each_user = pytest.mark.parametrize("uid", USERS)

PRELUDE = """
import ctypes, fcntl, json, os, signal, socket, stat, subprocess, sys
sys.path.insert(0, {root!r})
from worker import landlock, seccomp, syscalls

libc = ctypes.CDLL(None, use_errno=True)

def become(uid):
    if os.getuid() != uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    assert libc.prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE, which the above has cleared
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS

def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as exc:
        return exc.errno
    return 0

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def write(path, flags=os.O_CREAT):
    fd = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        os.write(fd, b"x")
    finally:
        os.close(fd)

def execute(path):
    pid = os.fork()
    if pid == 0:
        os._exit(attempt(os.execv, path, [path]))
    status = os.waitpid(pid, 0)[1] >> 8
    if status:
        raise OSError(status, path)
"""


@pytest.fixture
def ground() -> Iterator[Path]:
    """Directories that everybody may write to, so that nothing but Landlock refuses."""
    folder = Path(tempfile.mkdtemp(prefix="fcbox-test-landlock-"))
    try:
        folder.chmod(0o755)
        for name in ("read", "write", "outside"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
            (folder / name / "inner").mkdir()
            (folder / name / "inner").chmod(0o777)
            for file in ("file", "single"):
                (folder / name / file).write_text("text")
                (folder / name / file).chmod(0o666)
            shutil.copy("/bin/true", folder / name / "program")
        yield folder
    finally:
        shutil.rmtree(folder)


def answer_of(python: str, source: str, *arguments: object) -> Any:
    """What `source` prints as JSON, in a fresh interpreter with what PRELUDE gives."""
    text = PRELUDE.format(root=str(ROOT)) + textwrap.dedent(source)
    result = subprocess.run(
        [python, "-I", "-c", text, *map(str, arguments)],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def in_words(found: dict[str, int]) -> dict[str, str]:
    return {name: errno.errorcode.get(number, "") for name, number in found.items()}


FILES = """
ground, uid = sys.argv[1], int(sys.argv[2])
os.chdir(ground)
become(uid)
system = [path for path in ("/lib", "/lib64", "/usr/lib") if os.path.exists(path)]
is_scoped = landlock.restrict(
    ["read", "outside/single", "/dev/zero", "missing/at/all", "read/file/below"] + system,
    ["write", "nowhere"],
    ["/dev/null", "/dev/random"],
)

def fifo(path):
    os.mkfifo(path)

def bind(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)

def whiteout(path):
    os.mknod(path, stat.S_IFCHR | 0o600, 0)  # the one device that needs no privilege

def ioctl(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, 0x5401, bytes(64))  # TCGETS
    finally:
        os.close(fd)

print(json.dumps({
    "scoped": is_scoped,
    "read a file": attempt(read, "read/file"),
    "list": attempt(os.listdir, "read/inner"),
    "run": attempt(execute, "read/program"),
    "write to the readable": attempt(write, "read/file"),
    "truncate the readable": attempt(os.truncate, "read/file", 0),
    "create in the readable": attempt(write, "read/new"),
    "make a directory in the readable": attempt(os.mkdir, "read/new"),
    "remove from the readable": attempt(os.unlink, "read/file"),
    "rename in the readable": attempt(os.rename, "read/file", "read/other"),
    "read the writable": attempt(read, "write/file"),
    "write": attempt(write, "write/file"),
    "create": attempt(write, "write/new"),
    "truncate": attempt(os.truncate, "write/new", 0),
    "rename": attempt(os.rename, "write/new", "write/newer"),
    "move": attempt(os.rename, "write/newer", "write/inner/newest"),
    "link": attempt(os.link, "write/inner/newest", "write/again"),
    "remove": attempt(os.unlink, "write/again"),
    "make a directory": attempt(os.mkdir, "write/folder"),
    "remove a directory": attempt(os.rmdir, "write/folder"),
    "symlink": attempt(os.symlink, "/etc/passwd", "write/link"),
    "follow it out": attempt(read, "write/link"),
    "fifo": attempt(fifo, "write/fifo"),
    "socket": attempt(bind, "write/socket"),
    "run the writable": attempt(execute, "write/program"),
    "make a device": attempt(whiteout, "write/device"),
    "read outside": attempt(read, "outside/file"),
    "read through a link": attempt(read, "/proc/self/cwd/outside/file"),
    "list outside": attempt(os.listdir, "outside"),
    "write outside": attempt(write, "outside/file"),
    "create outside": attempt(write, "outside/new"),
    "truncate outside": attempt(os.truncate, "outside/file", 0),
    "remove outside": attempt(os.unlink, "outside/file"),
    "run outside": attempt(execute, "outside/program"),
    "move in": attempt(os.rename, "outside/file", "write/stolen"),
    "link in": attempt(os.link, "outside/file", "write/stolen"),
    "move out": attempt(os.rename, "write/inner/newest", "outside/sent"),
    "read a single file": attempt(read, "outside/single"),
    "write to a single file": attempt(write, "outside/single"),
    "read a device": attempt(read, "/dev/null"),
    "write to a device": attempt(write, "/dev/null"),
    "truncate a device": attempt(write, "/dev/null", os.O_TRUNC),
    "ask a device": attempt(ioctl, "/dev/null"),
    "read a device to read": attempt(read, "/dev/zero"),
    "write to a device to read": attempt(write, "/dev/zero"),
    "ask a device to read": attempt(ioctl, "/dev/zero"),
    "write to another device": attempt(write, "/dev/full"),
}))
"""
ALLOWED = """
    read a file, list, run, read the writable, write, create, truncate, rename, move, link, remove,
    make a directory, remove a directory, symlink, fifo, socket, run the writable,
    read a single file, read a device, write to a device, truncate a device, read a device to read
"""
REFUSED = """
    write to the readable, truncate the readable, create in the readable,
    make a directory in the readable, remove from the readable, rename in the readable,
    follow it out, make a device, read outside, read through a link, list outside, write outside,
    create outside, truncate outside, remove outside, run outside, write to a single file,
    write to a device to read, write to another device
"""


def names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


@everywhere
@as_each_user
def test_files(ground: Path, python: str, uid: int) -> None:
    """Inside, outside and between; for root the walls are the same."""
    found = answer_of(python, FILES, ground, uid)

    assert found.pop("scoped") is (ABI >= 6)
    expected = dict.fromkeys(names(ALLOWED), "") | dict.fromkeys(names(REFUSED), "EACCES")
    # Between directories of different rights the answer is EXDEV where rename could be copied.
    between = {name: found.pop(name) for name in ("move in", "link in", "move out")}
    assert set(between.values()) <= {errno.EACCES, errno.EXDEV}
    # A character device that is no terminal says so, when it is asked at all.
    asked = {name: found.pop(name) for name in ("ask a device", "ask a device to read")}
    assert in_words(asked) == {"ask a device": "ENOTTY", "ask a device to read": "EACCES"}
    assert in_words(found) == expected
    assert (ground / "outside" / "file").read_text() == "text"


OTHERS = """
uid = int(sys.argv[1])
become(uid)
syscalls.drop_capabilities()  # Linux lets CAP_PERFMON read the memory of others, whatever this says
names = dict((each, b"\\0fcbox-test-%d-" % os.getpid() + each.encode()) for each in ("out", "in"))
server = socket.socket(socket.AF_UNIX)
server.bind(names["out"])
server.listen(5)
sender, wakes = os.pipe(), os.pipe()
witness = os.fork()
if witness == 0:
    os.close(wakes[1])
    os.read(wakes[0], 1)  # until the one that is restricted ends
    os._exit(0)
landlock.restrict(["/"], ["/"], [])  # all files: what is refused is not for their paths

own = os.fork()
if own == 0:
    os.close(wakes[1])
    signal.pause()
inside = socket.socket(socket.AF_UNIX)
inside.bind(names["in"])
inside.listen(5)

def connect(name):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)

def trace(pid):
    if libc.ptrace(16, pid, 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0)
    libc.ptrace(17, pid, 0, 0)  # PTRACE_DETACH

print(json.dumps({
    "environ": attempt(read, "/proc/%d/environ" % witness),
    "mem": attempt(open, "/proc/%d/mem" % witness, "rb"),
    "numbers of descriptors": attempt(os.listdir, "/proc/%d/fd" % witness),
    "descriptors": attempt(os.readlink, "/proc/%d/fd/%d" % (witness, sender[1])),
    "a pipe of it": attempt(write, "/proc/%d/fd/%d" % (witness, sender[1]), 0),
    "trace": attempt(trace, witness),
    "kill": attempt(os.kill, witness, 0),
    "connect": attempt(connect, names["out"]),
    "own environ": attempt(read, "/proc/self/environ"),
    "environ of a child": attempt(read, "/proc/%d/environ" % own),
    "kill a child": attempt(os.kill, own, 0),
    "kill oneself": attempt(os.kill, os.getpid(), 0),
    "connect inside": attempt(connect, names["in"]),
    "an open pipe": attempt(os.write, sender[1], b"x"),
}))
os.kill(own, signal.SIGKILL)
os.waitpid(own, 0)
os.close(wakes[1])
os.waitpid(witness, 0)
"""


@everywhere
@as_each_user
def test_others(python: str, uid: int) -> None:
    """A process of the same user, outside: no tracing, no signals, no abstract sockets."""
    found = in_words(answer_of(python, OTHERS, uid))

    scoped = "EPERM" if ABI >= 6 else ""
    assert found == {
        "environ": "EACCES", "mem": "EACCES", "descriptors": "EACCES", "a pipe of it": "EACCES",
        # How many files it has open shows in a directory that is its user's, unless it is
        # not dumpable. What they are does not.
        "numbers of descriptors": "",
        "trace": "EPERM", "kill": scoped, "connect": scoped,
        "own environ": "", "environ of a child": "", "kill a child": "", "kill oneself": "",
        "connect inside": "", "an open pipe": "",
    }  # fmt: skip


@pytest.mark.parametrize("version", range(1, ABI + 1))
@as_each_user
def test_older_kernels(ground: Path, version: int, uid: int) -> None:
    """With the rights that a kernel of each ABI knows: this one takes those of all before it."""
    source = """
    os.chdir(sys.argv[1])
    become(int(sys.argv[2]))
    landlock._abi = lambda: int(sys.argv[3])
    print(json.dumps([
        landlock.restrict(["read", "read/file"], ["write"], ["/dev/null"]),
        attempt(read, "read/file"), attempt(write, "write/new"), attempt(write, "/dev/null"),
        attempt(read, "outside/file"), attempt(write, "read/file"),
        attempt(os.truncate, "read/single", 4),
        attempt(os.rename, "write/new", "write/inner/new"),
        attempt(os.kill, os.getppid(), 0),
    ]))
    """
    found = answer_of(sys.executable, source, ground, uid, version)

    has_scopes, *inside, read, write, truncate, move, kill = found
    assert has_scopes is (version >= 6)
    assert (inside, read, write) == ([0, 0, 0], errno.EACCES, errno.EACCES)
    assert truncate == (errno.EACCES if version >= 3 else 0)
    assert move == (0 if version >= 2 else errno.EXDEV)
    if uid == os.geteuid() or version >= 6:
        assert kill == (errno.EPERM if version >= 6 else 0)


@everywhere
@pytest.mark.parametrize("name", ["ENOSYS", "EOPNOTSUPP", "EPERM"])
def test_kernel_without_landlock(ground: Path, python: str, name: str) -> None:
    """Not built in, turned off at boot, refused by a container: told, and nothing passes for it."""
    source = """
    os.chdir(sys.argv[1])
    become(os.getuid())
    refuse = ((0x06, 0, 0, 0x00050000 | int(sys.argv[2])),)
    ranges = [(0, seccomp._ALLOW), (444, refuse), (447, seccomp._ALLOW)]
    code = [(0x20, 0, 0, 0)] + seccomp._search(ranges)
    seccomp.install(b"".join(seccomp._INSTRUCTION.pack(*each) for each in code))
    print(json.dumps([
        landlock.abi(), attempt(landlock.restrict, ["read"], ["write"], []),
        attempt(read, "outside/file"),
    ]))
    """
    number = getattr(errno, name)

    assert answer_of(python, source, ground, number) == [0, number, 0]


@pytest.mark.skipif(not IS_ROOT, reason="a directory that its user cannot enter takes two users")
def test_paths_out_of_reach(ground: Path) -> None:
    """They are passed over like missing ones: what cannot be reached needs no wall."""
    (ground / "read").chmod(0o700)
    source = """
    os.chdir(sys.argv[1])
    become(int(sys.argv[2]))
    landlock.restrict(["read/inner"], ["write"], [])
    print(json.dumps([attempt(read, "read/file"), attempt(write, "write/new")]))
    """
    assert answer_of(sys.executable, source, ground, NOBODY) == [errno.EACCES, 0]


def test_nothing_stays_open(ground: Path) -> None:
    """Neither the ruleset nor a path, whether it works or not."""
    source = """
    os.chdir(sys.argv[1])
    before = sorted(os.listdir("/proc/self/fd"))
    if os.getuid():
        become(os.getuid())
        failed = 0
    else:
        os.setresuid(65534, 65534, 65534)  # without no_new_privs, and without a privilege
        failed = attempt(landlock.restrict, ["read"], ["write"], [])
        libc.prctl(4, 1, 0, 0, 0)
    after = sorted(os.listdir("/proc/self/fd"))
    libc.prctl(38, 1, 0, 0, 0)
    landlock.restrict(["/"], ["write"], [])
    last = sorted(os.listdir("/proc/self/fd"))
    print(json.dumps([failed, before == after == last]))
    """
    failed, is_same = answer_of(sys.executable, source, ground)

    assert failed == (errno.EPERM if IS_ROOT else 0)
    assert is_same
