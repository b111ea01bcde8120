"""One exchange with the server of a custom runtime, over HTTP on the loopback.

Nothing that it says is trusted: heads are bounded by `http.client`, bodies by MAX_ANSWER_BYTES. A
connection is used once. A server may close one that it keeps alive at any moment, and what was
sent on it then might have been run, or not.
"""

from collections import namedtuple

from worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Tuple

__all__ = ["Answer", "NoAnswer", "TooLarge", "ask", "common_headers", "pass_on"]

LOCAL = "127.0.0.1"
_HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "expect", "content-length",
))  # fmt: skip
"""What one connection's two ends agree on (RFC 9110, 7.6.1): not passed on."""

Answer = namedtuple("Answer", "status headers body")


class NoAnswer(Exception):
    """The server gave none, or none that can be read."""


class TooLarge(Exception):
    """The answer is over MAX_ANSWER_BYTES."""


def common_headers(setup):
    # type: (Dict[str, Any]) -> Dict[str, str]
    """What every request to the server says of the function."""
    function, service, keys = setup["function"], setup["service"], setup["credentials"]
    named = {
        "access-key-id": keys["access_key_id"],
        "access-key-secret": keys["access_key_secret"],
        "security-token": keys["security_token"],
        "function-handler": function["handler"],
        "function-memory": function["memory"],
        "function-name": function["name"],
        "region": setup["region"],
        "account-id": setup["account_id"],
        "qualifier": service["qualifier"],
        "version-id": service["version_id"],
    }
    return {"x-fc-" + name: str(value) for name, value in named.items()}


def ask(port, method, target, headers, body=b"", timeout_s=None):
    # type: (int, str, str, Iterable[Tuple[str, str]], bytes, Optional[float]) -> Answer
    """The answer. Raises NoAnswer, TooLarge, and OSError; `timeout_s` is for each step of it."""
    import http.client  # nobody else in a worker needs it

    connection = http.client.HTTPConnection(LOCAL, port, timeout=timeout_s)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.putheader("connection", "close")
        connection.endheaders()
        if body:
            connection.send(body)
        response = connection.getresponse()
        taken = response.read(wire.MAX_ANSWER_BYTES + 1)
        if response.length and len(taken) <= wire.MAX_ANSWER_BYTES:
            raise NoAnswer("it ended %d bytes before its end" % response.length)
    except (http.client.HTTPException, ValueError) as exc:
        raise NoAnswer("%s: %s" % (type(exc).__name__, exc)) from None
    finally:
        connection.close()
    if len(taken) > wire.MAX_ANSWER_BYTES:
        raise TooLarge
    return Answer(response.status, response.getheaders(), taken)


def pass_on(port, packed, own):
    # type: (int, bytes, Dict[str, str]) -> Answer
    """The answer to an HTTP request as it came from its caller. `own` are our headers: the caller
    cannot say other things in their place."""
    head, body = wire.unpack_http(packed)
    headers = [(n, v) for n, v in head["headers"] if n.lower() not in own]
    headers = _for_next(headers) + sorted(own.items())
    if not any(name.lower() == "host" for name, _ in headers):
        headers.append(("host", "%s:%d" % (LOCAL, port)))
    answer = ask(port, head["method"], head["target"], headers, body)
    return answer._replace(headers=_for_next(answer.headers))


def _for_next(headers):
    # type: (Iterable[Tuple[str, str]]) -> List[Tuple[str, str]]
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
