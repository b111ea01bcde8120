"""The largest resident size of this process, since it was last reset: that of one callback.

The kernel keeps the peak (VmHWM; getrusage(2) tells it as ru_maxrss), and takes it back when a 5
is written to clear_refs (proc_pid_clear_refs(5)). The process does it itself: for that write the
kernel waits for the lock of its memory, which a function can hold, and nobody else shall wait.
"""

import fcntl
import os
import resource

__all__ = ["Peak"]

_PRIVATE_FROM_FD = 64


class Peak(object):
    """Opened before the walls, after which /proc has other owners and other numbers."""

    __slots__ = ("_fd", "_file")

    def __init__(self):
        # type: () -> None
        self._fd = -1
        self._file = None  # type: object
        try:
            opened = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return  # then the peak of the whole life is told
        self._fd = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _PRIVATE_FROM_FD)
        os.close(opened)
        self._file = self._identity()

    def reset(self):
        # type: () -> None
        """Unless the function has closed the descriptor, and has a file of its own there."""
        if self._file is not None and self._identity() == self._file:
            os.write(self._fd, b"5")

    def read_kb(self):
        # type: () -> int
        """In KB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def _identity(self):
        # type: () -> object
        try:
            status = os.fstat(self._fd)
        except OSError:
            return None
        return status.st_dev, status.st_ino
