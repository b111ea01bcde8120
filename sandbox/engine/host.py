"""What all instances of one box share: loop, clock, ids, zygotes, spares, the sweeper."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from sandbox.core.ids import IdSource
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine import procs
from sandbox.engine.deadlines import Deadlines
from sandbox.engine.guest import Guest
from sandbox.engine.logs import LogHub
from sandbox.engine.loop import Loop
from sandbox.engine.memory import MemoryWatch
from sandbox.engine.walls import BoxWalls
from sandbox.engine.zygotes import Zygote
from worker import wire

__all__ = ["Debugger", "Host", "LifecycleEvent"]

_RECHECK_S = 0.001
_LAST_GROUPS_S = 1.0
"""How long control groups are asked for when all that was in them is dead."""
_REFILL_S = 0.02
_SPARE_RETRY_S = 1.0
"""A spare that ended by itself is replaced, but not as fast as it may go on ending."""


_MOST_TOLD = 1000
_INSTEAD = "variables that begin with it name the local directory instead"
_NOWHERE = "the function has to do without"


class Debugger(Protocol):
    """What leads clients to the debugger of a function. Shells are `InstanceShell`s."""

    def setup_of(self, spec: FunctionSpec) -> dict[str, object] | None:
        """What an instance of this function is to do for it; None for other functions."""

    def on_listening(self, shell: Any, port: int) -> None:
        """The debugger of this instance takes clients; the instance's clocks stand still."""


class LifecycleEvent(NamedTuple):
    """An entry of the event stream. `time_s` is Unix time; names as FC's (`fc:Instance:...`)."""

    time_s: float
    name: str
    function: str
    instance_id: str
    request_id: str = ""
    detail: str = ""


