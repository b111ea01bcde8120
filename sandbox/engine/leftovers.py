"""What a box leaves in the file system while it lives, and cleaning up after one that was killed.

    <state>/runs/<box tag>/             locked (flock) while its box lives
    <state>/runs/<box tag>.new/         the same before it is locked, for a moment
    <state>/runs/<box tag>/home/        HOME of the functions
    <state>/runs/<box tag>/code/        what came out of .zip archives of code
    <state>/runs/<box tag>/record.json  for other commands: configuration, port, pid
    <state>/runs/<box tag>/groups.json  the directories below which it makes control groups

    /tmp/fcbox-<box>-<tag>/             /tmp of an instance of root without a root of its own

The lock, not a pid, says whether a box lives: pids come round again, and the kernel drops a lock
however its holder ends. The directory's name is the box's tag, by which its processes are found.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from sandbox.engine import procs

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

__all__ = ["Registration", "clean", "live_records", "public_folder", "state_dir"]

_SWEEP_S = 1.0
_NEW = ".new"
_MAKING_S = 60.0
"""Younger directories that are not locked may still be in the making; that takes microseconds."""
_RECORD = "record.json"
_GROUPS = "groups.json"
_PUBLIC = "/tmp"
_MAX_RECORD_BYTES = 1 << 20


def state_dir(environ: Mapping[str, str]) -> str:
    """$FCBOX_STATE_DIR, else $XDG_STATE_HOME/fcbox, else ~/.local/state/fcbox."""
    if environ.get("FCBOX_STATE_DIR"):
        return os.path.abspath(environ["FCBOX_STATE_DIR"])
    base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "fcbox")


def public_folder(tag: int) -> str:
    """A directory for an instance of root that has no root of its own: another uid than root's
    could not reach one in the state directory."""
    return os.path.join(_PUBLIC, f"{_public_prefix(tag)}{tag:x}")


class Registration:
    """This box's directory. Raises OSError where it may not be made."""

    def __init__(self, state: str) -> None:
        self.box_tag = procs.new_box_tag()
        self._details: dict[str, object] = {}
        runs = os.path.join(state, "runs")
        _make_private(runs)  # who can write there could have ours removed, or others' ended
        self._path = os.path.join(runs, f"{self.box_tag:x}")
        self.home = os.path.join(self._path, "home")
        self.code = os.path.join(self._path, "code")
        # Locked before it has its name: nobody may take it for a dead box's.
        new_path = self._path + _NEW
        os.mkdir(new_path, 0o700)
        self._fd = os.open(new_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.mkdir(os.path.join(new_path, "home"), 0o700)
        os.rename(new_path, self._path)

    def write(self, details: Mapping[str, object]) -> None:
        """Tells other commands of this box, such as its configuration and its port."""
        import json

        self._details = dict(details)
        record = {"box_tag": self.box_tag, "pid": os.getpid(), **details}
        path = os.path.join(self._path, _RECORD)
        # By a name that no function can have guessed, and made a pipe that we would wait for.
        new_path = f"{path}.{os.urandom(8).hex()}"
        fd = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.replace(new_path, path)

    def renew(self, details: Mapping[str, object]) -> None:
        """Tells what has changed since `write`; nothing where nothing was told."""
        if self._details:
            self.write({**self._details, **details})

    def write_groups(self, places: Sequence[str]) -> None:
        """Tells whoever cleans up after us where our control groups are."""
        if places:
            import json

            with open(os.path.join(self._path, _GROUPS), "w", encoding="utf-8") as file:
                json.dump(places, file)

    def close(self) -> None:
        """Takes the directory away again."""
        _remove(self._path)
        os.close(self._fd)


def _make_private(directory: str) -> None:
    """For this user alone. Raises OSError when it is somebody else's."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    status = os.stat(directory)
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "the directory belongs to another user", directory)
    if status.st_mode & 0o077:
        os.chmod(directory, 0o700)


def live_records(state: str) -> list[dict[str, Any]]:
    """The records of the boxes that live and have written one."""
    records = (_read(path) for path, _, is_live in _boxes(state) if is_live)
    return [record for record in records if record]


def clean(state: str) -> int:
    """Ends the processes, and removes the files, of boxes that were killed; gives how many."""
    count = 0
    for path, box_tag, is_live in _boxes(state):
        if is_live:
            continue
        _remove_groups(path, box_tag)  # first: what the v1 freezer holds does not die
        deadline_s = time.monotonic() + _SWEEP_S
        while procs.sweep_box(box_tag) and time.monotonic() < deadline_s:
            pass
        _remove_public(box_tag)
        _remove(path)
        count += 1
    _remove_unfinished(os.path.join(state, "runs"))
    return count


def _remove_public(box_tag: int) -> None:
    """What instances of root had for their /tmp where they had no root of their own."""
    prefix = _public_prefix(box_tag)
    for name in _names(_PUBLIC):
        if name.startswith(prefix):
            _remove(os.path.join(_PUBLIC, name))


def _public_prefix(tag: int) -> str:
    return f"fcbox-{procs.box_name(tag)}-"


def _remove_groups(path: str, box_tag: int) -> None:
    places = _parsed(os.path.join(path, _GROUPS))
    if not isinstance(places, list):
        return
    from sandbox.engine import cgroups  # few starts come after a crash

    name = procs.box_name(box_tag)
    deadline_s = time.monotonic() + _SWEEP_S
    while not cgroups.clean(places, name, procs.kill_if) and time.monotonic() < deadline_s:
        pass


def _remove_unfinished(runs: str) -> None:
    """Directories whose box was killed before they had their name: there is no process."""
    for name in _names(runs):
        path = os.path.join(runs, name)
        try:
            if not name.endswith(_NEW):
                continue
            int(name.removesuffix(_NEW), 16)
            age_s = time.time() - os.lstat(path).st_mtime
            if age_s > _MAKING_S and not _is_locked(path):
                _remove(path)
        except (ValueError, OSError):
            continue  # has its name by now, or not ours


def _boxes(state: str) -> Iterator[tuple[str, int, bool]]:
    runs = os.path.join(state, "runs")
    for name in _names(runs):
        try:
            box_tag = int(name, 16)
            is_live = _is_locked(os.path.join(runs, name))
        except (ValueError, OSError):
            continue  # being made, gone just now, or not ours
        yield os.path.join(runs, name), box_tag, is_live


def _names(runs: str) -> list[str]:
    try:
        return os.listdir(runs)
    except FileNotFoundError:
        return []


def _is_locked(path: str) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _read(path: str) -> dict[str, Any]:
    record = _parsed(os.path.join(path, _RECORD))
    return record if isinstance(record, dict) else {}


def _parsed(path: str) -> object:
    import json

    try:
        return json.loads(_bytes_of(path))
    except (OSError, ValueError, RecursionError):
        return None


def _bytes_of(path: str) -> bytes:
    # A function can write there: it may be a pipe, a link to a device, or very large.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("no regular file")
        data = file.read(_MAX_RECORD_BYTES + 1)
    if len(data) > _MAX_RECORD_BYTES:
        raise ValueError("too large")
    return data


def _remove(path: str) -> None:
    try:
        os.rmdir(os.path.join(path, "home"))
        os.rmdir(path)
    except OSError:  # there is a record or code, or the functions left something
        import shutil  # here: it imports every compression there is

        shutil.rmtree(path, ignore_errors=True)
