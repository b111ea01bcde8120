"""The invoke API in its three versions, as curl sees it."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.boxes import wait_until
from tests.http.serving import Answer, Served, ask, serving, write_config

SOURCE = """
    import json, time

    def handler(event, context):
        wish = json.loads(event) if event[:1] == b"{" else {}
        if "raise" in wish:
            raise ValueError(wish["raise"])
        time.sleep(wish.get("sleep", 0))
        return context.function.name if event == b"name" else event
"""
V3 = "/2023-03-30/functions/{function}/invocations"
V2 = "/2021-04-06/services/{service}/functions/{function}/invocations"
V1 = "/2016-08-15/services/{service}/functions/{function}/invocations"
VERSIONS = (V3, V2, V1)
OLDER = (V2, V1)
ASYNC = {"X-Fc-Invocation-Type": "Async"}
ASYNC_LIMIT = 128 << 10


def below(path: str, function: str = "f", service: str = "default") -> str:
    return path.format(function=function, service=service)


def write_both(folder: Path, **limits: Any) -> Path:
    """`f`, and the function `f` of the service `s`."""
    path = write_config(folder, SOURCE)
    document = json.loads(path.read_text())
    props = document["resources"]["f"]["props"]
    props.update(limits)
    other = {**props, "functionName": "s$f"}
    document["resources"]["g"] = {"component": "fc3", "props": other}
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, write_both(folder)) as served:
        yield served


def error_of(path: str, answer: Answer) -> tuple[int, str, str]:
    """Status, code and message, in the words of that version, and of no other."""
    assert answer.headers["x-fc-error-type"] == "FCCommonError"
    assert answer.headers["content-type"] == "application/json"
    if path.startswith("/2016"):
        assert sorted(answer.json) == ["ErrorCode", "ErrorMessage"]
        return answer.status, answer.json["ErrorCode"], answer.json["ErrorMessage"]
    assert sorted(answer.json) == ["Code", "Message", "RequestId"]
    assert answer.json["RequestId"] == answer.headers["x-fc-request-id"]
    return answer.status, answer.json["Code"], answer.json["Message"]


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VERSIONS)
def test_a_function_without_a_service_is_below_default(served: Served, path: str) -> None:
    assert served.ask("POST", below(path), b"name").body == b"f"


@pytest.mark.parametrize("path", OLDER)
@pytest.mark.parametrize("service", ["s", "s.LATEST"])
def test_a_function_of_a_service(served: Served, path: str, service: str) -> None:
    assert served.ask("POST", below(path, service=service), b"name").body == b"s$f"


@pytest.mark.parametrize("name", ["s$f", "s%24f"])
def test_a_function_of_a_service_by_its_whole_name(served: Served, name: str) -> None:
    assert served.ask("POST", below(V3, name), b"name").body == b"s$f"


@pytest.mark.parametrize("path", OLDER)
@pytest.mark.parametrize(
    ("service", "function", "code", "message"),
    [
        ("x", "f", "ServiceNotFound", "service 'x' does not exist"),
        ("s", "x", "FunctionNotFound", "function 'x' does not exist in service 's'"),
        ("default", "x", "FunctionNotFound", "function 'x' does not exist in service 'default'"),
        ("default", "s$f", "FunctionNotFound",
         "function 's$f' does not exist in service 'default'"),
        ("s.prod", "f", "AliasNotFound", "alias 'prod' does not exist: only LATEST does locally"),
        ("s.1", "f", "VersionNotFound", "version '1' does not exist: only LATEST does locally"),
    ],
)  # fmt: skip
def test_what_is_not_there(
    served: Served, path: str, service: str, function: str, code: str, message: str
) -> None:
    answer = served.ask("POST", below(path, function, service), b"")

    assert error_of(path, answer) == (404, code, message)


ODD_NAMES = ["..", "%2e%2e", "..%2f..%2fetc", "a%00b", "%", "%E4%B8%96", "a" * 300]


@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_only_names(served: Served, path: str, name: str) -> None:
    assert served.ask("POST", below(path, name), b"").status == 404


# -- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VERSIONS)
def test_every_documented_header_is_there(served: Served, path: str) -> None:
    served.ask("POST", below(path), b"1")
    answer = served.ask("POST", below(path), b"1", {"X-Fc-Log-Type": "Tail"})

    assert {name for name in answer.headers if name.startswith("x-fc-")} == {
        "x-fc-code-checksum", "x-fc-instance-id", "x-fc-invocation-duration", "x-fc-log-result",
        "x-fc-max-memory-usage", "x-fc-request-id",
    }  # fmt: skip


@pytest.mark.parametrize("path", VERSIONS)
def test_a_function_error_is_a_200_in_every_version(served: Served, path: str) -> None:
    answer = served.ask("POST", below(path), b'{"raise": "no"}')

    assert answer.status == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.json["errorMessage"] == "no"


def test_the_checksum_is_the_one_of_get_function(served: Served) -> None:
    found = served.ask("POST", below(V3), b"").headers["x-fc-code-checksum"]

    assert served.ask("GET", "/2023-03-30/functions/f").json["codeChecksum"] == found


def test_the_checksum_is_another_one_when_the_code_is(tmp_path: Path) -> None:
    config = write_both(tmp_path)
    with serving(tmp_path, config, "--no-watch") as served:
        first = served.ask("POST", below(V3), b"").headers["x-fc-code-checksum"]
        with (tmp_path / "code" / "index.py").open("a") as file:
            file.write("# changed\n")
        served.ask("POST", below(V3, "s$f"), b"")  # an instance that sees it
        second = served.ask("POST", below(V3, "s$f"), b"").headers["x-fc-code-checksum"]

    assert first.isdecimal()
    assert second.isdecimal()
    assert first != second


@pytest.mark.parametrize("path", VERSIONS)
def test_other_methods_are_told_the_right_one(served: Served, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = served.ask(method, below(path))
        assert error_of(path, answer)[:2] == (405, "MethodNotAllowed")
        assert answer.headers["allow"] == "POST"


# -- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VERSIONS)
def test_an_asynchronous_event_has_a_limit_of_its_own(served: Served, path: str) -> None:
    fits = served.ask("POST", below(path), b"." * ASYNC_LIMIT, ASYNC)
    over = served.ask("POST", below(path), b"." * (ASYNC_LIMIT + 1), ASYNC)

    assert (fits.status, fits.body) == (202, b"")
    assert error_of(path, over) == (
        413, "EntityTooLarge", "payload size exceeds maximum allowed size (131072 bytes)",
    )  # fmt: skip


def test_a_declared_length_is_believed_before_it_is_sent(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.putrequest("POST", below(V3))
    connection.putheader("X-Fc-Invocation-Type", "Async")
    connection.putheader("Content-Length", str(ASYNC_LIMIT + 1))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()

    assert status == 413


@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize("task_id", ["1a", "a b", "a" * 129, "\u00e9"])
def test_a_task_id_has_a_form(served: Served, path: str, task_id: str) -> None:
    answer = served.ask("POST", below(path), b"", {**ASYNC, "X-Fc-Async-Task-Id": task_id})

    assert error_of(path, answer)[:2] == (400, "InvalidArgument")


def test_reserved_concurrency_throttles_one_function_only(tmp_path: Path) -> None:
    config = write_both(tmp_path, concurrencyConfig={"reservedConcurrency": 1})
    with serving(tmp_path, config) as served:
        connection = served.begin(b'{"sleep": 30}')
        wait_until(lambda: [item["state"] for item in served.instances()] == ["INVOKING"], "it")
        throttled = served.ask("POST", below(V1), b"")
        other = served.ask("POST", below(V3, "s$f"), b"1")
        connection.close()
        wait_until(lambda: ask(served.port, "POST", below(V3), b"1").status == 200, "its turn")

    assert error_of(V1, throttled)[:2] == (429, "ResourceExhausted")
    assert other.body == b"1"


# -- odd requests --------------------------------------------------------------------------------


VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20
)


@given(
    st.sampled_from(VERSIONS),
    st.dictionaries(
        st.sampled_from(["X-Fc-Invocation-Type", "X-Fc-Log-Type", "X-Fc-Async-Task-Id",
                         "X-Fc-Account-Id", "Content-Type", "Date", "Authorization"]),
        VALUES.map(str.strip),
    ),
    st.text("qualifier=&LATEST%1;+", max_size=20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_request_is_a_failure_of_ours(
    served: Served, path: str, headers: dict[str, str], query: str
) -> None:
    answer = served.ask("POST", f"{below(path)}?{query}", b"1", headers)

    assert answer.status < 500
    assert "x-fc-request-id" in answer.headers


@pytest.mark.parametrize("path", VERSIONS)
def test_a_line_break_behind_the_path_is_no_function(served: Served, path: str) -> None:
    assert served.ask("POST", below(path) + "%0A", b"1").status == 404


def test_a_caller_with_a_large_event_that_goes_away_ends_its_request(served: Served) -> None:
    """Its connection is not read on while the event is large, unless we see to it."""
    event = json.dumps({"sleep": 30, "pad": "x" * 200_000}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", below(V3), event)  # the head goes out before the body
    busy = ["INVOKING"]
    wait_until(lambda: [i["state"] for i in served.instances() if i["state"] in busy], "its begin")
    connection.close()

    wait_until(lambda: not any(i["state"] in busy for i in served.instances()), "its end")


def test_as_curl_does_it(served: Served) -> None:
    url = f"http://localhost:{served.port}{below(V1)}"
    command = ["curl", "-sS", "--ipv4", "-i", url, "-d", "hello", "-H", "Expect: 100-continue"]
    found = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    interim, head, body = found.split(b"\r\n\r\n")

    assert interim == b"HTTP/1.1 100 Continue"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"hello"
