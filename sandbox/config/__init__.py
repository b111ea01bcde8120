"""s.yaml -> FunctionSpecs and diagnostics.

    text --source--> characters --document--> nodes --variables--> nodes --specs--> FunctionSpec
                                    |              |                 |
                                    +--- findings with file, line and column, all of them at once

`load` does all of that. `cached_load` does it once and then answers from a record on disk for as
long as no file it came from has changed; on that path neither yaml nor pydantic is imported, so
this package imports nothing until a name is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.config.cache import cached_load
    from sandbox.config.compile import load
    from sandbox.config.diagnostics import Diagnostic, render
    from sandbox.config.result import Config, ConfigMissing

__all__ = ["Config", "ConfigMissing", "Diagnostic", "cached_load", "load", "render"]

_HOMES = {
    "Config": "result",
    "ConfigMissing": "result",
    "Diagnostic": "diagnostics",
    "cached_load": "cache",
    "load": "compile",
    "render": "diagnostics",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
