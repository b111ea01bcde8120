"""Looks for what is none of its business: secrets, other processes, files, ways to the network.

The event has pids, a port and folders. Each handler gives the words for what it found, or could do.
"""

import ctypes
import glob
import json
import os
import resource
import socket
import tempfile

CANARY = "FCBOX_CANARY"
PIDFD_OPEN, PIDFD_GETFD = 434, 438
PTRACE_SEIZE = 0x4206
AF_PACKET, AF_VSOCK, IPPROTO_MPTCP = 17, 40, 262

libc = ctypes.CDLL(None, use_errno=True)


def _tried(attempts):
    """The words of those that raise nothing."""
    worked = []
    for word, attempt in attempts:
        try:
            attempt()
        except (OSError, ValueError):
            continue
        worked.append(word)
    return sorted(set(worked))


def _require(is_so):
    if not is_so:
        raise OSError


# -- secrets -------------------------------------------------------------------------------------


def secrets(event, context):
    """Of the supervisor's environment and of its user's home."""
    facts = json.loads(event.decode())
    attempts = [
        ("its own variables", lambda: _require(CANARY in os.environ)),
        ("its first environment", lambda: _find("/proc/self/environ", CANARY.encode())),
        ("/etc/shadow", lambda: open("/etc/shadow", "rb").close()),
    ]
    for pid in facts["pids"] + [os.getppid()]:
        path = "/proc/{}/environ".format(pid)  # noqa: UP032
        wanted = facts["first variable"].encode()
        attempts.append(("another's environment", lambda p=path, w=wanted: _find(p, w)))
    for home in (facts["home"], os.path.expanduser("~"), "/root", *glob.glob("/home/*")):
        path = os.path.join(home, ".fcbox_canary")
        attempts.append(("a file at home", lambda path=path: open(path, "rb").close()))
    return _tried(attempts)


def _find(path, wanted):
    with open(path, "rb") as file:
        _require(wanted in file.read())


# -- other processes -----------------------------------------------------------------------------


def processes(event, context):
    """Of its parent, the supervisor, the zygote and a sibling."""
    pids = json.loads(event.decode())["pids"]
    if os.getppid() > 1:
        pids.append(os.getppid())
    worked = set()
    for pid in pids:
        worked.update(_tried(_on(pid)))
    return sorted(worked)


def _on(pid):
    proc = "/proc/{}/".format(pid)  # noqa: UP032
    nice = os.PRIO_PROCESS
    return [
        ("signal", lambda: os.kill(pid, 0)),
        ("environment", lambda: open(proc + "environ", "rb").read(1)),
        ("memory", lambda: open(proc + "mem", "r+b", 0).close()),
        ("descriptors", lambda: os.listdir(proc + "fd")),
        ("limits", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE)),
        ("priority", lambda: os.setpriority(nice, pid, os.getpriority(nice, pid))),
        ("a descriptor", lambda: _take_descriptor(pid)),
        ("trace", lambda: _trace(pid)),
    ]


def _take_descriptor(pid):
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    _require(pidfd >= 0)
    taken = [libc.syscall(PIDFD_GETFD, pidfd, number, 0) for number in range(16)]
    os.close(pidfd)
    for descriptor in taken:
        if descriptor >= 0:
            os.close(descriptor)
    _require(max(taken) >= 0)


def _trace(pid):
    child = os.fork()
    if child == 0:  # the trace ends with it
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        os._exit(0 if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0 else 1)
    _require(os.waitpid(child, 0)[1] == 0)


# -- files ---------------------------------------------------------------------------------------


def files(event, context):
    """To change its own code, and to write anywhere but in /tmp; what worked is undone."""
    own = os.path.abspath(__file__)
    here = os.path.dirname(own)
    link, hard = os.path.join(here, "x_link"), os.path.join(tempfile.gettempdir(), "x_hard")
    attempts = [
        ("append", lambda: open(own, "ab").close()),
        ("mode", lambda: os.chmod(own, os.stat(own).st_mode & 0o7777)),
        ("times", lambda: os.utime(own, (1e9, 1e9))),
        ("rename", lambda: _rename(own)),
        ("symbolic link", lambda: _undone(lambda: os.symlink("/", link), link)),
        ("hard link", lambda: _undone(lambda: os.link(own, hard), hard)),
    ]
    folders = (
        here,
        os.path.join(here, ".."),
        "/",
        "/usr",
        "/etc",
        "/var",
        "/opt",
        "/root",
        "/home",
    )
    for folder in folders:
        path = os.path.join(folder, "x_fcbox_probe")
        attempts.append(("a file in " + folder, lambda path=path: _create(path)))
    with open(os.path.join(tempfile.gettempdir(), "own"), "w") as file:
        file.write("this is allowed")
    return _tried(attempts)


def _undone(action, path):
    action()
    os.unlink(path)


def _rename(path):
    os.rename(path, path + "_")
    os.rename(path + "_", path)


def _create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)


# -- network -------------------------------------------------------------------------------------


def network(event, context):
    """Where the host listens, and beyond. Loopback is the instance's own, if it has one."""
    facts = json.loads(event.decode())
    port, stream, datagram = facts["port"], socket.SOCK_STREAM, socket.SOCK_DGRAM
    inet, local = socket.AF_INET, socket.AF_UNIX
    return _tried(
        [
            ("TCP", lambda: _connect(inet, ("127.0.0.1", port))),
            ("MPTCP", lambda: _connect(inet, ("127.0.0.1", port), stream, IPPROTO_MPTCP)),
            ("UDP", lambda: _connect(inet, ("127.0.0.1", port), datagram, data=b"canary")),
            ("TCP 6", lambda: _connect(socket.AF_INET6, ("::1", port))),
            ("route", lambda: _connect(inet, ("192.0.2.1", 53), datagram)),
            ("abstract", lambda: _connect(local, "\0fcbox-canary-{}".format(port))),  # noqa: UP032
            ("pathname", lambda: _connect(local, facts["path"])),
            ("vsock", lambda: socket.socket(AF_VSOCK, stream).close()),
            ("raw", lambda: socket.socket(inet, socket.SOCK_RAW, 1).close()),
            ("packet", lambda: socket.socket(AF_PACKET, socket.SOCK_RAW, 0).close()),
        ]
    )


def _connect(family, address, kind=socket.SOCK_STREAM, protocol=0, data=b""):
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(1)
        connection.connect(address)
        if data:
            connection.send(data)
            connection.settimeout(0.2)
            try:
                connection.recv(1)
            except socket.timeout:  # noqa: UP041
                pass
    finally:
        connection.close()


def loopback(event, context):
    """It works inside, and so does a socket of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = socket.create_connection(listener.getsockname(), 1)
    client.sendall(b"well")
    return listener.accept()[0].recv(4).decode()
