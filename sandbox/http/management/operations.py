"""One operation of the management API: what the SDKs call it, where it is, and what does it.

Every operation of the SDKs stands in one of the tables of this package. What has no meaning on
one machine (layers in OSS, custom domains, versions that are published) has no function there,
and is answered with `NotLocal`, status 400: a 5xx would be tried again by the SDKs (fc2 does so
five times), and a 404 would say that something is missing which never can be here.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.http.refusals import Refused

if TYPE_CHECKING:
    from sandbox.http.management.calls import Call

__all__ = ["Answer", "Handle", "Operation", "not_local"]

Answer = dict[str, Any] | None
"""What goes out as JSON; None is an empty answer, status 204."""
Handle = Callable[["Call"], Awaitable[Answer]]


class Operation(NamedTuple):
    """`path` is below the version. Without `handle` it is not local: `why` says what is not."""

    action: str
    method: str
    path: str
    handle: Handle | None = None
    why: str = ""


def not_local(what: str) -> Refused:
    """The refusal of what exists in the cloud only. `what` is the beginning of a sentence."""
    return Refused(400, "NotLocal", f"{what} not local: fcbox has only what runs on this machine")
