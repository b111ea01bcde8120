"""Children and trees: exit statuses, and finding what left session, group and parent behind."""

import os
import resource
import signal
import sys
from collections.abc import Iterator

import pytest

from sandbox.engine import procs
from sandbox.engine.loop import PollLoop
from tests.boxes import live_processes, wait_until

_SLEEP = "import time; time.sleep(3600)"
_TAG_AND_RUN = """
import os, resource, sys
tag = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_RTTIME, (tag, tag))
exec(sys.argv[2])
"""


@pytest.fixture
def loop() -> Iterator[PollLoop]:
    loop = PollLoop()
    yield loop
    loop.close()


@pytest.fixture
def ready() -> Iterator[tuple[int, int]]:
    """A pipe by which a child says that it has come so far."""
    read, write = os.pipe2(os.O_CLOEXEC)
    yield read, write
    os.close(read)
    os.close(write)


def start(*argv: str, inherited: dict[int, int] | None = None) -> int:
    """This interpreter with these arguments."""
    command = [sys.executable, "-I", "-S", *argv]
    return procs.start(command, {}, inherited or {})


def ended(loop: PollLoop, pid: int) -> procs.Child:
    """Waits for a child as the engine does."""
    heard: list[procs.Child] = []
    child = procs.Child(loop, pid, heard.append)
    loop.run_until(lambda: bool(heard))
    assert heard == [child]
    return child


@pytest.mark.parametrize(
    ("code", "status"),
    [("import os; os._exit(0)", 0), ("import os; os._exit(3)", 3),
     ("import os; os.kill(os.getpid(), 9)", -9), ("import os; os.kill(os.getpid(), 11)", -11)],
)  # fmt: skip
def test_status(loop: PollLoop, code: str, status: int) -> None:
    """As os.waitstatus_to_exitcode gives it."""
    assert ended(loop, start("-c", code)).status == status


def test_child_is_reaped(loop: PollLoop) -> None:
    """No zombie, no descriptor, and a signal to it goes nowhere."""
    child = ended(loop, start("-c", "pass"))
    child.signal(signal.SIGKILL)

    assert not child.is_alive
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, 0)


def test_exiting(loop: PollLoop, ready: tuple[int, int]) -> None:
    """Neither alive and well, nor reaped."""
    code = "import os; os.write(3, b'.'); import time; time.sleep(3600)"
    child = procs.Child(loop, start("-c", code, inherited={3: ready[1]}), lambda child: None)
    os.read(ready[0], 1)

    assert not child.is_exiting
    child.signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.is_exiting
    loop.run_until(lambda: not child.is_alive)
    assert not child.is_exiting


def test_largest_resident_size(loop: PollLoop) -> None:
    """From the kernel's own account, in KB.

    A program that was exec'd begins with the size of the one that started it (execve keeps the
    larger of the two), so the child has to outgrow this process.
    """
    wanted_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (100 << 10)
    child = ended(loop, start("-c", f"b'x' * ({wanted_kb} << 10)"))

    assert wanted_kb <= child.max_rss_kb < wanted_kb + (60 << 10)


def test_signal_ends_it(loop: PollLoop) -> None:
    """Through the pidfd."""
    child = procs.Child(loop, start("-c", _SLEEP), lambda child: None)
    child.signal(signal.SIGKILL)
    loop.run_until(lambda: not child.is_alive)

    assert child.status == -9


def test_child_that_somebody_else_reaped(loop: PollLoop) -> None:
    """A program's own SIGCHLD handler may take the status: the end is told all the same."""
    pid = start("-c", "pass")
    heard: list[procs.Child] = []
    child = procs.Child(loop, pid, heard.append)
    os.waitpid(pid, 0)
    loop.run_until(lambda: bool(heard))

    assert (child.status, child.is_alive) == (None, False)


def test_start_passes_only_what_it_is_told(loop: PollLoop, ready: tuple[int, int]) -> None:
    """The environment is empty and of our descriptors it has the one that was named."""
    read, write = ready
    ours = os.open(os.devnull, os.O_RDONLY)
    code = "import os; os.write(3, repr((os.environ.copy(), os.listdir('/proc/self/fd'))).encode())"
    pid = start("-c", code, inherited={3: write})
    assert ended(loop, pid).status == 0
    os.close(ours)
    environment, descriptors = eval(os.read(read, 65536))

    assert set(environment) <= {"LC_CTYPE"}
    assert "3" in descriptors
    assert str(ours) not in descriptors or ours == 3


def test_start_what_does_not_exist() -> None:
    """An OSError, at once."""
    with pytest.raises(FileNotFoundError):
        procs.start(["/nonexistent/python"], {}, {})


def test_box_tags() -> None:
    """High, random, the low bits free for the instances."""
    tags = {procs.new_box_tag() for _ in range(100)}

    assert len(tags) == 100
    for tag in tags:
        assert tag % (1 << procs.TAG_SERIAL_BITS) == 0
        assert 1 << 62 <= tag < 1 << 63


