"""Other programs that run functions; in the peers' own environment, with the standard library."""

import os
import socket
import subprocess
import time

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    argv = [part.format(port=port) for part in argv]
    server = subprocess.Popen(argv, cwd=FUNCTIONS, env=_clean_environ(), **quiet)
    try:
        with _connect(port, server) as connection:
            return {series: time_calls(lambda: _post(connection), calls)}
    finally:
        server.terminate()
        server.wait()


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


def _post(connection: socket.socket) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(EVENT)}\r\n\r\n"
    connection.sendall(head.encode() + EVENT)
    answer = b""
    while not answer.endswith(EVENT):
        data = connection.recv(65536)
        if not data:
            raise SystemExit("the server closed the connection")
        answer += data


SUBJECTS = {"pebble": pebble, "http": http}

if __name__ == "__main__":
    main(SUBJECTS)
