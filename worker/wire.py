"""The wire protocol between the supervisor and a worker: bytes in, messages out, no I/O.

A frame is an 8-byte header, big-endian, then the meta, then the body:

    kind u8 | flags u8 | meta length u16 | body length u32 | meta | body

Small frames travel on a pair of pipes, on which they are fastest; a body over BULK_BYTES is
announced by a frame with the BULK flag and travels on a socket pair beside them, which carries
large bodies 1.7 to 3.5 times faster than a pipe.

Who may say what, and when, is TABLE:

    worker      HELLO
    supervisor  SETUP     body: JSON, everything that stays the same for the instance's life
    worker      WALLS     body: JSON, the walls around it; no user code has run before
                READY     meta: usage
                INIT_FAILED  meta: usage   body: error JSON
    supervisor  INVOKE    meta: sequence, flags, retries, request id   body: the event
    worker      RESULT    meta: that of the INVOKE, usage   body: the answer
                FAILED    the same, body: error JSON
    supervisor  PRESTOP   meta: request id
    worker      STOPPED   meta: usage   body: empty, or error JSON

An answer must begin with the meta of the INVOKE it answers (sequence and request id), so that
no request can ever get another's result. `capacity` is how many INVOKEs may be unanswered at a
time: both sides know it from the SETUP. There is no frame that says "I have begun": it would
wake the supervisor for every request. The worker writes one byte to a pipe before each callback,
and the supervisor counts them when a worker has died: a request whose callback had not begun may
be given to another instance.

Errors sort by blame: LocalProtocolError is a bug of the caller, RemoteProtocolError is the
peer's doing. Lengths are checked against their caps before anything is allocated.
"""

import json
import struct
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NamedTuple, Optional, Tuple

__all__ = [
    "BULK_BYTES", "FAILED", "HEADER_BYTES", "HELLO", "INIT_FAILED", "INVOKE", "MAX_ANSWER_BYTES",
    "MAX_BODY_BYTES", "MAX_META_BYTES", "PRESTOP", "READY", "RESULT", "SETUP", "STOPPED",
    "SUPERVISOR", "WALLS", "WORKER", "Connection", "LocalProtocolError", "Message",
    "ProtocolError", "RemoteProtocolError", "invoke_meta", "is_http", "pack_http", "pack_usage",
    "pack_walls", "request_id_of", "retries_of", "sequence_of",
    "unpack_http", "unpack_usage", "unpack_walls",
]  # fmt: skip

HELLO, SETUP, READY, INIT_FAILED, INVOKE, RESULT, FAILED, PRESTOP, STOPPED, WALLS = range(1, 11)
NAMES = {
    HELLO: "HELLO", SETUP: "SETUP", READY: "READY", INIT_FAILED: "INIT_FAILED", INVOKE: "INVOKE",
    RESULT: "RESULT", FAILED: "FAILED", PRESTOP: "PRESTOP", STOPPED: "STOPPED",
    WALLS: "WALLS",
}  # fmt: skip
SUPERVISOR, WORKER = "supervisor", "worker"
SENDER = {
    HELLO: WORKER, SETUP: SUPERVISOR, READY: WORKER, INIT_FAILED: WORKER, INVOKE: SUPERVISOR,
    RESULT: WORKER, FAILED: WORKER, PRESTOP: SUPERVISOR, STOPPED: WORKER,
    WALLS: WORKER,
}  # fmt: skip

# Conversation states, and what each kind makes of them. What is not here may not be said.
BORN, GREETED, ENTERING, SETTING_UP, IDLE, BUSY, STOPPING, FINISHED = (
    "BORN", "GREETED", "ENTERING", "SETTING_UP", "IDLE", "BUSY", "STOPPING", "FINISHED",
)  # fmt: skip
TABLE = {
    (BORN, HELLO): GREETED,
    (GREETED, SETUP): ENTERING,
    (ENTERING, WALLS): SETTING_UP,
    (ENTERING, INIT_FAILED): FINISHED,
    (SETTING_UP, READY): IDLE,
    (SETTING_UP, INIT_FAILED): FINISHED,
    (IDLE, INVOKE): BUSY,
    (BUSY, INVOKE): BUSY,  # while fewer than `capacity` are unanswered
    (BUSY, RESULT): IDLE,  # when it was the last answer that was due; else BUSY
    (BUSY, FAILED): IDLE,
    (IDLE, PRESTOP): STOPPING,
    (STOPPING, STOPPED): FINISHED,
}  # type: Dict[Tuple[str, int], str]

