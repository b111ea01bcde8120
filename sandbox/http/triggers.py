"""HTTP triggers: requests to functions' own addresses (see `addresses`), with any path below them.

    request -> which function? -> has it a trigger? -> this method? -> event -> function -> response

Only functions with an HTTP trigger answer here. FC calls whoever speaks HTTP itself (WSGI
applications, custom runtimes) with the request as it is, every other handler with an event.
What is wrong with a function is a 502: its error JSON, or `BadResponse` for a response that
cannot be sent.

The authType `function` asks for a signature where the box has an access key at all; tokens (`jwt`)
are not looked at, so that such a trigger then takes signed requests only.
"""

import time
from typing import NamedTuple
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.supervisor import EventTooLarge, UnknownFunction
from sandbox.http.addresses import RESERVED, TOP, host_label, trigger_methods
from sandbox.http.async_calls import accepted, wants_async
from sandbox.http.door import LOOPBACK
from sandbox.http.front import Front
from sandbox.http.http_events import (
    BadResponse,
    HttpAnswer,
    HttpCall,
    make_event,
    pack_call,
    read_packed,
    read_result,
)
from sandbox.http.index_page import index_html, index_text
from sandbox.http.refusals import Refused, refusal

__all__ = ["routes"]

PROXY = ("2016-08-15", "proxy")
WITHOUT_BODY = (204, 304)


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front. They come before all others: at a host name of its own
    a function has every path."""
    front.open_doors.append(lambda scope: _is_anonymous(front, scope))
    front.page_doors.append(lambda scope: _leads_to_function(front, scope))
    return [_TriggerRoute(front), _IndexRoute(front)]


class _Place(NamedTuple):
    """A function, and the path below its address, as it came."""

    spec: FunctionSpec
    path: str


class _TriggerRoute(BaseRoute):
    """Takes what goes to a function's address."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Refuses nothing: what is wrong with the address is told when it is handled."""
        if scope["type"] != "http" or not _leads_to_function(self._front, scope):
            return Match.NONE, {}
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Refused."""
        place = _find(self._front, scope)
        http = HttpRequest(scope, receive)
        try:
            response = _refused_method(self._front, http, place.spec)
            response = response or await _respond(self._front, http, place)
        except ClientDisconnect:
            response = Response()  # nobody is there to read it
        await response(scope, receive, send)


class _IndexRoute(BaseRoute):
    """Takes GET /."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """HEAD is a GET whose body is left out by the server."""
        is_index = scope["type"] == "http" and scope["path"] == "/"
        return (Match.FULL if is_index and scope["method"] in ("GET", "HEAD") else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        specs = [pool.spec for pool in self._front.supervisor.pools.values()]
        host, port = LOOPBACK if _label(scope) else _host(http), scope["server"][1]
        wants_html = "text/html" in http.headers.get("accept", "")
        text = (index_html if wants_html else index_text)(specs, host, port)
        # A host name that is no function's: the page helps, but it is not what was asked for.
        status = 404 if _label(scope) else 200
        media_type = "text/html" if wants_html else "text/plain"
        await Response(text, status, media_type=media_type)(scope, receive, send)


# --- which function -------------------------------------------------------------------------------


def _leads_to_function(front: Front, scope: Scope) -> bool:
    try:
        _find(front, scope)
    except LookupError:
        return False
    except Refused:
        pass  # there is such a function, or it is an address of functions only
    return True


def _is_anonymous(front: Front, scope: Scope) -> bool:
    """Whether everybody may call, with this method."""
    try:
        triggers = _find(front, scope).spec.http_triggers
    except (LookupError, Refused):
        return False
    return any(
        each.auth_type == "anonymous" and (not each.methods or scope["method"] in each.methods)
        for each in triggers
    )


def _find(front: Front, scope: Scope) -> _Place:
    """Where a request goes. Raises LookupError when it is not to a function, and Refused when it
    is to one that cannot be called so."""
    raw = scope["raw_path"].decode("latin-1")
    segments = raw.split("/")
    name = _name_by_host(front, scope)
    if name is not None:
        if not front.spec_of(name).http_triggers and _is_api(scope["path"]):
            raise LookupError(raw)  # a name of loopback like any other
        return _Place(_with_trigger(front, name), raw)
    if segments[:3] == ["", *PROXY] and len(segments) > 4:
        service, _, qualifier = unquote(segments[3]).partition(".")
        if qualifier not in ("", "LATEST"):
            text = f"'{qualifier}' does not exist: only LATEST does locally"
            raise Refused(
                404, "VersionNotFound" if qualifier.isdecimal() else "AliasNotFound", text
            )
        name = front.name_of(service, unquote(segments[4]))
        return _Place(_with_trigger(front, name), "/" + "/".join(segments[5:]))
    name = unquote(segments[1]) if len(segments) > 1 else ""
    if segments[0] or name in RESERVED or name not in front.supervisor.pools:
        raise LookupError(raw)
    return _Place(_with_trigger(front, name), "/" + "/".join(segments[2:]))


def _name_by_host(front: Front, scope: Scope) -> str | None:
    label = _label(scope)
    if not label:
        return None
    pools = front.supervisor.pools
    if label in pools:
        return label
    return next((name for name in pools if host_label(name) == label.lower()), None)


def _label(scope: Scope) -> str:
    """The one label before `.localhost`; empty when it is another host."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    host = hosts[0].partition(":")[0] if len(hosts) == 1 else ""
    label = host[: -len(TOP)] if host.lower().endswith(TOP) else ""
    return "" if "." in label else label


