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
    "BoxSettings",
    "Callback",
    "FunctionSpec",
    "Mount",
]

ISOLATION_LEVELS = ("none", "process", "strict")
"""From the least to the most."""
MAX_EVENT_BYTES = 32 << 20
"""Largest body of a synchronous invocation, and of its answer (FC: 32 MB)."""


class Callback(NamedTuple):
    """An instance lifecycle hook (`initializer`, `preStop`): `handler` is `file.function`."""

    handler: str
    timeout_s: float = 3.0


class Mount(NamedTuple):
    """The directory `source` of this machine, which the function sees at `target`."""

    target: str
    source: str
    is_read_only: bool = False


class FunctionSpec(NamedTuple):
    """One function. Paths are absolute; sizes are MB; times are seconds.

    `name` is the functionName, `resource` the key in the s.yaml. `python` is the interpreter's
    path. `max_instances` 0 means the box's default (the number of CPUs, at least 2).

    `code_archive` is a .zip to be unpacked by the box; `code_dir` is empty then until it has been.
    `layers` are directories that lie over each other in /opt, the first one on top.

    `cpu` is in vCPU, 0 for no quota. `disk_mb` is the size of /tmp. `network` is "host", "off", or
    empty for what the isolation level has by default. `is_frozen_when_idle`: no thread of an
    instance runs between two requests.
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


class BoxSettings(NamedTuple):
    """The top-level `fcbox:` key of an s.yaml; what concerns the box and no single function.

    `grace_s`: between SIGTERM and SIGKILL at the end of an instance's life.
    `dump_grace_s`: the same after a timeout, where the SIGTERM asks for a stack dump.
    `spares`: blank workers forked ahead, for every interpreter in use.
    `isolation`: one of ISOLATION_LEVELS, the walls around each instance.
    `allows_degraded`: run at `strict` although this machine does not keep all that it promises.
    """

    port: int = 9700
    spares: int = 0
    grace_s: float = 2.0
    dump_grace_s: float = 0.5
    logger_layout: str = "doc"
    isolation: str = "process"
    allows_degraded: bool = False
