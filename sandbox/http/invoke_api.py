"""The invoke API of Function Compute.

    POST /2023-03-30/functions/{name}/invocations    the body is the event, as it is

Three kinds of answers:

* The function ran: 200, whatever became of it. `X-Fc-Error-Type` says that it failed, and the
  body is then the error JSON.
* The request was refused: 4xx, an API error.
* The function did not run, though the request was in order: 503 `ServiceUnavailable`. No
  instance could be created, or the supervisor is stopping. Such a request may be sent again
  without fear that the function runs twice. 500 is a bug of ours; its trace goes to stderr only.
"""

import base64
import json

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.asynchronous.destinations import MAX_ASYNC_EVENT_BYTES
from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.http.front import Front
from sandbox.http.refusals import Refused, refusal

__all__ = ["routes"]

TAIL_LOG_BYTES = 4 << 10
"""What X-Fc-Log-Result holds before it is encoded, summary included."""


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front."""

    async def invoke(http: HttpRequest) -> Response:
        return await _invoke(front, http, http.path_params["name"])

    return [Route("/2023-03-30/functions/{name}/invocations", invoke, methods=["POST"])]


async def _invoke(front: Front, http: HttpRequest, name: str) -> Response:
    spec = front.spec_of(name)
    _check_qualifier(http.query_params.get("qualifier", "LATEST"))
    if _choice(http, "X-Fc-Invocation-Type", "Sync", "Async") == "Async":
        return await _accept(front, http, name)
    wants_log = _choice(http, "X-Fc-Log-Type", "None", "Tail") == "Tail"
    try:
        request, outcome = await front.invocations.run(http, name, lambda body: body)
    except ClientDisconnect:
        return Response()  # nobody is there to read it
    return _answer(http.url.path, spec, request, outcome, wants_log)


async def _accept(front: Front, http: HttpRequest, name: str) -> Response:
    """An asynchronous invocation: it is on the disk when the answer goes out."""
    if front.queue is None:
        raise Refused(400, "InvalidArgument", "there are no asynchronous invocations here")
    try:
        event = await front.invocations.read(http, MAX_ASYNC_EVENT_BYTES)
    except ClientDisconnect:
        return Response()
    task_id = http.headers.get("X-Fc-Async-Task-Id", "")
    task_id = task_id or http.headers.get("X-Fc-Stateful-Async-Invocation-Id", "")
    request_id = await front.queue.accept(name, event, task_id)
    headers = {"X-Fc-Request-Id": request_id, "X-Fc-Async-Task-Id": task_id or request_id}
    return Response(status_code=202, headers=headers)


def _check_qualifier(qualifier: str) -> None:
    # There are no versions and aliases here: what would be published is what is on disk.
    if qualifier != "LATEST":
        kind = "version" if qualifier.isdecimal() else "alias"
        text = f"{kind} '{qualifier}' does not exist: only LATEST does locally"
        raise Refused(404, f"{kind.capitalize()}NotFound", text)


def _choice(http: HttpRequest, header: str, *choices: str) -> str:
    """The one of `choices` that the header names; the first one when it is absent."""
    value = http.headers.get(header, choices[0])
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    text = f"{header} must be {' or '.join(choices)}, not '{value}'"
    raise Refused(400, "InvalidArgument", text)


def _answer(
    path: str, spec: FunctionSpec, request: Request, outcome: Outcome, wants_log: bool
) -> Response:
    if outcome.cause is Cause.NOT_CREATED:
        text = json.loads(outcome.body)["errorMessage"]
        return refusal(path, request.id, Refused(503, "ServiceUnavailable", text))
    if not outcome.instance_id:
        # It waited for an instance and was sent away. Its caller is either gone, and does not
        # read this, or it was the supervisor that could not wait.
        text = "the function did not run: the supervisor is stopping"
        return refusal(path, request.id, Refused(503, "ServiceUnavailable", text))
    headers = {
        "X-Fc-Request-Id": request.id,
        "X-Fc-Instance-Id": outcome.instance_id,
        "X-Fc-Invocation-Duration": str(outcome.billed_ms),
        "X-Fc-Max-Memory-Usage": f"{outcome.max_rss_kb / 1024:.2f}",
    }
    if outcome.error_type:
        headers["X-Fc-Error-Type"] = outcome.error_type
        # Ours: `fcbox invoke` makes its exit code of these.
        headers["X-Fcbox-Cause"] = outcome.cause.value
        headers["X-Fcbox-Signal"] = str(outcome.signum)
    if wants_log:
        headers["X-Fc-Log-Result"] = _tail_log(spec, request, outcome)
    return Response(outcome.body, headers=headers, media_type="application/octet-stream")


def _tail_log(spec: FunctionSpec, request: Request, outcome: Outcome) -> str:
    summary = (
        f"\nDuration: {outcome.duration_s * 1000:.2f} ms, "
        f"Billed Duration: {outcome.billed_ms} ms, Memory Size: {spec.memory_mb} MB, "
        f"Max Memory Used: {outcome.max_rss_kb / 1024:.2f} MB"
    )
    log = request.tail + summary.encode("ascii")
    return base64.b64encode(log[-TAIL_LOG_BYTES:]).decode("ascii")
