"""Where this process' own groups are: pure functions of two texts from /proc/self.

A line of `cgroup` tells the path of our group in a hierarchy; a line of `mountinfo` tells which
part of a hierarchy is to be seen where (cgroups(7), proc_pid_mountinfo(5)). In a container either
path may be relative to a root that is not ours (cgroup_namespaces(7)).
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UNIFIED", "Mount", "mounts", "own_directories"]

UNIFIED = "unified"
"""Stands for the hierarchy of v2 where v1 has the name of a controller."""


class Mount:
    """A cgroup file system that is mounted: `root` of its hierarchy is to be seen at `point`."""

    __slots__ = ("device", "is_read_only", "names", "point", "root")

    def __init__(self, line: str) -> None:
        left, _, right = line.partition(" - ")
        _, _, device, root, point, options, *_ = left.split(" ")
        major, minor = device.split(":")
        self.device = (int(major), int(minor))
        self.root = _unescape(root)
        self.point = _unescape(point)
        kind, *_, super_options = right.split(" ")
        self.is_read_only = "ro" in (options.split(",") + super_options.split(","))
        self.names = [UNIFIED] if kind == "cgroup2" else super_options.split(",")

    def directory(self, path: str) -> str:
        """Where the group `path` of the hierarchy is to be seen; "" when it is not."""
        root = self.root.rstrip("/")
        if path != root and not path.startswith(root + "/"):
            return ""
        rest = path[len(root) :].strip("/")
        if ".." in rest.split("/"):
            return ""
        return f"{self.point}/{rest}" if rest else self.point


def mounts(mountinfo: str) -> list[Mount]:
    """The cgroup file systems; of several at one place the last, which hides the others."""
    lines = [line for line in mountinfo.splitlines() if " - cgroup" in line]
    return list({mount.point: mount for mount in map(Mount, lines)}.values())


def own_directories(cgroup: str, mountinfo: str) -> dict[str, str]:
    """The directory of our own group by controller, and that of v2 as UNIFIED.

    A controller without a mounted v1 hierarchy is missing. It is "" where the hierarchy is
    mounted, but not the part that holds our group. A mount that can be written to goes first.
    """
    paths = dict(_paths(cgroup))
    found: dict[str, str] = {}
    for mount in sorted(mounts(mountinfo), key=lambda mount: mount.is_read_only):
        for name in mount.names:
            if name in paths and not found.get(name):
                found[name] = mount.directory(paths[name])
    return found


def _paths(cgroup: str) -> Iterator[tuple[str, str]]:
    for line in cgroup.splitlines():
        number, controllers, path = line.split(":", 2)
        for name in controllers.split(",") if number != "0" else [UNIFIED]:
            yield name, path


def _unescape(text: str) -> str:
    # mountinfo writes space, tab, newline and backslash as \ooo.
    first, *rest = text.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
