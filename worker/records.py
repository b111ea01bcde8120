"""Logger records inside the stdout stream: one contract, both ends.

A logger record has to keep its place among what the function prints, so it travels in the same
pipe; and it has to be told apart from print (source, level, several lines in one record), so it
travels framed:

    token (16 random bytes, one per instance) | level u8 | more u8 | length u16 | text

A piece never exceeds PIPE_BUF, so the kernel writes it whole between the writes of other
threads and child processes; longer records are cut into pieces, all but the last with `more`.
The token guards nothing that the function could not do anyway (it may call its own logger); it
only keeps ordinary output from being mistaken for a record. A function that writes pieces of its
own gets no more room by it: a record that never ends is cut at the limit, and goes on as a new one.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

__all__ = ["MAX_RECORD_BYTES", "PLAIN", "TOKEN_BYTES", "Splitter", "record_pieces"]

_HEAD = struct.Struct(">BBH")
_PIPE_BUF = 4096
TOKEN_BYTES = 16
MAX_RECORD_BYTES = 128 << 10
"""One record is cut here (FC: 128 KiB a log write)."""
PLAIN = 0
"""The level of what is not a record: printed bytes."""


def record_pieces(token, level, text):
    # type: (bytes, int, bytes) -> List[bytes]
    """The writes that carry one record. `level` is a logging level, 1..255."""
    text = text[:MAX_RECORD_BYTES]
    room = _PIPE_BUF - len(token) - _HEAD.size
    cuts = [text[at : at + room] for at in range(0, len(text), room)] or [b""]
    last = len(cuts) - 1
    return [token + _HEAD.pack(level, at != last, len(cut)) + cut for at, cut in enumerate(cuts)]


class Splitter(object):
    """Takes the stream apart again: bytes in, (level, bytes) spans out, nothing lost.

    It holds back at most one piece and one record of MAX_RECORD_BYTES.
    """

    __slots__ = ("_held", "_level", "_record", "_token")

    def __init__(self, token):
        # type: (bytes) -> None
        self._token = token
        self._held = b""
        self._level = PLAIN
        self._record = bytearray()

    def feed(self, data):
        # type: (bytes) -> List[Tuple[int, bytes]]
        """The spans that are complete now."""
        if self._held:
            data, self._held = self._held + data, b""
        spans = []  # type: List[Tuple[int, bytes]]
        at = 0
        while at < len(data):
            found = data.find(self._token, at)
            end = len(data) - self._partial_token(data, at) if found < 0 else found
            if end > at:
                spans.append((PLAIN, data[at:end]))
            at = end if found < 0 else self._take_piece(data, found, spans)
            if found < 0 or at == found:
                self._held = data[at:]
                break
        return spans

    def release(self):
        # type: () -> List[Tuple[int, bytes]]
        """What was held back as the beginning of a piece, when the pipe was found empty.

        A piece is written whole, so what ends short of one is none: a function whose last byte
        happens to be a token's first would have it delayed until it prints again.
        """
        held, self._held = self._held, b""
        return [(PLAIN, held)] if held else []

    def flush(self):
        # type: () -> List[Tuple[int, bytes]]
        """What was held back when the stream ended in the middle of a piece."""
        spans = [(PLAIN, bytes(held)) for held in (self._record, self._held) if held]
        self._record, self._held = bytearray(), b""
        return spans

    def _partial_token(self, data, begin):
        # type: (bytes, int) -> int
        # How many bytes at the end, and not before `begin`, could be the beginning of a token.
        start = max(begin, len(data) - len(self._token) + 1)
        at = data.find(self._token[:1], start)
        while at >= 0:
            if self._token.startswith(data[at:]):
                return len(data) - at
            at = data.find(self._token[:1], at + 1)
        return 0

    def _take_piece(self, data, at, spans):
        # type: (bytes, int, List[Tuple[int, bytes]]) -> int
        """Where what follows the piece begins; `at` itself when the piece is not whole yet."""
        body_at = at + len(self._token) + _HEAD.size
        if len(data) < body_at:
            return at
        level, more, size = _HEAD.unpack_from(data, at + len(self._token))
        end = body_at + int(size)
        if len(data) < end:
            return at
        if len(self._record) + size > MAX_RECORD_BYTES:
            self._end_record(spans)
        self._level = level or 1
        self._record += data[body_at:end]
        if not more:
            self._end_record(spans)
        return end

    def _end_record(self, spans):
        # type: (List[Tuple[int, bytes]]) -> None
        spans.append((self._level, bytes(self._record)))
        self._record = bytearray()
