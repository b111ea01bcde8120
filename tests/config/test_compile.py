"""A whole s.yaml: what comes out, and that every mistake is found at once."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.config import Config, ConfigMissing, load, render
from sandbox.core.spec import AsyncSettings, BoxSettings, Callback
from tests.config.support import EXAMPLE, EXAMPLE_CODE, Project, with_props

WITHOUT_PROPS = "edition: 3.0.0\nresources:\n  hello:\n    component: fc3\n    props:\n"


PRE_STOP = "instanceLifecycleConfig: {preStop: {handler: index.handler}}"


def hello(config: Config) -> dict[str, object]:
    (spec,) = config.specs
    return spec._asdict()


def test_the_example_loads_unchanged(project: Project) -> None:
    project.write("index.py", EXAMPLE_CODE)

    config = project.load(EXAMPLE)

    assert config.diagnostics == ()
    assert config.path == str(project.directory / "s.yaml")
    assert config.settings == BoxSettings()
    assert hello(config) == {
        "name": "emojipy",
        "handler": "index.handler",
        "code_dir": str(project.directory),
        "python": str(project.python),
        "runtime": "python3",
        "resource": "hello_world",
        "timeout_s": 30,
        "memory_mb": 128,
        "environment": {"PYTHONPATH": "/code:/code/python:/opt/python"},
        "initializer": Callback("index.initialize", 60),
        "pre_stop": Callback("index.preStop", 60),
        "region": "cn-hangzhou",
        "account_id": "1234567890123456",
        "max_instances": 0,
        "min_instances": 0,
        "idle_timeout_s": 180,
        "code_archive": "",
        "layers": (),
        "mounts": (),
        "cpu": 0,
        "disk_mb": 512,
        "network": "",
        "is_frozen_when_idle": False,
        "http_triggers": (),
        "timers": (),
        "asynchronous": AsyncSettings(),
        "custom": None,
        "concurrency": 1,
        "reserved_concurrency": 0,
        "is_wsgi": False,
        "description": "hello world by serverless devs",
    }


def test_defaults(project: Project) -> None:
    spec = hello(
        project.load(with_props("instanceLifecycleConfig: {preStop: {handler: index.handler}}"))
    )

    assert (spec["timeout_s"], spec["memory_mb"], spec["environment"]) == (3, 512, {})
    assert (spec["initializer"], spec["pre_stop"]) == (None, Callback("index.handler", 3))


def test_five_mistakes_give_five_findings(project: Project) -> None:
    text = """\
edition: 3.0.0
resources:
  hello:
    component: fc3
    props:
      functionName: hello
      region: ${vars.region}
      runtime: python3.10
      handler: index.handle
      code: ./
      timeout: 0
      memorySize: 100
      environmentVariables: {A: [1]}
