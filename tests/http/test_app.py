"""The invoke API as clients see it: a real server, one for all tests that leave it as it was."""

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boxes import live_processes, wait_until
from tests.http.serving import Answer, Served, invocations, read_answer, serving, write_config

SOURCE = """
    import json, os, sys, time

    def initialize(context):
        print("initialized")

    def handler(event, context):
        wish = json.loads(event) if event[:1] == b"{" else {}
        print("printed " * wish.get("print", 1))
        if "raise" in wish:
            raise ValueError(wish["raise"])
        if "exit" in wish:
            os._exit(wish["exit"])
        time.sleep(wish.get("sleep", 0))
        return wish.get("return", "%d bytes" % len(event))
"""
REQUEST_ID = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}")
INSTANCE_ID = re.compile(r"c-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}")
PAGES = "web pages may call HTTP triggers only"
EVENT_LIMIT = 33554432


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, write_config(folder, SOURCE, initializer="initialize")) as served:
        yield served


def test_an_answer_carries_the_headers_of_the_spec(served: Served) -> None:
    answer = served.invoke(b"12345")

    assert (answer.status, answer.body) == (200, b"5 bytes")
    assert REQUEST_ID.fullmatch(answer.headers["x-fc-request-id"])
    assert INSTANCE_ID.fullmatch(answer.headers["x-fc-instance-id"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-fc-error-type" not in answer.headers
    assert "x-fc-log-result" not in answer.headers


def test_the_duration_is_in_milliseconds(served: Served) -> None:
    answer = served.invoke(b'{"sleep": 0.05}')

    assert 51 <= int(answer.headers["x-fc-invocation-duration"]) < 2000


def test_the_memory_is_in_megabytes_with_two_decimals(served: Served) -> None:
    memory = served.invoke().headers["x-fc-max-memory-usage"]

    assert re.fullmatch(r"\d+\.\d\d", memory)
    assert 2 < float(memory) < 100


def test_a_request_id_is_used_once(served: Served) -> None:
    ids = [served.invoke().headers["x-fc-request-id"] for _ in range(3)]

    assert len(set(ids)) == 3


def test_an_event_arrives_as_it_was_sent(served: Served) -> None:
    answer = served.invoke(json.dumps({"return": "h\u00e9\u4e16"}).encode())

    assert answer.body.decode() == "h\u00e9\u4e16"


def test_a_raised_exception_is_a_200_with_the_error_json(served: Served) -> None:
    answer = served.invoke(b'{"raise": "no"}')

    assert answer.status == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.json["errorType"] == "ValueError"
    assert answer.json["errorMessage"] == "no"


def test_a_process_that_exits_is_a_200_with_the_error_json(served: Served) -> None:
    answer = served.invoke(b'{"exit": 3}')

    assert answer.status == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.json["errorMessage"].startswith(
        "Process exited unexpectedly before completing request (duration: "
    )
    assert served.invoke().status == 200


def test_an_initializer_that_fails_has_an_error_type_of_its_own(tmp_path: Path) -> None:
    source = """
        def initialize(context):
            raise RuntimeError("no database")

        def handler(event, context):
            return "never"
    """
    with serving(tmp_path, write_config(tmp_path, source, initializer="initialize")) as served:
        first, second = served.invoke(), served.invoke()

    assert first.status == second.status == 200
    assert first.headers["x-fc-error-type"] == "InitializationError"
    assert first.json["errorMessage"] == "no database"
    assert first.headers["x-fc-instance-id"] != second.headers["x-fc-instance-id"]


def test_a_timeout_is_told_at_the_deadline(tmp_path: Path) -> None:
    source = "import time\ndef handler(event, context): time.sleep(60)"
    with serving(tmp_path, write_config(tmp_path, source, timeout_s=1)) as served:
        answer = served.invoke()

    assert answer.status == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.json["errorMessage"].startswith("Function timed out after 1 seconds (max")
    assert 1000 <= int(answer.headers["x-fc-invocation-duration"]) < 1500


# -- the tail log --------------------------------------------------------------------------------


def tail_log(answer: Answer) -> str:
    return base64.b64decode(answer.headers["x-fc-log-result"], validate=True).decode()


def test_the_tail_log_is_the_request_s_log_and_a_summary(served: Served) -> None:
    served.invoke()
    answer = served.invoke(b"", {"X-Fc-Log-Type": "Tail"})
    request_id = answer.headers["x-fc-request-id"]
    log, _, summary = tail_log(answer).partition("\n\n")

    assert log.splitlines() == [
        f"FC Invoke Start RequestId: {request_id}",
        "printed ",
        f"FC Invoke End RequestId: {request_id}",
    ]
    found = re.fullmatch(
        r"Duration: (\d+\.\d\d) ms, Billed Duration: (\d+) ms, "
        r"Memory Size: 128 MB, Max Memory Used: (\d+\.\d\d) MB",
        summary,
    )
    assert found
    assert answer.headers["x-fc-invocation-duration"] == found[2]
    assert answer.headers["x-fc-max-memory-usage"] == found[3]
    assert 0 <= int(found[2]) - float(found[1]) <= 1


def test_the_tail_log_of_a_cold_start_has_the_initializer(tmp_path: Path) -> None:
    with serving(tmp_path, write_config(tmp_path, SOURCE, initializer="initialize")) as served:
        answer = served.invoke(b"", {"X-Fc-Log-Type": "tail"})

    request_id = answer.headers["x-fc-request-id"]
    assert tail_log(answer).startswith(
        f"FC Initialize Start RequestId: {request_id}\ninitialized\n"
    )


def test_the_tail_log_is_cut_at_its_beginning(served: Served) -> None:
    answer = served.invoke(b'{"print": 2000}', {"X-Fc-Log-Type": "Tail"})
    log = tail_log(answer)

    assert len(log) == 4096
    assert "FC Invoke Start" not in log
    assert log.endswith(" MB")


def test_log_type_none_asks_for_no_log(served: Served) -> None:
    assert "x-fc-log-result" not in served.invoke(b"", {"X-Fc-Log-Type": "None"}).headers


# -- API errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code", "message"),
    [
        ("POST", invocations("x"), {}, 404, "FunctionNotFound", "function 'x' does not exist"),
        (
            "POST", invocations() + "?qualifier=prod", {},
            404, "AliasNotFound", "alias 'prod' does not exist: only LATEST does locally",
        ),
        (
            "POST", invocations() + "?qualifier=3", {},
            404, "VersionNotFound", "version '3' does not exist: only LATEST does locally",
        ),
        (
            "POST", invocations(), {"X-Fc-Invocation-Type": "Later"},
            400, "InvalidArgument", "X-Fc-Invocation-Type must be Sync or Async, not 'Later'",
        ),
        (
            "POST", invocations(), {"X-Fc-Log-Type": "All"},
            400, "InvalidArgument", "X-Fc-Log-Type must be None or Tail, not 'All'",
        ),
        (
            "GET", invocations(), {},
            405, "MethodNotAllowed", f"'GET' against '{invocations()}' is not supported",
        ),
        ("POST", "/", {}, 404, "PathNotSupported", "'POST' against '/' is not supported"),
        (
            "POST", invocations() + "/", {},
            404, "PathNotSupported", f"'POST' against '{invocations()}/' is not supported",
        ),
    ],
)  # fmt: skip
def test_api_errors(
    served: Served,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    code: str,
    message: str,
) -> None:
    answer = served.ask(method, path, b"", headers)

    assert answer.status == status
    assert answer.json == {
        "RequestId": answer.headers["x-fc-request-id"],
        "Code": code,
        "Message": message,
    }
    assert REQUEST_ID.fullmatch(answer.headers["x-fc-request-id"])
    assert answer.headers["x-fc-error-type"] == "FCCommonError"
    assert answer.headers["content-type"] == "application/json"


def test_a_wrong_method_is_told_the_right_one(served: Served) -> None:
    assert served.ask("PUT", invocations(), b"").headers["allow"] == "POST"


def test_the_qualifier_latest_and_the_type_sync_are_what_is_the_default(served: Served) -> None:
    path = invocations() + "?qualifier=LATEST"

    assert served.ask("POST", path, b"", {"X-Fc-Invocation-Type": "sync"}).status == 200


# -- limits --------------------------------------------------------------------------------------


def test_the_largest_event_fits(served: Served) -> None:
    assert served.invoke(b"." * EVENT_LIMIT).body == b"33554432 bytes"


def is_too_large(answer: Answer) -> bool:
    text = "payload size exceeds maximum allowed size (33554432 bytes)"
    return (413, "EntityTooLarge", text) == (
        answer.status,
        answer.json["Code"],
        answer.json["Message"],
    )


def test_an_event_that_is_declared_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", invocations())
    connection.putheader("Content-Length", str(EVENT_LIMIT + 1))
    connection.endheaders()
    answer = read_answer(connection)
    connection.close()

    assert is_too_large(answer)


def test_an_event_that_grows_too_large_is_refused_in_its_middle(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", invocations())
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    chunk = b"100000\r\n" + b"." * 0x100000 + b"\r\n"
    for _ in range(33):
        connection.send(chunk)  # no last chunk follows
    answer = read_answer(connection)
    connection.close()

    assert is_too_large(answer)


def test_a_client_that_sends_all_of_a_large_event_reads_the_refusal(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", invocations(), b"." * (2 * EVENT_LIMIT))
    refused = read_answer(connection)
    connection.request("POST", invocations(), b"..")
    answer = read_answer(connection)
    connection.close()

    assert is_too_large(refused)
    assert answer.body == b"2 bytes"


def head_bytes(port: int) -> int:
    """What http.client sends for `{"X-Fill": ""}`, as it counts: `name: value` and CRLF."""
    lines = f"Host: 127.0.0.1:{port}", "Accept-Encoding: identity", "Content-Length: 0", "X-Fill: "
    return sum(len(line) + 2 for line in lines)


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 400)])
def test_headers_have_a_limit_together(served: Served, over: int, status: int) -> None:
    fill = "x" * (8192 - head_bytes(served.port) + over)
    answer = served.invoke(b"", {"X-Fill": fill})

    assert answer.status == status
    if over:
        assert answer.json["Code"] == "InvalidArgument"
        assert answer.json["Message"] == "the headers may have 8192 bytes together, not 8193"


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 400)])
def test_path_and_query_have_a_limit_together(served: Served, over: int, status: int) -> None:
    path = invocations() + "?x="
    fill = "x" * (4096 - len(path) + 1 + over)  # the question mark is in neither
    answer = served.ask("POST", path + fill, b"")

    assert answer.status == status
    if over:
        assert answer.json["Code"] == "InvalidArgument"
        assert answer.json["Message"] == (
            "the path with its query may have 4096 bytes together, not 4097"
        )


