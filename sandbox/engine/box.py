"""A box: a supervisor with everything around it that has to be opened and given back.

The callback API under every public one. It runs in whatever `Loop` the caller turns.
"""

import resource
from collections.abc import Callable, Mapping, Sequence

from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine import leftovers
from sandbox.engine.launch import Launch
from sandbox.engine.logs import LogHub, Sink
from sandbox.engine.loop import Loop
from sandbox.engine.real_paths import with_real_paths
from sandbox.engine.supervisor import Supervisor
from sandbox.engine.zygotes import Zygote

__all__ = ["Box"]


class Box:
    """Takes over a launch, or launches by itself.

    Raises OSError like `Launch`, and for code that cannot be unpacked. Whatever it raises, Ctrl-C
    among it, the launch is given up then: the caller has nothing left to give back.
    `adjust` makes of each spec, also of those that come later, the one that is run.
    """

    def __init__(
        self,
        loop: Loop,
        specs: Sequence[FunctionSpec],
        settings: BoxSettings,
        sinks: list[Sink],
        environ: Mapping[str, str],
        launch: Launch | None = None,
        adjust: Callable[[FunctionSpec], FunctionSpec] | None = None,
    ) -> None:
        self._adjust = adjust
        _raise_descriptor_limit()
        pythons = (spec.python for spec in specs)
        launch = launch or Launch(pythons, environ, settings.isolation)
        try:
            self._open(loop, specs, settings, sinks, launch)
        except BaseException:
            launch.abandon()
            raise

    def _open(
        self,
        loop: Loop,
        specs: Sequence[FunctionSpec],
        settings: BoxSettings,
        sinks: list[Sink],
        launch: Launch,
    ) -> None:
        self.registration = launch.registration
        tag, home = self.registration.box_tag, self.registration.home
        self._is_open = settings.isolation == "none"
        self.given = tuple(specs)
        """The functions that the box was opened with, as they were asked for."""
        specs = self._prepared(specs)
        self.cleaned = leftovers.clean(launch.state)
        """How many boxes that were killed have been cleaned up after."""
        self._done: Callable[[], None] | None = None
        self.hub = LogHub(loop, sinks)
        self.supervisor = Supervisor(loop, specs, settings, self.hub, home, tag)
        host = self.supervisor.host
        try:
            self.registration.write_groups(host.walls.places)
        except OSError:
            host.walls.close()
            raise
        for python, started in launch.started.items():
            host.adopt(Zygote(loop, python, tag, home, launch.isolation, host.ended, started))

    def add(self, spec: FunctionSpec) -> None:
        """A function more. Raises OSError for code that cannot be unpacked, and as
        `Supervisor.add`."""
        self.supervisor.add(self._prepared([spec])[0])

    def update(self, spec: FunctionSpec) -> None:
        """As `Supervisor.update`. Raises OSError for code that cannot be unpacked."""
        self.supervisor.update(self._prepared([spec])[0])

    def drain(self, done: Callable[[], None]) -> None:
        """Ends everything in good order, gives everything back, then calls `done`."""
        self._done = done
        self.supervisor.drain(self._drained)

    def _prepared(self, specs: Sequence[FunctionSpec]) -> Sequence[FunctionSpec]:
        if self._adjust:
            specs = [self._adjust(spec) for spec in specs]
        return with_real_paths(_unpacked(specs, self.registration.code), self._is_open)

    def _drained(self) -> None:
        self.registration.close()
        if self._done:
            self._done()


def _unpacked(specs: Sequence[FunctionSpec], directory: str) -> Sequence[FunctionSpec]:
    if not any(spec.code_archive for spec in specs):
        return specs
    from sandbox.engine.archives import unpacked  # few functions need it, and zipfile is slow

    return unpacked(specs, directory)


def _raise_descriptor_limit() -> None:
    # An instance takes up to eleven; the usual soft limit of 1024 is there for select().
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
