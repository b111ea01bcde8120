"""Whatever is sent to whichever route: an answer within seconds, never a failure that is ours.

The routes are those of the application as `fcbox run` makes it, so a new one is tried by itself.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.boxes import environ_of, wait_until
from tests.http.serving import ROOT, Served, ask, invocations, write_config

PATIENCE_S = 15.0
EXAMPLES = settings(max_examples=150, deadline=None)
SOURCE = """
    def handler(event, context):
        return "done"
"""
# `fcbox run`; beside that it tells which routes there are, in the file of its first argument.
PROGRAM = """
import json, sys
from sandbox.http import app

def walk(routes, above=""):
    for route in routes:
        # A route of a kind of its own has no pattern: it looks at paths as such.
        path = above + getattr(route, "path", "/{function}/{path}")
        below = getattr(route, "routes", None)
        methods = sorted(getattr(route, "methods", None) or ())
        yield from walk(below, path) if below else [(path, methods)]

def make_app(front, make=app.make_app):
    made = make(front)
    with open(told, "w") as file:
        json.dump([*walk(made.routes)], file)
    return made

told = sys.argv.pop(1)
app.make_app = make_app
from sandbox.__main__ import main
sys.exit(main())
"""


class Target(NamedTuple):
    """A running `fcbox run` with functions `f`, which requests may spoil, and `good`."""

    served: Served
    routes: list[tuple[str, list[str]]]
    descriptors: int

    @property
    def fd_count(self) -> int:
        return len(os.listdir(f"/proc/{self.served.process.pid}/fd"))

    def assert_well(self) -> None:
        answer = ask(self.served.port, "POST", invocations("good"), b"{}")
        assert (answer.status, answer.body) == (200, b"done")
        assert "Traceback" not in self.served.talk(), self.served.talk()[-2000:]


def write_two(folder: Path) -> Path:
    path = write_config(folder, SOURCE)
    document = json.loads(path.read_text())
    good = json.loads(json.dumps(document["resources"]["f"]))
    good["props"]["functionName"] = "good"
    document["resources"]["good"] = good
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("odd")
    told, talk = folder / "routes", folder / "talk"
    argv = [sys.executable, "-c", PROGRAM, str(told), "run", str(write_two(folder)), "--port", "0"]
    with talk.open("wb") as stderr:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environ_of(folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
        )  # fmt: skip
    try:
        served = Served(folder, process, talk)
        served.wait_talk("press Ctrl-C to stop\n")
        routes = [(path, methods) for path, methods in json.loads(told.read_text())]
        found = Target(served, routes, len(os.listdir(f"/proc/{process.pid}/fd")))
        found.assert_well()
        yield found
        found.assert_well()
    finally:
        process.kill()
        process.wait()


# -- sending ---------------------------------------------------------------------------------------


def exchange(port: int, data: bytes, *, is_whole: bool) -> bytes:
    """All that comes back. What is no whole request is followed by the end of what we send.

    A server that neither answers nor closes is a TimeoutError.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        answer = b""
        try:
            client.sendall(data)
            if not is_whole:
                client.shutdown(socket.SHUT_WR)
            while more := client.recv(1 << 16):
                answer += more
        except (ConnectionResetError, BrokenPipeError):  # refused in the middle, and left
            pass
    return answer


def assert_in_order(answer: bytes, is_whole: bool) -> None:
    """Documented failures of functions, and of starting them, are the only ones above 499."""
    if not answer:
        assert not is_whole, "closed without an answer"
        return
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert status, answer[:200]
    if status[1] >= b"500":
        assert status[1] in (b"502", b"503"), answer[:1000]
        assert b"x-fc-error-type" in answer.lower(), answer[:1000]


def framed(
    method: bytes, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes, host: bytes
) -> bytes:
    """A request whose frame is right, and after which the server closes."""
    lines = [b"%s: %s\r\n" % pair for pair in headers]
    head = b"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n" % (method, path, host)
    return head + b"".join(lines) + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


