"""The zygote: one small process per interpreter, from which every instance is cloned.

It is exec'd with a clean environment, imports the runtime once, freezes its heap, and waits on
a SOCK_SEQPACKET socket. One packet asks for one instance:

    supervisor -> zygote   u64 tag, u8 1 for a spare; six descriptors: requests (read),
                           answers (write), bulk socket, witness (write), stdout (write),
                           stderr (write)
    zygote -> supervisor   i32 pid of the instance, or minus errno; i32 pids of its init and its
                           midwife, or 0; first of all, three times 0: ready

At all levels but none an instance has a pid namespace of its own (pid_namespaces(7)). Its first
process, the init, does nothing but exist: when it ends, the kernel ends all others, daemons too.
The worker is the second process, so that signals and exits mean for it what they always mean; and
it is a child of the supervisor all the same, since it was cloned with CLONE_PARENT. Who has left
its pid namespace for its children cannot go back without privilege: so for anybody but root a
throw-away clone, the midwife, does it, and ends when it has cloned the two.

The zygote comes up while the supervisor waits, so what it imports counts: `_socket`, since
`socket` takes longer to import than everything in this package.

It never imports user code, so that cold starts stay honest, and has a single thread. When the
supervisor ends, however it ends, the socket gives EOF: the zygote then kills every process that
carries a tag of this supervisor (workers die of their own parent death signal, their daemons
do not) and ends too.
"""

import _socket
import array
import errno
import gc
import json
import os
import resource
import signal
import struct
import time

from worker import identity, namespaces, runtime, syscalls, walls
from worker.clone import TAG_SERIAL_BITS, clone_sibling, enter_init, enter_instance
from worker.output import open_stdio
from worker.stock import Stock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple

__all__ = ["main"]

_SPAWN = struct.Struct(">QB")
_REPLY = struct.Struct(">iii")
_PAIR = struct.Struct("=ii")
_DESCRIPTORS = 6
_IDLE_S = 0.01
"""How long nothing is asked of a zygote until it takes its time for the next instance's stock."""
_SWEEP_S = 1.0
_LAST_GROUPS_S, _RECHECK_S = 2.0, 0.005
_PF_EXITING = 0x4  # include/linux/sched.h: set at the begin of an end, and still there in a zombie


def main(control_fd, box_tag, level):
    # type: (int, int, str) -> None
    """Serves until EOF. `box_tag` is the tag of the supervisor, its low bits zero."""
    runtime.hide_modules()
    _close_inherited(control_fd)
    os.setsid()
    os.umask(0o022)  # as in the cloud; and an instance's own user has to walk what it makes
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # our end is the EOF, not the terminal's Ctrl-C
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, control_fd)
    supervisor = os.getppid()
    open_stdio()  # on the numbers 0, 1 and 2, whatever is behind them in an instance
    compile("", "<zygote>", "exec")  # the first one in a process takes 1.7 ms: it makes ast's types
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    refusal = walls.prepare(level)
    nursery = _Nursery(control, supervisor, refusal, level)
    _tell(control, 0)
    while True:
        nursery.wait()
        packet, descriptors = _receive(control)
        if not packet:
            break
        if nursery.spawn(packet, descriptors):
            return  # in the instance, at its end
    _kill_all(box_tag)
    if level != "none":
        _remove_groups(box_tag)


def _close_inherited(control_fd):
    # type: (int) -> None
    # What the shell, or whoever started the supervisor, left open is no business of a function.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != control_fd:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own


def _is_quiet(control):
    # type: (_socket.socket) -> bool
    control.settimeout(_IDLE_S)
    try:
        control.recv(1, _socket.MSG_PEEK)
    except _socket.timeout:
        return True
    except OSError:
        pass  # who receives sees it too
    finally:
        control.settimeout(None)
    return False


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


class _Nursery(object):
    """Where instances come from. `refusal` is why they may not mount, or ""."""

    def __init__(self, control, supervisor, refusal, level):
        # type: (_socket.socket, int, str, str) -> None
        self._control = control
        self._supervisor = supervisor
        self._refusal = refusal
        self._bear = _alone
        self._tag = 0
        self._stock = walls.stock(level, refusal)
        if level != "none":
            self._bear = _in_namespace if walls.may_come_back() else _with_midwife

    def wait(self):
        # type: () -> None
        """Has all ready for the next instance, once the first has come and nobody waits."""
        if self._tag and self._stock.is_wanting() and _is_quiet(self._control):
            self._stock.fill(identity.uid_of(self._tag + 1))
        self._stock.wait(self._control.fileno())

    def spawn(self, packet, descriptors):
        # type: (bytes, List[int]) -> bool
        """True in the instance, when its life is over; False in the zygote."""
        tag, is_spare = _SPAWN.unpack(packet)
        self._tag = tag
        try:
            _wear(tag)
            self._stock.look()
            worker, init, midwife = self._bear(tag)
        except (OSError, NotImplementedError) as exc:
            worker, init, midwife = -(getattr(exc, "errno", None) or 1), 0, 0
        if worker == 0:
            self._control.close()
            requests, answers, bulk, witness, stdout, stderr = descriptors
            enter_instance(self._supervisor, tag, stdout, stderr)
            ground = walls.Ground(self._refusal, init > 0, tag, self._stock)
            runtime.run(requests, answers, bulk, witness, is_spare, ground)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        _tell(self._control, worker, init, midwife)
        self._stock.close()  # the instance has it, whether it needs it or not
        return False


