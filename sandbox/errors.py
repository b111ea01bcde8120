"""What the public API raises, by blame."""

from collections.abc import Sequence
from typing import Any

__all__ = [
    "ConfigInvalid",
    "ConfigMissing",
    "FcboxError",
    "NotFound",
    "OpenedTwice",
    "SandboxClosed",
]


class FcboxError(Exception):
    """The base of everything fcbox raises on purpose."""


class ConfigInvalid(FcboxError):
    """The user's file: `diagnostics` holds every finding."""

    def __init__(self, diagnostics: Sequence[Any], text: str) -> None:
        super().__init__(text)
        self.diagnostics = tuple(diagnostics)


class ConfigMissing(FcboxError, FileNotFoundError):
    """There is no s.yaml where it was looked for."""


class OpenedTwice(FcboxError):
    """A sandbox is opened once."""


class NotFound(FcboxError, LookupError):
    """No function, or no instance, of that name."""


class SandboxClosed(FcboxError):
    """The sandbox was closed, or never opened."""
