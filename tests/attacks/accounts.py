"""Programs of these tests, run as root or as an ordinary user, each with a folder of its own.

    with account("user") as somebody:
        told = somebody.ask("pressure", {"level": "strict"})

A program is a module beside this one. It is given one JSON object as its argument, with "folder"
and "python" among its keys, and writes one as a line on stdout. What it leaves behind is looked
for here: in its folders, in the control groups and among the processes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = [
    "UID", "USERS", "Account", "account", "groups_of", "is_alive", "mounts_of", "processes_of",
    "wait_until",
]  # fmt: skip

REPOSITORY = Path(__file__).resolve().parents[2]
UID = 61235
"""Nobody's, on most machines; as an account it would be as good."""
USERS = ("root", "user") if os.geteuid() == 0 else ("user",)
"""Whom these tests can be."""
COMMON_PYTHON = "/usr/bin/python3"
PATIENCE_S = 10.0
_PF_EXITING = 0x4


class Account:
    """Somebody with a home, a state directory and a temp directory."""

    def __init__(self, user: str, folder: Path) -> None:
        self.user = user
        self.folder = folder
        self._drops = user == "user" and os.geteuid() == 0
        self.python = COMMON_PYTHON if self._drops else sys.executable
        for name in ("state", "tmp", "home"):
            (folder / name).mkdir()
        package = folder / "fcbox" if self._drops else REPOSITORY
        if self._drops:
            _copy_package(package)
        self.environment = {
            "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
            "FCBOX_STATE_DIR": str(folder / "state"), "PATH": os.environ["PATH"],
            "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self.own(folder)

    def own(self, folder: Path) -> None:
        """Gives a tree of files to this user."""
        if self._drops:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, UID, UID)

    def start(self, program: str, options: dict[str, Any]) -> "subprocess.Popen[str]":
        """Begins a program, with pipes at stdin and stdout."""
        who: dict[str, Any] = {}
        if self._drops:
            who = {"user": UID, "group": UID, "extra_groups": []}
        told = json.dumps({"folder": str(self.folder), "python": self.python, **options})
        with open(self.folder / "stderr", "a") as talk:
            return subprocess.Popen(
                [self.python, "-m", f"tests.attacks.{program}", told],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=talk, text=True, cwd="/",
                env=self.environment, start_new_session=True, **who,
            )  # fmt: skip

    def hear(self, process: "subprocess.Popen[str]") -> Any:
        """The next object that a program tells."""
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the program failed: {(self.folder / 'stderr').read_text()}"
        return json.loads(line)

    def ask(self, program: str, options: dict[str, Any]) -> Any:
        """Runs a program to its end; gives what it told."""
        with self.start(program, options) as process:
            try:
                told = self.hear(process)
                process.communicate()
            finally:
                process.kill()
        assert process.returncode == 0, (self.folder / "stderr").read_text()
        return told

    def boxes(self) -> list[str]:
        """The names of the boxes that are, or were, registered."""
        runs = self.folder / "state" / "runs"
        return [path.name for path in runs.iterdir()] if runs.exists() else []

    def left(self) -> list[str]:
        """Files of boxes: in the state directory, in the temp directory."""
        return [*self.boxes(), *os.listdir(self.folder / "tmp")]


@contextmanager
def account(user: str) -> Iterator[Account]:
    """A new one; its folder goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="account-"))
    try:
        yield Account(user, folder)
    finally:
        shutil.rmtree(folder)


def _copy_package(home: Path) -> None:
    """The checkout may lie where only its owner may look."""
    ignored = shutil.ignore_patterns("__pycache__", "templates")
    for name in ("sandbox", "worker", "tests/attacks", "tests/faults/functions"):
        shutil.copytree(REPOSITORY / name, home / name, ignore=ignored)


# -- what is left of a box ---------------------------------------------------------------------


def processes_of(box: str) -> dict[int, str]:
    """The live processes of a box, with their states: its tag is in a limit of each."""
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            limits = Path(f"/proc/{pid}/limits").read_text()
        except OSError:
            continue
        ceiling = limits.partition("Max realtime timeout")[2].split()[1:2]
        is_tagged = ceiling not in ([], ["unlimited"])
        if is_tagged and int(ceiling[0]) >> 24 == int(box, 16) >> 24 and is_alive(pid):
            found[pid] = _stat_of(pid)[0]
    return found


def is_alive(pid: int) -> bool:
    """Some thread of it may still run: one that ends has a flag, and a zombie has it too.

    An init that ends looks asleep until whoever inherited its worker has reaped that.
    """
    state, *fields = _stat_of(pid)
    return state != "X" and (not int(fields[5]) & _PF_EXITING or int(fields[16]) > 1)


def _stat_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ["X"]


def groups_of(box: str) -> list[str]:
    """The control groups of a box, wherever they are."""
    prefix = f"fcbox-{int(box, 16) >> 24:x}-"
    return [
        os.path.join(folder, name)
        for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith(prefix)
    ]


def mounts_of(folder: Path) -> list[str]:
    """The lines of the host's mounts that name this folder."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if str(folder) in line]


def wait_until(is_met: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Looks every few milliseconds; fails with `what` when patience ends."""
    end = time.monotonic() + patience_s
    while not is_met():
        assert time.monotonic() < end, f"waited {patience_s:g} s for {what}"
        time.sleep(0.005)
