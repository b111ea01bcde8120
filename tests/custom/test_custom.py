"""Custom runtimes with real servers: what reaches them, what comes back, and how they end."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from sandbox import BoxSettings, Callback, InvokeResult
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import HealthCheck
from tests.boxes import PatientSandbox, error_text, open_box, wait_until
from tests.custom.servers import flask_function, server_function
from worker import wire

LEVELS = ["none", "process", "strict"]


def settings(level: str = "none") -> BoxSettings:
    return BoxSettings(grace_s=2.0, dump_grace_s=0.5, isolation=level, allows_degraded=True)


@pytest.mark.parametrize("level", LEVELS)
def test_flask(tmp_path: Path, level: str) -> None:
    """A real application: its answers, the function in its headers, hooks in the log."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        spec = flask_function(tmp_path, hooks=True, memory_mb=256)
        with open_box(
            tmp_path, spec, settings(level), log_format="fc", log_fd=file.fileno()
        ) as box:
            first = box.invoke("f", b"\x00raw\xff")
            headers = json.loads(box.invoke("f", b"headers").body)
    text = log.read_text()

    assert (first.cause, first.body) == (Cause.OK, b"\x00raw\xff")
    assert headers["x-fc-control-path"] == "/invoke"
    assert headers["x-fc-function-name"] == "f"
    assert headers["x-fc-function-memory"] == "256"
    assert len(headers["x-fc-request-id"]) > 20
    order = [
        text.index(part)
        for part in (
            "FC Initialize Start", "initialized", "FC Initialize End", "FC Invoke Start",
            "FC PreStop Start", "stopped", "FC PreStop End",
        )
    ]  # fmt: skip
    assert order == sorted(order)


NODE = """
const http = require("http");
http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => response.end(request.url + " " + Buffer.concat(parts)));
}).listen(process.env.FC_CUSTOM_LISTEN_PORT, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
"""


@pytest.mark.parametrize("level", LEVELS)
def test_node(tmp_path: Path, level: str) -> None:
    """Another language."""
    assert shutil.which("node"), "Node.js is one of the programs that the tests drive"
    spec = server_function(tmp_path, NODE, file="server.js", command=("node", "server.js"))
    with open_box(tmp_path, spec, settings(level)) as box:
        assert box.invoke("f", b"hi").body == b"/invoke hi"


def together(box: PatientSandbox, events: list[bytes]) -> list[InvokeResult]:
    """Invoked at the same time by as many threads."""
    results: dict[int, InvokeResult] = {}

    def call(at: int) -> None:
        results[at] = box.invoke("f", events[at])

    threads = [threading.Thread(target=call, args=(at,)) for at in range(len(events))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[at] for at in range(len(events))]


@pytest.mark.parametrize("level", ["none", "process"])
def test_requests_overlap(tmp_path: Path, level: str) -> None:
    """Three wait for each other at a barrier in one process: each could not end alone."""
    spec = flask_function(tmp_path, concurrency=3, max_instances=1)
    with open_box(tmp_path, spec, settings(level)) as box:
        results = together(box, [b"together"] * 3)

    assert [(r.cause, r.body) for r in results] == [(Cause.OK, b"1")] * 3
    assert len({r.instance_id for r in results}) == 1


def test_cold_start_when_all_are_full(tmp_path: Path) -> None:
    """Six that run at the same time need two instances, and no third one is made."""
    spec = flask_function(tmp_path, concurrency=3, max_instances=5)
    results: list[InvokeResult] = []
    with open_box(tmp_path, spec, settings()) as box:
        call = threading.Thread(target=lambda: results.extend(together(box, [b"wait"] * 6)))
        call.start()
        box.until(lambda events: [e.name for e in events].count("fcbox:Invoke:Start") == 6, "all")
        Path(spec.code_dir, "go").touch()
        call.join()
        created = box.names().count("fc:Instance:Creating")

    assert {r.cause for r in results} == {Cause.OK}
    assert created == 2


def test_two_instances_have_their_own_port(tmp_path: Path) -> None:
    """On one network the second one is told another port."""
    spec = flask_function(tmp_path, max_instances=2, min_instances=2)
    with open_box(tmp_path, spec, settings()) as box:
        results = together(box, [b"port"] * 2)
        more = [box.invoke("f", b"port") for _ in range(4)]

    ports = {r.instance_id: r.body for r in results + more}
    assert all(body.isdigit() for body in ports.values())
    assert len(set(ports.values())) == len(ports)


