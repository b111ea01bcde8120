"""The host's side of an attack: what it offers, and whom it sees living."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Listeners", "kill_all", "living"]

PATIENCE_S = 20.0
_LOOKS = 10


class Listeners:
    """What the host offers on its loopback, and by UNIX sockets."""

    def __init__(self, name: str, folder: Path) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.tcp.getsockname()[1]
        self.path = str(folder / "host.socket")
        self._held = [self.tcp]
        self._bind(socket.AF_INET6, socket.SOCK_STREAM, ("::1", self.port))
        self._bind(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{name}.host")
        self._bind(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{name}.host.datagram")
        self._bind(socket.AF_UNIX, socket.SOCK_STREAM, self.path)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._echo, daemon=True).start()

    def _bind(self, family: int, kind: int, address: Any) -> None:
        listener = socket.socket(family, kind)
        try:
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen(50)
        except OSError:  # a machine without IPv6
            listener.close()
            return
        self._held.append(listener)

    def _echo(self) -> None:
        while True:
            data, address = self._udp.recvfrom(64)
            self._udp.sendto(data, address)


def living(prefix: str) -> list[str]:
    """Whose names begin so, without that beginning.

    Who changes its pid all the time is hardly met alive. But it leaves dead ones, which pid 1
    reaps in its own time: a dead one that is younger than this look has had a living parent.
    """
    oldest = _newest_pid()
    words = set()
    for _ in range(_LOOKS):
        for pid, word, is_dead in _named(prefix):
            if not is_dead or pid > oldest:
                words.add(word)
    return sorted(words)


def _named(prefix: str) -> Iterator[tuple[int, str, bool]]:
    # Those that were given out since the list was made come last.
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    for pid in (*pids, *range(max(pids) + 1, _newest_pid() + 2)):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                name, _, rest = stat.read().decode().partition("(")[2].rpartition(") ")
        except OSError:
            continue
        if name.startswith(prefix):
            yield pid, name.removeprefix(prefix), rest[0] in "ZX"


def _newest_pid() -> int:
    return int(Path("/proc/loadavg").read_text().split()[-1])  # proc(5)


def kill_all(prefix: str) -> None:
    """SIGKILLs those, until none is found."""
    end = time.monotonic() + PATIENCE_S
    while living(prefix) and time.monotonic() < end:
        for _ in range(_LOOKS):
            for pid, _, is_dead in _named(prefix):
                if not is_dead:
                    _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # it has ended by now
