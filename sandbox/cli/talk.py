"""What the commands say to people: readable without colour, and all but answers on stderr."""

import os
import sys
from collections.abc import Mapping

from sandbox.cli import exits
from sandbox.config.messages.diagnostics import harmless
from sandbox.config.result import ConfigMissing

__all__ = [
    "PROGRESS_S",
    "cannot_start",
    "config_missing",
    "error",
    "has_color",
    "lost",
    "say",
    "show",
    "write",
]

PROGRESS_S = 1.0
"""How often a command that waits says so. Here, because a short run never imports `progress`."""


def has_color(fd: int, environ: Mapping[str, str]) -> bool:
    """Colour goes to terminals only, and not against NO_COLOR."""
    return not environ.get("NO_COLOR") and os.isatty(fd)


def say(text: str) -> None:
    """One line of talk. To the descriptor: a buffer that cannot be written spoils the exit."""
    try:
        os.write(2, f"{text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody listens any more


def show(text: str) -> None:
    """What was asked for, on stdout: an escape for each character that its encoding lacks."""
    write(text.encode(sys.stdout.encoding, "backslashreplace"))


def write(data: bytes) -> None:
    """What was asked for, on stdout. To the descriptor, for the same reason.

    Ends the command when it cannot be written, with the exit code that a run has then: the disk is
    full, which is told, or the reader has seen enough, which it knows.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError as exc:
        import signal  # a start does without it

        if not isinstance(exc, BrokenPipeError):
            error(f"cannot write the output: {exc.strerror}")
        sys.exit(exits.SIGNALLED + signal.SIGPIPE)


def error(text: str, hint: str = "") -> None:
    """What went wrong and, after a blank line, how to mend it."""
    say(f"error: {text}" + (f"\n\nhint: {hint}" if hint else ""))


def config_missing(missing: ConfigMissing) -> int:
    """There is no s.yaml; gives the exit code."""
    error(f"no configuration: {harmless(missing.path)}", missing.hint)
    return exits.CONFIG_MISSING


def lost(count: int, what: str) -> None:
    """Output with gaps is told; nothing when there are none."""
    if count:
        say(f"{count} bytes of the {what} could not be written")


def cannot_start(exc: OSError) -> int:
    """This machine refuses something that a start needs; gives the exit code."""
    where = f": {exc.filename}" if exc.filename else ""
    error(f"cannot start: {exc.strerror}{where}")
    return exits.NOT_CREATED
