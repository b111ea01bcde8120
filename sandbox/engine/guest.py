"""A worker process and the channel to it: descriptors and a pid, no lifecycle.

    requests pipe ->          | frames, and bodies up to 64 KB
    answers pipe <-           |
    bulk socket <->           | larger bodies
    witness pipe <-           | a byte for each callback that has begun, for after its death
    stdout, stderr pipes <-   | read by the instance's log

No end here shares its open file description with the worker's: O_NONBLOCK belongs to that, and the
function could take it away (fcntl(2)), for the supervisor to block in its next read.

In a pid namespace of its own there is an init beside the worker, our child too. When the worker
has ended, the init is killed, and with it the kernel kills all that is left in the namespace.

A guest is blank until somebody becomes its `owner`: a spare is a guest that said hello and has
no owner yet. The owner hears of messages, of a broken channel, and of the end, once.
"""

import _socket
import os
import signal
from collections import deque
from collections.abc import Callable
from typing import Protocol

from sandbox.engine import procs
from sandbox.engine.loop import Loop
from sandbox.engine.zygotes import Zygote
from worker import wire

__all__ = ["CALLBACKS_A_LOOK", "Guest", "Owner"]

_READ_BYTES = 64 << 10
_BULK_BUFFER_BYTES = 1 << 20
_KEPT_BUFFER_BYTES = 2 << 20
CALLBACKS_A_LOOK = 1024
"""The marks of so many callbacks are at most in the witness pipe: it has room for 64 Ki."""
_SO_PASSRIGHTS = 83  # include/uapi/asm-generic/socket.h, since Linux 6.16
_BY_CONTENT = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
"""What bytes that nobody thought of can raise. Not IllegalEvent and the like: a bug is loud."""
_INIT_ENDED = "the init of its pid namespace died first (pid_namespaces(7))"
_EOF_GRACE_S = 0.02
"""An EOF is mostly the shadow of a death: wait this long for the pidfd to tell how it died."""


class Owner(Protocol):
    """Who listens to a guest."""

    def on_spawned(self) -> None:
        """There is a process now, which says hello when it has come to itself."""

    def on_message(self, message: wire.Message) -> None:
        """A legal message came."""

    def on_broken(self, reason: str) -> None:
        """The channel is unusable; the process may live."""

    def on_exit(self, guest: "Guest") -> None:
        """The process was reaped, everything it sent was given; or it was never made."""


