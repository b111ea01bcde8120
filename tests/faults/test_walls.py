"""Functions that reach for what is not theirs, at the levels that keep it from them.

At `none` they get it: that shows that each would find what it looks for.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import BoxSettings, Cause, FunctionSpec
from tests.boxes import (
    ENDS,
    PYTHONS,
    PatientSandbox,
    error_text,
    open_box,
    wait_until,
)

FUNCTIONS = Path(__file__).with_name("functions")
WALLED = [(version, level) for version in ENDS for level in ("process", "strict")]
AT_WALLS = pytest.mark.parametrize(("version", "level"), WALLED)
AT_ALL = pytest.mark.parametrize(("version", "level"), [(ENDS[-1], "none"), *WALLED], ids="-".join)


@contextmanager
def run(
    folder: Path, version: str, level: str, *handlers: str, **fields: Any
) -> Iterator[PatientSandbox]:
    """A box with these handlers as functions of their name; the code is a copy."""
    code = folder / "code"
    shutil.copytree(FUNCTIONS, code, ignore=shutil.ignore_patterns("__pycache__"))
    specs = [
        FunctionSpec(
            handler.partition(".")[2], handler, str(code), python=PYTHONS[version],
            **{"timeout_s": 20.0, **fields},
        )
        for handler in handlers
    ]  # fmt: skip
    settings = BoxSettings(grace_s=0.3, dump_grace_s=0.3, isolation=level)
    with open_box(folder, specs, settings) as box:
        yield box


def ask(box: PatientSandbox, function: str, **facts: Any) -> Any:
    """What it found."""
    result = box.invoke(function, json.dumps(facts).encode())
    assert result.ok, result.body
    return json.loads(result.body)


@AT_ALL
def test_secrets(tmp_path: Path, version: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in its own environment at any level; no other's, and no file of the user's."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".fcbox_canary").write_text("a secret")
    monkeypatch.setenv("FCBOX_CANARY", "a secret")
    with run(tmp_path, version, level, "looks_around.secrets") as box:
        first = Path("/proc/self/environ").read_bytes().partition(b"\0")[0].decode()
        facts = {"pids": [os.getpid()], "home": str(home), "first variable": first}
        found = ask(box, "secrets", **facts)

    if level == "none":
        assert {"a file at home", "another's environment"} <= set(found)
        assert not {"its own variables", "its first environment"} & set(found)
    else:
        assert found == []


@AT_ALL
def test_processes(tmp_path: Path, version: str, level: str) -> None:
    """None but its own, for anything; they go on."""
    handlers = ("looks_around.processes", "takes_too_much.memory")
    with run(tmp_path, version, level, *handlers) as box:
        assert box.invoke("memory", b"well").ok
        zygotes: Any = box.statistics()["zygotes"]
        siblings = [each.pid for each in box.instances()]
        found = ask(box, "processes", pids=[os.getpid(), *zygotes, *siblings])
        assert box.invoke("memory", b"well").ok
        assert [each.pid for each in box.instances() if each.function == "memory"] == siblings

    if level == "none":
        assert {"signal", "environment", "descriptors", "limits"} <= set(found)
    else:
        assert found == []


@AT_WALLS
def test_files(tmp_path: Path, version: str, level: str) -> None:
    """Neither its own code nor anything outside of its /tmp is changed."""
    with run(tmp_path, version, level, "looks_around.files") as box:
        before = fingerprint(tmp_path / "code")
        assert ask(box, "files") == []
        assert fingerprint(tmp_path / "code") == before


def test_files_can_be_changed_without_walls(tmp_path: Path) -> None:
    with run(tmp_path, ENDS[-1], "none", "looks_around.files") as box:
        found = ask(box, "files")

    assert {"append", "mode", "times", "rename"} <= set(found)


def fingerprint(folder: Path) -> str:
    """Of names, modes, times and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path} {status.st_mode} {status.st_mtime_ns}".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Listeners:
    """Where the host listens, and whether anybody came."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "socket")
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        self._all = [tcp, udp]
        for address in (f"\0fcbox-canary-{self.port}", self.path):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(address)
            listener.listen(10)
            self._all.append(listener)
        for each in self._all:
            each.setblocking(False)

    def visitors(self) -> int:
        """How many of them somebody has come to."""
        return sum(self._has_visitor(each) for each in self._all)

    def _has_visitor(self, listener: socket.socket) -> bool:
        try:
            if listener.type == socket.SOCK_DGRAM:
                return bool(listener.recv(100))
            listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        for each in self._all:
            each.close()


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[Listeners]:
    listeners = Listeners(tmp_path)
    yield listeners
    listeners.close()


@AT_WALLS
def test_network_off(tmp_path: Path, version: str, level: str, listeners: Listeners) -> None:
    """Nothing arrives; the instance has a loopback of its own."""
    handlers = ("looks_around.network", "looks_around.loopback")
    with run(tmp_path, version, level, *handlers, network="off") as box:
        found = ask(box, "network", port=listeners.port, path=listeners.path)
        own = box.invoke("loopback")

    assert found == []
    assert listeners.visitors() == 0
    assert own.body == b"well"


def test_network_can_be_reached_when_it_is_on(tmp_path: Path, listeners: Listeners) -> None:
    with run(tmp_path, ENDS[-1], "none", "looks_around.network") as box:
        found = ask(box, "network", port=listeners.port, path=listeners.path)

    assert {"TCP", "UDP", "abstract", "pathname"} <= set(found)
    assert listeners.visitors() == 4


@AT_WALLS
def test_memory(tmp_path: Path, version: str, level: str) -> None:
    """Out of memory is what it is called, with the limit; no bare SIGKILL."""
    with run(tmp_path, version, level, "takes_too_much.memory", memory_mb=128) as box:
        result = box.invoke("memory")
        well = box.invoke("memory", b"well")

    assert result.cause is Cause.OOM
    assert result.status == "SIGKILL(-9), memory limit 128 MB reached"
    assert re.search(r"memory limit: 128MB reached\)$", error_text(result))
    assert well.ok


@AT_WALLS
def test_fork_bomb(tmp_path: Path, version: str, level: str) -> None:
    """Stopped by the limit; a second after the end nothing of it is left."""
    handlers = ("takes_too_much.processes", "looks_around.files")
    with run(tmp_path, version, level, *handlers, memory_mb=2048) as box:
        result = box.invoke("processes")
        answer = json.loads(result.body)
        box.recycle("processes")
        wait_until(lambda: box.instances() == [] and box.processes() == set(), "the end", 5.0)
        assert ask(box, "files") == []

    assert answer["errno"] == errno.EAGAIN
    assert answer["made"] < 1024
