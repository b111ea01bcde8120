"""What the two APIs share: how a sandbox is made."""

import os
from collections.abc import Mapping, Sequence
from typing import Self

from sandbox.config.result import Choice
from sandbox.core.spec import ISOLATION_LEVELS, BoxSettings, FunctionSpec
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

    Raises ValueError for an isolation level that there is not.
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
        if self._settings.isolation not in ISOLATION_LEVELS:
            levels = ", ".join(ISOLATION_LEVELS)
            raise ValueError(f"isolation {self._settings.isolation!r}: expected one of {levels}")
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
        isolation: str | None = None,
        allow_degraded: bool = False,
        log_format: str | None = None,
        log_fd: int = 2,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """From an s.yaml (default: in the current directory). `env` names an environment of its
        env.yaml; `values` fill its placeholders. `isolation` is the level, whatever the file says;
        `allow_degraded` lets `strict` begin where this machine does not keep all that it promises.

        Raises ConfigInvalid, ConfigMissing when there is no such file, and ValueError for a level
        that there is not.
        """
        environ = os.environ if environ is None else environ
        choice = Choice(tuple(functions), python, env, values)
        specs, settings = load_specs(path, environ, choice)
        settings = settings._replace(
            isolation=settings.isolation if isolation is None else isolation,
            allows_degraded=settings.allows_degraded or allow_degraded,
        )
        return cls(specs, settings, log_format=log_format, log_fd=log_fd, environ=environ)

    def _open_box(self, loop: Loop) -> Box:
        sinks: list[Sink] = []
        if self._log_format:
            sinks.append(make_sink(self._log_format, Outlet(loop, self._log_fd)))
        return Box(loop, self._specs, self._settings, sinks, self._environ)
