"""A trial: what the walls and mounts of a function come to on this machine, found out at start.

A throw-away worker is set up as an instance would be, without Initializer, so it does to itself
what instances will do. It reports what is in force, and is killed. No user code runs in it.
"""

import os

from sandbox.core.spec import FunctionSpec
from sandbox.engine.enclosure import Enclosure
from sandbox.engine.guest import Guest
from sandbox.engine.host import Host
from sandbox.engine.instances import make_setup
from worker import wire
from worker.records import TOKEN_BYTES

__all__ = ["Trial"]

_LIMIT_S = 10.0


def _ignore(kb: int) -> None:
    """What it holds of memory is nobody's."""


class Trial:
    """One function's. Owner of a guest; `is_over` when nothing of it is left."""

    def __init__(self, host: Host, spec: FunctionSpec) -> None:
        self.is_over = False
        self._host = host
        self._spec = spec._replace(initializer=None, pre_stop=None)
        try:
            self._guest = host.new_guest(spec.python)
        except OSError:
            self.is_over = True  # the first instance will tell why
            return
        self._guest.owner = self
        self._enclosure = Enclosure(
            host.walls, host.memory, self._spec, self._guest, _ignore, _ignore
        )
        self._timer = host.loop.call_later(_LIMIT_S, self._give_up)

    def kill(self) -> None:
        """Ends it now."""
        if not self.is_over:
            self._guest.kill_tree()

    def on_spawned(self) -> None:
        """Nothing is in a hurry."""

    def on_message(self, message: wire.Message) -> None:
        if message.kind == wire.HELLO:
            try:
                walls = self._enclosure.open()
            except OSError:
                self._guest.kill_tree()  # as above
                return
            setup = make_setup(self._spec, self._host, "", "", bytes(TOKEN_BYTES), walls)
            self._guest.send(wire.SETUP, b"", setup)
            return
        if message.kind == wire.WALLS:
            self._host.take_walls(self._spec, wire.unpack_walls(message.body))
        self._guest.kill_tree()  # what else is wrong, the first instance will tell

    def on_broken(self, reason: str) -> None:
        self._guest.kill_tree()

    def on_exit(self, guest: Guest) -> None:
        self._host.forget_exited(guest, self._gone)

    def _give_up(self) -> None:
        line = f"trying the walls and mounts took longer than {_LIMIT_S:g} s"
        self._host.hub.notice(self._spec.name, "", line)
        self._guest.kill_tree()

    def _gone(self) -> None:
        self._timer.cancel()
        guest = self._guest
        guest.close()
        self._enclosure.close()
        for fd in (guest.stdout, guest.stderr):
            if fd >= 0:
                os.close(fd)
        self.is_over = True
        self._host.ended()