# -- what is sent ----------------------------------------------------------------------------------

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS"])
ODD_WORDS = [
    "..", ".", "%2e%2e", "%2f..%2f", "a%00b", "%", "%zz", "%ff%fe", "good%2f..%2ff", "f$f", "$",
    "%E4%B8%AD%E6%96%87", "x" * 3000, "%25%32%65", "a;b=c", "f%0d%0aX:y", "LATEST", "default", "0",
    "-1", "9" * 400, "~", "a b".replace(" ", "+"), "%C0%AF", "\\", "con", "", "f.zip",
]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(["f", "f", "missing"]),
    st.sampled_from(ODD_WORDS),
    st.text(max_size=20).map(lambda text: quote(text, errors="replace")),
).filter(lambda word: word != "good")
QUERIES = st.one_of(
    st.just(""),
    st.sampled_from([
        "?qualifier=LATEST", "?qualifier=%00", "?limit=-1", "?limit=x&nextToken=%ff", "?prefix=%25",
        "?limit=" + "9" * 300, "?a=1&a=2&&=&", "?stopAsync=1&status=x", "??", "?" + "q" * 5000,
    ]),
    st.text(max_size=20).map(lambda text: "?" + quote(text, safe="=&?;", errors="replace")),
)  # fmt: skip
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-_!#$%&'*+.^`|~0123456789", min_size=1, max_size=20)
FRAMING = {"content-length", "transfer-encoding", "connection", "host", "expect", "upgrade"}
HEADERS = st.lists(
    st.one_of(
        st.sampled_from([
            (b"X-Fc-Invocation-Type", b"Async"), (b"X-Fc-Invocation-Type", b"\xff"),
            (b"X-Fc-Log-Type", b"Tail"), (b"X-Fc-Log-Type", b""), (b"Authorization", b"FC a:b"),
            (b"Authorization", b"acs3-hmac-sha256 Credential=,Signature="), (b"Date", b"never"),
            (b"X-Fc-Async-Delay", b"-1"), (b"X-Fc-Async-Task-Id", b"../x"), (b"Cookie", b"=;=;;"),
            (b"X-Fc-Stateful-Async-Invocation-Id", b"\xe4\xb8"), (b"Content-Type", b";;;"),
            (b"Content-Type", b"application/json"), (b"Accept-Encoding", b"*;q=x"),
            (b"If-Match", b"*"), (b"Range", b"bytes=9-1"), (b"X-Long", b"x" * 7000),
        ]),
        st.tuples(
            TOKENS.filter(lambda name: name not in FRAMING).map(str.encode),
            st.binary(max_size=40).map(lambda value: re.sub(rb"[\x00-\x1f\x7f]", b"?", value)),
        ),
    ),
    max_size=5,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from([
    "functionName", "handler", "runtime", "memorySize", "timeout", "cpu", "diskSize", "description",
    "code", "environmentVariables", "instanceLifecycleConfig", "instanceConcurrency", "layers",
    "customRuntimeConfig", "nasConfig", "serviceName", "triggerName", "triggerType", "qualifier",
    "triggerConfig", "destinationConfig", "maxAsyncRetryAttempts", "maxAsyncEventAgeInSeconds",
    "reservedConcurrency", "target", "defaultTarget", "minInstances", "tags", "initializer",
    "initializationTimeout", "zipFile", "aliasName", "versionId", "asyncTask",
])  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, JSON, max_size=5).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"{", b"[" * 20000, b'{"code": {"zipFile": "!"}}', b"\xff\xfe", b"0" * 70000]),
)  # fmt: skip


@st.composite
def routed(draw: st.DrawFn, routes: list[tuple[str, list[str]]]) -> bytes:
    """A request to one of the routes, with odd things in the places of its parameters."""
    path, methods = draw(st.sampled_from(routes))
    allowed = st.sampled_from(methods).map(str.encode) if methods else METHODS
    method = draw(st.one_of(allowed, allowed, METHODS))
    filled = re.sub(r"\{[^}]*\}", lambda _: draw(WORDS), path) + draw(QUERIES)
    target = filled.encode("ascii", "replace").replace(b" ", b"+") or b"/"
    host = draw(st.sampled_from([b"localhost", b"127.0.0.1:1", b"f.localhost", b"x.y.localhost"]))
    return framed(method, target, draw(HEADERS), draw(BODIES), host)


