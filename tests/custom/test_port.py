"""The port of a custom runtime's server, taken by somebody else on the same network."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import BoxSettings
from sandbox.core.outcome import Cause
from tests.boxes import open_box, wait_until
from tests.custom.servers import server_function
from worker.listening import Listeners

WAITS = """
import time
print("no socket yet", flush=True)
while True:
    time.sleep(1)
"""
LEAVES = """
import http.server, os, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        print("served", flush=True)
        threading.Thread(target=server.shutdown).start()

class Server(http.server.HTTPServer):
    allow_reuse_address = True

server = Server(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler)
server.serve_forever()
server.server_close()
print("left", flush=True)
while True:
    time.sleep(1)
"""


@contextmanager
def thief(port: int) -> Iterator[list[bytes]]:
    """Takes a port, answers everybody, and keeps what it was sent."""
    taken: list[bytes] = []

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # shut down
            with connection:
                data = connection.recv(1 << 16)
                if data:
                    taken.append(data)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen")

    with socket.create_server(("127.0.0.1", port)) as listener:
        answering = threading.Thread(target=answer)
        answering.start()
        yield taken
        listener.shutdown(socket.SHUT_RDWR)
        answering.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("level", ["process", "strict"])
def test_who_comes_before_the_server_gets_nothing(tmp_path: Path, level: str) -> None:
    """It listens where the server was going to: that is no start of the server."""
    log, port = tmp_path / "log", free_port()
    spec = server_function(tmp_path, WAITS, port=port, start_timeout_s=2.0, network="host")
    settings = BoxSettings(isolation=level, allows_degraded=True)
    with (
        log.open("wb") as file,
        open_box(tmp_path, spec, settings, log_format="fc", log_fd=file.fileno()) as box,
    ):
        pending = box.submit("f", b"secret")
        wait_until(lambda: "no socket yet" in log.read_text(), "the server")
        with thief(port) as taken:
            result = pending.result()

    assert not result.ok
    assert taken == []


@pytest.mark.parametrize("level", ["process", "strict"])
def test_who_comes_after_the_server_gets_nothing(tmp_path: Path, level: str) -> None:
    """The server has left its port; what follows is not for whoever has it now."""
    log, port = tmp_path / "log", free_port()
    spec = server_function(tmp_path, LEAVES, port=port, network="host", max_instances=1)
    settings = BoxSettings(isolation=level, allows_degraded=True)
    with (
        log.open("wb") as file,
        open_box(tmp_path, spec, settings, log_format="fc", log_fd=file.fileno()) as box,
    ):
        first = box.invoke("f", b"one")
        wait_until(lambda: "left" in log.read_text(), "the end of its socket")
        with thief(port) as taken:
            second = box.invoke("f", b"two")

    assert (first.cause, second.ok) == (Cause.OK, False)
    assert b"another program listens" in second.body
    assert taken == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_a_user_id_of_its_own() -> None:
    """Then the descriptors of processes tell: those of others cannot be looked into."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        pid = os.fork()
        if pid == 0:
            os._exit(_looks(other.getsockname()[1], other.fileno()))
        status = os.waitpid(pid, 0)[1]

    assert os.waitstatus_to_exitcode(status) == 0


def _looks(port: int, inherited: int) -> int:
    os.close(inherited)
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)
    own = socket.create_server(("127.0.0.1", 0))
    listeners = Listeners(has_own_uid=False)
    found = [listeners.has_strange(each) for each in (port, own.getsockname()[1], free_port())]
    return 0 if found == [True, False, False] else 1
