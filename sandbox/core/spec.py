"""What the engine has to know of a function, and of the box that runs it: plain immutable data.

A `FunctionSpec` is made by `sandbox.config` from an s.yaml, or by hand through the public API.
Nothing here reads a file. The classes are NamedTuples, not dataclasses: `dataclasses` imports
`inspect`, and that alone takes longer than starting an instance.
"""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "ISOLATION_LEVELS",
    "MAX_EVENT_BYTES",
    "AsyncSettings",
    "BoxSettings",
    "Callback",
    "CustomRuntime",
    "FunctionSpec",
    "HealthCheck",
    "HttpTrigger",
    "Mount",
    "TimerTrigger",
    "needs_new_instances",
]

ISOLATION_LEVELS = ("none", "process", "strict")
"""From the least to the most."""
MAX_EVENT_BYTES = 32 << 20
"""Largest body of a synchronous invocation, and of its answer (FC: 32 MB)."""


class Callback(NamedTuple):
    """An instance lifecycle hook (`initializer`, `preStop`): `handler` is `file.function`.

    For a custom runtime any handler means that its server is asked (`/initialize`, `/pre-stop`);
    or, without one, `command` is run beside it.
    """

    handler: str
    timeout_s: float = 3.0
    command: tuple[str, ...] = ()


class Mount(NamedTuple):
    """The directory `source` of this machine, which the function sees at `target`."""

    target: str
    source: str
    is_read_only: bool = False


class HttpTrigger(NamedTuple):
    """Who may call the function over HTTP. No `methods` means every method."""

    name: str = "http"
    methods: tuple[str, ...] = ()
    auth_type: str = "anonymous"


class TimerTrigger(NamedTuple):
    """Invokes the function by the clock. `cron` is FC's cronExpression: six fields, the first one
    seconds, with an optional `CRON_TZ=` or `TZ=` before them, or `@every 5m`."""

    name: str
    cron: str
    payload: str = ""
    is_enabled: bool = True


class AsyncSettings(NamedTuple):
    """asyncInvokeConfig. `on_success` and `on_failure` are destinations as they were written, an
    ARN or a function's name; `is_task`: each invocation can be listed and stopped."""

    max_retries: int = 3
    max_age_s: float = 86400.0
    on_success: str = ""
    on_failure: str = ""
    is_task: bool = False


class HealthCheck(NamedTuple):
    """How the server of a custom runtime is looked at; times in seconds."""

    path: str = "/"
    initial_delay_s: float = 0.0
    period_s: float = 3.0
    timeout_s: float = 1.0
    failure_threshold: int = 3
    success_threshold: int = 1


class CustomRuntime(NamedTuple):
    """A server of any language: the program with its arguments, and the port it listens on.

    `start_timeout_s`: it has to listen by then (FC: 120 s).
    """

    command: tuple[str, ...] = ("/code/bootstrap",)
    port: int = 9000
    health_check: HealthCheck | None = None
    start_timeout_s: float = 120.0


class FunctionSpec(NamedTuple):
    """One function. Paths are absolute; sizes are MB; times are seconds.

    `name` is the functionName, `resource` the key in the s.yaml. `python` is the interpreter's
    path. `max_instances` 0 means the box's default (the number of CPUs, at least 2).

    `code_archive` is a .zip to be unpacked by the box; `code_dir` is empty then until it has been.
    `layers` are directories that lie over each other in /opt, the first one on top.

    `cpu` is in vCPU, 0 for no quota. `disk_mb` is the size of /tmp. `network` is "host", "off", or
    empty for what the isolation level has by default. `is_frozen_when_idle`: no thread of an
    instance runs between two requests.

    `custom` is there for a custom runtime; `handler` may be empty then. `concurrency` is how many
    requests an instance has at a time; `reserved_concurrency` how many the function may have
    together before a caller is sent away, 0 for no such limit. `is_wsgi`: an HTTP function of
    FC 2.0, whose handler takes `(environ, start_response)`. `description` is only told to who asks
    for it.
    """

    name: str
    handler: str
    code_dir: str
    python: str = ""
    runtime: str = "python3.10"
    resource: str = ""
    timeout_s: float = 3.0
    memory_mb: int = 512
    environment: Mapping[str, str] = {}
    initializer: Callback | None = None
    pre_stop: Callback | None = None
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    max_instances: int = 0
    min_instances: int = 0
    idle_timeout_s: float = 180.0
    code_archive: str = ""
    layers: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    cpu: float = 0.0
    disk_mb: int = 512
    network: str = ""
    is_frozen_when_idle: bool = False
    http_triggers: tuple[HttpTrigger, ...] = ()
    timers: tuple[TimerTrigger, ...] = ()
    asynchronous: AsyncSettings = AsyncSettings()
    custom: CustomRuntime | None = None
    concurrency: int = 1
    reserved_concurrency: int = 0
    is_wsgi: bool = False
    description: str = ""


def needs_new_instances(old: FunctionSpec, new: FunctionSpec) -> bool:
    """Whether an instance that was made for `old` cannot serve `new`."""
    return old != new._replace(
        http_triggers=old.http_triggers,
        timers=old.timers,
        asynchronous=old.asynchronous,
        reserved_concurrency=old.reserved_concurrency,
        max_instances=old.max_instances,
        min_instances=old.min_instances,
        idle_timeout_s=old.idle_timeout_s,
        description=old.description,
    )


class BoxSettings(NamedTuple):
    """The top-level `fcbox:` key of an s.yaml; what concerns the box and no single function.

    `grace_s`: between SIGTERM and SIGKILL at the end of an instance's life.
    `dump_grace_s`: the same after a timeout, where the SIGTERM asks for a stack dump.
    `spares`: blank workers forked ahead, for every interpreter in use.
    `isolation`: one of ISOLATION_LEVELS, the walls around each instance.
    `allows_degraded`: run at `strict` although this machine does not keep all that it promises.
    `has_timers`: timer triggers fire.
    """

    port: int = 9700
    spares: int = 0
    grace_s: float = 2.0
    dump_grace_s: float = 0.5
    logger_layout: str = "doc"
    isolation: str = "process"
    allows_degraded: bool = False
    has_timers: bool = False
