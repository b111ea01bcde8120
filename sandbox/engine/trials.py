"""A trial: what the walls and mounts of a function come to on this machine, found out at start.

A throw-away worker is set up as an instance would be, without Initializer, so it does to itself
what instances will do. It reports what is in force, and is killed. No user code runs in it.
"""

import os

from sandbox.core.spec import FunctionSpec
from sandbox.engine.guest import Guest
from sandbox.engine.host import Host
from sandbox.engine.instances import make_setup
from worker import wire
from worker.records import TOKEN_BYTES

__all__ = ["Trial"]

_LIMIT_S = 10.0


class Trial:
    """One function's. Owner of a guest; `is_over` when nothing of it is left."""

    def __init__(self, host: Host, spec: FunctionSpec) -> None:
        self.is_over = False
        self._host = host
        self._spec = spec._replace(initializer=None, pre_stop=None)
        self._group = None
        try:
            self._guest = host.new_guest(spec.python)
            self._group = host.walls.make_group(spec, self._guest.tag)
        except OSError:
            self.is_over = True  # the first instance will tell why
            return
        self._guest.owner = self
        self._timer = host.loop.call_later(_LIMIT_S, self._give_up)

    def kill(self) -> None:
        """Ends it now."""
        if not self.is_over:
            self._guest.kill_tree()

    def on_message(self, message: wire.Message) -> None:
        if message.kind == wire.HELLO:
            walls = self._host.walls.setup(self._spec, self._guest.tag, self._group)
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
        if self._group:
            self._host.walls.remove_group(self._group)
        for fd in (guest.stdout, guest.stderr):
            if fd >= 0:
                os.close(fd)
        self.is_over = True
        self._host.ended()
