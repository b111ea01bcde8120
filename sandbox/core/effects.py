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
    "Freeze",
    "KillTree",
    "Reply",
    "Request",
    "Requeue",
    "RuntimeInited",
    "SendInvoke",
    "SendPreStop",
    "SendSetup",
    "Terminate",
    "Thaw",
]

INITIALIZE, INVOKE, PRESTOP = "Initialize", "Invoke", "PreStop"
"""Phases, as FC's log lines spell them."""


class Request:
    """One invocation, from acceptance to its outcome. `reply` is called exactly once.

    `is_http`: event and answer are an HTTP request and response, as `wire.pack_http` makes them.
    `retries`: how often the event has been tried before. `is_async`: whoever sent it does not wait.
    """

    __slots__ = (
        "accepted_s",
        "event",
        "id",
        "is_async",
        "is_http",
        "reply",
        "retries",
        "starts",
        "tail",
    )

    def __init__(
        self,
        id: str,
        event: bytes,
        accepted_s: float,
        reply: "Callable[[Request, Outcome], None]",
        is_http: bool = False,
        retries: int = 0,
        is_async: bool = False,
    ) -> None:
        self.id = id
        self.event = event
        self.accepted_s = accepted_s
        self.reply = reply
        self.is_http = is_http
        self.retries = retries
        self.is_async = is_async
        self.starts = 0
        """How many instances were started for it."""
        self.tail: bytes = b""
        """The last bytes of its log, kept by the engine."""


class Answer(NamedTuple):
    """Detail of DONE, ANSWERED, INIT_FAILED, READY and STOPPED: what the worker said.

    `sequence`: which request of the instance's it answers; 0 for the only one that runs.
    """

    body: bytes = b""
    failed: bool = False
    max_rss_kb: int = 0
    sequence: int = 0


class Broken(NamedTuple):
    """Detail of BROKEN: the channel cannot be trusted any more, or it must not live on.

    `is_cancelled`: the caller went away. `is_oom`: it holds more memory than its function may; the
    words for that are the machine's, and `reason` is not used.
    """

    reason: str
    max_rss_kb: int = 0
    is_cancelled: bool = False
    is_oom: bool = False


class Exit(NamedTuple):
    """Detail of EXITED. `status` as `os.waitstatus_to_exitcode`; None when it is not known.

    `undelivered`: how many of the callbacks it was asked for last it had not begun.
    `is_oom`: the kernel ended it for the memory limit of its group.
    """

    status: int | None = None
    max_rss_kb: int = 0
    undelivered: int = 0
    is_oom: bool = False


class _Bare:
    """An effect with nothing to tell but itself. No NamedTuple: empty tuples are all equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RuntimeInited(_Bare):
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


class Terminate(_Bare):
    """Send SIGTERM to the worker."""


class KillTree(_Bare):
    """SIGKILL every process of the instance."""


class Available(_Bare):
    """The instance has room for a request more."""


class Freeze(_Bare):
    """Let no process of the instance run, until Thaw."""


class Thaw(_Bare):
    """Let them run again. It comes before whatever they have to act on, SIGKILL included."""


class Announce(NamedTuple):
    """An entry of the lifecycle event stream."""

    name: str
    detail: str = ""


Effect = (
    RuntimeInited | SendSetup | SendInvoke | SendPreStop | Begin | End | Reply | Requeue
    | Terminate | KillTree | Available | Freeze | Thaw | Announce
)  # fmt: skip
