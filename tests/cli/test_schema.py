"""`fcbox schema`, as a process: the schema is data, the way to use it is talk."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.configs.commands import fcbox

MODELINE = "# yaml-language-server: $schema="


def test_stdout_is_the_schema(tmp_path: Path) -> None:
    ran = fcbox(tmp_path, "schema")

    Draft7Validator.check_schema(json.loads(ran.out))
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == f"{MODELINE}./s.schema.json"
    assert "fcbox" in json.loads(ran.out)["properties"]


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("fc.json", "./fc.json"),
        ("./fc.json", "./fc.json"),
        ("{folder}/fc.json", "{folder}/fc.json"),
    ],
)
def test_file(tmp_path: Path, output: str, shown: str) -> None:
    """Nothing on stdout; the modeline names the file."""
    path = output.format(folder=tmp_path)
    ran = fcbox(tmp_path, "schema", "-o", path, cwd=tmp_path)

    assert (ran.code, ran.out) == (0, b"")
    assert ran.err == f"begin the s.yaml with\n{MODELINE}{shown.format(folder=tmp_path)}\n"
    assert (tmp_path / "fc.json").read_bytes() == fcbox(tmp_path, "schema").out


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    """In words, exit 2."""
    ran = fcbox(tmp_path, "schema", "--output", "no/such/folder/fc.json", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, b"")
    assert ran.err == "error: cannot write no/such/folder/fc.json: No such file or directory\n"


def test_nothing_is_overwritten_without_being_asked(tmp_path: Path) -> None:
    """A link in a checkout could lead to any file of the user's."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "s.schema.json").symlink_to(victim)

    ran = fcbox(tmp_path, "schema", "-o", "s.schema.json", cwd=tmp_path)

    assert (ran.code, ran.out, victim.read_text()) == (2, b"", "precious")
    assert ran.err == "error: already there: s.schema.json\n\nhint: --force overwrites it\n"
    assert fcbox(tmp_path, "schema", "-o", "s.schema.json", "--force", cwd=tmp_path).code == 0
    assert victim.read_bytes() == fcbox(tmp_path, "schema").out


def test_arguments_are_a_mistake(tmp_path: Path) -> None:
    assert fcbox(tmp_path, "schema", "s.yaml").code == 2
