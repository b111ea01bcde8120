"""Connections that are not as they should be: slow, silent, unread, cut off, in the wrong order."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.spec import HttpTrigger
from sandbox.http import outgoing, patience, server
from sandbox.http.management import bodies
from tests.boxes import write_function
from tests.http.serving import invocations
from tests.http.test_server import Open, run

SOURCE = """
    import json, time

    def handler(event, context):
        if event.startswith(b"{"):
            return json.dumps(json.loads(event)["headers"])
        if event.startswith(b"large"):
            return "x" * int(event[5:])
        time.sleep(float(event or 0))
        return event
"""
PATH = invocations().encode()
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nHost: localhost\r\n"
NOWHERE = b"POST /2023-03-30/functions/missing/invocations HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"Content-Length: 1\r\n\r\n0"
PATIENCE_S = 15.0


class Client:
    """A connection, and what was read of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """All until the server has ended."""
        read = b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while more := await self.reader.read(1 << 16):
                    read += more
        except ConnectionResetError:
            read += b"(reset)"
        return read

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next one."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: (\d+)", head)
            body = await self.reader.readexactly(int(size[1])) if size else b""
        return int(head.split(b" ")[1]), head, body


@asynccontextmanager
async def connected(served: Open, receive_bytes: int = 0) -> AsyncIterator[Client]:
    plain = socket.socket()
    if receive_bytes:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.connect(("127.0.0.1", served.port))
    plain.setblocking(False)
    client = Client(*await asyncio.open_connection(sock=plain, limit=1 << 14))
    try:
        yield client
    finally:
        client.writer.transport.abort()


def spec(folder: Path, **fields: Any) -> Any:
    trigger = HttpTrigger(methods=("POST",))
    return write_function(folder, SOURCE, http_triggers=(trigger,), **fields)


def counted(served: Open) -> Any:
    functions: Any = served.box.statistics()["functions"]
    return functions["f"]["invocations"]


# -- what does not come --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"POST ", b"408"),
        (HEAD, b"408"),
        (HEAD + b"X-Slow: ", b"408"),
        (HEAD + b"Content-Length: 10\r\n\r\n123", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n123", b"408"),
        (WHOLE + b"POST ", b"200"),
    ],
)
def test_a_request_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 0.3)
    monkeypatch.setattr(patience, "SILENCE_S", 0.3)

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(sent)
            began_s = time.monotonic()
            answer = await client.rest()

        assert answer[9:12] == status
        assert time.monotonic() - began_s >= 0.25
        assert (await served.invoke(b"0")).status == 200

    run(tmp_path, spec(tmp_path), scenario)


async def trickle(client: Client, pieces: int) -> bytes:
    client.send(HEAD + b"Connection: close\r\nContent-Length: 20\r\n\r\n")
    rest = asyncio.create_task(client.rest())
    for _ in range(pieces):
        await asyncio.wait((rest,), timeout=0.05)
        if not rest.done():
            client.send(b"0")
    return await rest


def test_a_body_may_be_slow_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SILENCE_S", 0.6)

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            assert (await trickle(client, 20)).endswith(b"\r\n\r\n" + b"0" * 20)

    run(tmp_path, spec(tmp_path), scenario)


def test_a_body_may_not_be_slow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_S", 0.5)

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            answer = await trickle(client, 19)

        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"connection: close" in answer
        assert counted(served) == 0

    run(tmp_path, spec(tmp_path), scenario)


def test_more_bytes_have_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = patience.Patience(0.0, is_head=False)
    ends = []
    for second in range(1, 200):
        waiting.came(patience.SLOWEST_BYTES_S // 2, float(second))
        ends.append(waiting.ends_at() > second)

    assert ends.index(False) in range(115, 125)  # half as fast as it must be: twice the while


def test_an_upload_that_waits_for_us_is_not_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SILENCE_S", 0.2)
    monkeypatch.setattr(patience, "BODY_S", 0.4)
    body = b"{" * 300_000
    head = b"POST /2023-03-30/functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            async with bodies._large, bodies._large:
                client.send(head % len(body) + body)
                await asyncio.sleep(1.0)
            status, _, text = await client.answer()

        assert (status, b"the body is no JSON" in text) == (400, True)

    run(tmp_path, spec(tmp_path), scenario)


def test_a_head_has_an_end(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(HEAD)
            for _ in range(200):
                client.send(b"X-More: " + b"x" * 10_000 + b"\r\n")
            answer = await client.rest()

        assert answer == b"(reset)" or answer.startswith(b"HTTP/1.1 431 ")

    run(tmp_path, spec(tmp_path), scenario)


# -- what nobody reads ---------------------------------------------------------------------------


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"])
def test_an_answer_that_nobody_reads_is_not_held_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: bytes
) -> None:
    monkeypatch.setattr(outgoing, "UNREAD_S", 0.3)
    size = 20_000_000

    async def scenario(served: Open) -> None:
        async with connected(served, 4096) as client:
            event = b"large%d" % size
            client.send(HEAD + header + b"Content-Length: %d\r\n\r\n" % len(event) + event)
            await client.reader.readexactly(10)
            await asyncio.sleep(1.5)  # the kernel reads on, for a while
            answer = await client.rest()

        assert len(answer) < size

    run(tmp_path, spec(tmp_path), scenario)


def test_an_answer_that_is_read_slowly_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "UNREAD_S", 0.3)
    monkeypatch.setattr(outgoing, "LEAST_BYTES", 64 << 10)
    size = 8_000_000

    async def scenario(served: Open) -> None:
        async with connected(served, 64 << 10) as client:
            event = b"large%d" % size
            client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(event) + event)
            await client.reader.readuntil(b"\r\n\r\n")
            read = 0
            for _ in range(10):
                await asyncio.sleep(0.1)
                read += len(await client.reader.readexactly(200_000))
            await client.reader.readexactly(size - read)

    run(tmp_path, spec(tmp_path), scenario)


