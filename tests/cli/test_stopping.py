"""Signals that whoever started the command had ignored: `nohup`, or the background of a script."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.boxes import environ_of, wait_until
from tests.configs.commands import ROOT, Ran, stopped
from tests.http.serving import Served, write_config

GATED = """
    import os, time

    def handler(event, context):
        open("{folder}/started", "w").close()
        while not os.path.exists("{folder}/gate"):
            time.sleep(0.002)
        return b"served " + event
"""
IGNORED = [signal.SIGHUP, signal.SIGINT]


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_config(tmp_path, GATED.replace("{folder}", str(tmp_path))))


def ignoring(folder: Path, signum: signal.Signals, *arguments: str) -> "subprocess.Popen[str]":
    """A command that inherits an ignored signal; its stderr is the file `talk`."""
    script = f"trap '' {signum.name.removeprefix('SIG')}; exec \"$@\" 2>{folder}/talk"
    return subprocess.Popen(
        ["sh", "-c", script, "sh", sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT, env=environ_of(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("signum", IGNORED, ids=lambda signum: signum.name)
def test_events_are_all_invoked(tmp_path: Path, config: str, signum: signal.Signals) -> None:
    """It goes on: the events after the signal are invoked, too."""
    with ignoring(tmp_path, signum, "run", config, "-e", "1", "-e", "2") as process:
        wait_until((tmp_path / "started").exists, "the handler")
        process.send_signal(signum)
        (tmp_path / "gate").touch()
        out, _ = process.communicate(timeout=20)
    stopped(tmp_path, Ran(process.returncode, b"", (tmp_path / "talk").read_text()))

    assert (process.returncode, out) == (0, "served 1\nserved 2\n")


@pytest.mark.parametrize("signum", IGNORED, ids=lambda signum: signum.name)
def test_serving_goes_on(tmp_path: Path, config: str, signum: signal.Signals) -> None:
    """It serves until a signal that is not ignored, which is the one that it tells."""
    (tmp_path / "gate").touch()
    with ignoring(tmp_path, signum, "run", config, "--port", "0") as process:
        served = Served(tmp_path, process, tmp_path / "talk")  # type: ignore[arg-type]
        wait_until((tmp_path / "talk").exists, "its standard error")
        served.wait_talk("press Ctrl-C to stop\n")
        os.kill(process.pid, signum)

        assert served.invoke(b"1").body == b"served 1"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
