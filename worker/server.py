"""The processes of a custom runtime: its server, started once and reaped once, and hooks' commands.

Its end is the end of the instance, in the same way: who looks at the worker's exit status sees the
server's.
"""

import _socket
import os
import signal
import threading
import time

from worker.environment import localized
from worker.listening import Listeners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

__all__ = ["Server", "TookTooLong", "choose_port", "end_like", "program", "run_command"]

_MOST_TRIES = 20
_LOOK_S = 0.01
_HELD = []  # type: List[_socket.socket]


def choose_port(wanted, has_own_network):
    # type: (int, bool) -> int
    """The wanted one, or a free one where somebody has it. Raises OSError where there is none.

    Two instances may choose at the same time, before either server listens. So each takes a name
    for its port first, in the abstract namespace of unix(7), which belongs to the network namespace
    as the ports do. It keeps the name for its life.
    """
    if has_own_network:
        return wanted
    for port in [wanted] + [0] * _MOST_TRIES:
        probe = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        try:
            probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
            found = int(probe.getsockname()[1])
        except OSError:
            if not port:
                raise
            continue
        finally:
            probe.close()
        if _hold(found):
            return found
    raise OSError(98, "no free port was found")  # EADDRINUSE


def _hold(port):
    # type: (int) -> bool
    name = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        name.bind(b"\0fcbox-port-%d" % port)
    except OSError:
        name.close()
        return False
    _HELD.append(name)
    return True


def program(setup, command):
    # type: (Dict[str, Any], List[str]) -> List[str]
    """The command with the cloud's paths replaced. A bare name is looked for on PATH, then in the
    code; what has a slash is relative to the code, which is the working directory."""
    argv = [localized(setup, text) for text in command]
    if "/" not in argv[0]:
        folders = os.environ.get("PATH", os.defpath).split(":")
        if not any(os.access(os.path.join(folder, argv[0]), os.X_OK) for folder in folders):
            argv[0] = os.path.join(setup["code_dir"], argv[0])
    return argv


class TookTooLong(Exception):
    """A command was killed, as its time was up."""


def run_command(argv, timeout_s):
    # type: (List[str], Optional[float]) -> int
    """Its exit status, or minus the signal. Raises OSError, ValueError, and TookTooLong."""
    import subprocess

    process = subprocess.Popen(argv)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise TookTooLong from None


class Server(object):
    """One process. `wait` is for the main thread; all else may be asked by any."""

    def __init__(self, port):
        # type: (int) -> None
        self.port = port
        self.has_ended = threading.Event()
        self.pid = 0
        self._listeners = None  # type: Optional[Listeners]
        self._process = None  # type: Any  # a Popen that is forgotten waits for its child
        self._lock = threading.RLock()  # a signal handler may come in between

    def watch_port(self, held):
        # type: (Sequence[str]) -> None
        """Its port may be taken by others, as far as these walls leave that open.

        Without a wall between the instances there is nothing that could be told apart.
        """
        has_walls = {"own_uid", "landlock", "pid_namespace"}.intersection(held)
        if has_walls and "net_namespace" not in held:
            self._listeners = Listeners("own_uid" in held)

    def check_port(self):
        # type: () -> None
        """Raises OSError when somebody else listens there, who must get nothing."""
        if self._listeners is not None and self._listeners.has_strange(self.port):
            raise OSError(98, "another program listens on port %d" % self.port)  # EADDRINUSE

    def start(self, argv):
        # type: (List[str]) -> None
        """Raises OSError."""
        import subprocess  # nobody else in a worker needs it

        self._process = subprocess.Popen(argv)
        self.pid = self._process.pid

    def terminate(self, signum=signal.SIGTERM):
        # type: (int) -> None
        """That signal, unless it has been reaped."""
        with self._lock:
            if self.pid and not self.has_ended.is_set():
                os.kill(self.pid, signum)

    def wait(self):
        # type: () -> int
        """Its status, as wait(2) tells it."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self.has_ended.set()
        return os.waitpid(self.pid, 0)[1]

    def wait_listening(self, timeout_s):
        # type: (float) -> bool
        """Until its port accepts; False when the time is up, or it has ended."""
        deadline = time.monotonic() + timeout_s
        while not self.has_ended.is_set() and time.monotonic() < deadline:
            probe = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            try:
                probe.connect(("127.0.0.1", self.port))
                self.check_port()
                return True
            except OSError:
                self.has_ended.wait(_LOOK_S)
            finally:
                probe.close()
        return False

    def peak_kb(self):
        # type: () -> int
        """The largest resident size so far (VmHWM, proc_pid_status(5)); 0 when it is not known."""
        try:
            with open("/proc/%d/status" % self.pid) as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1])
        except OSError:
            pass
        return 0


def end_like(status):
    # type: (int) -> None
    """Ends this process with the same exit status, or by the same signal."""
    if os.WIFSIGNALED(status):
        signum = os.WTERMSIG(status)
        if signum != signal.SIGKILL:
            signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
        time.sleep(1)  # it may be another thread that takes it
        os._exit(128 + signum)
    os._exit(os.WEXITSTATUS(status))
