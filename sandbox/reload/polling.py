"""Batches of changed paths by looking at all files again and again, where nothing tells of them.

Not watchfiles' own: that compares times by the second, and misses the second of two quick saves.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Iterator

__all__ = ["POLL_S", "polled"]

POLL_S = 0.5

_Look = dict[str, tuple[int, int, int]]


async def polled(
    paths: Collection[str], is_recursive: bool, stopping: asyncio.Event
) -> AsyncGenerator[set[str], None]:
    """The paths that changed, once they have been still for one look."""
    before = await asyncio.to_thread(_look, paths, is_recursive)
    changed: set[str] = set()
    while not await _is_set_within(stopping, POLL_S):
        now = await asyncio.to_thread(_look, paths, is_recursive)
        new = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
        before = now
        changed |= new
        if changed and not new:
            yield changed
            changed = set()


async def _is_set_within(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True


def _look(paths: Collection[str], is_recursive: bool) -> _Look:
    found = {}
    for path in _files(paths, is_recursive):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _files(paths: Collection[str], is_recursive: bool) -> Iterator[str]:
    for path in paths:
        for folder, folders, names in os.walk(path):
            yield from (os.path.join(folder, name) for name in names)
            if not is_recursive:
                yield from (os.path.join(folder, name) for name in folders)
                break
