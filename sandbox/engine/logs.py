"""Everything the function prints, turned into spans that know whose they are.

        stdout pipe --+
                      +--> InstanceLog -- Span --> LogHub --> sinks, the request's tail
        stderr pipe --+

A span is a run of whole lines, or one logger record: bytes are tagged by the chunk, never line
by line. What is read between Begin and End belongs to that request. At Begin and at End the
pipes are emptied first: an answer is sent after all that was printed before it, so at End the
output is complete without any marker in the stream, and at Begin what is left over is late.

While several requests run in one instance nothing tells which of them printed a line. Such output
has no request id; it is in the tail of each of them, as it may be theirs.
"""

import os
import select
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from sandbox.core.effects import INVOKE
from sandbox.engine.loop import Loop
from worker.records import PLAIN, Splitter

__all__ = ["InstanceLog", "LogHub", "Sink", "Span"]

READ_BYTES = 64 << 10
MIN_READ_BYTES = 4 << 10
RECORD_COST_BYTES = 256
"""What one logger record weighs on its own, in printed bytes that take as long."""
LINE_BYTES = 64 << 10
"""A line is held until it is whole, at most this long; a longer one is cut, and marked."""
DRAIN_BYTES = 1 << 20
"""The most that one emptying takes: a pipe's largest capacity, not what a daemon adds to it."""
TAIL_BYTES = 64 << 10

RUNNER, STDOUT, STDERR, LOGGER, NOTICE = "runner", "stdout", "stderr", "logger", "notice"


class Span(NamedTuple):
    """Some output, tagged. `data` ends with a newline unless `is_cut`, or the output did not.

    `time_s` is Unix time. `level` is a logging level for source "logger", else 0. `is_late`:
    written outside any request; `request_id` is then the last one. It is empty when several ran
    at the time. Source "notice" is fcbox
    talking to people, and no part of the function's log.
    """

    time_s: float
    function: str
    instance_id: str
    request_id: str
    phase: str
    source: str
    data: bytes
    level: int = 0
    is_late: bool = False
    is_cut: bool = False


class Sink(Protocol):
    """Where spans go."""

    @property
    def is_congested(self) -> bool:
        """More is waiting to be written than should be held: stop reading the pipes."""

    @property
    def lost_bytes(self) -> int:
        """What could not be written."""

    def write(self, span: Span) -> None:
        """Takes one span; never blocks."""

    def flush(self) -> None:
        """Writes what goes without waiting."""

    def close(self, is_hurried: bool) -> None:
        """Writes what is left; hurried, it waits for nobody who does not read."""


class LogHub:
    """Gives spans to the sinks; holds the readers back while a sink is congested."""

    def __init__(self, loop: Loop, sinks: list[Sink]) -> None:
        self.loop = loop
        self.sinks = sinks
        self.is_hurried = False
        """The box is being stopped hard: the log waits for no reader."""
        self._paused: list[Callable[[], None]] = []

    @property
    def is_congested(self) -> bool:
        """A sink cannot keep up."""
        return any(sink.is_congested for sink in self.sinks)

    def emit(self, span: Span) -> None:
        """To every sink."""
        for sink in self.sinks:
            sink.write(span)

    def notice(self, function: str, instance_id: str, text: str) -> None:
        """One line from fcbox itself to whoever watches."""
        if self.sinks:
            data = text.encode("utf-8", "replace")
            self.emit(Span(time.time(), function, instance_id, "", "", NOTICE, data))

    def resume_later(self, resume: Callable[[], None]) -> None:
        """`resume` is called when no sink is congested any more."""
        self._paused.append(resume)
        if len(self._paused) == 1:
            self.loop.call_later(_RESUME_CHECK_S, self._resume)

    def flush(self) -> None:
        """Has the sinks write now what they can, so that the log comes before what follows it."""
        for sink in self.sinks:
            sink.flush()

    def close(self) -> None:
        """Writes out what the sinks hold."""
        for sink in self.sinks:
            sink.close(self.is_hurried)

    def _resume(self) -> None:
        if self.is_congested:
            self.loop.call_later(_RESUME_CHECK_S, self._resume)
            return
        paused, self._paused = self._paused, []
        for resume in paused:
            resume()