# -- who may call --------------------------------------------------------------------------------

LOOPBACK = ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "f.localhost", "a.b.localhost"]
OTHERS = [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost",
    "127.0.0.2", "0.0.0.0", "192.168.1.1", "::1", "", "localhost@evil.example", ".localhost",
]  # fmt: skip


def ask_as(served: Served, host: str | None, origin: str | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", invocations(), skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    if origin is not None:
        connection.putheader("Origin", origin)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    answer = read_answer(connection)
    connection.close()
    return answer


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_hosts_may_call(served: Served, host: str) -> None:
    assert ask_as(served, host).status == 200
    assert ask_as(served, f"{host}:{served.port}").status == 200


@pytest.mark.parametrize("host", [*OTHERS, None])
def test_other_hosts_are_refused_against_dns_rebinding(served: Served, host: str | None) -> None:
    answer = ask_as(served, host)

    assert answer.status == 403
    assert answer.json["Code"] == "AccessDenied"


@pytest.mark.parametrize("host", LOOPBACK)
def test_pages_may_not_call_the_api(served: Served, host: str) -> None:
    """Not those of this machine either: a function's own page comes from the same host."""
    for origin in (f"http://{host}:3000", f"https://{host}"):
        answer = ask_as(served, "localhost", origin)
        assert (answer.status, answer.json["Message"]) == (403, PAGES)


@pytest.mark.parametrize("path", ["/2023-03-30/functions", "/fcbox/instances", "/metrics"])
@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 403), ("same-site", 403), ("none", 200)]
)
def test_a_page_may_not_read_the_api(served: Served, path: str, site: str, status: int) -> None:
    """A browser says where a request comes from: `none` is an address that was typed."""
    assert served.ask("GET", path, None, {"Sec-Fetch-Site": site}).status == status


