"""What the supervisor itself holds around one instance: its group, its memory, its freezing.

The rest of the walls the instance raises by itself, from the inside (`worker.walls`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sandbox.core.spec import FunctionSpec
from sandbox.engine import procs
from sandbox.engine.cgroups import Group
from sandbox.engine.guest import Guest
from sandbox.engine.memory import MemoryWatch, rss_kb, tree_kb
from sandbox.engine.walls import BoxWalls

__all__ = ["Enclosure"]

_SIGSTOP, _SIGCONT = 19, 18
_MOST_ROUNDS = 10
"""Who is stopped cannot fork; so few rounds find all."""


class Enclosure:
    """One instance's; at the level none it only measures. Watched by the memory watch."""

    def __init__(
        self,
        walls: BoxWalls,
        watch: MemoryWatch,
        spec: FunctionSpec,
        guest: Guest,
        on_memory: Callable[[int], None],
        on_out_of_memory: Callable[[int], None],
    ) -> None:
        self.memory_limit_kb = spec.memory_mb << 10
        self.on_memory = on_memory
        self.on_out_of_memory = on_out_of_memory
        self._walls = walls
        self._watch = watch
        self._spec = spec
        self._guest = guest
        self._group: Group | None = None
        self._is_frozen = False
        self._stopped: set[int] = set()

    def open(self) -> dict[str, Any] | None:
        """The set-up's part on walls. Raises OSError when there could be a group and is none."""
        self._group = self._walls.make_group(self._spec, self._guest.tag)
        return self._walls.setup(self._spec, self._guest.tag, self._group)

    def begin(self) -> None:
        """A callback begins: memory is watched, at every level."""
        self._watch.begin(self)

    def end(self) -> None:
        """No callback runs."""
        self._watch.end(self)

    def close(self) -> None:
        """Nothing of the instance is left."""
        self._watch.forget(self)
        self._walls.remove_folder(self._guest.tag)
        if self._group:
            self._walls.remove_group(self._group)

    def kill(self) -> None:
        """Ends all processes at once where the kernel can; else the sweep finds them."""
        if self._group:
            self._group.kill()

    def has_run_out_of_memory(self) -> bool:
        """The kernel has killed a process of it for its group's limit."""
        if self._group is None or not self._has("memory"):
            return False
        try:
            return self._group.oom_kills() > 0
        except OSError:
            return False  # out of descriptors for a moment: the next look tells

    def freeze(self) -> None:
        """No process of it runs until `thaw`."""
        self._is_frozen = True
        if self._group and self._has("freezer"):
            self._group.freeze()
            return
        for _ in range(_MOST_ROUNDS):
            found = set(procs.signal_tree(self._guest.tag, _SIGSTOP))
            if found <= self._stopped:
                return
            self._stopped |= found

    def thaw(self) -> None:
        """Lets its processes run again, and die: the v1 freezer keeps even a SIGKILL back."""
        if not self._is_frozen:
            return
        self._is_frozen = False
        if self._group and self._has("freezer"):
            self._group.thaw()
            return
        stopped, self._stopped = self._stopped, set()
        procs.signal_tree(self._guest.tag, _SIGCONT, stopped)

    # -- Watched ---------------------------------------------------------------------------------

    def memory_kb(self) -> int:
        """The worker's own."""
        return rss_kb(self._guest.pid)

    def tree_memory_kb(self) -> int:
        """All of it; more than the limit when the kernel has killed a process for it.

        What is stored in /tmp is shared memory to the kernel, and storage to the function.
        """
        try:
            if self._group is None or not self._has("memory"):
                return tree_kb(set(procs.tree(self._guest.tag)) - {self._guest.init_pid})
            if self.has_run_out_of_memory():
                return self.memory_limit_kb + 1
            shared = max(0, self._group.shared_memory() - self._stored_bytes())
            return self._group.memory() + shared >> 10
        except OSError:
            return 0  # out of descriptors for a moment, or just gone

    def _stored_bytes(self) -> int:
        storage = os.statvfs(f"/proc/{self._guest.pid}/root/tmp")
        return (storage.f_blocks - storage.f_bfree) * storage.f_frsize

    def _has(self, feature: str) -> bool:
        return feature in self._walls.features
