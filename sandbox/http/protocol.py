"""uvicorn's side of a connection, put right where a client ends its half of it, sends nothing,
reads nothing, or says what is no HTTP.

Imported when the server starts, as uvicorn is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from sandbox.http import patience
from sandbox.http.caller import CALLER, Caller
from sandbox.http.outgoing import Joining, Reader
from sandbox.http.patience import Patience

__all__ = ["Protocol"]

MOST_PIPELINED = 8
"""Of so many requests in a row on one connection it is read on while the first one runs: uvicorn
would not, and so not notice the end of the connection."""

MOST_QUEUED = 2000
"""With more of them a connection is ended: they are held before anybody is asked who calls."""

MOST_HEAD_BYTES = 1 << 20
"""The gate says what a head may have; what is longer than this does not get there."""


class Protocol(HttpToolsProtocol):
    """As uvicorn's; but a client that has ended its half is gone from that moment on.

    asyncio closes the transport then, and tells so a turn of the loop later. An answer that comes
    in between would be written to a closed transport, which uvloop takes for a bug. Requests may
    be pipelined: the one that runs is the first, uvicorn's `cycle` is the last, and only that one
    can be incomplete.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: deque[RequestResponseCycle] = deque()
        self._is_in_head = self._is_in_request = True
        self._patience: Patience | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_words: bytes | None = None
        """What is said when the requests that are open are answered; nothing is read any more."""
        self._is_leaving = False
        """The answer was the last one, and the rest of its request is still to come."""
        self._is_passing_over = False
        """The parser reads the head of a request that has been opened already."""

    # -- the connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self._on_turn)
        self._reader = Reader(self.loop, transport)
        self._wait_for_rest(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_in_request = False
        self._wait_no_more()
        self._reader.left()
        self._unset_keepalive_if_required()
        self._tell_gone(self._open)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._last_words is not None:
            return
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._is_in_request:
            self._wait_for_rest(len(data))
        elif not self._open and not self.transport.is_closing():
            # uvicorn stops the time of an idle connection for whatever comes, and begins it with
            # an answer only: not after the rest of what was answered early.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def eof_received(self) -> None:
        self._tell_gone(self._open)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_over(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _pass_over(self, rest: bytes) -> None:
        """Goes on after an `Upgrade`, which nobody has to follow (RFC 9110, 7.8). The parser takes
        what comes after the head for another protocol: a new one reads it as the body it is."""
        framing = (b"content-length", b"transfer-encoding")
        lines = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] in framing]
        self._is_passing_over = True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n")
        self._is_passing_over = False
        if rest:
            self._feed(rest)

    # -- requests --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_passing_over:
            return
        self._is_in_head = self._is_in_request = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # trailers of a body come here too, after the gate has looked
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_passing_over:
            return
        before = self.cycle
        if not self._is_leaving:
            super().on_headers_complete()
        self._is_in_head = False
        self._wait_no_more()
        if self.cycle is not before:  # its task has not begun yet
            self._opened(self.cycle)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # see _pass_over
        self._is_in_request = False
        self._wait_no_more()
        super().on_message_complete()
        if self._is_leaving:
            self.transport.close()
        elif len(self._open) <= MOST_PIPELINED:
            # uvicorn pauses for a large body, and then does not see the connection's end.
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        self._open.popleft().transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()
        if self._last_words is not None and not self._open:
            self._end(self._last_words)

    def _opened(self, cycle: RequestResponseCycle) -> None:
        cycle.scope[CALLER] = Caller()  # type: ignore[literal-required]
        answer = Joining(self._reader, self.transport, self._close)
        cycle.transport = answer  # type: ignore[assignment]
        if self.scope["http_version"] == "1.0":
            cycle.waiting_for_100_continue = False  # RFC 9110, 10.1.1
        elif cycle.waiting_for_100_continue:
            # Answered without being asked for, the body may come or not: nobody can tell what is
            # the next request then.
            answer.on_continue = partial(setattr, cycle, "keep_alive", cycle.keep_alive)
            cycle.keep_alive = False
        self._open.append(cycle)
        if len(self._open) > MOST_QUEUED:
            self.transport.abort()
        elif 1 < len(self._open) <= MOST_PIPELINED:
            self.flow.resume_reading()

    # -- waiting for the rest of a request -------------------------------------------------------

    def _wait_for_rest(self, size: int) -> None:
        """Most requests come in one piece, and need no timer."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if self._patience is None:
            self._patience = Patience(now, is_head=self._is_in_head)
            if self.flow.read_paused:
                self._patience.pause(now)
        self._patience.came(size, now)
        if self._is_in_head and self._patience.bytes > MOST_HEAD_BYTES:
            self._break_off(self._words(431, "The head of the request is too large."))
        elif self._timer is None:
            self._timer = self.loop.call_at(self._patience.ends_at(), self._look)

    def _wait_no_more(self) -> None:
        self._patience = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        assert self._patience
        now, end = self.loop.time(), self._patience.ends_at()
        if now < end:
            self._timer = self.loop.call_at(min(end, now + patience.SILENCE_S), self._look)
        elif self._is_in_head and not self._patience.bytes:
            self._break_off(b"")  # nothing was asked
        else:
            self._break_off(self._words(408, "The rest of the request did not come in time."))

    def _on_turn(self) -> None:
        """We read no more, or again."""
        if self._patience:
            turn = self._patience.pause if self.flow.read_paused else self._patience.resume
            turn(self.loop.time())

    # -- the end ---------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        self._break_off(self._words(400, msg))

    def _break_off(self, words: bytes) -> None:
        """What is not whole by now is answered with `words`, when it is its turn."""
        has_been_answered = self._is_in_request and not self._is_in_head
        self._is_in_request = False
        self._wait_no_more()
        if self._open and self._open[-1].more_body:
            cycle = self._open.pop()
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            self._tell_gone((cycle,))
            words = b"" if cycle.response_started else words
        elif has_been_answered:
            words = b""
        if self._open:
            self._last_words = words
        else:
            self._end(words)

    def _end(self, words: bytes) -> None:
        if not self.transport.is_closing():
            if words:
                self._reader.write(words)
            self.transport.close()

    def _words(self, status: int, text: str) -> bytes:
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        return STATUS_LINE[status] + lines + b"\r\n" + text.encode("ascii")

    def _close(self) -> None:
        """After the last answer. With what has not been read yet the kernel would end the
        connection at once, and the client might not see the answer (RFC 9112, 9.6)."""
        is_alone = len(self._open) == 1 and self._open[0].more_body
        if self.transport.is_closing():
            return
        if is_alone and self._is_in_request:
            self._is_leaving = True
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _tell_gone(
        self, cycles: "deque[RequestResponseCycle] | tuple[RequestResponseCycle]"
    ) -> None:
        for cycle in cycles:
            cycle.disconnected = True
            cycle.message_event.set()
        for cycle in cycles:
            cycle.scope[CALLER].leave()  # type: ignore[literal-required]


class _Flow(FlowControl):
    """Tells when we read no more, and when again."""

    def __init__(self, transport: asyncio.Transport, on_turn: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_turn = on_turn

    def pause_reading(self) -> None:
        if not self.read_paused:
            super().pause_reading()
            self._on_turn()

    def resume_reading(self) -> None:
        if self.read_paused:
            super().resume_reading()
            self._on_turn()
