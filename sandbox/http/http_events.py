"""HTTP requests as events, and results as HTTP responses: the format v1 of FC 3.0's HTTP triggers.

    HttpCall, body  ->  make_event()  ->  event         result  ->  read_result()  ->  HttpAnswer
    HttpCall, body  ->  pack_call()   ->  event         result  ->  read_packed()  ->  HttpAnswer

The second row is for functions that speak HTTP themselves: WSGI applications and custom runtimes.

What a function answers may be anything, and much of it: a result that is large and dense would take
the supervisor seconds and gigabytes to read as JSON. Only what is small beside its texts is read.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from worker import wire

__all__ = [
    "BadResponse",
    "HttpAnswer",
    "HttpCall",
    "make_event",
    "pack_call",
    "read_packed",
    "read_result",
]

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
))  # fmt: skip
"""They are about the connection, which ends here."""
_NOT_TO_SET = _HOP_BY_HOP | {"content-length", "date", "server", "service-worker-allowed"}
"""The last one would give a function's page power over the paths of all others."""
_MAX_DENSE_BYTES = 64 << 10
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)


class BadResponse(Exception):
    """What the function answered cannot be sent."""


class HttpCall(NamedTuple):
    """A request to a function. `path` and `query` are as they came, `path` without what led to the
    function; `uri` is all that came."""

    function: str
    account_id: str
    method: str
    path: str
    query: str
    uri: str
    host: str
    headers: Headers
    source_ip: str
    protocol: str = "HTTP/1.1"


class HttpAnswer(NamedTuple):
    """A response of a function."""

    status: int
    headers: Headers
    body: bytes


# --- requests -------------------------------------------------------------------------------------


