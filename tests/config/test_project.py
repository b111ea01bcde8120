"""Base files, environments and templates: what wins over what. Facts: the official parser."""

from pathlib import Path

import pytest

from sandbox.config import Config, render
from sandbox.core.spec import FunctionSpec
from tests.config.support import HANDLER, Project, with_props

MAIN = """\
edition: 3.0.0
resources:
  hello:
    component: fc3
    props:
      functionName: hello
      runtime: python3.10
      handler: index.handler
      code: ./
"""


def props(*lines: str) -> str:
    return MAIN + "".join(f"      {line}\n" for line in lines)


def spec(config: Config) -> FunctionSpec:
    assert config.ok, "\n".join(map(render, config.diagnostics))
    (only,) = config.specs
    return only


def codes(config: Config) -> list[str]:
    return [each.code for each in config.diagnostics]


# --- base files ---------------------------------------------------------------------------------

EMPTY = "extend: base.yaml\n"


@pytest.mark.parametrize(
    ("base", "main", "expected"),
    [
        ("{base}", "extend: base.yaml\n", {"name": "hello", "timeout_s": 3}),
        ("{base}", "extend: base.yaml\nresources: {hello: {props: {timeout: 9}}}\n",
         {"name": "hello", "timeout_s": 9}),
        ("{base}      timeout: 5\n",
         "extend: base.yaml\nresources: {hello: {props: {timeout: null}}}\n", {"timeout_s": 5}),
        ("vars: {t: 4, u: 8}\n{base}      timeout: ${vars.t}\n      memorySize: 128\n",
         "extend: base.yaml\nvars: {t: 6}\n"
         "resources: {hello: {props: {idleTimeout: '${vars.u}'}}}\n",
         {"timeout_s": 6, "memory_mb": 128, "idle_timeout_s": 8}),
        ("{base}      environmentVariables: {A: a, B: b}\n",
         "extend: base.yaml\nresources: {hello: {props: {environmentVariables: {B: c}}}}\n",
         {"environment": {"A": "a", "B": "c"}}),
        ("template: {t: {timeout: 7}}\n{base}",
         "extend: base.yaml\nresources: {hello: {extend: {name: t}}}\n", {"timeout_s": 7}),
        # `this` is the resource as its own file has it.
        ("{base}      timeout: 5\n      idleTimeout: ${this.props.timeout}\n",
         "extend: base.yaml\nresources: {hello: {props: {timeout: 6}}}\n",
         {"timeout_s": 6, "idle_timeout_s": 5}),
    ],
)  # fmt: skip
def test_a_base_file_lies_under_the_s_yaml(
    project: Project, base: str, main: str, expected: dict[str, object]
) -> None:
    project.write("base.yaml", base.replace("{base}", MAIN))

    found = spec(project.load(main))._asdict()

    assert expected.items() <= found.items()


def test_paths_begin_at_the_file_that_they_stand_in(project: Project) -> None:
    project.write("sub/here/index.py", HANDLER)
    project.write("sub/f.txt", "5")
    base = MAIN.replace("code: ./", "code: ${path('./here')}") + "      timeout: ${file('f.txt')}\n"
    project.write("sub/base.yaml", base)

    found = spec(project.load("extend: sub/base.yaml\n"))

    assert (found.code_dir, found.timeout_s) == (str(project.directory / "sub/here"), 5)


def test_code_begins_at_the_s_yaml_whatever_file_names_it(project: Project) -> None:
    project.write("sub/base.yaml", MAIN)

    assert spec(project.load("extend: sub/base.yaml\n")).code_dir == str(project.directory)


def test_a_mistake_in_the_base_file_is_shown_there(project: Project) -> None:
    project.write("base.yaml", props("timeout: 0"))

    config = project.load("extend: base.yaml\nresources: {hello: {props: {cpu: 1}}}\n")

    (finding,) = config.diagnostics
    assert (finding.file, finding.line, finding.column) == ("base.yaml", 10, 16)
    assert finding.source_line == "      timeout: 0"


