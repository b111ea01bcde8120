"""Other programs that run functions; in the peers' own environment, with the standard library."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.subjects.common import EVENT, FUNCTIONS, Series, main, time_calls

_START_LIMIT_S = 20.0


def echo(event: bytes) -> bytes:
    return event


def pebble(calls: int) -> Series:
    """With its timeout armed, as fcbox has it."""
    from pebble import ProcessPool  # type: ignore[import-not-found]

    with ProcessPool(max_workers=1) as pool:

        def call() -> bytes:
            answer: bytes = pool.schedule(echo, args=[EVENT], timeout=30.0).result()
            return answer

        return {"pebble": time_calls(call, calls)}


def http(series: str, argv: list[str], calls: int) -> Series:
    """A server's answers over one kept connection. `{port}` in `argv` becomes a free port."""
    with serving(argv) as connection:
        return {series: time_calls(lambda: post(connection), calls)}


def load(series: str, argv: list[str], environ: dict[str, str], seconds: int) -> Series:
    """Requests a second over 32 connections, as wrk counts them."""
    with serving(argv, environ) as connection:
        return {series: [wrk(connection.getpeername()[1], "/", seconds)]}


@contextmanager
def serving(argv: list[str], environ: Mapping[str, str] | None = None) -> Iterator[socket.socket]:
    """A server, and a connection to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    argv = [part.format(port=port) for part in argv]
    env = {**_clean_environ(), **(environ or {})}
    server = subprocess.Popen(argv, cwd=FUNCTIONS, env=env, **quiet)
    try:
        with _connect(port, server) as connection:
            yield connection
    finally:
        server.terminate()
        server.wait()


def wrk(port: int, path: str, seconds: int) -> float:
    """The good answers a second over 32 connections; they are opened anew where a server closes
    them. The first second warms up."""
    script = str(FUNCTIONS / "post.lua")
    url = f"http://127.0.0.1:{port}{path}"
    for length in (1, seconds):
        argv = ["wrk", "-t1", "-c32", f"-d{length}s", "-s", script, url]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit("wrk: " + said[said.index("Non-2xx") :].splitlines()[0])
    return float(said.split("Requests/sec:")[1].split()[0])


def _clean_environ() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def _connect(port: int, server: "subprocess.Popen[bytes]") -> socket.socket:
    deadline_s = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except ConnectionRefusedError:
            if server.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit("the server did not start") from None
            time.sleep(0.02)


def post(connection: socket.socket, path: str = "/") -> None:
    """One call over a kept connection, by a client that parses nothing."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(EVENT)}\r\n\r\n"
    connection.sendall(head.encode() + EVENT)
    answer = b""
    while not answer.endswith(EVENT):
        data = connection.recv(65536)
        if not data:
            raise SystemExit("the server closed the connection")
        answer += data


SUBJECTS = {"pebble": pebble, "http": http, "load": load}

if __name__ == "__main__":
    main(SUBJECTS)
