"""The Python interpreters of this machine, for tests of what must hold on each of them.

`INTERPRETERS` is a sorted list of (version, path), one for each minor version that runs.
pyenv's shims stand on PATH for versions that are not active and then fail: an interpreter counts
only after it has said its version itself.
"""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from collections.abc import Iterator

__all__ = ["INTERPRETERS"]

_MINORS = range(6, 14)
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def _candidates(name: str) -> Iterator[str]:
    """Paths where an interpreter called `name` may be, the preferred ones first."""
    pyenv = os.path.expanduser(os.environ.get("PYENV_ROOT") or "~/.pyenv")
    # glob, not pathlib's: it passes over what this user may not read, as $PATH does.
    yield from sorted(glob.glob(f"{glob.escape(pyenv)}/versions/*/bin/{name}"), reverse=True)
    for folder in os.get_exec_path():
        yield os.path.join(folder, name)
    yield sys.executable


def _runs_as(path: str, version: str) -> bool:
    if not os.access(path, os.X_OK):
        return False
    try:
        answer = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def _find() -> Iterator[tuple[str, str]]:
    for minor in _MINORS:
        version = f"3.{minor}"
        for path in dict.fromkeys(_candidates(f"python{version}")):
            if _runs_as(path, version):
                yield version, path
                break


INTERPRETERS: list[tuple[str, str]] = list(_find())
