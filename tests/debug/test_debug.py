"""`fcbox run --debug`: a client of the debug adapter protocol at its port, as an editor is one."""

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.cli import exits
from sandbox.cli.options import RunOptions
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.debug import opening
from tests.boxes import environ_of, wait_until
from tests.debug.dap import Client
from tests.http.serving import ROOT, Served, read_answer, serving, write_config
from tests.interpreters import INTERPRETERS

TIMEOUT_S = 1
LONGER_S = 1.7
SOURCE = """
import time

def initialize(context):
    print("initialized")

def handler(event, context):
    word = event.decode()
    if word == "slow":
        time.sleep(30)
    return word

def preStop(context):
    print("stopped")
"""
INITIALIZER_LINE, HANDLER_LINE, IF_LINE = 5, 8, 9
STAND, GO_ON = "the clocks of this function stand still", "the clocks of this function go on"


class Debugged:
    """A run of SOURCE, and clients of its debugger."""

    def __init__(self, folder: Path, served: Served, stack: ExitStack) -> None:
        self.served = served
        self.code = str(folder / "code")
        self._stack = stack

    @property
    def port(self) -> int:
        found = re.search(r"debugger: attach to 127\.0\.0\.1:(\d+)", self.served.talk())
        assert found
        return int(found[1])

    def client(self) -> Client:
        client = Client(self.port)
        self._stack.callback(client.close)
        return client


@pytest.fixture
def debug(tmp_path: Path) -> Iterator[Callable[..., Debugged]]:
    """Serves SOURCE; its Initializer and its handler may take TIMEOUT_S."""
    with ExitStack() as stack:

        def run(*arguments: str) -> Debugged:
            config = write_config(
                tmp_path, SOURCE, initializer="initialize", pre_stop="preStop", timeout_s=TIMEOUT_S
            )
            text = config.read_text().replace('"timeout": 10', f'"timeout": {TIMEOUT_S}')
            config.write_text(text)
            command = ("--debug", "f", "--debug-port", str(free_port()), *arguments)
            return Debugged(
                tmp_path, stack.enter_context(serving(tmp_path, config, *command)), stack
            )

        yield run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("level", ["none", "process"])
def test_breakpoints_in_initializer_and_handler_stop_all_clocks(
    debug: Callable[..., Debugged], level: str
) -> None:
    run = debug("--isolation", level)
    client = run.client()
    found = client.attach(run.code, {"index.py": [INITIALIZER_LINE, HANDLER_LINE]})
    assert [breakpoint["verified"] for breakpoint in found] == [True, True]

    thread, path, line = client.wait_stopped()
    assert (path, line) == (f"{run.code}/index.py", INITIALIZER_LINE)
    time.sleep(LONGER_S)
    client.go_on(thread)
    connection = run.served.begin(b"hello")
    thread, _, line = client.wait_stopped()
    assert line == HANDLER_LINE
    time.sleep(LONGER_S)
    client.go_on(thread)

    answer = read_answer(connection)
    connection.close()
    assert (answer.status, answer.body) == (200, b"hello")
    log = run.served.talk()
    assert log.index(STAND) < log.index("FC Initialize Start")
    assert log.count(STAND) == 1


def test_a_client_finds_the_instance_that_serves(debug: Callable[..., Debugged]) -> None:
    run = debug()
    assert run.served.invoke(b"first").body == b"first"
    client = run.client()
    client.attach(run.code, {"index.py": [IF_LINE]})
    connection = run.served.begin(b"second")
    thread, _, _ = client.wait_stopped()
    frame = client.ask("stackTrace", threadId=thread)["stackFrames"][0]["id"]
    assert client.ask("evaluate", expression="word", frameId=frame)["result"] == "'second'"
    client.go_on(thread)

    assert read_answer(connection).body == b"second"
    connection.close()
    assert run.served.talk().count("FC Initialize Start") == 1


def test_clocks_go_on_when_the_client_is_gone(debug: Callable[..., Debugged]) -> None:
    """However it goes: this one says nothing."""
    run = debug()
    client = run.client()
    client.attach(run.code, {"index.py": [HANDLER_LINE]})
    connection = run.served.begin(b"slow")
    client.wait_stopped()
    time.sleep(LONGER_S)
    client.close()
    answer = read_answer(connection)
    connection.close()

    assert "timed out after 1 seconds" in answer.json["errorMessage"]
    run.served.wait_talk("FC Invoke End")  # it comes after the stacks
    log = run.served.talk()
    assert log.index(STAND) < log.index(GO_ON) < log.index("FC Invoke End")
    again = run.client()  # its breakpoints left with it: a new instance, and a new client
    again.attach(run.code, {"index.py": [IF_LINE]})
    connection = run.served.begin(b"more")
    thread, _, line = again.wait_stopped()
    assert line == IF_LINE
    again.go_on(thread)
    assert read_answer(connection).body == b"more"
    connection.close()


def test_a_second_client_is_sent_away(debug: Callable[..., Debugged]) -> None:
    run = debug()
    first = run.client()
    first.attach(run.code, {})
    second = run.client()
    second.begin()

    assert second.is_ended()
    assert "a second debugger was sent away" in run.served.talk()


