"""What a box leaves in the file system while it lives, and cleaning up after one that was killed.

    <state>/runs/<box tag>.json   who runs, since when, on which port; locked while it lives
    <tmp>/fcbox-<box tag>/        HOME of the functions

The lock, not a pid, says whether a record's box lives: pids come round again, and the kernel
drops a lock however its holder ends.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping

from sandbox.engine import procs

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Registration", "clean", "live_records", "state_dir"]

_SWEEP_S = 1.0


def state_dir(environ: Mapping[str, str]) -> str:
    """$FCBOX_STATE_DIR, else $XDG_STATE_HOME/fcbox, else ~/.local/state/fcbox."""
    if environ.get("FCBOX_STATE_DIR"):
        return environ["FCBOX_STATE_DIR"]
    base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "fcbox")


class Registration:
    """This box's record and its temporary directory. Raises OSError where it may not write."""

    def __init__(self, state: str, temp: str) -> None:
        self.box_tag = procs.new_box_tag()
        runs = os.path.join(state, "runs")
        os.makedirs(runs, mode=0o700, exist_ok=True)
        self.home = os.path.join(temp, f"fcbox-{self.box_tag:x}")
        self._path = os.path.join(runs, f"{self.box_tag:x}.json")
        # Locked before it has its name: nobody may take it for the record of a dead box.
        new_path = f"{self._path}.new"
        self._fd = os.open(new_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.write({})
        os.rename(new_path, self._path)
        os.mkdir(self.home, 0o700)

    def write(self, details: Mapping[str, object]) -> None:
        """Tells other commands of this box, such as its configuration and its port."""
        record = {"box_tag": self.box_tag, "home": self.home, "pid": os.getpid(), **details}
        data = json.dumps(record).encode("ascii")
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))

    def close(self) -> None:
        """Takes both away again."""
        _remove(self._path, self.home)
        os.close(self._fd)


def live_records(state: str) -> "list[dict[str, Any]]":
    """The records of the boxes that live."""
    return [record for _, record, is_live in _records(state) if is_live]


def clean(state: str) -> int:
    """Ends the processes, and removes the files, of boxes that were killed; gives how many."""
    count = 0
    for path, record, is_live in _records(state):
        if is_live:
            continue
        deadline_s = time.monotonic() + _SWEEP_S
        while record and procs.sweep_box(record["box_tag"]) and time.monotonic() < deadline_s:
            pass
        _remove(path, record.get("home", ""))
        count += 1
    return count


def _records(state: str) -> "Iterator[tuple[str, dict[str, Any], bool]]":
    runs = os.path.join(state, "runs")
    try:
        names = os.listdir(runs)
    except FileNotFoundError:
        return
    for name in names:
        if not name.endswith(".json"):
            continue
        path = os.path.join(runs, name)
        try:
            with open(path, "rb") as file:
                record = _parse(file.read())
                is_live = _is_locked(file.fileno())
        except FileNotFoundError:
            continue  # it ended just now
        yield path, record, is_live


def _parse(data: bytes) -> "dict[str, Any]":
    try:
        record = json.loads(data)
    except ValueError:
        return {}  # killed while it wrote
    return record if isinstance(record, dict) and "box_tag" in record else {}


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _remove(path: str, home: str) -> None:
    # Only ever a directory that a box made: the record could say anything.
    if os.path.basename(home).startswith("fcbox-"):
        try:
            os.rmdir(home)
        except OSError:  # the functions left something in it
            import shutil  # here: it imports every compression there is

            shutil.rmtree(home, ignore_errors=True)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
