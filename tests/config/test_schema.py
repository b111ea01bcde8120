"""The schema for editors: true draft-07, no false alarm on files that load, and an alarm on those
that do not, as far as an editor can know."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from sandbox.config.props.fields import (
    Kind,
    Shape,
    item_model,
    known_keys,
    named_model,
    nested_model,
)
from sandbox.config.props.models import Box, BoxFunction, Props
from sandbox.config.props.schema import json_schema
from sandbox.config.props.triggers import TRIGGER_CONFIGS
from sandbox.config.text.source import Broken, Node
from tests.config.support import EXAMPLE, Project, tree, with_props
from tests.config.test_models import ACCEPTED, MOUNTED, NOTICED, lines

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "configs").glob("*/s.yaml"))
TEMPLATES = sorted((ROOT / "sandbox/templates").glob("*/s.yaml"))
CORPUS = sorted((ROOT / "tests/config/corpus").glob("*/s.yaml"))

SCHEMA = json_schema()
VALIDATOR = Draft7Validator(SCHEMA)


def data(node: Node) -> Any:
    """What an editor sees: nulls stay."""
    value = node.value
    if isinstance(value, dict):
        return {key: data(entry.node) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [data(each) for each in value]
    assert not isinstance(value, Broken)
    return value


def alarms(text: str | bytes) -> list[str]:
    """Where an editor would underline something."""
    node, codes = tree(text)
    assert node is not None, codes
    return sorted({each.json_path for each in VALIDATOR.iter_errors(data(node))})


def test_it_is_draft_07() -> None:
    """Also what `check_schema` lets pass: keywords of later drafts."""
    Draft7Validator.check_schema(SCHEMA)

    text = json.dumps(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not re.findall(r'"(\$defs|prefixItems|unevaluated\w+|dependent\w+|ge|le)":', text)


def test_references_stand_alone() -> None:
    """What stands beside a $ref does not count in draft-07; and each leads to something."""
    for each in parts(SCHEMA):
        if "$ref" in each:
            assert list(each) == ["$ref"]
            assert each["$ref"].removeprefix("#/definitions/") in SCHEMA["definitions"]


def parts(schema: Any) -> list[dict[str, Any]]:
    below = schema.values() if isinstance(schema, dict) else schema
    own = [schema] if isinstance(schema, dict) else []
    return own + [
        each for value in below if isinstance(value, dict | list) for each in parts(value)
    ]


def test_patterns_are_those_of_javascript() -> None:
    """Editors compile them with the flag u: no look-behind, no named groups, no inline flags."""
    patterns = [each["pattern"] for each in parts(SCHEMA) if isinstance(each.get("pattern"), str)]

    assert len(patterns) > 50
    for pattern in set(patterns):
        re.compile(pattern)
        assert "(?" not in pattern


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_examples(path: Path) -> None:
    assert alarms(path.read_bytes()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_templates(path: Path) -> None:
    """As `fcbox init` writes them."""
    assert alarms(path.read_text(encoding="utf-8").replace("{{ name }}", "demo")) == []


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.parent.name)
def test_corpus(path: Path) -> None:
    """Files that the official parser takes."""
    assert alarms(path.read_bytes()) == []


def test_there_are_files() -> None:
    assert min(len(SHIPPED), len(CORPUS)) >= 5


@pytest.mark.parametrize("props", lines({**ACCEPTED, **NOTICED, **MOUNTED}))
def test_what_is_accepted(props: str) -> None:
    assert alarms(with_props(props)) == []


@pytest.mark.parametrize("key", sorted(known_keys(Props)))
@pytest.mark.parametrize("value", [None, "${vars.a}", "{{ a }}"])
def test_any_prop_may_be_a_variable(key: str, value: str | None) -> None:
    """Or a placeholder of a template, or nothing yet."""
    resource = {"component": "fc3", "props": {key: value}}

    assert VALIDATOR.is_valid({"edition": "3.0.0", "resources": {"a": resource}})


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "edition: 1.0.0\nservices: {a: {component: fc, props: {region: x, function: {}}}}\n",
        "services: {}\n",
        "extend: base.yaml\n",
        "edition: 3.0.0\nresources: {a: {component: oss, props: {timeout: never}}}\n",
        "edition: 3.0.0\nresources: {a: {component: ./x, props: {timeout: never}}}\n",
        "edition: 3.0.0\nresources: {a: {component: fc, props: {timeout: never}}}\n",
        "edition: 3.0.0\nresources: {a: {component: fc3@dev, props: '${vars.props}'}}\n",
        "edition: 3.0.0\nresources: {a: {component: fc3}}\n",
        "edition: 3.0.0\nresources: {a: {component: fc3, extend: {name: t, ignore: [a]}}}\n",
        "edition: 3.0.0\nresources: {}\nactions: {a: [{run: x}]}\nflow: {a: [b]}\nx-a: {b: c}\n",
        "edition: 3.0.0\nresources: {}\ntemplate: {t: {timeout: never}}\nvars: {a: [1]}\n",
        "edition: 3.0.0\nresources: {}\nfcbox:\n",
        "edition: 3.0.0\nresources: {}\nfcbox: {accountId: 123, functions: {a: }}\n",
        with_props("", top="fcbox: {isolation: none, network: off, freeze: true}\n"),
        with_props("", top="fcbox: {isolation: '${vars.i}', freeze: 'true'}\n"),
        with_props("", top="fcbox: {functions: {a: {network: host, freeze: false}}}\n"),
        with_props("runtime2: x\nunknown: {a: b}"),
        with_props("", top="fcbox: {port: '${env(PORT)}', functions: {a: {idleTimeout: 5}}}\n"),
        with_props("").replace("python3.10", "ruby3"),
        with_props("").replace("component: fc3", "component: devsapp/fc3@0.1.2"),
        with_props("").replace("functionName: hello", "functionName: a-${vars.b}"),
        with_props("memorySize: 65536").replace("python3.10", "custom-container"),
        with_props("timeout: soon").replace("python3.10", "nodejs22"),
    ],
)
def test_no_false_alarm(text: str) -> None:
    assert alarms(text) == []


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("edition: 3.0\nresources: {}\n", "$.edition"),
        ("edition: '3.0'\nresources: {}\n", "$.edition"),
        ("resources: {}\n", "$"),
        ("edition: 3.0.0\n", "$"),
        ("edition: 3.0.0\nresources: [a]\n", "$.resources"),
        ("edition: 3.0.0\nresources: {a: {props: {}}}\n", "$.resources.a"),
        ("edition: 3.0.0\nresources: {a: fc3}\n", "$.resources.a"),
        (with_props("", top="name: [a]\n"), "$.name"),
        (with_props("", top="fcbox: {prot: 1}\n"), "$.fcbox"),
        (with_props("", top="fcbox: {port: 65536}\n"), "$.fcbox.port"),
        (with_props("", top="fcbox: {loggerLayout: short}\n"), "$.fcbox.loggerLayout"),
        (with_props("", top="fcbox: {accountId: me}\n"), "$.fcbox.accountId"),
        (with_props("", top="fcbox: {isolation: strikt}\n"), "$.fcbox.isolation"),
        (with_props("", top="fcbox: {network: false}\n"), "$.fcbox.network"),
        (with_props("", top="fcbox: {freeze: 1}\n"), "$.fcbox.freeze"),
        (with_props("", top="fcbox: {functions: {a: {network: no}}}\n"),
         "$.fcbox.functions.a.network"),
        (with_props("", top="fcbox: {functions: {a: {maxInstances: 0}}}\n"),
         "$.fcbox.functions.a.maxInstances"),
        (with_props("", top="fcbox: {functions: {a: {most: 1}}}\n"), "$.fcbox.functions.a"),
    ],
)  # fmt: skip
def test_alarm(text: str, at: str) -> None:
    assert alarms(text) == [at]


@pytest.mark.parametrize(
    ("props", "at"),
    [
        ("timeout: 0", "timeout"),
        ("timeout: 86401", "timeout"),
        ("timeout: soon", "timeout"),
        ("timeout: true", "timeout"),
        ("timeout: [3]", "timeout"),
        ("memorySize: 130", "memorySize"),
        ("memorySize: 64", "memorySize"),
        ("memorySize: 512.5", "memorySize"),
        ("cpu: 0.01", "cpu"),
        ("cpu: 17", "cpu"),
        ("diskSize: 1024", "diskSize"),
        ("region: 3", "region"),
        ("environmentVariables: {A: [1]}", "environmentVariables.A"),
        ("environmentVariables: text", "environmentVariables"),
        ("instanceConcurrency: 0", "instanceConcurrency"),
        ("instanceLifecycleConfig: {preStop: {timeout: 91}}",
         "instanceLifecycleConfig.preStop.timeout"),
        ("instanceLifecycleConfig: {initializer: index.init}",
         "instanceLifecycleConfig.initializer"),
        ("layers: one", "layers"),
        ("layers: [1]", "layers[0]"),
        ("nasConfig: none", "nasConfig"),
        ("customRuntimeConfig: {command: python}", "customRuntimeConfig.command"),
        ("asyncInvokeConfig: {maxAsyncRetryAttempts: 9}",
         "asyncInvokeConfig.maxAsyncRetryAttempts"),
        ("triggers: {}", "triggers"),
        ("triggers: [{triggerName: a, triggerType: http, triggerConfig: {methods: [FETCH]}}]",
         "triggers[0].triggerConfig.methods[0]"),
        ("triggers: [{triggerName: a, triggerType: http, triggerConfig: {authType: none}}]",
         "triggers[0].triggerConfig.authType"),
        ("triggers: [{triggerName: a, triggerType: timer, triggerConfig: {cronExpression: x}}]",
         "triggers[0].triggerConfig.cronExpression"),
        ("triggers: [{triggerName: a, triggerType: timer, triggerConfig: {payload: {}}}]",
         "triggers[0].triggerConfig.payload"),
    ],
)  # fmt: skip
def test_alarm_in_props(project: Project, props: str, at: str) -> None:
    """And `fcbox validate` refuses it too: the editor knows nothing better."""
    text = with_props(props)

    assert alarms(text) == [f"$.resources.hello.props.{at}"]
    assert not project.load(text).ok


VALUES = st.sampled_from([
    "null", "auto", "true", "'1'", "0", "1", "64", "128", "0.5", "-1", "''", "a.b", "[]", "{}",
    "[a]", "{a: b}", "GET", "1e3", "[{}]", "[null]", "python3.10", "99999",
])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(known_keys(Props))), VALUES, max_size=6))
def test_whatever_loads_raises_no_alarm(project: Project, props: dict[str, str]) -> None:
    chosen = {"functionName": "f", "runtime": "python3.10", "handler": "index.handler", **props}
    body = "".join(f"      {key}: {value}\n" for key, value in {"code": "./", **chosen}.items())
    text = f"edition: 3.0.0\nresources:\n  a:\n    component: fc3\n    props:\n{body}"

    if project.load(text).ok:
        assert alarms(text) == []


def test_every_key_is_offered() -> None:
    """At its own place, down to the last shape."""
    for name, kind in {"Props": Props, "Box": Box, "BoxFunction": BoxFunction}.items():
        check_keys(SCHEMA["definitions"][name], kind)
    offered = {
        each["if"]["properties"]["triggerType"]["const"]: each["then"]["properties"]
        for each in SCHEMA["definitions"]["Trigger"]["allOf"]
    }
    assert set(offered) == set(TRIGGER_CONFIGS)
    for kind_of_trigger, config in TRIGGER_CONFIGS.items():
        check_keys(offered[kind_of_trigger]["triggerConfig"], config)


def check_keys(schema: dict[str, Any], kind: Kind) -> None:
    properties = next(each["properties"] for each in resolved(schema) if "properties" in each)
    assert set(properties) == set(known_keys(kind))
    for key, field in known_keys(kind).items():
        assert properties[key]["description"]
        nested, item = nested_model(kind, field), item_model(kind, field)
        if nested is not None:
            check_keys(properties[key], nested)
        if item is not None:
            lists = [each["items"] for each in resolved(properties[key]) if "items" in each]
            check_keys(lists[0], item)
        if named_model(kind, field) is not None:
            assert properties[key]["additionalProperties"]


def resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema and its alternatives, references followed."""
    if "$ref" in schema:
        return resolved(SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    inner = [*schema.get("allOf", ()), *schema.get("anyOf", ())]
    return [schema, *(each for part in inner if "if" not in part for each in resolved(part))]


def test_defaults_and_suggestions() -> None:
    properties = SCHEMA["definitions"]["Props"]["properties"]

    assert (properties["timeout"]["default"], properties["memorySize"]["default"]) == (3, 512)
    assert properties["timeout"]["description"] == "a number of seconds from 1 to 86400"
    assert {"python3.12", "custom.debian12", "nodejs20"} <= set(properties["runtime"]["examples"])
    assert "default" not in properties["cpu"]
    assert isinstance(TRIGGER_CONFIGS["oss"], Shape)


def test_yaml_of_editors_agrees() -> None:
    """The example, read by another YAML parser."""
    assert list(VALIDATOR.iter_errors(yaml.safe_load(EXAMPLE))) == []