@pytest.mark.parametrize(
    ("main", "base", "code"),
    [
        ("extend: no.yaml\n", "", "FCB370"),
        ("extend: base.txt\n", "", "FCB360"),
        ("extend: s.yaml\n", "", "FCB360"),
        ("extend: [base.yaml]\n", "", "FCB360"),
        ("extend: base.yaml\n", "[1", "FCB101"),
        ("extend: base.yaml\nenv: env.yaml\n", MAIN, "FCB361"),
    ],
)
def test_a_base_file_that_cannot_be_used(project: Project, main: str, base: str, code: str) -> None:
    project.write("base.yaml", base)

    config = project.load(f"edition: 3.0.0\n{main}resources: {{}}\n")

    assert code in codes(config)
    assert not config.ok


def test_a_base_file_of_a_base_file_is_not_read(project: Project) -> None:
    project.write("base.yaml", f"extend: more.yaml\n{MAIN}")
    project.write("more.yaml", props("timeout: 0"))

    config = project.load("extend: base.yaml\n")

    assert codes(config) == ["FCB363"]
    assert spec(config).timeout_s == 3


# --- environments -------------------------------------------------------------------------------

ENVIRONMENTS = """\
environments:
  - name: test
    description: 测试
  - name: prod
    suffix: x
    infraStack: {region: cn-beijing}
    overlays:
      components:
        fc3: {timeout: 20, memorySize: 1024, environmentVariables: {A: component, B: component}}
      resources:
        hello: {timeout: 30, environmentVariables: {A: "${this.name}-${that.suffix}"}}
        other: {timeout: "${vars.unknown}"}
"""


def test_an_environment_lies_over_the_file(project: Project) -> None:
    project.write("env.yaml", ENVIRONMENTS.replace("        other", "        # other"))
    text = props("region: cn-hangzhou", "timeout: 10", "environmentVariables: {C: file}")

    found = spec(project.load(text, env="prod"))

    assert (found.timeout_s, found.memory_mb, found.region) == (30, 1024, "cn-beijing")
    assert found.environment == {"A": "prod-x", "B": "component", "C": "file"}
    assert spec(project.load(text, env="test")).timeout_s == 10
    assert spec(project.load(text)).region == "cn-hangzhou"


def test_own_props_see_what_the_environment_lays_over_them(project: Project) -> None:
    project.write("env.yaml", ENVIRONMENTS.replace("        other", "        # other"))

    found = spec(project.load(props("idleTimeout: ${this.props.timeout}"), env="prod"))

    assert found.idle_timeout_s == 30


def test_source_is_what_an_overlay_is_laid_over(project: Project) -> None:
    """Only the overlays of a resource see its props; another one need not have them."""
    overlays = "{components: {fc3: {functionName: '${source.functionName}-${this.name}'}}}"
    project.write("env.yaml", f"environments: [{{name: prod, overlays: {overlays}}}]\n")
    domain = "  domain: {component: fc3-domain, props: {domainName: auto}}\n"

    config = project.load(props() + domain, env="prod")

    assert spec(config).name == "hello-prod"
    assert [each.code for each in config.diagnostics] == ["FCB309"]


