"""What is watched for a configuration: the trees of its code, and the directories of its files."""

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from sandbox.config.inputs import CONTENT, Inputs
from sandbox.core.spec import FunctionSpec

if TYPE_CHECKING:
    from sandbox.reload.ignoring import Ignored

__all__ = ["Roots"]

_YAML = (".yaml", ".yml")


class Roots:
    """`trees` with all that is below them; `folders` without. `config`: the configuration's files.

    Also the directory above each tree is among the folders: another tree may take its name.
    """

    def __init__(self, specs: Iterable[FunctionSpec], inputs: Inputs) -> None:
        listed = list(specs)
        self._archives = frozenset(spec.code_archive for spec in listed if spec.code_archive)
        self.trees = frozenset(
            spec.code_dir for spec in listed if spec.code_dir and not spec.code_archive
        )
        read = {path for path, kind in inputs.seen if kind == CONTENT}
        self.config = frozenset(path for path in read if self._is_of_configuration(path))
        above = (os.path.dirname(path) for path in (*self.config, *self._archives, *self.trees))
        self.folders = frozenset(path for path in above if os.path.isdir(path))
        self._identities = _identities(self.trees)
        self.moved: set[str] = set()
        """The trees that were others at the last look than at the one before."""

    def with_inputs(self, inputs: Inputs) -> "Roots":
        """With what was read, or looked for, in vain."""
        more = Roots((), inputs)
        more.trees, more._archives = self.trees, self._archives
        # Archives, too: one that was half written when it was looked at is the reason, perhaps.
        more.config |= self.config
        more.folders |= self.folders
        more._identities = self._identities
        return more

    def is_like(self, other: "Roots") -> bool:
        """Whether the same is watched."""
        return (self.trees, self.folders) == (other.trees, other.folders)

    def changed_since(self, time_s: float) -> set[str]:
        """What was saved before anybody watched. It looks at every file: call it on a thread."""
        below = (
            os.path.join(folder, name)
            for tree in self.trees
            for folder, _, names in os.walk(tree)
            for name in names
        )
        paths = (*self.config, *self._archives, *below)
        return {path for path in paths if _saved_s(path) >= time_s}

    def forget(self, trees: set[str]) -> None:
        """These have moved, whatever they were at the first look."""
        self._identities = {
            tree: identity for tree, identity in self._identities.items() if tree not in trees
        }

    def _moved(self) -> set[str]:
        """The trees that are others than at the last look: replaced, or found by another link."""
        now = _identities(self.trees)
        self.moved = {tree for tree in now if self._identities.get(tree) != now[tree]}
        self._identities = now
        return self.moved

    def code_among(
        self, specs: Iterable[FunctionSpec], paths: Collection[str], ignored: "Ignored"
    ) -> list[tuple[FunctionSpec, list[str]]]:
        """The functions whose code has changed, and its files, relative to its directory. It looks
        at every path: call it on a thread."""
        moved = self._moved()
        found: dict[str, list[str]] = {}
        changed = []
        for spec in specs:
            place = spec.code_archive or spec.code_dir
            if place not in found:
                is_archive = place == spec.code_archive
                found[place] = (
                    [path for path in (place,) if path in paths]
                    if is_archive
                    else self._changed_below(place, paths, moved, ignored)
                )
            if found[place]:
                changed.append((spec, found[place]))
        return changed

    def _changed_below(
        self, tree: str, paths: Iterable[str], moved: set[str], ignored: "Ignored"
    ) -> list[str]:
        if tree in moved:
            return [tree]
        if tree not in self._identities:
            return []  # it is being replaced: the new one will be heard of
        inside = tree.rstrip("/") + "/"
        return sorted(
            path.removeprefix(inside)
            for path in paths
            if path.startswith(inside) and not self._is_plain_configuration(path)
            and not _is_folder(path) and not ignored(tree, path)
        )  # fmt: skip

    def _is_of_configuration(self, path: str) -> bool:
        if path in self._archives or path.endswith(".py") or _is_folder(path):
            return False
        return os.path.isdir(os.path.dirname(path))

    def _is_plain_configuration(self, path: str) -> bool:
        # A .env beside the code may be read by the code as well.
        return path in self.config and path.endswith(_YAML)


def _identities(trees: Iterable[str]) -> Mapping[str, tuple[str, int, int]]:
    found = {}
    for tree in trees:
        try:
            status = os.stat(tree)
        except OSError:
            continue
        found[tree] = (os.path.realpath(tree), status.st_dev, status.st_ino)
    return found


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False


def _saved_s(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
