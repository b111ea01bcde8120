"""Who gets in, and what clients that mean harm can do."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.http.door import AccessKey, Door
from tests.boxes import wait_until
from tests.http.serving import ROOT, Served, invocations, serving, write_config

KEY = "the-id:the-secret"
SOURCE = """
    import time

    def handler(event, context):
        time.sleep(float(event or 0))
        return event
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, write_config(folder, SOURCE)) as served:
        yield served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("guarded")
    with serving(folder, write_config(folder, SOURCE), "--access-key", KEY) as served:
        yield served


# -- the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "host", "is_allowed"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "192.168.1.1", False),
        ("192.168.1.1", "192.168.1.1", True),
        ("192.168.1.1", "192.168.1.2", False),
        ("192.168.1.1", "192x168x1x1", False),
        ("0.0.0.0", "192.168.1.2", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "1.2.3.4.evil.example", False),
        ("::", "[2001:db8::1]", True),
        ("::1", "[::1]", True),
        ("::1", "::1", False),
    ],
)
def test_the_hosts_of_a_door(address: str, host: str, is_allowed: bool) -> None:
    assert bool(re.fullmatch(Door(address, address).hosts(), host)) == is_allowed


def test_a_door_that_was_named_lets_that_name_in() -> None:
    hosts = Door("192.168.1.1", "box.example").hosts()

    assert re.fullmatch(hosts, "box.example")
    assert not re.fullmatch(hosts, "boxXexample")


@pytest.mark.parametrize(
    ("address", "is_loopback", "reachable"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("127.9.9.9", True, "127.9.9.9"),
        ("::1", True, "::1"),
        ("::ffff:127.0.0.1", True, "::ffff:127.0.0.1"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("::", False, "::1"),
        ("192.168.1.1", False, "192.168.1.1"),
        ("fe80::1%eth0", False, "fe80::1%eth0"),
    ],
)
def test_what_is_loopback(address: str, is_loopback: bool, reachable: str) -> None:
    door = Door(address, address)

    assert (door.is_loopback, door.reachable) == (is_loopback, reachable)


def test_a_door_never_shows_its_secrets() -> None:
    door = Door(key=AccessKey.parsed(KEY), token="hidden")

    assert "the-secret" not in repr(door)
    assert "hidden" not in repr(door)


def refused_run(folder: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    config = write_config(folder, SOURCE)
    command = [sys.executable, "-m", "sandbox", "run", str(config), "--port", "0", *arguments]
    (folder / "tmp").mkdir()
    found = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": os.environ["PATH"], "FCBOX_STATE_DIR": str(folder / "state"),
             "TMPDIR": str(folder / "tmp"), **environ},
    )  # fmt: skip
    return found.returncode, found.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_no_other_address_without_an_access_key(tmp_path: Path, host: str) -> None:
    code, text = refused_run(tmp_path, "--host", host)

    assert code == 2
    assert f"--host {host} is not loopback" in text
    assert "--access-key" in text


@pytest.mark.parametrize("key", ["the-secret", "id:", ":the-secret", "i d:the-secret"])
def test_an_access_key_that_is_none_is_refused_without_showing_it(tmp_path: Path, key: str) -> None:
    code, text = refused_run(tmp_path, FCBOX_ACCESS_KEY=key)

    assert code == 2
    assert "an access key is ID:SECRET" in text
    assert "the-secret" not in text


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    code, text = refused_run(tmp_path, "--host", "300.1.1.1")

    assert code == 2
    assert "there is no such address" in text


