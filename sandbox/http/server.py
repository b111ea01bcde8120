"""The listening socket, and uvicorn on it.

    listen(port, address)  ->  bound and listening: the kernel takes connections from here on
    serve(...)    ->  uvicorn is imported, the connections that wait are answered

Two steps, because importing the HTTP side takes longer than all the rest of a start: after the
first one the address can be shown and used, and whoever is early waits in the backlog.
"""

import asyncio
import socket
from typing import TYPE_CHECKING

from sandbox.http.door import LOOPBACK

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

__all__ = ["listen", "serve"]

_BACKLOG = 1024
_KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that they close them first: uvicorn's 5 s make a
client's next request race with our close."""
_TICK_S = 1.0


def listen(port: int, address: str = LOOPBACK) -> socket.socket:
    """Takes connections on this port; 0 picks a free one. Raises OSError.

    Loopback, unless asked: whoever can invoke a function can run its code as this user.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it the port stays taken for a minute after every run that served anything.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(listener: socket.socket, app: "ASGIApp", stopping: asyncio.Event) -> None:
    """Serves until `stopping`, then stops accepting and waits for the running responses.

    Cancelling it during that wait drops the connections that are left.
    """
    import uvicorn  # here: see above

    from sandbox.http.protocol import Protocol

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        # Malformed requests are their sender's business; what is left are bugs of ours.
        log_level="error",
        access_log=False,
        # There is no proxy before us: what claims to come from elsewhere is the client's own word.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    server = uvicorn.Server(config)
    # The parts of Server.serve(), without its signal handlers (which must not replace ours) and
    # without its main loop (which looks ten times a second whether it should stop).
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    while not stopping.is_set():
        await server.on_tick(0)  # renews the Date header
        try:
            async with asyncio.timeout(_TICK_S):
                await stopping.wait()
        except TimeoutError:
            pass
    try:
        await server.shutdown(sockets=[listener])
    except asyncio.CancelledError:
        await _drop_connections(server)
        raise


async def _drop_connections(server: "uvicorn.Server") -> None:
    state = server.server_state
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:  # each hears of the disconnect, and ends by itself
        await asyncio.wait(state.tasks, timeout=_TICK_S)