class Host:
    """One per box."""

    def __init__(
        self, loop: Loop, settings: BoxSettings, hub: LogHub, home: str, box_tag: int
    ) -> None:
        self.loop = loop
        self.settings = settings
        self.hub = hub
        self.home = home
        self.ids = IdSource(os.urandom, time.time)
        self.deadlines = Deadlines(loop)
        self.box_tag = box_tag
        self.walls = BoxWalls(settings, box_tag, home)
        self.memory = MemoryWatch(loop)
        self.listeners: list[Callable[[LifecycleEvent], None]] = []
        self.debugger: Debugger | None = None
        self.on_ended: Callable[[], None] | None = None
        """Called when something ended, once the box is being closed."""
        self._serial = 0
        self._zygotes: dict[str, Zygote] = {}
        self._spares: dict[str, deque[Guest]] = {}
        self._exited: list[tuple[Guest, Callable[[], None]]] = []
        self._is_closing = self._has_closed_walls = False
        self._told: set[tuple[str, str]] = set()

    def adopt(self, zygote: Zygote) -> None:
        """Takes over a zygote that was started ahead; its box tag must be this host's."""
        self._zygotes[zygote.python] = zygote

    def zygote_pids(self) -> list[int]:
        """The pids of the live zygotes."""
        return [zygote.pid for zygote in self._zygotes.values() if zygote.is_alive]

    def take_guest(self, python: str) -> Guest:
        """A blank worker of this interpreter: a spare when there is one, else on its way.

        Raises OSError when the interpreter cannot be started.
        """
        spares = self._spares.get(python)
        if self.settings.spares:
            # Later: a fork now would compete with the request that this one is taken for.
            self.loop.call_later(_REFILL_S, self.fill_spares, python)
        if spares:
            return spares.popleft()  # it may still be on its way, but ahead of a new one
        return self.new_guest(python)

    def fill_spares(self, python: str) -> None:
        """Has as many blank workers forked ahead as the settings say."""
        spares = self._spares.setdefault(python, deque())
        while len(spares) < self.settings.spares:
            try:
                guest = self.new_guest(python, is_spare=True)
            except OSError as exc:
                self.hub.notice("", "", f"no spares: {python}: {exc.strerror}")
                return
            guest.owner = _Spare(self, python, guest, spares)
            spares.append(guest)

    def new_guest(self, python: str, is_spare: bool = False) -> Guest:
        """A worker that nobody has waited for. Raises OSError like `take_guest`."""
        zygote = self._zygotes.get(python)
        if zygote is None or not zygote.is_alive:
            level = self.settings.isolation
            zygote = Zygote(self.loop, python, self.box_tag, self.home, level, self.ended)
            self._zygotes[python] = zygote
        self._serial += 1
        return Guest(self.loop, zygote, self.box_tag | self._serial, is_spare)

    def take_walls(self, spec: FunctionSpec, report: dict[str, list[Any]]) -> str:
        """What an instance said of its walls; gives why it must not go on, or nothing."""
        # In a root of its own it has no local directories that a variable could name.
        self._tell_lacks(spec.name, report["mounts"], "root" not in report["held"])
        return self.walls.take_report(spec, report)

    def _tell_lacks(self, function: str, lines: Sequence[str], is_elsewhere: bool) -> None:
        """Tells once what a function has to do without on this machine."""
        for line in lines:
            if (function, line) not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add((function, line))
                then = _INSTEAD if is_elsewhere else _NOWHERE
                self.hub.notice(function, "", f"not where the cloud has it: {line}; {then}")
                self.announce("fcbox:Mounts:Refused", function, "", "", line)

    def forget_exited(self, guest: Guest, clean: Callable[[], None]) -> None:
        """Calls `clean` when no process of a reaped worker is left; kills those that are."""
        self._exited.append((guest, clean))
        if len(self._exited) == 1:
            self.loop.call_soon(self._sweep)

    def announce(
        self, name: str, function: str, instance_id: str, request_id: str = "", detail: str = ""
    ) -> None:
        """Tells the listeners of the event stream."""
        if self.listeners:
            event = LifecycleEvent(time.time(), name, function, instance_id, request_id, detail)
            for listener in list(self.listeners):
                listener(event)

    def ended(self) -> None:
        """An instance, a spare or a zygote is gone."""
        if self.on_ended:
            self.on_ended()

    def kill_zygotes(self) -> None:
        """Ends the zygotes; the next instance gets a new one."""
        for zygote in self._zygotes.values():
            zygote.close()

    def close(self) -> None:
        """Ends spares and zygotes. All instances must be dead. Once is enough."""
        if self._is_closing:
            return
        self._is_closing = True
        self.settings = self.settings._replace(spares=0)
        for spares in self._spares.values():
            for guest in list(spares):
                guest.kill_tree()
        self.kill_zygotes()
        self.deadlines.close()
        self.memory.close()
        self._close_walls(time.monotonic() + _LAST_GROUPS_S)

    @property
    def is_clean(self) -> bool:
        """After `close`: everything is reaped."""
        has_zygote = any(zygote.is_alive for zygote in self._zygotes.values())
        is_alone = not has_zygote and not self._exited and not any(self._spares.values())
        return is_alone and self._has_closed_walls

    def _close_walls(self, deadline_s: float) -> None:
        self._has_closed_walls = self.walls.close()
        if self._has_closed_walls:
            self.ended()
        elif time.monotonic() < deadline_s:
            self.loop.call_later(_RECHECK_S, self._close_walls, deadline_s)
        else:
            self.hub.notice("", "", "a control group of this run is busy, and stays behind")
            self._has_closed_walls = True
            self.ended()

    def _sweep(self) -> None:
        # One look through /proc serves all that exited in this turn of the loop.
        exited, self._exited = self._exited, []
        alive = procs.sweep(guest.tag for guest, _ in exited)
        again = [entry for entry in exited if entry[0].tag in alive]
        if again:
            self._exited = again + self._exited
            self.loop.call_later(_RECHECK_S, self._sweep)
        for guest, clean in exited:
            if guest.tag not in alive:
                clean()


class _Spare:
    """The owner of a blank worker: waits for nothing, notices when it ends."""

    def __init__(self, host: Host, python: str, guest: Guest, shelf: "deque[Guest]") -> None:
        self._host = host
        self._python = python
        self._guest = guest
        self._shelf = shelf

    def on_spawned(self) -> None:
        pass

    def on_message(self, message: wire.Message) -> None:
        """HELLO is all that a blank worker says."""

    def on_broken(self, reason: str) -> None:
        self._guest.kill_tree()

    def on_exit(self, guest: Guest) -> None:
        if guest in self._shelf:
            self._shelf.remove(guest)
        guest.close()
        for fd in (guest.stdout, guest.stderr):
            if fd >= 0:
                os.close(fd)
        self._host.loop.call_later(_SPARE_RETRY_S, self._host.fill_spares, self._python)
        self._host.ended()
