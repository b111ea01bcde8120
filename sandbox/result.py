"""What the caller of an invocation gets."""

import json
from typing import Any

from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome

__all__ = ["Cause", "InvokeResult"]


class InvokeResult:
    """The outcome of one invocation.

    body          bytes    the answer, or the error JSON
    error         dict     the parsed error JSON (`errorMessage`, perhaps `errorType`,
                           `stackTrace`); None on success. Of a body that is no such JSON, the
                           body's text is the `errorMessage`
    error_type    str      as in the X-Fc-Error-Type header: "UnhandledInvocationError",
                           "InitializationError", "FCCommonError"; None on success
    cause         Cause    why it ended: OK, ERROR, TIMEOUT, EXIT, SIGNAL, OOM (the instance held
                           more memory than its limit), CANCELLED, NOT_CREATED
    request_id    str
    instance_id   str      empty when there never was an instance
    duration      float    seconds in the handler (in the Initializer, if that failed)
    memory        float    MB, the most that the instance held so far: resident size of the worker,
                           or what its whole tree of processes held if that was more
    log           str      this request's log, at most its last 64 KiB
    """

    __slots__ = ("_outcome", "_request")

    def __init__(self, request: Request, outcome: Outcome) -> None:
        self._request = request
        self._outcome = outcome

    def __repr__(self) -> str:
        outcome = self._outcome
        return f"<InvokeResult {self.request_id} {outcome.cause.value} {outcome.body[:60]!r}>"

    @property
    def ok(self) -> bool:
        """The handler returned."""
        return self._outcome.cause is Cause.OK

    @property
    def body(self) -> bytes:
        return self._outcome.body

    @property
    def cause(self) -> Cause:
        return self._outcome.cause

    @property
    def error(self) -> dict[str, Any] | None:
        if self.ok:
            return None
        body = self._outcome.body
        try:
            error = json.loads(body)
        except (ValueError, RecursionError):  # a function that speaks on the channel itself
            error = None
        if isinstance(error, dict):
            return error
        return {"errorMessage": body.decode("utf-8", "replace")}

    @property
    def error_type(self) -> str | None:
        return self._outcome.error_type or None

    @property
    def request_id(self) -> str:
        return self._request.id

    @property
    def instance_id(self) -> str:
        return self._outcome.instance_id

    @property
    def duration(self) -> float:
        return self._outcome.duration_s

    @property
    def initialize_duration(self) -> float:
        """Seconds in the Initializer, when this invocation caused the cold start; else 0."""
        return self._outcome.initialize_s

    @property
    def is_cold_start(self) -> bool:
        """It was the first request of its instance."""
        return self._outcome.cold_start

    @property
    def memory(self) -> float:
        return self._outcome.max_rss_kb / 1024

    @property
    def signal(self) -> int:
        """The signal that ended the worker, for Cause.SIGNAL; else 0."""
        return self._outcome.signum

    @property
    def status(self) -> str:
        """How the worker ended, in words, when it did."""
        return self._outcome.status

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, rounded up."""
        return self._outcome.billed_ms

    @property
    def log(self) -> str:
        return self._request.tail.decode("utf-8", "replace")

    @property
    def log_bytes(self) -> bytes:
        """The log as the function wrote it."""
        return bytes(self._request.tail)
