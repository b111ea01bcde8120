"""Where `-o FILE` goes: a file that was not there, or one that may be overwritten, whole or not at
all. Without it the data is for stdout."""

import os
import shutil
from contextlib import ExitStack

from sandbox.cli import exits, talk

__all__ = ["may_write", "write_output"]


def may_write(output: str | None, overwrite: bool) -> bool:
    """False, and said, for what is there already: also for a link, which leads anywhere."""
    if output is None or overwrite or not os.path.lexists(output):
        return True
    talk.error(f"already there: {output}", "--force overwrites it")
    return False


def write_output(data: bytes, output: str | None) -> int:
    """Writes the data; gives the exit code."""
    if output is None:
        talk.write(data)
        return 0
    try:
        _replace(os.path.realpath(output), data)
    except OSError as exc:
        talk.error(f"cannot write {output}: {exc.strerror}")
        return exits.USAGE
    return 0


def _replace(path: str, data: bytes) -> None:
    """All of the data or none: with --force this may be the only copy of the user's file."""
    temporary = f"{path}.{os.getpid()}"
    with ExitStack() as undo:
        with open(temporary, "xb") as file:
            undo.callback(os.unlink, temporary)
            file.write(data)
        if os.path.exists(path):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
        undo.pop_all()