"""

    config = project.load(text)

    assert not config.ok
    assert [(each.code, each.line) for each in config.diagnostics] == [
        ("FCB201", 7), ("FCB405", 9), ("FCB312", 11), ("FCB312", 12), ("FCB317", 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ("timeout: '30'", {"timeout_s": 30}),
        ("timeout: 86400", {"timeout_s": 86400}),
        ("memorySize: 32768", {"memory_mb": 32768}),
        ("memorySize: 512.0", {"memory_mb": 512}),
        ("concurrencyConfig: {reservedConcurrency: 3}", {"max_instances": 3}),
        ("provisionConfig: {defaultTarget: 2, alwaysAllocateCPU: true}", {"min_instances": 2}),
        ("scalingConfig: {minInstances: 4}", {"min_instances": 4}),
        ("idleTimeout: 60", {"idle_timeout_s": 60}),
        ("region: null", {"region": "cn-hangzhou"}),
        ("cpu: 0.05\ndiskSize: 512", {}),
        ("cpu: '16'\ndiskSize: '10240'", {}),
        ("environmentVariables: {aZ_9: b, FOO_FC_: c}",
         {"environment": {"aZ_9": "b", "FOO_FC_": "c"}}),
        ("environmentVariables: {A: true, B: 1.10, C: 1.0, D: 1e3, E: null, F: no, G: ''}",
         {"environment": {"A": "true", "B": "1.1", "C": "1", "D": "1000", "F": "no", "G": ""}}),
        ("environmentVariables:", {"environment": {}}),
        ("triggers: [{triggerName: t, triggerType: http, triggerConfig: {methods: [GET]}}]", {}),
        ("description: x\ntags: [{key: a, value: b}]\nlogConfig: auto\nvpcConfig: auto", {}),
    ],
)  # fmt: skip
def test_props(project: Project, props: str, expected: dict[str, object]) -> None:
    config = project.load(with_props(props))

    assert config.diagnostics == ()
    assert expected.items() <= hello(config).items()


@pytest.mark.parametrize(
    ("props", "code", "says"),
    [
        ("timeout: 0", "FCB312", "timeout is 0: expected a number of seconds from 1 to 86400"),
        ("timeout: 86401", "FCB312", "timeout is 86401"),
        ("timeout: true", "FCB312", "timeout is true"),
        ("timeout: .nan", "FCB312", "timeout is NaN"),
        ("timeout: .inf", "FCB312", "timeout is Infinity"),
        ("timeout: soon", "FCB312", "timeout is 'soon'"),
        ("memorySize: 64", "FCB312", "multiple of 64 from 128 to 32768"),
        ("memorySize: 130", "FCB312", "memorySize is 130"),
        ("memorySize: 512.5", "FCB312", "memorySize is 512.5"),
        ("region: 3", "FCB312", "region is 3: expected a text"),
        ("cpu: 0.04", "FCB312", "cpu is 0.04: expected a number of vCPUs from 0.05 to 16"),
        ("cpu: 16.1", "FCB312", "cpu is 16.1"),
        ("cpu: true", "FCB312", "cpu is true"),
        ("diskSize: 1024", "FCB312", "diskSize is 1024: expected 512 or 10240"),
        ("diskSize: true", "FCB312", "diskSize is true"),
        ("environmentVariables: {FC_REGION: b}", "FCB322", "warning: the environment variable "
         "FC_REGION is dropped"),
        ("environmentVariables: {_FC_X: b}", "FCB318", "'_FC_X'"),
        ("environmentVariables: {9A: b}", "FCB318", "a letter first"),
        ("environmentVariables: {a-b: c}", "FCB318", "'a-b'"),
        ("environmentVariables: {变量: c}", "FCB318", "'变量'"),
        ("instanceConcurrency: 0", "FCB312", "instanceConcurrency is 0"),
        ("instanceLifecycleConfig: []", "FCB312", "instanceLifecycleConfig is a list"),
        ("instanceLifecycleConfig: {initializer: {handler: index.handler, timeout: 301}}",
         "FCB312", "instanceLifecycleConfig.initializer.timeout is 301: expected a number of "
         "seconds from 1 to 300"),
        ("instanceLifecycleConfig: {preStop: {handler: index.handler, timeout: 91}}",
         "FCB312", "from 1 to 90"),
        ("instanceLifecycleConfig: {preStop: {handler: index.handler, timeout: 0.5}}",
         "FCB312", "timeout is 0.5"),
        ("instanceLifecycleConfig: {preStop: {handler: index.stop}}", "FCB405", "has no stop"),
        ("instanceLifecycleConfig: {preStop: {command: [a]}}", "FCB319", "custom runtime"),
        ("instanceLifecycleConfig: {preStopp: {handler: a.b}}", "FCB306", "mean preStop?"),
        ("instanceLifecycleConfig: {preStop: {handlr: index.handler}}", "FCB306", "mean handler?"),
        ("memorySiz: 128", "FCB306", "did you mean memorySize?"),
        ("gpuConfig: {gpuType: x}", "FCB314", "gpuConfig has no effect"),
        ("layers: [a]", "FCB340", "the layer a is not mapped"),
        ("triggers: [{triggerType: oss}]", "FCB314", "a trigger of type oss"),
        ("triggers: http", "FCB312", "triggers is 'http': expected a list"),
        ("instanceConcurrency: 10", "FCB314", "instanceConcurrency above 1"),
        ("initializer: index.handler", "FCB315", "the cloud ignores initializer"),
        ("environmentVariables: {A: {b: c}}", "FCB317", "variable A"),
        ("environmentVariables: {'A=B': c}", "FCB318", "'A=B'"),
        ("environmentVariables: [a]", "FCB312", "environmentVariables is a list: expected a map"),
        ("concurrencyConfig: {reservedConcurrency: 1}\nprovisionConfig: {defaultTarget: 2}",
         "FCB316", "minimum of instances 2 is above the maximum 1"),
    ],
)  # fmt: skip
def test_wrong_props(project: Project, props: str, code: str, says: str) -> None:
    (diagnostic,) = project.load(with_props(props)).diagnostics

    assert code == diagnostic.code
    assert says in render(diagnostic).replace("\n", " ")
    assert diagnostic.line >= (3 if code == "FCB316" else 9)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a" * 64, True),
        ("_f", True),
        ("service$f-1", True),
        ("$", False),
        ("$f", False),
        ("f$", False),
        ("f$$g", False),
        ("a" * 65, False),
        ("a$" * 40 + "a", False),
        ("1f", False),
        ("-f", False),
        ("f.g", False),
        ("''", False),
    ],
)
def test_function_names(project: Project, name: str, fits: bool) -> None:
    text = with_props("").replace("functionName: hello", f"functionName: {name}")
    found = [(each.code, each.line, each.column) for each in project.load(text).diagnostics]

    assert found == ([] if fits else [("FCB312", 6, 21)])


@pytest.mark.parametrize("key", ["a" * 65, "1f", "-f", "a b", "函数"])
def test_a_key_that_cannot_be_the_name(project: Project, key: str) -> None:
    """Without a functionName it would be one."""
    text = with_props("").replace("  hello:", f"  {key}:", 1)

    assert project.codes(text) == []
    without = text.replace("      functionName: hello\n", "")
    assert project.codes(without) == ["FCB313", "FCB312"]


@pytest.mark.parametrize(("value", "size"), [("x" * 4094, 4096), ("x" * 4095, 4097)])
@pytest.mark.parametrize("wide", [False, True])
def test_size_of_the_environment(project: Project, value: str, size: int, wide: bool) -> None:
    """Names and values together, in bytes."""
    if wide:
        value = value.replace("xxx", "中")
    text = with_props(f"environmentVariables:\n  A: ''\n  B: '{value}'")
    diagnostics = project.load(text).diagnostics

    assert [each.code for each in diagnostics] == ["FCB323"] * (size > 4096)
    for each in diagnostics:
        assert each.severity == "error"
        assert f"have {size} bytes, at most 4096" in each.message
        assert each.line in (10, 11)


def test_reserved_variables_are_dropped(project: Project) -> None:
    """They do not count as bytes either: the function never gets them."""
    config = project.load(with_props(f"environmentVariables: {{FC_A: {'x' * 5000}, A: b}}"))

    assert config.ok
    assert hello(config)["environment"] == {"A": "b"}


def test_the_keys_of_fc2_make_an_initializer(project: Project) -> None:
    text = with_props("initializer: index.handler\ninitializationTimeout: 20")

    config = project.load(text)

    assert hello(config)["initializer"] == Callback("index.handler", 20)
    assert [each.code for each in config.diagnostics] == ["FCB315", "FCB315"]


@pytest.mark.parametrize(
    ("props", "codes"),
    [
        ("functionName: f\nruntime: python3.10\nhandler: index.handler", ["FCB311"]),
        ("functionName: f\nruntime: python3.10\ncode: ./", ["FCB311"]),
        ("functionName: f\nhandler: index.handler\ncode: ./", ["FCB311"]),
        ("runtime: python3.10\nhandler: index.handler\ncode: ./", ["FCB313"]),
        ("", ["FCB313", "FCB311", "FCB311", "FCB311"]),
        ("functionName: a b\nruntime: python3.10\nhandler: index.handler\ncode: ./", ["FCB312"]),
        ("functionName: s$f\nruntime: python3.10\nhandler: index.handler\ncode: {src: .}", []),
        ("functionName: f\nruntime: python3.10\nhandler: index.handler\ncode: ./no", ["FCB401"]),
        ("functionName: f\nruntime: python3.10\nhandler: index.handler\ncode: a.zip", ["FCB410"]),
        ("functionName: f\nruntime: python3.10\nhandler: index.handler\ncode: {ossBucketName: b}",
         ["FCB402"]),
        ("functionName: f\nruntime: python3.10\nhandler: handler\ncode: ./", ["FCB403"]),
        ("functionName: f\nruntime: python3.10\nhandler: main.handler\ncode: ./", ["FCB404"]),
        ("functionName: f\nruntime: [python3.10]\nhandler: index.handler\ncode: ./", ["FCB312"]),
        ("functionName: f\nruntime: ${vars.no}\nhandler: ${vars.no}\ncode: ${vars.no}",
         ["FCB201", "FCB201", "FCB201"]),
    ],
)  # fmt: skip
def test_what_a_function_needs(project: Project, props: str, codes: list[str]) -> None:
    lines = "".join(f"      {line}\n" for line in props.splitlines())

    assert sorted(codes) == sorted(project.codes(WITHOUT_PROPS + lines))


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("edition: 3.0\nresources: {}\n", "FCB301", 1, "edition is the number 3.0"),
        ("name: x\nresources: {}\n", "FCB301", 1, "edition is missing"),
        ("edition: '2.0'\nresources: {}\n", "FCB301", 1, "silently runs nothing"),
        ("edition: 3.0.0\n", "FCB303", 1, "resources must be a map"),
        ("edition: 3.0.0\nresources: [a]\n", "FCB303", 2, "resources must be a map"),
        ("edition: 3.0.0\nresources: {}\n", "FCB304", 2, "no Python function"),
        ("- a\n", "FCB300", 1, "top level must be a map"),
        ("edition: 3.0.0\nresources: {a.b: {component: fc3}}\n", "FCB305", 2, "holds a dot"),
        ("edition: 3.0.0\nresources: {a: {props: {}}}\n", "FCB311", 2, "has no component"),
        ("edition: 3.0.0\nresources: {a: {component: fc}}\n", "FCB302", 2, "component fc"),
        ("edition: 3.0.0\nresources: {a: b}\n", "FCB312", 2, "expected a map"),
        ("edition: 3.0.0\nresources: {a: {component: oss}}\n", "FCB309", 2, "component 'oss'"),
        (with_props("", top="varz: {}\n"), "FCB306", 2, "did you mean vars?"),
        (with_props("", top="extend: base.yaml\n"), "FCB370", 2, "base.yaml is not there"),
        (with_props("", top="actions: {pre-deploy: [{run: npm i}, {plugin: p}]}\n"),
         "FCB307", 2, "npm i, plugin p"),
        (with_props("", top="fcbox: {prot: 1}\n"), "FCB306", 2, "did you mean port?"),
        (with_props("", top="fcbox: {port: x}\n"), "FCB312", 2, "fcbox.port is 'x'"),
        (with_props("", top="fcbox: {loggerLayout: x}\n"), "FCB312", 2, "doc or runtime"),
        (with_props("", top="fcbox: {functions: {helo: {}}}\n"), "FCB306", 2, "mean hello?"),
        (with_props("", top="fcbox: {functions: {hello: {maxInstances: 0}}}\n"),
         "FCB312", 2, "fcbox.functions.hello.maxInstances is 0"),
        (with_props("", top="fcbox: {functions: {hello: {maxInstanses: 1}}}\n"),
         "FCB306", 2, "did you mean maxInstances"),
    ],
)  # fmt: skip
def test_the_top_level(project: Project, text: str, code: str, line: int, says: str) -> None:
    found = {each.code: each for each in project.load(text).diagnostics}

    assert code in found
    assert line == found[code].line
    assert says in render(found[code])


def test_unknown_keys_far_from_any_are_left_alone(project: Project) -> None:
    assert project.codes(with_props("", top="x-common: &x {a: 1}\nanchors: {}\n")) == []


def test_settings_of_the_box(project: Project) -> None:
    top = (
        "fcbox: {port: 8000, spares: 2, grace: 1.5, dumpGrace: 0, loggerLayout: runtime, "
        "accountId: 1234567890, functions: {hello: {maxInstances: 3, minInstances: 1, "
        "idleTimeout: 9}}}\n"
    )

    config = project.load(with_props("description: ${config('AccountID')}", top=top))

    assert config.diagnostics == ()
    assert config.settings == BoxSettings(8000, 2, 1.5, 0, "runtime")
    expected = {
        "account_id": "1234567890", "max_instances": 3, "min_instances": 1, "idle_timeout_s": 9,
    }  # fmt: skip
    assert expected.items() <= hello(config).items()


def test_python_of_the_box_is_relative_to_the_file(project: Project) -> None:
    project.write("s.yaml", with_props("", top="fcbox: {python: bin/python3.10}\n"))
    bad = project.write("bad.yaml", with_props("", top="fcbox: {python: bin/none}\n"))

    config = load(cwd=str(project.directory), environ={})
    wrong = load(str(bad), cwd=str(project.directory), environ={})

    assert hello(config)["python"] == str(project.python)
    assert [each.code for each in wrong.diagnostics] == ["FCB505"]
    assert wrong.diagnostics[0].file == "bad.yaml"


TWO = """\
edition: 3.0.0
resources:
  one:
    component: fc3@0.1
    props: {functionName: first, runtime: python3.9, handler: index.handler, code: .}
  two:
    component: devsapp/fc3
    props: {functionName: second, runtime: python3.12, handler: index.handler, code: ., timeout: 0}
  js:
    component: fc3
    props: {functionName: third, runtime: nodejs20, handler: index.handler, code: .}
