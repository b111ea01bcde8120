"""What a box leaves in the file system, and cleaning up after one that was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.engine import leftovers
from tests.boxes import environ_of, live_processes, open_box, wait_until, workers, write_function

REPOSITORY = Path(__file__).resolve().parents[2]
DAEMON = """
import os, signal, time

def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in (1, 2, 15):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(3600)
    os.wait()
    return "started"
"""
BOX = """
import json, os, sys
from sandbox import BoxSettings, FunctionSpec, Sandbox
code, python, level = sys.argv[1:]
spec, settings = FunctionSpec("f", "index.handler", code, python), BoxSettings(isolation=level)
with Sandbox([spec], settings, environ=os.environ) as box:
    assert box.invoke("f").ok
    pids = [record.pid for record in box.instances()] + box.statistics()["zygotes"]
    print(json.dumps(pids), flush=True)
    sys.stdin.read()
"""


READ_RECORDS = """
import sys
from sandbox.engine import leftovers
print(leftovers.live_records(sys.argv[1]))
"""


class Box:
    """A supervisor in a process of its own, whose instance has made a daemon."""

    def __init__(self, folder: Path, level: str) -> None:
        spec = write_function(folder, DAEMON)
        self.level = level
        self.environ = environ_of(folder)
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOX, spec.code_dir, spec.python, level],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**self.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.worker, self.zygote = json.loads(line)
        (self.folder,) = (folder / "state" / "runs").iterdir()
        self.tag = int(self.folder.name, 16)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=["none", "process", "strict"])
def box(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Box]:
    box = Box(tmp_path, request.param)
    yield box
    box.kill()


def test_killed_supervisor_takes_everything_with_it(tmp_path: Path, box: Box) -> None:
    """Workers, zygote and daemons are gone within a second; the next box removes the files."""
    assert len(workers(live_processes(box.tag))) == 2
    box.kill()
    (box.folder / "home" / "left").write_text("by the function")

    wait_until(lambda: not workers(live_processes(box.tag)), "worker and daemon to end", 1.0)
    wait_until(lambda: not live_processes(box.tag), "pid 1 to reap, so that the init can end")
    wait_until(lambda: not is_alive(box.zygote), "the zygote's end", 1.0)
    assert box.folder.exists()
    with open_box(tmp_path, write_function(tmp_path, DAEMON)) as next_box:
        assert next_box._box is not None
        assert next_box._box.cleaned == 1
        assert not box.folder.exists()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_processes_that_outlived_their_box_are_ended(box: Box) -> None:
    """Should the zygote have been killed with the supervisor, the next box does its work."""
    box.process.send_signal(signal.SIGSTOP)
    os.kill(box.zygote, signal.SIGKILL)
    box.kill()
    wait_until(lambda: not is_alive(box.worker), "the worker's own parent death signal")

    if box.level == "none":
        assert len(live_processes(box.tag)) == 1, "the daemon lives on"
    begun = time.monotonic()
    assert leftovers.clean(box.environ["FCBOX_STATE_DIR"]) == 1
    assert time.monotonic() - begun < 0.5, "it does not wait for pid 1 to reap the worker"
    assert workers(live_processes(box.tag)) == set()
    wait_until(lambda: not live_processes(box.tag), "the end of the init")
    assert not box.folder.exists()


def test_live_boxes_are_untouched(box: Box) -> None:
    """Another box of the same user goes on while a new one starts and ends."""
    state = box.environ["FCBOX_STATE_DIR"]

    assert leftovers.clean(state) == 0
    assert box.folder.is_dir()
    assert is_alive(box.worker)
    assert is_alive(box.zygote)
    box.kill()
    assert leftovers.clean(state) == 1


def test_registration(tmp_path: Path) -> None:
    """A record that others can read, and a private directory; both go with the box."""
    registration = leftovers.Registration(str(tmp_path))
    (folder,) = (tmp_path / "runs").iterdir()
    assert leftovers.live_records(str(tmp_path)) == []
    registration.write({"port": 9700})
    registration.write({"port": 9})
    expected = {"box_tag": registration.box_tag, "pid": os.getpid(), "port": 9}

    assert leftovers.live_records(str(tmp_path)) == [expected]
    assert folder.name == f"{registration.box_tag:x}"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "home")] == [0o700] * 2
    registration.close()
    assert list((tmp_path / "runs").iterdir()) == []


def test_registration_where_nothing_can_be_made(tmp_path: Path) -> None:
    """An OSError, and no descriptor stays."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(NotADirectoryError):
        leftovers.Registration(str(tmp_path / "file" / "state"))


def test_registration_where_others_may_write(tmp_path: Path) -> None:
    """What is ours, from a time with another umask, is closed to them."""
    runs = tmp_path / "runs"
    runs.mkdir()
    runs.chmod(0o777)

    leftovers.Registration(str(tmp_path)).close()

    assert runs.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