@pytest.mark.parametrize(
    "origin", [f"http://{host}" for host in OTHERS] + ["null", "", "file://", "localhost"]
)
def test_pages_of_other_hosts_are_refused(served: Served, origin: str) -> None:
    answer = ask_as(served, "localhost", origin)

    assert answer.status == 403
    assert answer.json["Code"] == "AccessDenied"


def test_a_refused_caller_runs_nothing(served: Served) -> None:
    before = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["invocations"]
    ask_as(served, "evil.example")
    ask_as(served, "localhost", "http://evil.example")

    assert served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["invocations"] == before


def test_management_routes_are_guarded_too(served: Served) -> None:
    answer = served.ask("GET", "/fcbox/instances", None, {"Host": "evil.example"})

    assert answer.status == 403


# -- management ----------------------------------------------------------------------------------


def test_instances_are_listed(served: Served) -> None:
    instance_id = served.invoke().headers["x-fc-instance-id"]
    listed = {item["id"]: item for item in served.instances()}
    item = listed[instance_id]

    assert list(item) == [
        "id", "function", "state", "pid", "age_s", "invocations", "memory_mb", "request_id",
    ]  # fmt: skip
    assert (item["function"], item["state"], item["request_id"]) == ("f", "IDLE", "")
    assert item["pid"] in live_processes(served.box_tag())
    assert item["invocations"] >= 1
    assert item["age_s"] > 0
    assert 2 < item["memory_mb"] < 100


