"""The port that editors know, and what goes over it to the instance's own debugger.

    attach     the clocks of the function's instances stand still; an instance is started if there
               is none, and waits for the client before its Initializer
    lead       bytes both ways, until one side hangs up
    detach     what stands at a breakpoint goes on, and so do the clocks

One client at a time: debugpy has no more.
"""

import asyncio
import json
from contextlib import suppress

from sandbox.debug.debugging import Debugging
from sandbox.engine.host import LifecycleEvent
from sandbox.engine.instances import InstanceShell
from sandbox.engine.pool import Pool
from sandbox.http.front import Front

__all__ = ["Relay"]

_READ_BYTES = 64 << 10
_GOODBYE_S = 1.0
_LAST_SEQUENCE = 1 << 30
_HOST = "127.0.0.1"
_FIRST = b"Content-Length:"
_FIRST_S = 5.0
_ENDED = ("fc:Instance:DestroySuccess", "fcbox:Instance:Died")


class Relay:
    """A `Service`."""

    def __init__(self, front: Front, debugging: Debugging) -> None:
        self._supervisor = front.supervisor
        self._debugging = debugging
        self._clients: set[asyncio.Task[None]] = set()
        self._ready: asyncio.Future[None] | None = None
        self._server: asyncio.Server | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Clients are taken from here on; the port was bound before."""
        self._debugging.on_ready = self._on_ready
        self._supervisor.listen(self._on_event)
        self._starting = asyncio.create_task(self._serve())

    def stop(self) -> None:
        """Lets what stands at a breakpoint go on."""
        self._is_stopping = True
        if self._server:
            self._server.close()
        for client in self._clients:
            client.cancel()

    def close(self) -> None:
        """The listening socket belongs to who opened it."""

    async def _serve(self) -> None:
        listener = self._debugging.listener
        self._server = await asyncio.start_server(self._take, sock=listener)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        try:
            if self._is_stopping:
                return
            first = await _first_bytes(reader)
            if first != _FIRST:
                return  # a page in a browser, or somebody who looks which ports are open
            if self._debugging.is_attached:
                self._notice("a second debugger was sent away: one is attached")
                return
            self._attach()
            try:
                await self._lead(reader, writer)
            except OSError as exc:
                self._notice(f"the debugger was sent away: {exc}")
            finally:
                self._detach()
        except asyncio.CancelledError:
            pass  # by `stop`
        finally:
            self._clients.discard(task)
            writer.close()

    # -- clocks ----------------------------------------------------------------------------------

    def _attach(self) -> None:
        self._debugging.is_attached = self._debugging.is_awaited = True
        for shell in self._shells():
            shell.pause()
        self._notice("a debugger is attached: the clocks of this function stand still")

    def _detach(self) -> None:
        self._debugging.is_attached = self._debugging.is_awaited = False
        for shell in self._shells():
            shell.resume()
        self._notice("the debugger has left: the clocks of this function go on")

    def _shells(self) -> list[InstanceShell]:
        name = self._debugging.function
        return [shell for shell in self._supervisor.shells() if shell.machine.spec.name == name]

    def _notice(self, text: str) -> None:
        hub = self._supervisor.host.hub
        hub.notice(self._debugging.function, "", text)
        hub.flush()

    # -- the way to the instance -----------------------------------------------------------------

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._wait_listening()
        from_instance, to_instance = await asyncio.open_connection(_HOST, self._debugging.port)
        self._debugging.is_awaited = False
        to_instance.write(_FIRST)
        there = asyncio.create_task(_copy(reader, to_instance))
        back = asyncio.create_task(_copy(from_instance, writer))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            # A client that was killed has not said goodbye, and its breakpoints would stay.
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    to_instance.write(_goodbye())
                    await to_instance.drain()
            back.cancel()
            to_instance.close()

    async def _wait_listening(self) -> None:
        pool = self._pool()
        if self._debugging.port:
            return
        if not pool.start_ahead():
            raise ConnectionError("no instance could be started")
        self._ready = asyncio.get_running_loop().create_future()
        try:
            await self._ready
        finally:
            self._ready = None

    def _pool(self) -> Pool:
        pool = self._supervisor.pools.get(self._debugging.function)
        if pool is None:
            raise ConnectionError("the function is gone")
        return pool

    def _on_ready(self) -> None:
        if self._ready and not self._ready.done():
            self._ready.set_result(None)

    def _on_event(self, event: LifecycleEvent) -> None:
        if event.function != self._debugging.function:
            return
        has_failed = event.name == "fc:Instance:CreateFailed"
        if event.name in _ENDED:  # one that is replaced while it starts ends in order
            has_failed = all(shell.id == event.instance_id for shell in self._shells())
        if has_failed and self._ready and not self._ready.done():
            self._ready.set_exception(ConnectionError(event.detail or "no instance came up"))


async def _first_bytes(reader: asyncio.StreamReader) -> bytes:
    """A debugger speaks first, and says this. debugpy would read what a web page sends, too."""
    try:
        async with asyncio.timeout(_FIRST_S):
            return await reader.readexactly(len(_FIRST))
    except (TimeoutError, asyncio.IncompleteReadError, OSError):
        return b""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()


def _goodbye() -> bytes:
    """A `disconnect` of the Debug Adapter Protocol."""
    request = {
        "seq": _LAST_SEQUENCE,
        "type": "request",
        "command": "disconnect",
        "arguments": {"terminateDebuggee": False},
    }
    body = json.dumps(request).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
