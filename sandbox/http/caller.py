"""Who waits for an answer, and may go away before it comes."""

from collections.abc import Callable

__all__ = ["CALLER", "Caller"]

CALLER = "fcbox.caller"
"""The key in an ASGI scope. ASGI's own way is to wait in `receive` for the disconnect, which takes
a task for each request, and a tenth of what a short one costs us."""


class Caller:
    """The client of one request; `Protocol` says when it has gone."""

    __slots__ = ("_on_gone", "is_gone")

    def __init__(self) -> None:
        self.is_gone = False
        self._on_gone: Callable[[], None] | None = None

    def when_gone(self, on_gone: Callable[[], None]) -> None:
        """It is called once; at once when the client has gone already."""
        self._on_gone = on_gone
        if self.is_gone:
            on_gone()

    def leave(self) -> None:
        """It has gone."""
        if not self.is_gone:
            self.is_gone = True
            if self._on_gone:
                self._on_gone()
