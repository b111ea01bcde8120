"""The zygote of `reference.py`. It imports what fcbox's imports, no more: a fork copies it all."""

import _socket
import array
import gc
import os
import struct
import sys
import time

from worker import runtime
from worker import zygote as zygote  # not used, but part of what is forked
from worker.clone import clone_sibling

__all__ = ["serve"]

_PID = struct.Struct(">i")
_SECONDS = struct.Struct(">d")


def serve(control_fd: int, folder: str, module: str) -> None:
    """As `worker.zygote.main`, but for what the clone does."""
    runtime.hide_modules()
    os.setsid()
    sys.dont_write_bytecode = True
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, control_fd)
    compile("", "<zygote>", "exec")
    gc.collect()
    gc.freeze()
    control.send(b"0")
    while True:
        packet, ancillary, _, _ = control.recvmsg(1, _socket.CMSG_SPACE(4))
        if not packet:
            return
        descriptor = array.array("i", ancillary[0][2])[0]
        pid = clone_sibling()
        if pid == 0:
            os.write(descriptor, b"1")
            sys.path.insert(0, folder)
            began_s = time.perf_counter()
            __import__(module)
            os.write(descriptor, _SECONDS.pack(time.perf_counter() - began_s))
            os._exit(0)
        os.close(descriptor)
        control.send(_PID.pack(pid))
