"""What loading gives: a Config, or ConfigMissing when there is no file to load."""

from collections.abc import Mapping
from typing import NamedTuple

from sandbox.config.messages.diagnostics import Diagnostic
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Choice", "Config", "ConfigMissing"]


class Choice(NamedTuple):
    """What is wanted of a file. `select` names resources or functions (none: all of them);
    `python` is the interpreter for all of them; `env` names an environment of env.yaml; `values`
    fill placeholders."""

    select: tuple[str, ...] = ()
    python: str | None = None
    env: str | None = None
    values: Mapping[str, str] = {}


class Config(NamedTuple):
    """A loaded s.yaml. With errors among the diagnostics, `specs` holds what could be made."""

    path: str
    specs: tuple[FunctionSpec, ...]
    settings: BoxSettings
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


class ConfigMissing(Exception):
    """There is no s.yaml at `path`; `hint` says what to do."""

    def __init__(self, path: str, hint: str) -> None:
        super().__init__(f"no s.yaml found: {path}")
        self.path = path
        self.hint = hint
