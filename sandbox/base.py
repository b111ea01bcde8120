"""What the two APIs share: how a sandbox is made."""

import os
from collections.abc import Mapping, Sequence
from typing import Self

from sandbox.config.result import Choice
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine.box import Box
from sandbox.engine.logs import Sink
from sandbox.engine.loop import Loop
from sandbox.engine.sinks import Outlet, make_sink
from sandbox.errors import OpenedTwice
from sandbox.sources import load_specs, with_interpreters

__all__ = ["SandboxBase"]


class SandboxBase:
    """Functions, not yet started.

    `log_format` ("console", "fc", "json") writes the log to descriptor `log_fd`; None keeps it
    to `InvokeResult.log` alone.
    """

    def __init__(
        self,
        specs: Sequence[FunctionSpec],
        settings: BoxSettings | None = None,
        *,
        log_format: str | None = None,
        log_fd: int = 2,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._specs = with_interpreters(specs, self._environ)
        self._settings = settings or BoxSettings()
        self._log_format = log_format
        self._log_fd = log_fd
        self._box: Box | None = None
        self._was_opened = False
        self._prepare()

    def _claim(self) -> None:
        if self._was_opened:
            raise OpenedTwice("a sandbox is opened once; make another one")
        self._was_opened = True

    def _prepare(self) -> None:
        """For what a subclass holds beside."""

    @classmethod
    def from_config(
        cls,
        path: str | None = None,
        *,
        functions: Sequence[str] = (),
        python: str | None = None,
        env: str | None = None,
        values: Mapping[str, str] = {},
        log_format: str | None = None,
        log_fd: int = 2,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """From an s.yaml (default: in the current directory). `env` names an environment of its
        env.yaml; `values` fill its placeholders.

        Raises ConfigInvalid, and ConfigMissing when there is no such file.
        """
        environ = os.environ if environ is None else environ
        choice = Choice(tuple(functions), python, env, values)
        specs, settings = load_specs(path, environ, choice)
        return cls(specs, settings, log_format=log_format, log_fd=log_fd, environ=environ)

    def _open_box(self, loop: Loop) -> Box:
        sinks: list[Sink] = []
        if self._log_format:
            sinks.append(make_sink(self._log_format, Outlet(loop, self._log_fd)))
        return Box(loop, self._specs, self._settings, sinks, self._environ)