def test_a_web_page_is_no_debugger(debug: Callable[..., Debugged]) -> None:
    """debugpy would take the body of its request for a message."""
    run = debug()
    page = http.client.HTTPConnection("127.0.0.1", run.port, timeout=30)
    page.request("POST", "/", b'{"type": "request", "command": "evaluate"}')
    with pytest.raises(http.client.BadStatusLine):
        page.getresponse()
    page.close()

    assert "a debugger is attached" not in run.served.talk()


def test_a_saved_file_ends_the_session_and_the_next_one_has_new_code(
    debug: Callable[..., Debugged],
) -> None:
    run = debug()
    client = run.client()
    client.attach(run.code, {})
    run.served.invoke(b"x")
    (Path(run.code) / "index.py").write_text(SOURCE.replace("event.decode()", '"saved"'))
    assert client.is_ended()
    wait_until(lambda: GO_ON in run.served.talk(), "the clocks to go on")

    client = run.client()
    client.attach(run.code, {"index.py": [INITIALIZER_LINE]})
    client.go_on(client.wait_stopped()[0])
    assert run.served.invoke(b"x").body == b"saved"


def test_ctrl_c_frees_who_stands_at_a_breakpoint(debug: Callable[..., Debugged]) -> None:
    run = debug()
    client = run.client()
    client.attach(run.code, {"index.py": [HANDLER_LINE]})
    connection = run.served.begin(b"hello")
    client.wait_stopped()
    run.served.signal(2)

    assert read_answer(connection).body == b"hello"
    connection.close()
    assert run.served.wait() == 130
    assert "stopped" in run.served.talk()


@pytest.mark.parametrize(("version", "python"), INTERPRETERS)
def test_every_interpreter_is_debugged_or_says_why_not(
    debug: Callable[..., Debugged], version: str, python: str
) -> None:
    run = debug("--python", python)
    client = run.client()
    if tuple(map(int, version.split("."))) < (3, 8):
        client.begin()
        assert client.is_ended()
        assert "debugpy needs Python 3.8 or later" in run.served.talk()
        return
    client.attach(run.code, {"index.py": [INITIALIZER_LINE]})

    assert client.wait_stopped()[2] == INITIALIZER_LINE


# -- what is refused before anything is started --------------------------------------------------


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    config = write_config(folder, SOURCE)
    command = [sys.executable, "-m", "sandbox", "run", str(config), "--port", "0", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ_of(folder), capture_output=True, text=True
    )
    return ended.returncode, ended.stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, talk = refused(tmp_path, "--debug", "f", "--debug-port", str(port))

    assert code == exits.UNAVAILABLE
    assert talk.startswith(f"error: cannot listen for the debugger on 127.0.0.1:{port}: ")


def test_an_unknown_function_is_told(tmp_path: Path) -> None:
    code, talk = refused(tmp_path, "--debug", "g")

    assert (code, talk) == (2, "error: there is no function g to debug\n\nhint: there is: f\n")


def test_a_function_without_network_cannot_be_reached(tmp_path: Path) -> None:
    code, talk = refused(tmp_path, "--debug", "f", "--isolation", "strict")

    assert code == 2
    assert "f has no network, and a debugger reaches it over loopback" in talk


def test_events_are_not_debugged(tmp_path: Path) -> None:
    code, talk = refused(tmp_path, "--debug", "f", "-e", "x")

    assert code == 2
    assert "--debug is for a run that serves" in talk


def test_a_missing_debugpy_is_told_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    spec = FunctionSpec("f", "index.handler", "/code")
    options = RunOptions(debugged="f", debug_port=free_port())

    assert opening.open_debugging([spec], BoxSettings(), options) == exits.USAGE
    assert "pip install 'fcbox[debug]'" in capfd.readouterr().err


# -- the launch file -----------------------------------------------------------------------------


def init(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sandbox", "init", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_init_writes_a_launch_file_that_maps_the_code(tmp_path: Path) -> None:
    made = init(tmp_path / "new", "--vscode")

    assert made.returncode == 0, made.stderr
    launch = json.loads((tmp_path / "new" / ".vscode" / "launch.json").read_text())
    (attach,) = launch["configurations"]
    assert attach["request"] == "attach"
    assert attach["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert attach["pathMappings"] == [
        {"localRoot": "${workspaceFolder}", "remoteRoot": "/code"}
    ]  # fmt: skip


def test_an_existing_project_gets_a_launch_file_and_nothing_else(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    before = config.read_text()
    made = init(tmp_path, "--vscode")

    assert made.returncode == 0, made.stderr
    launch = json.loads((tmp_path / ".vscode" / "launch.json").read_text())
    (mapping,) = launch["configurations"][0]["pathMappings"]
    assert mapping["localRoot"] == "${workspaceFolder}/code"
    assert config.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".vscode", "code", "s.yaml"]


def test_a_launch_file_is_never_overwritten(tmp_path: Path) -> None:
    write_config(tmp_path, SOURCE)
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "launch.json").write_text("mine")
    made = init(tmp_path, "--vscode")

    assert made.returncode == 2
    assert (tmp_path / ".vscode" / "launch.json").read_text() == "mine"
