"""The server in a loop of the test's own: what cannot be brought about from outside a process."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from sandbox import AsyncSandbox, FunctionSpec
from sandbox.engine.pool import Pool
from sandbox.http.app import make_app
from sandbox.http.front import Front
from sandbox.http.limits import Limits
from sandbox.http.server import listen, serve
from tests.boxes import environ_of, share, write_function
from tests.http.serving import Answer, ask, invocations

SLOW = """
    import time

    def handler(event, context):
        with open("/mnt/shared/" + event.decode().strip(), "w"):
            pass
        time.sleep(3600)
"""


class Open:
    """An open box that is served."""

    def __init__(self, box: AsyncSandbox, port: int, stopping: asyncio.Event) -> None:
        self.box = box
        self.port = port
        self.stopping = stopping

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        return await asyncio.to_thread(ask, self.port, method, path, body)

    async def invoke(self, event: bytes = b"") -> Answer:
        return await self.ask("POST", invocations(), event)


@asynccontextmanager
async def opened(
    folder: Path, spec: FunctionSpec, limits: Limits | None = None
) -> AsyncIterator[Open]:
    stopping = asyncio.Event()
    listener = listen(0)
    port = listener.getsockname()[1]
    async with AsyncSandbox([spec], environ=environ_of(folder)) as box:
        assert box._box
        app = make_app(Front(box._box, limits))
        serving = asyncio.create_task(serve(listener, app, stopping))
        try:
            yield Open(box, port, stopping)
        finally:
            stopping.set()
            await asyncio.wait((serving,), timeout=0.3)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def run(
    folder: Path,
    spec: FunctionSpec,
    scenario: Callable[[Open], Awaitable[None]],
    limits: Limits | None = None,
) -> None:
    async def main() -> None:
        async with opened(folder, spec, limits) as served:
            await scenario(served)

    asyncio.run(main())


async def until(is_met: Callable[[], bool], what: str) -> None:
    """As wait_until, which the server would wait for too."""
    async with asyncio.timeout(10):
        while not is_met():
            await asyncio.sleep(0.002)
    assert is_met(), what


def test_listen_gives_a_loopback_socket_that_is_taken() -> None:
    with listen(0) as listener:
        host, port = listener.getsockname()

        assert host == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            listen(port)


def test_a_port_can_be_bound_again_at_once_after_it_served(tmp_path: Path) -> None:
    clients = []

    async def scenario(served: Open) -> None:
        await served.invoke()
        # Whoever closes first keeps the port in TIME_WAIT: the server, since this one does not.
        clients.append(socket.create_connection(("127.0.0.1", served.port)))
        await served.invoke()

    run(tmp_path, write_function(tmp_path, "def handler(event, context): pass"), scenario)
    with clients[0] as client:
        port = client.getpeername()[1]
        assert client.recv(1) == b""
    listen(port).close()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(requests=1), "1 requests are in progress, more are not taken"),
        (
            Limits(events_bytes=100),
            "the events in progress have {} bytes, more are not taken",
        ),
    ],
)
def test_what_is_in_progress_has_a_limit(tmp_path: Path, limits: Limits, message: str) -> None:
    started = tmp_path / "shared" / "started"
    event = b"started".rjust(60)
    mounts = share(tmp_path / "shared")
    spec = write_function(tmp_path, SLOW, timeout_s=1, max_instances=2, mounts=mounts)

    async def scenario(served: Open) -> None:
        first = asyncio.create_task(served.invoke(event))
        await until(started.exists, "the first request")
        refused = await served.invoke(event)
        timed_out = await first
        again = await served.invoke(event)

        assert (refused.status, refused.json["Code"]) == (429, "ResourceExhausted")
        assert refused.json["Message"] == message.format(len(event))
        assert timed_out.status == again.status == 200  # what was taken is given back

    run(tmp_path, spec, scenario, limits)


def test_a_bug_of_ours_is_a_500_without_its_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(served: Open) -> None:
        def broken() -> dict[str, object]:
            raise RuntimeError("secret detail")

        served.box.supervisor.statistics = broken  # type: ignore[method-assign]
        answer = await served.ask("GET", "/fcbox/statistics")

        assert (answer.status, answer.json["Code"]) == (500, "InternalServerError")
        assert answer.json["RequestId"] == answer.headers["x-fc-request-id"]
        assert b"secret" not in answer.body
        assert b"Traceback" not in answer.body

    run(tmp_path, write_function(tmp_path, "def handler(event, context): pass"), scenario)
    assert "secret detail" in caplog.text


def test_a_function_that_did_not_run_is_a_503(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(write_function(tmp_path, "").python)
    spec = write_function(tmp_path, "def handler(event, context): pass", python=str(python))

    async def scenario(served: Open) -> None:
        assert (await served.invoke()).status == 200
        python.unlink()
        (zygote,) = served.box.supervisor.host.zygote_pids()
        (instance,) = served.box.instances()
        os.kill(zygote, signal.SIGKILL)
        os.kill(instance.pid, signal.SIGKILL)
        await until(lambda: not served.box.supervisor.host.zygote_pids(), "the zygote's end")
        await until(lambda: not served.box.instances(), "the instance's end")
        answer = await served.invoke()

        assert (answer.status, answer.json["Code"]) == (503, "ServiceUnavailable")
        assert answer.headers["x-fc-error-type"] == "FCCommonError"
        assert answer.json["Message"] == (
            f"no instance could be created: {python}: No such file or directory"
        )

    run(tmp_path, spec, scenario)


def test_a_client_that_went_away_from_the_queue_does_not_run(tmp_path: Path) -> None:
    def is_queued(pool: Pool, length: int) -> bool:
        return pool.queue_length == length

    mounts = share(tmp_path / "shared")
    first, second = tmp_path / "shared" / "first", tmp_path / "shared" / "second"
    spec = write_function(tmp_path, SLOW, timeout_s=60, max_instances=1, mounts=mounts)

    async def scenario(served: Open) -> None:
        pool = served.box.supervisor.pools["f"]
        clients = []
        for started, queued in ((first, 0), (second, 1)):
            event = started.name.encode()
            client = socket.create_connection(("127.0.0.1", served.port))
            clients.append(client)
            head = f"POST {invocations()} HTTP/1.1\r\nHost: localhost\r\n"
            client.sendall(f"{head}Content-Length: {len(event)}\r\n\r\n".encode() + event)
            await until(first.exists, "the first request")
            await until(partial(is_queued, pool, queued), "the queue")
        clients[1].close()
        await until(lambda: pool.queue_length == 0, "the queue to be empty")
        clients[0].close()
        await until(lambda: not served.box.instances(), "the instance's end")

        assert not second.exists()

    run(tmp_path, spec, scenario)


def test_stopping_waits_for_the_responses_that_run(tmp_path: Path) -> None:
    gate, started = tmp_path / "shared" / "gate", tmp_path / "shared" / "started"
    spec = write_function(
        tmp_path,
        """
        import os, time

        def handler(event, context):
            open("/mnt/shared/started", "w").close()
            while not os.path.exists("/mnt/shared/gate"):
                time.sleep(0.002)
            return "late, but well"
        """,
        timeout_s=20,
        mounts=share(tmp_path / "shared"),
    )

    async def scenario(served: Open) -> None:
        first = asyncio.create_task(served.invoke())
        await until(started.exists, "the request")
        served.stopping.set()
        await until(lambda: not accepts(served.port), "the port to be closed")
        gate.touch()

        assert (await first).body == b"late, but well"

    run(tmp_path, spec, scenario)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_cancelling_drops_a_client_that_never_ends_its_request(tmp_path: Path) -> None:
    spec = write_function(tmp_path, "def handler(event, context): pass")
    clients = []

    async def scenario(served: Open) -> None:
        await served.invoke()
        client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        clients.append(client)
        head = f"POST {invocations()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        client.sendall(head.encode())
        await until(lambda: len(asyncio.all_tasks()) > 2, "the request to be taken")

    run(tmp_path, spec, scenario)
    with clients[0] as client:
        try:
            rest = client.recv(1)
        except ConnectionResetError:
            rest = b""

    assert rest == b""
