"""A zygote like fcbox's whose clones do nothing but write one byte, and then import a module.

The zygote is exec'd in the same way, with the same runtime imported and frozen, and clones with
the same call. What an instance needs over such a clone is fcbox's own doing.
"""

import os
import socket
import struct
import sys
import time
from pathlib import Path

from bench.subjects.common import FUNCTIONS

__all__ = ["Reference"]

_ROOT = Path(__file__).resolve().parents[3]
_CONTROL_FD = 3
_PID = struct.Struct(">i")
_SECONDS = struct.Struct(">d")
_BOOT = (
    "import sys; sys.path[:0] = [{root!r}, {scripts!r}]; "
    "from bench.subjects.reference_zygote import serve; serve({control}, {folder!r}, {module!r})"
)


class Reference:
    """The zygote, seen from the process that is the clones' parent."""

    def __init__(self, module: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        boot = _BOOT.format(
            root=str(_ROOT),
            scripts=str(_ROOT / "scripts"),
            control=_CONTROL_FD,
            folder=str(FUNCTIONS),
            module=module,
        )
        self._pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-W", "ignore", "-c", boot],
            {"PATH": os.environ.get("PATH", "")},
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), _CONTROL_FD)],
        )
        theirs.close()
        self._control.recv(1)

    def __enter__(self) -> "Reference":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._control.close()
        os.waitpid(self._pid, 0)

    def clone(self) -> tuple[float, float]:
        """Seconds to the first byte, and seconds of the import."""
        read, write = os.pipe()
        began_s = time.perf_counter()
        socket.send_fds(self._control, [b"1"], [write])
        os.read(read, 1)
        first_s = time.perf_counter() - began_s
        import_s = _SECONDS.unpack(os.read(read, _SECONDS.size))[0]
        os.waitpid(_PID.unpack(self._control.recv(_PID.size))[0], 0)
        os.close(read)
        os.close(write)
        return first_s, import_s
