"""Events as the command line names them: text, files, standard input, a file of lines."""

import sys

from sandbox.core.spec import MAX_EVENT_BYTES

__all__ = ["EventError", "read_events"]


class EventError(Exception):
    """An event could not be read; the text says which and why."""


def read_events(
    texts: list[str], files: list[str], lines_file: str | None
) -> tuple[bytes, ...] | None:
    """All events in order: `-e`, then `-f`, then `--events`. None when nothing was given.

    `texts` are TEXT, `@FILE` or `-` for standard input. `lines_file` has one event a line, raw
    bytes; an empty line is an empty event. Raises EventError, also for an event that is too large:
    it is known before anything is started.
    """
    if not texts and not files and lines_file is None:
        return None
    events = [_one(text) for text in texts]
    events += [_file(path) for path in files]
    if lines_file is not None:
        events += _lines(lines_file)
    return tuple(events)


def _one(text: str) -> bytes:
    if text == "-":
        return _checked(sys.stdin.buffer.read(MAX_EVENT_BYTES + 1), "standard input")
    if text.startswith("@"):
        return _file(text[1:])
    return text.encode("utf-8", "surrogateescape")


def _file(path: str) -> bytes:
    return _checked(_read(path, MAX_EVENT_BYTES + 1), path)


def _lines(path: str) -> list[bytes]:
    lines = _read(path).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [_checked(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def _checked(event: bytes, where: str) -> bytes:
    if len(event) > MAX_EVENT_BYTES:
        limit = f"payload size exceeds maximum allowed size ({MAX_EVENT_BYTES} bytes)"
        raise EventError(f"{where}: {limit}")
    return event


def _read(path: str, most: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as exc:
        raise EventError(f"cannot read the event {path}: {exc.strerror}") from None