def test_vars_are_not_known_in_an_environment(project: Project) -> None:
    project.write("env.yaml", ENVIRONMENTS)

    found = project.load(f"vars: {{unknown: 1}}\n{MAIN}", env="prod").diagnostics

    assert [(each.code, each.file, each.line) for each in found] == [
        ("FCB368", "env.yaml", 12), ("FCB201", "env.yaml", 12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("top", "environments", "env", "code", "says"),
    [
        ("", None, "prod", "FCB370", "env.yaml is not there"),
        ("env: e/x.yaml\n", None, "prod", "FCB370", "e/x.yaml is not there"),
        ("", ENVIRONMENTS, "pord", "FCB362", "did you mean prod?"),
        ("", "environments: {a: {name: prod}}\n", "prod", "", ""),
        ("", "environments: {prod: {}}\n", "prod", "FCB362", "there is none"),
        ("", "environments: 5\n", "prod", "FCB362", "there is none"),
        ("", "[", "prod", "FCB101", ""),
        ("env: [a]\n", "", "prod", "FCB303", "a path"),
    ],
)
def test_which_environment(
    project: Project, top: str, environments: str | None, env: str, code: str, says: str
) -> None:
    if environments is not None:
        project.write("env.yaml", environments)

    config = project.load(top + MAIN, env=env)

    assert codes(config) == ([code] if code else [])
    assert all(says in each.message + each.hint for each in config.diagnostics)


# --- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "extend", "own", "expected"),
    [
        ("{timeout: 5, memorySize: 128}", "{name: t}", ["timeout: 6"],
         {"timeout_s": 6, "memory_mb": 128}),
        ("{timeout: 5, memorySize: 128}", "{name: t, ignore: [timeout]}", [], {"timeout_s": 3}),
        ("{timeout: 5, memorySize: 128}", "{name: t, ignore: timeout}", [], {"timeout_s": 3}),
        ("{environmentVariables: {A: a, B: b}}", "{name: t, ignore: [environmentVariables.A]}", [],
         {"environment": {"B": "b"}}),
        ("{timeout: 5}", "{name: t}", ["timeout: null"], {"timeout_s": 3}),
        # A template is resolved before it is merged, own props after it.
        ("{environmentVariables: '${vars.o}'}", "{name: t}", ["environmentVariables: {J: j}"],
         {"environment": {"K": "k", "J": "j"}}),
        ("{environmentVariables: {J: j}}", "{name: t}", ["environmentVariables: ${vars.o}"],
         {"environment": {"K": "k"}}),
        ("{region: \"${env('X')}\"}", "{name: t}", [], {"region": "${vars.no}"}),
    ],
)  # fmt: skip
def test_a_template(
    project: Project, template: str, extend: str, own: list[str], expected: dict[str, object]
) -> None:
    project.environ["X"] = "${vars.no}"
    text = props(*own).replace("    props:", f"    extend: {extend}\n    props:")

    found = spec(project.load(f"vars: {{o: {{K: k}}}}\ntemplate: {{t: {template}}}\n{text}"))

    assert expected.items() <= found._asdict().items()


def test_this_is_not_known_in_a_template(project: Project) -> None:
    """So it is in the cloud's tool, whether or not the template is used."""
    (finding,) = project.load("template: {t: {region: '${this.name}'}}\n" + MAIN).diagnostics

    assert (finding.code, finding.line, finding.column) == ("FCB201", 1, 25)


def test_everything_lies_over_each_other_in_order(project: Project, tmp_path: Path) -> None:
    """template < own props < component < resource < infraStack.region"""
    project.write(
        "env.yaml",
        """\
environments:
  - name: e
    infraStack: {region: r5}
    overlays:
      components: {fc3@dev: {region: r3, timeout: 3, memorySize: 192, cpu: 0.05}}
      resources: {hello: {region: r4, timeout: 4, memorySize: 256}}
""",
    )
    text = "template: {t: {region: r1, timeout: 1, memorySize: 64, idleTimeout: 1}}\n" + props(
        "region: r2", "timeout: 2", "memorySize: 128"
    ).replace("component: fc3", "component: fc3@dev\n    extend: {name: t}")

    found = spec(project.load(text, env="e"))

    assert (found.region, found.timeout_s, found.memory_mb, found.idle_timeout_s) == (
        "r5", 4, 256, 1,
    )  # fmt: skip


# --- slips and types ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (MAIN.replace("    props", "    Extend: {name: t}\n    props"), "FCB306", "'Extend'"),
        (MAIN.replace("    props", "    extend: {name: t, ignor: [x]}\n    props"), "FCB306",
         "'ignor'"),
        (MAIN.replace("    props", "    extend: t\n    props"), "FCB312", "extend is 't'"),
        (MAIN + "vars: 5\n", "FCB312", "vars is 5"),
        (MAIN + "flow: [a]\n", "FCB312", "flow is a list"),
        (MAIN + "fcbox: 9\n", "FCB312", "fcbox is 9"),
        (MAIN.replace("python3.10", "${resources.b.output.t}"), "FCB201", "output.t} not found"),
        (MAIN + "      initializer: index.no\n"
         "      instanceLifecycleConfig: {initializer: {handler: index.handler}}\n",
         "FCB314", "initializer beside instanceLifecycleConfig.initializer"),
    ],
)  # fmt: skip
def test_slips_and_types(project: Project, text: str, code: str, says: str) -> None:
    found = project.load("template: {t: {}}\n" + text).diagnostics

    assert any(each.code == code and says in each.message for each in found), found


