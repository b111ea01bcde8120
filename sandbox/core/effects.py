"""What goes into an instance and what comes out: requests, the details of events, effects.

A detail is what an event knows beside its name; an effect is what the shell is to do. Plain
data, no behaviour.
"""

from collections.abc import Callable
from typing import NamedTuple

from sandbox.core.outcome import Outcome

__all__ = [
    "INITIALIZE",
    "INVOKE",
    "PRESTOP",
    "Announce",
    "Answer",
    "Available",
    "Begin",
    "Broken",
    "Effect",
    "End",
    "Exit",
    "KillTree",
    "Reply",
    "Request",
    "Requeue",
    "RuntimeInited",
    "SendInvoke",
    "SendPreStop",
    "SendSetup",
    "Terminate",
]

INITIALIZE, INVOKE, PRESTOP = "Initialize", "Invoke", "PreStop"
"""Phases, as FC's log lines spell them."""


class Request:
    """One invocation, from acceptance to its outcome. `reply` is called exactly once."""

    __slots__ = ("accepted_s", "event", "id", "reply", "starts", "tail")

    def __init__(
        self, id: str, event: bytes, accepted_s: float, reply: "Callable[[Request, Outcome], None]"
    ) -> None:
        self.id = id
        self.event = event
        self.accepted_s = accepted_s
        self.reply = reply
        self.starts = 0
        """How many instances were started for it."""
        self.tail: bytes = b""
        """The last bytes of its log, kept by the engine."""


class Answer(NamedTuple):
    """Detail of DONE, INIT_FAILED, READY and STOPPED: what the worker said."""

    body: bytes = b""
    failed: bool = False
    max_rss_kb: int = 0


class Broken(NamedTuple):
    """Detail of BROKEN: the channel cannot be trusted any more, or the caller went away."""

    reason: str
    max_rss_kb: int = 0
    is_cancelled: bool = False


class Exit(NamedTuple):
    """Detail of EXITED. `status` as `os.waitstatus_to_exitcode`; None when it is not known.

    `is_undelivered`: the worker had not begun the callback that the current request is for.
    """

    status: int | None = None
    max_rss_kb: int = 0
    is_undelivered: bool = False


class RuntimeInited(NamedTuple):
    """Write the line that FC writes once per instance."""


class SendSetup(NamedTuple):
    """Send SETUP; an Initializer runs under this request id."""

    request_id: str


class SendInvoke(NamedTuple):
    """Send INVOKE."""

    sequence: int
    request: Request


class SendPreStop(NamedTuple):
    """Send PRESTOP; the hook runs under this request id."""

    request_id: str


class Begin(NamedTuple):
    """Output belongs to this phase of this request from now on; write the Start line."""

    phase: str
    request_id: str


class End(NamedTuple):
    """Write the End line, with the suffix `, Error: <error>` when there is one."""

    phase: str
    request_id: str
    error: str = ""


class Reply(NamedTuple):
    """Tell the caller."""

    request: Request
    outcome: Outcome


class Requeue(NamedTuple):
    """The request never ran: give it to another instance."""

    request: Request


class Terminate(NamedTuple):
    """Send SIGTERM to the worker."""


class KillTree(NamedTuple):
    """SIGKILL every process of the instance."""


class Available(NamedTuple):
    """The instance is IDLE."""


class Announce(NamedTuple):
    """An entry of the lifecycle event stream."""

    name: str
    detail: str = ""


Effect = (
    RuntimeInited | SendSetup | SendInvoke | SendPreStop | Begin | End | Reply | Requeue
    | Terminate | KillTree | Available | Announce
)  # fmt: skip
