"""The worker's end of the channel: blocking I/O around the sans-IO connection.

`SharedChannel` is for a custom runtime: one thread reads, and several answer.
"""

import _socket
import os
import threading

from worker import wire

__all__ = ["Channel", "ChannelClosed", "SharedChannel"]


class ChannelClosed(Exception):
    """The supervisor is gone."""


class Channel(object):
    """Two pipes, the bulk socket, and the witness."""

    __slots__ = ("_answers", "_bulk", "_connection", "_requests", "_witness")

    def __init__(self, requests, answers, bulk, witness):
        # type: (int, int, int, int) -> None
        self._witness = witness
        self._requests = requests
        self._answers = answers
        self._bulk = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, bulk)
        self._connection = wire.Connection(wire.WORKER)

    def witness_begin(self):
        # type: () -> None
        """A callback begins: what it was called for can not be given to another instance."""
        try:
            os.write(self._witness, b"1")
        except BlockingIOError:
            pass  # full: the supervisor knows of more callbacks than it has asked for
        except BrokenPipeError:
            raise ChannelClosed from None

    def send(self, kind, meta=b"", body=b""):
        # type: (int, bytes, bytes) -> None
        frame, bulk = self._connection.send(kind, meta, body)
        try:
            while frame:
                frame = frame[os.write(self._answers, frame) :]
            if bulk:
                self._bulk.sendall(bulk)
        except BrokenPipeError:
            raise ChannelClosed from None

    def receive(self):
        # type: () -> wire.Message
        connection = self._connection
        while True:
            message = connection.next_message()
            if message is not None:
                return message
            if connection.bulk_wanted:
                return connection.receive_bulk(self._receive_bulk(connection.bulk_wanted))
            data = os.read(self._requests, wire.BULK_BYTES)
            if not data:
                raise ChannelClosed
            connection.receive_data(data)

    def _receive_bulk(self, size):
        # type: (int) -> bytes
        # One allocation and one copy: the event must be bytes, and may be 32 MB of them.
        body = self._bulk.recv(size, _socket.MSG_WAITALL)
        while len(body) < size:
            more = self._bulk.recv(size - len(body), _socket.MSG_WAITALL)
            if not more:
                raise ChannelClosed
            body += more
        return body


class SharedChannel(Channel):
    """The same channel, taken over. `capacity` requests may be unanswered at a time."""

    __slots__ = ("_lock",)

    def __init__(self, channel, capacity):
        # type: (Channel, int) -> None
        self._witness = channel._witness
        self._requests = channel._requests
        self._answers = channel._answers
        self._bulk = channel._bulk
        self._connection = channel._connection
        self._connection.capacity = capacity
        self._lock = threading.Lock()

    def send(self, kind, meta=b"", body=b""):
        # type: (int, bytes, bytes) -> None
        with self._lock:
            Channel.send(self, kind, meta, body)

    def receive(self):
        # type: () -> wire.Message
        connection = self._connection
        while True:
            # Never while it reads: answers go out meanwhile.
            with self._lock:
                message = connection.next_message()
            if message is not None:
                return message
            if connection.bulk_wanted:
                body = self._receive_bulk(connection.bulk_wanted)
                with self._lock:
                    return connection.receive_bulk(body)
            data = os.read(self._requests, wire.BULK_BYTES)
            if not data:
                raise ChannelClosed
            connection.receive_data(data)
