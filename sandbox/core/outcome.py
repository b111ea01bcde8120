"""What became of a request: its outcome, and the texts FC gives for each way of failing.

`error_type` is the header's vocabulary (X-Fc-Error-Type), never to be mixed with the body's
`errorType`, which the worker makes.
"""

import json
import math
import signal
from enum import Enum
from typing import NamedTuple

__all__ = [
    "Cause",
    "Outcome",
    "cancelled_text",
    "describe_status",
    "error_body",
    "error_text",
    "exited_text",
    "timeout_text",
]

_READABLE_BYTES = 64 << 10


class Cause(Enum):
    """Why a request ended as it did."""

    OK = "ok"
    ERROR = "error"  # user code raised, could not be loaded, or answered what cannot be encoded
    TIMEOUT = "timeout"
    EXIT = "exit"  # the process ended by itself
    SIGNAL = "signal"  # the process was ended by a signal
    OOM = "oom"  # the process was ended because the instance held more memory than it may
    CANCELLED = "cancelled"  # the caller went away, or the box was stopped hard
    NOT_CREATED = "not_created"  # no instance could be made

    __hash__ = object.__hash__


class Outcome(NamedTuple):
    """The one outcome of an accepted request.

    `error_type` is empty on success. `signum` is the signal for Cause.SIGNAL. `status` is the
    wait status in words, when a process ended, with its cause where that is known. Times are
    seconds, memory is KB.
    """

    body: bytes
    cause: Cause = Cause.OK
    error_type: str = ""
    instance_id: str = ""
    duration_s: float = 0.0
    initialize_s: float = 0.0
    max_rss_kb: int = 0
    cold_start: bool = False
    signum: int = 0
    status: str = ""

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, rounded up."""
        return math.ceil(self.duration_s * 1000)


def error_body(message: str) -> bytes:
    """The error JSON of a failure that the platform, not the runtime, reports."""
    return json.dumps({"errorMessage": message}, separators=(",", ":")).encode("ascii")


def error_text(body: bytes) -> str:
    """The message of an error JSON, with its type; empty when it is none, or a very long one.

    The function may have made the body, and everybody waits while it is read: megabytes of
    brackets take seconds, and some thousands inside each other are a RecursionError.
    """
    if len(body) > _READABLE_BYTES:
        return ""
    try:
        error = json.loads(body)
        return f"{error.get('errorType', 'error')}: {error.get('errorMessage', '')}"
    except (ValueError, AttributeError, RecursionError):
        return ""


def exited_text(duration_s: float, max_rss_kb: int, reached_mb: int = 0) -> str:
    """The process ended, or was ended, before it answered: for this memory limit, if not 0."""
    usage = _usage(duration_s, max_rss_kb)
    if reached_mb:
        usage += f", memory limit: {reached_mb}MB reached"
    return f"Process exited unexpectedly before completing request ({usage})"


def timeout_text(timeout_s: float, max_rss_kb: int) -> str:
    """The callback exceeded its timeout."""
    return f"Function timed out after {timeout_s:g} seconds (maxMemoryUsage: {_mb(max_rss_kb)})"


def cancelled_text(duration_s: float, max_rss_kb: int) -> str:
    """The caller went away."""
    return f"Invocation canceled by client ({_usage(duration_s, max_rss_kb)})"


def describe_status(status: int | None, reached_mb: int = 0) -> str:
    """A wait status as `os.waitstatus_to_exitcode` gives it, in words, with its probable cause."""
    words = _describe_status(status)
    return f"{words}, memory limit {reached_mb} MB reached" if reached_mb else words


def _describe_status(status: int | None) -> str:
    if status is None:
        return "exit status unknown"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"{signal.Signals(-status).name}({status})"
    except ValueError:
        return f"signal {-status}"


def _usage(duration_s: float, max_rss_kb: int) -> str:
    return f"duration: {int(duration_s * 1000)}ms, maxMemoryUsage: {_mb(max_rss_kb)}"


def _mb(max_rss_kb: int) -> str:
    return f"{max_rss_kb / 1024:.2f}MB"
