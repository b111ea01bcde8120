"""Stands before all routes: who may call, and how large a request's head may be.

The socket is bound to loopback, yet a browser on this machine reaches loopback too, and so does
every page in it. Two checks keep pages out:

* DNS rebinding: a page's own host name is made to resolve to 127.0.0.1, after which the browser
  takes our answers for that page's. The `Host` header then still names the page's host, so it
  must be a loopback name, or the address that is listened on.
* Requests of pages: a page may send a POST anywhere, only not read the answer; but for a function
  to run, sending is enough. And the page of a function comes from the same host as the API. So
  what a browser sends for a page (it has `Origin` or `Sec-Fetch-Site`; command-line clients and
  SDKs send neither) gets to HTTP triggers only, and from pages of the same hosts only.

Where there is an access key, a third one keeps everybody else out: the signature. What a part of
the front opens to all (`Front.open_doors`: anonymous HTTP triggers) goes through without.
"""

import hmac
import re
import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.http.front import Front
from sandbox.http.refusals import Refused, refusal

if TYPE_CHECKING:
    from sandbox.http.signatures import Head, SignedBody

__all__ = ["TOKEN_HEADER", "Gate"]

TOKEN_HEADER = b"x-fcbox-token"
_PORT = r"(?::\d{1,5})?"


class Gate:
    """Stands before all routes: who may call, and how large a request's head may be."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app = app
        self._front = front
        hosts = front.door.hosts().encode("ascii") + _PORT.encode("ascii")
        self._is_host = re.compile(hosts, re.IGNORECASE).fullmatch
        self._is_origin = re.compile(b"https?://" + hosts, re.IGNORECASE).fullmatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_head(scope)
            if self._front.door.key is not None:
                receive = self._check_caller(scope, receive)
        except Refused as refused:
            response = refusal(scope["path"], self._front.new_request_id(), refused)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check_head(self, scope: Scope) -> None:
        size = hosts = 0
        is_of_page = False
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4  # As on the wire: ": " and CRLF belong to it.
            if name == b"host":
                hosts += 1
                if not self._is_host(value):
                    raise _not_here()
            elif name == b"origin":
                is_of_page = True
                if not self._is_origin(value):
                    raise _not_for_others()
            elif name == b"sec-fetch-site" and value != b"none":
                is_of_page = True
        if hosts != 1:  # which one would count, is for each reader of it to guess
            raise _not_here()
        if is_of_page:
            self._check_page(scope)
        limits = self._front.limits
        _check_size("the headers", size, limits.headers_bytes)
        target = len(scope["raw_path"]) + len(scope["query_string"])
        _check_size("the path with its query", target, limits.target_bytes)

    def _check_page(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        is_strange = headers.get(b"sec-fetch-site") == b"cross-site" and b"origin" not in headers
        if is_strange and headers.get(b"sec-fetch-mode") != b"navigate":
            raise _not_for_others()  # an image, say, whose address is a function
        is_index = scope["path"] == "/"
        if not is_index and not any(leads(scope) for leads in self._front.page_doors):
            raise Refused(403, "AccessDenied", "web pages may call HTTP triggers only")

    def _check_caller(self, scope: Scope, receive: Receive) -> Receive:
        """Gives what the body is read with. Raises Refused."""
        door = self._front.door
        tokens = [value for name, value in scope["headers"] if name == TOKEN_HEADER]
        if tokens and door.token and hmac.compare_digest(tokens[0], door.token.encode("ascii")):
            return receive
        if any(is_open(scope) for is_open in self._front.open_doors):
            return receive
        # With what it imports; most runs have no key.
        from sandbox.http.signatures import check_signature

        assert door.key
        signed = check_signature(_head(scope), door.key, time.time())
        return _checking(receive, signed) if signed else receive


def _not_for_others() -> Refused:
    return Refused(403, "AccessDenied", "web pages of other hosts may not call")


def _not_here() -> Refused:
    text = "the Host header must be a loopback name, or the address that is listened on"
    return Refused(403, "AccessDenied", text)


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        text = f"{what} may have {limit} bytes together, not {size}"
        raise Refused(400, "InvalidArgument", text)


def _head(scope: Scope) -> "Head":
    from sandbox.http.signatures import Head

    return Head(
        scope["method"],
        scope["path"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
    )


def _checking(receive: Receive, signed: "SignedBody") -> Receive:
    """Reads the body, and raises Refused at its end when it is not the one that was signed."""
    import hashlib

    digest = hashlib.new(signed.hash, usedforsecurity=False)

    async def checking() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            digest.update(message.get("body", b""))
            if not message.get("more_body"):
                signed.check(digest.digest())
        return message

    return checking
