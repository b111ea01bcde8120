"""`fcbox run` as a process of its own, and a client for it.

    with serving(tmp_path, write_config(tmp_path, SOURCE)) as served:
        answer = served.invoke(b"{}")

It has its state and its temp directory below the test's own, and serves as soon as the context is
entered: readiness is the line that says how to stop it.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.boxes import environ_of, live_processes, wait_until

__all__ = ["Answer", "Served", "ask", "invocations", "serving", "write_config"]

ROOT = Path(__file__).parents[2]
ENDING_S = 1.0
"""What a supervisor leaves when it is killed is gone after this long."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def invocations(function: str = "f") -> str:
    return f"/2023-03-30/functions/{function}/invocations"


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return read_answer(connection)
    finally:
        connection.close()


def read_answer(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def write_config(
    folder: Path,
    source: str,
    *,
    initializer: str = "",
    pre_stop: str = "",
    pre_stop_timeout_s: int = 10,
    timeout_s: int = 30,
    box: Mapping[str, Any] | None = None,
    **props: Any,
) -> Path:
    """An s.yaml with one function `f` whose index.py is `source`.

    A function that signals to its test by files in `folder` runs without walls.
    """
    code = folder / "code"
    code.mkdir()
    (code / "index.py").write_text(textwrap.dedent(source), encoding="utf-8")
    hooks: dict[str, Any] = {}
    if initializer:
        hooks["initializer"] = {"handler": f"index.{initializer}", "timeout": 10}
    if pre_stop:
        hooks["preStop"] = {"handler": f"index.{pre_stop}", "timeout": pre_stop_timeout_s}
    props = {
        **props,
        "region": "cn-hangzhou",
        "functionName": "f",
        "runtime": "python3.10",
        "code": "./code",
        "handler": "index.handler",
        "memorySize": 128,
        "timeout": timeout_s,
        "instanceLifecycleConfig": hooks,
    }
    walls = {"isolation": "none"} if str(folder) in source else {}
    document = {
        "edition": "3.0.0",
        "name": "test",
        "access": "default",
        "fcbox": {"python": sys.executable, **walls, **(box or {})},
        "resources": {"f": {"component": "fc3", "props": props}},
    }
    path = folder / "s.yaml"
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return path


class Served:
    """A running `fcbox run`."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]", talk: Path) -> None:
        self.process = process
        self.environ = environ_of(folder)
        self.state = folder / "state"
        self.temp = folder / "tmp"
        self._talk = talk

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.talk())
        assert found, self.talk()
        return int(found[1])

    def talk(self) -> str:
        """Its standard error so far."""
        return self._talk.read_text(encoding="utf-8")

    def wait_talk(self, text: str) -> None:
        def has_come() -> bool:
            assert self.process.poll() is None or text in self.talk(), self.talk()
            return text in self.talk()

        wait_until(has_come, f"{text!r} on standard error")

    def ask(self, method: str, path: str, *rest: Any) -> Answer:
        return ask(self.port, method, path, *rest)

    def invoke(self, event: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("POST", invocations(), event, headers)

    def begin(self, event: bytes = b"") -> http.client.HTTPConnection:
        """Sends an invocation and does not wait for the answer: see `read_answer`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", invocations(), event)
        return connection

    def instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/fcbox/instances").json
        return found

    def signal(self, signum: int) -> None:
        self.process.send_signal(signum)

    def wait(self, timeout_s: float = 20.0) -> int:
        """Its exit code."""
        return self.process.wait(timeout_s)

    def box_tag(self) -> int:
        (name,) = os.listdir(self.state / "runs")
        return int(name, 16)

    def assert_clean(self, tag: int) -> None:
        """After it has ended: nothing is left of it."""
        assert live_processes(tag) == set()
        assert os.listdir(self.state / "runs") == []
        assert os.listdir(self.temp) == []


@contextmanager
def serving(folder: Path, config: Path, *arguments: str, is_ready: bool = True) -> Iterator[Served]:
    """Runs it; kills it, and whatever there is of it, at the end."""
    talk = folder / f"talk-{len(list(folder.glob('talk-*')))}"
    command = [sys.executable, "-m", "sandbox", "run", str(config), "--port", "0", *arguments]
    with talk.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ_of(folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=stderr, start_new_session=True,
        )  # fmt: skip
    served = Served(folder, process, talk)
    assert process.stdout
    with process.stdout:
        try:
            if is_ready:
                served.wait_talk("press Ctrl-C to stop\n")
            yield served
            assert process.poll() is None or process.stdout.read() == b""  # it is for data
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