def test_statistics_count(served: Served) -> None:
    before = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]
    served.invoke()
    served.invoke(b'{"raise": ""}')
    after = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]

    assert after["invocations"] - before["invocations"] == 2
    assert after["errors"] - before["errors"] == 1


# -- clients that go away ------------------------------------------------------------------------


def test_the_instance_of_a_client_that_went_away_is_replaced(served: Served) -> None:
    connection = served.begin(b'{"sleep": 3600}')
    wait_until(lambda: running(served), "the handler")
    (gone,) = running(served)
    connection.close()
    wait_until(lambda: gone["pid"] not in live_processes(served.box_tag()), "its end")
    answer = served.invoke(b"1")

    assert answer.body == b"1 bytes"
    assert answer.headers["x-fc-instance-id"] != gone["id"]
    assert gone["id"] not in [item["id"] for item in served.instances()]
    served.wait_talk(f"FC Invoke End RequestId: {gone['request_id']}, Error: Invocation canceled")


def running(served: Served) -> list[dict[str, object]]:
    return [item for item in served.instances() if item["state"] == "INVOKING"]


def test_a_client_that_goes_away_while_it_sends_is_nobody(served: Served) -> None:
    before = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["invocations"]
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        head = f"POST {invocations()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        client.sendall(head.encode() + b"1")
    answer = served.invoke(b"123")
    after = served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["invocations"]

    assert answer.body == b"3 bytes"
    assert after - before == 1
    assert "Traceback" not in served.talk()
