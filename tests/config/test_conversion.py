"""Files of FC 2.0: every key at its place in 3.0, told what has none, positions kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.fc2.conversion import converted, is_fc2
from sandbox.config.messages.diagnostics import Diagnostic
from sandbox.config.messages.findings import MAX_FINDINGS, Findings, RefusedError
from sandbox.config.props.validation import plain
from sandbox.config.text.document import parse
from sandbox.config.text.emit import yaml_text
from sandbox.config.text.source import Node, child
from sandbox.core.spec import Callback
from tests.config.support import Project, data_of, tree

LEVELS = 40

COPY = """\
edition: 1.0.0
vars:
  service: {name: pictures}
services:
  small:
    component: COMPONENT
    props:
      region: cn-hangzhou
      service: ${vars.service}
      function: {name: small, runtime: python3.10, codeUri: ./, handler: index.handler}
"""

EVENT = """\
edition: 1.0.0
name: thumbnails
access: default

vars:
  region: cn-shanghai
  service:
    name: pictures
    description: makes pictures small
    logConfig: auto
    internetAccess: true

services:
  small:
    component: devsapp/fc
    actions:
      pre-deploy:
        - component: fc build --use-docker
    props:
      region: ${vars.region}
      service: ${vars.service}
      function:
        name: small
        description: 128 columns
        runtime: python3.10
        codeUri: ./
        handler: index.handler
        memorySize: 256
        timeout: 20
        initializer: index.initialize
        initializationTimeout: 15
        instanceType: e1
        instanceLifecycleConfig:
          preStop:
            handler: index.preStop
            timeout: 5
        environmentVariables:
          COLUMNS_MAX: 128
          HOME_OF_USER: ${env(WHO)}
          NEXT: ${large.props.function.name}
          SERVICE: ${this.props.service.name}
      triggers:
        - name: every
          type: timer
          config: {cronExpression: '@every 5m', enable: true, payload: go}
  large:
    component: fc@0.1.9
    props:
      region: ${small.props.region}
      service: ${small.props.service}
      function:
        name: large
        runtime: python3.10
        codeUri: ${small.props.function.codeUri}
        handler: index.handler
        memorySize: ${small.props.function.memorySize}
  site:
    component: website
    props:
      for: ${small.props.function.name}
"""

EVENT_CODE = """\
def initialize(context):
    pass

def handler(event, context):
    return event

def preStop(context):
    pass
