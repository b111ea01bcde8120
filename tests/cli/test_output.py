"""What was asked for cannot be written: the same of every command that prints something."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.boxes import environ_of
from tests.configs.commands import PYTHON, ROOT

CONFIG = """\
edition: 1.0.0
services:
  hello:
    component: fc
    props:
      region: cn-hangzhou
      service: {name: greetings}
      function: {name: hello, runtime: python3.10, codeUri: ./}
"""
COMMANDS = {
    "explain": ("explain",),
    "explain one": ("explain", "FCB102"),
    "validate": ("validate",),
    "config show": ("config", "show"),
    "config show json": ("config", "show", "--json"),
    "config convert": ("config", "convert"),
    "init": ("init", "new"),
    "schema": ("schema",),
}
FULL = "error: cannot write the output: No space left on device\n"


@contextmanager
def gone() -> Iterator[int]:
    """A pipe whose reader went away."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def full() -> Iterator[int]:
    writer = os.open("/dev/full", os.O_WRONLY)
    yield writer
    os.close(writer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.yaml").write_text(CONFIG)
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    return tmp_path


def said_by(folder: Path, command: tuple[str, ...], stdout: int | None) -> tuple[int, str]:
    """The exit code, and stderr; None is a stdout that is closed."""
    closed = ("sh", "-c", 'exec "$@" >&-', "sh") if stdout is None else ()
    ran = subprocess.run(
        [*closed, PYTHON, "-m", "sandbox", *command],
        cwd=folder, env={**environ_of(folder), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
class TestUnwritable:
    def test_reader_that_went_away(self, folder: Path, command: tuple[str, ...]) -> None:
        """It wanted no more, and is told no more."""
        with gone() as stdout:
            code, said = said_by(folder, command, stdout)

        assert code == 141
        assert "error: " not in said
        assert "pipe" not in said.lower()

    def test_full_disk(self, folder: Path, command: tuple[str, ...]) -> None:
        """Told in one line, which is the last one."""
        with full() as stdout:
            code, said = said_by(folder, command, stdout)

        assert (code, said[-len(FULL) :], said.count("error: ")) == (141, FULL, 1)

    def test_closed_stdout(self, folder: Path, command: tuple[str, ...]) -> None:
        """Goes nowhere, and is no mistake."""
        code, said = said_by(folder, command, None)

        assert code == 0
        assert "error: " not in said
