"""Asynchronous invocations for fcbox's own command line.

GET /fcbox/tasks
"""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.asynchronous.records import TaskRecord
from sandbox.http.front import Front

__all__ = ["routes"]


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front."""

    async def tasks(request: HttpRequest) -> Response:
        records = await front.queue.tasks() if front.queue else []
        return JSONResponse([_describe(record) for record in records])

    return [Route("/fcbox/tasks", tasks)]


def _describe(record: TaskRecord) -> dict[str, object]:
    return {
        "request_id": record.request_id,
        "task_id": record.task_id,
        "function": record.function,
        "status": record.status.value,
        "attempts": record.attempts,
        "most_attempts": record.max_retries + 1,
        "accepted_s": record.accepted_ms / 1000,
        "due_s": record.due_ms / 1000,
        "ended_s": record.ended_ms / 1000,
        "duration_ms": record.duration_ms,
        "error": record.error,
        "destination_status": record.destination_status,
    }
