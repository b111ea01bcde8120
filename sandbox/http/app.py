"""The invoke API of Function Compute 3.0, and fcbox's own routes, over a supervisor.

    POST /2023-03-30/functions/{name}/invocations    the body is the event, as it is
    GET  /fcbox/instances, /fcbox/statistics         for the command line

Three kinds of answers:

* The function ran: 200, whatever became of it. `X-Fc-Error-Type` says that it failed, and the
  body is then the error JSON.
* The request was refused: 4xx, an API error `{"RequestId", "Code", "Message"}`.
* The function did not run, though the request was in order: 503 `ServiceUnavailable`. No
  instance could be created, or the supervisor is stopping. Such a request may be sent again
  without fear that the function runs twice. 500 is a bug of ours; its trace goes to stderr only.

API errors carry `X-Fc-Error-Type: FCCommonError`.

Who may call. The socket is bound to loopback, yet a browser on this machine reaches loopback
too, and so does every page in it. Two checks keep pages out:

* DNS rebinding: a page's own host name is made to resolve to 127.0.0.1, after which the browser
  takes our answers for that page's. The `Host` header then still names the page's host, so it
  must be a loopback name.
* Cross-site requests: a page may send a POST anywhere, only not read the answer; but for a
  function to run, sending is enough. Browsers put an `Origin` header on every such request, so
  where there is one it must be loopback. Command-line clients and SDKs send none.
"""

import asyncio
import base64
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import MAX_EVENT_BYTES, FunctionSpec
from sandbox.engine.supervisor import InstanceRecord, Supervisor

__all__ = ["Limits", "make_app"]

TAIL_LOG_BYTES = 4 << 10
"""What X-Fc-Log-Result holds before it is encoded, summary included."""

_LOOPBACK = r"(?:(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?"
_LOOPBACK_HOST = re.compile(_LOOPBACK, re.IGNORECASE)
_LOOPBACK_ORIGIN = re.compile("https?://" + _LOOPBACK, re.IGNORECASE)


class Limits(NamedTuple):
    """FC's limits for one request, and ours for all that are in progress together."""

    event_bytes: int = MAX_EVENT_BYTES
    headers_bytes: int = 8 << 10
    target_bytes: int = 4 << 10
    requests: int = 1000
    events_bytes: int = 32 * MAX_EVENT_BYTES


def make_app(supervisor: Supervisor, limits: Limits | None = None) -> Starlette:
    """The application. It must run in the supervisor's own loop."""
    limits = limits or Limits()
    invocations = _Invocations(supervisor, limits)

    def new_request_id() -> str:
        return supervisor.host.ids.request_id()

    async def invoke(request: HttpRequest) -> Response:
        return await invocations.invoke(request)

    async def instances(request: HttpRequest) -> Response:
        return JSONResponse([_describe(record) for record in supervisor.instances()])

    async def statistics(request: HttpRequest) -> Response:
        return JSONResponse(supervisor.statistics())

    async def not_routed(request: HttpRequest, exc: Exception) -> Response:
        return _refuse_route(request, exc, new_request_id())

    async def refused(request: HttpRequest, exc: Exception) -> Response:
        assert isinstance(exc, _Refused)
        return _error(new_request_id(), exc)

    async def failed(request: HttpRequest, exc: Exception) -> Response:
        text = "fcbox failed; its standard error has the details"
        return _error(new_request_id(), _Refused(500, "InternalServerError", text))

    app = Starlette(
        routes=[
            Route("/2023-03-30/functions/{name}/invocations", invoke, methods=["POST"]),
            Route("/fcbox/instances", instances),
            Route("/fcbox/statistics", statistics),
        ],
        middleware=[Middleware(_Gate, new_request_id=new_request_id, limits=limits)],
        exception_handlers={HTTPException: not_routed, _Refused: refused, Exception: failed},
    )
    app.router.redirect_slashes = False
    return app


class _Refused(Exception):
    """The request gets an API error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Gate:
    """Stands before all routes: who may call, and how large a request's head may be."""

    def __init__(self, app: ASGIApp, new_request_id: Callable[[], str], limits: Limits) -> None:
        self._app = app
        self._new_request_id = new_request_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except _Refused as refused:
            await _error(self._new_request_id(), refused)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if not hosts or not all(map(_LOOPBACK_HOST.fullmatch, hosts)):
            raise _Refused(403, "AccessDenied", "the Host header must be a loopback name")
        if not all(map(_LOOPBACK_ORIGIN.fullmatch, headers.getlist("origin"))):
            raise _Refused(403, "AccessDenied", "web pages of other hosts may not call")
        # As on the wire: ": " and CRLF belong to a header.
        head = sum(len(name) + len(value) + 4 for name, value in headers.raw)
        _check_size("the headers", head, self._limits.headers_bytes)
        target = len(scope["raw_path"]) + len(scope["query_string"])
        _check_size("the path with its query", target, self._limits.target_bytes)


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        text = f"{what} may have {limit} bytes together, not {size}"
        raise _Refused(400, "InvalidArgument", text)