# -- what comes early, late, or not in order -----------------------------------------------------


@pytest.mark.parametrize("late", [b"0" * 5, b"0" * 5 + b"\r\n"])
def test_a_connection_that_was_refused_early_is_idle_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bytes
) -> None:
    monkeypatch.setattr(server, "_KEEP_ALIVE_S", 0.3)

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(NOWHERE + b"Content-Length: 5\r\n\r\n")
            status, _, _ = await client.answer()
            client.send(late)
            rest = await client.rest()

        assert (status, rest) == (404, b"")

    run(tmp_path, spec(tmp_path), scenario)


def test_who_closes_and_sends_all_before_reading_gets_the_refusal(tmp_path: Path) -> None:
    body = b"0" * 20_000_000

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            head = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            client.send(NOWHERE + head + body)
            await client.writer.drain()
            answer = await client.rest()

        assert answer.startswith(b"HTTP/1.1 404 ")
        assert answer.endswith(b"}")

    run(tmp_path, spec(tmp_path), scenario)


def test_nothing_after_the_last_request_runs(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(NOWHERE + b"Connection: close\r\nContent-Length: 5\r\n\r\n")
            status, _, _ = await client.answer()
            client.send(b"12345" + WHOLE)
            rest = await client.rest()

        assert (status, rest.replace(b"(reset)", b"")) == (404, b"")
        assert counted(served) == 0

    run(tmp_path, spec(tmp_path), scenario)


@pytest.mark.parametrize("bad", [b"\x16\x03\x01", HEAD + b"Content-Length: x\r\n\r\n"])
def test_what_runs_is_answered_before_what_is_malformed(tmp_path: Path, bad: bytes) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(HEAD + b"Content-Length: 3\r\n\r\n0.5" + bad)
            first, _, body = await client.answer()
            second, _, _ = await client.answer()
            rest = await client.rest()

        assert (first, body, second, rest) == (200, b"0.5", 400, b"")

    run(tmp_path, spec(tmp_path), scenario)


def test_a_malformed_body_is_refused_in_its_turn_and_never_runs(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n0\r\nzz\r\n"
            client.send(HEAD + b"Content-Length: 3\r\n\r\n0.5" + chunked)
            first, _, _ = await client.answer()
            second, _, _ = await client.answer()
            rest = await client.rest()

        assert (first, second, rest) == (200, 400, b"")
        assert counted(served) == 1

    run(tmp_path, spec(tmp_path), scenario)


def test_trailers_are_no_headers(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(b"POST /f/x HTTP/1.1\r\nHost: localhost\r\nX-Early: 1\r\n")
            client.send(b"Transfer-Encoding: chunked\r\n\r\n1\r\n0\r\n")
            await asyncio.sleep(0.1)
            client.send(b"0\r\nX-Late: 1\r\nHost: evil.example\r\n\r\n")
            status, _, body = await client.answer()

        assert (status, b"X-Early" in body, b"X-Late" in body) == (200, True, False)
        assert b"evil" not in body

    run(tmp_path, spec(tmp_path), scenario)


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 3\r\n\r\n0.0", b"Transfer-Encoding: chunked\r\n\r\n3\r\n0.0\r\n0\r\n\r\n"],
)
@pytest.mark.parametrize("at", [0, 3, 1000])
def test_an_upgrade_is_not_followed_and_its_body_arrives(
    tmp_path: Path, body: bytes, at: int
) -> None:
    """Clients that would rather speak HTTP/2 ask so with their first request."""
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
    request = HEAD + upgrade + body
    at += len(HEAD + upgrade)

    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(request[:at])
            await asyncio.sleep(0.05)
            client.send(request[at:] + request + WHOLE)
            answers = [await client.answer() for _ in range(3)]

        assert [(answer[0], answer[2]) for answer in answers] == [
            (200, b"0.0"), (200, b"0.0"), (200, b"0"),
        ]  # fmt: skip

    run(tmp_path, spec(tmp_path), scenario)


# -- Expect: 100-continue ------------------------------------------------------------------------


def test_who_expects_to_be_told_is_told_and_kept(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            for _ in range(2):
                client.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n")
                assert (await client.answer())[0] == 100
                client.send(b"0")
                status, head, _ = await client.answer()

                assert (status, b"connection: close" in head) == (200, False)

    run(tmp_path, spec(tmp_path), scenario)


def test_a_request_after_a_refused_expectation_is_no_body(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            client.send(NOWHERE + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
            status, head, _ = await client.answer()

        assert (status, b"connection: close" in head) == (404, True)

    run(tmp_path, spec(tmp_path), scenario)


def test_a_client_of_http_1_0_is_told_nothing_before_its_answer(tmp_path: Path) -> None:
    async def scenario(served: Open) -> None:
        async with connected(served) as client:
            head = HEAD.replace(b"/1.1", b"/1.0")
            client.send(head + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n0")
            answer = await client.rest()

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n0")

    run(tmp_path, spec(tmp_path), scenario)