def _alone(tag):
    # type: (int) -> Tuple[int, int, int]
    return clone_sibling(), 0, 0


def _in_namespace(tag):
    # type: (int) -> Tuple[int, int, int]
    """The pids of worker, init and midwife; as those of a clone, 0 first of all in the worker."""
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _leave_pid_namespace():
            return _alone(tag)
        worker, init = _deliver(tag)
        if worker != 0:
            # Else all later clones would be born into that namespace. Those that were, are found
            # by their tag: the supervisor looks for them when a zygote ends.
            namespaces.come_back(home, syscalls.CLONE_NEWPID)
    finally:
        os.close(home)
    return worker, init, 0


def _with_midwife(tag):
    # type: (int) -> Tuple[int, int, int]
    """The same, for a zygote that could not go back."""
    told, telling = os.pipe()
    midwife = clone_sibling()
    if midwife == 0:
        os.close(told)
        worker, init = _deliver(tag) if _leave_pid_namespace() else _worker_alone()
        if worker != 0:
            os.write(telling, _PAIR.pack(worker, init))
            os._exit(0)
        os.close(telling)
        return 0, init, 0
    os.close(telling)
    try:
        pids = os.read(told, _PAIR.size)
    finally:
        os.close(told)
    worker, init = _PAIR.unpack(pids) if len(pids) == _PAIR.size else (-errno.EAGAIN, 0)
    return worker, init, midwife


def _leave_pid_namespace():
    # type: () -> bool
    """For all children to come; False where the machine refuses it, and then the instance tells."""
    try:
        syscalls.unshare(syscalls.CLONE_NEWPID)
    except OSError:
        return False
    return True


def _deliver(tag):
    # type: (int) -> Tuple[int, int]
    """The worker, and the init, which is the first in a pid namespace."""
    try:
        init = clone_sibling(lambda: enter_init(tag))
    except OSError as exc:
        return -(exc.errno or 1), 0
    return _worker_alone()[0], init


def _worker_alone():
    # type: () -> Tuple[int, int]
    try:
        return clone_sibling(), 0
    except OSError as exc:
        return -(exc.errno or 1), 0


def _wear(tag):
    # type: (int) -> None
    # The clone has its tag from its first moment on, for the case that we die before we have told
    # its pid.
    _, ceiling = resource.getrlimit(resource.RLIMIT_RTTIME)
    if ceiling == resource.RLIM_INFINITY or tag <= ceiling:
        resource.setrlimit(resource.RLIMIT_RTTIME, (tag, ceiling))


def _tell(control, worker, init=0, midwife=0):
    # type: (_socket.socket, int, int, int) -> None
    try:
        control.send(_REPLY.pack(worker, init, midwife))
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


def _remove_groups(box_tag):
    # type: (int) -> None
    """Control groups outlive what was in them. The supervisor wrote where it made some."""
    try:
        with open(os.path.join(os.environ["HOME"], os.pardir, "groups.json")) as file:
            places = [str(place) for place in json.load(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return  # it made none
    deadline = time.monotonic() + _LAST_GROUPS_S
    prefix = "fcbox-%x-" % (box_tag >> TAG_SERIAL_BITS)
    while not _are_removed(places, prefix) and time.monotonic() < deadline:
        time.sleep(_RECHECK_S)  # pid 1 has to reap what was in them


def _are_removed(places, prefix):
    # type: (List[str], str) -> bool
    left = 0
    for place in filter(os.path.isdir, places):
        for name in os.listdir(place):
            if name.startswith(prefix):
                try:
                    os.rmdir(os.path.join(place, name))
                except OSError:
                    left += 1  # the next start of a box tries again
    return not left


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
        tag = _tag_of(pid)
        if tag < 0 or tag >> TAG_SERIAL_BITS != box_tag >> TAG_SERIAL_BITS:
            return False
        with open("/proc/%d/stat" % pid, "rb") as stat:
            fields = stat.read().rpartition(b") ")[2].split()
        # One whose first thread has ended alone looks like a zombie, but has other threads. An init
        # on its way out waits until somebody has reaped the worker, who was the supervisor's child.
        return not int(fields[6]) & _PF_EXITING or int(fields[17]) > 1
    except OSError:
        return False


def _tag_of(pid):
    # type: (int) -> int
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[1]
    except PermissionError:  # it has a uid of its own, and we lack CAP_SYS_RESOURCE
        return _tag_in_limits(pid)


def _tag_in_limits(pid):
    # type: (int) -> int
    with open("/proc/%d/limits" % pid, "rb") as limits:
        for line in limits:
            if line.startswith(b"Max realtime timeout"):
                ceiling = line.split()[4]
                return -1 if ceiling == b"unlimited" else int(ceiling)
    return -1