class _Invocations:
    """The invoke route, and what is in progress on it."""

    def __init__(self, supervisor: Supervisor, limits: Limits) -> None:
        self._supervisor = supervisor
        self._limits = limits
        self._requests = 0
        self._events_bytes = 0

    async def invoke(self, http: HttpRequest) -> Response:
        name = http.path_params["name"]
        pool = self._supervisor.pools.get(name)
        if pool is None:
            raise _Refused(404, "FunctionNotFound", f"function '{name}' does not exist")
        _check_qualifier(http.query_params.get("qualifier", "LATEST"))
        if _choice(http, "X-Fc-Invocation-Type", "Sync", "Async") == "Async":
            text = "asynchronous invocations are not supported yet"
            raise _Refused(400, "InvalidArgument", text)
        wants_log = _choice(http, "X-Fc-Log-Type", "None", "Tail") == "Tail"
        if self._requests >= self._limits.requests:
            text = f"{self._requests} requests are in progress, more are not taken"
            raise _Refused(429, "ResourceExhausted", text)
        self._requests += 1
        held = _Held()
        try:
            event = await self._read_event(http, held)
            request, outcome = await self._run(name, event, http.receive)
        except ClientDisconnect:
            return Response()  # nobody is there to read it
        finally:
            self._requests -= 1
            self._events_bytes -= held.bytes
        return _answer(pool.spec, request, outcome, wants_log)

    async def _read_event(self, http: HttpRequest, held: "_Held") -> bytes:
        # A refusal comes at once, in the middle of the body. The server goes on reading and
        # discarding the rest, so that a client which only reads when it has sent it all does
        # not find a broken connection instead of the answer.
        declared = http.headers.get("content-length", "")
        if declared.isdecimal():
            self._check_event(int(declared), 0)
        chunks = []
        async for chunk in http.stream():
            self._check_event(held.bytes + len(chunk), len(chunk))
            held.bytes += len(chunk)
            self._events_bytes += len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_event(self, size: int, more: int) -> None:
        limit = self._limits.event_bytes
        if size > limit:
            text = f"payload size exceeds maximum allowed size ({limit} bytes)"
            raise _Refused(413, "EntityTooLarge", text)
        if self._events_bytes + more > self._limits.events_bytes:
            text = f"the events in progress have {self._events_bytes} bytes, more are not taken"
            raise _Refused(429, "ResourceExhausted", text)

    async def _run(self, name: str, event: bytes, receive: Receive) -> tuple[Request, Outcome]:
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def reply(request: Request, outcome: Outcome) -> None:
            answered.set_result(outcome)

        request = self._supervisor.invoke(name, event, reply)
        gone = asyncio.ensure_future(_wait_disconnect(receive))
        try:
            await asyncio.wait((answered, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not answered.done():
                self._supervisor.cancel(name, request)
        return request, await answered


class _Held:
    """What one request holds of `Limits.events_bytes`, to be given back however it ends."""

    bytes = 0


async def _wait_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _check_qualifier(qualifier: str) -> None:
    # There are no versions and aliases here: what would be published is what is on disk.
    if qualifier != "LATEST":
        kind = "version" if qualifier.isdecimal() else "alias"
        text = f"{kind} '{qualifier}' does not exist: only LATEST does locally"
        raise _Refused(404, f"{kind.capitalize()}NotFound", text)


def _choice(http: HttpRequest, header: str, *choices: str) -> str:
    """The one of `choices` that the header names; the first one when it is absent."""
    value = http.headers.get(header, choices[0])
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    text = f"{header} must be {' or '.join(choices)}, not '{value}'"
    raise _Refused(400, "InvalidArgument", text)


def _answer(spec: FunctionSpec, request: Request, outcome: Outcome, wants_log: bool) -> Response:
    if outcome.cause is Cause.NOT_CREATED:
        text = json.loads(outcome.body)["errorMessage"]
        return _error(request.id, _Refused(503, "ServiceUnavailable", text))
    if not outcome.instance_id:
        # It waited for an instance and was sent away. Its caller is either gone, and does not
        # read this, or it was the supervisor that could not wait.
        text = "the function did not run: the supervisor is stopping"
        return _error(request.id, _Refused(503, "ServiceUnavailable", text))
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


def _error(request_id: str, refused: _Refused) -> Response:
    body = {"RequestId": request_id, "Code": refused.code, "Message": refused.message}
    headers = {"X-Fc-Request-Id": request_id, "X-Fc-Error-Type": "FCCommonError"}
    return JSONResponse(body, refused.status, headers)


def _refuse_route(http: HttpRequest, exc: Exception, request_id: str) -> Response:
    assert isinstance(exc, HTTPException)
    text = f"'{http.method}' against '{http.url.path}' is not supported"
    code = "MethodNotAllowed" if exc.status_code == 405 else "PathNotSupported"
    response = _error(request_id, _Refused(exc.status_code, code, text))
    response.headers.update(exc.headers or {})
    return response


def _describe(record: InstanceRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "function": record.function,
        "state": record.state,
        "pid": record.pid,
        "age_s": round(record.age_s, 3),
        "invocations": record.invocations,
        "memory_mb": round(record.max_rss_kb / 1024, 2),
        "request_id": record.request_id,
    }