_HEADER = struct.Struct(">BBHI")
_INVOKE = struct.Struct(">IBB")
_HTTP_HEAD = struct.Struct(">I")
_USAGE = struct.Struct(">I")
HEADER_BYTES = _HEADER.size
MAX_META_BYTES = 1024
MAX_ANSWER_BYTES = 32 << 20
"""What a handler may return; an event has the same limit."""
MAX_BODY_BYTES = MAX_ANSWER_BYTES + (64 << 10)
"""An event or an answer, and room for the error JSON that quotes one."""
MAX_HTTP_HEAD_BYTES = 256 << 10
"""An HTTP head is 8 KB of headers, 4 KB of target, and what JSON makes of them."""
BULK_BYTES = 64 << 10
_BULK = 0x01
_IS_HTTP = 0x01

if TYPE_CHECKING:
    Message = NamedTuple("Message", [("kind", int), ("meta", bytes), ("body", bytes)])
else:
    Message = namedtuple("Message", "kind meta body")


class ProtocolError(Exception):
    """The conversation broke a rule of this module."""


class LocalProtocolError(ProtocolError):
    """This side tried to say what it may not: a bug."""


class RemoteProtocolError(ProtocolError):
    """The peer said what it may not: it is broken, or hostile."""


def invoke_meta(sequence, request_id, is_http=False, retries=0):
    # type: (int, str, bool, int) -> bytes
    """The meta of an INVOKE, with which its answer must begin.

    With `is_http` the body is an HTTP request, and the answer's an HTTP response: `pack_http`.
    """
    return _INVOKE.pack(sequence, _IS_HTTP if is_http else 0, retries) + request_id.encode("ascii")


def sequence_of(meta):
    # type: (bytes) -> int
    """Which INVOKE of the conversation it is, in its meta or in that of its answer."""
    return int(_INVOKE.unpack_from(meta)[0])


def request_id_of(meta):
    # type: (bytes) -> str
    """The request id in the meta of an INVOKE."""
    return meta[_INVOKE.size :].decode("ascii")


def is_http(meta):
    # type: (bytes) -> bool
    """Whether the body of this INVOKE is an HTTP request."""
    return bool(_INVOKE.unpack_from(meta)[1] & _IS_HTTP)


def retries_of(meta):
    # type: (bytes) -> int
    """How often the event of this INVOKE has been tried before."""
    return int(_INVOKE.unpack_from(meta)[2])


def pack_http(head, body):
    # type: (Dict[str, Any], bytes) -> bytes
    """An HTTP request or response as one body of bytes.

    A request's head has `method`, `target` (path and query as they came), `headers` (a list of
    pairs of texts), `source_ip`; a response's has `status` and `headers`.
    """
    packed = json.dumps(head).encode("ascii")
    return _HTTP_HEAD.pack(len(packed)) + packed + body


def unpack_http(data):
    # type: (bytes) -> Tuple[Dict[str, Any], bytes]
    """The head and the body. Raises RemoteProtocolError when it is none."""
    try:
        (size,) = _HTTP_HEAD.unpack_from(data)
        if size > MAX_HTTP_HEAD_BYTES:
            raise ValueError(size)
        end = _HTTP_HEAD.size + size
        head = json.loads(data[_HTTP_HEAD.size : end].decode("ascii"))
    except (struct.error, ValueError, RecursionError):
        raise RemoteProtocolError("an HTTP message that cannot be read") from None
    if len(data) < end or not isinstance(head, dict):
        raise RemoteProtocolError("an HTTP message that cannot be read")
    return head, data[end:]


def pack_usage(max_rss_kb):
    # type: (int) -> bytes
    """The tail of every answer's meta: the worker's largest resident size so far, in KB."""
    return _USAGE.pack(max_rss_kb & 0xFFFFFFFF)


def unpack_usage(meta):
    # type: (bytes) -> int
    """The largest resident size in KB, from the meta of a worker's answer.

    Raises RemoteProtocolError when the meta is too short to hold one.
    """
    if len(meta) < _USAGE.size:
        raise RemoteProtocolError("an answer without its usage")
    return int(_USAGE.unpack_from(meta, len(meta) - _USAGE.size)[0])


def pack_walls(report):
    # type: (Dict[str, List[Any]]) -> bytes
    """The body of a WALLS: what is held, what is lacking and why, which mounts are refused; and
    the port where a debugger listens, if there is one."""
    return json.dumps(report).encode("ascii")


def unpack_walls(body):
    # type: (bytes) -> Dict[str, List[Any]]
    """The report in the body of a WALLS. Raises RemoteProtocolError when it is none."""
    try:
        report = json.loads(body.decode("ascii"))
        walls = {
            "held": [str(mechanism) for mechanism in report["held"]],
            "lacks": [(str(mechanism), str(reason)) for mechanism, reason in report["lacks"]],
            "mounts": [str(line) for line in report["mounts"]],
        }  # type: Dict[str, List[Any]]
        if "debug" in report:
            walls["debug"] = [int(report["debug"])]
        return walls
    except (ValueError, KeyError, TypeError):
        raise RemoteProtocolError("a WALLS that cannot be read") from None


