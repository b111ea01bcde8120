"""The invoke API of Function Compute.

    POST /2023-03-30/functions/{function}/invocations
    POST /2021-04-06/services/{service}/functions/{function}/invocations
    POST /2016-08-15/services/{service}[.qualifier]/functions/{function}/invocations

The body is the event, as it is. Four kinds of answers:

* The function ran: 200, whatever became of it. `X-Fc-Error-Type` says that it failed, and the
  body is then the error JSON.
* It will run (`X-Fc-Invocation-Type: Async`): 202, without a body.
* The request was refused: 4xx, an API error.
* The function did not run, though the request was in order: 503 `ServiceUnavailable`. No
  instance could be created, or the supervisor is stopping. Such a request may be sent again
  without fear that the function runs twice. 500 is a bug of ours; its trace goes to stderr only.
"""

import base64
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.supervisor import UnknownFunction
from sandbox.http.async_calls import accepted, choice, wants_async
from sandbox.http.checksums import Checksums
from sandbox.http.front import Front
from sandbox.http.refusals import Refused

__all__ = ["InvokeApi", "is_plain", "routes"]

PATHS = (
    "/2023-03-30/functions/{function}/invocations",
    "/2021-04-06/services/{service}/functions/{function}/invocations",
    "/2016-08-15/services/{service}/functions/{function}/invocations",
)
TAIL_LOG_BYTES = 4 << 10
"""What X-Fc-Log-Result holds before it is encoded, summary included."""

_PATH = re.compile(
    "/(?:2023-03-30|(?:2021-04-06|2016-08-15)/services/([^/]+))/functions/([^/]+)/invocations"
)
_FUNCTION_HOST = re.compile(rb".+\.localhost(?::\d+)?", re.IGNORECASE)


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front."""
    invoke = InvokeApi(front)
    return [Route(path, invoke, methods=["POST"]) for path in PATHS]


def is_plain(scope: Scope) -> bool:
    """Whether a request is nothing but an invocation: it needs no route to be found for it. At a
    host name of a function's own every path is the function's."""
    if scope["method"] != "POST" or not _PATH.fullmatch(scope["path"]):
        return False
    hosts = (value for name, value in scope["headers"] if name == b"host")
    return not any(map(_FUNCTION_HOST.fullmatch, hosts))


class InvokeApi:
    """An ASGI application that takes requests to the paths above. It raises Refused."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._checksums = Checksums(front)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        name = self._name_of(scope)
        spec = self._front.spec_of(name)
        headers = dict(scope["headers"])
        is_async = wants_async(scope)
        wants_log = choice(headers, "X-Fc-Log-Type", "None", "Tail") == "Tail"
        answer: Response | _Answer
        try:
            if is_async:
                answer = await accepted(self._front, http, name, _same)
            else:
                checksum = self._checksums.begin(name)  # while the function runs
                ran = await self._front.invocations.run(http, name, _same)
                self._front.check_ran(name, *ran)
                answer = _answer(spec, *ran, wants_log, await self._checksums.soon(checksum))
        except ClientDisconnect:
            answer = Response()  # nobody is there to read it
        except UnknownFunction:  # it was deleted while the body came
            text = f"function '{name}' does not exist"
            raise Refused(404, "FunctionNotFound", text) from None
        await answer(scope, receive, send)

    def _name_of(self, scope: Scope) -> str:
        found = _PATH.fullmatch(scope["path"])
        if not found:  # a path that ends with a line break fits a route, but no function
            text = f"'{scope['method']}' against this path is not supported"
            raise Refused(404, "PathNotSupported", text)
        service, function = found.groups()
        qualifier = ""
        if service is not None:
            service, _, qualifier = service.partition(".")
            function = self._front.name_of(service, function)
        query = scope["query_string"]
        if query:
            values = dict(parse_qsl(query.decode("latin-1")))
            qualifier = values.get("qualifier", qualifier)
        _check_qualifier(qualifier or "LATEST")
        return function


def _same(body: bytes) -> bytes:
    return body


def _check_qualifier(qualifier: str) -> None:
    # There are no versions and aliases here: what would be published is what is on disk.
    if qualifier != "LATEST":
        kind = "version" if qualifier.isdecimal() else "alias"
        text = f"{kind} '{qualifier}' does not exist: only LATEST does locally"
        raise Refused(404, f"{kind.capitalize()}NotFound", text)


def _answer(
    spec: FunctionSpec, request: Request, outcome: Outcome, wants_log: bool, checksum: str
) -> "_Answer":
    headers = {
        "X-Fc-Request-Id": request.id,
        "X-Fc-Instance-Id": outcome.instance_id,
        "X-Fc-Invocation-Duration": str(outcome.billed_ms),
        "X-Fc-Max-Memory-Usage": f"{outcome.max_rss_kb / 1024:.2f}",
    }
    if checksum:
        headers["X-Fc-Code-Checksum"] = checksum
    if outcome.error_type:
        headers["X-Fc-Error-Type"] = outcome.error_type
        # Ours: `fcbox invoke` makes its exit code of these.
        headers["X-Fcbox-Cause"] = outcome.cause.value
        headers["X-Fcbox-Signal"] = str(outcome.signum)
    if wants_log:
        headers["X-Fc-Log-Result"] = _tail_log(spec, request, outcome)
    return _Answer(outcome.body, headers)


class _Answer:
    """A 200 whose headers are known to be well-formed ASCII: they are not looked through again."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self._body = body
        self._headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % len(body)),
            *((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def _tail_log(spec: FunctionSpec, request: Request, outcome: Outcome) -> str:
    summary = (
        f"\nDuration: {outcome.duration_s * 1000:.2f} ms, "
        f"Billed Duration: {outcome.billed_ms} ms, Memory Size: {spec.memory_mb} MB, "
        f"Max Memory Used: {outcome.max_rss_kb / 1024:.2f} MB"
    )
    log = request.tail + summary.encode("ascii")
    return base64.b64encode(log[-TAIL_LOG_BYTES:]).decode("ascii")