def make_event(
    call: HttpCall, body: bytes, request_id: str, now_s: float, *, is_base64: bool = False
) -> bytes:
    """The event, version v1. The body is base64 if it is no UTF-8, or `is_base64`."""
    headers = _joined((_canonical(name), _text(value)) for name, value in _passed(call.headers))
    text, is_base64 = _event_body(body, is_base64)
    event = {
        "version": "v1",
        "rawPath": call.path,
        "headers": headers,
        "queryParameters": _joined(parse_qsl(call.query, keep_blank_values=True)),
        "body": text,
        "isBase64Encoded": is_base64,
        "requestContext": {
            "accountId": call.account_id,
            "domainName": call.host,
            "domainPrefix": call.function,
            "http": {
                "method": call.method,
                "path": unquote(call.path),
                "protocol": call.protocol,
                "sourceIp": call.source_ip,
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "time": datetime.fromtimestamp(int(now_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(round(now_s * 1000)),
        },
    }
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")


def pack_call(call: HttpCall, body: bytes) -> bytes:
    """The request as it is, for who speaks HTTP."""
    target = call.path + ("?" + call.query if call.query else "")
    headers = [[_decoded(name), _decoded(value)] for name, value in _passed(call.headers)]
    head = {
        "method": call.method,
        "target": target,
        "uri": call.uri,
        "headers": headers,
        "source_ip": call.source_ip,
    }
    return wire.pack_http(head, body)


def _passed(headers: Headers) -> Iterator[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if _decoded(name).lower() not in _HOP_BY_HOP)


def _decoded(data: bytes) -> str:
    return data.decode("latin-1")


def _canonical(name: bytes) -> str:
    """As FC spells it: X-My-Header."""
    return "-".join(part.capitalize() for part in _decoded(name).split("-"))


def _text(value: bytes) -> str:
    """UTF-8 where it is that."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(value)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values of one name as one text."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def _event_body(body: bytes, is_base64: bool) -> tuple[str, bool]:
    try:
        if not is_base64:
            return body.decode("utf-8"), False
    except UnicodeDecodeError:
        pass
    return base64.b64encode(body).decode("ascii"), True


# --- responses ------------------------------------------------------------------------------------


def read_result(result: bytes) -> HttpAnswer:
    """The response that a handler's result stands for. Raises BadResponse."""
    found = _response_object(result)
    if found is None:
        return HttpAnswer(200, [(b"content-type", b"application/json")], result)
    body, media_type = _result_body(found.get("body"), found.get("isBase64Encoded"))
    headers = _checked(_pairs(found.get("headers")))
    if body and not any(name.lower() == b"content-type" for name, _ in headers):
        headers.append((b"content-type", media_type))
    return HttpAnswer(_status(found["statusCode"]), headers, body)


def read_packed(result: bytes) -> HttpAnswer:
    """The response of who speaks HTTP. Raises BadResponse."""
    try:
        head, body = wire.unpack_http(result)
        pairs = [(name, value) for name, value in head["headers"]]
        return HttpAnswer(_status(head["status"]), _checked(pairs), body)
    except (wire.RemoteProtocolError, KeyError, TypeError, ValueError):
        raise BadResponse("the function's response is no HTTP response") from None


def _response_object(result: bytes) -> dict[str, Any] | None:
    """The object of the format v1, if the result is one."""
    if not result.lstrip(b" \t\r\n").startswith(b"{") or b'"statusCode"' not in result:
        return None
    if _is_dense(result):
        return None
    try:
        found = json.loads(result.decode("utf-8"))  # of bytes it would take UTF-16, too
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "statusCode" in found else None


def _is_dense(result: bytes) -> bool:
    """Whether it would take long to read: what is not within a text counts, and each text a bit."""
    dense = at = 0
    for text in _TEXTS.finditer(result):
        dense += text.start() - at + 2
        at = text.end()
        if dense > _MAX_DENSE_BYTES:
            return True
    return dense + len(result) - at > _MAX_DENSE_BYTES


def _status(value: object) -> int:
    """1xx are no final responses, and nothing above 599 is a status."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[2-5][0-9][0-9]", text):
        raise BadResponse(f"the status must be a number from 200 to 599, not {_shown(value)}")
    return int(text)


def _shown(value: object) -> str:
    return ascii(value)[:40]


def _result_body(body: object, is_base64: object) -> tuple[bytes, bytes]:
    """The bytes, and the media type where the function names none."""
    if body is None:
        return b"", b""
    text = body if isinstance(body, str) else json.dumps(body)
    if is_base64 in (True, "true"):
        try:
            return base64.b64decode(
                "".join(text.split()), validate=True
            ), b"application/octet-stream"
        except (binascii.Error, ValueError):
            raise BadResponse("isBase64Encoded is true, and the body is no base64") from None
    if not isinstance(body, str):
        return text.encode("ascii"), b"application/json"
    kind = b"text/html" if _HTML.match(text) else b"text/plain"
    return text.encode("utf-8", "replace"), kind + b"; charset=utf-8"


def _pairs(headers: object) -> Iterator[tuple[object, object]]:
    """A list of values is a header for each of them."""
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise BadResponse(f"headers must be an object, not {_shown(headers)}")
    for name, value in headers.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each


def _checked(pairs: Iterable[tuple[object, object]]) -> Headers:
    """What of these headers is sent."""
    return [
        (name.encode("ascii"), _value(name, value))
        for name, value in ((_name(name), value) for name, value in pairs)
        if name.lower() not in _NOT_TO_SET and not name.lower().startswith("x-fc-")
    ]


def _name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadResponse(f"{_shown(name)} is no name of a header")
    return name


def _value(name: str, value: object) -> bytes:
    if isinstance(value, bool | int | float):
        return json.dumps(value).encode("ascii")
    if not isinstance(value, str):
        raise BadResponse(f"the header {name} must be a text, not {_shown(value)}")
    try:
        data = value.encode("latin-1")
    except UnicodeEncodeError:
        data = value.encode("utf-8", "replace")
    if not _VALUE.fullmatch(data):
        raise BadResponse(f"the header {name} has a character that may not be in one")
    return data.strip(b" \t")
