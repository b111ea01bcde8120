"""The application: all routes over one box, behind the gate."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from sandbox.http import box_api, invoke_api, management, metrics_api, tasks_api
from sandbox.http.front import Front
from sandbox.http.gate import Gate
from sandbox.http.refusals import Refused, refusal, route_refusal

__all__ = ["make_app"]

PARTS = (metrics_api, invoke_api, box_api, tasks_api, management)
"""Each has `routes(front)`; the first route that fits takes the request."""


def make_app(front: Front) -> Starlette:
    """The application. It must run in the supervisor's own loop."""

    async def not_routed(http: HttpRequest, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return route_refusal(http, exc, front.new_request_id())

    async def refused(http: HttpRequest, exc: Exception) -> Response:
        assert isinstance(exc, Refused)
        return refusal(http.url.path, front.new_request_id(), exc)

    async def failed(http: HttpRequest, exc: Exception) -> Response:
        text = "fcbox failed; its standard error has the details"
        failure = Refused(500, "InternalServerError", text)
        return refusal(http.url.path, front.new_request_id(), failure)

    app = Starlette(
        routes=[route for part in PARTS for route in part.routes(front)],
        middleware=[Middleware(Gate, new_request_id=front.new_request_id, limits=front.limits)],
        exception_handlers={HTTPException: not_routed, Refused: refused, Exception: failed},
    )
    app.router.redirect_slashes = False
    return app