"""


@pytest.mark.parametrize(
    ("select", "names", "codes"),
    [
        ((), ["first", "second"], ["FCB312", "FCB503"]),
        (("one",), ["first"], []),
        (("first",), ["first"], []),
        (("first", "two"), ["first", "second"], ["FCB312"]),
        (("thrid",), [], ["FCB501"]),
        (("js",), [], ["FCB502"]),
        (("third", "one"), ["first"], ["FCB502"]),
    ],
)
def test_selection(
    project: Project, select: tuple[str, ...], names: list[str], codes: list[str]
) -> None:
    config = project.load(TWO, select=select)

    assert names == [spec.name for spec in config.specs]
    assert codes == [each.code for each in config.diagnostics]


def test_an_unknown_selection_offers_near_names(project: Project) -> None:
    (diagnostic,) = project.load(TWO, select=["thrid"]).diagnostics

    assert "s.yaml: error: no function or resource is called 'thrid' [FCB501]" in render(diagnostic)
    assert "third" in diagnostic.hint


def test_two_functions_of_one_name(project: Project) -> None:
    text = TWO.replace("second", "first").replace(", timeout: 0", "")

    (wrong,) = [each for each in project.load(text).diagnostics if each.severity == "error"]

    assert (wrong.code, wrong.line) == ("FCB320", 8)
    assert "the first is 'one'" in wrong.message


REGIONS = """\
edition: 3.0.0
resources:
  east:
    component: fc3
    props: {region: cn-hangzhou, functionName: f, runtime: python3.10, handler: index.handler,
            code: ./, timeout: 1}
  north:
    component: fc3
    props: {region: cn-beijing, functionName: f, runtime: python3.10, handler: index.handler,
            code: ./, timeout: 2}