@pytest.mark.parametrize(("event", "body"), [(b"fail", b"not good"), (b"404", b"says so")])
def test_server_reports_failure(tmp_path: Path, event: bytes, body: bytes) -> None:
    """No 2xx, or x-fc-status 404: the caller gets what the server said."""
    with open_box(tmp_path, flask_function(tmp_path), settings()) as box:
        result = box.invoke("f", event)
        again = box.invoke("f", b"fine")

    assert (result.error_type, result.body) == ("UnhandledInvocationError", body)
    assert (again.body, again.instance_id) == (b"fine", result.instance_id)


def test_answer_over_the_limit(tmp_path: Path) -> None:
    """It is not read to its end, and the instance lives."""
    with open_box(tmp_path, flask_function(tmp_path), settings()) as box:
        result = box.invoke("f", b"large")
        assert box.invoke("f", b"fine").body == b"fine"

    assert "larger than 33554432 bytes" in error_text(result)


@pytest.mark.parametrize(
    ("event", "cause", "status"),
    [(b"die", Cause.SIGNAL, "SIGSEGV(-11)"), (b"exit", Cause.EXIT, "exit status 7")],
)
def test_server_ends_in_a_request(tmp_path: Path, event: bytes, cause: Cause, status: str) -> None:
    """The outcome tells how the server ended; the next request has a new one."""
    with open_box(tmp_path, flask_function(tmp_path), settings("process")) as box:
        result = box.invoke("f", event)
        assert box.invoke("f", b"fine").body == b"fine"

    assert (result.cause, result.status) == (cause, status)
    assert "Process exited unexpectedly" in error_text(result)


def test_timeout_of_one_ends_all(tmp_path: Path) -> None:
    """The one whose time is up is told so, the other that the process ended; a new one serves."""
    spec = flask_function(tmp_path, concurrency=2, max_instances=1, timeout_s=1.0)
    with open_box(tmp_path, spec, settings("process")) as box:
        box.invoke("f", b"warm")
        first = threading.Thread(target=lambda: found.append(box.invoke("f", b"hang")))
        found: list[InvokeResult] = []
        first.start()
        box.until(lambda events: [e.name for e in events].count("fcbox:Invoke:Start") == 2, "it")
        found.append(box.invoke("f", b"hang"))
        first.join()
        assert box.invoke("f", b"fine").body == b"fine"

    assert sorted(result.cause.value for result in found) == ["exit", "timeout"]


def test_tree_is_killed(tmp_path: Path) -> None:
    """What the server started ends with it: `open_box` looks for what is left."""
    with open_box(tmp_path, flask_function(tmp_path), settings()) as box:
        assert box.invoke("f", b"orphan").body.isdigit()
        assert len(box.processes()) == 3
        box.invoke("f", b"die")
        wait_until(lambda: len(box.processes()) == 0, "the sleeping child to be gone")


def test_never_listening(tmp_path: Path) -> None:
    """Told in words, after the time that it has."""
    source = "import threading; threading.Event().wait()"
    spec = server_function(tmp_path, source, start_timeout_s=0.5)
    with open_box(tmp_path, spec, settings()) as box:
        result = box.invoke("f", b"")

    assert result.error_type == "InitializationError"
    assert "did not listen on port" in error_text(result)
    assert "within 0.5 seconds" in error_text(result)


def test_server_that_ends_at_once(tmp_path: Path) -> None:
    """No waiting for a port that nobody is going to open."""
    with open_box(tmp_path, server_function(tmp_path, "raise SystemExit(3)"), settings()) as box:
        result = box.invoke("f", b"")

    assert "the server ended before it listened" in error_text(result)


def test_no_bootstrap(tmp_path: Path) -> None:
    """The default command, and nothing there."""
    spec = server_function(tmp_path, "", command=("/code/bootstrap",))
    with open_box(tmp_path, spec, settings("process")) as box:
        result = box.invoke("f", b"")

    assert error_text(result) == "cannot start /code/bootstrap: No such file or directory"


def test_initializer_that_fails(tmp_path: Path) -> None:
    """The caller gets what /initialize said."""
    spec = flask_function(tmp_path, hooks=True, environment={"INIT": "fail"})
    with open_box(tmp_path, spec, settings()) as box:
        result = box.invoke("f", b"")

    assert (result.error_type, result.body) == ("InitializationError", b"no way")


def test_commands_as_hooks(tmp_path: Path) -> None:
    """A hook may be a command beside the server."""
    hook = Callback("", 5.0, ("sh", "-c", "echo hooked; exit $CODE"))
    good = flask_function(tmp_path, initializer=hook, environment={"CODE": "0"})
    bad = flask_function(tmp_path, name="g", initializer=hook, environment={"CODE": "4"})
    with open_box(tmp_path, [good, bad], settings()) as box:
        fine = box.invoke("f", b"")
        failed = box.invoke("g", b"")

    assert "hooked" in fine.log
    assert error_text(failed) == "sh ended with 4"


