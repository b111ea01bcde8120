"""`fcbox run` without events: serve the functions on loopback until a signal.

    bind -> open the box -> show the addresses -> import the HTTP side -> serve -> show the walls
                                   |
            connections are taken from here on, and wait for the import

What stands around the functions is known when a first instance, which runs nothing, has raised it.
A level that does not hold on this machine ends the run, with exit code 125.

The first SIGINT, SIGTERM or SIGHUP stops in good order: no new connections, running requests
finish, requests that wait for an instance are told that they did not run, PreStop runs. A
second one, of whichever kind, ends everything at once. Exit code: 128+n of the first signal, so
130 after Ctrl-C, 143 after SIGTERM, 129 when the terminal went away.
"""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from sandbox.cli import exits, talk
from sandbox.cli.door import open_door
from sandbox.cli.log_output import make_sinks, open_metrics_log, tell_events, tell_lost_log
from sandbox.cli.options import RunOptions
from sandbox.cli.progress import progress_lines
from sandbox.cli.stopping import stop_signals
from sandbox.cli.walls_output import watch_walls
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine.box import Box
from sandbox.engine.launch import Launch
from sandbox.http.addresses import trigger_addresses, trigger_methods, unchecked_triggers
from sandbox.http.door import Door, url_host
from sandbox.http.server import listen
from sandbox.http.server import serve as serve_http

if TYPE_CHECKING:
    from sandbox.cli.services import Service
    from sandbox.debug.debugging import Debugging

__all__ = ["serve"]

_LAST_ANSWERS_S, _LAST_ANSWERS_HARD_S = 5.0, 0.2
"""How long clients have to read their answers when all functions have ended; after a second
signal."""
_WALLS_S = 5.0
"""How long the addresses wait for the line about isolation."""


def serve(
    specs: Sequence[FunctionSpec],
    settings: BoxSettings,
    options: RunOptions,
    launch: Launch | None = None,
) -> int:
    """Serves until a signal; gives the exit code. `settings.port` is the port."""
    door = open_door(options, os.environ)
    if isinstance(door, int):
        if launch:
            launch.abandon()
        return door
    try:
        listener = listen(settings.port, door.address)
    except OSError as exc:
        if launch:
            launch.abandon()
        return _cannot_listen(door, settings.port, exc)
    debugging = _open_debugging(specs, settings, options) if options.debugged else None
    if isinstance(debugging, int):
        listener.close()
        if launch:
            launch.abandon()
        return debugging
    with listener, debugging or nullcontext(), asyncio.Runner(loop_factory=_new_loop) as runner:
        serving = _Serving(listener, door, specs, settings, options, launch, debugging)
        return runner.run(serving.run())


def _open_debugging(
    specs: Sequence[FunctionSpec], settings: BoxSettings, options: RunOptions
) -> "Debugging | int":
    from sandbox.debug.opening import open_debugging  # few runs need it

    return open_debugging(specs, settings, options)