_RESUME_CHECK_S = 0.005


class _Stream:
    """One pipe's reading end, and the unfinished line at its end."""

    __slots__ = ("fd", "held", "is_open", "source", "turn_bytes")

    def __init__(self, fd: int, source: str) -> None:
        self.fd = fd
        self.source = source
        self.held = b""
        self.is_open = True
        self.turn_bytes = READ_BYTES
        """What may be read in one turn of the loop."""

    def weigh(self, size: int, cost: int) -> None:
        """Has the next turn take as long as one of READ_BYTES that are printed.

        It is back at that after some turns of plain output, not after the first one: else every
        second turn could be a long one.
        """
        fair = READ_BYTES * size // cost
        self.turn_bytes = max(MIN_READ_BYTES, min(fair, 2 * self.turn_bytes))


class InstanceLog:
    """The log of one instance. Owns the reading ends of its stdout and stderr pipes."""

    def __init__(
        self, hub: LogHub, function: str, instance_id: str, stdout: int, stderr: int, token: bytes
    ) -> None:
        self._tails: dict[str, bytearray] = {}  # of the open requests, and the one before them
        self._open: dict[str, str] = {}  # phases by request id
        self._hub = hub
        self._function = function
        self._instance_id = instance_id
        self._splitter = Splitter(token)
        self._streams = (_Stream(stdout, STDOUT), _Stream(stderr, STDERR))
        self._request_id = ""
        self._phase = ""
        self._poll = select.poll()
        for stream in self._streams:
            self._poll.register(stream.fd, select.POLLIN)
            hub.loop.add_reader(stream.fd, self._read, stream)

    def begin(self, phase: str, request_id: str) -> None:
        """Output belongs to this request from now on; to nobody's while others are open too."""
        self.drain()
        tails = self._tails
        if request_id not in tails or len(tails) > 1:
            kept = {id: tail for id, tail in tails.items() if id in self._open or id == request_id}
            self._tails = tails = kept
            tails.setdefault(request_id, bytearray())
        self._open[request_id] = self._phase = phase
        self._request_id = request_id if len(self._open) == 1 else ""
        self._runner_line(f"FC {phase} Start RequestId: {request_id}\n", request_id)

    def end(self, request_id: str, error: str = "") -> None:
        """The request's output is complete."""
        self.drain()
        suffix = f", Error: {error}" if error else ""
        # An id may be used twice at a time: whoever invokes may say it.
        phase = self._open.get(request_id, INVOKE)
        self._runner_line(f"FC {phase} End RequestId: {request_id}{suffix}\n", request_id)
        self._open.pop(request_id, None)
        if not self._open:
            self._phase, self._request_id = "", request_id
        elif len(self._open) == 1:
            (self._request_id,) = self._open

    def tail_of(self, request_id: str) -> bytes:
        """The last bytes of a request's log, as FC's tail log shows it: until the next begins."""
        return bytes(self._tails.get(request_id, b"")[-TAIL_BYTES:])

    def inited(self, runtime: str) -> None:
        """The line that FC writes once per instance."""
        self._runner_line(f"FunctionCompute {runtime} runtime inited.\n")

    def drain(self) -> None:
        """Takes all that is in the pipes now."""
        taken = 1
        while 0 < taken < DRAIN_BYTES and self._poll.poll(0):
            taken = sum(self._drain_stream(stream) for stream in self._streams)
        if taken < DRAIN_BYTES:
            for _, data in self._splitter.release():
                self._take_plain(self._streams[0], data)
        for stream in self._streams:
            if stream.held:
                self._flush_held(stream)

    def close(self) -> None:
        """Takes what is left and gives the pipes back, whoever still holds the other ends."""
        self.drain()
        for level, data in self._splitter.flush():
            self._emit(STDOUT, data, level)
        for stream in self._streams:
            self._close_stream(stream)
            os.close(stream.fd)

    def _drain_stream(self, stream: _Stream) -> int:
        taken = 0
        while stream.is_open and taken < DRAIN_BYTES:
            data = self._receive(stream, READ_BYTES)
            if not data:
                break
            taken += self._take(stream, data)
        return taken

    def _read(self, stream: _Stream) -> None:
        # One read a turn: the loop is level-triggered, so no instance starves the others. Records
        # cost more than bytes, and what is read cannot be put back: the next read is smaller.
        if self._hub.is_congested:
            self._pause()
            return
        data = self._receive(stream, stream.turn_bytes)
        if data:
            stream.weigh(len(data), self._take(stream, data))

    def _receive(self, stream: _Stream, size: int) -> bytes:
        try:
            data = os.read(stream.fd, size)
        except BlockingIOError:
            return b""
        if not data:
            self._close_stream(stream)
        return data

    def _close_stream(self, stream: _Stream) -> None:
        if stream.is_open:
            stream.is_open = False
            self._hub.loop.remove_reader(stream.fd)
            self._poll.unregister(stream.fd)

    def _pause(self) -> None:
        for stream in self._streams:
            if stream.is_open:
                self._hub.loop.remove_reader(stream.fd)
        self._hub.resume_later(self._resume)

    def _resume(self) -> None:
        for stream in self._streams:
            if stream.is_open:
                self._hub.loop.add_reader(stream.fd, self._read, stream)

    def _take(self, stream: _Stream, data: bytes) -> int:
        """Gives what it cost, in bytes."""
        if stream.source == STDERR:
            self._take_plain(stream, data)
            return len(data)
        spans = self._splitter.feed(data)
        for level, piece in spans:
            if level == PLAIN:
                self._take_plain(stream, piece)
            else:
                self._flush_held(stream)
                self._emit(LOGGER, piece + b"\n", level)
        return len(data) + RECORD_COST_BYTES * max(0, len(spans) - 1)

    def _take_plain(self, stream: _Stream, data: bytes) -> None:
        if stream.held:
            data, stream.held = stream.held + data, b""
        end = data.rfind(b"\n") + 1
        if end:
            self._emit(stream.source, data[:end] if end < len(data) else data)
        rest = data[end:]
        while len(rest) > LINE_BYTES:
            cut = _character_start(rest, LINE_BYTES)
            self._emit(stream.source, rest[:cut], is_cut=True)
            rest = rest[cut:]
        stream.held = rest

    def _flush_held(self, stream: _Stream) -> None:
        held, stream.held = stream.held, b""
        if held:
            self._emit(stream.source, held)

    def _runner_line(self, text: str, request_id: str = "") -> None:
        data = text.encode("utf-8")
        if request_id in self._tails:
            _append(self._tails[request_id], data)
        self._send(request_id, RUNNER, data)

    def _emit(self, source: str, data: bytes, level: int = 0, is_cut: bool = False) -> None:
        for id, tail in self._tails.items():
            if id in self._open or not self._open:
                _append(tail, data)
        self._send(self._request_id, source, data, level, is_cut)

    def _send(
        self, request_id: str, source: str, data: bytes, level: int = 0, is_cut: bool = False
    ) -> None:
        if self._hub.sinks:
            is_late = not self._phase and source != RUNNER
            self._hub.emit(
                Span(
                    time.time(), self._function, self._instance_id, request_id,
                    self._phase.lower(), source, data, level, is_late, is_cut,
                )
            )  # fmt: skip


def _append(tail: bytearray, data: bytes) -> None:
    tail += data
    if len(tail) > 2 * TAIL_BYTES:
        del tail[:-TAIL_BYTES]


def _character_start(data: bytes, at: int) -> int:
    """The last place up to `at` where a character of UTF-8 begins; `at` where none does."""
    for start in range(at, at - 4, -1):
        if data[start] & 0xC0 != 0x80:
            return start
    return at
