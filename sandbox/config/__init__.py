"""s.yaml -> FunctionSpecs and diagnostics.

    files --text--> trees --fc2--> --project, merge--> one tree --expressions--> --props--> specs
                      |                                  |             |            |
                      +------------- messages: findings with file, line, column, all at once

    text/         text -> tree of nodes with positions, and back; placeholders; mistakes in words
    fc2/          trees of FC 2.0 -> trees of 3.0
    expressions/  `${...}`: grammar, functions, resolving
    props/        what may stand at each key, checks, the specs that come of it, the JSON Schema
    code/         code directories and archives, handlers, interpreters, local mounts
    messages/     findings: catalogue, languages, rendering

    files, project, merge, resources    which files, laid over each other, and which of it is run
    compile                             puts the parts together
    effective                           what came out, and where it was written
    cache, inputs, result               what is kept of it, and what it came from

`load` does all of that. `cached_load` does it once and then answers from a record on disk for as
long as no file it came from has changed; on that path neither yaml nor pydantic is imported, so
this package imports nothing until a name is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.config.cache import cached_load
    from sandbox.config.compile import load
    from sandbox.config.messages.diagnostics import Diagnostic, render
    from sandbox.config.result import Config, ConfigMissing

__all__ = ["Config", "ConfigMissing", "Diagnostic", "cached_load", "load", "render"]

_HOMES = {
    "Config": "result",
    "ConfigMissing": "result",
    "Diagnostic": "messages.diagnostics",
    "cached_load": "cache",
    "load": "compile",
    "render": "messages.diagnostics",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