def test_places_of_findings(project: Project) -> None:
    python = project.load(MAIN + "fcbox: {python: ./no/../nope}\n")
    empty = project.load("edition: 3.0.0\nresources:\n")

    project.python = None
    (finding,) = project.load(MAIN + "fcbox: {python: ./no/../nope}\n").diagnostics
    assert (finding.code, finding.line, finding.column) == ("FCB505", 10, 17)
    assert f"{project.directory}/nope" in finding.message
    assert python.ok
    assert [(each.code, each.line) for each in empty.diagnostics] == [("FCB303", 2)]


# --- what is no map -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resources: {a: 5}\n", [("FCB312", "resources.a is 5: expected a map")]),
        ("resources: {a: }\n", [("FCB312", "resources.a is nothing: expected a map")]),
        ("resources: {a: {component: fc3, props: [b]}}\n",
         [("FCB312", "props is a list: expected a map")]),
        ("template: {t: 5}\n" + MAIN.replace("    props", "    extend: {name: t}\n    props"),
         [("FCB312", "template.t is 5: expected a map")]),
    ],
)  # fmt: skip
def test_what_should_be_a_map_and_is_none(
    project: Project, text: str, expected: list[tuple[str, str]]
) -> None:
    """One finding, at the place: not one for each thing that such a map would have."""
    config = project.load(text if MAIN[:7] in text else f"edition: 3.0.0\n{text}")

    assert [(each.code, each.message) for each in config.diagnostics] == expected


@pytest.mark.parametrize(
    ("environment", "code", "says"),
    [
        ("overlays: {resources: {hello: 5}}", "FCB312", "hello is 5: expected a map"),
        ("overlays: {components: [fc3]}", "FCB312", "components is a list: expected a map"),
        ("overlays: [a]", "FCB312", "overlays is a list: expected a map"),
        ("infraStack: cn-hangzhou", "FCB312", "infraStack is 'cn-hangzhou': expected a map"),
        ("overlay: {resources: {hello: {timeout: 9}}}", "FCB306", "unknown key 'overlay'"),
        ("overlays: {resources: {helo: {timeout: 9}}}", "FCB368", "'helo'"),
        ("overlays: {components: {fc3@dev: {timeout: 9}}}", "FCB368", "'fc3@dev'"),
        ("stage: free", "", ""),
    ],
)
def test_an_environment_that_is_not_as_it_should_be(
    project: Project, environment: str, code: str, says: str
) -> None:
    """It is told in env.yaml, and what else it says counts."""
    project.write("env.yaml", f"environments:\n  - name: prod\n    {environment}\n")

    config = project.load(MAIN, env="prod")

    assert [(each.code, each.file) for each in config.diagnostics] == (
        [(code, "env.yaml")] if code else []
    )
    assert all(says in each.message for each in config.diagnostics)
    assert [each.name for each in config.specs] == ["hello"]


def test_a_file_that_never_ends_its_read_is_not_waited_for(project: Project) -> None:
    """The kernel's log says it is a regular file; root's read of it waits for the next line. What
    it has to say at the moment does not matter: this test is not to hang."""
    for _ in range(2):
        config = project.load("name: \"${file('/proc/kmsg')}\"\n" + MAIN)

    assert set(codes(config)) <= {"FCB207"}


@pytest.mark.parametrize(
    ("top", "environment", "hint"),
    [
        ("", "prod", "--env chooses an environment of this file"),
        ("env: x.yaml\n", "prod", "its path begins at the directory of the s.yaml"),
        ("extend: x.yaml\n", None, "its path begins at the directory of the s.yaml"),
    ],
)
def test_a_file_that_is_not_there(
    project: Project, top: str, environment: str | None, hint: str
) -> None:
    found = project.load(with_props("", top=top), env=environment).diagnostics[0]

    assert found.code == "FCB370"
    assert found.hint.startswith(hint)
