"""What goes out on a connection: few writes, and none that wait for a reader for ever."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable

__all__ = ["LEAST_BYTES", "UNREAD_S", "Joining", "Reader"]

UNREAD_S = 60.0
LEAST_BYTES = 480 << 10
"""Who reads less than this of an answer in that time, though there is more of it, is gone."""

_MOST_JOINED_BYTES = 64 << 10
_CONTINUE = b"HTTP/1.1 100 "


class Reader:
    """The client, as far as it reads what is sent. One that does not is cut off: its answers, and
    the connection even after it was closed, would be held until it ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._written = self._marked = self._read = 0
        """Bytes written by now and by the last look, and what of them had been read then."""
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Sends it."""
        self._written += len(data)
        self._transport.write(data)
        if self._timer is None and self._transport.get_write_buffer_size():
            self._mark()

    def left(self) -> None:
        """The connection has ended."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _mark(self) -> None:
        self._marked = self._written
        self._read = self._read_by_now()
        self._timer = self._loop.call_later(UNREAD_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        if self._read_by_now() < min(self._marked, self._read + LEAST_BYTES):
            self._transport.abort()
        else:
            self._mark()

    def _read_by_now(self) -> int:
        # The kernel takes more only when a good part of some megabytes has gone: see what it has.
        waiting = fcntl.ioctl(self._transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
        in_kernel: int = struct.unpack("i", waiting)[0]
        return self._written - self._transport.get_write_buffer_size() - in_kernel


class Joining:
    """The transport of one answer, whose head goes out together with the first part of its body.

    uvicorn writes one after the other. The second system call is what it costs least: the client
    is woken by the head, reads it, and goes to sleep again. `on_continue` is called when the
    client is told to send the body, `on_close` instead of closing.
    """

    def __init__(
        self, reader: Reader, transport: asyncio.Transport, on_close: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._on_close = on_close
        self._head: bytes | None = None
        self._is_begun = False
        self.is_closing = transport.is_closing
        self.on_continue: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Sends it, or keeps it for a moment."""
        if self._head is not None and len(data) <= _MOST_JOINED_BYTES:
            data, self._head = self._head + data, None
        elif not self._is_begun and not data.startswith(_CONTINUE):
            self._is_begun, self._head = True, data
            return
        elif not self._is_begun and self.on_continue:
            self.on_continue()
        self.flush()
        self._reader.write(data)

    def flush(self) -> None:
        """Nothing more of the answer will come, or not at once."""
        if self._head is not None:
            head, self._head = self._head, None
            self._reader.write(head)

    def close(self) -> None:
        """The answer was the last one."""
        self.flush()
        self._on_close()
