"""Archives of code that have changed: unpacked once for all functions, off the loop, and removed
when the last instance of the code before has ended.

    runs/<tag>/code/<number>/     as `sandbox.engine.archives` makes them
"""

import asyncio
import os
import shutil
from collections.abc import Iterable

from sandbox.core.spec import FunctionSpec
from sandbox.http.front import Front

__all__ = ["Unpacking"]

_Version = tuple[int, int, int]


class Unpacking:
    """One at a time may be asked of it."""

    def __init__(self, front: Front) -> None:
        self._supervisor = front.supervisor
        self._directory = front.box.registration.code
        self._done: dict[str, tuple[_Version, str]] = {}
        """By archive: what it was, and where that was unpacked."""
        self.has_old = False
        """There may be code that nobody uses any more, or soon."""

    async def directories(self, specs: Iterable[FunctionSpec]) -> dict[str, str | OSError]:
        """By archive: the directory of what is in it now, or why there is none."""
        wanted = {spec.code_archive: spec for spec in specs if _is_to_unpack(spec)}
        return {
            archive: await asyncio.to_thread(self._directory_of, archive, spec)
            for archive, spec in wanted.items()
        }

    async def sweep(self) -> None:
        """Removes the code that no function and no instance has any more."""
        there = os.listdir(self._directory) if os.path.isdir(self._directory) else []
        specs = [pool.spec for pool in self._supervisor.pools.values()]
        kept = {spec.code_dir for spec in specs}
        in_use = kept | {shell.machine.spec.code_dir for shell in self._supervisor.shells()}
        real = os.path.realpath(self._directory)
        # Only numbers are ours, here and in `archives`.
        old = [os.path.join(real, name) for name in there if name.isdecimal()]
        self.has_old = not kept.issuperset(path for path in old if path in in_use)
        await asyncio.to_thread(_remove, [path for path in old if path not in in_use])

    def _directory_of(self, archive: str, spec: FunctionSpec) -> str | OSError:
        from sandbox.engine.archives import unpacked

        self.has_old = True
        try:
            version, directory = self._done.get(archive, (None, ""))
            now = _version(archive)
            if now != version or not os.path.isdir(directory):
                (found,) = unpacked([spec], self._directory)
                # Looked at before it is read: what is written meanwhile is another version.
                self._done[archive] = now, found.code_dir
        except OSError as exc:
            return exc
        return self._done[archive][1]


def _is_to_unpack(spec: FunctionSpec) -> bool:
    return bool(spec.code_archive) and not spec.code_dir


def _version(path: str) -> _Version:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


def _remove(paths: list[str]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
