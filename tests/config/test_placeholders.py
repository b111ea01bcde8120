"""`{{ name }}` in a template that `s init` never rendered."""

import pytest

from sandbox.config import Config
from tests.config.support import Project

TEMPLATE = """\
edition: 3.0.0
# {{ a comment }} is none
resources:
  hello:
    component: fc3
    props:
      functionName: {{ name }}
      runtime: "{{ runtime }}"
      handler: index.handler
      code: ./
      timeout: {{timeout}}
      region: cn-{{ city }}
"""

PUBLISH = """\
Edition: 3.0.0
Type: Project
Name: start
Parameters:
  type: object
  properties:
    name: {title: 函数名, type: string, default: "hello-${default-suffix}"}
    runtime: {type: string, enum: [python3.10, python3.9]}
    timeout: {type: integer, default: 7}
    city: {type: string, default: hangzhou}
    other: {type: string}
"""

ALL = {"name": "fn", "runtime": "python3.10", "timeout": "7", "city": "beijing"}


def codes(config: Config) -> list[tuple[str, int, int]]:
    return [(each.code, each.line, each.column) for each in config.diagnostics]


def test_all_without_a_value_are_listed(project: Project) -> None:
    (finding,) = project.load(TEMPLATE, values={"name": "x"}).diagnostics

    assert (finding.code, finding.line, finding.column) == ("FCB111", 8, 17)
    assert "runtime, timeout, city" in finding.message
    assert "--set runtime=... --set timeout=... --set city=..." in finding.hint


def test_none_of_them_is_cut_off(project: Project) -> None:
    """A template of a whole application has a dozen of them, and more characters than a quote."""
    names = [f"a-rather-long-name-{number}" for number in range(40)]
    text = TEMPLATE + "".join(f"x-{name}: {{{{ {name} }}}}\n" for name in names)
    (finding,) = project.load(text, values=ALL).diagnostics

    assert finding.message == f"unrendered template: {', '.join(names)}"
    assert " ".join(f"--set {name}=..." for name in names) in finding.hint


def test_given_values_fill_them(project: Project) -> None:
    config = project.load(TEMPLATE, values=ALL)

    assert config.diagnostics == ()
    (spec,) = config.specs
    assert (spec.name, spec.timeout_s, spec.region) == ("fn", 7, "cn-beijing")


@pytest.mark.parametrize(("where", "shown"), [("", "publish.yaml"), ("../", "../publish.yaml")])
def test_the_defaults_of_publish_yaml_fill_them(project: Project, where: str, shown: str) -> None:
    project.directory = project.directory / "src"
    project.write("index.py", "def handler(event, context): ...\n")
    project.write(f"{where}publish.yaml", PUBLISH)

    config = project.load(TEMPLATE, values={"city": "beijing"})

    (note,) = config.diagnostics
    assert (note.code, note.severity) == ("FCB121", "note")
    assert "name=hello-local, runtime=python3.10, timeout=7" in note.message
    assert note.message.startswith("placeholders are filled in with the defaults of")
    (spec,) = config.specs
    assert (spec.name, spec.timeout_s, spec.region) == ("hello-local", 7, "cn-beijing")


def test_access_is_known_as_to_the_official_tool(project: Project) -> None:
    project.write("publish.yaml", PUBLISH)

    config = project.load(TEMPLATE + "access: {{ access }}\n")

    assert "access=default" in config.diagnostics[0].message


def test_access_is_known_without_a_publish_yaml(project: Project) -> None:
    """Nobody is sent to a file that is not there."""
    config = project.load(TEMPLATE + "access: {{ access }}\n", values=ALL)

    (note,) = config.diagnostics
    assert config.ok
    assert note.code == "FCB121"
    assert note.message.endswith("the defaults of s init: access=default")


def test_positions_are_those_of_the_text_as_it_was_written(project: Project) -> None:
    """A long value before and in the line of a mistake moves nothing."""
    text = TEMPLATE + "      memorySize: {{ n }} \n      cpu: [{{ n }}, {{ n }}, oops: 1]\n"

    config = project.load(text, values={**ALL, "n": "1234567890", "timeout": "0"})

    assert codes(config) == [("FCB312", 11, 16), ("FCB312", 13, 19), ("FCB312", 14, 12)]
    timeout, memory, _ = config.diagnostics
    assert timeout.source_line == "      timeout: {{timeout}}"
    assert memory.source_line == "      memorySize: {{ n }} "


@pytest.mark.parametrize(
    "statement", ["{{if region === 'cn'}}", "{{/if}}", "{{ time | timestamp }}", "{{ a.b() }}"]
)
def test_a_statement_is_refused_and_never_run(project: Project, statement: str) -> None:
    config = project.load(f"edition: 3.0.0\nname: {statement}\n", values=ALL)

    assert codes(config)[0] == ("FCB120", 2, 7)
    assert statement in config.diagnostics[0].message


def test_a_value_for_no_placeholder_is_refused_with_the_near_name(project: Project) -> None:
    config = project.load(TEMPLATE, values={**ALL, "runtme": "x"})

    (finding,) = config.diagnostics
    assert (finding.code, finding.hint) == ("FCB122", "did you mean runtime or name?")
    assert not config.ok


def test_what_publish_yaml_lacks_is_missing(project: Project) -> None:
    project.write("publish.yaml", "Parameters: {properties: {name: {default: [1]}, city: 5}}\n")

    (finding,) = project.load(TEMPLATE).diagnostics

    assert (finding.code, finding.message) == (
        "FCB111", "unrendered template: name, runtime, timeout, city",
    )  # fmt: skip


def test_values_that_make_the_file_huge_are_refused(project: Project) -> None:
    text = "edition: 3.0.0\nx: ['" + "{{ n }}" * 1000 + "']\n"

    assert [each.code for each in project.load(text, values={"n": "x" * 5000}).diagnostics] == [
        "FCB102"
    ]


def test_a_value_is_not_searched_for_placeholders(project: Project) -> None:
    config = project.load(TEMPLATE, values={**ALL, "name": "'{{name}}'"})

    assert codes(config) == [("FCB312", 7, 21)]
