"""Where the log of a command goes."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.cli import talk
from sandbox.engine.box import Box
from sandbox.engine.host import LifecycleEvent
from sandbox.engine.logs import Sink
from sandbox.engine.loop import Loop
from sandbox.engine.sinks import Outlet, make_sink

if TYPE_CHECKING:
    from sandbox.metrics.invocation_log import InvocationLog

__all__ = ["make_sinks", "open_metrics_log", "tell_events", "tell_lost_log"]


def make_sinks(
    loop: Loop, log_format: str, log_file: str | None, is_quiet: bool, environ: Mapping[str, str]
) -> list[Sink]:
    """To stderr, or to a file. Raises OSError when the file cannot be opened."""
    if log_file:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(log_file, flags, 0o644)
    elif is_quiet:
        return []
    else:
        fd = 2
    return [make_sink(log_format, Outlet(loop, fd), talk.has_color(fd, environ))]


def open_metrics_log(loop: Loop, path: str | None) -> "InvocationLog | None":
    """The file of --metrics-log, if there is to be one. Raises OSError when it cannot be opened."""
    if path is None:
        return None
    from sandbox.metrics.invocation_log import InvocationLog  # most runs do without

    return InvocationLog(loop, path, talk.say)


def tell_events(box: Box) -> None:
    """For `-v`: the lifecycle events of the instances are part of the log."""

    def tell(event: LifecycleEvent) -> None:
        if event.name.startswith("fc:"):
            detail = f" ({event.detail})" if event.detail else ""
            box.hub.notice(event.function, event.instance_id, f"{event.name}{detail}")

    box.supervisor.listen(tell)


def tell_lost_log(box: Box) -> None:
    """At the end: a log with gaps must not look like a complete one."""
    talk.lost(sum(sink.lost_bytes for sink in box.hub.sinks), "log")