def test_all_addresses_with_an_access_key(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config, "--host", "0.0.0.0", "--access-key", KEY) as served:
        (record,) = records_of(served)
        port = record["port"]
        unsigned = raw(port, b"POST " + PATH + b" HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        named = raw(port, b"POST " + PATH + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        found = command(served, "invoke", "-c", str(config), "-e", "0", "-q")
        talk = served.talk()

    assert b"the request is not signed" in unsigned
    assert b"the Host header must be" in named
    assert (found.returncode, found.stdout) == (0, "0\n")
    assert "other machines can call; HTTP hides nothing" in talk
    assert "the-secret" not in talk


def test_ipv6_loopback(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this kernel has no IPv6")
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config, "--host", "::1") as served:
        (record,) = records_of(served)
        with socket.create_connection(("::1", record["port"])) as client:
            client.sendall(b"POST " + PATH + b" HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n"
                           b"Content-Length: 1\r\n\r\n0")  # fmt: skip
            answer = read_all(client)
        found = command(served, "ps", "--json")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f"http://[::1]:{record['port']}/" in served.talk()
    assert [item["function"] for item in json.loads(found.stdout)] == ["f"]


# -- an access key -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", invocations()), ("GET", "/2023-03-30/functions"), ("GET", "/fcbox/instances"),
        ("GET", "/fcbox/statistics"), ("GET", "/"), ("GET", "/metrics"), ("DELETE", "/nowhere"),
        ("POST", "/2016-08-15/services/default/functions/f/invocations"),
    ],
)  # fmt: skip
def test_nothing_is_open_to_who_does_not_sign(guarded: Served, method: str, path: str) -> None:
    answer = guarded.ask(method, path)

    assert answer.status == 403
    assert answer.json.get("Code", answer.json.get("ErrorCode")) == "AccessDenied"


def test_a_wrong_token_opens_nothing(guarded: Served) -> None:
    for token in ("", "0" * 32, "\u00e9"):
        head = f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Fcbox-Token: {token}\r\n\r\n"
        assert b" 403 " in raw(guarded.port, head.encode()).split(b"\r\n")[0]


def test_fcbox_s_own_commands_need_no_key(guarded: Served) -> None:
    (record,) = records_of(guarded)
    found = command(guarded, "invoke", "-c", record["config"], "-e", "0", "-q")
    listed = command(guarded, "ps", "--json")

    assert (found.returncode, found.stdout) == (0, "0\n")
    assert [item["function"] for item in json.loads(listed.stdout)] == ["f"]


def test_only_this_user_can_read_the_token(guarded: Served) -> None:
    (path,) = guarded.state.glob("runs/*/record.json")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "the-secret" not in path.read_text()


# -- odd requests --------------------------------------------------------------------------------

PATH = invocations().encode()
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n00",
        HEAD + b"Content-Length: 1, 1\r\n\r\n0",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: +1\r\n\r\n0",
        HEAD + b"Content-Length: 0x1\r\n\r\n0",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nz\r\n0\r\n0\r\n\r\n",
        HEAD + b"X-Broken\r\n\r\n",
        HEAD + b"X-Zero: a\0b\r\n\r\n",
        HEAD + b"Host: localhost\r\n\r\n",
        b"POST " + PATH + b" HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_request_that_two_readers_take_differently_runs_nothing(
    served: Served, request_bytes: bytes
) -> None:
    before = counted(served)
    answer = raw(served.port, request_bytes)

    assert answer.split(b" ")[1] in (b"400", b"403")
    assert counted(served) == before


def test_what_follows_a_request_is_not_taken_for_its_body(served: Served) -> None:
    second = HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\n0"
    answers = raw(served.port, HEAD + b"Content-Length: 0\r\n\r\n" + second)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answers.endswith(b"\r\n\r\n0")


def test_a_pipelining_client_that_goes_away_cancels_what_runs(served: Served) -> None:
    before = counted(served)
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(2 * (HEAD + b"Content-Length: 4\r\n\r\n3600"))
        wait_until(lambda: running(served), "the handler")
    wait_until(lambda: not running(served), "its end")

    served.wait_talk("canceled by client")
    assert counted(served) - before == 1


def test_a_hundred_silent_clients_keep_nobody_out(served: Served) -> None:
    clients = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    for client in clients:
        client.sendall(HEAD)
    answer = served.invoke(b"0")
    for client in clients:
        client.close()

    assert answer.status == 200


# -- the means -----------------------------------------------------------------------------------


def raw(port: int, request: bytes) -> bytes:
    """All that comes back until the server has ended, or we have ended our half."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    client.settimeout(1.0)
    answer = b""
    try:
        while data := client.recv(65536):
            answer += data
    except TimeoutError:
        pass  # it was kept alive
    return answer


def counted(served: Served) -> Any:
    return served.ask("GET", "/fcbox/statistics").json["functions"]["f"]["invocations"]


def running(served: Served) -> list[Any]:
    return [item for item in served.instances() if item["state"] == "INVOKING"]


def records_of(served: Served) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in served.state.glob("runs/*/record.json")]


def command(served: Served, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, env=served.environ,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
