"""Batches of changed paths below directories, as long as somebody wants them.

inotify(7) by way of watchfiles. Two watchers: one for whole trees, one for single directories,
which hears when a tree is replaced by another one of its name, or a file that is saved by renaming.
Where there is no inotify to be had, or a file system tells nothing, the directories are looked
through again and again instead, which is told.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing, suppress

from sandbox.reload.polling import POLL_S, polled

__all__ = ["Watching"]

_QUIET_MS, _LONGEST_BATCH_MS = 100, 5000
"""A batch is over when nothing has changed for so long; a checkout of a branch is one."""
_OVERLAP_S = 1.0
_SILENT = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "prl_fs", "afs", "ceph", "virtiofs")
)
"""File systems on which other machines write without the kernel here knowing; and fuse.*."""


class Watching:
    """Calls `on_changes` with the absolute paths of each batch, on the loop that it was made on.

    `say` is told why files are polled.
    """

    def __init__(self, on_changes: Callable[[set[str]], None], say: Callable[[str], None]) -> None:
        self._on_changes = on_changes
        self._say = say
        self._tasks: list[tuple[asyncio.Task[None], asyncio.Event]] = []
        self._polls = False
        self._passes_over = False
        """What may not be read. Not from the start: watchfiles then hides other errors, too."""

    def watch(self, trees: Collection[str], folders: Collection[str]) -> None:
        """From now on these: whole trees, and directories without what is below them."""
        old, self._tasks = self._tasks, []
        self._begin(trees, True)
        self._begin(folders, False)
        # Both for a while: the old ones may still hold a batch that is not whole.
        asyncio.get_running_loop().call_later(_OVERLAP_S, _stop, old)

    def stop(self) -> None:
        """No batch comes any more; the threads end by themselves, soon."""
        _stop(self._tasks)
        self._tasks = []

    def _begin(self, paths: Collection[str], is_recursive: bool) -> None:
        present = sorted(path for path in paths if os.path.isdir(path))
        if present:
            stopping = asyncio.Event()
            task = asyncio.create_task(self._follow(present, is_recursive, stopping))
            self._tasks.append((task, stopping))

    async def _follow(self, paths: list[str], is_recursive: bool, stopping: asyncio.Event) -> None:
        silent = _silent_file_system(paths)
        if silent:
            self._poll(f"{silent} tells nothing of changes")
        while not stopping.is_set():
            try:
                await self._follow_until_lost(paths, is_recursive, stopping)
            except FileNotFoundError:
                paths = [path for path in paths if os.path.isdir(path)]
                if not paths:
                    return
            except (OSError, RuntimeError) as exc:  # RuntimeError: no inotify instance
                if isinstance(exc, PermissionError) and not self._passes_over:
                    self._passes_over = True
                elif self._polls:
                    self._say(f"files are not watched: {exc}")
                    return
                else:
                    self._poll(_why(exc))

    async def _follow_until_lost(
        self, paths: list[str], is_recursive: bool, stopping: asyncio.Event
    ) -> None:
        async with aclosing(self._batches(paths, is_recursive, stopping)) as batches:
            async for batch in batches:
                if not stopping.is_set():
                    self._on_changes(batch)

    async def _batches(
        self, paths: list[str], is_recursive: bool, stopping: asyncio.Event
    ) -> AsyncGenerator[set[str], None]:
        if self._polls:
            async for batch in polled(paths, is_recursive, stopping):
                yield batch
            return
        from watchfiles import awatch  # it brings anyio along: only here

        changes = awatch(
            *paths,
            watch_filter=None,
            debounce=_LONGEST_BATCH_MS,
            step=_QUIET_MS,
            stop_event=stopping,
            force_polling=False,
            recursive=is_recursive,
            ignore_permission_denied=self._passes_over,
        )
        async for told in changes:
            yield {path for _, path in told}

    def _poll(self, why: str) -> None:
        if not self._polls:
            self._polls = True
            self._say(f"{why}: files are looked at every {POLL_S:g} s instead")


def _stop(tasks: list[tuple[asyncio.Task[None], asyncio.Event]]) -> None:
    for _, stopping in tasks:
        stopping.set()


def _why(exc: Exception) -> str:
    text = str(exc)
    if "limit" in text.lower() or "too many open files" in text.lower():
        return "the limit of inotify is reached (fs.inotify.max_user_watches, max_user_instances)"
    return f"files cannot be watched ({text})"


def _silent_file_system(paths: list[str]) -> str:
    """The type of the first file system among those of `paths` that has no events; or ""."""
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as lines:
        mounts = [_mount(line) for line in lines]
        for path in paths:
            inside = [mount for mount in mounts if _is_below(os.path.realpath(path), mount[0])]
            # The last of the longest: mounts lie over each other (proc_pid_mountinfo(5)).
            kind = max(enumerate(inside), key=lambda each: (len(each[1][0]), each[0]))[1][1]
            if kind in _SILENT or kind.startswith("fuse."):
                return kind
    return ""


def _mount(line: str) -> tuple[str, str]:
    before, _, after = line.partition(" - ")
    place = before.split()[4].encode().decode("unicode_escape")
    return place, after.split()[0]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
