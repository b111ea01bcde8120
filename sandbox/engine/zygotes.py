"""Zygotes: one per interpreter, started when first needed, asked for instances by packet.

See `worker.zygote` for the packets. A zygote that dies takes no instance with it (they are the
supervisor's children); what was asked of it and not answered fails, unless the clone is found
by its tag, and the next `spawn` starts a new zygote.
"""

import _socket
import array
import os
import struct
from collections import deque
from collections.abc import Callable

from sandbox.engine import procs
from sandbox.engine.launch import Started, start_zygote
from sandbox.engine.loop import Loop

__all__ = ["Zygote"]

_SPAWN = struct.Struct(">QB")
_REPLY = struct.Struct(">iii")

_WINDOW = 16
"""Spawns under way at a time."""
OpenEnds = Callable[[], tuple[int, ...]]
Spawned = Callable[[int, int, str], None]
"""Called with the new instance's pid and that of its init, or 0; with 0 and a reason for none."""


class Zygote:
    """A zygote process. `spawn` may be called at once: packets wait in the socket."""

    def __init__(
        self,
        loop: Loop,
        python: str,
        box_tag: int,
        home: str,
        level: str,
        on_ended: Callable[[], None],
        started: Started | None = None,
    ) -> None:
        self.python = python
        self._on_ended = on_ended
        self._loop = loop
        self._queue: deque[tuple[int, bool, OpenEnds, Spawned]] = deque()
        self._waiting: deque[tuple[int, Spawned]] = deque()
        fd, pid = started or start_zygote(python, box_tag, home, level)
        self._control = _socket.socket(fileno=fd)
        self._control.setblocking(False)
        self._child = procs.Child(loop, pid, self._exited)
        loop.add_reader(self._control.fileno(), self._read)

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Can be asked for instances."""
        return self._child.is_alive

    def spawn(self, tag: int, is_spare: bool, open_ends: OpenEnds, done: Spawned) -> None:
        """Asks for one instance. `open_ends` gives the worker's ends; they are closed here.

        It is called when the zygote's turn for this instance comes: a thousand instances asked
        for at once do not hold ten thousand descriptors, of which the kernel lets only so many
        be under way.
        """
        self._queue.append((tag, is_spare, open_ends, done))
        self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and len(self._waiting) < _WINDOW and self._child.is_alive:
            tag, is_spare, open_ends, done = self._queue.popleft()
            try:
                ends = open_ends()
            except OSError as exc:
                done(0, 0, f"no descriptors for an instance: {exc.strerror}")
                continue
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", ends))
            try:
                self._control.sendmsg([_SPAWN.pack(tag, is_spare)], [rights])
                self._waiting.append((tag, done))
            except OSError as exc:
                done(0, 0, f"the zygote does not take requests: {exc.strerror}")
            finally:
                for end in ends:
                    os.close(end)

    def close(self) -> None:
        """Ends the zygote. Its instances live on: end them first."""
        self._child.signal(9)

    def _read(self) -> None:
        try:
            packet = self._control.recv(_REPLY.size)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if len(packet) < _REPLY.size:
            self._loop.remove_reader(self._control.fileno())  # it is dying; the pidfd will tell
            return
        pid, init, midwife = _REPLY.unpack(packet)
        if midwife:
            self._reap(midwife)
        if pid == 0 and not midwife:
            return  # it is ready
        _, done = self._waiting.popleft()
        self._send_queued()
        if pid > 0:
            done(pid, init, "")
        else:
            done(0, init, f"clone failed: {os.strerror(-pid)}")

    def _reap(self, midwife: int) -> None:
        try:
            procs.Child(self._loop, midwife, lambda child: None)
        except OSError:
            procs.wait(midwife)  # it has ended, or is about to

    def _exited(self, child: procs.Child) -> None:
        while self._control.fileno() >= 0 and self._waiting:
            before = len(self._waiting)
            self._read()
            if len(self._waiting) == before:
                break
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        waiting, self._waiting = self._waiting, deque()
        queue, self._queue = self._queue, deque()
        for _, _, _, done in queue:
            done(0, 0, f"the zygote ended (status {child.status})")
        for tag, done in waiting:
            self._adopt(tag, done, f"the zygote ended (status {child.status})")
        self._on_ended()

    def _adopt(self, tag: int, done: Spawned, failure: str) -> None:
        """Cloned, and died before it could say so? Then the clones are our children all the same:
        first a midwife, or none; then an init, or none; then the worker."""
        found = procs.find(tag)
        inits = [pid for pid in found if procs.is_init(pid)]
        *midwives, worker = [pid for pid in found if pid not in inits] or [0]
        for midwife in midwives:
            self._reap(midwife)
        if worker:
            done(worker, inits[0] if inits else 0, "")
            return
        for pid in inits:
            procs.end(pid)
        done(0, 0, failure)
