"""The code that `fcbox config save` writes: first beside its place, then all of it or nothing.

    DIR/.fcbox-XXXX/<function>.zip    as it came from the supervisor
    DIR/.fcbox-XXXX/<function>/0/     unpacked
    DIR/<function>/                   renamed, when all are there and nothing is in the way

A directory that is there already is never written to. One that holds just this code is as good as
written: it may be of the last time that the changes were saved.
"""

import filecmp
import os
import shutil
from contextlib import suppress
from types import TracebackType

__all__ = ["InTheWay", "Staging"]

_NOT_CODE = "__pycache__"


class InTheWay(Exception):
    """These directories are there, and hold something else."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


class Staging:
    """A context; whoever leaves it by an exception finds everything as it was before."""

    def __init__(self, directory: str) -> None:
        self._work = os.path.join(directory, f".fcbox-{os.urandom(4).hex()}")
        self._made: list[str] = []
        self._ready: dict[str, str] = {}
        """Target -> where its code is now."""
        self._placed: list[tuple[str, str]] = []

    def __enter__(self) -> "Staging":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if exc:
            for source, target in reversed(self._placed):
                os.rename(target, source)
        shutil.rmtree(self._work, ignore_errors=True)
        for path in reversed(self._made):
            with suppress(OSError):  # what was written stands in it
                os.rmdir(path)

    def add(self, target: str, package: bytes) -> None:
        """Unpacks the code that belongs there. Raises OSError."""
        from sandbox.core.spec import FunctionSpec
        from sandbox.engine.archives import unpacked

        self._make(self._work)
        name = os.path.basename(target)
        path = os.path.join(self._work, f"{name}.zip")
        with open(path, "xb") as file:
            file.write(package)
        spec = FunctionSpec(name, "", "", code_archive=path)
        (found,) = unpacked([spec], os.path.join(self._work, name))
        self._ready[target] = found.code_dir

    def check(self) -> None:
        """Raises InTheWay."""
        there = [target for target in self._ready if os.path.lexists(target)]
        others = [target for target in there if not _same(self._ready[target], target)]
        if others:
            raise InTheWay(others)
        for target in there:
            del self._ready[target]

    def place(self) -> None:
        """Puts everything in its place. Raises OSError."""
        for target, source in self._ready.items():
            os.rename(source, target)
            self._placed.append((source, target))

    def _make(self, path: str) -> None:
        if not os.path.isdir(path):
            self._make(os.path.dirname(path))
            os.mkdir(path)
            self._made.append(path)


def _same(one: str, other: str) -> bool:
    """Whether these directories hold the same files and links."""
    if os.path.islink(other) or not os.path.isdir(other):
        return False
    ours, theirs = _files(one), _files(other)
    return ours == theirs and all(
        filecmp.cmp(os.path.join(one, name), os.path.join(other, name), shallow=False)
        for name, link in ours.items()
        if link is None
    )


def _files(folder: str) -> dict[str, str | None]:
    """Path -> where it leads; None for a file."""
    found: dict[str, str | None] = {}
    for below, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(below, name)
            is_link = os.path.islink(path)
            if is_link or name in files:
                found[os.path.relpath(path, folder)] = os.readlink(path) if is_link else None
        folders[:] = [name for name in folders if name != _NOT_CODE]
    return found
