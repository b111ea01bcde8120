"""What loading gives: a Config, or ConfigMissing when there is no file to load."""

from typing import NamedTuple

from sandbox.config.diagnostics import Diagnostic
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Config", "ConfigMissing"]


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
