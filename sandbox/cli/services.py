"""What runs beside the routes while a box serves: queues, clocks, watchers."""

import os
from typing import Protocol

from sandbox.asynchronous.queue import QueueService, make_queue
from sandbox.cli import talk
from sandbox.cli.options import RunOptions
from sandbox.http.front import Front
from sandbox.timers import TimerService

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
    front.queue = make_queue(front.supervisor, options.config, os.environ, talk.say)
    say = _say_nothing if options.is_quiet else talk.say
    is_on = options.has_timers or front.supervisor.host.settings.has_timers
    timers = TimerService(front.supervisor, front.queue, say, is_on=is_on)
    return [QueueService(front.queue), timers]


def _say_nothing(text: str) -> None:
    pass
