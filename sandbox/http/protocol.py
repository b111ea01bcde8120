"""uvicorn's side of a connection, put right where a client ends its half of it.

Imported when the server starts, as uvicorn is.
"""

from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["Protocol"]


class Protocol(HttpToolsProtocol):
    """As uvicorn's; but a client that has ended its half is gone from that moment on.

    asyncio closes the transport then, and tells so a turn of the loop later. An answer that comes
    in between would be written to a closed transport, which uvloop takes for a bug. Requests may
    be pipelined: the one that runs is the first, uvicorn's `cycle` is the last.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: deque[RequestResponseCycle] = deque()

    def on_headers_complete(self) -> None:
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self._open.append(self.cycle)

    def on_response_complete(self) -> None:
        self._open.popleft()
        super().on_response_complete()

    def eof_received(self) -> None:
        for cycle in self._open:
            cycle.disconnected = True
            cycle.message_event.set()