"""


@pytest.mark.parametrize(
    ("select", "codes", "timeouts"),
    [((), ["FCB365"], [1]), (("f",), ["FCB365"], [1]), (("north",), [], [2]), (("east",), [], [1])],
)
def test_the_same_name_in_two_regions(
    project: Project, select: tuple[str, ...], codes: list[str], timeouts: list[int]
) -> None:
    """Each region of the cloud has its own functions; here the first of them runs."""
    config = project.load(REGIONS, select=select)

    assert config.ok
    assert [each.code for each in config.diagnostics] == codes
    assert [spec.timeout_s for spec in config.specs] == timeouts


def test_services_in_a_file_of_3_0(project: Project) -> None:
    """One finding, where the mistake is, and none that only follows from it."""
    (wrong,) = project.load("edition: 3.0.0\nname: a\nservices: {a: {}}\n").diagnostics

    assert (wrong.code, wrong.line, wrong.column) == ("FCB364", 3, 1)
    assert "`edition: 1.0.0`" in wrong.hint


@pytest.mark.parametrize("component", ["fc3", "devsapp/fc3@dev", "../../", "/src/fc3"])
def test_props_in_a_map_function(project: Project, component: str) -> None:
    text = with_props("function: {functionName: f, runtime: python3.10}")
    (wrong,) = project.load(text.replace("component: fc3", f"component: {component}")).diagnostics

    assert wrong.code == "FCB366"
    assert wrong.source_line[wrong.column - 1 :].startswith("function: {")


def test_a_map_function_of_another_component(project: Project) -> None:
    text = with_props("function: {functionName: f}").replace("component: fc3", "component: other")

    assert "FCB366" not in project.codes(text)


@pytest.mark.parametrize(
    ("props", "codes"),
    [
        ("{functionName: f, runtime: python3.10, handler: index.handler, code: .}", ["FCB310"]),
        ("{bucket: b}", ["FCB304", "FCB309"]),
    ],
)
def test_components_that_cannot_be_resolved(project: Project, props: str, codes: list[str]) -> None:
    text = f"edition: 3.0.0\nresources: {{a: {{component: ./local, props: {props}}}}}\n"

    assert codes == sorted(project.codes(text))


def test_a_template_is_merged_below_the_own_props(project: Project) -> None:
    text = """\
