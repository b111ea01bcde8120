"""`fcbox validate`, as a process: findings on stdout, the verdict on stderr."""

from pathlib import Path

import pytest

from tests.configs.commands import PYTHON, Ran, fcbox

CONFIG = """\
edition: 3.0.0
name: test
access: default
fcbox:
  python: {python}
resources:
  f:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: f
      runtime: python3.10
      code: ./
      handler: index.handler
"""
WARNING = """\
s.yaml:15:7: warning: unknown key 'memorySise' [FCB306]
      memorySise: 128
      ^^^^^^^^^^

hint: did you mean memorySize?

"""
ERRORS = """\
s.yaml:15:19: error: memorySize is 'lots': expected a multiple of 64 from 128 to 32768 [FCB312]
      memorySize: lots
                  ^^^^

s.yaml:16:16: error: timeout is -1: expected a number of seconds from 1 to 86400 [FCB312]
      timeout: -1
               ^^

"""
LINE = "      memorySise: 128\n"


def validate(folder: Path, more: str = "", *arguments: str) -> Ran:
    """The answer about a function with these props more, in the directory of its s.yaml."""
    source = "open('imported', 'w')\n\ndef handler(event, context):\n    pass\n"
    (folder / "index.py").write_text(source)
    (folder / "s.yaml").write_text(CONFIG.format(python=PYTHON) + more)
    return fcbox(folder, "validate", *arguments, cwd=folder)


def test_fine(tmp_path: Path) -> None:
    """Nothing on stdout; the functions are named."""
    said = f"{tmp_path}/s.yaml: fine; functions: f\n"

    assert validate(tmp_path, "", "s.yaml") == Ran(0, b"", said)


def test_default_is_the_current_directory(tmp_path: Path) -> None:
    """As for `fcbox run`."""
    assert validate(tmp_path).code == 0


def test_warning_is_no_failure(tmp_path: Path) -> None:
    """It is shown, counted, and the exit code is 0."""
    said = f"{tmp_path}/s.yaml: 0 errors, 1 warning; functions: f\n"

    assert validate(tmp_path, LINE) == Ran(0, WARNING.encode(), said)


def test_all_errors_at_once(tmp_path: Path) -> None:
    """Each with its place, in the order of the file: exit 78."""
    ran = validate(tmp_path, "      memorySize: lots\n      timeout: -1\n")

    assert ran == Ran(78, ERRORS.encode(), f"{tmp_path}/s.yaml: 2 errors, 0 warnings\n")


def test_missing(tmp_path: Path) -> None:
    """Exit 66, as for `fcbox run`."""
    ran = fcbox(tmp_path, "validate", str(tmp_path / "no.yaml"))

    assert (ran.code, ran.out) == (66, b"")
    assert ran.err.startswith(f"error: no configuration: {tmp_path}/no.yaml\n\nhint: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", b"not valid YAML"),
        (b"- 1\n", b"error"),
        (b"", b"error"),
        (b"a: 1\na: 2\n", b"error"),
        (b"\xff\xfe\x00", b"error"),
        (b"[" * 10000, b"error"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\n" + b"#" * (2 << 20), b"error"),
        (b"edition: 1.0.0\n", b"error"),
    ],
    ids=["open", "list", "empty", "duplicate", "binary", "deep", "large", "edition 1"],
)
def test_no_configuration_at_all(tmp_path: Path, content: bytes, said: bytes) -> None:
    """Whatever the file holds: findings with its name, exit 78, no traceback."""
    (tmp_path / "s.yaml").write_bytes(content)
    ran = fcbox(tmp_path, "validate", "s.yaml", cwd=tmp_path)

    assert (ran.code, ran.out.startswith(b"s.yaml")) == (78, True)
    assert said in ran.out


def test_directory(tmp_path: Path) -> None:
    """A directory is no configuration, and is told in words."""
    ran = fcbox(tmp_path, "validate", str(tmp_path))

    assert ran.code in (66, 78)
    assert "error" in ran.out.decode() + ran.err


def test_runs_nothing(tmp_path: Path) -> None:
    """No code of the function is run, and no process but its own is needed."""
    validate(tmp_path)

    assert not (tmp_path / "imported").exists()


def test_no_colour_in_a_pipe(tmp_path: Path) -> None:
    """Findings are for programs, too."""
    assert b"\x1b" not in validate(tmp_path, LINE).out


def test_several_paths_are_a_mistake(tmp_path: Path) -> None:
    """Usage: exit 2."""
    assert validate(tmp_path, "", "s.yaml", "s.yaml").code == 2
