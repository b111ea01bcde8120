"""uvicorn's side of a connection, put right where a client ends its half of it, or sends nothing.

Imported when the server starts, as uvicorn is.
"""

import asyncio
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sandbox.http.caller import CALLER, Caller

__all__ = ["SILENCE_S", "Protocol"]

SILENCE_S = 30.0
"""How long the head of a request may take, from its first byte or from the connection on, and each
further piece of its body. uvicorn waits for ever."""
MOST_PIPELINED = 8
"""Of so many requests in a row on one connection it is read on while the first one runs: uvicorn
would not, and so not notice the end of the connection."""

MOST_QUEUED = 2000
"""With more of them a connection is ended: they are held before anybody is asked who calls."""

_MOST_JOINED_BYTES = 64 << 10
_CONTINUE = b"HTTP/1.1 100 "


class Protocol(HttpToolsProtocol):
    """As uvicorn's; but a client that has ended its half is gone from that moment on.

    asyncio closes the transport then, and tells so a turn of the loop later. An answer that comes
    in between would be written to a closed transport, which uvloop takes for a bug. Requests may
    be pipelined: the one that runs is the first, uvicorn's `cycle` is the last.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: deque[RequestResponseCycle] = deque()
        self._is_in_head = self._is_in_request = True
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_in_request = False
        self._wait_for_rest()
        self._tell_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_request or self._patience:
            self._wait_for_rest()

    def on_message_begin(self) -> None:
        self._is_in_head = self._is_in_request = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_in_request = False
        super().on_message_complete()
        if len(self._open) <= MOST_PIPELINED:
            # uvicorn pauses for a large body, and then does not see the connection's end.
            self.flow.resume_reading()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # its task has not begun yet
            self.scope[CALLER] = Caller()  # type: ignore[literal-required]
            self.cycle.transport = _Joining(self.transport)  # type: ignore[assignment]
            self._open.append(self.cycle)
            if len(self._open) > MOST_QUEUED:
                self.transport.abort()
                return
            if 1 < len(self._open) <= MOST_PIPELINED:
                self.flow.resume_reading()

    def on_response_complete(self) -> None:
        self._open.popleft().transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def eof_received(self) -> None:
        self._tell_gone()

    def _wait_for_rest(self) -> None:
        """Most requests come in one piece, and need no timer."""
        if self._patience and not (self._is_in_request and self._is_in_head):
            self._patience.cancel()
            self._patience = None
        if self._is_in_request and self._patience is None:
            self._patience = self.loop.call_later(SILENCE_S, self.transport.abort)

    def _tell_gone(self) -> None:
        for cycle in self._open:
            cycle.disconnected = True
            cycle.message_event.set()
        self._leave()

    def _leave(self) -> None:
        for cycle in self._open:
            cycle.scope[CALLER].leave()  # type: ignore[literal-required]


class _Joining:
    """The transport of one answer, whose head goes out together with the first part of its body.

    uvicorn writes one after the other. The second system call is what it costs least: the client
    is woken by the head, reads it, and goes to sleep again.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._is_begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head is not None and len(data) <= _MOST_JOINED_BYTES:
            data, self._head = self._head + data, None
        elif not self._is_begun and not data.startswith(_CONTINUE):
            self._is_begun, self._head = True, data
            return
        self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Nothing more of the answer will come, or not at once."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()
