"""What the commands say to people: on stderr, readable without colour."""

import os
import sys
from collections.abc import Mapping

from sandbox.engine.logs import Sink
from sandbox.engine.loop import Loop
from sandbox.engine.sinks import Outlet, make_sink

__all__ = ["error", "has_color", "make_sinks", "say"]


def has_color(fd: int, environ: Mapping[str, str]) -> bool:
    """Colour goes to terminals only, and not against NO_COLOR."""
    return not environ.get("NO_COLOR") and os.isatty(fd)


def say(text: str) -> None:
    """One line of talk."""
    print(text, file=sys.stderr, flush=True)


def error(text: str, hint: str = "") -> None:
    """What went wrong and, after a blank line, how to mend it."""
    say(f"error: {text}" + (f"\n\nhint: {hint}" if hint else ""))


def make_sinks(
    loop: Loop, log_format: str, log_file: str | None, is_quiet: bool, environ: Mapping[str, str]
) -> list[Sink]:
    """The log's way out: stderr, or a file. Raises OSError when the file cannot be opened."""
    if log_file:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(log_file, flags, 0o644)
    elif is_quiet:
        return []
    else:
        fd = 2
    return [make_sink(log_format, Outlet(loop, fd), has_color(fd, environ))]
