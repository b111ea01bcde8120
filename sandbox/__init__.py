"""fcbox runs Function Compute functions on this machine, with true instance lifecycles.

    from sandbox import Sandbox

    with Sandbox.from_config("s.yaml") as box:
        result = box.invoke("hello", b'{"name": "world"}')

The names below are imported when they are first used: the command line needs few of them.
"""

from sandbox.version import __version__

TYPE_CHECKING = False  # not from typing: it takes longer to import than the rest of a start
if TYPE_CHECKING:
    from sandbox.aio import AsyncEventStream, AsyncSandbox
    from sandbox.blocking import EventStream, Sandbox
    from sandbox.core.outcome import Cause
    from sandbox.core.spec import BoxSettings, Callback, FunctionSpec, Mount
    from sandbox.engine.host import LifecycleEvent
    from sandbox.engine.supervisor import InstanceRecord
    from sandbox.errors import (
        ConfigInvalid,
        ConfigMissing,
        FcboxError,
        NotFound,
        OpenedTwice,
        SandboxClosed,
    )
    from sandbox.result import InvokeResult

__all__ = [
    "AsyncEventStream",
    "AsyncSandbox",
    "BoxSettings",
    "Callback",
    "Cause",
    "ConfigInvalid",
    "ConfigMissing",
    "EventStream",
    "FcboxError",
    "FunctionSpec",
    "InstanceRecord",
    "InvokeResult",
    "LifecycleEvent",
    "Mount",
    "NotFound",
    "OpenedTwice",
    "Sandbox",
    "SandboxClosed",
    "__version__",
]

_HOMES = {
    "AsyncEventStream": "sandbox.aio",
    "AsyncSandbox": "sandbox.aio",
    "BoxSettings": "sandbox.core.spec",
    "Callback": "sandbox.core.spec",
    "Cause": "sandbox.core.outcome",
    "ConfigInvalid": "sandbox.errors",
    "ConfigMissing": "sandbox.errors",
    "EventStream": "sandbox.blocking",
    "FcboxError": "sandbox.errors",
    "FunctionSpec": "sandbox.core.spec",
    "InstanceRecord": "sandbox.engine.supervisor",
    "InvokeResult": "sandbox.result",
    "LifecycleEvent": "sandbox.engine.host",
    "Mount": "sandbox.core.spec",
    "NotFound": "sandbox.errors",
    "OpenedTwice": "sandbox.errors",
    "Sandbox": "sandbox.blocking",
    "SandboxClosed": "sandbox.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