"""

HTTP = """\
edition: 1.0.0
name: hello-http
services:
  web:
    component: fc
    props:
      region: cn-hangzhou
      service:
        name: hello
        vpcConfig: {vpcId: vpc-1, securityGroupId: sg-1, vswitchIds: [vsw-1]}
      function:
        name: web
        runtime: python3.10
        codeUri: .
        handler: index.handler
      triggers:
        - name: http
          type: http
          qualifier: LATEST
          config:
            authType: anonymous
            methods: [GET, POST]
      customDomains:
        - domainName: auto
          protocol: HTTP
          routeConfigs: [{path: /*}]
"""


def convert(text: str) -> tuple[Node, list[str]]:
    """The converted tree, and the findings but for the note that it was converted."""
    findings = Findings()
    root = parse(text.encode(), "s.yaml", findings)
    assert root is not None
    assert is_fc2(root)
    result = converted(root, findings)
    codes = [each.code for each in findings.items]
    assert codes[0] == "FCB330"
    return result, codes[1:]


def with_function(function: str, service: str = "", props: str = "") -> str:
    """A file with one function `f` of the service `s`; the arguments are flow maps' insides."""
    return (
        f"edition: 1.0.0\nservices: {{a: {{component: fc, props: {{{props} "
        f"service: {{name: s, {service}}}, function: {{name: f, {function}}}}}}}}}\n"
    )


def props_of(text: str) -> tuple[dict[str, object], list[str]]:
    """The props of `a` but for those that every function gets, and the findings."""
    root, codes = convert(text)
    props = plain(root, LEVELS)["resources"]["a"]["props"]
    for key, value in (("functionName", "s$f"), ("timeout", 60), ("handler", "index.handler")):
        if props.get(key) == value:
            del props[key]
    return props, codes


def told(text: str) -> tuple[Any, list[Diagnostic]]:
    """The file in the form of 3.0 as data, and what was told."""
    root, _ = tree(text)
    assert root is not None
    findings = Findings()
    return plain(converted(root, findings)), findings.items


# --- which files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("edition: 1.0.0\nservices: {}", True),
        ("edition: '1.0.0'\nservices: {}", True),
        ("edition: 1.0\nservices: {}", True),
        ("edition: 1\nservices: {}", True),
        ("edition: '1.0'\nservices: {}", True),
        ("edition: 1.0.0", True),
        ("edition:\nservices: {}", True),
        ("services: {}", True),
        ("services: []", False),
        ("edition: 1.0.0\nresources: {}", False),
        ("edition: true\nservices: {}", False),
        ("edition: 3.0.0\nservices: {}", False),
        ("edition: 3.0.0\nresources: {}", False),
        ("edition: 2.0.0\nservices: {}", False),
        ("name: x", False),
        ("- a", False),
        ("null", False),
    ],
)
def test_is_fc2(text: str, answer: bool) -> None:
    root, _ = tree(text)
    assert root is not None

    assert is_fc2(root) is answer


# --- what goes where --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("codeUri: ./code", {"code": "./code"}),
        ("Handler: a.b", {"handler": "a.b"}),
        ("handler: a.b", {"handler": "a.b"}),
        ("timeout: 9", {"timeout": 9}),
        ("ossBucket: b, ossKey: k", {"code": {"ossBucketName": "b", "ossObjectName": "k"}}),
        ("initializer: i.i, initializationTimeout: 7",
         {"instanceLifecycleConfig": {"initializer": {"handler": "i.i", "timeout": 7}}}),
        ("initializer: i.i", {"instanceLifecycleConfig": {"initializer": {"handler": "i.i"}}}),
        ("initializationTimeout: 7", {}),
        ("initializer: '', initializationTimeout: 7", {}),
        ("instanceLifecycleConfig: {preStop: {handler: p.p}}, initializer: i.i",
         {"instanceLifecycleConfig":
             {"preStop": {"handler": "p.p"}, "initializer": {"handler": "i.i"}}}),
        ("initializer: i.i, instanceLifecycleConfig: {preStop: {handler: p.p, timeout: 2}}",
         {"instanceLifecycleConfig":
             {"initializer": {"handler": "i.i"}, "preStop": {"handler": "p.p", "timeout": 2}}}),
        ("caPort: 9000", {"customRuntimeConfig": {"port": 9000}}),
        ("caPort: 8000, customRuntimeConfig: {command: [x], args: [y]}",
         {"customRuntimeConfig": {"port": 8000, "command": ["x"], "args": ["y"]}}),
        ("customContainerConfig: {image: i, command: c, args: a}, caPort: 80",
         {"customContainerConfig": {"image": "i", "entrypoint": "c", "command": "a", "port": 80}}),
        ("customHealthCheckConfig: {httpGetUrl: /}",
         {"customRuntimeConfig": {"healthCheckConfig": {"httpGetUrl": "/"}}}),
        ("asyncConfiguration: {maxAsyncRetryAttempts: 1, statefulInvocation: true}",
         {"asyncInvokeConfig": {"maxAsyncRetryAttempts": 1, "asyncTask": True}}),
        ("asyncConfiguration: {destination: {onFailure: 'acs:mns:::/queues/q/messages'}}",
         {"asyncInvokeConfig": {"destinationConfig":
             {"onFailure": {"destination": "acs:mns:::/queues/q/messages"}}}}),
        ("asyncConfiguration: {destination: {onSuccess: 'acs:fc:r:1:services/x.Q/functions/y'}}",
         {"asyncInvokeConfig": {"destinationConfig":
             {"onSuccess": {"destination": "acs:fc:r:1:functions/x$y"}}}}),
        ("environmentVariables: {A: 1, B: b}", {"environmentVariables": {"A": 1, "B": "b"}}),
        ("memorySize: 256, diskSize: 512, cpu: 0.5",
         {"memorySize": 256, "diskSize": 512, "cpu": 0.5}),
        ("instanceConcurrency: 5, layers: [x]", {"instanceConcurrency": 5, "layers": ["x"]}),
        ("layer: [x]", {"layers": ["x"]}),
        ("gpuMemorySize: 1024, instanceType: g1",
         {"gpuConfig": {"gpuMemorySize": 1024, "gpuType": "fc.gpu.tesla.1"}}),
        ("instanceType: fc.gpu.ampere.1", {"gpuConfig": {"gpuType": "fc.gpu.ampere.1"}}),
        ("customDNS: {nameServers: [8.8.8.8]}", {"customDNS": {"nameServers": ["8.8.8.8"]}}),
        ("description: d, runtime: python3.9", {"description": "d", "runtime": "python3.9"}),
        ("somethingNew: 1", {"somethingNew": 1}),
    ],
)  # fmt: skip
def test_function(old: str, new: dict[str, object]) -> None:
    """Each key of a function; nothing is told, since nothing is lost."""
    assert props_of(with_function(old)) == (new, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: d", {}),
        ("logConfig: auto", {"logConfig": "auto"}),
        ("internetAccess: false, tracingConfig: Enable",
         {"internetAccess": False, "tracingConfig": "Enable"}),
        ("vpcConfig: {vpcId: v, vswitchIds: [w]}",
         {"vpcConfig": {"vpcId": "v", "vSwitchIds": ["w"]}}),
        ("vpcBinding: [v]", {"vpcBinding": {"vpcIds": ["v"]}}),
        ("nasConfig: {userId: 1, mountPoints: [{serverAddr: s, nasDir: /n, fcDir: /m}]}",
         {"nasConfig": {"userId": 1, "mountPoints": [{"serverAddr": "s:/n", "mountDir": "/m"}]}}),
        ("ossMountConfig: {mountPoints: [{bucketName: b, mountDir: /m}]}",
         {"ossMountConfig": {"mountPoints": [{"bucketName": "b", "mountDir": "/m"}]}}),
        ("role: 'acs:ram::1:role/r'", {"role": "acs:ram::1:role/r"}),
    ],
)  # fmt: skip
def test_service(old: str, new: dict[str, object]) -> None:
    """Each key of a service goes down to the function."""
    assert props_of(with_function("", old)) == (new, [])


def test_function_wins_over_service() -> None:
    text = with_function("role: own, logConfig: {a: 1}", "role: shared, logConfig: {a: 2, b: 3}")

    assert props_of(text)[0] == {"role": "own", "logConfig": {"a": 1, "b": 3}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{name: n, type: timer, config: {enable: true}, qualifier: LATEST}",
         {"triggerName": "n", "triggerType": "timer", "triggerConfig": {"enable": True},
          "qualifier": "LATEST"}),
        ("{name: n, type: http, config: {authType: anonymous, methods: [GET]}}",
         {"triggerName": "n", "triggerType": "http",
          "triggerConfig": {"authType": "anonymous", "methods": ["GET"]}}),
        ("{name: n, type: log, role: r, sourceArn: s}",
         {"triggerName": "n", "triggerType": "log", "invocationRole": "r", "sourceArn": "s"}),
        ("{type: oss, config: {bucketName: b, filter: {Key: {Prefix: p, Suffix: s}}}}",
         {"triggerType": "oss",
          "triggerConfig": {"filter": {"key": {"prefix": "p", "suffix": "s"}}},
          "sourceArn": "acs:oss:${this.props.region}:${config('AccountID')}:b"}),
    ],
)  # fmt: skip
def test_trigger(old: str, new: dict[str, object]) -> None:
    told = ["FCB334"] if new["triggerType"] == "http" else []

    assert props_of(with_function("", props=f"triggers: [{old}],")) == ({"triggers": [new]}, told)


def test_defaults_of_2_0() -> None:
    """A function without a timeout has 60 seconds in 2.0, and would have 3 in 3.0."""
    root, _ = convert(with_function(""))

    assert plain(root, LEVELS)["resources"]["a"]["props"] == {
        "functionName": "s$f", "timeout": 60, "handler": "index.handler",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("component", "becomes"),
    [
        ("fc", "fc3"), ("fc@0.1.2", "fc3"), ("devsapp/fc", "fc3"), ("devsapp/fc@dev", "fc3"),
        ("${vars.c}", "fc3"), ("fc3", "fc3"), ("devsapp/oss", "devsapp/oss"),
        ("fc-domain", "fc-domain"), ("website", "website"),
    ],
)  # fmt: skip
def test_component(component: str, becomes: str) -> None:
    """Other components pass through, with their props as they are."""
    text = f"vars: {{c: fc}}\nservices: {{a: {{component: '{component}', props: {{name: n}}}}}}\n"
    root, _ = convert(text)

    assert plain(root)["resources"] == {"a": {"component": becomes, "props": {"name": "n"}}}


@pytest.mark.parametrize("component", ["${path(../..)}", "../..", "fc-deploy", "fc3"])
def test_copy_of_the_component(component: str) -> None:
    """Files beside the component's own source name it by its path."""
    new, findings = told(COPY.replace("COMPONENT", component))
    resource = new["resources"]["small"]

    assert [each.code for each in findings] == ["FCB330", "FCB310"]
    assert f"component {component} is" in findings[1].message
    assert (findings[1].line, findings[1].column) == (6, 16)
    assert resource["component"] == "fc3"
    assert resource["props"]["functionName"] == "pictures$small"


def test_a_copy_is_told_once() -> None:
    text = COPY.replace("COMPONENT", "../..")
    more = text[text.index("  small:") :].replace("small", "large")
    _, findings = told(text + more)

    assert [each.code for each in findings] == ["FCB330", "FCB310"]


@pytest.mark.parametrize(
    "props", ["{}", "{service: {name: s}}", "{function: {name: f}}", "{service: s, function: {}}"]
)
def test_other_components_stay(props: str) -> None:
    text = f"edition: 1.0.0\nservices: {{a: {{component: ./here, props: {props}}}}}\n"
    new, findings = told(text)

    assert [each.code for each in findings] == ["FCB330"]
    assert new["resources"]["a"]["component"] == "./here"


def test_top_level() -> None:
    """The rest of the file stays, in its order."""
    root, _ = convert("name: n\nservices: {}\nedition: 1.0.0\nvars: {a: 1}\naccess: d\n")

    assert isinstance(root.value, dict)
    assert list(root.value) == ["edition", "name", "resources", "vars", "access"]
    assert plain(root)["edition"] == "3.0.0"


def test_commands_of_actions() -> None:
    root, _ = convert(EVENT)
    actions = child(child(child(root, "resources"), "small"), "actions")
    assert actions is not None

    assert plain(actions) == {"pre-deploy": [{"component": "fc3 build --use-docker"}]}


# --- variables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("${env(A)}", "${env('A')}"),
        ("${env('A')}", "${env('A')}"),
        ("${env(A, b c)}", "${env('A', 'b c')}"),
        ("${env.A}", "${env('A')}"),
        ("x-${env.A}-${env(B)}", "x-${env('A')}-${env('B')}"),
        ("${config(AccountID)}", "${config('AccountID')}"),
        ('${config("AccountID")}', '${config("AccountID")}'),
        ("${file(./a.txt)}", "${file('./a.txt')}"),
        ("${path(..)}", "${path('..')}"),
        ("${vars.x}", "${vars.x}"),
        ("${a.props.region}", "${resources.a.props.region}"),
        ("${ a.props.region }", "${resources.a.props.region}"),
        ("${services.a.props.region}", "${resources.a.props.region}"),
        ("${a.props.function.name}", "${resources.a.props.functionName}"),
        ("${a.props.function.codeUri}", "${resources.a.props.code}"),
        ("${a.props.function.initializer}",
         "${resources.a.props.instanceLifecycleConfig.initializer.handler}"),
        ("${a.props.function.layers.0}", "${resources.a.props.layers.0}"),
        ("${a.props.service.logConfig}", "${resources.a.props.logConfig}"),
        ("${a.props.service.nasConfig.mountPoints.0.fcDir}",
         "${resources.a.props.nasConfig.mountPoints.0.mountDir}"),
        ("${a.props.triggers.0.config.methods}",
         "${resources.a.props.triggers.0.triggerConfig.methods}"),
        ("x/${a.props.service.name}", "x/s"),
        ("${this.props.service.name}", "s"),
        ("${this.props.function.name}", "${this.props.functionName}"),
        ("${this.props.region}", "${this.props.region}"),
        ("${this.name}", "${this.name}"),
        ("${b.props.function.name}", "${resources.b.props.function.name}"),
        ("${a.output.url}", "${resources.a.output.url}"),
        ("${unknown.props.x}", "${unknown.props.x}"),
        ("${a}", "${a}"),
        ("$PATH ${open", "$PATH ${open"),
    ],
)  # fmt: skip
def test_variables(old: str, new: str) -> None:
    """`a` is a function of the service `s`, `b` is of another component."""
    text = (
        "services:\n  b: {component: oss, props: {function: {name: x}}}\n"
        "  a:\n    component: fc\n    props:\n      service: {name: s}\n      function:\n"
        f"        name: f\n        environmentVariables:\n          V: {old!r}\n"
    )
    root, codes = convert(text)
    props = plain(root, LEVELS)["resources"]["a"]["props"]

    assert (props["environmentVariables"]["V"], codes) == (new, [])


@pytest.mark.parametrize(
    "text",
    [
        "vars: {s: {name: s, role: r}}\nservices: {a: {component: fc, props: "
        "{service: '${vars.s}', function: {name: f}}}}\n",
        "vars: {s: {name: s, role: r}, t: '${vars.s}'}\nservices: {a: {component: fc, props: "
        "{service: '${ vars.t }', function: {name: f}}}}\n",
        "services: {a: {component: fc, props: {service: '${b.props.service}', function: "
        "{name: f}}}, b: {component: x, props: {service: {name: s, role: r}}}}\n",
        "vars: {f: {name: f}, p: {service: {name: s, role: r}, function: '${vars.f}'}}\n"
        "services: {a: {component: fc, props: '${vars.p}'}}\n",
    ],
)
def test_variables_that_stand_for_maps(text: str) -> None:
    """The usual way to share a service: it is written out in every function."""
    assert props_of(text) == ({"role": "r"}, [])


# --- what is told -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (with_function("", props="customDomains: [{domainName: d}],"), "FCB331", "customDomains"),
        (with_function("instanceType: c1"), "FCB331", "cpu and memorySize"),
        (with_function("instanceSoftConcurrency: 3"), "FCB331", "instanceSoftConcurrency"),
        (with_function("codeUri: ., ossBucket: b"), "FCB331", "ossBucket is left out"),
        (with_function("customContainerConfig: {image: i, instanceID: x}"), "FCB331", "instanceID"),
        (with_function("customContainerConfig: {accelerationType: None}"), "FCB331", "accelerat"),
        (with_function("protect: true"), "FCB331", "protect"),
        (with_function("", "role: {name: r, policies: [p]}"), "FCB331", "role.policies"),
        (with_function("instanceLifecycleConfig: {preFreeze: {handler: a.b}}"),
         "FCB356", "no preFreeze"),
        ("services: {a: {component: fc, props: {service: {name: s}}}}",
         "FCB332", "'a' is left out"),
        ("services: {a: {component: fc, props: {service: {name: s}, functon: {name: f}}}}",
         "FCB332", "did you mean function?"),
        ("services: {a: {component: fc, props: {service: {name: s, function: {name: f}}}}}",
         "FCB332", "`function` was found below `service`"),
        (with_function("", props="functon: {name: f},"), "FCB306", "did you mean function?"),
        (with_function("", props="triggers: [{nam: x}],"), "FCB306", "did you mean name?"),
        (with_function("instanceType: e1"), "FCB331", "cpu and memorySize"),
        ("services: {a: {component: fc, props: {service: s, function: {name: f}}}}",
         "FCB333", "service must be a map"),
        ("services: {a: {component: fc, props: {function: '${vars.nothing}'}}}",
         "FCB333", "function must be a map"),
        ("edition: 1.0.0\nservices: {}\nresources: {}", "FCB331", "resources is left out"),
    ],
)  # fmt: skip
def test_told(text: str, code: str, says: str) -> None:
    """One finding for each thing that 3.0 has no place for."""
    findings = Findings()
    root = parse(text.encode(), "s.yaml", findings)
    assert root is not None
    converted(root, findings)
    first, second = findings.items

    assert (first.code, second.code) == ("FCB330", code)
    assert says in f"{second.message}; {second.hint}"


@pytest.mark.parametrize("key", ["triggerName", "qualifier", "name", "anything"])
def test_names_of_3_and_foreign_ones_are_no_slips(key: str) -> None:
    findings = Findings()
    text = with_function("", props=f"functionName: f, triggers: [{{{key}: x}}],")
    root = parse(text.encode(), "s.yaml", findings)
    assert root is not None
    converted(root, findings)

    assert [each.code for each in findings.items] == ["FCB330"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${pictres.props.region}", "'pictres' in ${pictres.props.region} not found; did you mean"),
        ("${zz.props.q}", "the service or resource 'zz' in ${zz.props.q} not found; there is"),
        ("${functionName}", "for example ${vars.name}"),
        ("${environment.x}", "for example ${vars.name}"),
        ("${HOME}", "is written ${env('HOME')}"),
    ],
)
def test_what_an_unknown_variable_was_meant_to_be(project: Project, text: str, says: str) -> None:
    name = "pictures"
    file = (f"services: {{{name}: {{component: fc, props: {{region: cn-hangzhou, service: "
            f"{{name: s}}, function: {{name: f, runtime: python3.10, description: '{text}'}}}}}}}}"
            )  # fmt: skip
    found = {each.code: each for each in project.load(file).diagnostics}["FCB201"]

    assert says in f"{found.message}; {found.hint}"


@pytest.mark.parametrize("nas", ["auto", "Auto"])
def test_automatic_file_systems_move(project: Project, nas: str) -> None:
    text = COPY.replace("COMPONENT", "fc").replace("pictures}", f"pictures, nasConfig: {nas}}}")
    found = {each.code: each for each in project.load(text).diagnostics}

    assert (found["FCB367"].line, found["FCB367"].column) == (3, 40)
    assert "/mnt/pictures$small" in found["FCB341"].message


def test_what_the_conversion_adds_has_the_place_of_what_it_stands_for(project: Project) -> None:
    """The source of an OSS trigger has variables that the user never wrote."""
    trigger = "triggers: [{name: t, type: oss, config: {bucketName: b}}]"
    text = COPY.replace("COMPONENT", "fc").replace("region: cn-hangzhou", trigger)
    found = [(each.code, each.line, each.column) for each in project.load(text).diagnostics]

    assert ("FCB201", 8, 60) in found
    assert "FCB209" not in [code for code, _, _ in found]


def test_pre_freeze_is_kept() -> None:
    """fcbox can still run it."""
    props, _ = props_of(with_function("instanceLifecycleConfig: {preFreeze: {handler: a.b}}"))

    assert props == {"instanceLifecycleConfig": {"preFreeze": {"handler": "a.b"}}}


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("edition", "edition", "1.0.0"),
        ("resources", "services", "small:"),
        ("resources.small", "small", "component:"),
        ("resources.small.component", "component", "devsapp/fc"),
        ("resources.small.props", "props", "region:"),
        ("resources.small.props.functionName", "name", "small"),
        ("resources.small.props.code", "codeUri", "./"),
        ("resources.small.props.timeout", "timeout", "20"),
        ("resources.small.props.instanceLifecycleConfig.initializer.timeout",
         "initializationTimeout", "15"),
        ("resources.small.props.instanceLifecycleConfig.preStop", "preStop", "handler:"),
        ("resources.small.props.environmentVariables.HOME_OF_USER", "HOME_OF_USER", "${env(WHO)}"),
        ("resources.small.props.triggers", "triggers", "- name"),
        ("resources.large.props.logConfig", "logConfig", "auto"),
        ("resources.large.props.timeout", "function", "function"),
    ],
)  # fmt: skip
def test_positions(path: str, key: str, value: str) -> None:
    """Each node stands where the user wrote it; a default, at its function."""
    node, _ = convert(EVENT)
    for step in path.split("."):
        assert isinstance(node.value, dict)
        entry = node.value[step]
        node = entry.node

    assert entry.key.text == key
    assert node.span.text.startswith(value)


def test_findings_point_into_the_old_text(tmp_path: Path) -> None:
    """A mistake is shown where the user made it, also in a service that is shared."""
    project = Project(tmp_path)
    text = EVENT.replace("memorySize: 256", "memorySize: 100").replace("timeout: 5", "timeout: 500")
    project.write("index.py", EVENT_CODE)
    project.environ["WHO"] = "me"
    found = {each.source_line.strip() for each in project.load(text).diagnostics
             if each.severity == "error"}  # fmt: skip

    assert {"memorySize: 100", "timeout: 500"} <= found


# --- whole files ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [EVENT, HTTP], ids=["event", "http"])
def test_loads_like_its_text(tmp_path: Path, text: str) -> None:
    """Converted in memory, and converted to text that is then loaded: the same functions, though
    a WSGI application must be rewritten before it is one of 3.0."""
    project = Project(tmp_path)
    project.write("index.py", EVENT_CODE)
    project.environ["WHO"] = "me"
    in_memory = project.load(text)
    again = project.load(yaml_text(convert(text)[0]))

    assert in_memory.ok
    assert again.ok
    assert len(in_memory.specs) == text.count("component: fc\n") + text.count("fc@") + text.count(
        "devsapp/fc\n"
    )
    assert [each._replace(is_wsgi=False) for each in in_memory.specs] == list(again.specs)
    assert "FCB330" not in [each.code for each in again.diagnostics]


def test_event_functions(tmp_path: Path) -> None:
    """What a user of the first sample relies on."""
    project = Project(tmp_path)
    project.write("index.py", EVENT_CODE)
    project.environ["WHO"] = "me"
    small, large = project.load(EVENT).specs

    assert (small.name, large.name) == ("pictures$small", "pictures$large")
    assert (small.resource, small.region, large.region) == ("small", "cn-shanghai", "cn-shanghai")
    assert (small.timeout_s, large.timeout_s) == (20, 60)
    assert (small.memory_mb, large.memory_mb) == (256, 256)
    assert small.initializer == Callback("index.initialize", 15)
    assert small.pre_stop == Callback("index.preStop", 5)
    assert small.environment == {
        "COLUMNS_MAX": "128", "HOME_OF_USER": "me", "NEXT": "pictures$large", "SERVICE": "pictures",
    }  # fmt: skip


def test_selected_by_either_name(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("index.py", EVENT_CODE)
    project.environ["WHO"] = "me"

    for name in ("small", "pictures$small"):
        specs = project.load(EVENT, select=[name]).specs
        assert [each.name for each in specs] == ["pictures$small"]


def test_text_of_the_conversion() -> None:
    """The 3.0 form of the second sample, whole."""
    expected = """\
edition: 3.0.0
name: hello-http
resources:
  web:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: hello$web
      runtime: python3.10
      code: .
      handler: index.handler
      vpcConfig:
        vpcId: vpc-1
        securityGroupId: sg-1
        vSwitchIds:
          - vsw-1
      triggers:
        - triggerName: http
          triggerType: http
          qualifier: LATEST
          triggerConfig:
            authType: anonymous
            methods:
              - GET
              - POST
      timeout: 60
"""
    assert yaml_text(convert(HTTP)[0]) == expected


def test_converted_once() -> None:
    """What is converted is 3.0."""
    assert not is_fc2(convert(EVENT)[0])


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shared",
    ["{name: s, " + ", ".join(f"k{number}: 1" for number in range(9000)) + "}",
     "{name: s, role: '" + "${a.b}" * 9000 + "'}"],
    ids=["many keys", "long text"],
)  # fmt: skip
def test_a_shared_service_may_not_grow(shared: str) -> None:
    """A service is written out in each function: small files must not make huge trees."""
    functions = "\n".join(
        f"  a{number}: {{component: fc, props: {{service: '${{vars.s}}', function: {{name: f}}}}}}"
        for number in range(2000)
    )
    with pytest.raises(RefusedError) as refused:
        convert(f"vars:\n  s: {shared}\nservices:\n{functions}\n")

    assert refused.value.code == "FCB106"


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {component: fc, props: {service: '${a.props.service}', function: {}}}}",
        "vars: {s: '${vars.t}', t: '${vars.s}'}\n"
        "services: {a: {component: fc, props: {service: '${vars.s}', function: {}}}}",
        "services: {a: {component: fc, props: {function: [1]}}}",
        "services: {a: {component: fc, props: {function: {name: [1], ossBucket: {}}, service: 1}}}",
        "services: {a: {component: fc, props: {triggers: {name: 1}, function: {name: 2}}}}",
        "services: {a: {component: fc, props: {triggers: [1, [2], null], function: null}}}",
        "services: {a: {component: fc, props: 1}, b: 2, c: null, d: {component: [fc]}}",
        "edition: 1.0.0",
        "edition: 1.0.0\nservices: [a]",
        "edition: 1.0.0\nservices: text",
        "services: {a: {component: fc, actions: [1], props: {function: {customContainerConfig: 1,"
        " caPort: 1, initializer: {a: b}, asyncConfiguration: [{destination: 1}]}}}}",
        "services: {vars: {component: fc, props: {function: {name: '${vars.props.x}'}}}}",
    ],
)
def test_nonsense_is_no_traceback(tmp_path: Path, text: str) -> None:
    """Whatever stands where a map should: findings."""
    found = Project(tmp_path).load(text).diagnostics

    assert 1 <= len(found) <= MAX_FINDINGS
    assert found[0].code[:3] == "FCB"


KEYS = st.sampled_from(
    ["component", "props", "service", "function", "triggers", "name", "config", "filter", "Key",
     "actions", "asyncConfiguration", "destination", "onSuccess", "instanceLifecycleConfig",
     "preFreeze", "initializer", "codeUri", "ossBucket", "caPort", "customContainerConfig",
     "nasConfig", "mountPoints", "role", "instanceType", "a"]
)  # fmt: skip
VALUES = st.sampled_from(
    ["fc", "devsapp/fc@1", None, 1, 0.5, True, "${a.props.service}", "${this.props.function}",
     "${vars.a}", "${a.props.service.name}", "${services.a}", "acs:fc:::services/a/functions/b"]
)  # fmt: skip
TREES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(KEYS, TREES, max_size=3), TREES)
def test_any_tree_converts(services: dict[str, object], shared: object) -> None:
    """No traceback, and the result can be written and read again."""
    text = json.dumps({"vars": {"a": shared}, "services": {"a": {"component": "fc"}, **services}})
    root, _ = convert(text)

    again, _ = tree(yaml_text(root))

    assert again is not None
    assert plain(root, LEVELS) == plain(again, LEVELS)


def test_other_keys_stay() -> None:
    """An untouched file keeps its values: only the structure is new."""
    root, _ = convert("edition: 1.0.0\nx-anchors: [1, {a: b}]\nservices: {}\n")

    assert plain(root) == {
        "edition": "3.0.0", "resources": {}, "x-anchors": data_of("[1, {a: b}]"),
    }  # fmt: skip
