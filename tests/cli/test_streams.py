"""Standard streams that are closed, full, or read by nobody, with real processes."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.boxes import environ_of, wait_until
from tests.configs.commands import ROOT, Ran, fcbox, started, stopped
from tests.http.serving import serving, write_config

ECHO = """
    import sys

    def handler(event, context):
        print("said")
        print("blamed", file=sys.stderr)
        return b"got " + event
"""
BIG_BYTES = 2 << 20
BIG = """
    def handler(event, context):
        with open("{folder}/calls", "a") as file:
            file.write("x")
        while event == b"loop":
            pass
        return "x" * {bytes}

    def preStop(context):
        open("{folder}/stopped", "w").close()
"""
QUICK_S = 3.0
"""Far below the time that a reader is given at the end."""
STARTED = "FC Invoke Start RequestId: "


def shell(folder: Path, redirection: str, *arguments: str) -> Ran:
    """Runs a command with a redirection of the shell."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT, env=environ_of(folder), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=30, check=False,
    )  # fmt: skip
    return stopped(folder, Ran(done.returncode, done.stdout, done.stderr.decode()))


class TestClosed:
    @pytest.fixture
    def run(self, tmp_path: Path) -> list[str]:
        return ["run", str(write_config(tmp_path, ECHO)), "--log-format", "fc", "-e"]

    def test_stdout(self, tmp_path: Path, run: list[str]) -> None:
        """The answers go nowhere; the log is complete, and nothing of it is an answer."""
        ran = shell(tmp_path, ">&-", *run, "a")

        assert (ran.code, ran.out) == (0, b"")
        assert [ran.err.count(text) for text in (STARTED, "said", "blamed", "got")] == [1, 1, 1, 0]

    @pytest.mark.parametrize("redirection", ["2>&-", "<&- 2>&-"])
    def test_stderr(self, tmp_path: Path, run: list[str], redirection: str) -> None:
        """The log goes nowhere; the answer comes all the same."""
        assert shell(tmp_path, redirection, *run, "a") == Ran(0, b"got a\n", "")

    def test_stdin(self, tmp_path: Path, run: list[str]) -> None:
        """An event that is read from it is empty."""
        ran = shell(tmp_path, "<&-", *run, "-")

        assert (ran.code, ran.out) == (0, b"got \n")

    def test_all(self, tmp_path: Path, run: list[str]) -> None:
        """The exit code still tells."""
        assert shell(tmp_path, "<&- >&- 2>&-", *run, "a") == Ran(0, b"", "")

    @pytest.mark.parametrize("command", [["--version"], ["ps", "--help"], ["run", "--help"]])
    def test_other_commands(self, tmp_path: Path, command: list[str]) -> None:
        """What they would have printed is lost, and nothing else."""
        assert shell(tmp_path, ">&-", *command) == Ran(0, b"", "")


class TestUnread:
    """A reader of stdout that does not read, for a while or for ever."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> list[str]:
        source = BIG.replace("{folder}", str(tmp_path)).replace("{bytes}", str(BIG_BYTES))
        return ["run", str(write_config(tmp_path, source, pre_stop="preStop", timeout_s=1))]

    def test_signals(self, tmp_path: Path, run: list[str]) -> None:
        """The first one runs PreStop, the second one does not wait for the reader."""
        (tmp_path / "events").write_bytes(b"\n" * 50)
        calls, events = tmp_path / "calls", str(tmp_path / "events")
        with started(tmp_path, *run, "--events", events) as process:
            wait_until(lambda: calls.exists() and len(calls.read_text()) == 3, "congestion")
            process.send_signal(signal.SIGTERM)
            wait_until((tmp_path / "stopped").exists, "PreStop")
            began_s = time.monotonic()
            process.send_signal(signal.SIGINT)
            code = process.wait(20)
            took_s = time.monotonic() - began_s
            assert process.stderr
            ran = stopped(tmp_path, Ran(code, b"", process.stderr.read().decode()))

        assert (ran.code, took_s < QUICK_S) == (143, True)
        assert ran.err.endswith(" bytes of the answers could not be written\n")
        assert len(calls.read_text()) == 3, "no event begins while the answers are not read"

    def test_second_signal_while_the_end_waits(self, tmp_path: Path, run: list[str]) -> None:
        """All is over but for the answer."""
        with started(tmp_path, *run, "-e", "1", "-q") as process:
            runs = tmp_path / "state" / "runs"
            wait_until((tmp_path / "stopped").exists, "PreStop")
            wait_until(lambda: not list(runs.iterdir()), "the end of the box")
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            code = process.wait(20)

        assert (code in (130, 143), time.monotonic() - began_s < QUICK_S) == (True, True)

    def test_deadlines(self, tmp_path: Path, run: list[str]) -> None:
        """Another event's time runs out meanwhile; all answers come when somebody reads."""
        log = tmp_path / "log"
        options = ["-e", "", "-e", "loop", "--log-file", str(log), "--log-format", "fc"]
        with started(tmp_path, *run, *options, "--concurrency", "2") as process:
            wait_until(lambda: log.exists() and "timed out" in log.read_text(), "the timeout")
            out, err = process.communicate(timeout=20)
        ran = stopped(tmp_path, Ran(process.returncode, out, err.decode()))

        assert (ran.code, len(ran.lines[0])) == (124, BIG_BYTES)
        assert "Function timed out after 1 seconds" in ran.lines[1]

    def test_late_reader(self, tmp_path: Path, run: list[str]) -> None:
        """The end waits for it."""
        with started(tmp_path, *run, "-e", "1", "-e", "2") as process:
            wait_until((tmp_path / "stopped").exists, "PreStop")
            out, err = process.communicate(timeout=20)
        ran = stopped(tmp_path, Ran(process.returncode, out, err.decode()))

        assert (ran.code, [len(line) for line in ran.lines]) == (0, [BIG_BYTES] * 2)


class TestLost:
    """Output that could not be written is told, with its size."""

    def test_answers(self, tmp_path: Path) -> None:
        """The disk is full: exit 141, no further event, and how much is missing."""
        config = str(write_config(tmp_path, ECHO))
        arguments = ["run", config, "--log-format", "fc", "-e", "a", "-e", "b"]
        ran = shell(tmp_path, ">/dev/full", *arguments)

        assert (ran.code, ran.err.count(STARTED)) == (141, 1)
        assert ran.err.splitlines()[-1] == "6 bytes of the answers could not be written"

    def test_log(self, tmp_path: Path) -> None:
        """The answer comes all the same; the size is that of the whole log."""
        config = str(write_config(tmp_path, ECHO))
        run = ["run", config, "-e", "a", "--log-format", "fc", "--log-file"]
        whole = tmp_path / "log"
        assert fcbox(tmp_path, *run, str(whole)).code == 0
        ran = fcbox(tmp_path, *run, "/dev/full")

        assert (ran.code, ran.out) == (0, b"got a\n")
        said = f"{whole.stat().st_size} bytes of the log could not be written"
        assert ran.err.splitlines()[-1] == said

    def test_log_of_a_supervisor(self, tmp_path: Path) -> None:
        """Told when it ends."""
        options = ("--log-format", "fc", "--log-file", "/dev/full")
        with serving(tmp_path, write_config(tmp_path, ECHO), *options) as served:
            served.invoke(b"a")
            served.signal(signal.SIGTERM)

            assert served.wait() == 143
            assert re.fullmatch(
                r"\d{3} bytes of the log could not be written", served.talk().splitlines()[-1]
            )