class Connection(object):
    """One side's view of the conversation. `role` is SUPERVISOR or WORKER.

    Feed what arrives to `receive_data`, then take messages until `next_message` gives None.
    When `bulk_wanted` is not 0, that many bytes are due on the bulk channel: read exactly them
    and give them to `receive_bulk`.
    """

    __slots__ = (
        "_buffer", "_bulk_head", "_role", "_unanswered", "bulk_wanted", "capacity", "state",
    )  # fmt: skip

    def __init__(self, role):
        # type: (str) -> None
        self._role = role
        self._buffer = b""
        self._bulk_head = None  # type: Optional[Tuple[int, bytes]]
        self._unanswered = []  # type: List[bytes]
        self.capacity = 1
        self.state = BORN
        self.bulk_wanted = 0

    def send(self, kind, meta=b"", body=b""):
        # type: (int, bytes, bytes) -> Tuple[bytes, bytes]
        """The bytes for the pipe, and those for the bulk channel (mostly none).

        Raises LocalProtocolError for a message that is not this side's to send now, or too long.
        """
        size = len(body)
        if len(meta) > MAX_META_BYTES or size > MAX_BODY_BYTES:
            raise LocalProtocolError("%s over its cap: %d bytes" % (NAMES.get(kind, kind), size))
        if SENDER.get(kind) != self._role:
            name = NAMES.get(kind, kind)
            raise LocalProtocolError("%s is not the %s's to send" % (name, self._role))
        self._advance(kind, meta, LocalProtocolError)
        if size > BULK_BYTES:
            return _HEADER.pack(kind, _BULK, len(meta), size) + meta, body
        return _HEADER.pack(kind, 0, len(meta), size) + meta + body, b""

    def receive_data(self, data):
        # type: (bytes) -> None
        """Takes bytes from the pipe, cut anywhere."""
        self._buffer = self._buffer + data if self._buffer else data

    def receive_bulk(self, body):
        # type: (bytes) -> Message
        """Takes the whole body that was due on the bulk channel, gives its message."""
        if self._bulk_head is None or len(body) != self.bulk_wanted:
            raise LocalProtocolError("%d bulk bytes, %d wanted" % (len(body), self.bulk_wanted))
        kind, meta = self._bulk_head
        self._bulk_head, self.bulk_wanted = None, 0
        return self._accept(Message(kind, meta, body))

    def next_message(self):
        # type: () -> Optional[Message]
        """The next whole message, or None when more bytes are needed.

        Raises RemoteProtocolError for a frame that breaks a cap or does not fit the state.
        """
        buffer = self._buffer
        if self.bulk_wanted:
            if buffer and self.capacity == 1:
                # Who sends takes turns: to go on before the body is only good for filling memory.
                raise RemoteProtocolError("a frame before the body of the last one")
            return None
        if len(buffer) < HEADER_BYTES:
            return None
        kind, flags, meta_size, size = _HEADER.unpack_from(buffer)
        self._check_header(kind, flags, meta_size, size)
        body_at = HEADER_BYTES + meta_size
        end = body_at if flags & _BULK else body_at + size
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        meta = buffer[HEADER_BYTES:body_at]
        if flags & _BULK:
            self._bulk_head, self.bulk_wanted = (kind, meta), size
            return None
        return self._accept(Message(kind, meta, buffer[body_at:end]))

    def _check_header(self, kind, flags, meta_size, size):
        # type: (int, int, int, int) -> None
        # Before the rest has come: a peer may not make us wait for, or hold, what is not allowed.
        if meta_size > MAX_META_BYTES or size > MAX_BODY_BYTES:
            raise RemoteProtocolError("a frame of %d bytes, over the cap" % (meta_size + size))
        if flags & ~_BULK or bool(flags & _BULK) != (size > BULK_BYTES):
            raise RemoteProtocolError("flags %#x with a body of %d bytes" % (flags, size))
        sender = SENDER.get(kind)
        if sender is None or sender == self._role:
            raise RemoteProtocolError("a frame of kind %s from the peer" % NAMES.get(kind, kind))

    def _accept(self, message):
        # type: (Message) -> Message
        self._advance(message.kind, message.meta, RemoteProtocolError)
        return message

    def _advance(self, kind, meta, blame):
        # type: (int, bytes, type) -> None
        state = TABLE.get((self.state, kind))
        if state is None:
            raise blame("%s while %s" % (NAMES[kind], self.state))
        if kind == INVOKE:
            if len(self._unanswered) >= self.capacity:
                raise blame("%s while %s" % (NAMES[kind], self.state))
            self._unanswered.append(meta)
        elif kind in (RESULT, FAILED):
            self._answer(meta, blame)
            if self._unanswered:
                return
        self.state = state

    def _answer(self, meta, blame):
        # type: (bytes, type) -> None
        for asked in self._unanswered:
            if meta.startswith(asked):
                self._unanswered.remove(asked)
                return
        raise blame("an answer to another request")
