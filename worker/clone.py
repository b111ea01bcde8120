"""Forking an instance so that the *supervisor* is its parent, and what a new child does first.

`clone(CLONE_PARENT)` makes the child a sibling of the zygote: its exit status goes straight to
the supervisor, and the death of a zygote orphans nobody. The call goes through ctypes, so the
interpreter has to be told by hand what `os.fork` would have told it (PyOS_BeforeFork and its
siblings; before 3.7 there was PyOS_AfterFork alone). See clone(2), prctl(2), getrlimit(2).
"""

import ctypes
import errno
import os
import resource
import signal
import sys

from worker.syscalls import (
    CLONE_NEWUSER,
    PR_SET_DUMPABLE,
    PR_SET_NAME,
    drop_capabilities,
    prctl,
    write_entry,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Optional, Tuple

__all__ = [
    "TAG_SERIAL_BITS", "clone_sibling", "enter_init", "enter_instance", "errno_in_child",
    "new_namespace", "new_user_namespace", "set_parent_death_signal",
]  # fmt: skip

_CLONE_VM = 0x00000100
_CLONE_PARENT = 0x00008000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_PR_SET_PDEATHSIG = 1
_PR_GET_TID_ADDRESS = 40
_STACK_BYTES = 64 << 10
_LIFE_S = 10
_MOST_DESCRIPTORS = 64
"""More than a zygote ever has open, with the six of an instance."""
TAG_SERIAL_BITS = 24
"""The low bits of a tag count the instances of one supervisor; the bits above name it."""
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}

_libc = ctypes.CDLL(None, use_errno=True)
# PyDLL, not CDLL: these must run with the GIL held.
_locked_libc = ctypes.PyDLL(None, use_errno=True)
_locked_libc.syscall.restype = ctypes.c_long
_python = ctypes.pythonapi


def clone_sibling(instead=None):
    # type: (Optional[Callable[[], None]]) -> int
    """Like `os.fork`, but parent and child are siblings. Gives 0 in the child, else its pid.

    A child with something to do `instead` does that and does not come back. Its interpreter is
    not told of the clone, which takes half a millisecond: it may import nothing and log nothing.

    Raises OSError; NotImplementedError on a machine whose call number is not known.
    """
    try:
        number = _SYS_CLONE[os.uname().machine]
    except KeyError:
        raise NotImplementedError("clone on %s" % os.uname().machine) from None
    flags, tid_address = _clone_flags()
    # The last two arguments are (ctid, tls) on x86_64 and (tls, ctid) on aarch64.
    tail = (tid_address, 0) if number == 56 else (0, tid_address)
    has_brackets = sys.version_info >= (3, 7)
    if has_brackets:
        _python.PyOS_BeforeFork()
    pid = _locked_libc.syscall(
        ctypes.c_long(number), ctypes.c_long(flags), ctypes.c_long(0), ctypes.c_long(0),
        ctypes.c_long(tail[0]), ctypes.c_long(tail[1]),
    )  # fmt: skip
    if pid == 0 and instead is not None:
        _do_instead(instead)
    if pid == 0:
        (_python.PyOS_AfterFork_Child if has_brackets else _python.PyOS_AfterFork)()
        return 0
    error = ctypes.get_errno()
    if has_brackets:
        _python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, os.strerror(error))
    return int(pid)


def _do_instead(action):
    # type: (Callable[[], None]) -> None
    try:
        action()
    finally:
        os._exit(1)


def _clone_flags():
    # type: () -> Tuple[int, int]
    # glibc keeps the thread id in the thread descriptor. Its own fork has the kernel refresh it
    # there; where the kernel tells the address, so do we, else the child keeps a stale one.
    address = ctypes.c_long(0)
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) == 0 and address.value:
        settid = _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
        return _CLONE_PARENT | settid | signal.SIGCHLD, address.value
    return _CLONE_PARENT | signal.SIGCHLD, 0


def set_parent_death_signal(signum):
    # type: (int) -> None
    """The kernel sends `signum` to this process when its parent ends (prctl(2))."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def errno_in_child(attempt):
    # type: (Callable[[], object]) -> int
    """The errno with which `attempt` fails in a child that ends at once; 0 when it succeeds.

    For what cannot be undone, in a process with a single thread and no user code yet.
    """
    pid = os.fork()
    if pid == 0:
        number = errno.EIO
        try:
            attempt()
            number = 0
        except OSError as exc:
            number = exc.errno or number
        finally:
            os._exit(number)
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EIO


def new_user_namespace(uid, owner):
    # type: (int, Tuple[int, int]) -> int
    """A descriptor of one in which `uid` stands for `owner`, a uid and a gid; for root."""
    return new_namespace(CLONE_NEWUSER, "user", ["%d %d 1" % (number, uid) for number in owner])


def new_namespace(flag, name, maps=()):
    # type: (int, str, Iterable[str]) -> int
    """A descriptor of a namespace that nobody lives in; `name` is that below /proc/PID/ns.

    Something has to live in it until it is opened: a thread-like child that shares our memory,
    runs sleep(3) and nothing else, so that making it copies no page. It ends by itself should we
    be killed meanwhile.
    """
    stack = ctypes.create_string_buffer(_STACK_BYTES)
    top = (ctypes.addressof(stack) + _STACK_BYTES) & ~0xF
    flags = flag | _CLONE_VM | signal.SIGCHLD
    pid = _libc.clone(_libc.sleep, ctypes.c_void_p(top), flags, ctypes.c_void_p(_LIFE_S))
    if pid < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "a %s namespace of its own" % name)
    try:
        for kind, text in zip(("uid_map", "gid_map"), maps):
            write_entry("/proc/%d/%s" % (pid, kind), text)
        return os.open("/proc/%d/ns/%s" % (pid, name), os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def enter_instance(supervisor, tag, stdout, stderr):
    # type: (int, int, int, int) -> None
    """What the child does before anything else: own session, own stdio, its end tied to ours.

    `tag` goes into RLIMIT_RTTIME, a limit that concerns real-time scheduling only and that every
    process of the instance inherits through fork and exec: by it the supervisor finds them all,
    daemons too, with no privilege and no namespace.
    """
    os.setsid()
    set_parent_death_signal(signal.SIGKILL)
    # The supervisor may have died before the line above. From inside a pid namespace it cannot be
    # seen (0); there the zygote's last look at the tags finds us.
    if os.getppid() not in (supervisor, 0):
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _keep_tag(tag)
    null = os.open(os.devnull, os.O_RDWR)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    if "random" in sys.modules and sys.version_info < (3, 7):
        sys.modules["random"].seed()  # 3.6 does not reseed after a fork


def enter_init(tag):
    # type: (int) -> None
    """What the first process of a pid namespace does: end with the supervisor, and nothing else.

    Processes whose parent has ended become its children, and the kernel reaps them, as SIGCHLD is
    ignored (sigaction(2)). Does not return.
    """
    os.setsid()
    set_parent_death_signal(signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _keep_tag(tag)
    os.closerange(0, _MOST_DESCRIPTORS)
    prctl(PR_SET_NAME, b"fcbox-init")
    prctl(PR_SET_DUMPABLE, 0)
    drop_capabilities()
    while True:
        signal.pause()


def _keep_tag(tag):
    # type: (int) -> None
    _, ceiling = resource.getrlimit(resource.RLIMIT_RTTIME)
    if ceiling == resource.RLIM_INFINITY or tag <= ceiling:
        resource.setrlimit(resource.RLIMIT_RTTIME, (tag, tag))
