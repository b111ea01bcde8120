"""Standard output, where the answers of a run go."""

import os
import select

from sandbox.engine.loop import Loop
from sandbox.engine.sinks import Outlet

__all__ = ["AnswerStream"]

_STDOUT = 1


class AnswerStream:
    """Takes answers and never waits for their reader, but at the end.

    A write that blocks would hold up everything else in the loop: signals, deadlines, the log.
    """

    def __init__(self, loop: Loop) -> None:
        self.has_failed = False
        """Something could not be written: nobody reads any more, or the disk is full."""
        self._outlet = Outlet(loop, _STDOUT)
        self._is_reader_gone = False
        self._is_hurried = False

    @property
    def is_congested(self) -> bool:
        """More is waiting to be read than should be held."""
        return self._outlet.is_congested

    @property
    def lost_bytes(self) -> int:
        """What was not written, except to a reader that went away: it wanted no more."""
        return 0 if self._is_reader_gone else self._outlet.lost_bytes

    def write(self, data: bytes) -> None:
        """Writes what goes without waiting, and keeps the rest."""
        self._outlet.write(data)
        self._outlet.flush()
        self.check()

    def check(self) -> None:
        """Brings `has_failed` up to date: the rest is written between two turns of the loop."""
        if self._outlet.lost_bytes and not self.has_failed:
            self.has_failed = True
            self._is_reader_gone = not self._is_hurried and _has_hung_up()

    def close(self) -> None:
        """Waits for the reader, but not for ever."""
        self._outlet.close()
        self.check()

    def hurry(self) -> None:
        """`close` will not wait, not even if it waits already: a signal handler may call this."""
        self._is_hurried = True
        # What is left goes to a pipe that nobody reads, which fails at once.
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, _STDOUT)
        os.close(writer)


def _has_hung_up() -> bool:
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return bool(poll.poll(0))  # POLLERR or POLLHUP: these need not be asked for
