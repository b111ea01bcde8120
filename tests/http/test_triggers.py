"""HTTP triggers as clients see them: a real server, one for all tests that leave it as it was."""

import base64
import http.client
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.boxes import wait_until
from tests.http.serving import Answer, Served, read_answer, serving

EVENTS = '''
import json, os, time

def handler(event, context):
    """Gives back the event, or does what the body says."""
    request = json.loads(event)
    wish = {}
    if request["rawPath"] == "/wish":
        wish = json.loads(request["body"])
    if "raise" in wish:
        raise ValueError(wish["raise"])
    if "exit" in wish:
        os._exit(wish["exit"])
    time.sleep(wish.get("sleep", 0))
    if "answer" in wish:
        return wish["answer"]
    if "large" in wish:
        return {"statusCode": 200, "headers": {"X-Large": "x" * wish["large"]}}
    if request["rawPath"] == "/result":
        return request["body"]
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"event": request, "context": context.request_id})}
'''
WSGI = """
import json
from wsgiref.validate import validator

def echo(environ, start_response):
    size = int(environ["CONTENT_LENGTH"])
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    told["body"] = environ["wsgi.input"].read(size).decode("latin-1")
    told["context"] = environ["fc.context"].request_id
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("no")
    start_response("201 Made", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"),
                                ("Set-Cookie", "b=2"), ("X-Fc-Request-Id", "forged")])
    return [json.dumps(told).encode("ascii")]

validated = validator(echo)

def handler(environ, start_response):
    hostile = {
        "/status": ("soon", []),
        "/status-99": ("99 No", []),
        "/name": ("200 OK", [("a: b\\r\\nSet-Cookie", "c")]),
        "/value": ("200 OK", [("a", "b\\r\\nSet-Cookie: c")]),
    }
    if environ["PATH_INFO"] in hostile:
        start_response(*hostile[environ["PATH_INFO"]])
        return [b"never sent"]
    return validated(environ, start_response)
"""
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


def props(function: str, handler: str, triggers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "region": "cn-hangzhou",
        "functionName": function,
        "runtime": "python3.10",
        "code": "./code",
        "handler": handler,
        "memorySize": 128,
        "timeout": 5,
        "triggers": triggers,
    }


def trigger(methods: list[str] | None = None, auth_type: str = "anonymous") -> dict[str, Any]:
    config = {"authType": auth_type, "methods": methods or METHODS}
    return {"triggerName": "http", "triggerType": "http", "triggerConfig": config}


def write(folder: Path) -> Path:
    code = folder / "code"
    code.mkdir()
    (code / "index.py").write_text(EVENTS)
    (code / "broken.py").write_text("import nowhere_to_be_found")
    functions = {
        "f": props("f", "index.handler", [trigger()]),
        "reads": props("reads", "index.handler", [trigger(["GET", "HEAD"])]),
        "fcbox": props("fcbox", "index.handler", [trigger()]),
        "plain": props("plain", "index.handler", []),
        "signed": props("signed", "index.handler", [trigger(auth_type="function")]),
        "quick": props("quick", "index.handler", [trigger()]) | {"timeout": 1},
    }
    resources = {key: {"component": "fc3", "props": each} for key, each in functions.items()}
    document = {
        "edition": "3.0.0",
        "name": "test",
        "fcbox": {"python": sys.executable},
        "resources": resources,
    }
    path = folder / "s.yaml"
    path.write_text(json.dumps(document, indent=2))
    return path


def write_2_0(folder: Path) -> Path:
    code = folder / "code"
    code.mkdir()
    (code / "index.py").write_text(WSGI)
    function = {"name": "f", "runtime": "python3.10", "handler": "index.handler",
                "codeUri": "./code", "memorySize": 128}  # fmt: skip
    web = {"name": "http", "type": "http", "config": {"authType": "anonymous", "methods": METHODS}}
    service = {
        "component": "fc",
        "props": {"region": "cn-hangzhou", "service": {"name": "s"}, "function": function,
                  "triggers": [web]},
    }  # fmt: skip
    document = {"edition": "1.0.0", "name": "test", "fcbox": {"python": sys.executable},
                "services": {"web": service}}  # fmt: skip
    path = folder / "s.yaml"
    path.write_text(json.dumps(document, indent=2))
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("triggers")
    with serving(folder, write(folder)) as served:
        yield served


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("wsgi")
    with serving(folder, write_2_0(folder)) as served:
        yield served