def test_health_check_that_fails(tmp_path: Path) -> None:
    """At the start it is a failure to start."""
    spec = flask_function(
        tmp_path, environment={"HEALTH": "bad"}, health_check=HealthCheck("/health")
    )
    with open_box(tmp_path, spec, settings()) as box:
        result = box.invoke("f", b"")

    assert error_text(result) == "the health check GET /health gave 503"


def test_health_check_that_holds(tmp_path: Path) -> None:
    """A server that is well is left alone."""
    check = HealthCheck("/health", period_s=0.02)
    with open_box(tmp_path, flask_function(tmp_path, health_check=check), settings()) as box:
        assert box.invoke("f", b"fine").body == b"fine"
        assert "fcbox:Instance:Died" not in box.names()


def test_sandbox_is_empty(tmp_path: Path) -> None:
    """The worker gives the server nothing but its environment and its output."""
    source = """
        import http.server, os
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                names = os.listdir("/proc/self/fd")
                body = " ".join(os.readlink(f"/proc/self/fd/{n}") for n in names
                                if os.path.exists(f"/proc/self/fd/{n}")).encode()
                self.send_response(200); self.send_header("content-length", str(len(body)))
                self.end_headers(); self.wfile.write(body)
        port = int(os.environ["FC_SERVER_PORT"])
        http.server.HTTPServer(("0.0.0.0", port), Handler).serve_forever()
    """
    with open_box(tmp_path, server_function(tmp_path, source), settings()) as box:
        opened = box.invoke("f", b"").body.decode().split()

    assert sum(name.startswith("pipe:") for name in opened) == 2
    assert sum(name.startswith("socket:") for name in opened) == 2


def test_http_request_is_passed_through(tmp_path: Path) -> None:
    """Method, path, query and body as they came; what it says of itself is not believed."""
    head = {
        "method": "POST", "target": "/a/b?c=d", "source_ip": "127.0.0.1",
        "headers": [["Host", "x"], ["X-Fc-Account-Id", "forged"], ["Connection", "upgrade"]],
    }  # fmt: skip
    answers: list[bytes] = []
    with open_box(tmp_path, flask_function(tmp_path), settings()) as box:
        packed = wire.pack_http(head, b"body")
        box._call(
            lambda supervisor: supervisor.invoke(
                "f", packed, lambda _, outcome: answers.append(outcome.body), is_http=True
            )
        )
        wait_until(lambda: answers, "the answer")
    got, body = wire.unpack_http(answers[0])

    assert got["status"] == 201
    assert ["X-Own", "1"] in got["headers"]
    assert json.loads(body) == {
        "path": "a/b", "method": "POST", "query": "c=d", "control": "/http-invoke",
        "body": "body", "who": "1234567890123456",
    }  # fmt: skip


def test_caller_of_one_of_several_goes_away(tmp_path: Path) -> None:
    """It is told so at once; the instance goes on with the other, and serves again."""
    spec = flask_function(tmp_path, concurrency=2, max_instances=1)
    outcomes: list[Outcome] = []
    with open_box(tmp_path, spec, settings()) as box:
        warm = box.invoke("f", b"warm")
        request = box._call(
            lambda supervisor: supervisor.invoke(
                "f", b"hang", lambda _, outcome: outcomes.append(outcome)
            )
        )
        box._call(lambda supervisor: supervisor.cancel("f", request))
        wait_until(lambda: outcomes, "the outcome")
        again = box.invoke("f", b"fine")
        box._call(lambda supervisor: supervisor.kill())

    assert outcomes[0].cause is Cause.CANCELLED
    assert (again.body, again.instance_id) == (b"fine", warm.instance_id)


RAW = """
import os, signal, socket, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("0.0.0.0", int(os.environ["FC_SERVER_PORT"])))
def serve(end):
    got = b""
    while not (b"\\r\\n\\r\\n" in got and (got.startswith(b"GET") or got.endswith(b"!"))):
        data = end.recv(1 << 16)
        if not data:
            return
        got += data
    WHAT
HUNG = []
while True:
    end, _ = server.accept()
    threading.Thread(target=serve, args=(end,)).start()
"""
ENDS_SAYING = """
    end.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n" % LENGTH + b"a" * SENT)
    os._exit(0)
"""


DIED = "fcbox:Instance:Died"


