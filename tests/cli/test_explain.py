"""`fcbox explain`, as a process."""

import json
from pathlib import Path

import pytest

from sandbox.config.messages.catalogue import CATALOGUE
from tests.configs.commands import Ran, fcbox

FCB109 = """\
FCB109 error: a tab where YAML wants blanks

YAML is indented with blanks only: how wide a tab is depends on the editor. Tabs at the end of a
line, on empty lines and before comments do no harm. Let your editor type blanks in them.

wrong:

    edition: 3.0.0
    vars:
    \tregion: cn-hangzhou
    resources: {}

right:

    edition: 3.0.0
    vars:
      region: cn-hangzhou
    resources: {}
"""


def explain(folder: Path, *arguments: str, language: str = "en") -> Ran:
    return fcbox(folder, "explain", *arguments, environ={"FCBOX_LANG": language})


@pytest.mark.parametrize("code", ["FCB109", "fcb109", "109"])
def test_golden(tmp_path: Path, code: str) -> None:
    """With and without the letters, in any case."""
    assert explain(tmp_path, code) == Ran(0, FCB109.encode(), "")


def test_an_example_shows_the_files_beside_it(tmp_path: Path) -> None:
    out = explain(tmp_path, "FCB363").out.decode()

    assert "  base.yaml:\n\n    extend: ./other.yaml\n" in out


def test_what_fills_a_message_is_marked(tmp_path: Path) -> None:
    assert (
        explain(tmp_path, "312").lines[0] == "FCB312 error: <key> is <found>: expected <expected>"
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("FCB999", "there are FCB503, FCB504, FCB505"),
        ("FCB140", "there are FCB132, FCB133, FCB134"),
        ("lots", "`fcbox explain` lists all codes"),
        ("FCB1092", "lists all"),
        ("", "lists all"),
    ],
)
def test_an_unknown_code(tmp_path: Path, code: str, said: str) -> None:
    ran = explain(tmp_path, code)

    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith(f"error: no finding has the code {code}\n\nhint: ")
    assert said in ran.err


def test_all_codes(tmp_path: Path) -> None:
    """A line each: code, severity, message."""
    lines = explain(tmp_path).lines

    assert sorted(CATALOGUE) == [line[:6] for line in lines]
    assert "FCB109  error    a tab where YAML wants blanks" in lines


def test_all_codes_as_json(tmp_path: Path) -> None:
    entries = json.loads(explain(tmp_path, "--json").out)

    assert sorted(CATALOGUE) == [entry["code"] for entry in entries]
    assert entries[0] == {"code": "FCB101", "severity": "error",
                          "message": "not valid YAML: <problem>", "hint": "<advice>"}  # fmt: skip


def test_one_code_as_json(tmp_path: Path) -> None:
    entry = json.loads(explain(tmp_path, "FCB312", "--json").out)

    assert entry["wrong"] == {"kind": "props", "text": "timeout: 0\n", "files": {}}
    assert entry["explanation"].startswith("A value is not of the kind")


def test_a_terminal_of_ascii(tmp_path: Path) -> None:
    """Escapes, and no traceback."""
    ran = fcbox(tmp_path, "explain", "131", environ={"PYTHONIOENCODING": "ascii"})

    assert ran.code == 0
    assert b"\\uff1a" in ran.out


def test_chinese(tmp_path: Path) -> None:
    out = explain(tmp_path, "FCB109", language="zh").out.decode()

    assert out.startswith("FCB109 错误: ")
    assert "\n错误示例：\n" in out
    assert "\n正确示例：\n" in out


def test_the_list_names_severities_in_the_readers_language(tmp_path: Path) -> None:
    lines = explain(tmp_path, language="zh").out.decode().splitlines()

    assert {line.split()[1] for line in lines} == {"错误", "警告", "说明"}