# -- the tests -------------------------------------------------------------------------------------


def test_the_routes_are_known(target: Target) -> None:
    """The test sees what there is; nothing would be tried if it saw nothing."""
    found = {path for path, _ in target.routes}

    assert {"/fcbox/instances", "/fcbox/statistics"} <= found
    assert any(path.endswith("/invocations") for path in found)


def test_any_request_to_any_route_is_answered(target: Target) -> None:
    @EXAMPLES
    @given(routed(target.routes))
    def ask_it(data: bytes) -> None:
        assert_in_order(exchange(target.served.port, data, is_whole=True), is_whole=True)
        target.assert_well()

    ask_it()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_every_route_takes_json_of_the_wrong_type(target: Target, method: str) -> None:
    for path, methods in target.routes:
        if methods and method not in methods:
            continue
        filled = re.sub(r"\{[^}]*\}", "f", path)
        for body in (
            b"",
            b"null",
            b"[]",
            b"3",
            b'"x"',
            b'{"timeout": []}',
            b'{"code": 1}',
            b"\xff",
        ):
            data = framed(method.encode(), filled.encode(), [], body, b"localhost")
            assert_in_order(exchange(target.served.port, data, is_whole=True), is_whole=True)
    target.assert_well()


@EXAMPLES
@given(st.binary(max_size=200))
@example(b"")
@example(b"\r\n\r\n")
@example(b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n")
@example(b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"GET " + b"/a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n")
@example(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
def test_any_bytes_are_answered_or_refused(target: Target, data: bytes) -> None:
    assert_in_order(exchange(target.served.port, data, is_whole=False), is_whole=False)
    target.assert_well()


FRAMES = [
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Content-Length: -1",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length: 5, 5",
    b"Content-Length: 99999999999999999999999999",
    b"Content-Length: 1000",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: chunked, gzip",
    b" Content-Length: 5",
    b"Expect: 100-continue\r\nContent-Length: 5",
    b"Expect: 200-ok\r\nContent-Length: 5",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5",
]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    "body", [b"5 byte", b"ZZ\r\nhello", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhi"]
)
def test_a_frame_that_contradicts_itself_runs_at_most_once(
    target: Target, frame: bytes, body: bytes
) -> None:
    """Above all no second request is found in the first one's body."""
    smuggled = b"POST /fcbox/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % invocations("good").encode()
    answer = exchange(
        target.served.port, head + frame + b"\r\n\r\n" + body + smuggled, is_whole=False
    )

    assert_in_order(answer, is_whole=False)
    assert answer.count(b"200 OK") <= 1
    target.assert_well()


def test_senders_that_never_finish_keep_nobody_waiting(target: Target) -> None:
    """Half a head, half a body, an answer that nobody reads: each costs a descriptor, no more."""
    head = f"POST {invocations('good')} HTTP/1.1\r\nHost: localhost\r\n".encode()
    halves = [head[:20], head, head + b"Content-Length: 9\r\n\r\n123", head + b"X"]
    with ExitStack() as stack:
        for half in halves * 10:
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", target.served.port), timeout=PATIENCE_S)
            )
            client.sendall(half)
        target.assert_well()
    wait_until(
        lambda: target.fd_count <= target.descriptors + 30, "the connections' end", PATIENCE_S
    )


def test_a_request_that_comes_byte_by_byte_is_answered(target: Target) -> None:
    data = framed(b"POST", invocations("good").encode(), [], b"event", b"localhost")
    with socket.create_connection(("127.0.0.1", target.served.port), timeout=PATIENCE_S) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            client.sendall(data[at : at + 1])
        answer = b""
        while more := client.recv(1 << 16):
            answer += more

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"done")
