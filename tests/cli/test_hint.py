"""A zygote is started early for the same command only."""

import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli.hint import early_launch, keep_hint
from tests.boxes import environ_of

COMMAND: dict[str, Any] = {"config": None, "functions": ("f",), "python": None}


def hinted(options: dict[str, Any], environ: dict[str, str]) -> list[str]:
    """The interpreters that were started."""
    launch = early_launch(options, environ)
    if launch is None:
        return []
    launch.abandon()
    return list(launch.started)


def test_the_same_command_in_both_its_forms(tmp_path: Path) -> None:
    """Options that were not given are none, or are absent."""
    environ = environ_of(tmp_path)
    keep_hint({**COMMAND, "env": None, "values": {}}, environ, sys.executable)

    assert hinted(COMMAND, environ) == [sys.executable]


@pytest.mark.parametrize(
    "change",
    [
        {"config": "other.yaml"}, {"functions": ()}, {"python": "python3"}, {"env": "prod"},
        {"values": {"a": "b"}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_another_command(tmp_path: Path, change: dict[str, Any]) -> None:
    environ = environ_of(tmp_path)
    keep_hint(COMMAND, environ, sys.executable)

    assert hinted({**COMMAND, **change}, environ) == []


@pytest.mark.parametrize("name", ["PATH", "VIRTUAL_ENV"])
def test_another_environment(tmp_path: Path, name: str) -> None:
    environ = environ_of(tmp_path)
    keep_hint(COMMAND, environ, sys.executable)

    assert hinted(COMMAND, {**environ, name: "/x"}) == []


def test_values_stay_off_the_disk(tmp_path: Path) -> None:
    """Not in the name of the file either."""
    environ = environ_of(tmp_path)
    keep_hint({**COMMAND, "values": {"a": "hunter2"}}, environ, sys.executable)

    (path,) = (tmp_path / "state" / "cache").iterdir()
    assert "hunter2" not in path.name + path.read_text()
