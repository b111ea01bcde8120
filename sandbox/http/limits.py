"""How large one request may be, and all of them together."""

from typing import NamedTuple

from sandbox.core.spec import MAX_EVENT_BYTES

__all__ = ["Limits"]


class Limits(NamedTuple):
    """FC's limits for one request, and ours for all that are in progress together."""

    event_bytes: int = MAX_EVENT_BYTES
    headers_bytes: int = 8 << 10
    target_bytes: int = 4 << 10
    requests: int = 1000
    events_bytes: int = 32 * MAX_EVENT_BYTES
