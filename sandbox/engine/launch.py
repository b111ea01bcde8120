"""The first thing a start does: exec the zygotes, so that they come up while we import the rest.

A zygote takes longer to be ready than anything else in a short run. This module therefore needs
next to nothing: not `socket`, whose import costs as much as the exec.
"""

from __future__ import annotations

import _socket
import fcntl
import os

from sandbox.engine import procs
from sandbox.engine.leftovers import Registration, state_dir

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Launch", "Started", "start_zygote"]

Started = tuple[int, int]
"""Our end of a zygote's control socket, and its pid."""

_CONTROL_FD = 3
_ALLOWED = ("PATH", "LANG", "TZ")
_BOOT = (
    "import sys; sys.path[0] = {home!r}; from worker.zygote import main; del sys.path[0]; "
    "main({control}, {tag}, {level!r})"
)


class Launch:
    """A box that is being opened: registered, its zygotes on their way.

    Raises OSError when the state directory cannot be written, or an interpreter not executed.
    """

    def __init__(
        self, pythons: Iterable[str], environ: Mapping[str, str], isolation: str = "process"
    ) -> None:
        self.isolation = isolation
        self.state = state_dir(environ)
        self.registration = Registration(self.state)
        tag, home = self.registration.box_tag, self.registration.home
        self.started: dict[str, Started] = {}
        try:
            for python in dict.fromkeys(pythons):
                self.started[python] = start_zygote(python, tag, home, isolation)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Gives everything back: a zygote ends when it sees the EOF."""
        for fd, pid in self.started.values():
            os.close(fd)
            procs.wait(pid)
        self.registration.close()


def start_zygote(python: str, box_tag: int, home: str, level: str) -> Started:
    """Execs a zygote with a clean environment, for instances of this isolation level.

    Raises OSError when it cannot be executed.
    """
    environment = {key: value for key, value in os.environ.items() if _is_allowed(key)}
    environment["HOME"] = home
    environment["PYTHONIOENCODING"] = "utf-8:surrogateescape"
    package_home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    boot = _BOOT.format(home=package_home, control=_CONTROL_FD, tag=box_tag, level=level)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    talk = 2 if null > 2 else null  # a program may have been started with 2 closed
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    control = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD_CLOEXEC, _CONTROL_FD + 1)
    try:
        inherited = {0: null, 1: talk, 2: talk, _CONTROL_FD: control}
        pid = procs.start([python, "-W", "ignore", "-c", boot], environment, inherited)
    except OSError:
        ours.close()
        raise
    finally:
        os.close(null)
        os.close(control)
        theirs.close()
    return ours.detach(), pid


def _is_allowed(key: str) -> bool:
    return key in _ALLOWED or key.startswith("LC_")
