"""The grammar of `${...}`, line by line, as the official parser was measured.

Each line of the first table has a value of its own type; each of the second a finding, the
characters that it marks, and a word that it says. Finer points are in test_variables.
"""

import pytest

from sandbox.config.compile import load_recorded
from sandbox.config.props.validation import plain
from sandbox.config.result import Choice
from tests.config.support import Project, with_props

TOP = """\
access: default
vars:
  n: 30
  b: false
  z: 0
  e: ""
  nul: null
  s: str
  o: {k: v}
  l: [1, 2]
  my-key: dashed
  far: ${vars.near}
  near: ${vars.n}
"""
OTHER = """\
  other:
    component: fc3
    props: {region: "r-${this.name}", runtime: custom, handler: a.b, code: ./, functionName: o}
"""


@pytest.fixture
def files(project: Project) -> Project:
    project.environ = {"X": "value", "EMPTY": ""}
    project.write("f.txt", "text\n")
    project.write("a.json", '{"a": {"b": 7}}')
    project.write(".env", "FROM_FILE=beside\nX=never\n")
    return project


def text_with(value: str) -> str:
    return with_props(f"annotations: {{a: 5}}\ntags: {value}", top=TOP) + OTHER


WORKS = [
    ("${vars.n}", 30), ("'${vars.n}'", 30), ('"${vars.n}"', 30),
    ("a-${vars.n}", "a-30"),
    ("${vars.b}", False), ("${vars.z}", 0), ("${vars.e}", ""),
    ("${vars.o}", {"k": "v"}), ("${vars.l}", [1, 2]),
    ("${vars.l.0}", 1),
    ("${vars.my-key}", "dashed"),
    ("${vars.far}", 30),
    ("${this.name}", "hello"), ("${this.props.annotations.a}", 5), ("${this.access}", "default"),
    ("${this.component}", "fc3"),
    ("${resources.other.props.region}", "r-other"),
    ("${env('X')}", "value"), ('${env("X")}', "value"), ("${env(X)}", "value"),
    ("${env('FROM_FILE')}", "beside"),
    ("${env('NO','d')}", "d"), ("${env('EMPTY','d')}", "d"), ("${env('X','d')}", "value"),
    ("${env('NO',5)}", 5), ("${env('NO','')}", ""), ("${env('NO',vars.s)}", "str"),
    ("${file('./f.txt')}", "text\n"),
    ("${json(file('./a.json')).a.b}", 7),
    ("${yaml('[1, no]')}", [1, "no"]),
    ("${base64('abc')}", "YWJj"),
    ("${str(vars.n)}", "30"),
    ("$PATH", "$PATH"), ("$(x)", "$(x)"), ("${unclosed", "${unclosed"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), WORKS)
def test_works(files: Project, written: str, value: object) -> None:
    files.write("s.yaml", text_with(written))
    choice = Choice(python=str(files.python), select=("hello",))
    loaded = load_recorded(None, cwd=str(files.directory), environ=files.environ, choice=choice)

    assert loaded.project is not None
    node = loaded.project.resolved("hello", "props", "tags")
    assert node is not None
    result = plain(node)
    kind = str if isinstance(result, str) else type(result)
    assert (kind, result) == (type(value), value)
    assert [each.code for each in loaded.config.diagnostics if each.severity == "error"] == []


FAILS = [
    ("${vars.nul}", "FCB201", "${vars.nul}", "${vars.nul} not found"),
    ("${vars.missing}", "FCB201", "${vars.missing}", "${vars.missing} not found"),
    ("x${vars.o}", "FCB206", "${vars.o}", "a map or a list"),
    ("'${vars.l[0]}'", "FCB205", "[", "brackets"),
    ("\"${vars.o['k']}\"", "FCB205", "[", "brackets"),
    ("${env('NO')}", "FCB203", "${env('NO')}", "env('NO') not found"),
    ("${env('EMPTY')}", "FCB203", "${env('EMPTY')}", "env('EMPTY') not found"),
    ("${path('./no')}", "FCB207", "${path('./no')}", "does not exist"),
    ("${regex('deploy|local')}", "FCB204", "${regex('deploy|local')}", "actions"),
    ("${env.X}", "FCB201", "${env.X}", "${env('X')}"),
    ("${PATH}", "FCB201", "${PATH}", "${env('PATH')}"),
    ("${git()}", "FCB204", "${git()}", "git()"),
    ("${vars.n + 1}", "FCB205", "+", "unexpected"),
    ("${vars.n || 1}", "FCB205", "|", "no operators"),
    ("${vars.s.toUpperCase()}", "FCB205", "(", "methods"),
    ("<% 1 %>", "FCB205", "<", "<% %>"),
    ("x{{ foo }}", "FCB111", "{{ foo }}", "foo"),
]


@pytest.mark.parametrize(("written", "code", "marked", "word"), FAILS)
def test_fails(files: Project, written: str, code: str, marked: str, word: str) -> None:
    config = files.load(text_with(written), select=["hello"])

    (finding,) = [each for each in config.diagnostics if each.severity == "error"]
    assert finding.code == code
    start = finding.column - 1
    assert finding.source_line[start : start + len(marked)] == marked
    assert word in finding.message + finding.hint


def test_a_cycle_is_shown(files: Project) -> None:
    text = with_props("tags: ${vars.a}", top="vars: {a: '${vars.b}', b: '${vars.a}'}\n")

    (finding,) = files.load(text).diagnostics

    assert (finding.code, "vars.b -> vars.a -> vars.b" in finding.message) == ("FCB202", True)


@pytest.mark.parametrize(
    "written", ["${resources.a.output.u}", "${resources.a.info.u}", "${components.a.output.z}"]
)
def test_what_is_known_after_deployment_stays(files: Project, written: str) -> None:
    config = files.load(text_with(written), select=["hello"])
    assert [(each.code, each.severity) for each in config.diagnostics] == [("FCB208", "warning")]

    needed = files.load(with_props(f"timeout: {written}"))
    assert "error" in [each.severity for each in needed.diagnostics]


def test_the_account_id(files: Project) -> None:
    text = with_props("description: ${config('AccountID')}")
    assert files.codes(text) == ["FCB209"]

    files.environ["FC_ACCOUNT_ID"] = "7"
    assert files.codes(text) == []
    assert files.codes(with_props("description: ${config('AccountID')}",
                                  top="fcbox: {accountId: '8'}\n")) == []  # fmt: skip


def test_paths_are_absolute(files: Project) -> None:
    (spec,) = files.load(with_props("environmentVariables: {P: \"${path('./f.txt')}\"}")).specs

    assert spec.environment == {"P": str(files.directory / "f.txt")}


def test_placeholders_are_listed_given_and_have_defaults(files: Project) -> None:
    text = with_props("description: '{{ foo }} {{ bar }}'")
    (finding,) = files.load(text).diagnostics
    assert (finding.code, "foo, bar" in finding.message) == ("FCB111", True)

    assert files.load(text, values={"foo": "1", "bar": "2"}).ok
    files.write("publish.yaml", "Parameters: {properties: {foo: {default: a}, bar: {enum: [b]}}}\n")
    assert files.codes(text) == ["FCB121"]
