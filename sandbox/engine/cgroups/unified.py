"""Our own group of v2, and how it hands controllers down to the groups below.

A group below ours has a controller only when ours lists it in cgroup.subtree_control, and a group
that has processes may list none (cgroups(7), "no internal processes"); only the root of all may.
Where nobody but this process and its children are in our group, they move into one below, and back
at the end. Strangers are left where they are: then there are no controllers, and that is told.
"""

from __future__ import annotations

import os

from sandbox.engine.cgroups import files

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LEAF", "Unified", "take"]

LEAF = "-supervisor"
_FREEZE_SINCE = (5, 2)
_left: dict[tuple[int, str], Unified] = {}
"""Groups that a process of ours left, by its pid and where it went: for its other boxes."""


def take(own: str) -> Unified:
    """Our own group; the one that we had before, when a box of this process has moved us."""
    unified = _left.get((os.getpid(), own)) or Unified(own)
    unified.users += 1
    return unified


class Unified:
    """A group of v2 whose only processes are ours, or that hands nothing down."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.users = 0
        self._leaf = ""
        self._enabled: list[str] = []
        self._is_root = not os.path.exists(f"{directory}/cgroup.type")  # not in the root of all

    def refusal(self) -> str:
        """Why no groups can be made below; "" when they can."""
        if why := files.refusal(self.directory):
            return why
        if not self._is_root and (kind := self._read("cgroup.type").strip()) != "domain":
            return f"{self.directory} is a threaded group (cgroup.type is {kind!r})"
        return ""

    @property
    def can_freeze(self) -> bool:
        """Whether groups below have a cgroup.freeze: all but the root of all have, or none."""
        if not self._is_root:
            return os.path.exists(f"{self.directory}/cgroup.freeze")
        major, minor = os.uname().release.split(".")[:2]
        return (int(major), int("".join(filter(str.isdigit, minor)))) >= _FREEZE_SINCE

    def hand_down(self, wanted: Sequence[str], leaf_name: str) -> dict[str, str]:
        """Makes groups below have the controllers; gives the reason of each that they lack."""
        if not wanted:
            return {}
        there = self._read("cgroup.controllers").split()
        on = self._read("cgroup.subtree_control").split()
        reasons = {
            name: f"{self.directory}/cgroup.controllers does not list it"
            for name in wanted
            if name not in there
        }
        missing = [name for name in wanted if name in there and name not in on]
        blocked = self._empty(leaf_name) if missing else ""
        for name in missing:
            if reason := blocked or self._enable(name):
                reasons[name] = reason
        if self._leaf and not self._enabled:
            self._return()  # it was for nothing
        return reasons

    def close(self) -> bool:
        """Moves us back, for the last box; False when that could not be.

        What the root of all was made to hand down stays on: others may rely on it by now.
        """
        self.users -= 1
        return bool(self.users) or not self._leaf or self._return()

    def _enable(self, name: str) -> str:
        try:
            files.write(f"{self.directory}/cgroup.subtree_control", f"+{name}")
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        self._enabled.append(name)
        return ""

    def _empty(self, leaf_name: str) -> str:
        """Moves this process and its children into a group below; the reason when it cannot."""
        if self._is_root or self._leaf:
            return ""
        pids = files.pids(self.directory)
        if strangers := [pid for pid in pids if not _is_ours(pid)]:
            return (
                f"our own group {self.directory} has {len(strangers)} other processes, "
                "so that it can hand no controllers down"
            )
        self._leaf = f"{self.directory}/{leaf_name}"
        try:
            os.mkdir(self._leaf, 0o755)
            self._move(self._leaf, pids)
        except OSError as error:
            self._return()
            return f"{error.filename}: {error.strerror}"
        _left[os.getpid(), self._leaf] = self
        return ""

    def _return(self) -> bool:
        leaf, self._leaf = self._leaf, ""
        _left.pop((os.getpid(), leaf), None)
        try:
            while self._enabled:
                files.write(f"{self.directory}/cgroup.subtree_control", f"-{self._enabled[-1]}")
                self._enabled.pop()
            self._move(self.directory, files.pids(leaf))
            return files.remove(leaf)
        except OSError:
            return False

    def _move(self, directory: str, pids: Iterable[int]) -> None:
        for pid in pids:
            try:
                files.write(f"{directory}/cgroup.procs", str(pid))
            except ProcessLookupError:
                continue

    def _read(self, name: str) -> str:
        return files.read(f"{self.directory}/{name}")


def _is_ours(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        stat = files.read(f"/proc/{pid}/stat")
    except OSError:
        return pid > 0  # gone; 0 stands for one that this pid namespace does not know
    return int(stat.rpartition(") ")[2].split()[1]) == os.getpid()
