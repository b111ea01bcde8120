"""scripts/compare_parse_spec.py: what counts as a difference, and what happens without Node."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from compare import answers

    yield answers
    for name in [name for name in sys.modules if name.partition(".")[0] == "compare"]:
        del sys.modules[name]


def script(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "compare_parse_spec.py"), *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize(
    ("official", "fcbox", "said"),
    [
        (1, 1.0, []),
        (1, True, ["a: official 1, fcbox true"]),
        (0, False, ["a: official 0, fcbox false"]),
        ("1", 1, ['a: official "1", fcbox 1']),
        ("值", "", ['a: official "值", fcbox ""']),
        ([1, 2], [1, 3], ["a.1: official 2, fcbox 3"]),
        ([1], [1, 2], ["a: official [1], fcbox [1, 2]"]),
        ([1, None], [1, None], []),
        ({"k": None}, {}, []),
        ({"k": 1}, {"l": 1}, ["a.k: official 1, fcbox nothing", "a.l: official nothing, fcbox 1"]),
        ({}, [], ["a: official {}, fcbox []"]),
        ("number Infinity", float("inf"), []),
        (12345678901234567000, 12345678901234567890.0, []),
    ],
)
def test_values(answers: ModuleType, official: object, fcbox: object, said: list[str]) -> None:
    left, right = (
        answers.normal({"resources": {"a": each}}, Path("/corpus")) for each in (official, fcbox)
    )

    found = answers.differences("p", left, right)

    assert [str(each) for each in found] == [f"p/s.yaml: resources.{each}" for each in said]


def test_error_against_a_value(answers: ModuleType) -> None:
    """A side that refuses the file is one difference, not one for each resource."""
    found = answers.differences("p", {"error": "not found"}, {"resources": {"a": 1, "b": 2}})

    assert len(found) == 1
    assert str(found[0]).startswith("p/s.yaml: (all): official error: not found, fcbox {")


def test_paths_are_those_of_no_machine(answers: ModuleType) -> None:
    data = {"resources": {"a": "/somewhere/corpus/p/code"}}

    found = answers.normal(data, Path("/somewhere/corpus"))

    assert found == {"resources": {"a": "{corpus}/p/code"}}


def test_without_node(tmp_path: Path) -> None:
    done = script(PATH=str(tmp_path), CI="true")

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("not compared: there is no `node` on the PATH\n\nhint: npm ")


def test_without_a_registry(tmp_path: Path) -> None:
    """Node is there, but npm has nowhere to install from: told like any other lack."""
    for name, answer in (("node", "exit 1"), ("npm", '[ "$1" = root ] && echo / || exit 7')):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)

    done = script(PATH=str(tmp_path), CI="true")

    assert (done.returncode, done.stdout) == (3, "")
    assert "not compared: @serverless-devs/parse-spec could not be installed: " in done.stderr
    assert "exit status 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_package(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\nexit 1\n")
    node.chmod(0o755)

    done = script("--package", str(tmp_path), PATH=str(tmp_path), CI="true")

    assert done.returncode == 3
    assert f"@serverless-devs/parse-spec is not installed in {tmp_path}" in done.stderr
