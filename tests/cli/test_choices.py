"""--env, --set and --isolation: from the command line, and the Python API, to the function."""

from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.boxes import environ_of
from tests.configs.commands import PYTHON, Ran, fcbox

CONFIG = f"""\
edition: 3.0.0
fcbox: {{python: {PYTHON}}}
resources:
  greeter:
    component: fc3
    props:
      functionName: hello
      region: cn-hangzhou
      runtime: python3.10
      handler: index.handler
      code: ./
      environmentVariables: {{WHO: "{{{{ who }}}}", STAGE: none}}
"""
ENVIRONMENTS = """\
environments:
  - name: prod
    overlays: {resources: {greeter: {environmentVariables: {STAGE: "${this.name}"}}}}
"""
HANDLER = """\
import os

def handler(event, context):
    return os.environ["WHO"] + " " + os.environ["STAGE"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.yaml").write_text(CONFIG)
    (tmp_path / "env.yaml").write_text(ENVIRONMENTS)
    (tmp_path / "index.py").write_text(HANDLER)
    return tmp_path


RUN = ("run", "s.yaml", "-q", "-e", "")
INVOKE = ("invoke", "-q")


@pytest.mark.parametrize("command", [RUN, INVOKE], ids=["run", "invoke"])
def test_they_reach_the_function(folder: Path, command: tuple[str, ...]) -> None:
    """Each choice gets its own answer, also when another one was cached just before."""
    plain = fcbox(folder, *command, "--set", "who=me", cwd=folder)
    prod = fcbox(folder, *command, "--set", "who=me", "--env", "prod", cwd=folder)
    you = fcbox(folder, *command, "--set", "who=a=b ", "--set", "who=you", cwd=folder)

    assert (plain, prod, you) == (
        Ran(0, b"me none\n", ""), Ran(0, b"me prod\n", ""), Ran(0, b"you none\n", ""),
    )  # fmt: skip


@pytest.mark.parametrize("value", ["who", "=x", " =x", ""])
def test_a_value_without_a_name_is_refused(folder: Path, value: str) -> None:
    ran = fcbox(folder, *RUN, "--set", value, cwd=folder)

    assert (ran.code, ran.out) == (2, b"")
    assert "expected NAME=VALUE" in ran.err


def test_the_python_api_takes_them(folder: Path) -> None:
    with Sandbox.from_config(
        str(folder / "s.yaml"), env="prod", values={"who": "api"}, environ=environ_of(folder)
    ) as box:
        assert box.invoke("hello", b"").body == b"api prod"


@pytest.mark.parametrize("level", ["none", "strict"])
def test_the_python_api_takes_a_level(folder: Path, level: str) -> None:
    """Whatever the file says."""
    with Sandbox.from_config(
        str(folder / "s.yaml"), values={"who": "api"}, isolation=level, allow_degraded=True,
        environ=environ_of(folder),
    ) as box:  # fmt: skip
        assert box.invoke("hello", b"").ok
        isolation = box.statistics()["isolation"]

    assert isinstance(isolation, dict)
    assert isolation["level"] == level


def test_what_is_no_level(folder: Path) -> None:
    """Refused before anything is started."""
    with pytest.raises(ValueError, match="expected one of none, process, strict"):
        Sandbox.from_config(
            str(folder / "s.yaml"), values={"who": ""}, environ=environ_of(folder), isolation="all"
        )
