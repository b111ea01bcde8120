"""Requests that ask for `X-Fc-Invocation-Type: Async`, by the invoke API or by an HTTP trigger.

They are answered with 202 when their event is on the disk, before anything has run.
"""

import re
from collections.abc import Callable, Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Scope

from sandbox.asynchronous.destinations import MAX_ASYNC_EVENT_BYTES
from sandbox.http.front import Front
from sandbox.http.refusals import Refused

__all__ = ["accepted", "choice", "wants_async"]

_TASK_ID = re.compile("[A-Za-z_][A-Za-z0-9_-]{0,127}")
_TASK_HEADERS = ("X-Fc-Async-Task-Id", "X-Fc-Stateful-Async-Invocation-Id")
"""Of 3.0 and of 2.x."""


def wants_async(scope: Scope) -> bool:
    """Raises Refused for a type that there is not."""
    headers = dict(scope["headers"])
    return choice(headers, "X-Fc-Invocation-Type", "Sync", "Async") == "Async"


async def accepted(
    front: Front,
    http: HttpRequest,
    name: str,
    make_event: Callable[[bytes], bytes],
    request_id: str = "",
) -> Response:
    """The answer, when the event is on the disk. Raises Refused."""
    queue = front.queue
    if queue is None:
        raise Refused(400, "InvalidArgument", "there are no asynchronous invocations here")
    task_id = next(filter(None, map(http.headers.get, _TASK_HEADERS)), "")
    if task_id and not _TASK_ID.fullmatch(task_id):
        text = (
            "an asynchronous task's id begins with a letter or an underscore, and has at most "
            "128 letters, digits, underscores and hyphens"
        )
        raise Refused(400, "InvalidArgument", text)
    body = await front.invocations.read(http, MAX_ASYNC_EVENT_BYTES)
    request_id = await queue.accept(name, make_event(body), task_id, request_id=request_id)
    headers = {"X-Fc-Request-Id": request_id, "X-Fc-Async-Task-Id": task_id or request_id}
    return Response(status_code=202, headers=headers)


def choice(headers: Mapping[bytes, bytes], header: str, *choices: str) -> str:
    """The one of `choices` that the header names; the first one when it is absent."""
    given = headers.get(header.lower().encode("ascii"))
    if given is None:
        return choices[0]
    value = given.decode("latin-1")
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    text = f"{header} must be {' or '.join(choices)}, not '{value}'"
    raise Refused(400, "InvalidArgument", text)
