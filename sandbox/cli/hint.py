"""Which zygote the same command used the last time: a hint, to start it at once.

    <state>/cache/<hash of the command>.launch    an isolation level, and the path of an interpreter

The zygote takes longer to come up than anything else in a short run, so it is started before the
configuration is read, and before anything is imported that reading it needs. The hint decides
nothing: when the configuration then asks for another interpreter or level, this zygote is given
up. No hint, or an unreadable one, costs only time.
"""

from __future__ import annotations

import os
from _blake2 import blake2b

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sandbox.engine.launch import Launch

__all__ = ["early_launch", "keep_hint"]

_MAX_BYTES = 4096
_ASKED = ("config", "functions", "python", "env", "isolation")
"""What of a command decides the zygote, with the values for placeholders."""


def early_launch(options: Mapping[str, Any], environ: Mapping[str, str]) -> Launch | None:
    """The launch that the configuration will most likely ask for; None when nothing is known.

    `options` are those of the command, by name.
    """
    from sandbox.engine.launch import Launch

    hinted = _read(_path(options, environ))
    level, _, python = (hinted or "").partition(" ")
    if not python:
        return None
    try:
        return Launch([python], environ, level)
    except OSError:
        return None


def keep_hint(
    options: Mapping[str, Any], environ: Mapping[str, str], python: str, level: str
) -> None:
    """Remembers what was used. What cannot be written is no trouble."""
    path, used = _path(options, environ), f"{level} {python}"
    if _read(path) == used:
        return
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(os.fsencode(used))
        os.replace(temporary, path)
    except OSError:
        pass


def _path(options: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    from sandbox.engine.leftovers import state_dir

    asked = [options.get(name) for name in _ASKED]
    values = sorted((options.get("values") or {}).items())
    around = [os.getcwd(), environ.get("VIRTUAL_ENV"), environ.get("PATH")]
    question = repr((asked, values, around))
    key = blake2b(question.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return os.path.join(state_dir(environ), "cache", f"{key}.launch")


def _read(path: str) -> str | None:
    # Only what nobody else can have written is believed: it names a program to run.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                return None
            return os.fsdecode(file.read(_MAX_BYTES))
    except OSError:
        return None