edition: 3.0.0
template:
  base:
    runtime: python3.10
    timeout: 10
    memorySize: 256
    environmentVariables: {A: a, B: b}
    handler: index.handler
resources:
  hello:
    component: fc3
    extend: {name: base, ignore: [memorySize, environmentVariables.B]}
    props:
      functionName: ${this.name}-${this.props.timeout}
      code: .
      timeout: 20
      environmentVariables: {C: c}
"""

    config = project.load(text)

    assert config.diagnostics == ()
    spec = hello(config)
    assert (spec["name"], spec["timeout_s"], spec["memory_mb"]) == ("hello-20", 20, 512)
    assert spec["environment"] == {"A": "a", "C": "c"}
    assert "FCB321" in project.codes(text.replace("name: base", "name: bass"))


def test_env_files_feed_env(project: Project) -> None:
    project.write(".env", "A=outer\nB=outer\n")
    project.write("src/.env", "A=inner\n")
    project.write("src/index.py", "def handler(e, c): ...\n")
    text = with_props("environmentVariables: {A: \"${env('A')}\", B: \"${env('B')}\"}")

    assert hello(project.load(text))["environment"] == {"A": "outer", "B": "outer"}
    nested = text.replace("code: ./", "code: ./src")
    assert hello(project.load(nested))["environment"] == {"A": "inner", "B": "outer"}
    project.environ = {"A": "process"}
    assert hello(project.load(nested))["environment"] == {"A": "process", "B": "outer"}


def test_looking_for_the_file(project: Project, tmp_path: Path) -> None:
    missing = tmp_path / "empty"
    missing.mkdir()
    with pytest.raises(ConfigMissing) as caught:
        load(cwd=str(missing), environ={})
    assert caught.value.path == str(missing / "s.yaml")
    with pytest.raises(ConfigMissing):
        load("none.yaml", cwd=str(missing), environ={})

    project.write("s.yml", EXAMPLE)
    assert load(cwd=str(tmp_path), environ={}).path.endswith("/s.yml")
    project.write("s.yaml", EXAMPLE)
    assert load(cwd=str(tmp_path), environ={}).path.endswith("/s.yaml")
    outside = load("..", cwd=str(missing), environ={})
    assert outside.path == str(tmp_path / "s.yaml")


def test_what_cannot_be_read_is_a_finding(project: Project) -> None:
    (project.directory / "s.yaml").mkdir()

    (diagnostic,) = load(cwd=str(project.directory), environ={}).diagnostics

    assert diagnostic.code == "FCB118"


def test_the_path_is_shown_relative_to_the_current_directory(project: Project) -> None:
    project.write("sub/s.yaml", "a: [\n")

    inside = load("sub", cwd=str(project.directory), environ={})
    outside = load("..", cwd=str(project.directory / "sub" / "x"), environ={})

    assert inside.diagnostics[0].file == "sub/s.yaml"
    assert outside.diagnostics[0].file == str(project.directory / "sub" / "s.yaml")


def test_a_component_that_is_guessed_is_told_once(project: Project) -> None:
    one = "  {0}: {{component: ./mine, props: {{functionName: {0}, runtime: python3.10, " \
        "handler: index.handler, code: ./}}}}\n"  # fmt: skip

    config = project.load(f"edition: 3.0.0\nresources:\n{one.format('a')}{one.format('b')}")

    assert [(each.code, each.line) for each in config.diagnostics] == [("FCB310", 3)]
    assert [spec.name for spec in config.specs] == ["a", "b"]


@pytest.mark.parametrize("component", ["{}", "{a: 1}", "[]"])
def test_a_component_that_is_no_text(project: Project, component: str) -> None:
    text = with_props("").replace("component: fc3", f"component: {component}")

    assert "FCB309" in project.codes(text)


def test_a_thousand_resources_take_no_time(project: Project) -> None:
    one = "  r{0}: {{component: fc3, props: {{functionName: f{0}, runtme: x}}}}\n"
    text = "edition: 3.0.0\nresources:\n" + "".join(one.format(n) for n in range(4_000))
    start = time.process_time()

    config = project.load(text)

    assert config.diagnostics[0].code == "FCB119"
    assert len(config.diagnostics) == 101
    assert time.process_time() - start < 1


def test_a_template_cannot_be_multiplied_without_bounds(project: Project) -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(20_000))
    uses = "".join(f"  r{n}: {{component: fc3, extend: {{name: t}}}}\n" for n in range(10_000))

    assert project.codes(f"edition: 3.0.0\ntemplate: {{t: {{{keys}}}}}\nresources:\n{uses}") == [
        "FCB106"
    ]


PIECES = st.sampled_from(
    ["edition", ": ", "3.0.0", "\n", "\n  ", "\n    ", "\n      ", "resources", "fcbox", "hello",
     "component", "fc3", "props", "runtime", "python3.10", "code", "./", "handler", "index.handler",
     "timeout", "0", "${vars.a}", "${this.name}", "${env('A')}", "vars", "{", "}", "[", "]", ", ",
     "- ", "'", "environmentVariables", "extend", "template", "name", "null", "functions"]
)  # fmt: skip


def written(node: object, level: int = 0) -> str:
    if isinstance(node, dict):
        return "".join(f"\n{'  ' * level}{k}: {written(v, level + 1)}" for k, v in node.items())
    return str(node)


VALUES = st.sampled_from(
    ["1", "x", "[a, {b: c}]", "null", "{}", "true", "''", "${vars.x}", "${this.props.timeout}",
     "3.0.0", "fc3", "python3.10", "index.handler", ".", "${resources.a.props.code}",
     "{name: a}", ".nan"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["edition", "vars", "resources", "fcbox", "template", "extend", "flow", "actions", "a",
     "component", "props", "runtime", "code", "src", "handler", "timeout", "functionName",
     "environmentVariables", "instanceLifecycleConfig", "preStop", "initializer", "command",
     "triggers", "triggerType", "functions", "port", "provisionConfig", "defaultTarget", "name",
     "ignore", "accountId", "python"]
)  # fmt: skip
TREES = st.recursive(
    VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
).map(written)
RESOURCE = TREES.map(
    lambda text: (
        "edition: 3.0.0\nresources:\n  a:\n    component: fc3\n    props:"
        + text.replace("\n", "\n      ")
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=1000)
@given(st.one_of(st.lists(PIECES, max_size=60).map("".join), TREES, RESOURCE, st.text(max_size=80)))
def test_any_text_in_findings_out(project: Project, text: str) -> None:
    """Never a traceback, never more than a second (the deadline)."""
    (project.directory / "s.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))

    with contextlib.suppress(ConfigMissing):
        config = load(cwd=str(project.directory), environ={}, python=str(project.python))
        assert config.specs or not config.ok
        for diagnostic in config.diagnostics:
            assert render(diagnostic).isascii() or render(diagnostic)
