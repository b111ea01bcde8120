"""Stands before all routes: who may call.

The socket is bound to loopback, yet a browser on this machine reaches loopback too, and so does
every page in it. Two checks keep pages out:

* DNS rebinding: a page's own host name is made to resolve to 127.0.0.1, after which the browser
  takes our answers for that page's. The `Host` header then still names the page's host, so it
  must be a loopback name.
* Cross-site requests: a page may send a POST anywhere, only not read the answer; but for a
  function to run, sending is enough. Browsers put an `Origin` header on every such request, so
  where there is one it must be loopback. Command-line clients and SDKs send none.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.http.limits import Limits
from sandbox.http.refusals import Refused, refusal

__all__ = ["Gate"]

_LOOPBACK = r"(?:(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?"
_LOOPBACK_HOST = re.compile(_LOOPBACK, re.IGNORECASE)
_LOOPBACK_ORIGIN = re.compile("https?://" + _LOOPBACK, re.IGNORECASE)


class Gate:
    """Stands before all routes: who may call, and how large a request's head may be."""

    def __init__(self, app: ASGIApp, new_request_id: Callable[[], str], limits: Limits) -> None:
        self._app = app
        self._new_request_id = new_request_id
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Refused as refused:
            response = refusal(scope["path"], self._new_request_id(), refused)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if not hosts or not all(map(_LOOPBACK_HOST.fullmatch, hosts)):
            raise Refused(403, "AccessDenied", "the Host header must be a loopback name")
        if not all(map(_LOOPBACK_ORIGIN.fullmatch, headers.getlist("origin"))):
            raise Refused(403, "AccessDenied", "web pages of other hosts may not call")
        # As on the wire: ": " and CRLF belong to a header.
        head = sum(len(name) + len(value) + 4 for name, value in headers.raw)
        _check_size("the headers", head, self._limits.headers_bytes)
        target = len(scope["raw_path"]) + len(scope["query_string"])
        _check_size("the path with its query", target, self._limits.target_bytes)


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        text = f"{what} may have {limit} bytes together, not {size}"
        raise Refused(400, "InvalidArgument", text)
