"""What can be had on this machine, the groups of a box, and cleaning up after a dead one."""

from __future__ import annotations

import os

from sandbox.engine.cgroups import files, unified
from sandbox.engine.cgroups.discovery import UNIFIED, Mount, mounts, own_directories
from sandbox.engine.cgroups.group import Group, Place

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FEATURES", "Groups", "clean"]

CONTROLLERS = ("memory", "cpu", "pids")
FEATURES = (*CONTROLLERS, "freezer")
_NOT_MOUNTED = "no cgroup file system with this controller is mounted"
_MAX_PLACES = 16
"""A record names no more directories: five hierarchies at most are used."""


class Groups:
    """Finds out, once, which limits groups below our own can have.

    `held` has those, of FEATURES; `reasons` says in words why the others cannot be had. `places`
    are the directories below which groups are made, for `clean` after a crash.
    """

    def __init__(self, box_name: str) -> None:
        self._prefix = _prefix(box_name)
        self.reasons: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        own = own_directories(files.read("/proc/self/cgroup"), files.read("/proc/self/mountinfo"))
        self._unified = unified.take(own[UNIFIED]) if own.get(UNIFIED) else None
        self._find_v1(own)
        self._find_v2(own)
        self.held = frozenset(self._places.keys() & set(FEATURES))
        self.places = list(dict.fromkeys(directory for directory, _ in self._places.values()))

    def make(
        self,
        name: str,
        memory_bytes: int,
        pids: int,
        cpu: float,
        features: Iterable[str] = FEATURES,
    ) -> Group | None:
        """A group with these limits, 0 for none; None when nothing is held.

        It has those of `features` that are held, and no others: attaching to a v2 group can take
        the kernel ten milliseconds, which is too much for a way to kill alone. Raises OSError
        when one cannot be set, and leaves nothing behind then.
        """
        if not name or {"/", "\0", "\n"} & set(name) or f"-{name}" == unified.LEAF:
            raise ValueError(f"no name for a group: {name!r}")
        wanted = self.held.intersection(features)
        if not wanted:
            return None
        places = {
            feature: (f"{directory}/{self._prefix}{name}", version)
            for feature, (directory, version) in self._places.items()
            if feature in wanted
        }
        if any(version == 2 for _, version in places.values()):
            directory, version = self._places[UNIFIED]
            places[UNIFIED] = (f"{directory}/{self._prefix}{name}", version)
        return Group(places, memory_bytes, pids, cpu)

    def close(self) -> bool:
        """Removes all groups of the box; False while one is busy, which `clean` may end then."""
        paths = [path for place in self.places for path in _named(place, self._prefix)]
        is_done = _removed([path for path in paths if not path.endswith(unified.LEAF)])
        if self._unified:
            mine, self._unified = self._unified, None
            is_done = mine.close() and is_done
        return is_done

    def _find_v1(self, own: dict[str, str]) -> None:
        for feature in FEATURES:
            if feature not in own:
                continue
            if why := files.refusal(own[feature]):
                self.reasons[feature] = why
            else:
                self._places[feature] = (own[feature], 1)

    def _find_v2(self, own: dict[str, str]) -> None:
        """For the controllers that v1 does not have, and to freeze and to kill without one."""
        wanted = [feature for feature in CONTROLLERS if feature not in own]
        if self._unified is None:
            why = files.refusal("") if UNIFIED in own else _NOT_MOUNTED
        else:
            why = self._unified.refusal()
        if self._unified and not why:
            place = (self._unified.directory, 2)
            leaf_name = self._prefix.removesuffix("-") + unified.LEAF
            lacking = self._unified.hand_down(wanted, leaf_name)
            self._places[UNIFIED] = place
            self._places.update((name, place) for name in wanted if name not in lacking)
            self.reasons.update(lacking)
            why = self._freezer_of_v2(place)
        else:
            self.reasons.update((name, why) for name in wanted)
        if "freezer" not in self._places:
            self.reasons["freezer"] = "; ".join(filter(None, (self.reasons.get("freezer"), why)))

    def _freezer_of_v2(self, place: Place) -> str:
        """Goes before the one of v1, which keeps even a SIGKILL from what it has frozen."""
        if not (self._unified and self._unified.can_freeze):
            return "the kernel is older than 5.2"
        self._places["freezer"] = place
        self.reasons.pop("freezer", None)
        return ""


def clean(
    places: Iterable[object], box_name: str, kill: Callable[[int, Callable[[int], bool]], object]
) -> bool:
    """Ends what is left in the groups of a dead box, and removes them; False while one is busy.

    A function may have written `places`: what is not in a cgroup file system, or not named for
    this box, is let be. `kill(pid, is_member)` is to signal a process that is still a member.
    Where the kernel kills a group at once it is not called.
    """
    prefix = _prefix(box_name)
    known = mounts(files.read("/proc/self/mountinfo"))
    paths = [
        path
        for place, _ in zip(places, range(_MAX_PLACES), strict=False)
        if isinstance(place, str) and _is_within(place, known)
        for path in _named(place, prefix)
    ]
    for path in paths:
        if not path.endswith(unified.LEAF):  # a library's other children may live there
            _end(path, kill)
    return _removed(paths)


def _prefix(box_name: str) -> str:
    if not (box_name.isascii() and box_name.isalnum()):
        raise ValueError(f"no name for a box: {box_name!r}")  # else one could begin another's
    return f"fcbox-{box_name}-"


def _is_within(place: str, known: Iterable[Mount]) -> bool:
    """At or below the point of a cgroup mount, by a path that the kernel would write too."""
    try:
        device = os.lstat(place).st_dev
    except (OSError, ValueError):  # not there; no path at all
        return False
    return os.path.normpath(place) == place and any(
        f"{place}/".startswith(f"{mount.point}/") and os.makedev(*mount.device) == device
        for mount in known
    )


def _named(place: str, prefix: str) -> list[str]:
    try:
        return [f"{place}/{name}" for name in os.listdir(place) if name.startswith(prefix)]
    except OSError:
        return []


def _end(path: str, kill: Callable[[int, Callable[[int], bool]], object]) -> None:
    def is_member(pid: int) -> bool:
        return pid in files.tree_pids(path)

    try:
        pids = files.tree_pids(path)
        if os.getpid() not in pids and not files.write_if_there(f"{path}/cgroup.kill", "1"):
            for pid in pids:
                kill(pid, is_member)
        # Only now, so that they die before they run: the v1 freezer held the signal back.
        files.write_if_there(f"{path}/freezer.state", "THAWED")
    except OSError:
        pass  # not ours to end; then it cannot be removed, and that is told


def _removed(paths: Iterable[str]) -> bool:
    """Removes all that can be; whether that was all."""
    return not [path for path in paths if not _is_removed(path)]


def _is_removed(path: str) -> bool:
    try:
        return files.remove(path)
    except OSError:
        return False
