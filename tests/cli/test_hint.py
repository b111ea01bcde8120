"""A zygote is started early for the same command only."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli.hint import early_launch, keep_hint
from sandbox.cli.options import RunOptions
from sandbox.cli.run import _launch
from sandbox.config.result import Config
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine.launch import Launch
from tests.boxes import environ_of
from tests.configs.commands import fcbox
from tests.http.serving import write_config

COMMAND: dict[str, Any] = {"config": None, "functions": ("f",), "python": None}


def hinted(options: dict[str, Any], environ: dict[str, str]) -> list[str]:
    """The level and the interpreters that were started."""
    launch = early_launch(options, environ)
    if launch is None:
        return []
    launch.abandon()
    return [launch.isolation, *launch.started]


def test_the_same_command_in_both_its_forms(tmp_path: Path) -> None:
    """Options that were not given are none, or are absent."""
    environ = environ_of(tmp_path)
    keep_hint({**COMMAND, "env": None, "values": {}}, environ, sys.executable, "process")

    assert hinted(COMMAND, environ) == ["process", sys.executable]


@pytest.mark.parametrize(
    "change",
    [
        {"config": "other.yaml"}, {"functions": ()}, {"python": "python3"}, {"env": "prod"},
        {"isolation": "none"},
        {"values": {"a": "b"}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_another_command(tmp_path: Path, change: dict[str, Any]) -> None:
    environ = environ_of(tmp_path)
    keep_hint(COMMAND, environ, sys.executable, "process")

    assert hinted({**COMMAND, **change}, environ) == []


@pytest.mark.parametrize("name", ["PATH", "VIRTUAL_ENV"])
def test_another_environment(tmp_path: Path, name: str) -> None:
    environ = environ_of(tmp_path)
    keep_hint(COMMAND, environ, sys.executable, "process")

    assert hinted(COMMAND, {**environ, name: "/x"}) == []


def test_values_stay_off_the_disk(tmp_path: Path) -> None:
    """Not in the name of the file either."""
    environ = environ_of(tmp_path)
    keep_hint({**COMMAND, "values": {"a": "hunter2"}}, environ, sys.executable, "process")

    (path,) = (tmp_path / "state" / "cache").iterdir()
    assert "hunter2" not in path.name + path.read_text()


@pytest.mark.parametrize("content", ["", "process", "process ", sys.executable])
def test_what_is_no_hint(tmp_path: Path, content: str) -> None:
    """It is as if there were none."""
    environ = environ_of(tmp_path)
    keep_hint(COMMAND, environ, sys.executable, "process")
    (path,) = (tmp_path / "state" / "cache").iterdir()
    path.write_text(content)

    assert hinted(COMMAND, environ) == []


@pytest.mark.parametrize("level", ["process", "none"])
def test_an_early_zygote_serves_its_own_level_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    for name, value in environ_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    spec = FunctionSpec("f", "index.handler", str(tmp_path), python=sys.executable)
    early = Launch([sys.executable], os.environ, "process")
    used = _launch(Config("s.yaml", (spec,), BoxSettings(), ()), RunOptions(), level, early)
    alive = len(os.listdir(tmp_path / "state" / "runs"))
    used.abandon()

    assert (used is early, used.isolation, alive) == (level == "process", level, 1)


def test_another_level_than_the_hinted_one(tmp_path: Path) -> None:
    """The early zygote is given up, and what runs has the level of the configuration."""
    config = write_config(tmp_path, "def handler(event, context):\n    return event\n")
    document = json.loads(config.read_text())
    levels = []
    for level in ("process", "none", "none"):
        document["fcbox"]["isolation"] = level
        config.write_text(json.dumps(document))
        ran = fcbox(tmp_path, "run", str(config), "-e", "1")
        assert (ran.code, ran.out) == (0, b"1\n")
        levels.append(ran.err.partition("isolation: ")[2].partition(" ")[0])

    assert levels == ["process", "none", "none"]
