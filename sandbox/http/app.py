"""The application: all routes over one box, behind the gate.

    gate -> an invocation? -> invoke_api at once
         -> all else       -> the routes of all parts, by Starlette

Invocations are what there are thousands of a second, and Starlette's way to a route takes longer
than the rest of our side of one.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from sandbox.http import box_api, invoke_api, management, metrics_api, tasks_api, triggers
from sandbox.http.front import Front
from sandbox.http.gate import Gate
from sandbox.http.refusals import Refused, refusal, route_refusal

__all__ = ["App", "make_app"]

PARTS = (triggers, metrics_api, invoke_api, box_api, tasks_api, management)
"""Each has `routes(front)`; the first route that fits takes the request."""


class App:
    """What the server calls. It must run in the supervisor's own loop."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._rest = _make_rest(front)
        self._invoke = invoke_api.InvokeApi(front)
        self._gate = Gate(self._pass, front)

    @property
    def routes(self) -> list[BaseRoute]:
        """All of them; the first one that fits takes the request."""
        return self._rest.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not invoke_api.is_plain(scope):
            await self._rest(scope, receive, send)
            return
        try:
            await self._invoke(scope, receive, send)
        except Refused as refused:
            answer = refusal(scope["path"], self._front.new_request_id(), refused)
            await answer(scope, receive, send)
        except Exception:
            await _failure(scope["path"], self._front)(scope, receive, send)
            raise  # so that it is told on standard error


def make_app(front: Front) -> App:
    """The application over this front."""
    return App(front)


def _failure(path: str, front: Front) -> Response:
    text = "fcbox failed; its standard error has the details"
    failure = Refused(500, "InternalServerError", text)
    return refusal(path, front.new_request_id(), failure)


def _make_rest(front: Front) -> Starlette:

    async def not_routed(http: HttpRequest, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return route_refusal(http, exc, front.new_request_id())

    async def refused(http: HttpRequest, exc: Exception) -> Response:
        assert isinstance(exc, Refused)
        return refusal(http.url.path, front.new_request_id(), exc)

    async def failed(http: HttpRequest, exc: Exception) -> Response:
        return _failure(http.url.path, front)

    app = Starlette(
        routes=[route for part in PARTS for route in part.routes(front)],
        exception_handlers={HTTPException: not_routed, Refused: refused, Exception: failed},
    )
    app.router.redirect_slashes = False
    return app