class Guest:
    """One worker process. After `on_exit`, `close` gives the descriptors back."""

    def __init__(self, loop: Loop, zygote: Zygote, tag: int, is_spare: bool = False) -> None:
        self.tag = tag
        self.owner: Owner | None = None
        self.has_greeted = False
        self.stdout = self.stderr = -1
        self.failure = ""
        """Why there is no process, when it could not be made."""
        self._loop = loop
        self._zygote = zygote
        self._connection = wire.Connection(wire.SUPERVISOR)
        self._child: procs.Child | None = None
        self._init: procs.Child | None = None
        self._is_killed = False
        self._requests = self._answers = self._witness = -1
        self._begun = 0
        self._bulk: _socket.socket | None = None
        self._unsent = b""
        self._behind: deque[tuple[bytes, bytes]] = deque()
        self._bulk_out = memoryview(b"")
        self._bulk_in = bytearray()
        self._bulk_at = 0
        self._is_receiving = False
        zygote.spawn(tag, is_spare, self._open_ends, self._spawned)

    @property
    def pid(self) -> int:
        """The worker's process id; 0 when there is none yet, or any more."""
        return self._child.pid if self._child and self._child.is_alive else 0

    @property
    def init_pid(self) -> int:
        """The pid of the init beside the worker; 0 when there is none, or none any more."""
        return self._init.pid if self._init and self._init.is_alive else 0

    @property
    def status(self) -> int | None:
        """The exit status, after `on_exit`."""
        return self._child.status if self._child else None

    @property
    def max_rss_kb(self) -> int:
        """The largest resident size, after `on_exit`."""
        return self._child.max_rss_kb if self._child else 0

    def peak_rss_kb(self) -> int:
        """The largest resident size of the live process so far (VmHWM); 0 when it is gone."""
        try:
            with open(f"/proc/{self.pid}/status", "rb") as status:
                line = next(line for line in status if line.startswith(b"VmHWM:"))
            return int(line.split()[1])
        except (OSError, StopIteration):
            return 0

    def allow(self, requests: int) -> None:
        """So many requests at a time may be unanswered."""
        self._connection.capacity = requests

    def send(self, kind: int, meta: bytes = b"", body: bytes = b"") -> None:
        """Sends a message without ever blocking: what does not fit now is sent later."""
        frame, bulk = self._connection.send(kind, meta, body)
        if self._unsent or self._bulk_out:
            self._behind.append((frame, bulk))
        else:
            self._send_frame(frame, bulk)

    def _send_frame(self, frame: bytes, bulk: bytes) -> None:
        if bulk:
            self._bulk_out = memoryview(bulk)
        try:
            sent = os.write(self._requests, frame)
        except BlockingIOError:
            sent = 0
        except BrokenPipeError:
            self._unsent = frame  # it is dying: the pidfd will tell, and this was not delivered
            return
        if sent < len(frame):
            self._unsent = frame[sent:]
            self._loop.add_writer(self._requests, self._send_rest)
        elif bulk:
            self._send_bulk()

    def callbacks_begun(self) -> int:
        """How many callbacks the worker has begun: once it is dead, user code ran for no other.

        One read, never until the pipe is empty: whoever else holds the other end may go on
        writing. Asked every CALLBACKS_A_LOOK callbacks, it finds them all.
        """
        if self._witness >= 0:
            try:
                self._begun += len(os.read(self._witness, _READ_BYTES))
            except BlockingIOError:
                pass  # none since the last look
        return self._begun

    def terminate(self) -> None:
        """SIGTERM to the worker, and no more requests.

        Both: Python runs a signal handler between two instructions, so a signal that comes just
        before the worker blocks in read(2) is seen only when that read ends. The EOF ends it.
        """
        self.signal(signal.SIGTERM)
        self._hang_up()

    def signal(self, signum: int) -> None:
        """Any signal to the worker."""
        if self._child:
            self._child.signal(signum)

    def kill_tree(self) -> None:
        """SIGKILL to the worker; what is left of its tree is found and killed when it is reaped.

        While it is still being made, it will be killed then; asked for again, and still not
        made, it is the zygote that hangs and is killed.
        """
        if self._child:
            self._child.signal(signal.SIGKILL)
            self._end_init()
        elif self._is_killed:
            self._zygote.close()
        self._is_killed = True

    def close(self) -> None:
        """Gives the channel's descriptors back; stdout and stderr are the log's."""
        if self._answers < 0:
            return
        self._hang_up()
        self._stop_reading()
        os.close(self._answers)
        os.close(self._witness)
        self._answers = self._witness = -1
        if self._bulk:
            self._loop.remove_writer(self._bulk.fileno())
            self._bulk.close()

    def _hang_up(self) -> None:
        if self._requests >= 0:
            self._loop.remove_writer(self._requests)
            os.close(self._requests)
            self._requests = -1

    # -- being made ------------------------------------------------------------------------------

    def _open_ends(self) -> tuple[int, ...]:
        opened: list[int] = []
        try:
            for _ in range(5):
                opened += os.pipe2(os.O_CLOEXEC)
            bulk, their_bulk = _socket.socketpair()
        except OSError:
            for fd in opened:
                os.close(fd)
            raise
        their_requests, self._requests, self._answers, their_answers = opened[:4]
        self.stdout, their_stdout, self.stderr, their_stderr, self._witness, witness = opened[4:]
        for fd in (self._requests, self._answers, self.stdout, self.stderr, self._witness):
            os.set_blocking(fd, False)
        os.set_blocking(witness, False)  # a lost mark is better than a callback that never begins
        bulk.setblocking(False)
        _refuse_descriptors(bulk)
        for end in (bulk, their_bulk):
            _widen(end)
        self._bulk = bulk
        self._loop.add_reader(self._answers, self._read)
        bulk_fd = their_bulk.detach()
        return their_requests, their_answers, bulk_fd, witness, their_stdout, their_stderr

    def _spawned(self, pid: int, init: int, failure: str) -> None:
        try:
            if init:
                self._init = procs.Child(self._loop, init, self._init_exited)
            if pid:
                self._child = procs.Child(self._loop, pid, self._exited)
        except OSError as exc:
            failure = f"the worker cannot be watched: {exc.strerror}"
            for unwatched in ([] if self._init else [init]) + [pid]:
                if unwatched:
                    procs.end(unwatched)
        if self._child is None:
            if self._init and self._init.is_exiting:
                failure = _INIT_ENDED  # and no clone of anybody's could be made (ENOMEM)
            self.failure = failure
            self._loop.call_soon(self._finish)
        elif self._is_killed:
            self.kill_tree()
        elif self.owner:
            self.owner.on_spawned()

    # -- hearing ---------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = os.read(self._answers, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._stop_reading()
            self._loop.call_later(_EOF_GRACE_S, self._closed_its_channel)
            return
        self._connection.receive_data(data)
        self._take_messages()

    def _take_messages(self) -> None:
        if not self._hear(self._give_all):
            return
        wanted = self._connection.bulk_wanted
        if wanted and not self._is_receiving:
            self._is_receiving = True
            assert self._bulk is not None
            self._bulk_at = 0
            # The buffer is kept: to make, and clear, a new one for each body takes as long as
            # the transfer. A very large one is not worth keeping.
            if len(self._bulk_in) < wanted:
                self._bulk_in = bytearray(wanted)
            self._loop.add_reader(self._bulk.fileno(), self._read_bulk)
            if self._connection.capacity > 1:
                # Other answers may follow at once: they wait in the pipe, and not in memory.
                self._loop.remove_reader(self._answers)

    def _read_bulk(self) -> None:
        assert self._bulk is not None
        try:
            while self._bulk_at < self._connection.bulk_wanted:
                space = memoryview(self._bulk_in)[self._bulk_at : self._connection.bulk_wanted]
                size = self._bulk.recv_into(space)
                if size == 0:
                    raise ConnectionResetError
                self._bulk_at += size
        except BlockingIOError:
            return
        except OSError:  # it is dying: the pidfd will tell
            self._loop.remove_reader(self._bulk.fileno())
            return
        self._loop.remove_reader(self._bulk.fileno())
        self._is_receiving = False
        if self._connection.capacity > 1 and self._child and self._child.is_alive:
            self._loop.add_reader(self._answers, self._read)
        body = bytes(memoryview(self._bulk_in)[: self._bulk_at])
        if len(self._bulk_in) > _KEPT_BUFFER_BYTES:
            self._bulk_in = bytearray()
        if self._hear(lambda: self._give(self._connection.receive_bulk(body))):
            self._take_messages()

    def _hear(self, take: Callable[[], None]) -> bool:
        """Whether what the worker sent could be taken. If not, that is the end of it alone."""
        try:
            take()
        except wire.RemoteProtocolError as exc:
            self._break(f"the worker broke the protocol: {exc}")
        except _BY_CONTENT as exc:
            name = type(exc).__name__
            self._break(f"a bug of fcbox: it cannot take what the worker sent ({name})")
        else:
            return True
        return False

    def _give_all(self) -> None:
        while (message := self._connection.next_message()) is not None:
            self._give(message)

    def _give(self, message: wire.Message) -> None:
        if message.kind == wire.HELLO:
            self.has_greeted = True
        if self.owner:
            self.owner.on_message(message)

    def _closed_its_channel(self) -> None:
        if self._child and self._child.is_exiting:
            # On a busy machine the rest of a death can take long: its status is worth waiting for.
            self._loop.call_later(_EOF_GRACE_S, self._closed_its_channel)
        elif self._child and self._child.is_alive:
            self._break("the worker closed its channel")

    def _break(self, reason: str) -> None:
        self._stop_reading()
        if self.owner:
            self.owner.on_broken(reason)
        else:
            self.kill_tree()

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._answers)
        if self._bulk and self._bulk.fileno() >= 0:
            self._loop.remove_reader(self._bulk.fileno())

    def _exited(self, child: procs.Child) -> None:
        # Its last answer can still be unread: the pidfd and the pipe are two descriptors.
        while self._answers >= 0:
            try:
                data = os.read(self._answers, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            self._connection.receive_data(data)
            self._take_messages()
        for _ in range(self._connection.capacity):  # so many large ones may be there
            if self._is_receiving:
                self._read_bulk()
        if self._answers >= 0:
            self._stop_reading()
        self._finish()

    def _finish(self) -> None:
        """The worker is gone; so is everything else in its namespace, once the init is."""
        if self._init and self._init.is_alive:
            self._end_init()
        elif self.owner:
            self.owner.on_exit(self)

    def _end_init(self) -> None:
        if self._init:
            self._init.signal(signal.SIGKILL)

    def _init_exited(self, init: procs.Child) -> None:
        if self._child is None or not self._child.is_alive:
            self._finish()

    # -- saying the rest -------------------------------------------------------------------------

    def _send_rest(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._loop.remove_writer(self._requests)
            return
        if not self._unsent:
            self._loop.remove_writer(self._requests)
            if self._bulk_out:
                self._send_bulk()
            else:
                self._send_next()

    def _send_bulk(self) -> None:
        assert self._bulk is not None
        fd = self._bulk.fileno()
        try:
            while self._bulk_out:
                self._bulk_out = self._bulk_out[self._bulk.send(self._bulk_out) :]
        except BlockingIOError:
            self._loop.add_writer(fd, self._send_bulk)
            return
        except OSError:
            self._bulk_out = memoryview(b"")
        self._loop.remove_writer(fd)
        self._send_next()

    def _send_next(self) -> None:
        while self._behind and not (self._unsent or self._bulk_out) and self._requests >= 0:
            self._send_frame(*self._behind.popleft())


def _widen(end: _socket.socket) -> None:
    # The forced form needs CAP_NET_ADMIN; the plain one is cut at net.core.wmem_max.
    for forced, plain in ((32, _socket.SO_SNDBUF), (33, _socket.SO_RCVBUF)):
        try:
            end.setsockopt(_socket.SOL_SOCKET, forced, _BULK_BUFFER_BYTES)
        except OSError:
            end.setsockopt(_socket.SOL_SOCKET, plain, _BULK_BUFFER_BYTES)


def _refuse_descriptors(end: _socket.socket) -> None:
    # We ask for none, so the kernel closes what comes (unix(7)) on our time; and to close a socket
    # that lingers takes as long as its sender has chosen. Older kernels cannot refuse them.
    try:
        end.setsockopt(_socket.SOL_SOCKET, _SO_PASSRIGHTS, 0)
    except OSError:
        pass
