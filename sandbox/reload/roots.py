"""What is watched for a configuration: the trees of its code, and the directories of its files."""

import os
import stat
from collections.abc import Iterable, Mapping
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

    def with_inputs(self, inputs: Inputs) -> "Roots":
        """With what was read, or looked for, in vain."""
        more = Roots((), inputs)
        more.trees, more._archives = self.trees, self._archives
        code = {path for path in more.config if not self._is_of_configuration(path)}
        more.config = (more.config - code) | self.config
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

    def moved(self) -> set[str]:
        """The trees that are others than at the last look: replaced, or found by another link."""
        now = _identities(self.trees)
        moved = {tree for tree in now if self._identities.get(tree) != now[tree]}
        self._identities = now
        return moved

    def code_among(
        self, spec: FunctionSpec, paths: Iterable[str], moved: set[str], ignored: "Ignored"
    ) -> list[str]:
        """The files of the function's code that have changed, relative to its directory."""
        if spec.code_archive:
            return [path for path in paths if path == spec.code_archive]
        tree = spec.code_dir
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