def _is_api(path: str) -> bool:
    first = path.split("/")[1] if "/" in path else ""
    return first in RESERVED or first[:1].isdecimal()


def _with_trigger(front: Front, name: str) -> FunctionSpec:
    spec = front.spec_of(name)
    if not spec.http_triggers:
        text = (
            f"function '{name}' has no HTTP trigger: add one to its `triggers` "
            "(triggerType: http), or POST the event to "
            f"/2023-03-30/functions/{name}/invocations"
        )
        raise Refused(404, "TriggerNotFound", text)
    return spec


def _refused_method(front: Front, http: HttpRequest, spec: FunctionSpec) -> Response | None:
    methods = trigger_methods(spec)
    if not methods or http.method in methods:
        return None
    text = f"the HTTP trigger of '{spec.name}' does not take {http.method}"
    refused = Refused(405, "MethodNotAllowed", text)
    response = refusal(http.url.path, front.new_request_id(), refused)
    response.headers["Allow"] = ", ".join(methods)
    return response


# --- one request ----------------------------------------------------------------------------------


async def _respond(front: Front, http: HttpRequest, place: _Place) -> Response:
    spec, call = place.spec, _call(http, place)
    speaks_http = spec.is_wsgi or spec.custom is not None
    request_id = front.new_request_id()

    def event(body: bytes) -> bytes:
        if speaks_http:
            return pack_call(call, body)
        return make_event(call, body, request_id, time.time())

    if wants_async(http.scope):
        if speaks_http:
            text = f"'{spec.name}' speaks HTTP itself, and is called asynchronously by the API only"
            raise Refused(400, "InvalidArgument", text, request_id)
        return await accepted(front, http, spec.name, event, request_id)
    try:
        request, outcome = await front.invocations.run(
            http, spec.name, event, is_http=speaks_http, request_id=request_id
        )
    except EventTooLarge as exc:  # what the event adds to the body
        raise Refused(413, "EntityTooLarge", str(exc), request_id) from None
    except UnknownFunction:  # it went while the body came
        text = f"function '{spec.name}' does not exist"
        raise Refused(404, "FunctionNotFound", text, request_id) from None
    front.check_ran(spec.name, request, outcome)
    if outcome.error_type:
        return _failure(request, outcome)
    try:
        answer = (read_packed if speaks_http else read_result)(outcome.body)
        return _response(answer, request.id, front.limits.headers_bytes)
    except BadResponse as bad:
        raise Refused(502, "BadResponse", str(bad), request_id) from None


def _call(http: HttpRequest, place: _Place) -> HttpCall:
    scope = http.scope
    query = scope["query_string"].decode("latin-1")
    raw = scope["raw_path"].decode("latin-1")
    return HttpCall(
        function=place.spec.name,
        account_id=place.spec.account_id,
        method=http.method,
        path=place.path,
        query=query,
        uri=f"{raw}?{query}" if query else raw,
        host=_host(http),
        headers=scope["headers"],
        source_ip=scope["client"][0] if scope["client"] else "",
        protocol="HTTP/" + scope["http_version"],
    )


def _host(http: HttpRequest) -> str:
    """The host name that was asked, without a port."""
    name, colon, port = http.headers["host"].rpartition(":")
    return name if colon and port.isdecimal() else http.headers["host"]


def _failure(request: Request, outcome: Outcome) -> Response:
    headers = {"X-Fc-Request-Id": request.id, "X-Fc-Error-Type": outcome.error_type}
    return Response(outcome.body, 502, headers, media_type="application/json")


def _response(answer: HttpAnswer, request_id: str, limit: int) -> Response:
    size = sum(len(name) + len(value) + 4 for name, value in answer.headers)
    if size > limit:
        text = f"the headers of a response may have {limit} bytes together, not {size}"
        raise BadResponse(text)
    body = b"" if answer.status in WITHOUT_BODY else answer.body
    response = Response(body, answer.status)
    response.raw_headers = [*answer.headers, (b"x-fc-request-id", request_id.encode("ascii"))]
    if answer.status not in WITHOUT_BODY:
        response.raw_headers.append((b"content-length", b"%d" % len(body)))
    return response