def tagged(tag: int, code: str, ready: tuple[int, int]) -> int:
    """A process with a tag that runs `code`, which says on descriptor 3 that it is there."""
    pid = start("-c", _TAG_AND_RUN, str(tag), code, inherited={3: ready[1]})
    os.read(ready[0], 1)
    return pid


def test_sweep_finds_a_daemon(loop: PollLoop, ready: tuple[int, int]) -> None:
    """Own session, own group, parent gone, every signal ignored: the tag is still there."""
    tag = procs.new_box_tag() | 1
    daemon = """
import signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (1, 2, 15):
            signal.signal(number, signal.SIG_IGN)
        os.write(3, b"%d." % os.getpid())
        time.sleep(3600)
    os._exit(0)
os.wait()
"""
    pid = start("-c", _TAG_AND_RUN, str(tag), daemon, inherited={3: ready[1]})
    daemon_pid = int(os.read(ready[0], 20).rstrip(b"."))
    assert ended(loop, pid).status == 0
    pidfd = os.pidfd_open(daemon_pid)

    assert os.getpgid(daemon_pid) != os.getpgid(0)
    assert procs.find(tag) == [daemon_pid]
    assert procs.sweep({tag}) == {tag}
    signalled: list[int] = []
    loop.add_reader(pidfd, signalled.append, pidfd)
    loop.run_until(lambda: bool(signalled))
    loop.remove_reader(pidfd)
    os.close(pidfd)
    wait_until(lambda: procs.sweep({tag}) == set(), "the daemon's end")


def test_sweep_leaves_others_alone(loop: PollLoop, ready: tuple[int, int]) -> None:
    """Neither untagged processes, nor another instance's, nor another box's."""
    box = procs.new_box_tag()
    other_box = procs.new_box_tag()
    said_and_slept = "os.write(3, b'.'); import time; time.sleep(3600)"
    children = {
        name: procs.Child(loop, tagged(tag, said_and_slept, ready), lambda child: None)
        for name, tag in (("mine", box | 1), ("sibling", box | 2), ("stranger", other_box | 1))
    }
    children["untagged"] = procs.Child(loop, start("-c", _SLEEP), lambda child: None)

    assert procs.sweep({box | 1, 0, -1}) == {box | 1}
    loop.run_until(lambda: not children["mine"].is_alive)
    assert procs.sweep({box | 1}) == set()
    assert procs.sweep_box(box) == 1
    loop.run_until(lambda: not children["sibling"].is_alive)
    assert procs.sweep_box(box) == 0
    assert children["stranger"].is_alive
    assert children["untagged"].is_alive
    for child in children.values():
        child.signal(signal.SIGKILL)
    loop.run_until(lambda: not any(child.is_alive for child in children.values()))


def test_zombies_count_as_dead(loop: PollLoop, ready: tuple[int, int]) -> None:
    """A zombie keeps its tag until it is reaped; a sweep must not wait for that."""
    tag = procs.new_box_tag() | 1
    pid = tagged(tag, "os.write(3, b'.'); os._exit(0)", ready)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert resource.prlimit(pid, resource.RLIMIT_RTTIME)[1] == tag
    assert procs.find(tag) == [pid]
    assert procs.sweep({tag}) == set()
    assert ended(loop, pid).status == 0


def test_a_first_thread_that_ends_alone(loop: PollLoop, ready: tuple[int, int]) -> None:
    """The process looks like a zombie from then on, and its other threads run."""
    tag = procs.new_box_tag() | 1
    hides = """
import ctypes, threading, time
def live():
    while "Z" not in open("/proc/self/stat").read().rpartition(") ")[2][:1]:
        time.sleep(0.001)
    os.write(3, b'.')
    time.sleep(3600)
threading.Thread(target=live).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""
    child = procs.Child(loop, tagged(tag, hides, ready), lambda child: None)

    assert live_processes(tag) == {child.pid}
    assert procs.sweep({tag}) == {tag}
    loop.run_until(lambda: not child.is_alive)


def test_newborn_clone_is_found(loop: PollLoop, ready: tuple[int, int]) -> None:
    """It has its zygote's soft limit before it has set its own hard one."""
    tag = procs.new_box_tag() | 1
    born = f"""
import os, resource, time
resource.setrlimit(resource.RLIMIT_RTTIME, ({tag}, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))
os.write(3, b'.')
time.sleep(3600)
"""
    pid = start("-c", born, inherited={3: ready[1]})
    os.read(ready[0], 1)
    child = procs.Child(loop, pid, lambda child: None)

    assert procs.find(tag) == [pid]
    assert procs.find(tag + 1) == []
    child.signal(signal.SIGKILL)
    loop.run_until(lambda: not child.is_alive)


def test_sweep_catches_what_runs_away(loop: PollLoop, ready: tuple[int, int]) -> None:
    """A process that forks and ends all the time: when a look finds nothing, nothing is left."""
    runner = """
import time
os.write(3, b'.')
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
"""
    for serial in range(1, 16):
        tag = procs.new_box_tag() | serial
        pid = tagged(tag, runner, ready)
        ended(loop, pid)
        while procs.sweep({tag}):
            pass

        assert live_processes(tag) == set(), f"round {serial}"
