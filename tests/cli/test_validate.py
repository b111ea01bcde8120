"""`fcbox validate`, as a process: findings on stdout, the verdict on stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.boxes import environ_of
from tests.configs.commands import PYTHON, ROOT, Ran, fcbox

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
MORE_306 = "`fcbox explain FCB306` says more about a finding\n"
MORE_312 = "`fcbox explain FCB312` says more about a finding\n"


def validate(folder: Path, more: str = "", *arguments: str, language: str = "en") -> Ran:
    """The answer about a function with these props more, in the directory of its s.yaml."""
    source = "open('imported', 'w')\n\ndef handler(event, context):\n    pass\n"
    (folder / "index.py").write_text(source)
    (folder / "s.yaml").write_text(CONFIG.format(python=PYTHON) + more)
    environ = {"FCBOX_LANG": language}
    return fcbox(folder, "validate", *arguments, environ=environ, cwd=folder)


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

    assert validate(tmp_path, LINE) == Ran(0, WARNING.encode(), said + MORE_306)


def test_all_errors_at_once(tmp_path: Path) -> None:
    """Each with its place, in the order of the file: exit 78."""
    ran = validate(tmp_path, "      memorySize: lots\n      timeout: -1\n")

    said = f"{tmp_path}/s.yaml: 2 errors, 0 warnings\n"

    assert ran == Ran(78, ERRORS.encode(), said + MORE_312)


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


def test_functions_can_be_named(tmp_path: Path) -> None:
    """As for `fcbox run`; one that is not there is a finding."""
    assert validate(tmp_path, "", "s.yaml", "f").err == f"{tmp_path}/s.yaml: fine; functions: f\n"
    assert b"[FCB501]" in validate(tmp_path, "", "s.yaml", "g").out


@pytest.mark.parametrize(("environ", "has_color"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal(tmp_path: Path, environ: dict[str, str], has_color: bool) -> None:
    """Unless NO_COLOR says no."""
    (tmp_path / "s.yaml").write_text("edition: 3\nresources: {}\n")
    leader, follower = os.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "sandbox", "validate"], cwd=tmp_path,
            env={**environ_of(tmp_path), "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.DEVNULL, timeout=30,
        )  # fmt: skip
        shown = os.read(leader, 1 << 16)
    finally:
        os.close(leader)
        os.close(follower)

    assert b"[FCB301]" in shown
    assert has_color == (b"\x1b[1;31merror:\x1b[0m" in shown)


class TestStrict:
    def test_warnings_are_errors(self, tmp_path: Path) -> None:
        """For the exit code, and the verdict says why; what is printed stays a warning."""
        said = f"{tmp_path}/s.yaml: 0 errors, 1 warning (with --strict, errors too); functions: f\n"

        assert validate(tmp_path, LINE, "--strict") == Ran(78, WARNING.encode(), said + MORE_306)

    def test_fine_stays_fine(self, tmp_path: Path) -> None:
        assert validate(tmp_path, "", "--strict").code == 0

    def test_a_note_is_no_warning(self, tmp_path: Path) -> None:
        note = "  domain: {component: fc3-domain, props: {}}\n"

        assert b"[FCB309]" in validate(tmp_path, note, "--strict").out
        assert validate(tmp_path, note, "--strict").code == 0


class TestJson:
    def findings(self, folder: Path, more: str, *arguments: str) -> tuple[int, dict[str, object]]:
        ran = validate(folder, more, "--format", "json", *arguments)
        assert ran.err == ""
        return ran.code, json.loads(ran.out)

    def test_golden(self, tmp_path: Path) -> None:
        """One document, and nothing else anywhere."""
        code, document = self.findings(tmp_path, LINE)

        assert code == 0
        assert document == {
            "path": f"{tmp_path}/s.yaml",
            "ok": True,
            "functions": ["f"],
            "findings": [
                {
                    "code": "FCB306",
                    "severity": "warning",
                    "message": "unknown key 'memorySise'",
                    "hint": "did you mean memorySize?",
                    "file": "s.yaml",
                    "line": 15,
                    "column": 7,
                    "endColumn": 17,
                    "related": [],
                }
            ],
        }

    def test_strict(self, tmp_path: Path) -> None:
        code, document = self.findings(tmp_path, LINE, "--strict")

        assert (code, document["ok"]) == (78, False)

    def test_related_places(self, tmp_path: Path) -> None:
        code, document = self.findings(tmp_path, "      timeout: ${vars.t}\nvars: {t: 0}\n")
        (finding,) = document["findings"]  # type: ignore[misc]

        assert (code, finding["line"]) == (78, 15)
        assert finding["related"] == [
            {"text": "the value comes from here", "file": "s.yaml", "line": 16, "column": 11,
             "endColumn": 12}
        ]  # fmt: skip

    def test_no_place(self, tmp_path: Path) -> None:
        code, document = self.findings(tmp_path, "", "s.yaml", "g")
        (finding,) = document["findings"]  # type: ignore[misc]

        assert (code, finding["line"], finding["endColumn"]) == (78, None, None)

    def test_broken_yaml(self, tmp_path: Path) -> None:
        """There is a document even then."""
        code, document = self.findings(tmp_path, "a: [\n")

        assert (code, document["ok"], document["functions"]) == (78, False, [])


class TestGitHub:
    def test_golden(self, tmp_path: Path) -> None:
        """An annotation for each finding, at its place."""
        ran = validate(tmp_path, LINE + "      timeout: 0\n", "--format", "github")

        assert ran == Ran(
            78,
            b"::warning file=s.yaml,line=15,col=7,endColumn=17,title=FCB306"
            b"::unknown key 'memorySise'%0Adid you mean memorySize?\n"
            b"::error file=s.yaml,line=16,col=16,endColumn=17,title=FCB312"
            b"::timeout is 0: expected a number of seconds from 1 to 86400\n",
            "",
        )

    def test_escapes(self, tmp_path: Path) -> None:
        """What would end a property or the line; nothing can begin a command of its own."""
        folder = tmp_path / "a,b:c%d"
        folder.mkdir()
        (folder / "s.yaml").write_text('edition: "1%\\n::error::2"\nresources: {}\n')
        ran = fcbox(tmp_path, "validate", "a,b:c%d/s.yaml", "--format", "github", cwd=tmp_path)

        assert ran.lines[0].startswith("::error file=a%2Cb%3Ac%25d/s.yaml,line=1,col=10,")
        assert "::edition is '1%25%0A::error::2', it must be" in ran.lines[0]

    def test_fine(self, tmp_path: Path) -> None:
        assert validate(tmp_path, "", "--format", "github") == Ran(0, b"", "")


class TestChinese:
    def test_everything_is(self, tmp_path: Path) -> None:
        """The findings and the verdict; keys and codes stay."""
        ran = validate(tmp_path, "      timeout: 0\n", language="zh")

        assert ran.out.decode() == (
            "s.yaml:15:16: 错误: timeout 的值不正确（0），应为：1 到 86400 之间的秒数 [FCB312]\n"
            "      timeout: 0\n               ^\n\n"
        )
        assert ran.err == (
            f"{tmp_path}/s.yaml: 1 个错误，0 个警告\n运行 `fcbox explain FCB312` 查看详细说明\n"
        )

    @pytest.mark.parametrize(
        ("environ", "word"),
        [
            ({"FCBOX_LANG": "zh"}, "错误"),
            ({"FCBOX_LANG": "zh", "LC_ALL": "C"}, "错误"),
            ({"LANG": "zh_CN.UTF-8"}, "错误"),
            ({"FCBOX_LANG": "en", "LANG": "zh_CN.UTF-8"}, "error"),
            ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "error"),
            ({"LANG": "de_DE.UTF-8"}, "error"),
        ],
    )
    def test_who_gets_it(self, tmp_path: Path, environ: dict[str, str], word: str) -> None:
        (tmp_path / "s.yaml").write_text("edition: 3\nresources: {}\n")
        ran = fcbox(tmp_path, "validate", environ=environ, cwd=tmp_path)

        assert f"s.yaml:1:10: {word}: ".encode() in ran.out

    def test_a_run_that_cannot_begin(self, tmp_path: Path) -> None:
        """What `fcbox run` says about its configuration, too."""
        (tmp_path / "s.yaml").write_text("edition: 3\nresources: {}\n")
        ran = fcbox(tmp_path, "run", environ={"FCBOX_LANG": "zh"}, cwd=tmp_path)

        assert (ran.code, ran.out) == (78, b"")
        assert ran.err.startswith("s.yaml:1:10: 错误: edition 的值不正确（数字 3）")

    def test_a_terminal_without_chinese(self, tmp_path: Path) -> None:
        """Escapes, and no traceback."""
        (tmp_path / "s.yaml").write_text("edition: 3\nresources: {}\n")
        environ = {"FCBOX_LANG": "zh", "PYTHONIOENCODING": "ascii"}
        ran = fcbox(tmp_path, "validate", environ=environ, cwd=tmp_path)

        assert ran.code == 78
        assert b"s.yaml:1:10: \\u9519\\u8bef: " in ran.out


def test_a_name_cannot_drive_the_terminal_or_the_runner(tmp_path: Path) -> None:
    """Directories are named by whoever made the repository."""
    folder = tmp_path / "evil\x1b[31m\n::error::pwned"
    folder.mkdir()
    missing = fcbox(tmp_path, "validate", str(folder))
    (folder / "s.yaml").write_text("[")
    broken = fcbox(tmp_path, "validate", str(folder))
    shown = fcbox(tmp_path, "config", "show", str(folder))

    for ran in (missing, broken, shown):
        text = ran.out.decode() + ran.err
        assert "\x1b" not in text
        assert not any(line.startswith("::") for line in text.splitlines())
