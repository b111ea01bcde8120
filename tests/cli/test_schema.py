"""`fcbox schema`, as a process: the schema is data, the way to use it is talk."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.boxes import environ_of
from tests.configs.commands import PYTHON, ROOT, fcbox

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


def test_full_disk(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [PYTHON, "-m", "sandbox", "schema"],
            cwd=ROOT, env=environ_of(tmp_path), stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (
        2, b"error: cannot write stdout: No space left on device\n",
    )  # fmt: skip


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """Quietly: it wanted no more."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as gone:
        ran = subprocess.run(
            [PYTHON, "-m", "sandbox", "schema"],
            cwd=ROOT, env=environ_of(tmp_path), stdout=gone, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (141, b"")


def test_arguments_are_a_mistake(tmp_path: Path) -> None:
    assert fcbox(tmp_path, "schema", "s.yaml").code == 2
