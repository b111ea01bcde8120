"""An HTTP request in words -> the event that an HTTP trigger makes of it, by the code that does."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.http.http_events import HttpCall, make_event

__all__ = ["request_event"]


def request_event(request: Mapping[str, Any]) -> bytes:
    """The event of the request that the parameters of `templates/http.json` describe."""
    domain, query = request["domain"], urlencode(request["query"], doseq=True)
    path = quote(_bytes(request["path"]))
    call = HttpCall(
        function=domain.partition(".")[0],
        account_id=request["account"],
        method=request["method"],
        path=path,
        query=query,
        uri=f"{path}?{query}" if query else path,
        host=domain,
        headers=[(_bytes(name), _bytes(value)) for name, value in _headers(request).items()],
        source_ip=request["source_ip"],
    )
    body, is_base64 = _bytes(request["body"]), request["encoding"] == "base64"
    return make_event(call, body, request["id"], request["ms"] / 1000, is_base64=is_base64)


def _headers(request: Mapping[str, Any]) -> dict[str, Any]:
    """No client leaves these two out."""
    names = {name.lower() for name in request["headers"]}
    usual = {"Host": request["domain"], "User-Agent": request["user_agent"]}
    missing = {name: value for name, value in usual.items() if name.lower() not in names}
    return {**request["headers"], **missing}


def _bytes(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogateescape")
