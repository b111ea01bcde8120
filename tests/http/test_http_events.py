"""The format v1 of HTTP triggers, both ways, without a server."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.http.http_events import (
    BadResponse,
    HttpCall,
    make_event,
    pack_call,
    read_packed,
    read_result,
)
from worker import wire

CALL = HttpCall("f", "123", "GET", "/", "", "/f/", "f.localhost", [], "127.0.0.1")
NOW_S = 1709546250.789


def event_of(call: HttpCall, body: bytes = b"") -> Any:
    return json.loads(make_event(call, body, "1-a", NOW_S))


def test_an_event_is_what_fc_documents() -> None:
    call = CALL._replace(
        method="POST",
        path="/a/%E4%BD%A0%2Fx",
        query="a=1&b=&a=2&%E4%BD%A0=%e5%a5%bd+x",
        headers=[
            (b"host", b"f.localhost:9700"),
            (b"x-my-header", b"1"),
            (b"X-MY-Header", b"2"),
            (b"user-agent", b"curl/8"),
            (b"cookie", b"a=1; b=2"),
            (b"transfer-encoding", b"chunked"),
        ],
    )

    assert event_of(call, "你好".encode()) == {
        "version": "v1",
        "rawPath": "/a/%E4%BD%A0%2Fx",
        "headers": {
            "Host": "f.localhost:9700",
            "X-My-Header": "1,2",
            "User-Agent": "curl/8",
            "Cookie": "a=1; b=2",
        },
        "queryParameters": {"a": "1,2", "b": "", "你": "好 x"},
        "body": "你好",
        "isBase64Encoded": False,
        "requestContext": {
            "accountId": "123",
            "domainName": "f.localhost",
            "domainPrefix": "f",
            "http": {
                "method": "POST",
                "path": "/a/你/x",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8",
            },
            "requestId": "1-a",
            "time": "2024-03-04T09:57:30Z",
            "timeEpoch": "1709546250789",
        },
    }


@pytest.mark.parametrize("body", [b"\x89PNG", b"\xff", "ä".encode("latin-1")])
def test_what_is_no_text_comes_as_base64(body: bytes) -> None:
    event = event_of(CALL, body)

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


@given(
    st.binary(),
    st.lists(st.tuples(st.from_regex(rb"[a-zA-Z-]{1,9}", fullmatch=True), st.binary())),
    st.text(st.characters(max_codepoint=127)),
    st.text(st.characters(max_codepoint=127)),
)
def test_any_request_is_an_event_and_its_body_survives(
    body: bytes, headers: list[tuple[bytes, bytes]], path: str, query: str
) -> None:
    call = CALL._replace(path=path, query=query, headers=headers)
    event = event_of(call, body)
    text = event["body"]
    head, packed = wire.unpack_http(pack_call(call, body))

    assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body
    assert (event["rawPath"], packed) == (path, body)
    assert head["target"] == (f"{path}?{query}" if query else path)


TEXT = (b"content-type", b"text/plain; charset=utf-8")
HTML = (b"content-type", b"text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"statusCode": 201}, (201, [], b"")),
        ({"statusCode": "404", "body": ""}, (404, [], b"")),
        ({"statusCode": 200, "body": "你"}, (200, [TEXT], "你".encode())),
        ({"statusCode": 200, "body": "<!DOCTYPE html>x"}, (200, [HTML], b"<!DOCTYPE html>x")),
        ({"statusCode": 200, "body": "<x>"}, (200, [TEXT], b"<x>")),
        ({"statusCode": 200, "body": "/wA=", "isBase64Encoded": True},
         (200, [(b"content-type", b"application/octet-stream")], b"\xff\0")),
        ({"statusCode": 200, "body": "/w\nA=\n", "isBase64Encoded": True,
          "headers": {"Content-Type": "image/x"}},
         (200, [(b"Content-Type", b"image/x")], b"\xff\0")),
        ({"statusCode": 200, "body": {"a": 1}},
         (200, [(b"content-type", b"application/json")], b'{"a": 1}')),
        ({"statusCode": 302, "headers": {"Set-Cookie": ["a=1", "b=2"], "X-N": 3, "X-B": True}},
         (302, [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"X-N", b"3"),
                (b"X-B", b"true")], b"")),
        ({"statusCode": 200, "headers": {"X-Name": "你", "X-Latin": "é"}},
         (200, [(b"X-Name", "你".encode()), (b"X-Latin", b"\xe9")], b"")),
        ({"statusCode": 200, "headers": None, "body": None}, (200, [], b"")),
        ({"statusCode": 200, "headers": {
            "X-Fc-Request-Id": "a", "Connection": "close", "content-length": "9", "DATE": "x",
            "Keep-Alive": "1", "Server": "mine", "Transfer-Encoding": "chunked", "X-A": "b"}},
         (200, [(b"X-A", b"b")], b"")),
    ],
)  # fmt: skip
def test_a_response_object(result: object, expected: tuple[object, ...]) -> None:
    assert read_result(json.dumps(result).encode()) == expected


@pytest.mark.parametrize(
    "result",
    [
        b"",
        b"hello",
        b"null",
        b"[1]",
        b'"statusCode"',
        b'{"a": "statusCode"}',
        b'{"x": {"statusCode": 3}}',
        b'{"statusCode": 200',
        b'{"statusCode": \xff}',
        b'{"statusCode": ' + b"[" * 100_000,
        b'{"statusCode": ' + b"9" * 5000 + b"}",
    ],
)
def test_anything_else_is_the_body_of_a_200(result: bytes) -> None:
    answer = (200, [(b"content-type", b"application/json")], result)

    assert read_result(result) == answer


STATUSES: list[object] = [
    "ok", None, 99, 100, 199, 600, 1000, -200, 200.5, True, [200], "200\n", "²00",
]  # fmt: skip
HEADERS: list[object] = [
    "X: y",
    [["a", "b"]],
    {"a b": "c"},
    {"a\r\nb": "c"},
    {"": "c"},
    {"ä": "c"},
    {"a": "b\r\nSet-Cookie: c"},
    {"a": "b\n"},
    {"a": "\0"},
    {"a": None},
    {"a": {}},
    {"a": [["b"]]},
]
NO_BASE64: list[object] = ["a", "?", "ä", 3.5]


@pytest.mark.parametrize(
    "result",
    [{"statusCode": each} for each in STATUSES]
    + [{"statusCode": 200, "headers": each} for each in HEADERS]
    + [{"statusCode": 200, "isBase64Encoded": True, "body": each} for each in NO_BASE64],
)
def test_a_response_that_cannot_be_sent(result: object) -> None:
    with pytest.raises(BadResponse):
        read_result(json.dumps(result).encode())


@pytest.mark.parametrize("end", [b"]}", b'"', b'\\"' * (1 << 20), b""])
@pytest.mark.parametrize("filling", [b"[],", b'"",', b'"\\"'])
def test_a_dense_result_is_not_read(filling: bytes, end: bytes) -> None:
    """As JSON it would take seconds, and a gigabyte."""
    result = b'{"statusCode": 200, "x": [' + filling * (1 << 20) + end
    before_s = time.process_time()
    answer = read_result(result)

    assert answer.body is result
    assert time.process_time() - before_s < 3


def test_a_large_text_is_read() -> None:
    body = '<p>[,{\\"' * 1_000_000
    answer = read_result(json.dumps({"statusCode": 200, "body": body}).encode())

    assert answer.body == body.encode()


def packed(head: object, body: bytes = b"") -> bytes:
    return wire.pack_http(head, body)  # type: ignore[arg-type]


def test_a_packed_response() -> None:
    head = {"status": 201, "headers": [["a", "1"], ["Set-Cookie", "x"], ["set-cookie", "\xe9"]]}

    assert read_packed(packed(head, b"\xff")) == (
        201,
        [(b"a", b"1"), (b"Set-Cookie", b"x"), (b"set-cookie", b"\xe9")],
        b"\xff",
    )


@pytest.mark.parametrize(
    "result",
    [
        b"",
        b"\0\0\0\x02{}",
        b"\xff\xff\xff\xff{}",
        b"\0\0\0\x05[[[[[",
        packed([]),
        packed({"status": 200}),
        packed({"status": 200, "headers": 3}),
        packed({"status": 200, "headers": [3]}),
        packed({"status": 200, "headers": [["a"]]}),
        packed({"status": 200, "headers": [["a", "b\r\nc: d"]]}),
        packed({"status": 200, "headers": [["a: b\r\n", "c"]]}),
        packed({"status": 200, "headers": [[["a"], "c"]]}),
        packed({"status": "200 OK", "headers": []}),
        packed({"status": None, "headers": []}),
        packed({"status": 101, "headers": []}),
        packed({"status": 200, "headers": [], "x": ["a"] * 100_000}),
    ],
)
def test_a_packed_response_that_cannot_be_sent(result: bytes) -> None:
    with pytest.raises(BadResponse):
        read_packed(result)


@given(st.binary())
def test_any_bytes_are_a_response_or_none(result: bytes) -> None:
    for read in (read_packed, read_result):
        try:
            assert 200 <= read(result).status < 600
        except BadResponse:
            pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(status=JSON, headers=st.dictionaries(st.text(), JSON) | JSON, body=JSON, flag=JSON)
def test_any_object_is_a_response_or_none(
    status: object, headers: object, body: object, flag: object
) -> None:
    fields = {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": flag}
    for status_code in (status, 200):
        try:
            answer = read_result(json.dumps({**fields, "statusCode": status_code}).encode())
        except BadResponse:
            continue
        head = b"".join(name + value for name, value in answer.headers)
        assert not {b"\r", b"\n", b"\0"} & {head[i : i + 1] for i in range(len(head))}


@pytest.mark.parametrize(
    "result",
    [
        b'{"statusCode": 1' + b'""' * 4_000_000,
        '{"statusCode": 200, "∁": ['.encode("utf-16-le") + "[{}],".encode("utf-16-le") * 500_000,
        '{"statusCode": 200}'.encode("utf-16-le"),
    ],
    ids=["quotes", "sixteen_bits", "small"],
)
def test_what_would_take_long_to_read_is_not_read(result: bytes) -> None:
    """The supervisor serves nobody else meanwhile. JSON is UTF-8 here."""
    begun_s = time.process_time()
    answer = read_result(result)

    assert (answer.status, answer.body) == (200, result)
    assert time.process_time() - begun_s < 0.3
