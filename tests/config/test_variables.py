"""Section by section: what `${...}` gives, and what it refuses."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.expressions.dotenv import Environment
from sandbox.config.expressions.functions import Surroundings
from sandbox.config.expressions.grammar import GrammarError, parse_template
from sandbox.config.expressions.variables import Variables
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings, RefusedError
from sandbox.config.props.validation import plain
from sandbox.config.text.document import parse
from sandbox.config.text.source import BROKEN, Node, child
from tests.config.support import Project, with_props

VARS = """
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
  deep: {x: [{y: "${vars.far}"}]}
  json: '{"a": {"b": "${vars.n}"}, "c": [true]}'
  read: ${json(file('t.json'))}
  地区: 上海
resources:
  one:
    component: fc3
    props: {name: "${this.name}", at: "${resources.two.props.name}", x: {y: 5}}
  two:
    component: fc3
    access: other
    props: {name: "n-${this.name}", list: ["${this.props.name}"]}
"""

SET = {"SET": "value", "EMPTY": "", "TEMPLATE": "${vars.n}"}


class Evaluator:
    """Evaluates one text below resource `one` of the file above."""

    def __init__(self, directory: str, more: str = "") -> None:
        self.findings = Findings()
        self.directory = directory
        root = parse((VARS + more).encode(), "s.yaml", self.findings, directory)
        assert root is not None
        self.environment = Environment(SET, [directory], Inputs())
        around = Surroundings("", self.environment, Inputs(), self.findings)
        self.variables = Variables(root, around)
        self.root = root

    def node(self, text: str) -> Node:
        written = text.replace("'", "''")
        holder = parse(f"'{written}'".encode(), "s.yaml", self.findings, self.directory)
        assert holder is not None
        return self.variables.resolve(holder, "one")

    def codes(self) -> list[str]:
        return [each.code for each in self.findings.items]


@pytest.fixture
def evaluator(project: Project) -> Evaluator:
    project.write("f.txt", "text\n")
    project.write("a.json", '{"a": {"b": 7}}')
    project.write("bad.bin", "").write_bytes(b"\xff")
    project.write("t.json", '{"a": "${vars.n}"}')
    project.write("nul.txt", "a\0b")
    project.write("bad.yaml", "a: 1\nb: [\n")
    project.write(".env", "FROM_FILE='a b'\nSET=never\n# X=1\nbroken line\nQ=\"x\\ny\"\n")
    return Evaluator(str(project.directory))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${vars.n}", 30), ("a-${vars.n}", "a-30"),
        ("${vars.n}${vars.b}", "30false"),
        ("${vars.b}", False), ("${vars.z}", 0), ("${vars.e}", ""), ("x${vars.e}", "x"),
        ("${vars.o}", {"k": "v"}), ("${vars.l}", [1, 2]), ("${vars.l.0}", 1), ("${vars.o.k}", "v"),
        ("${vars.my-key}", "dashed"), ("${vars.far}", 30), ("${vars.deep.x.0.y}", 30),
        ("${vars.地区}", "上海"),
        ("${this.name}", "one"), ("${this.props.x.y}", 5), ("${this.access}", "default"),
        ("${this.component}", "fc3"),
        ("${resources.two.props.name}", "n-two"), ("${this.props.at}", "n-two"),
        ("${resources.two.access}", "other"), ("${resources.two.props.list.0}", "n-two"),
        ("${env('SET')}", "value"), ('${env("SET")}', "value"), ("${env(SET)}", "value"),
        ("${env('NO','d')}", "d"), ("${env('EMPTY', 'd')}", "d"), ("${env('NO', 5)}", 5),
        ("${env('NO', '')}", ""), ("${env('NO', vars.s)}", "str"), ("${env('NO', vars.n)}", 30),
        ("${env('SET', path('./no'))}", "value"), ("${env('FROM_FILE')}", "a b"),
        ("${env('Q')}", "x\ny"), ("${env('TEMPLATE')}", "${vars.n}"),
        ("${file('./f.txt')}", "text\n"), ("${json(file('./a.json')).a.b}", 7),
        ("${json(vars.json).a.b}", "30"), ("${json(file('t.json')).a}", "${vars.n}"),
        ("${json(vars.json).c.0}", True), ("${vars.read.a}", "${vars.n}"),
        ("${json('[1]')}", [1]), ("${yaml('a: 1').a}", 1), ("${yaml('[1, yes]')}", [1, "yes"]),
        ("${base64('abc')}", "YWJj"), ("${str(vars.n)}", "30"), ("${str(vars.b)}", "false"),
        ("$PATH", "$PATH"), ("$(x)", "$(x)"), ("${unclosed", "${unclosed"), ("a } b", "a } b"),
        ("$$ {x}", "$$ {x}"),
    ],
)  # fmt: skip
def test_values(evaluator: Evaluator, text: str, value: object) -> None:
    result = plain(evaluator.node(text))

    kind = str if isinstance(result, str) else type(result)
    assert (type(value), value) == (kind, result)
    assert evaluator.codes() == []


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("${vars.missing}", "FCB201", "${vars.missing} not found"),
        ("${vars.nul}", "FCB201", "vars.nul is null, which counts as missing"),
        ("${vars.mykey}", "FCB201", "did you mean my-key?"),
        ("${vars.l.2}", "FCB201", "vars.l is a list of 2 items, counted from 0"),
        ("${vars.n.x}", "FCB201", "vars.n is a number, true or false: it has no parts"),
        ("${this.props.nope}", "FCB201", "${this.props.nope} not found"),
        ("${resources.three.props.x}", "FCB201", "there is one, two"),
        ("x${vars.o}", "FCB206", "${vars.o} is a map or a list"),
        ("${vars.l[0]}", "FCB205", "write ${vars.list.0}"),
        ("${vars.o['k']}", "FCB205", "brackets"),
        ("${env('NO')}", "FCB203", "env('NO') not found"),
        ("${env('EMPTY')}", "FCB203", "env('EMPTY') not found"),
        ("${env.HOME}", "FCB201", "${env('HOME')}"),
        ("${PATH}", "FCB201", "${env('PATH')}"),
        ("${git()}", "FCB204", "git()"),
        ("${regex('a|b')}", "FCB204", "actions"),
        ("${fiel('x')}", "FCB211", "did you mean file?"),
        ("${env()}", "FCB207", "0 arguments; write env('NAME'"),
        ("${vars.n + 1}", "FCB205", "no operators"),
        ("${vars.s || 'x'}", "FCB205", "env('X', 'default')"),
        ("${vars.s.toUpperCase()}", "FCB205", "methods cannot be called"),
        ("${}", "FCB205", "such as ${vars.name}"),
        ("${vars.}", "FCB205", "for example ${vars.name}"),
        ("${env('X}", "FCB205", "unexpected"),
        ("<% env.X %>", "FCB205", "<% %>"),
        ("${file('./no')}", "FCB207", "begins at the directory of the file"),
        ("${file('bad.bin')}", "FCB207", "not UTF-8"),
        ("${file('nul.txt')}", "FCB207", "NUL"),
        ("${1+1}", "FCB205", "no operators"),
        ("${vars.n > 3}", "FCB205", "no operators"),
        ("${env('X' + 'Y')}", "FCB205", "no operators"),
        ("${ }", "FCB205", "such as ${vars.name}"),
        ("${'abc'}", "FCB205", "write a value itself"),
        ("${vars.s.length}", "FCB201", "vars.s is a text: it has no parts"),
        ("${vars.far.x.y}", "FCB201", "it has no parts"),
        ("${vars.json.a}", "FCB201", "it has no parts"),
        ("${this.props.x.z}", "FCB201", "there is y"),
        ("${json('[1]').4}", "FCB201", "json(...) is a list of 1 items"),
        ("${json('null')}", "FCB201", "null, which counts as missing"),
        ("${yaml(file('bad.yaml'))}", "FCB207", "bad.yaml: line 2: not valid YAML"),
        ("${json(file('f.txt'))}", "FCB207", "f.txt: not valid JSON in line 1"),
        ("${path('./no')}", "FCB207", "does not exist; a path begins at"),
        ("${json('{')}", "FCB207", "double quotes around texts"),
        ("${json('\"\\u0000\"')}", "FCB207", "NUL"),
        ("${yaml('[')}", "FCB207", "line 1"),
        ("${base64(vars.o)}", "FCB207", "must be a text"),
        ("${config('AccessKeySecret')}", "FCB204", "never read"),
        ("${" + "str(" * 20 + "vars.n" + ")" * 20 + "}", "FCB205", "calls in each other"),
    ],
)
def test_refusals(evaluator: Evaluator, text: str, code: str, says: str) -> None:
    node = evaluator.node(text)

    (diagnostic,) = evaluator.findings.items
    assert node.value is BROKEN
    assert code == diagnostic.code
    assert says in f"{diagnostic.message}; {diagnostic.hint}"
    assert diagnostic.hint


def test_paths_are_absolute(evaluator: Evaluator, project: Project) -> None:
    assert str(project.directory / "f.txt") == evaluator.node("${path('./f.txt')}").value


@pytest.mark.parametrize(
    "text",
    ["${resources.one.output.url}", "x-${resources.one.info.a.b}", "${components.a.output.z}"],
)
def test_what_a_deployment_gives_stays_with_a_warning(evaluator: Evaluator, text: str) -> None:
    assert text == evaluator.node(text).value
    assert evaluator.codes() == ["FCB208"]


def test_the_account_id_is_a_placeholder_with_a_warning(evaluator: Evaluator) -> None:
    assert evaluator.node("${config('AccountID')}").value == "1234567890123456"
    assert evaluator.codes() == ["FCB209"]


def test_a_cycle_is_shown(project: Project) -> None:
    text = with_props("region: ${vars.a}", top="vars: {a: '${vars.b}', b: 'x${vars.a}'}\n")

    (diagnostic,) = project.load(text).diagnostics

    assert diagnostic.message == "a variable depends on itself: vars.b -> vars.a -> vars.b"


def test_a_map_that_holds_itself_is_a_cycle(project: Project) -> None:
    assert project.codes(with_props("", top="vars: {o: {x: '${vars.o}'}}\n")) == ["FCB202"]


def test_a_broken_variable_is_told_once_whoever_uses_it(project: Project) -> None:
    props = "region: ${vars.bad}\ndescription: a-${vars.bad}"

    assert project.codes(with_props(props, top="vars: {bad: '${vars.no}'}\n")) == ["FCB201"]


def test_positions_within_a_text(project: Project) -> None:
    text = with_props('region: "${vars.a}-${vars.no} ${vars.no2}"', top="vars: {a: 1}\n")

    (diagnostic,) = project.load(text).diagnostics

    column = diagnostic.source_line.index("${vars.no}") + 1
    assert (column, len("${vars.no}")) == (diagnostic.column, diagnostic.length)


def test_whether_the_environment_was_consulted_is_known(evaluator: Evaluator) -> None:
    evaluator.node("${vars.n}")
    assert not evaluator.environment.consulted

    evaluator.node("${env('SET')}")
    assert evaluator.environment.consulted


def doubling(count: int, pattern: str) -> str:
    lines = (f"  v{n + 1}: " + pattern.format(f"${{vars.v{n}}}") for n in range(count))
    return "vars:\n  v0: xxxxxxxxxxxxxxxx\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("top", "code"),
    [
        (doubling(40, '"{0}{0}"'), "FCB106"),
        (doubling(40, '["{0}", "{0}"]'), "FCB106"),
        (doubling(40, '{{a: "{0}", b: "{0}"}}'), "FCB106"),
        ("vars: {big: " + "x" * 400_000 + ", l: [" + "'${base64(vars.big)}'," * 20_000 + "]}\n",
         "FCB106"),
        ("vars:\n" + "".join(f"  v{n}: ${{vars.v{n + 1}}}\n" for n in range(5000)), "FCB210"),
        ("vars:\n" + "".join(f"  v{n}: ${{vars.no{n}}}\n" for n in range(20_000)), "FCB119"),
        ("vars:\n" + "".join(f"  v{n}: ${{str(str(vars.v{n + 1}))}}\n" for n in range(99)),
         "FCB210"),
    ],
)  # fmt: skip
def test_variables_cannot_grow_without_bounds(project: Project, top: str, code: str) -> None:
    start = time.process_time()

    assert code in project.codes(with_props("", top=top))
    assert time.process_time() - start < 1


def test_trees_deeper_than_any_recursion_are_no_trouble(project: Project) -> None:
    """Each variable is shallow; together they would be 2000 levels deep."""
    inner = "{{a: " * 50 + '"{0}"' + "}}" * 50
    top = doubling(40, inner) + "fcbox: {functions: '${vars.v40}'}\n"

    assert project.codes(with_props("description: ${vars.v40}", top=top))[0] == "FCB210"


@given(st.text(alphabet="${}varsn.e()' ,\"[]0一\n", max_size=80))
def test_any_text_has_parts_or_a_grammar_error(text: str) -> None:
    with contextlib.suppress(GrammarError):
        parts = parse_template(text)
        assert text == "".join(part if isinstance(part, str) else part.text for part in parts)


EXPRESSIONS = st.lists(
    st.sampled_from(
        ["${", "}", "vars", ".", "a", "b", "this", "props", "name", "env(", "'X'", ")", ",", " ",
         "resources", "one", "json(", "str(", "x", "0"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(a=EXPRESSIONS, b=EXPRESSIONS)
def test_any_pair_of_variables_resolves_or_is_found_wrong(a: str, b: str) -> None:
    quoted = (each.replace("'", "''") for each in (a, b))
    text = "vars: {{a: '{}', b: '{}'}}\n".format(*quoted)
    findings = Findings()
    root = parse(text.encode(), "s.yaml", findings)
    assert root is not None
    around = Surroundings("", Environment({}, [], Inputs()), Inputs(), findings)

    try:
        node = Variables(root, around).resolve(root)
    except RefusedError:
        return

    broken = [child(child(node, "vars"), name) for name in "ab"]
    assert bool(findings.items) >= any(each and each.value is BROKEN for each in broken)
