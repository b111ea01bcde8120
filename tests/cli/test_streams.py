"""Standard streams that are closed, full, or read by nobody, with real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.boxes import environ_of
from tests.configs.commands import ROOT, Ran, stopped
from tests.http.serving import write_config

ECHO = """
    import sys

    def handler(event, context):
        print("said")
        print("blamed", file=sys.stderr)
        return b"got " + event
"""
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
