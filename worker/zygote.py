"""The zygote: one small process per interpreter, from which every instance is cloned.

It is exec'd with a clean environment, imports the runtime once, freezes its heap, and waits on
a SOCK_SEQPACKET socket. One packet asks for one instance:

    supervisor -> zygote   u64 tag, u8 1 for a spare; six descriptors: requests (read),
                           answers (write), bulk socket, witness (eventfd), stdout (write),
                           stderr (write)
    zygote -> supervisor   i32 pid of the instance, or minus errno; first of all, one i32 0: ready

The zygote comes up while the supervisor waits, so what it imports counts: `_socket`, since
`socket` takes longer to import than everything in this package.

It never imports user code, so that cold starts stay honest, and has a single thread. When the
supervisor ends, however it ends, the socket gives EOF: the zygote then kills every process that
carries a tag of this supervisor (workers die of their own parent death signal, their daemons
do not) and ends too.
"""

import _socket
import array
import gc
import os
import resource
import signal
import struct
import time

from worker import runtime
from worker.clone import clone_sibling, enter_instance
from worker.output import open_stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

__all__ = ["main"]

_SPAWN = struct.Struct(">QB")
_REPLY = struct.Struct(">i")
_DESCRIPTORS = 6
_SWEEP_S = 1.0
TAG_SERIAL_BITS = 24
"""The low bits of a tag count the instances of one supervisor; the bits above name it."""


def main(control_fd, box_tag):
    # type: (int, int) -> None
    """Serves until EOF. `box_tag` is the tag of the supervisor, its low bits zero."""
    runtime.hide_modules()
    _close_inherited(control_fd)
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # our end is the EOF, not the terminal's Ctrl-C
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, control_fd)
    supervisor = os.getppid()
    open_stdio()  # on the numbers 0, 1 and 2, whatever is behind them in an instance
    compile("", "<zygote>", "exec")  # the first one in a process takes 1.7 ms: it makes ast's types
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    _tell(control, 0)
    while True:
        packet, descriptors = _receive(control)
        if not packet:
            break
        if _spawn(control, supervisor, packet, descriptors):
            return  # in the instance, at its end
    _kill_all(box_tag)


def _close_inherited(control_fd):
    # type: (int) -> None
    # What the shell, or whoever started the supervisor, left open is no business of a function.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != control_fd:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own


def _receive(control):
    # type: (_socket.socket) -> Tuple[bytes, List[int]]
    space = _socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)
    try:
        packet, ancillary, _, _ = control.recvmsg(_SPAWN.size, space, _socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            descriptors.frombytes(data)
    return packet, list(descriptors)


def _spawn(control, supervisor, packet, descriptors):
    # type: (_socket.socket, int, bytes, List[int]) -> bool
    """True in the instance, when its life is over; False in the zygote."""
    tag, is_spare = _SPAWN.unpack(packet)
    try:
        # The clone has its tag from its first moment on, for the case that we die before we
        # have told its pid.
        _, ceiling = resource.getrlimit(resource.RLIMIT_RTTIME)
        if ceiling == resource.RLIM_INFINITY or tag <= ceiling:
            resource.setrlimit(resource.RLIMIT_RTTIME, (tag, ceiling))
        reply = clone_sibling()
    except (OSError, NotImplementedError) as exc:
        reply = -(getattr(exc, "errno", None) or 1)
    if reply == 0:
        control.close()
        requests, answers, bulk, witness, stdout, stderr = descriptors
        enter_instance(supervisor, tag, stdout, stderr)
        runtime.run(requests, answers, bulk, witness, is_spare)
        return True
    for descriptor in descriptors:
        os.close(descriptor)
    _tell(control, reply)
    return False


def _tell(control, number):
    # type: (_socket.socket, int) -> None
    try:
        control.send(_REPLY.pack(number))
    except OSError:
        pass  # the supervisor has gone, or given this zygote up: the EOF comes next


def _kill_all(box_tag):
    # type: (int) -> None
    """SIGKILLs what carries a tag of this supervisor until a look finds nothing."""
    deadline = time.monotonic() + _SWEEP_S
    found = True
    while found and time.monotonic() < deadline:
        found = False
        for pid in _pids():
            if _carries(pid, box_tag):
                found = True
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass


def _pids():
    # type: () -> Iterator[int]
    # Then those that were given out meanwhile: a process that forks and ends has a new number.
    newest = _newest_pid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    while pids:
        for pid in pids:
            yield pid
        looked_at, newest = newest, _newest_pid()
        pids = list(range(looked_at + 1, newest + 1))


def _newest_pid():
    # type: () -> int
    with open("/proc/loadavg", "rb") as loadavg:
        return int(loadavg.read().split()[-1])


def _carries(pid, box_tag):
    # type: (int, int) -> bool
    try:
        tag = resource.prlimit(pid, resource.RLIMIT_RTTIME)[1]
        if tag < 0 or tag >> TAG_SERIAL_BITS != box_tag >> TAG_SERIAL_BITS:
            return False
        with open("/proc/%d/stat" % pid, "rb") as stat:
            return stat.read().rpartition(b") ")[2][:1] not in b"ZX"
    except OSError:
        return False
