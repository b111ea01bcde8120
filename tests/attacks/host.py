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


def _named(prefix: str) -> Iterator[tuple[int, str]]:
    # Who changes its pid all the time has one that was given out since the list was made.
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    newest = _newest_pid()
    for pid in (*pids, *range(newest - 5, newest + 5)):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                name, _, rest = stat.read().decode().partition("(")[2].rpartition(") ")
        except OSError:
            continue
        if name.startswith(prefix) and rest[0] not in "ZX":
            yield pid, name.removeprefix(prefix)


def _newest_pid() -> int:
    return int(Path("/proc/loadavg").read_text().split()[-1])  # proc(5)


def living(prefix: str) -> list[str]:
    """Who of those is there, after some looks."""
    return sorted({word for _ in range(20) for _, word in _named(prefix)})


def kill_all(prefix: str) -> None:
    """SIGKILLs those, until none is found."""
    end = time.monotonic() + PATIENCE_S
    while living(prefix) and time.monotonic() < end:
        for pid, _ in _named(prefix):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
