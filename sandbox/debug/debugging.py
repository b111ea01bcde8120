"""The function that is debugged, and its instances: what they are told, and where they listen."""

import socket
from collections.abc import Callable

from sandbox.core.spec import FunctionSpec, Mount
from sandbox.engine.instances import InstanceShell

__all__ = ["Debugging"]

_TARGET = "/mnt/debugpy"
"""Where an instance with walls finds the package."""


class Debugging:
    """One run's; a `Debugger` of the engine. `package` is the directory of debugpy."""

    def __init__(self, function: str, package: str, listener: socket.socket, level: str) -> None:
        self.function = function
        self.listener = listener
        self.is_attached = False
        """A client is there, or waits for an instance."""
        self.is_awaited = False
        """A client waits for an instance: this one is to wait for it before its Initializer."""
        self.on_ready: Callable[[], None] | None = None
        """Called when an instance listens."""
        self._package = package
        self._has_walls = level != "none"
        self._listening: list[tuple[InstanceShell, int]] = []

    def __enter__(self) -> "Debugging":
        return self

    def __exit__(self, *exc: object) -> None:
        self.listener.close()

    def adjusted(self, spec: FunctionSpec) -> FunctionSpec:
        """One instance, which is awake, so that it is known which one a client gets."""
        if spec.name != self.function:
            return spec
        mounts = tuple(mount for mount in spec.mounts if mount.target != _TARGET)
        if self._has_walls:
            mounts += (Mount(_TARGET, self._package, True),)
        return spec._replace(
            max_instances=1,
            min_instances=min(spec.min_instances, 1),
            is_frozen_when_idle=False,
            mounts=mounts,
        )

    def setup_of(self, spec: FunctionSpec) -> dict[str, object] | None:
        """See `Debugger`."""
        if spec.name != self.function or spec.custom:
            return None
        package = _TARGET if self._has_walls else self._package
        return {"package": package, "waits": self.is_awaited}

    def on_listening(self, shell: InstanceShell, port: int) -> None:
        """See `Debugger`."""
        if not self.is_attached:
            shell.resume()
        self._listening = [each for each in self._listening if not each[0].has_left]
        self._listening.append((shell, port))
        if self.on_ready:
            self.on_ready()

    @property
    def port(self) -> int:
        """Where the instance that serves listens; 0 when there is none."""
        return next((port for shell, port in self._listening if not shell.has_left), 0)
