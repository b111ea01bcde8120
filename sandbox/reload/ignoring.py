"""Which files below a code directory mean nothing to the function.

What git ignores (gitignore(5): nested files, the nearer one decides, `.git/info/exclude`), what
Python and editors write beside the code, and directories of tools. The files above the code
directory count as well, up to the root of the repository.
"""

import os
from collections.abc import Iterator

from pathspec import GitIgnoreSpec

__all__ = ["Ignored"]

_ALWAYS = GitIgnoreSpec.from_lines(
    (
        "__pycache__/", "*.py[co]", ".git/", ".hg/", ".svn/", ".s/", ".idea/", ".vscode/",
        ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".tox/",
        "*.sw[a-z]", ".*.sw?", "*~", ".#*", "#*#", "4913", ".goutputstream-*", "*.tmp.*",
        "*___jb_tmp___", "*___jb_old___", ".DS_Store", ".~lock.*",
    )
)  # fmt: skip
"""vim tries whether it may write with a file 4913; JetBrains' editors save by way of jb_tmp."""
_MAX_FILE_BYTES = 1 << 20


class Ignored:
    """Reads each .gitignore once: make a new one for each batch of changes."""

    def __init__(self) -> None:
        self._specs: dict[str, GitIgnoreSpec | None] = {}

    def __call__(self, root: str, path: str) -> bool:
        """Whether `path`, below the code directory `root`, means nothing."""
        if _ALWAYS.match_file(os.path.relpath(path, root)):
            return True
        verdict = None
        for folder in _folders(_top(root), path):
            spec = self._spec(folder)
            result = spec.check_file(os.path.relpath(path, folder)) if spec else None
            if result is not None and result.include is not None:
                verdict = result.include
        return bool(verdict)

    def _spec(self, folder: str) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            lines = [
                *_lines(os.path.join(folder, ".git", "info", "exclude")),
                *_lines(os.path.join(folder, ".gitignore")),
            ]
            self._specs[folder] = GitIgnoreSpec.from_lines(lines) if lines else None
        return self._specs[folder]


def _top(root: str) -> str:
    """The root of the repository that `root` is in; `root` itself outside of any."""
    folder = root
    while folder != os.path.dirname(folder):
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        folder = os.path.dirname(folder)
    return root


def _folders(top: str, path: str) -> Iterator[str]:
    """The directories from `top` down to the one that `path` is in."""
    yield top
    inside = os.path.relpath(os.path.dirname(path), top)
    folder = top
    for name in inside.split(os.sep) if inside != os.curdir else ():
        folder = os.path.join(folder, name)
        yield folder


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_FILE_BYTES).splitlines()
    except OSError:
        return []
