"""Logger records: the root logger, the two layouts, the stack dump after a timeout.

    doc       2024-03-04 09:57:28.192 <request id> [info] initializer
    runtime   2022-03-31T02:57:49.693Z <request id> [INFO] msg

Times are UTC. The root logger is at INFO and has one handler, ours; child loggers propagate to
it. A record, of however many lines and with its traceback, is one text handed to the `write`
that the runtime gives: no newline at its end, at most 128 KiB, and always fit for UTF-8.

A call of a logger never raises into user code; what goes wrong in it is printed to stderr, as
the standard library's handlers do.
"""

import logging
import os
import sys
import threading
import time
import traceback

from worker.failures import is_below, stack_text
from worker.records import MAX_RECORD_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, List, Optional, Tuple

__all__ = [
    "LAYOUTS",
    "CurrentRequest",
    "FCHandler",
    "configure_logging",
    "format_stack_dump",
]

TIMEOUT_TEXT = "Dumping stack trace after function timeout"

_OWN_DIR = os.path.dirname(os.path.abspath(__file__))


class CurrentRequest(object):
    """The id of the request that is running, the same for every thread of the instance."""

    __slots__ = ("request_id",)

    def __init__(self, request_id: str = "") -> None:
        self.request_id = request_id


def _doc_head(second: str, msecs: float, request_id: str, level: str) -> str:
    return "%s.%03d %s [%s] " % (second, msecs, request_id, level.lower())


def _runtime_head(second: str, msecs: float, request_id: str, level: str) -> str:
    return "%s.%03dZ %s [%s] " % (second, msecs, request_id, level)


LAYOUTS = {
    "doc": ("%Y-%m-%d %H:%M:%S", _doc_head),
    "runtime": ("%Y-%m-%dT%H:%M:%S", _runtime_head),
}


def _head(layout: str, created: float, msecs: float, request_id: str, level: str) -> str:
    date_format, head = LAYOUTS[layout]
    return head(time.strftime(date_format, time.gmtime(created)), msecs, request_id, level)


class FCFormatter(logging.Formatter):
    """One of the layouts; exception and stack follow on lines of their own, as everywhere."""

    def __init__(self, layout: str) -> None:
        logging.Formatter.__init__(self, "%(message)s")
        self._layout = layout

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        request_id = getattr(record, "fc_request_id", "")
        head = _head(self._layout, record.created, record.msecs, request_id, record.levelname)
        return head + record.message


class FCHandler(logging.Handler):
    """Hands each record to `write(level name, text)`.

    The record gets the attribute `fc_request_id` on its way: a user's own formatter can have it.
    """

    def __init__(
        self, write: "Callable[[str, str], object]", current: CurrentRequest, layout: str = "doc"
    ) -> None:
        logging.Handler.__init__(self)
        self._write = write
        self._current = current
        self.setFormatter(FCFormatter(layout))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.fc_request_id = self._current.request_id
            self._write(record.levelname, _fit(self.format(record)))
        except RecursionError:
            raise  # user code without end; reporting it here would need even more stack
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        try:
            logging.Handler.handleError(self, record)
        except Exception:
            pass  # stderr is closed, or is something of the user's own that raises


def _fit(text: str) -> str:
    """The text without lone surrogates and cut to the limit."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
        text = data.decode("utf-8")
    if len(data) > MAX_RECORD_BYTES:
        return data[:MAX_RECORD_BYTES].decode("utf-8", "ignore")
    return text


def configure_logging(
    write: "Callable[[str, str], object]", current: CurrentRequest, layout: str = "doc"
) -> FCHandler:
    """Sets up the root logger, once, before user code is imported."""
    # On the class, as in the cloud: the formatters of the user's own handlers speak UTC too.
    logging.Formatter.converter = time.gmtime
    handler = FCHandler(write, current, layout)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    return handler


def format_stack_dump(
    request_id: str, layout: str = "doc", code_dir: str = "", created: "Optional[float]" = None
) -> str:
    """ERROR records with the stack of every thread that is in user code; the main thread first.

    Made without the logging module, whose locks another thread may hold for good. `created` is
    the time of the records (now).
    """
    at = time.time() if created is None else created
    head = _head(layout, at, int(at * 1000) % 1000, request_id, "ERROR")
    return "\n".join(head + message for message in _dump_messages(request_id, code_dir))


def _dump_messages(request_id: str, code_dir: str) -> "List[str]":
    messages = [TIMEOUT_TEXT]
    main = threading.main_thread().ident
    frames = sys._current_frames()
    for ident in sorted(frames, key=lambda ident: (ident != main, ident)):
        # walk_stack begins at the innermost frame; a traceback ends there.
        walk = list(traceback.walk_stack(frames[ident]))[::-1]
        lines = _called_by_us(walk, code_dir) if ident == main else []
        lines = lines or stack_text(walk, code_dir, _OWN_DIR)
        if lines:
            title = "request id = {}, thread id = {}".format(request_id, ident)
            messages += [title, "\n".join(lines)]
    return messages


def _called_by_us(walk: "List[Tuple[FrameType, int]]", code_dir: str) -> "List[str]":
    """The stack from our outermost frame on: what started the interpreter (runpy) is ours too."""
    for at, (frame, _) in enumerate(walk):
        if is_below(frame.f_code.co_filename, _OWN_DIR):
            return stack_text(walk[at:], code_dir, _OWN_DIR)
    return []
