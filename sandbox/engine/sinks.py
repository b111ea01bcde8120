"""Where spans end up: three formats, and an outlet that never blocks the supervisor.

`fc` is exactly what the cloud shows. `console` is for people: a short prefix on every line.
`json` is JSON Lines: one object for a line, or for a logger record of several lines.
"""

import json
import os
import re
import select
import stat
import time
from collections import deque

from sandbox.engine.logs import LOGGER, NOTICE, RUNNER, Span
from sandbox.engine.loop import Loop

__all__ = ["FORMATS", "ConsoleSink", "FcSink", "JsonSink", "Outlet", "make_sink"]

CONGESTED_BYTES = 4 << 20
LAST_WAIT_MS = 10_000
_CHUNK = 4096
"""PIPE_BUF: a pipe that polls writable takes this much without blocking."""
_DRIVES_TERMINAL = re.compile(
    rb"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]"
)
"""Control characters but for tabs, line ends and the sequences that set colours (ECMA-48)."""
_to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make one for each line


class Outlet:
    """Writes to a descriptor that other programs share, so O_NONBLOCK may not be set on it.

    Regular files take what they get. Pipes and terminals are asked by poll before each chunk,
    and what they do not take waits in memory until the loop says that they do.
    """

    def __init__(self, loop: Loop, fd: int) -> None:
        self.lost_bytes = 0
        self._loop = loop
        self._fd = fd
        self._buffer: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_scheduled = False
        self._is_waiting = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        mode = os.fstat(fd).st_mode
        self.is_terminal = stat.S_ISCHR(mode) and os.isatty(fd)
        self._is_file = stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not self.is_terminal)

    @property
    def is_congested(self) -> bool:
        """More is waiting than should be held."""
        return self._waiting_bytes > CONGESTED_BYTES

    def write(self, data: bytes) -> None:
        """Takes data; it is written at the end of the loop's turn."""
        self._buffer.append(data)
        self._waiting_bytes += len(data)
        if self.is_congested:
            self.flush()  # what nobody has tried to write yet is no reason to hold anybody back
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._scheduled)

    def close(self, patience_ms: int = LAST_WAIT_MS) -> None:
        """Writes what is left; counts as lost what the reader does not take in time."""
        self._set_waiting(False)
        while self._waiting_bytes and self._write_some():
            if not self._poll.poll(patience_ms):
                self.lost_bytes += self._waiting_bytes
                self._buffer.clear()  # told as lost, so not to be written later after all
                self._waiting_bytes = 0

    def _scheduled(self) -> None:
        self._is_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Writes now what goes without waiting."""
        if self._waiting_bytes and not self._is_waiting and self._write_some():
            self._set_waiting(True)

    def _resume(self) -> None:
        if not self._write_some():
            self._set_waiting(False)

    def _set_waiting(self, is_waiting: bool) -> None:
        if is_waiting and not self._is_waiting:
            self._loop.add_writer(self._fd, self._resume)
        elif self._is_waiting and not is_waiting:
            self._loop.remove_writer(self._fd)
        self._is_waiting = is_waiting

    def _write_some(self) -> bool:
        """Writes what goes without blocking; True when something has to wait."""
        data = b"".join(self._buffer)
        self._buffer.clear()
        at = 0
        try:
            while at < len(data) and (self._is_file or self._poll.poll(0)):
                at += os.write(self._fd, data[at:] if self._is_file else data[at : at + _CHUNK])
        except OSError:  # the disk is full, or nobody reads any more: count it, go on
            self.lost_bytes += len(data) - at
            at = len(data)
        if at < len(data):
            self._buffer.append(data[at:])
        self._waiting_bytes = len(data) - at
        return self._waiting_bytes > 0


class OutletSink:
    """What all sinks here have in common: one outlet."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    @property
    def is_congested(self) -> bool:
        return self._outlet.is_congested

    @property
    def lost_bytes(self) -> int:
        return self._outlet.lost_bytes

    def write(self, span: Span) -> None:
        raise NotImplementedError

    def _shown(self, data: bytes) -> bytes:
        """What a function wrote, for a terminal: it could move the cursor over lines that are not
        its own, or have the terminal answer, which reads as if somebody had typed."""
        return _DRIVES_TERMINAL.sub(_as_text, data) if self._outlet.is_terminal else data

    def flush(self) -> None:
        self._outlet.flush()

    def close(self, is_hurried: bool) -> None:
        self._outlet.close(0 if is_hurried else LAST_WAIT_MS)


class FcSink(OutletSink):
    """The cloud's own lines, nothing else."""

    def write(self, span: Span) -> None:
        if span.source != NOTICE:
            self._outlet.write(_whole(self._shown(span.data)))


class ConsoleSink(OutletSink):
    """For people: time, function, the end of the instance's id, then the line."""

    _DIM, _RED, _YELLOW, _CYAN, _RESET = "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"

    def __init__(self, outlet: Outlet, has_color: bool) -> None:
        super().__init__(outlet)
        self._has_color = has_color

    def write(self, span: Span) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(span.time_s))
        where = f"{span.function}/{span.instance_id[-4:]}" if span.instance_id else span.function
        mark = " late" if span.is_late else ""
        head = f"{clock}.{int(span.time_s % 1 * 1000):03d} {where}{mark} | "
        tint = self._tint(span)
        prefix = (self._DIM + head + self._RESET + tint if self._has_color else head).encode()
        newline = (self._RESET + "\n" if tint else "\n").encode()
        lines = self._shown(span.data[:-1] if span.data.endswith(b"\n") else span.data)
        self._outlet.write(prefix + lines.replace(b"\n", newline + prefix) + newline)

    def _tint(self, span: Span) -> str:
        if not self._has_color:
            return ""
        if span.source == RUNNER:
            return self._RED if b", Error: " in span.data else self._CYAN
        if span.source == NOTICE or 30 <= span.level < 40:
            return self._YELLOW
        return self._RED if span.level >= 40 else ""


class JsonSink(OutletSink):
    """JSON Lines: time, function, instance, request_id, phase, source, text, late."""

    def write(self, span: Span) -> None:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(span.time_s))
        record: dict[str, object] = {
            "time": f"{seconds}.{int(span.time_s % 1 * 1000):03d}Z",
            "function": span.function,
            "instance": span.instance_id,
            "request_id": span.request_id,
            "phase": span.phase or None,
            "source": span.source,
            "late": span.is_late,
        }
        if span.level:
            record["level"] = span.level
        if span.is_cut:
            record["cut"] = True
        head = _to_json(record)[:-1]
        text = span.data.decode("utf-8", "replace")
        text = text[:-1] if text.endswith("\n") else text
        lines = [text] if span.source == LOGGER else text.split("\n")
        rows = (f'{head}, "text": {_to_json(line)}}}\n' for line in lines)
        self._outlet.write("".join(rows).encode("utf-8", "replace"))


def _as_text(control: "re.Match[bytes]") -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in control.group().lstrip(b"\xc2"))


FORMATS = ("console", "fc", "json")


def make_sink(name: str, outlet: Outlet, has_color: bool = False) -> OutletSink:
    """The sink for one of FORMATS."""
    if name == "fc":
        return FcSink(outlet)
    return JsonSink(outlet) if name == "json" else ConsoleSink(outlet, has_color)


def _whole(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"
