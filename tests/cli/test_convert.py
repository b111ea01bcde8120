"""`fcbox config convert`, as a process: the 3.0 form on stdout or in a file, the rest on stderr."""

import os
from pathlib import Path

import pytest

from sandbox.cli.convert import convert as convert_here
from tests.configs.commands import Ran, fcbox

OLD = """\
edition: 1.0.0  # said by the user
name: 你好
services:
  hello:
    component: fc
    props:
      region: cn-hangzhou
      service: {name: greetings}
      function:
        name: hello
        runtime: python3.10
        codeUri: ./
        environmentVariables: {WHO: "${env(WHO)}"}
"""
NEW = """\
edition: 3.0.0
name: 你好
resources:
  hello:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: greetings$hello
      runtime: python3.10
      code: ./
      environmentVariables:
        WHO: ${env('WHO')}
      timeout: 60
      handler: index.handler
"""
COMMENTS = "comments are not carried over\n"
ODD = OLD + "        instanceType: c1\n"


def convert(folder: Path, text: str | bytes, *arguments: str) -> Ran:
    """The answer about an s.yaml with this text, in its directory."""
    (folder / "s.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return fcbox(folder, "config", "convert", *arguments, cwd=folder)


@pytest.mark.parametrize("arguments", [(), ("s.yaml",), (".",)], ids=["default", "file", "folder"])
def test_to_stdout(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The text is data; variables are still variables; the file itself is not touched."""
    assert convert(tmp_path, OLD, *arguments) == Ran(0, NEW.encode(), COMMENTS)
    assert (tmp_path / "s.yaml").read_text() == OLD


def test_to_a_file(tmp_path: Path) -> None:
    assert convert(tmp_path, OLD, "-o", "new.yaml") == Ran(0, b"", COMMENTS)
    assert (tmp_path / "new.yaml").read_text() == NEW


def test_placeholders_take_values(tmp_path: Path) -> None:
    """An old template of `s init` can be converted as well."""
    template = OLD.replace("cn-hangzhou", "{{ region }}")

    assert convert(tmp_path, template).code == 78
    assert convert(tmp_path, template, "--set", "region=cn-hangzhou").out == NEW.encode()


def test_refuses_to_overwrite(tmp_path: Path) -> None:
    """A file may be the only copy of somebody's work."""
    ran = convert(tmp_path, OLD, "-o", "s.yaml")

    assert ran == Ran(2, b"", "error: already there: s.yaml\n\nhint: --force overwrites it\n")
    assert (tmp_path / "s.yaml").read_text() == OLD


def test_overwrites_by_force(tmp_path: Path) -> None:
    """Also the file itself; its permissions stay, and nothing is left beside it."""
    (tmp_path / "s.yaml").touch(0o640)
    ran = convert(tmp_path, OLD, "-o", "s.yaml", "--force")

    assert ran == Ran(0, b"", COMMENTS)
    assert (tmp_path / "s.yaml").read_text() == NEW
    assert (tmp_path / "s.yaml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.glob("s.yaml*")] == ["s.yaml"]


def test_what_stands_in_the_way_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with the name of the temporary one is somebody else's."""
    (tmp_path / "s.yaml").write_text(OLD)
    other = tmp_path / f"new.yaml.{os.getpid()}"
    other.write_text("precious")
    monkeypatch.chdir(tmp_path)

    assert convert_here(None, "new.yaml") == 2
    assert other.read_text() == "precious"


def test_nowhere_to_write(tmp_path: Path) -> None:
    ran = convert(tmp_path, OLD, "-o", "no/where.yaml")

    assert (ran.code, ran.out) == (2, b"")
    assert "error: cannot write no/where.yaml: No such file or directory\n" in ran.err


def test_converted_text_is_converted(tmp_path: Path) -> None:
    """Byte for byte the same: quotes, comments and all."""
    text = "edition: '3.0.0'  # mine\nresources: {}\n"

    assert convert(tmp_path, text) == Ran(
        0, text.encode(), "s.yaml is already 3.0: left as it is\n"
    )


def test_of_no_edition(tmp_path: Path) -> None:
    ran = convert(tmp_path, "edition: 3.0\nresources: {}\n")

    assert ran.err == "s.yaml is no FC 2.0 file: left as it is\n"


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    """In findings, on stderr, at the line of the old file."""
    ran = convert(tmp_path, ODD)

    assert (ran.code, ran.out) == (0, NEW.encode())
    assert "s.yaml:14:9: warning: instanceType is left out of the 3.0 form" in ran.err
    assert "FCB330" not in ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "not valid YAML"),
        ("", "the file is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (
            OLD.replace("{name: greetings}", "greetings"),
            "s.yaml:8:16: error: service must be",
        ),
    ],
    ids=["open", "empty", "binary", "service"],
)
def test_broken(tmp_path: Path, text: str | bytes, says: str) -> None:
    """Half a file is none: nothing is written."""
    ran = convert(tmp_path, text, "-o", "new.yaml")

    assert (ran.code, ran.out) == (78, b"")
    assert says in ran.err
    assert not (tmp_path / "new.yaml").exists()


def test_no_configuration(tmp_path: Path) -> None:
    ran = fcbox(tmp_path, "config", "convert", cwd=tmp_path)

    assert (ran.code, ran.out) == (66, b"")
    assert ran.err.startswith(f"error: no configuration: {tmp_path}/s.yaml\n")


def test_a_converted_file_is_valid(tmp_path: Path) -> None:
    """What was written loads, and says no more that it is an old one."""
    (tmp_path / "index.py").write_text("def handler(event, context):\n    pass\n")
    convert(tmp_path, OLD, "-o", "s.yaml", "--force")
    ran = fcbox(tmp_path, "validate", cwd=tmp_path, environ={"WHO": "me"})

    assert b"FCB33" not in ran.out
    assert b"FCB30" not in ran.out
