"""What the instance writes: its standard streams, and logger records beside them.

Records go to a private copy of the stdout pipe, framed (`worker.records`): they keep their place
among what is printed, and still arrive when the function has closed or redirected fd 1.
"""

import fcntl
import io
import logging
import os
import sys

from worker.logs import CurrentRequest, configure_logging, format_stack_dump
from worker.records import record_pieces

__all__ = ["RequestLog", "flush_stdio", "open_stdio"]

_PRIVATE_FROM_FD = 64
_MAX_LEVEL = 255


def open_stdio():
    # type: () -> None
    """Fresh text streams on 0, 1 and 2, as in the cloud: UTF-8 that takes any byte.

    Line buffered: what was printed before a crash is kept, and keeps its place among the output
    of child processes.
    """
    for fd, mode, name in ((0, "rb", "stdin"), (1, "wb", "stdout"), (2, "wb", "stderr")):
        stream = io.TextIOWrapper(
            io.open(fd, mode, closefd=False),  # noqa: SIM115 - theirs for the process's life
            encoding="utf-8",
            errors="surrogateescape",
            line_buffering=True,
        )
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def flush_stdio():
    # type: () -> None
    """Gives the pipes all that was printed. The streams are the user's: anything may fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


class RequestLog(object):
    """The logger records of an instance, and the request they belong to."""

    __slots__ = ("_code_dir", "_current", "_fd", "_handler", "_layout", "_lost", "_pipes", "_token")

    def __init__(self, layout, token, code_dir):
        # type: (str, bytes, str) -> None
        self._layout = layout
        self._token = token
        self._code_dir = code_dir
        self._current = CurrentRequest()
        self._fd = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, _PRIVATE_FROM_FD)
        self._pipes = [(fd, _identity(fd)) for fd in (1, 2)]
        self._lost = False
        self._handler = configure_logging(self._write, self._current, layout)

    def begin(self, request_id):
        # type: (str) -> None
        """Records belong to this request from now on."""
        self._current.request_id = request_id

    def end(self):
        # type: () -> None
        """All that the request printed is in the pipes when this returns."""
        flush_stdio()
        if not self._lost:
            for fd, pipe in self._pipes:
                if _identity(fd) != pipe:
                    self._lost = True  # told once
                    text = (
                        "fd %d was closed or redirected by the function: what is written "
                        "to it is not in this log" % fd
                    )
                    self._record(logging.WARNING, text)

    def close(self):
        # type: () -> None
        """Gives the private descriptor back."""
        os.close(self._fd)

    def error(self, text):
        # type: (str) -> None
        """An ERROR record, whatever the function did to the logging module."""
        self._record(logging.ERROR, text)

    def dump_stacks(self):
        # type: () -> None
        """The stacks of all threads, at ERROR. Takes no lock: another thread may hold any."""
        text = format_stack_dump(self._current.request_id, self._layout, self._code_dir)
        self._write("ERROR", text)

    def _record(self, level, text):
        # type: (int, str) -> None
        self._handler.emit(logging.LogRecord("", level, "", 0, text, None, None))

    def _write(self, level_name, text):
        # type: (str, str) -> None
        flush_stdio()
        level = logging.getLevelName(level_name)
        number = min(level, _MAX_LEVEL) if isinstance(level, int) else logging.INFO
        data = text.encode("utf-8", "backslashreplace")
        try:
            for piece in record_pieces(self._token, number, data):
                while piece:
                    piece = piece[os.write(self._fd, piece) :]
        except OSError:
            _write_plainly(data)


def _write_plainly(data):
    # type: (bytes) -> None
    # The function closed our descriptor: its own record is worth more to it than our traceback.
    try:
        os.write(2, data + b"\n")
    except OSError:
        pass


def _identity(fd):
    # type: (int) -> object
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
