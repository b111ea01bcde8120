"""An HTTP function of FC 2.0: the handler is a WSGI application (PEP 3333).

    wire.pack_http(request)  ->  environ  ->  handler(environ, start_response)
                                                        |
    wire.pack_http(response)  <-  status, headers, parts

The environ says of the server what the cloud's says, and has two keys more: `fc.context`, and
`fc.request_uri`, the path and query that the caller asked for, also where the application sees
only the end of that path (the request's head may have it as `uri`).

The response is collected before it travels, so that a function that fails half way is a function
error and no half of a page. Parts may be str, which counts as UTF-8, beside bytes.

Invoked without HTTP, such a function gets a POST of / with the event as its body, and the answer is
the body of its response.
"""

import io
import sys

from worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

    from worker.context import FCContext

    Headers = List[Tuple[str, str]]

__all__ = ["answer"]

_EVENT = {"method": "POST", "target": "/", "headers": [], "source_ip": "127.0.0.1"}
_DIGITS = b"0123456789abcdefABCDEF"
_BYTES = {bytes([a, b]): bytes([int(chr(a) + chr(b), 16)]) for a in _DIGITS for b in _DIGITS}
"""Each byte by its two digits, as they stand behind a % in a path."""
_NOT_HTTP_ = {"CONTENT_TYPE": "CONTENT_TYPE", "CONTENT_LENGTH": "CONTENT_LENGTH"}


def answer(handler, body, is_http, context):
    # type: (Callable[..., Any], bytes, bool, FCContext) -> bytes
    """What becomes of one request. Raises what the application raises."""
    head = _EVENT  # type: Dict[str, Any]
    if is_http:
        head, body = wire.unpack_http(body)
    response = _Response()
    response.collect(handler(_environ(head, body, context), response.start))
    whole = b"".join(response.parts)
    return wire.pack_http(response.head(), whole) if is_http else whole


def _environ(head, body, context):
    # type: (Dict[str, Any], bytes, FCContext) -> Dict[str, Any]
    path, _, query = head["target"].partition("?")
    environ = {
        "REQUEST_METHOD": head["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _unquoted(path),
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/octet-stream",
        "SERVER_NAME": "FCRUNTIME",
        "SERVER_PORT": "9000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "FCRUNTIME/1.0",
        "REMOTE_ADDR": head["source_ip"],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "fc.request_uri": head.get("uri", head["target"]),
        "fc.context": context,
    }
    environ.update(_variables(head["headers"]))
    # Counted, not told: a body that came in chunks has no such header.
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["HTTP_X_FC_FUNCTION_HANDLER"] = context.function.handler
    return environ


def _variables(headers):
    # type: (Headers) -> Dict[str, str]
    """The headers as variables; those of one name are joined.

    One with an underscore is left out, as by other servers: X_Forwarded_For would be taken for
    X-Forwarded-For, which only a proxy may say.
    """
    variables = {}  # type: Dict[str, str]
    for name, value in headers:
        if "_" in name:
            continue
        name = name.upper().replace("-", "_")
        name = _NOT_HTTP_.get(name, "HTTP_" + name)
        variables[name] = variables[name] + "," + value if name in variables else value
    return variables


def _unquoted(path):
    # type: (str) -> str
    """The path with its bytes for what is written with %, decoded as WSGI wants it."""
    first, *rest = path.encode("latin-1").split(b"%")
    parts = [_BYTES.get(each[:2], b"%" + each[:2]) + each[2:] for each in rest]
    return (first + b"".join(parts)).decode("latin-1")


class _Response(object):
    """What the application answers, as far as it has come."""

    def __init__(self):
        # type: () -> None
        self.parts = []  # type: List[bytes]
        self._size = 0
        self._status = None  # type: Optional[str]
        self._headers = []  # type: Headers

    def start(self, status, headers, exc_info=None):
        # type: (str, Headers, Any) -> Callable[[Any], None]
        """The `start_response` of PEP 3333; gives its `write`."""
        if exc_info:
            try:
                if self.parts:  # on a real server they would be with the caller already
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this very frame
        elif self._status is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        self._status, self._headers = status, headers
        return self._write

    def collect(self, result):
        # type: (Iterable[Any]) -> None
        """Takes the parts that the application returned, and closes what has them."""
        try:
            # Who returns one text or bytes means one part, not many of one character.
            for part in [result] if isinstance(result, (str, bytes)) else result:
                self._write(part)
                if self._size > wire.MAX_ANSWER_BYTES:
                    break  # too much already, and there may be no end
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if self._status is None:
            raise AssertionError("start_response was not called")

    def _write(self, part):
        # type: (Any) -> None
        if self._status is None:
            raise AssertionError("a part of the body before start_response was called")
        data = part.encode("utf-8") if isinstance(part, str) else bytes(memoryview(part))
        self._size += len(data)
        if data:
            self.parts.append(data)

    def head(self):
        # type: () -> Dict[str, Any]
        """Whatever these are: who packs it out looks at them."""
        assert self._status is not None
        code = str(self._status).split(" ", 1)[0]
        status = int(code) if len(code) == 3 and code.isdecimal() else code
        return {
            "status": status,
            "headers": [[str(name), str(value)] for name, value in self._headers],
        }
