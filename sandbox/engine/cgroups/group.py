"""One instance's group: a directory in each hierarchy that is used, and the files in them."""

from __future__ import annotations

import errno
import os

from sandbox.engine.cgroups import files
from sandbox.engine.cgroups.discovery import UNIFIED

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Group", "Place"]

Place = tuple[str, int]
"""A directory, and 1 or 2: the version of control groups that its files are of."""

_PERIOD_US = 100_000
_MIN_QUOTA_US = 1000  # the kernel takes no less
_USAGE = {1: "memory.usage_in_bytes", 2: "memory.current"}
_ANONYMOUS = {1: b"\ntotal_rss ", 2: b"anon "}  # of memory.stat; in v2 it is the first line
_SHARED = {1: b"\ntotal_shmem ", 2: b"\nshmem "}
_OOM_KILLS = {1: "memory.oom_control", 2: "memory.events"}
_FREEZER = {1: ("freezer.state", "FROZEN", "THAWED"), 2: ("cgroup.freeze", "1", "0")}
_STAT_BYTES = 4096
_ENTRY = {1: "tasks", 2: "cgroup.procs"}


class Group:
    """Made with its limits set, or not at all: raises OSError with the name of the file.

    `places` has the directory to be made by feature, as in `Groups.held`, and by UNIFIED where
    there is one of v2. A limit of 0 is none.
    """

    __slots__ = ("_left", "_places", "_stat_fd", "_usage_fd", "entries")

    def __init__(
        self, places: Mapping[str, Place], memory_bytes: int, pids: int, cpu: float
    ) -> None:
        self._places = places
        self._left: list[str] = []
        self._usage_fd = self._stat_fd = -1
        try:
            for directory in dict.fromkeys(directory for directory, _ in places.values()):
                os.mkdir(directory, 0o755)  # else the umask could let a function in
                self._left.append(directory)
            self._limit(memory_bytes, pids, cpu)
        except BaseException:
            self.remove()
            raise
        versions = dict(places.values())
        self.entries = [f"{directory}/{_ENTRY[versions[directory]]}" for directory in self._left]
        """The worker attaches itself by writing "0" into each of these, while it is alone.

        A thread that attaches itself takes no lock of the whole machine; for a process the kernel
        takes one, and waits for all CPUs now and then. v2 has no such file for a process.
        """

    def memory(self, threshold_bytes: int = 0) -> int:
        """Bytes of anonymous memory of all processes, without page cache and tmpfs.

        0 when all that is charged to the group is below the threshold: that is seven times as
        quick to learn. The kernel sums up small changes every two seconds only, so that this may
        be wrong by 256 KB for each CPU (mm/memcontrol.c, memcg_vmstats_needs_flush).
        """
        if self._stat_fd < 0:
            self._open_memory()
        if int(os.pread(self._usage_fd, 32, 0)) < threshold_bytes:
            return 0
        return self._stat(_ANONYMOUS)

    def shared_memory(self) -> int:
        """Bytes of shared memory: what is in a tmpfs, a memfd, or mapped by several; 0 in v1
        before Linux 4.20, which does not tell."""
        if self._stat_fd < 0:
            self._open_memory()
        return self._stat(_SHARED)

    def oom_kills(self) -> int:
        """How many of its processes the kernel killed for the limit of memory."""
        directory, version = self._place("memory")
        return _number(files.read(f"{directory}/{_OOM_KILLS[version]}"), "oom_kill")

    def freeze(self) -> None:
        """Stops all processes; the kernel has not stopped them yet when this returns."""
        directory, version = self._place("freezer")
        name, frozen, _ = _FREEZER[version]
        files.write(f"{directory}/{name}", frozen)

    def thaw(self) -> None:
        """Lets them go on."""
        directory, version = self._place("freezer")
        name, _, thawed = _FREEZER[version]
        files.write(f"{directory}/{name}", thawed)

    @property
    def is_frozen(self) -> bool:
        """All processes have come to a stop."""
        directory, version = self._place("freezer")
        if version == 1:
            return files.read(f"{directory}/freezer.state").strip() == "FROZEN"
        return _number(files.read(f"{directory}/cgroup.events"), "frozen") == 1

    def kill(self) -> bool:
        """Kills all processes at once; False where only v2 of Linux 5.14 could, or it is gone.

        They are thawed then: the v1 freezer would keep a SIGKILL from them.
        """
        try:
            if self._places.get("freezer", ("", 2))[1] == 1:
                self.thaw()
            directory, _ = self._place(UNIFIED)
            files.write(f"{directory}/cgroup.kill", "1")
        except OSError:
            return False
        return True

    def pids(self) -> list[int]:
        """All processes, those that are still attaching themselves too."""
        return sorted(set().union(*map(files.tree_pids, self._left)))

    def remove(self) -> bool:
        """False while a process is in it; ask again then. Raises OSError for other reasons."""
        for fd in {self._usage_fd, self._stat_fd} - {-1}:
            os.close(fd)
        self._usage_fd = self._stat_fd = -1
        self._left = [directory for directory in self._left if not files.remove(directory)]
        return not self._left

    def _limit(self, memory_bytes: int, pids: int, cpu: float) -> None:
        if memory_bytes and "memory" in self._places:
            _limit_memory(*self._place("memory"), memory_bytes)
        if pids and "pids" in self._places:
            files.write(f"{self._place('pids')[0]}/pids.max", str(pids))
        if cpu and "cpu" in self._places:
            _limit_cpu(*self._place("cpu"), max(_MIN_QUOTA_US, round(cpu * _PERIOD_US)))

    def _stat(self, names: Mapping[int, bytes]) -> int:
        _, version = self._place("memory")
        found = os.pread(self._stat_fd, _STAT_BYTES, 0).partition(names[version])[2]
        return int(found.partition(b"\n")[0] or 0)

    def _open_memory(self) -> None:
        directory, version = self._place("memory")
        flags = os.O_RDONLY | os.O_CLOEXEC
        self._usage_fd = os.open(f"{directory}/{_USAGE[version]}", flags)
        self._stat_fd = os.open(f"{directory}/memory.stat", flags)

    def _place(self, feature: str) -> Place:
        if feature not in self._places:
            raise OSError(errno.ENOTSUP, "this group has no such controller", feature)
        return self._places[feature]


def _limit_memory(directory: str, version: int, limit_bytes: int) -> None:
    """With no swap beyond the limit, where the kernel counts swap."""
    limit = str(limit_bytes)
    if version == 1:
        files.write(f"{directory}/memory.limit_in_bytes", limit)
        files.write_if_there(f"{directory}/memory.memsw.limit_in_bytes", limit)
    else:
        files.write(f"{directory}/memory.max", limit)
        files.write_if_there(f"{directory}/memory.swap.max", "0")
        files.write_if_there(f"{directory}/memory.oom.group", "1")  # Linux 4.19


def _limit_cpu(directory: str, version: int, quota_us: int) -> None:
    if version == 2:
        files.write(f"{directory}/cpu.max", f"{quota_us} {_PERIOD_US}")
        return
    files.write(f"{directory}/cpu.cfs_period_us", str(_PERIOD_US))
    try:
        files.write(f"{directory}/cpu.cfs_quota_us", str(quota_us))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise  # v1 refuses more than a group above has; then that is the limit, and it holds


def _number(text: str, key: str) -> int:
    """The number after a key in a file of lines; 0 when the kernel is too old to tell."""
    pairs = map(str.split, text.splitlines())
    return next((int(pair[1]) for pair in pairs if pair[0] == key), 0)