class _Serving:
    """One run, from the bound socket to the exit code."""

    def __init__(
        self,
        listener: socket.socket,
        door: Door,
        specs: Sequence[FunctionSpec],
        settings: BoxSettings,
        options: RunOptions,
        launch: Launch | None,
        debugging: "Debugging | None" = None,
    ) -> None:
        self._debugging = debugging
        self._launch = launch
        """Given back by whoever has it: the box, from its first line on."""
        self._listener = listener
        self._door = door
        self._specs = specs
        self._settings = settings
        self._options = options
        self._signals: list[int] = []
        self._stopping = asyncio.Event()
        self._drained = asyncio.Event()
        self._hurried = asyncio.Event()
        self._told = asyncio.Event()
        self._services: list[Service] = []

    async def run(self) -> int:
        self._loop = asyncio.get_running_loop()
        # The loop calls the handlers, so not before the first await below: there is a box then.
        for signum in stop_signals():
            self._loop.add_signal_handler(signum, self._on_signal, signum)
        try:
            self._box = self._open_box()
        except OSError as exc:
            return talk.cannot_start(exc)
        try:
            self._tell_others()
        except OSError as exc:
            self._box.drain(self._drained.set)
            await self._drained.wait()
            return talk.cannot_start(exc)
        self._introduce()
        self._walls = watch_walls(self._box, self._settings, self._options.is_quiet)
        self._walls.on_told = self._on_told
        self._box.supervisor.start(tries_walls=True)
        await self._serve()
        if self._metrics_log:
            self._metrics_log.close()
        tell_lost_log(self._box)
        if self._walls.is_refused and not self._signals:
            return exits.NOT_CREATED
        return exits.SIGNALLED + self._signals[0]

    def _open_box(self) -> Box:
        options = self._options
        try:
            sinks = make_sinks(
                self._loop, options.log_format, options.log_file, options.is_quiet, os.environ
            )
            self._metrics_log = open_metrics_log(self._loop, options.metrics_log)
        except BaseException:
            if self._launch:
                self._launch.abandon()
            raise
        adjust = self._debugging.adjusted if self._debugging else None
        box = Box(self._loop, self._specs, self._settings, sinks, os.environ, self._launch, adjust)
        box.supervisor.host.debugger = self._debugging
        if self._metrics_log:
            self._metrics_log.watch(box.supervisor)
        if options.verbosity:
            tell_events(box)
        return box

    def _tell_others(self) -> None:
        config = self._options.config
        self._box.registration.write(
            {
                "config": os.path.realpath(config) if config else "",
                "host": self._door.reachable,
                "port": self._listener.getsockname()[1],
                "token": self._door.token,
                "functions": [spec.name for spec in self._specs],
                "started_s": time.time(),
            }
        )

    def _introduce(self) -> None:
        if self._box.cleaned:
            self._say(f"cleaned up after earlier runs that were killed: {self._box.cleaned}")
        host, port = url_host(self._door.address), self._listener.getsockname()[1]
        width = max(len(spec.name) for spec in self._specs)
        for spec in self._specs:
            url = f"http://{host}:{port}/2023-03-30/functions/{spec.name}/invocations"
            self._say(f"{spec.name:{width}}  {url}", is_needed=True)
            if spec.http_triggers:
                urls = "  ".join(trigger_addresses(spec.name, host, port))
                methods = ", ".join(trigger_methods(spec))
                self._say(f"{spec.name:{width}}  {urls}  {methods}".rstrip(), is_needed=True)
        if self._debugging:
            at = self._debugging.listener.getsockname()[1]
            name = self._debugging.function
            self._say(f"{name:{width}}  debugger: attach to 127.0.0.1:{at}", is_needed=True)
        self._introduce_door()

    def _introduce_door(self) -> None:
        door = self._door
        if door.key:
            self._say(f"requests must be signed with the access key {door.key.id}")
        unchecked = unchecked_triggers(self._specs, door.key is not None)
        if unchecked:
            self._say(f"warning: {unchecked}", is_needed=True)
        if not door.is_loopback:
            text = "other machines can call; HTTP hides nothing that is sent, and anonymous HTTP"
            self._say(f"{text} triggers need no signature", is_needed=True)

    async def _serve(self) -> None:
        # Imported while early connections wait.
        from sandbox.cli.services import make_services
        from sandbox.http.app import make_app
        from sandbox.http.front import Front

        front = Front(self._box, door=self._door)
        self._services = make_services(front, self._options)
        app = make_app(front)
        for service in self._services:
            service.start()
        serving = asyncio.create_task(serve_http(self._listener, app, self._stopping))
        stopped = asyncio.create_task(self._drained.wait())
        await self._tell_walls(stopped)
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not self._stopping.is_set():  # the server ended by itself: a bug, but clean up first
            self._stop()
        await stopped
        for service in self._services:
            service.close()
        await self._finish(serving)

    async def _tell_walls(self, stopped: asyncio.Task[bool]) -> None:
        """The last lines of the introduction: the first report is waited for, but not for ever."""
        told = asyncio.create_task(self._told.wait())
        if not self._walls.has_told:
            both = (told, stopped)
            await asyncio.wait(both, timeout=_WALLS_S, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if self._stopping.is_set():
            return
        if not self._walls.has_told:
            self._walls.tell_nothing_known()
        self._say("press Ctrl-C to stop")

    def _on_told(self) -> None:
        self._told.set()
        # Later it is a function that came in or was changed: the others run on.
        is_starting = self._box.supervisor.is_trying or not self._walls.is_introduced
        if self._walls.is_refused and is_starting and not self._stopping.is_set():
            self._stop()

    async def _finish(self, serving: asyncio.Task[None]) -> None:
        """All functions have ended: lets clients read their answers, but not for ever."""
        hurried = asyncio.create_task(self._hurried.wait())
        await asyncio.wait(
            (serving, hurried), timeout=_LAST_ANSWERS_S, return_when=asyncio.FIRST_COMPLETED
        )
        await asyncio.wait((serving,), timeout=_LAST_ANSWERS_HARD_S)
        hurried.cancel()
        serving.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            pass

    def _on_signal(self, signum: int) -> None:
        self._signals.append(signum)
        if len(self._signals) > 1:
            self._hurried.set()
            self._box.supervisor.kill()
            return
        self._say("stopping: running requests finish, then PreStop runs; again to stop hard")
        self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        for service in self._services:
            service.stop()
        with suppress(OSError):  # of a full disk, which must not keep us from stopping
            self._box.registration.write({})  # so that no other command comes to a closed door
        self._loop.call_later(talk.PROGRESS_S, self._show_progress)
        self._box.drain(self._drained.set)

    def _show_progress(self) -> None:
        if not self._drained.is_set():
            for line in progress_lines(self._box.supervisor, time.monotonic()):
                self._say(line)
            self._loop.call_later(talk.PROGRESS_S, self._show_progress)

    def _say(self, text: str, is_needed: bool = False) -> None:
        if is_needed or not self._options.is_quiet:
            talk.say(text)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # it has no wheel for every machine
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _cannot_listen(door: Door, port: int, exc: OSError) -> int:
    if exc.errno == errno.EADDRINUSE:
        talk.error(f"port {port} is in use", "choose another one, or let --port 0 pick a free one")
    else:
        talk.error(
            f"cannot listen on {url_host(door.address)}:{port}: {exc.strerror}", "try --port 0"
        )
    return exits.UNAVAILABLE
