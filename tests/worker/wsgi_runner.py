"""Runs WSGI applications of all kinds under one interpreter and prints what becomes of them.

    pythonX.Y -I -S wsgi_runner.py <repository>

Python 3.6 syntax and the standard library only. What each case must give is in test_wsgi.py.
"""
# ruff: noqa: UP004, UP031, ANN

import io
import json
import sys
from contextlib import redirect_stderr
from wsgiref.validate import validator

sys.path.insert(0, sys.argv[1])

from worker import wire, wsgi
from worker.context import make_context_factory

SETUP = {"runtime": "python3.9", "function": {"name": "f", "handler": "index.handler"}}
TEXT = [("Content-Type", "text/plain")]
COOKIE = ("Set-Cookie", "a")
CLOSED = []


def context():
    return make_context_factory(SETUP)("1-a")


def ask(handler, method="GET", target="/", headers=(), body=b"", **more):
    """The head and the body of the response."""
    head = dict(more, method=method, target=target, source_ip="127.0.0.9", headers=list(headers))
    answer = wsgi.answer(handler, wire.pack_http(head, body), True, context())
    found, data = wire.unpack_http(answer)
    return [found["status"], found["headers"], data.decode("latin-1")]


def error_of(handler):
    try:
        return ask(handler)
    except Exception as exc:
        return "%s: %s" % (type(exc).__name__, exc)


@validator
def describe(environ, start_response):
    """Everything of the environ that JSON can hold, and the body."""
    size = int(environ["CONTENT_LENGTH"])
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    told["body"] = environ["wsgi.input"].read(size).decode("latin-1")
    told["end"] = environ["wsgi.input"].read(1).decode("latin-1")
    told["version"] = environ["wsgi.version"]
    told["flags"] = [
        environ["wsgi." + each] for each in ("multithread", "multiprocess", "run_once")
    ]
    told["context"] = environ["fc.context"].request_id
    environ["wsgi.errors"].write("to the log")
    start_response("200 OK", TEXT)
    return [json.dumps(told).encode("ascii")]


class Parts(object):
    """An iterable with something to close."""

    def __init__(self, *parts):
        self.parts = parts

    def __iter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self):
        CLOSED.append(len(self.parts))


def with_parts(result, status="200 OK", headers=TEXT):
    def application(environ, start_response):
        start_response(status, headers)
        return result() if callable(result) else result

    return application


def written(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one ")
    write("zw\u00f6lf ")
    return [b"end"]


def lazy(environ, start_response):
    """A generator: start_response is called when the first part is asked for."""
    start_response("201 Created", TEXT)
    yield b"late"


def recovered(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("500 Oh", [("X-Now", "1")], sys.exc_info())
    return [b"sorry"]


def half_sent(environ, start_response):
    start_response("200 OK", TEXT)(b"half")
    try:
        raise ValueError("in the middle")
    except ValueError:
        start_response("500 Oh", [], sys.exc_info())
    return [b"never"]


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return []


def endless(environ, start_response):
    start_response("200 OK", TEXT)
    while True:
        yield b"x" * (1 << 20)


def environ_of(*args, **kwargs):
    return json.loads(ask(describe, *args, **kwargs)[2])


def closed_by(handler):
    del CLOSED[:]
    error_of(handler)
    return list(CLOSED)


def main():
    log = io.StringIO()
    with redirect_stderr(log):
        cases = {
            "get": environ_of(target="/a%20b/%e4%BD%a0%zz%?x=1&x=%20", uri="/2016/a?x=1"),
            "post": environ_of(
                "POST",
                "/",
                [["content-type", "text/x"], ["content-length", "99"], ["x-a", "1"], ["X-A", "2"],
                 ["X_A", "3"], ["x-fc-function-handler", "forged"], ["cookie", "a=1; b=2"]],
                b"\x00\xff",
            ),
            "cookies": ask(
                validator(with_parts([b""], "302 Found", [*TEXT, COOKIE, ("Set-Cookie", "b")]))
            ),
            "valid parts": ask(validator(with_parts([b"one", b"two"]))),
            "str parts": ask(with_parts(["zw\u00f6lf", b"\xff"])),
            "bytes alone": ask(with_parts(b"whole")),
            "str alone": ask(with_parts("ganz")),
            "written": ask(written),
            "lazy": ask(lazy),
            "no parts": ask(with_parts([])),
            "recovered": ask(recovered),
            "odd status": ask(with_parts([], "soon")),
            "odd headers": ask(with_parts([], "200 OK", [("a\r\nb", 3)])),
            "half sent": error_of(half_sent),
            "twice": error_of(twice),
            "not started": error_of(lambda environ, start_response: [b"x"]),
            "nothing": error_of(lambda environ, start_response: []),
            "none": error_of(with_parts(None)),
            "a number": error_of(with_parts([3])),
            "closed": closed_by(with_parts(lambda: Parts(b"a", b"b"))),
            "closed after an error": closed_by(with_parts(lambda: Parts(b"a", ValueError("x")))),
            "event": json.loads(wsgi.answer(describe, b"tick", False, context()).decode("ascii")),
        }  # fmt: skip
        answer = wsgi.answer(endless, b"", False, context())
        cases["endless"] = len(answer) - wire.MAX_ANSWER_BYTES
    cases["log"] = sorted(set(log.getvalue().split("to the log")))
    print(json.dumps(cases))


main()
