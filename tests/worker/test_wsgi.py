"""HTTP functions of FC 2.0, on every interpreter that this machine has.

The applications of the table that can be are run under `wsgiref.validate`, which looks at both
sides of WSGI: ours is the server's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import INTERPRETERS

REPOSITORY = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("wsgi_runner.py")
TEXT = ["Content-Type", "text/plain"]

Answers = Callable[[str], dict[str, Any]]

EXPECTED: dict[str, Any] = {
    "cookies": [302, [TEXT, ["Set-Cookie", "a"], ["Set-Cookie", "b"]], ""],
    "valid parts": [200, [TEXT], "onetwo"],
    "str parts": [200, [TEXT], "zw\u00c3\u00b6lf\u00ff"],
    "bytes alone": [200, [TEXT], "whole"],
    "str alone": [200, [TEXT], "ganz"],
    "written": [200, [TEXT], "one zw\u00c3\u00b6lf end"],
    "lazy": [201, [TEXT], "late"],
    "no parts": [200, [TEXT], ""],
    "recovered": [500, [["X-Now", "1"]], "sorry"],
    "odd status": ["soon", [TEXT], ""],
    "odd headers": [200, [["a\r\nb", "3"]], ""],
    "half sent": "ValueError: in the middle",
    "twice": "AssertionError: start_response was called a second time without exc_info",
    "not started": "AssertionError: a part of the body before start_response was called",
    "nothing": "AssertionError: start_response was not called",
    "none": "TypeError: 'NoneType' object is not iterable",
    "a number": "TypeError: memoryview: a bytes-like object is required, not 'int'",
    "closed": [2],
    "closed after an error": [2],
    "endless": 1 << 20,
    "log": [""],
}
SERVER = {
    "SERVER_NAME": "FCRUNTIME",
    "SERVER_PORT": "9000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "FCRUNTIME/1.0",
    "SCRIPT_NAME": "",
    "HTTP_X_FC_FUNCTION_HANDLER": "index.handler",
    "wsgi.url_scheme": "http",
    "version": [1, 0],
    "flags": [False, False, False],
    "context": "1-a",
    "end": "",
}
VERSIONS = [version for version, _ in INTERPRETERS]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What the runner prints under one interpreter."""
    paths = dict(INTERPRETERS)
    known: dict[str, dict[str, Any]] = {}

    def answers_of(version: str) -> dict[str, Any]:
        if version not in known:
            command = [paths[version], "-I", "-S", str(RUNNER), str(REPOSITORY)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
            assert done.returncode == 0, done.stderr
            known[version] = json.loads(done.stdout)
        return known[version]

    return answers_of


@pytest.mark.parametrize("case", EXPECTED)
@pytest.mark.parametrize("version", VERSIONS)
def test_response(answers: Answers, version: str, case: str) -> None:
    assert answers(version)[case] == EXPECTED[case]


@pytest.mark.parametrize("version", VERSIONS)
def test_environ_of_a_get(answers: Answers, version: str) -> None:
    assert answers(version)["get"] == {
        **SERVER,
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a b/\u00e4\u00bd\u00a0%zz%",
        "QUERY_STRING": "x=1&x=%20",
        "CONTENT_TYPE": "application/octet-stream",
        "CONTENT_LENGTH": "0",
        "REMOTE_ADDR": "127.0.0.9",
        "fc.request_uri": "/2016/a?x=1",
        "body": "",
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_environ_of_a_post(answers: Answers, version: str) -> None:
    """The body's length is what came, and what a caller says of the handler does not count."""
    assert answers(version)["post"] == {
        **SERVER,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "2",
        "HTTP_X_A": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "REMOTE_ADDR": "127.0.0.9",
        "fc.request_uri": "/",
        "body": "\x00\u00ff",
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_is_the_body_of_a_post(answers: Answers, version: str) -> None:
    environ = answers(version)["event"]

    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/")
    assert (environ["body"], environ["CONTENT_LENGTH"]) == ("tick", "4")


def test_interpreters() -> None:
    """Without interpreters the tests above would all pass, having done nothing."""
    assert INTERPRETERS
