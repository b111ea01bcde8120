"""What `fcbox run` was asked to do: plain data, made by either reader of the command line."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["RunOptions"]


class RunOptions(NamedTuple):
    """The arguments of `fcbox run`. `events` None: serve until a signal. `env` names an
    environment of env.yaml; `values` fill the placeholders of a template. `isolation` None: what
    the configuration says. `metrics_log` is a file for one record an invocation.

    Of serving: `host` is the address to listen on, `access_key` an ID:SECRET that callers sign with
    (None: nobody signs), `has_timers` whether timer triggers fire, `watches` whether changed files
    recycle instances, `debugged` the function that `debug_port` leads into.
    """

    config: str | None = None
    functions: tuple[str, ...] = ()
    events: tuple[bytes, ...] | None = None
    concurrency: int = 1
    port: int | None = None
    log_format: str = "console"
    logger_layout: str | None = None
    log_file: str | None = None
    python: str | None = None
    is_quiet: bool = False
    verbosity: int = 0
    env: str | None = None
    values: Mapping[str, str] = {}
    isolation: str | None = None
    allows_degraded: bool = False
    host: str | None = None
    access_key: str | None = None
    has_timers: bool = False
    watches: bool = True
    debugged: str | None = None
    debug_port: int = 5678
    metrics_log: str | None = None