def wait_for_deaths(box: PatientSandbox, count: int) -> None:
    wait_until(lambda: box.names().count(DIED) == count, "the end of an instance")


def raw_source(what: str, **values: object) -> str:
    """A server of its own HTTP: `what` answers a request whose event ends with `!`."""
    for name, value in values.items():
        what = what.replace(name, str(value))
    return RAW.replace("    WHAT\n", what)


@pytest.mark.parametrize("size", [5, 2 << 20])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_answer_of_a_server_that_ends_at_once(tmp_path: Path, size: int, concurrency: int) -> None:
    """What it said before its end is its answer, and the next one has another instance."""
    source = raw_source(ENDS_SAYING, LENGTH=size, SENT=size)
    spec = server_function(tmp_path, source, concurrency=concurrency)
    with open_box(tmp_path, spec, settings()) as box:
        for deaths in (1, 2, 3):
            result = box.invoke("f", b"!")
            assert (result.cause, len(result.body)) == (Cause.OK, size)
            wait_for_deaths(box, deaths)


def test_half_an_answer_is_none(tmp_path: Path) -> None:
    """It said 9 bytes and sent 4: nobody takes those for the answer."""
    what = ENDS_SAYING.replace("os._exit(0)", "end.close()")
    source = raw_source(what, LENGTH=9, SENT=4)
    with open_box(tmp_path, server_function(tmp_path, source), settings()) as box:
        result = box.invoke("f", b"!")

    assert "it ended 5 bytes before its end" in error_text(result)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 " + b"x" * 70000, b"HTTP/1.1 -1 OK\r\n\r\n",
    ],
    ids=["nothing", "nonsense", "headers", "negative", "no-number", "long", "status"],
)  # fmt: skip
def test_malformed_answers(tmp_path: Path, answer: bytes) -> None:
    """Each is told in words, under a failure of that request alone."""
    what = f"    end.sendall({answer!r}) if got.count(b'bad!') else "
    what += "end.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\nfine')\n    end.close()\n"
    spec = server_function(tmp_path, raw_source(what), concurrency=2)
    with open_box(tmp_path, spec, settings()) as box:
        bad = box.invoke("f", b"bad!")
        good = box.invoke("f", b"good!")

    assert "the server did not answer /invoke" in error_text(bad)
    assert (good.body, good.instance_id) == (b"fine", bad.instance_id)


def test_a_hung_server_is_given_up(tmp_path: Path) -> None:
    """It fails its checks and ignores the SIGTERM: it is killed, and another one serves."""
    what = """
    if got.endswith(b"hang!"):
        HUNG.append(1)
    if got.startswith(b"GET") and HUNG:
        threading.Event().wait()
    end.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\nfine")
    end.close()
"""
    check = HealthCheck("/health", period_s=0.05, timeout_s=0.2, failure_threshold=2)
    spec = server_function(tmp_path, raw_source(what), health_check=check)
    with open_box(tmp_path, spec, settings("process")) as box:
        assert box.invoke("f", b"hang!").body == b"fine"
        wait_for_deaths(box, 1)
        assert box.invoke("f", b"!").body == b"fine"


def test_retiring_instance_has_no_room(tmp_path: Path) -> None:
    """It serves who waits for it, and no other: that one has a new instance at once."""
    hook = Callback("", 20.0, ("sh", "-c", "while [ ! -e go ]; do sleep 0.01; done"))
    spec = flask_function(tmp_path, concurrency=3, max_instances=2, initializer=hook)
    with open_box(tmp_path, spec, settings()) as box:
        first = box.submit("f", b"first")
        box.until(lambda events: any(e.name == "fc:Instance:Creating" for e in events), "it")
        box.recycle("f")
        second = box.submit("f", b"second")
        wait_until(lambda: box.names().count("fc:Instance:Creating") == 2, "another instance")
        Path(spec.code_dir, "go").touch()

        assert (first.result().body, second.result().body) == (b"first", b"second")


@pytest.mark.parametrize("is_entered", [False, True])
def test_why_it_did_not_start_is_logged_once(tmp_path: Path, is_entered: bool) -> None:
    """Whether the surroundings fail, or the server."""
    spec = server_function(tmp_path, "raise SystemExit(1)")
    why = "the server ended before it listened"
    if not is_entered:
        shutil.rmtree(spec.code_dir)
        why = "cannot enter the code directory"
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        open_box(tmp_path, spec, settings(), log_format="fc", log_fd=file.fileno()) as box,
    ):
        result = box.invoke("f", b"")

    assert (log.read_text().count(why), why in error_text(result)) == (1, True)
