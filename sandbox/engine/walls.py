"""The walls of a box, seen from outside: what instances are to raise, and what they report.

The instance raises them itself (`worker.walls`); here is what only the supervisor can give it, a
control group, and what is made of its report: one `Walls` for the box, told once, and the refusal
of a level that does not hold.
"""

import os
from collections.abc import Callable
from typing import Any

from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.core.walls import Lack, Walls, needed_ways, network_of, refusal, verdicts
from sandbox.engine import procs
from sandbox.engine.cgroups import Group, Groups
from sandbox.engine.leftovers import public_folder

__all__ = ["BoxWalls"]

MAX_PROCESSES = 1024
"""Processes and threads of one instance, as in the cloud."""
MAX_FILES = 100_000
"""Open files of one process, as in the cloud."""
SHM_MB = 64
"""The size of /dev/shm."""
_DATA_SLACK_MB = 4096
"""Without a group the memory is watched; this bounds what a process can take between two looks.
The stacks of threads count, 8 MB each, used or not."""
_MB = 1 << 20
_MECHANISMS = {
    "memory": "memory_cgroup",
    "pids": "pids_cgroup",
    "cpu": "cpu_quota",
    "freezer": "freezer",
}
_ASKED_FOR = frozenset(("cpu_quota", "freezer"))
"""Mechanisms that a function without a use for them does not have."""


class BoxWalls:
    """One per box. `on_told` is called with the walls each time that they are news."""

    def __init__(self, settings: BoxSettings, box_tag: int, home: str) -> None:
        self._home = home
        self.level = settings.isolation
        self._refusals: dict[str, str] = {}
        self.told: Walls | None = None
        """What is in force around the functions, as far as they have reported."""
        self.on_told: Callable[[Walls], None] | None = None
        self._may_degrade = settings.allows_degraded
        self._groups = Groups(procs.box_name(box_tag)) if self.level != "none" else None
        self._busy: list[Group] = []
        self._reports: dict[str, Walls] = {}

    @property
    def features(self) -> frozenset[str]:
        """What the groups of instances have, of `cgroups.FEATURES`."""
        return self._groups.held if self._groups else frozenset()

    @property
    def places(self) -> list[str]:
        """The directories with this box's groups, for cleaning up after a crash."""
        return self._groups.places if self._groups else []

    def make_group(self, spec: FunctionSpec, tag: int) -> Group | None:
        """The control group of an instance; None where there is none to be had.

        What is stored in /tmp is memory too. So the kernel's limit is on both, and that on memory
        alone is the watch's. Raises OSError.
        """
        self._remove_busy()
        if self._groups is None:
            return None
        size = (spec.memory_mb + spec.disk_mb) * _MB
        return self._groups.make(f"{tag:x}", size, MAX_PROCESSES, spec.cpu, _used(spec))

    def remove_group(self, group: Group) -> None:
        """Of an instance that is gone. One that is busy still is removed later."""
        self._busy.append(group)
        self._remove_busy()

    def remove_folder(self, tag: int) -> None:
        """What an instance without a root of its own had for its /tmp."""
        folder = folder_of(self._home, tag)
        if os.path.lexists(folder):
            import shutil  # here: it imports every compression there is

            shutil.rmtree(folder, ignore_errors=True)

    def setup(self, spec: FunctionSpec, tag: int, group: Group | None) -> dict[str, Any] | None:
        """The set-up's part on the walls; None at the level none."""
        if self._groups is None:
            return None
        held = self.features
        mechanisms = [_MECHANISMS[name] for name in _used(spec) if group and name in held]
        needed = self.level == "strict" and not self._may_degrade
        return {
            "level": self.level,
            "network": network_of(spec.network, self.level),
            "disk_mb": spec.disk_mb,
            "shm_mb": SHM_MB,
            "files": MAX_FILES,
            "processes": MAX_PROCESSES,
            "data_mb": 0 if "memory" in held else spec.memory_mb + _DATA_SLACK_MB,
            "given": ["memory_watch"],
            "groups": {"entries": group.entries if group else [], "mechanisms": mechanisms},
            "folder": folder_of(self._home, tag),
            "needed": needed_ways(self.level, self._conditions(spec)) if needed else [],
            "mounts": spec.mounts,
        }

    def take_report(self, spec: FunctionSpec, report: dict[str, list[Any]]) -> str:
        """What an instance reported; gives why it must not go on, or nothing."""
        held = frozenset(report["held"])
        lacks = [Lack(*lack) for lack in report["lacks"]]
        if self._groups:
            reasons = self._groups.reasons
            lacks += [Lack(_MECHANISMS[key], reasons[key]) for key in _used(spec) if key in reasons]
        walls = Walls(self.level, held, tuple(lacks), self._conditions(spec))
        self._reports[spec.name] = walls
        together = _together(self.level, list(self._reports.values()))
        if together != self.told:
            self.told = together
            if self.on_told:
                self.on_told(together)
        if not self._may_degrade and (why := refusal(walls)):
            self._refusals[spec.name] = why
        return self.refusal_of(spec.name)

    def refusal_of(self, function: str) -> str:
        """Why this function may not run here; empty when it may, as far as is known."""
        return self._refusals.get(function, "")

    def forget(self, function: str) -> None:
        """It is another one now, or gone: what was said of it holds no longer."""
        self._refusals.pop(function, None)
        if self._reports.pop(function, None):
            rest = list(self._reports.values())
            self.told = _together(self.level, rest) if rest else None

    def describe(self) -> str:
        """The level, and whether something of it is missing."""
        is_whole = self.told is None or all(verdict.is_kept for verdict in verdicts(self.told))
        return self.level if is_whole else f"{self.level} (degraded)"

    def close(self) -> bool:
        """All instances are gone; False while the kernel still holds one of their groups."""
        self._remove_busy()
        return self._groups is None or self._groups.close()

    def _conditions(self, spec: FunctionSpec) -> frozenset[str]:
        is_off = self.level != "none" and network_of(spec.network, self.level) == "off"
        asked = {"network off": is_off, "cpu": spec.cpu > 0}
        return frozenset(name for name, is_asked in asked.items() if is_asked)

    def _remove_busy(self) -> None:
        self._busy = [group for group in self._busy if not group.remove()]


def _together(level: str, reports: list[Walls]) -> Walls:
    """What the functions have in common: what one has to do without is told, whoever spoke last.

    A network namespace is held when all have one; a quota, when those do that ask for it.
    """
    lacks = tuple(dict.fromkeys(lack for walls in reports for lack in walls.lacks))
    every = [walls.held | _ASKED_FOR for walls in reports]
    held = frozenset.intersection(*every) & frozenset().union(*(walls.held for walls in reports))
    conditions = frozenset().union(*(walls.conditions for walls in reports))
    return Walls(level, held - {lack.mechanism for lack in lacks}, lacks, conditions)


def folder_of(home: str, tag: int) -> str:
    """The directory of an instance that has no root of its own.

    An uid of its own could not reach it below the home directory of root.
    """
    return public_folder(tag) if os.geteuid() == 0 else os.path.join(home, f"tmp-{tag:x}")


def _used(spec: FunctionSpec) -> list[str]:
    asked = {
        "memory": True,
        "pids": True,
        "cpu": spec.cpu > 0,
        "freezer": spec.is_frozen_when_idle,
    }
    return [feature for feature, is_asked in asked.items() if is_asked]
