"""The state directory after starts that failed half-way."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from sandbox.engine import leftovers
from tests.configs.commands import fcbox
from tests.http.serving import write_config

ECHO = """
    def handler(event, context):
        return event
"""


@pytest.mark.parametrize("arguments", [["-e", "1"], ["--port", "0"]], ids=["events", "serving"])
def test_a_log_file_that_cannot_be_opened(tmp_path: Path, arguments: list[str]) -> None:
    """Exit 125; `fcbox` looks whether anything is left in the state directory."""
    config = str(write_config(tmp_path, ECHO))
    ran = fcbox(tmp_path, "run", config, "--log-file", str(tmp_path / "no" / "log"), *arguments)

    assert (ran.code, ran.out) == (125, b"")
    assert ran.err == f"error: cannot start: No such file or directory: {tmp_path}/no/log\n"


def unfinished(folder: Path, age_s: float) -> Path:
    """What a start leaves that is killed before its directory has its name."""
    path = folder / "runs" / "4a000000.new"
    (path / "home").mkdir(parents=True)
    made_s = time.time() - age_s
    os.utime(path, (made_s, made_s))
    return path


def test_an_unfinished_directory_is_removed(tmp_path: Path) -> None:
    """Nobody has it locked, and it is too old to be in the making."""
    path = unfinished(tmp_path, 3600)

    assert leftovers.clean(str(tmp_path)) == 0  # no box ever ran in it
    assert not path.exists()


def test_an_unfinished_directory_that_is_locked_stays(tmp_path: Path) -> None:
    """Its box is about to rename it, and was stopped (Ctrl-Z) for an hour."""
    path = unfinished(tmp_path, 3600)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        leftovers.clean(str(tmp_path))
        assert path.exists()
    finally:
        os.close(fd)


def test_an_unfinished_directory_that_is_young_stays(tmp_path: Path) -> None:
    """It may have been made just now, and not be locked yet."""
    path = unfinished(tmp_path, 1)
    leftovers.clean(str(tmp_path))

    assert path.exists()
