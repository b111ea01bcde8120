"""What is known of one asynchronous invocation: plain data.

Times are milliseconds of the wall clock, because they outlive the process and the boot.
"""

from enum import StrEnum
from typing import NamedTuple

from sandbox.core.spec import AsyncSettings

__all__ = ["FINISHED", "Acceptance", "Status", "TaskEvent", "TaskRecord", "accept_record"]


class Status(StrEnum):
    """The states of an asynchronous task, in the cloud's words."""

    ENQUEUED = "Enqueued"
    RUNNING = "Running"
    RETRYING = "Retrying"
    STOPPING = "Stopping"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"
    INVALID = "Invalid"


FINISHED = frozenset(
    (Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.EXPIRED, Status.INVALID)
)
"""Nothing follows on these."""


class TaskEvent(NamedTuple):
    """One change of the status."""

    status: Status
    at_ms: int
    detail: str = ""


class Acceptance(NamedTuple):
    """Who asks for what: what a caller of the queue gives, and what was made of it."""

    request_id: str
    function: str
    event: bytes
    task_id: str
    at_ms: int
    settings: AsyncSettings


class TaskRecord(NamedTuple):
    """One asynchronous invocation. It keeps the policy that it was accepted with.

    `attempts` counts those that have begun. `refusals` counts how often no instance could be made
    since then, which is no attempt. `due_ms` is when the next one may begin, `expires_ms` the
    last moment for that. `error_type` and `error` are of the last failure.
    """

    request_id: str
    function: str
    task_id: str
    status: Status
    event: bytes
    accepted_ms: int
    due_ms: int
    expires_ms: int
    max_retries: int
    on_success: str = ""
    on_failure: str = ""
    is_task: bool = False
    attempts: int = 0
    refusals: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    duration_ms: int = 0
    instance_id: str = ""
    error_type: str = ""
    error: str = ""
    destination_status: str = ""
    events: tuple[TaskEvent, ...] = ()

    @property
    def retries(self) -> int:
        """How many attempts were made after the first one."""
        return max(0, self.attempts - 1)

    def moved(
        self, status: Status, at_ms: int, detail: str = "", **changes: object
    ) -> "TaskRecord":
        """The same with another status, and an event that says so."""
        events = (*self.events, TaskEvent(status, at_ms, detail))
        return self._replace(status=status, events=events, **changes)  # type: ignore[arg-type]


def accept_record(asked: Acceptance) -> TaskRecord:
    """The record of an invocation that was just asked for."""
    settings, now = asked.settings, asked.at_ms
    return TaskRecord(
        request_id=asked.request_id,
        function=asked.function,
        task_id=asked.task_id or asked.request_id,
        status=Status.ENQUEUED,
        event=asked.event,
        accepted_ms=now,
        due_ms=now,
        expires_ms=now + int(settings.max_age_s * 1000),
        max_retries=settings.max_retries,
        on_success=settings.on_success,
        on_failure=settings.on_failure,
        is_task=settings.is_task,
        events=(TaskEvent(Status.ENQUEUED, now),),
    )