def test_registration_where_another_user_reigns(tmp_path: Path) -> None:
    """They could rename what stands there, or name a box for us to end. Nothing is left there."""
    runs = tmp_path / "runs"
    runs.mkdir()
    runs.chmod(0o777)
    os.chown(runs, 1234, -1)

    with pytest.raises(PermissionError, match="belongs to another user") as caught:
        leftovers.Registration(str(tmp_path))

    assert caught.value.filename == str(runs)
    assert list(runs.iterdir()) == []
    assert runs.stat().st_mode & 0o777 == 0o777


def test_files_of_the_function_go_too(tmp_path: Path) -> None:
    """Whatever it left in its HOME."""
    registration = leftovers.Registration(str(tmp_path))
    (Path(registration.home) / "deep" / "er").mkdir(parents=True)
    (Path(registration.home) / "deep" / "link").symlink_to(tmp_path)
    registration.close()

    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe\x00", b"[]", b"{", b"null", b"7", b"[" * 100_000],
    ids=["empty", "no text", "list", "half", "null", "number", "deep"],
)
def test_corrupt_records_are_passed_over(tmp_path: Path, data: bytes) -> None:
    """Whatever stands in it, other commands find no box there, and the next one cleans it."""
    registration = leftovers.Registration(str(tmp_path))
    folder = Path(registration.home).parent
    (folder / "record.json").write_bytes(data)

    assert leftovers.live_records(str(tmp_path)) == []
    os.close(registration._fd)
    assert leftovers.clean(str(tmp_path)) == 1
    assert not folder.exists()


RECORDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "directory": os.mkdir,
    "link": lambda path: path.symlink_to(path.parent.parent / "elsewhere"),
    "large": lambda path: path.write_bytes(b'{"port": 9}' + b" " * (1 << 20)),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_that_functions_plant_are_passed_over(tmp_path: Path, name: str) -> None:
    """Nobody waits for a pipe, reads without end, or reads other files."""
    registration = leftovers.Registration(str(tmp_path))
    (tmp_path / "runs" / "elsewhere").write_text('{"port": 9}')
    RECORDS[name](Path(registration.home).parent / "record.json")
    command = [sys.executable, "-c", READ_RECORDS, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environ, capture_output=True, timeout=20, check=False)

    assert (done.stdout, done.stderr) == (b"[]\n", b"")
    registration.close()


def test_writing_again_is_in_nobodys_hand(tmp_path: Path) -> None:
    """A box says that it stops after functions could plant things beside its record."""
    registration = leftovers.Registration(str(tmp_path))
    folder = Path(registration.home).parent
    os.mkfifo(folder / "record.json.new")
    os.mkfifo(folder / "record.json")
    pid = os.fork()
    if pid == 0:
        signal.alarm(5)  # ends the child where it waits for a reader
        registration.write({"port": 9})
        os._exit(0)

    assert os.waitpid(pid, 0)[1] == 0
    assert [record["port"] for record in leftovers.live_records(str(tmp_path))] == [9]
    registration.close()


def test_what_is_not_a_boxs_is_left_alone(tmp_path: Path) -> None:
    """Neither files nor folders whose name is no tag."""
    runs = tmp_path / "runs"
    (runs / "folder").mkdir(parents=True)
    (runs / "4a.new").mkdir()
    (runs / "4b").write_text("a file")
    (runs / "4c").symlink_to(tmp_path)

    assert leftovers.clean(str(tmp_path)) == 0
    assert sorted(path.name for path in runs.iterdir()) == ["4a.new", "4b", "4c", "folder"]


def test_no_state_directory_yet(tmp_path: Path) -> None:
    """Nothing has ever run here."""
    assert leftovers.clean(str(tmp_path / "missing")) == 0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FCBOX_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
        ({"XDG_STATE_HOME": "/b"}, "/b/fcbox"),
        ({}, os.path.expanduser("~/.local/state/fcbox")),
    ],
)
def test_state_dir(environ: dict[str, str], expected: str) -> None:
    """The variable of our own wins, then the desktop's."""
    assert leftovers.state_dir(environ) == expected


def test_two_boxes_at_once(tmp_path: Path) -> None:
    """Each has its own tag and directory; the first to end takes nothing of the other's."""
    spec = write_function(tmp_path, "def handler(event, context): return event")
    environ = environ_of(tmp_path)
    from sandbox import Sandbox

    first, second = (Sandbox([spec], environ=environ).open() for _ in range(2))
    first.invoke("f", b"1")
    second.invoke("f", b"2")
    first.close()
    begun = time.monotonic()

    assert second.invoke("f", b"3").body == b"3"
    assert time.monotonic() - begun < 1
    second.close()
    assert list((tmp_path / "state" / "runs").iterdir()) == []
