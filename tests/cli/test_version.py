"""`fcbox --version`, `fcbox` alone, help, and commands that do not exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.version import __version__
from tests.boxes import environ_of
from tests.configs.commands import ROOT, Ran, fcbox


def test_version(tmp_path: Path) -> None:
    """One line, which names the version that the package has."""
    assert fcbox(tmp_path, "--version") == Ran(0, f"fcbox {__version__}\n".encode(), "")


def test_version_before_a_command(tmp_path: Path) -> None:
    """The option wins over what follows; typer reads this form."""
    ran = fcbox(tmp_path, "--version", "ps")

    assert ran == Ran(0, f"fcbox {__version__}\n".encode(), "")


def test_version_imports_little(tmp_path: Path) -> None:
    """No module of ours but the version and the entry: that is what makes it quick."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sandbox", "--version"],
        cwd=ROOT, env=environ_of(tmp_path), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    ours = {name for name in names if name.split(".")[0] in ("sandbox", "worker")}

    assert ours <= {"sandbox", "sandbox.version"}
    assert not names & {"typer", "click", "rich", "yaml", "pydantic", "psutil", "asyncio", "typing"}


def test_leaves_no_state(tmp_path: Path) -> None:
    """Asking for the version writes nothing."""
    fcbox(tmp_path, "--version")

    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("command", ["run", "invoke", "ps", "validate"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(tmp_path: Path, command: str, option: str) -> None:
    """On stdout, exit 0, and it starts with how the command is used."""
    ran = fcbox(tmp_path, command, option)

    assert (ran.code, ran.err) == (0, "")
    assert f"sandbox {command} [OPTIONS]" in ran.out.decode()


def test_help_lists_commands_and_exit_codes(tmp_path: Path) -> None:
    """All commands, and the codes that scripts need."""
    shown = fcbox(tmp_path, "--help", environ={"COLUMNS": "200"}).out.decode()

    listed = re.findall(r"^│ (\w+) ", shown, re.MULTILINE)
    assert [name for name in listed if name in ("run", "invoke", "ps", "validate")] == [
        "run",
        "invoke",
        "ps",
        "validate",
    ]
    assert "Exit codes: 0 fine" in shown


@pytest.mark.parametrize("arguments", [[], ["nosuch"], ["--bogus"], ["ps", "extra"], [""]])
def test_usage(tmp_path: Path, arguments: list[str]) -> None:
    """What is no command is exit 2, without a traceback."""
    ran = fcbox(tmp_path, *arguments)

    assert ran.code == 2
    assert "Usage: " in ran.out.decode() + ran.err
