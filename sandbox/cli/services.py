"""What runs beside the routes while a box serves: queues, clocks, watchers."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sandbox.asynchronous.queue import QueueService, make_queue
from sandbox.cli import talk
from sandbox.cli.options import RunOptions
from sandbox.config.messages.diagnostics import harmless
from sandbox.http.front import Front
from sandbox.timers import TimerService

if TYPE_CHECKING:
    from sandbox.config.compile import Loaded

__all__ = ["Service", "make_services"]


class Service(Protocol):
    """In the order of a run. None of them may wait: they are called on the loop."""

    def start(self) -> None:
        """Serving begins."""

    def stop(self) -> None:
        """The box will be drained: begin nothing new from here on."""

    def close(self) -> None:
        """All functions have ended: give everything back."""


def make_services(front: Front, options: RunOptions) -> list[Service]:
    """Those that this run needs."""
    say = _say_nothing if options.is_quiet else talk.say
    front.queue = make_queue(front.supervisor, options.config, os.environ, talk.say, say)
    is_on = options.has_timers or front.supervisor.host.settings.has_timers
    timers = TimerService(front.supervisor, front.queue, say, is_on=is_on)
    services: list[Service] = [QueueService(front.queue), timers]
    if options.watches and options.config:
        services.append(_make_reload(front, options, say))
    debugging = front.supervisor.host.debugger
    if debugging:
        from sandbox.debug.debugging import Debugging
        from sandbox.debug.relay import Relay

        assert isinstance(debugging, Debugging)
        services.append(Relay(front, debugging))
    return services


def _make_reload(front: Front, options: RunOptions, say: Callable[[str], None]) -> Service:
    from sandbox.cli.run import report, with_options
    from sandbox.config.result import Choice
    from sandbox.engine.leftovers import state_dir
    from sandbox.reload.service import Reload

    choice = Choice(options.functions, options.python, options.env, options.values)

    def load() -> "Loaded":
        from sandbox.config.compile import load_recorded  # on its thread: importing takes long

        loaded = load_recorded(options.config, cwd=os.getcwd(), environ=os.environ, choice=choice)
        settings = with_options(loaded.config.settings, options)
        return loaded._replace(config=loaded.config._replace(settings=settings))

    quiet = [state_dir(os.environ), *filter(None, [options.log_file, options.metrics_log])]
    return Reload(front, load, lambda text: say(harmless(text)), report, quiet)


def _say_nothing(text: str) -> None:
    pass
