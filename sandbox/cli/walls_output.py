"""What stands around the functions of a box, for people: one line, and a warning for each promise
that this machine does not keep; or why nothing runs at this level."""

from collections.abc import Callable

from sandbox.cli import talk
from sandbox.config.messages.diagnostics import harmless
from sandbox.core.spec import BoxSettings
from sandbox.core.walls import Walls, refusal, summary, warnings
from sandbox.engine.box import Box

__all__ = ["WallsTalk", "watch_walls"]

_NOT_HERE = "isolation {level} does not hold on this machine:"
_HINT = "`fcbox doctor --isolation strict` says what is missing; --allow-degraded runs all the same"


class WallsTalk:
    """Says everything once: the functions of one box may report different walls, in turn.

    `on_told` is called after each report. A refusal is told to who is quiet too: it is an error.
    """

    def __init__(self, settings: BoxSettings, is_quiet: bool) -> None:
        self._settings = settings
        self._is_quiet = is_quiet
        self._said: set[str] = set()
        self.is_introduced = False
        self.is_refused = False
        self.on_told: Callable[[], None] | None = None

    @property
    def has_told(self) -> bool:
        """Whether there was a report."""
        return self.is_introduced or self.is_refused

    def tell(self, walls: Walls) -> None:
        """Says what is new."""
        if refusal(walls) and not self._settings.allows_degraded:
            self._refuse(walls)
        else:
            self._introduce(walls)
        if self.on_told:
            self.on_told()

    def tell_nothing_known(self) -> None:
        """No instance has come up in time; the line comes when one does."""
        level = self._settings.isolation
        self._say(f"isolation: {level} (not known yet: no instance has come up)")

    def _introduce(self, walls: Walls) -> None:
        if not self.is_introduced:
            self.is_introduced = True
            self._say(summary(walls))
        for warning in warnings(walls):
            self._say(f"warning: {warning}")

    def _refuse(self, walls: Walls) -> None:
        lines = [f"  {harmless(warning)}" for warning in warnings(walls)]
        text = "\n".join([_NOT_HERE.format(level=walls.level), *lines])
        if text not in self._said:
            talk.error(text, _HINT)
        self._said.add(text)
        self.is_refused = True

    def _say(self, line: str) -> None:
        if line not in self._said and not self._is_quiet:
            talk.say(harmless(line))
        self._said.add(line)


def watch_walls(box: Box, settings: BoxSettings, is_quiet: bool) -> WallsTalk:
    """Tells what instances of the box report, as soon as they do; at `none` there is no report."""
    walls_talk = WallsTalk(settings, is_quiet)

    def tell(walls: Walls) -> None:
        box.hub.flush()  # each line at its place in the log
        walls_talk.tell(walls)

    if settings.isolation == "none":
        walls_talk.tell(Walls("none", frozenset()))
    else:
        box.supervisor.host.walls.on_told = tell
    return walls_talk
