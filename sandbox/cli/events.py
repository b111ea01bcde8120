"""Events as the command line names them: text, files, standard input, a file of lines."""

import sys

__all__ = ["EventError", "read_events"]


class EventError(Exception):
    """An event could not be read; the text says which and why."""


def read_events(
    texts: list[str], files: list[str], lines_file: str | None
) -> tuple[bytes, ...] | None:
    """All events in order: `-e`, then `-f`, then `--events`. None when nothing was given.

    `texts` are TEXT, `@FILE` or `-` for standard input. `lines_file` has one event a line, raw
    bytes; an empty line is an empty event. Raises EventError.
    """
    if not texts and not files and lines_file is None:
        return None
    events = [_one(text) for text in texts]
    events += [_file(path) for path in files]
    if lines_file is not None:
        data = _file(lines_file)
        lines = data.split(b"\n")
        events += lines[:-1] if lines[-1] == b"" else lines
    return tuple(events)


def _one(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        return _file(text[1:])
    return text.encode("utf-8", "surrogateescape")


def _file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise EventError(f"cannot read the event {path}: {exc.strerror}") from None
