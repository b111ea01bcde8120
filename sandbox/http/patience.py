"""How long the rest of a request is waited for. Pure: time is a parameter.

    head    so long in all, from its first byte or from the connection on
    body    so long between two pieces of it; and in all a while, and more for each byte that came

Time in which we do not read is no fault of the sender's, and does not count.
"""

import math

__all__ = ["BODY_S", "HEAD_S", "SILENCE_S", "SLOWEST_BYTES_S", "Patience"]

HEAD_S = 30.0
SILENCE_S = 30.0
BODY_S = 60.0
"""A body may be as slow as it likes for so long."""
SLOWEST_BYTES_S = 8 << 10
"""After that so much must come in a second, on average."""


class Patience:
    """With the head, or with the body, of one request."""

    def __init__(self, now: float, *, is_head: bool) -> None:
        self._is_head = is_head
        self._begun_s = self._last_s = now
        self._paused_s: float | None = None
        self.bytes = 0
        """What has come of it."""

    def came(self, size: int, now: float) -> None:
        """More of it."""
        self.bytes += size
        self._last_s = now

    def pause(self, now: float) -> None:
        """We do not read from now on."""
        if self._paused_s is None:
            self._paused_s = now

    def resume(self, now: float) -> None:
        """We read again."""
        if self._paused_s is not None:
            self._begun_s += now - self._paused_s
            self._last_s, self._paused_s = now, None

    def ends_at(self) -> float:
        """When it is at its end, if nothing happens before; infinity while we do not read."""
        if self._paused_s is not None:
            return math.inf
        if self._is_head:
            return self._begun_s + HEAD_S
        whole_s = BODY_S + self.bytes / SLOWEST_BYTES_S
        return min(self._last_s + SILENCE_S, self._begun_s + whole_s)