def ask_all(
    served: Served, method: str, path: str, body: bytes = b"", headers: Any = ()
) -> tuple[Answer, list[tuple[str, str]]]:
    """The answer, and its headers with all that are repeated. `headers` may repeat, too."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=any(name == "Host" for name, _ in headers))
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        return answer, [(name.lower(), value) for name, value in response.getheaders()]
    finally:
        connection.close()


def event_of(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.json["event"]


def wish(served: Served, function: str = "f", **what: Any) -> Answer:
    return served.ask("POST", f"/{function}/wish", json.dumps(what).encode())


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "host", "raw_path"),
    [
        ("/f", "", "/"),
        ("/f/", "", "/"),
        ("/f/a/b?x=1", "", "/a/b"),
        ("/f//a/../b", "", "//a/../b"),
        ("/%66/%E4%BD%A0%2Fx", "", "/%E4%BD%A0%2Fx"),
        ("/", "f.localhost", "/"),
        ("/", "F.LOCALHOST:80", "/"),
        ("/2023-03-30/functions", "f.localhost", "/2023-03-30/functions"),
        ("/fcbox/instances", "fcbox.localhost", "/fcbox/instances"),
        ("/f/x", "f.localhost", "/f/x"),
        ("/f/x", "other.localhost", "/x"),
        ("/2016-08-15/proxy/default/f", "", "/"),
        ("/2016-08-15/proxy/default.LATEST/f/a/b", "", "/a/b"),
    ],
)
def test_where_a_function_is(served: Served, path: str, host: str, raw_path: str) -> None:
    headers = {"Host": host} if host else {}
    event = event_of(served.ask("GET", path, None, headers))

    assert event["rawPath"] == raw_path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://f.localhost:9700"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_which_pages_may_call(served: Served, headers: dict[str, str], status: int) -> None:
    """A link may lead here from anywhere; what a page loads without a click may not."""
    assert served.ask("GET", "/f/", None, headers).status == status


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [
        ("/nobody/x", "", "PathNotSupported"),
        ("/plain/", "", "TriggerNotFound"),
        ("/", "plain.localhost", "TriggerNotFound"),
        ("/fcbox/x", "", "PathNotSupported"),
        ("/f%2Fx", "", "PathNotSupported"),
        ("/2023-03-30/nothing", "plain.localhost", "PathNotSupported"),
    ],
)
def test_where_none_is(served: Served, path: str, host: str, code: str) -> None:
    answer = served.ask("POST", path, b"", {"Host": host} if host else {})

    assert (answer.status, answer.json["Code"]) == (404, code)


def test_no_trigger_says_what_to_do(served: Served) -> None:
    message = served.ask("GET", "/plain/").json["Message"]

    assert "triggerType: http" in message
    assert "/2023-03-30/functions/plain/invocations" in message


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/2016-08-15/proxy/default/nobody/", "FunctionNotFound"),
        ("/2016-08-15/proxy/nowhere/f/", "ServiceNotFound"),
        ("/2016-08-15/proxy/default.7/f/", "VersionNotFound"),
        ("/2016-08-15/proxy/default.prod/f/", "AliasNotFound"),
        ("/2016-08-15/proxy/default/plain/", "TriggerNotFound"),
    ],
)
def test_the_proxy_path_answers_in_its_api_s_words(served: Served, path: str, code: str) -> None:
    answer = served.ask("GET", path)

    assert (answer.status, answer.json["ErrorCode"]) == (404, code)


def test_the_addresses_are_shown_at_the_start(served: Served) -> None:
    port = served.port
    shown = served.talk()

    assert re.search(rf"^f +http://127.0.0.1:{port}/f/", shown, re.MULTILINE), shown
    assert f"http://f.localhost:{port}/" in shown
    assert f"http://127.0.0.1:{port}/plain/" not in shown


def test_a_trigger_that_asks_for_signatures_is_warned_of_once(served: Served) -> None:
    assert served.talk().count("authType function") == 1
    assert served.ask("GET", "/signed/").status == 200


KEY = "local:secret"


def test_with_an_access_key_anonymous_triggers_need_no_signature(tmp_path: Path) -> None:
    with serving(tmp_path, write(tmp_path), "--access-key", KEY) as served:
        anonymous, signed = served.ask("GET", "/f/x"), served.ask("GET", "/signed/x")
        by_host = served.ask("GET", "/x", None, {"Host": "signed.localhost"})
        nowhere = served.ask("POST", "/2023-03-30/functions/f/invocations", b"",
                             {"Host": "f.localhost"})  # fmt: skip
        plain = served.ask("POST", "/2023-03-30/functions/f/invocations", b"",
                           {"Host": "plain.localhost"})  # fmt: skip
        index = served.ask("GET", "/")

    assert event_of(anonymous)["rawPath"] == "/x"
    assert event_of(nowhere)["rawPath"] == "/2023-03-30/functions/f/invocations"
    assert [each.status for each in (signed, by_host, plain, index)] == [403] * 4


# --- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method(served: Served, method: str) -> None:
    answer = served.ask(method, "/f/x")

    assert answer.status == 200
    if method == "HEAD":
        assert answer.body == b""
        assert int(answer.headers["content-length"]) > 0
    else:
        assert event_of(answer)["requestContext"]["http"]["method"] == method


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PROPFIND"])
def test_a_method_that_the_trigger_does_not_have(served: Served, method: str) -> None:
    answer = served.ask(method, "/reads/")

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json["Code"] == "MethodNotAllowed"


# --- events ---------------------------------------------------------------------------------------


def test_an_event_is_that_of_a_real_request(served: Served) -> None:
    headers = [("Host", "f.localhost:1"), ("x-two", "1"), ("X-Two", "2"), ("User-Agent", "me"),
               ("Cookie", "a=1; b=2"), ("X-Chinese", "你".encode())]  # fmt: skip
    path = "/%E4%BD%A0/x?a=1&a=2&%E5%A5%BD=%E5%A5%BD"
    answer, _ = ask_all(served, "PUT", path, "你好".encode(), headers)
    event = event_of(answer)
    context = event["requestContext"]

    assert event["version"] == "v1"
    assert event["rawPath"] == "/%E4%BD%A0/x"
    assert event["headers"] == {
        "Host": "f.localhost:1", "X-Two": "1,2", "User-Agent": "me", "Cookie": "a=1; b=2",
        "X-Chinese": "你", "Content-Length": "6", "Accept-Encoding": "identity",
    }  # fmt: skip
    assert event["queryParameters"] == {"a": "1,2", "好": "好"}
    assert (event["body"], event["isBase64Encoded"]) == ("你好", False)
    assert (context["domainName"], context["domainPrefix"]) == ("f.localhost", "f")
    assert context["http"] == {
        "method": "PUT", "path": "/你/x", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }  # fmt: skip
    assert context["requestId"] == answer.json["context"] == answer.headers["x-fc-request-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", context["time"])
    assert re.fullmatch(r"\d{13}", context["timeEpoch"])


def test_a_body_in_chunks(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", "/f/x", iter([b"\xff", b"\x00" * 100_000]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    event = event_of(read_answer(connection))
    connection.close()

    assert base64.b64decode(event["body"]) == b"\xff" + b"\x00" * 100_000
    assert "Transfer-Encoding" not in event["headers"]


def test_an_event_may_be_no_larger_than_any_other(served: Served) -> None:
    answer = served.ask("POST", "/f/x", b"\xff" * (26 << 20))

    assert (answer.status, answer.json["Code"]) == (413, "EntityTooLarge")


# --- responses ------------------------------------------------------------------------------------


def test_a_response_object(served: Served) -> None:
    headers = {"X-A": "b", "Set-Cookie": ["a=1", "b=2"], "X-Fc-Request-Id": "forged",
               "Server": "mine", "Connection": "close", "Content-Type": "image/x"}  # fmt: skip
    body = base64.b64encode(b"\xff\0").decode()
    response = {"statusCode": 418, "headers": headers, "body": body, "isBase64Encoded": True}
    answer, all_headers = ask_all(
        served, "POST", "/f/wish", json.dumps({"answer": response}).encode()
    )
    names = [name for name, _ in all_headers]

    assert (answer.status, answer.body) == (418, b"\xff\0")
    assert [value for name, value in all_headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert dict(all_headers)["x-a"] == "b"
    assert dict(all_headers)["content-type"] == "image/x"
    assert names.count("x-fc-request-id") == names.count("date") == 1
    assert "forged" not in dict(all_headers).values()
    assert "server" not in names
    assert "connection" not in names


@pytest.mark.parametrize("result", [b"hello", b"[1, 2]", b"", "你".encode()])
def test_another_result_is_the_body(served: Served, result: bytes) -> None:
    answer = served.ask("POST", "/f/result", result)

    assert (answer.status, answer.body) == (200, result)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body(served: Served, status: int) -> None:
    answer = wish(served, answer={"statusCode": status, "body": "never sent"})

    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize(
    "what",
    [
        {"answer": {"statusCode": 1000}},
        {"answer": {"statusCode": 200, "headers": {"a": "b\r\nSet-Cookie: c"}}},
        {"answer": {"statusCode": 200, "headers": {"a\r\nb": "c"}}},
        {"large": 8192},
    ],
)
def test_a_response_that_cannot_be_sent(served: Served, what: dict[str, Any]) -> None:
    answer = wish(served, **what)

    assert (answer.status, answer.json["Code"]) == (502, "BadResponse")
    assert "set-cookie" not in answer.headers


def test_headers_up_to_the_limit(served: Served) -> None:
    assert len(wish(served, large=8192 - len("X-Large") - 4).headers["x-large"]) > 8000


# --- failures -------------------------------------------------------------------------------------


def test_a_function_error(served: Served) -> None:
    answer = wish(served, **{"raise": "no"})

    assert answer.status == 502
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json["errorType"], answer.json["errorMessage"]) == ("ValueError", "no")


def test_a_process_that_exits(served: Served) -> None:
    answer = wish(served, exit=3)

    assert answer.status == 502
    assert "exited unexpectedly" in answer.json["errorMessage"]
    assert served.ask("GET", "/f/").status == 200


def test_a_timeout(served: Served) -> None:
    answer = wish(served, "quick", sleep=30)

    assert answer.status == 502
    assert answer.json["errorMessage"].startswith("Function timed out after 1 seconds")


def test_a_caller_that_goes_away_ends_its_request(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", "/f/wish", json.dumps({"sleep": 4}))
    wait_until(lambda: _is_busy(served), "an instance is busy")
    connection.close()

    wait_until(lambda: not _is_busy(served), "no instance is busy")
    served.wait_talk("Invocation canceled by client")


def _is_busy(served: Served) -> bool:
    return any(each["state"] == "INVOKING" for each in served.instances())


# --- GET / ----------------------------------------------------------------------------------------


def test_an_asynchronous_request_is_an_event_for_later(served: Served) -> None:
    headers = {"X-Fc-Invocation-Type": "Async", "X-Fc-Async-Task-Id": "later"}
    answer = served.ask("POST", "/f/result", b"now", headers)

    def is_done() -> bool:
        tasks = served.ask("GET", "/fcbox/tasks").json
        return [each["status"] for each in tasks if each["task_id"] == "later"] == ["Succeeded"]

    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["x-fc-async-task-id"] == "later"
    wait_until(is_done, "the invocation")
    assert served.ask("POST", "/f/x", b"", {"X-Fc-Invocation-Type": "Soon"}).status == 400


def test_the_page_of_all_functions(served: Served) -> None:
    answer = served.ask("GET", "/", None, {"Accept": "text/html,*/*"})

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name in ("f", "reads", "signed"):
        assert f'href="http://{name}.localhost:{served.port}/"'.encode() in answer.body
    assert b"/functions/plain/invocations" in answer.body


def test_the_list_of_all_functions(served: Served) -> None:
    answer = served.ask("GET", "/")
    lines = answer.body.decode().splitlines()

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"reads  GET,HEAD  http://127.0.0.1:{served.port}/reads/" in lines
    assert f"fcbox  GET  http://127.0.0.1:{served.port}/fcbox/" not in lines


def test_a_host_name_of_no_function(served: Served) -> None:
    assert served.ask("GET", "/", None, {"Host": "nobody.localhost"}).status == 404


# --- anything at all ------------------------------------------------------------------------------

TARGET = st.text("/abc%2F0?=&;.+~ä", max_size=30).map(lambda text: "/f/" + text.replace("ä", "%C3"))
NAMES = st.sampled_from(["X-A", "Cookie", "Content-Type", "X-Fc-Request-Id", "Range", "Origin-X"])
VALUES = st.binary(max_size=20).map(lambda data: bytes(c for c in data if c == 9 or 31 < c != 127))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(METHODS),
    target=TARGET,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=5),
    body=st.binary(max_size=200),
)
def test_any_request_comes_through(
    served: Served, method: str, target: str, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    answer, _ = ask_all(served, method, target.replace(" ", "+"), body, headers)

    assert answer.status == 200
    if method != "HEAD":
        event = event_of(answer)
        text = event["body"]
        assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body


# --- WSGI -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/2016-08-15/proxy/s/f/a%20b?x=1", ""),
        ("/s$f/a%20b?x=1", ""),
        ("/a%20b?x=1", "s--f.localhost"),
    ],
)
def test_a_wsgi_application(wsgi: Served, path: str, host: str) -> None:
    headers = [*([("Host", host)] if host else []), ("X-Two", "1"), ("x-two", "2"),
               ("Content-Type", "text/x")]  # fmt: skip
    answer, all_headers = ask_all(wsgi, "POST", path, b"\xff\0", headers)
    told = answer.json

    assert answer.status == 201
    assert [value for name, value in all_headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert told["context"] == dict(all_headers)["x-fc-request-id"]
    assert "forged" not in dict(all_headers).values()
    assert told["fc.request_uri"] == path
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == ("/a b", "x=1")
    assert (told["HTTP_X_TWO"], told["CONTENT_TYPE"]) == ("1,2", "text/x")
    assert (told["body"], told["CONTENT_LENGTH"]) == ("\u00ff\0", "2")
    assert (told["REQUEST_METHOD"], told["REMOTE_ADDR"]) == ("POST", "127.0.0.1")


def test_a_wsgi_application_is_not_called_later(wsgi: Served) -> None:
    path = "/2016-08-15/proxy/s/f/x"
    answer = wsgi.ask("GET", path, None, {"X-Fc-Invocation-Type": "Async"})

    assert answer.status == 400
    assert b"speaks HTTP itself" in answer.body


def test_a_wsgi_application_that_raises(wsgi: Served) -> None:
    answer = wsgi.ask("GET", "/s$f/raise")

    assert answer.status == 502
    assert (answer.json["errorType"], answer.json["errorMessage"]) == ("ValueError", "no")
    assert "worker" not in answer.body.decode()


@pytest.mark.parametrize("path", ["/status", "/status-99", "/name", "/value"])
def test_a_hostile_wsgi_application(wsgi: Served, path: str) -> None:
    answer, headers = ask_all(wsgi, "GET", "/s$f" + path)

    assert (answer.status, answer.json["Code"]) == (502, "BadResponse")
    assert "set-cookie" not in {name for name, _ in headers}


def test_a_wsgi_application_by_the_invoke_api(wsgi: Served) -> None:
    path = "/2016-08-15/services/s/functions/f/invocations"
    answer = wsgi.ask("POST", path, b"tick")

    assert answer.status == 200
    assert (answer.json["REQUEST_METHOD"], answer.json["PATH_INFO"]) == ("POST", "/")
    assert answer.json["body"] == "tick"


# --- what comes with fcbox ------------------------------------------------------------------------

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TEMPLATES = Path(__file__).resolve().parents[2] / "sandbox" / "templates"


def test_the_sample_of_a_wsgi_application(tmp_path: Path) -> None:
    """As its README says."""
    with serving(tmp_path, CONFIGS / "http-wsgi" / "s.yaml", "--python", sys.executable) as served:
        headers = {"Host": f"http-wsgi.localhost:{served.port}"}
        greeted = served.ask("GET", "/?name=world", None, headers)
        pixel = served.ask("GET", "/http-wsgi/pixel")

    assert (greeted.status, greeted.body) == (200, b"hello, world")
    assert greeted.headers["content-type"] == "text/plain; charset=utf-8"
    assert (pixel.headers["content-type"], pixel.body[:6]) == ("image/gif", b"GIF89a")


def test_the_project_of_init(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for file in ("s.yaml", "index.py"):
        text = (TEMPLATES / "http" / file).read_text()
        (project / file).write_text(text.replace("{{ name }}", "mine"))
    with serving(tmp_path, project / "s.yaml", "--python", sys.executable) as served:
        by_path = served.ask("GET", "/mine/?name=world")
        by_host = served.ask("GET", "/?name=world", None, {"Host": "mine.localhost:9700"})
        refused = served.ask("DELETE", "/mine/")

    assert by_path.json == by_host.json == {"greeting": "hello, world"}
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
