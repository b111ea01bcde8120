"""Every prop of fc3: what may stand there, what may not, and where the finding points."""

import re

import pytest

from sandbox.config.props.fields import Shape, item_model, known_keys, nested_model, shape_of
from sandbox.config.props.models import (
    ACCEPTED_SILENTLY,
    FC2_KEYS,
    WITHOUT_EFFECT,
    Box,
    BoxFunction,
    Props,
)
from sandbox.config.props.triggers import TRIGGER_CONFIGS
from tests.config.support import Project, with_props

GIVEN = {"functionName", "runtime", "handler", "code"}
"""`with_props` has these four."""

LAYER = "acs:fc:cn-hangzhou:official:layers/Python3/versions/1"

ACCEPTED: dict[str, list[str]] = {
    "region": ["cn-hangzhou", "moon-1"],
    "memorySize": ["128", "32768", "'512'", "512.0", "null"],
    "cpu": ["0.05", "16", "'0.5'"],
    "diskSize": ["512", "10240", "'512'"],
    "timeout": ["1", "86400", "'30'", "0x1e", "1e2"],
    "environmentVariables": ["{A: b}", "{}", "{A: 1, B: true, C: null}"],
    "instanceConcurrency": ["1"],
    "instanceLifecycleConfig": [
        "{}",
        "{initializer: {handler: index.handler, timeout: 300}}",
        "{preStop: {handler: index.handler, timeout: '90'}}",
        "{initializer: null, preStop: null}",
    ],
    "concurrencyConfig": ["{reservedConcurrency: 1}", "{}"],
    "provisionConfig": [
        "{defaultTarget: 0, alwaysAllocateCPU: true, alwaysAllocateGPU: no}",
        "{defaultTarget: 1, scheduledActions: [{name: a, target: many}]}",
        "{targetTrackingPolicies: [{name: a, metricType: b, minCapacity: 1, newKey: 2}]}",
    ],
    "scalingConfig": [
        "{minInstances: 1, residentPoolId: a}",
        "{horizontalScalingPolicies: auto, scheduledPolicies: [{scheduleExpression: x}]}",
    ],
    "idleTimeout": ["1", "'600'"],
    "triggers": [
        "[]",
        "[{triggerName: a, triggerType: http, description: d, qualifier: 1, sourceArn: s}]",
        "[{triggerName: a, triggerType: http, triggerConfig: {methods: [GET, PATCH]}},"
        " {triggerName: b, triggerType: timer, triggerConfig: {cronExpression: '@every 1m'}}]",
        "[{triggerName: a, triggerType: http, triggerConfig: {authType: jwt,"
        " authConfig: {jwks: {keys: []}}, disableURLInternet: 'true'}}]",
        "[{triggerName: a, triggerType: timer, triggerConfig: {enable: false, payload: '{}',"
        " cronExpression: 0 0 4 * * *}}]",
    ],
    "asyncInvokeConfig": [
        "{maxAsyncRetryAttempts: 0, maxAsyncEventAgeInSeconds: 2592000, asyncTask: true}",
        "{destinationConfig: {onSuccess: {destination: 'acs:fc:a'}, onFailure: auto}}",
    ],
    "customRuntimeConfig": [
        "{command: [python], args: [app.py], port: '9000'}",
        "{healthCheckConfig: {httpGetUrl: /ready, periodSeconds: 5}}",
    ],
    "description": ["text", "3", "[a]"],
    "role": ["auto", "'acs:ram::1:role/r'"],
    "internetAccess": ["true", "false", "'yes'"],
    "logConfig": ["auto", "{project: p, logstore: l, enableRequestMetrics: x}", "{isNew: 1}"],
    "vpcConfig": ["auto", "{vpcId: auto, vSwitchIds: [a], securityGroupId: 3}"],
    "customDNS": ["{nameServers: [a], searches: [b], dnsOptions: [{name: a, value: 1}]}"],
    "customDomain": ["auto", "{domainName: auto, protocol: HTTP, route: {path: /*}}"],
    "tracingConfig": ["{}", "{type: Jaeger, jaegerConfig: {endpoint: e}, params: {}}"],
    "tags": ["[{key: a, value: b}]", "{a: b}"],
    "annotations": ["{headers: {a: b}}"],
    "aliases": ["[a]"],
    "resourceGroupId": ["rg-1"],
    "endpoint": ["https://example.com"],
    "supplement": ["{a: 1}"],
}

NOTICED: dict[str, list[str]] = {
    "gpuConfig": ["{gpuType: fc.gpu.tesla.1, gpuMemorySize: lots}", "auto"],
    "sessionAffinity": ["MCP_SSE"],
    "sessionAffinityConfig": ["'{}'", "{sseEndpointPath: /sse, sessionTTLInSeconds: 1}"],
    "instanceIsolationMode": ["SESSION_EXCLUSIVE"],
    "enableLongLiving": ["true"],
    "customContainerConfig": ["{image: i, port: p, registryConfig: {certConfig: {insecure: x}}}"],
    "vpcBinding": ["{vpcIds: [a]}"],
    "disableOndemand": ["true"],
    "microSandboxConfig": ["{a: 1}"],
    "polarFsConfig": ["{mountPoints: [{mountDir: 3}]}"],
    "juiceFsConfig": ["{a: 1}"],
    "artifact": ["my-artifact", "'acs:devs:cn-hangzhou::artifacts/a'"],
    "instanceConcurrency": ["2", "200", "'20'"],
}
"""Legal, and with exactly one warning: FCB314."""

MOUNTED: dict[str, list[str]] = {
    "layers": [f"[{LAYER}]"],
    "nasConfig": [
        "auto",
        "{userId: 10003, groupId: -1, mountPoints: [{serverAddr: 'a:/', mountDir: /mnt/a}]}",
        "{mountPoints: [{serverAddr: 'a:/', mountDir: /mnt/a, enableTLS: true}]}",
    ],
    "ossMountConfig": [
        "auto",
        "{mountPoints: [{bucketName: b, bucketPath: /, endpoint: e, mountDir: /mnt/o}]}",
        "{mountPoints: [{bucketName: b, mountDir: /mnt/o, readOnly: 'true'}]}",
    ],
}
"""Legal; what becomes of them is told elsewhere."""


def lines(config_lines: dict[str, list[str]]) -> list[str]:
    return [f"{key}: {value}" for key, values in config_lines.items() for value in values]


@pytest.mark.parametrize("props", lines(ACCEPTED))
def test_accepted(project: Project, props: str) -> None:
    assert project.load(with_props(props)).diagnostics == ()


@pytest.mark.parametrize("props", lines(NOTICED))
def test_without_effect(project: Project, props: str) -> None:
    assert project.codes(with_props(props)) == ["FCB314"]


@pytest.mark.parametrize("props", lines(MOUNTED))
def test_mounted(project: Project, props: str) -> None:
    assert all(each.severity != "error" for each in project.load(with_props(props)).diagnostics)


@pytest.mark.parametrize("key", sorted(WITHOUT_EFFECT))
@pytest.mark.parametrize("value", ["null", "", "{}", "[]", "''", "false"])
def test_what_asks_for_nothing_is_no_warning(project: Project, key: str, value: str) -> None:
    """An export of a function has every key, most of them empty."""
    codes = project.codes(with_props(f"{key}: {value}"))

    assert "FCB314" not in codes


def test_every_prop_is_in_the_tables() -> None:
    tables = {*ACCEPTED, *NOTICED, *MOUNTED, *GIVEN}

    assert set(known_keys(Props)) - FC2_KEYS == tables
    assert set(known_keys(Props)) >= ACCEPTED_SILENTLY | WITHOUT_EFFECT


@pytest.mark.parametrize(
    ("props", "at", "said"),
    [
        ("region: 3", "3", "region is 3: expected a text such as cn-hangzhou"),
        ("region: [a]", "[a]", "region is a list"),
        ("memorySize: 64", "64", "memorySize is 64: expected a multiple of 64 from 128 to 32768"),
        ("memorySize: 32832", "32832", "from 128 to 32768"),
        ("memorySize: 200", "200", "a multiple of 64"),
        ("memorySize: true", "true", "memorySize is true"),
        ("memorySize: 1GB", "1GB", "memorySize is '1GB'"),
        ("cpu: 0.01", "0.01", "from 0.05 to 16"),
        ("cpu: [1]", "[1]", "cpu is a list"),
        ("diskSize: 1024", "1024", "512 or 10240"),
        ("timeout: 0", "0", "a number of seconds from 1 to 86400"),
        ("timeout: 86401", "86401", "a number of seconds from 1 to 86400"),
        ("environmentVariables: text", "text", "expected a map of texts"),
        ("instanceConcurrency: 201", "201", "from 1 to 200"),
        ("instanceConcurrency: 1.5", "1.5", "a whole number"),
        ("instanceLifecycleConfig: {initializer: index.init}", "index.init", "a map of handler"),
        ("instanceLifecycleConfig: {initializer: {timeout: 0.5}}", "0.5", "from 1 to 300"),
        ("instanceLifecycleConfig: {initializer: {timeout: 301}}", "301", "from 1 to 300"),
        ("instanceLifecycleConfig: {preStop: {timeout: 91}}", "91", "from 1 to 90"),
        ("instanceLifecycleConfig: {preStop: {handler: 3}}", "3", "of the form file.function"),
        ("concurrencyConfig: {reservedConcurrency: 0}", "0", "from 1 to 1000"),
        ("concurrencyConfig: 5", "5", "a map with reservedConcurrency"),
        ("provisionConfig: {defaultTarget: -1}", "-1", "from 0 to 1000"),
        ("scalingConfig: {minInstances: some}", "some", "from 0 to 1000"),
        ("idleTimeout: 0", "0", "a number of seconds"),
        ("asyncInvokeConfig: {maxAsyncRetryAttempts: 9}", "9", "from 0 to 8"),
        ("asyncInvokeConfig: {maxAsyncEventAgeInSeconds: 0}", "0", "from 1 to 2592000"),
        ("asyncInvokeConfig: yes", "yes", "a map with maxAsyncRetryAttempts"),
        ("customRuntimeConfig: {command: python app.py}", "python app.py", "a list of texts"),
        ("customRuntimeConfig: {args: [a, {b: c}]}", "{b: c}", "an item of a list of texts"),
        ("customRuntimeConfig: {port: 65536}", "65536", "a port from 1 to 65535"),
        (f"layers: {LAYER}", LAYER, "a list of the ARNs of layers"),
        ("layers: [{arn: a}]", "{arn: a}", "layers.0 is a map: expected an item of a list"),
        ("nasConfig: none", "none", "a map with mountPoints, or auto"),
        ("nasConfig: {userId: root}", "root", "nasConfig.userId is 'root'"),
        ("nasConfig: {mountPoints: {a: b}}", "{a: b}", "a list of maps with serverAddr"),
        ("nasConfig: {mountPoints: [{mountDir: /a}, {mountDir: 3}]}", "3",
         "nasConfig.mountPoints.1.mountDir is 3: expected an absolute path"),
        ("ossMountConfig: {mountPoints: [{readOnly: 1}]}", "1", "readOnly is 1: expected true or"),
        ("triggers: {http: {}}", "{http: {}}", "expected a list of triggers"),
        ("triggers: [http]", "http", "triggers.0 is 'http': expected an item of a list of"),
        ("triggers: [{triggerName: a, triggerType: [http]}]", "[http]", "such as http or timer"),
        ("triggers: [{triggerName: 3, triggerType: oss}]", "3", "triggerName is 3"),
        ("triggers: [{triggerName: a, triggerType: http, triggerConfig: GET}]", "GET",
         "a map that depends on triggerType"),
    ],
)  # fmt: skip
def test_refused(project: Project, props: str, at: str, said: str) -> None:
    """One error, exactly under the value."""
    diagnostics = project.load(with_props(props)).diagnostics
    (found,) = (each for each in diagnostics if each.severity == "error")

    assert found.code == "FCB312"
    assert found.source_line[found.column - 1 :][: found.length] == at
    assert said in found.message


@pytest.mark.parametrize(
    ("props", "slip", "meant"),
    [
        ("logConfig: {projet: p}", "projet", "project"),
        ("vpcConfig: {vswitchIds: [a]}", "vswitchIds", "vSwitchIds"),
        ("customDNS: {dnsOptions: [{nam: a}]}", "nam", "name"),
        ("tags: [{key: a, vaule: b}]", "vaule", "value"),
        ("logConfig: {logstor: l}", "logstor", "logstore"),
        ("tracingConfig: {jaegerConfig: {endpiont: e}}", "endpiont", "endpoint"),
        ("nasConfig: {mountPoint: []}", "mountPoint", "mountPoints"),
        ("nasConfig: {mountPoints: [{mountDirr: /a}]}", "mountDirr", "mountDir"),
        ("customRuntimeConfig: {healthCheckConfig: {httpGetURL: /}}", "httpGetURL", "httpGetUrl"),
        ("triggers: [{triggerName: a, triggerType: http, sourceARN: s}]", "sourceARN", "sourceArn"),
        ("triggers: [{triggerName: a, triggerType: http, triggerConfig: {method: [GET]}}]",
         "method", "methods"),
        ("triggers: [{triggerName: a, triggerType: oss, triggerConfig: {event: []}}]",
         "event", "events"),
        ("annotaions: {headers: {}}", "annotaions", "annotations"),
    ],
)  # fmt: skip
def test_slips(project: Project, props: str, slip: str, meant: str) -> None:
    """A key that is close to a known one gets a warning, wherever it stands."""
    config = project.load(with_props(props))
    (found,) = (each for each in config.diagnostics if each.code == "FCB306")

    assert config.ok
    assert found.severity == "warning"
    assert found.source_line[found.column - 1 :][: found.length] == slip
    assert f"did you mean {meant}" in found.hint


TRIGGER = "triggers: [{{triggerName: a, triggerType: {}, triggerConfig: {{{}}}}}]"


@pytest.mark.parametrize(
    ("kind", "config", "code", "said"),
    [
        ("http", "methods: [FETCH]", "FCB312", "methods.0 is 'FETCH': expected an item of a list"),
        ("http", "methods: [GET, get]", "FCB312", "methods.1 is 'get'"),
        ("http", "methods: GET", "FCB312", "methods is 'GET': expected a list of GET, POST"),
        ("http", "authType: basic", "FCB312", "expected anonymous, function or jwt"),
        ("http", "disableURLInternet: 1", "FCB312", "expected true or false"),
        ("timer", "cronExpression: '@every 1m', enable: often", "FCB312", "enable is 'often'"),
        ("timer", "cronExpression: '@every 1m', payload: {a: 1}", "FCB312", "payload is a map"),
        ("timer", "cronExpression: 5", "FCB312", "cronExpression is 5: expected a text such as"),
        ("timer", "cronExpression: soon", "FCB350", "'soon' is not valid: it has 1 fields"),
        ("timer", "enable: true", "FCB353", "triggers.0 is a timer and has no cronExpression"),
        ("tiemr", "", "FCB355", "unknown triggerType 'tiemr'"),
        ("oss", "events: 3, filter: auto", "FCB314", "a trigger of type oss has no effect"),
        ("log", "jobConfig: {maxRetryTime: 1}", "FCB314", "a trigger of type log"),
        ("mns_topic", "filterTag: [a]", "FCB314", "a trigger of type mns_topic"),
        ("cdn_events", "filter: {domain: x}", "FCB314", "a trigger of type cdn_events"),
        ("tablestore", "", "FCB314", "a trigger of type tablestore"),
        ("eventbridge", "runOptions: {mode: a}", "FCB314", "a trigger of type eventbridge"),
        ("kafka", "topic: {a: 1}", "FCB314", "a trigger of type kafka"),
    ],
)  # fmt: skip
def test_triggers(project: Project, kind: str, config: str, code: str, said: str) -> None:
    """One finding each; a type that does not exist here is a warning, whatever it holds."""
    (found,) = project.load(with_props(TRIGGER.format(kind, config))).diagnostics

    assert found.code == code
    assert said in found.message


def test_one_warning_for_each_trigger_without_effect(project: Project) -> None:
    text = with_props(
        "triggers:\n- {triggerName: a, triggerType: oss}\n- {triggerName: b, triggerType: log}"
    )

    assert project.codes(text) == ["FCB314", "FCB314"]


def test_triggers_need_names(project: Project) -> None:
    """A trigger that runs here can do without, the cloud cannot."""
    found = project.load(with_props("triggers: [{triggerType: http}, {triggerName: a}]"))

    assert [(each.code, each.severity, each.message) for each in found.diagnostics] == [
        ("FCB354", "warning", "triggers.0 has no triggerName: the cloud refuses it"),
        ("FCB354", "warning", "triggers.1 has no triggerType: the cloud refuses it"),
    ]


def test_duplicate_trigger_names(project: Project) -> None:
    """Of whatever type: the second one is where the finding points."""
    text = with_props(
        "triggers:\n- {triggerName: a, triggerType: http}\n- {triggerName: a, triggerType: oss}"
    )

    found = next(each for each in project.load(text).diagnostics if each.code == "FCB351")

    assert (found.line, found.column, found.severity) == (12, 23, "error")
    assert found.message == "two triggers are called 'a'"
    assert "line 11" in found.hint


def test_broken_variables_in_lists_are_told_once(project: Project) -> None:
    text = with_props(
        "layers: ['${vars.no}', null]\ntriggers: ['${vars.no}']\n"
        "customRuntimeConfig: {args: ['${vars.no}']}"
    )

    assert {each.code for each in project.load(text).diagnostics} <= {"FCB201", "FCB314"}


@pytest.mark.parametrize(
    ("cpu", "memory", "fits"),
    [
        ("0.35", "512", True), ("0.05", "128", True), ("1", "1024", True), ("1", "4096", True),
        ("16", "32768", True), ("0.1", "128", True), ("0.125", "128", True),
        ("1", "960", False), ("0.05", "256", False), ("0.5", "4096", False),
    ],
)  # fmt: skip
def test_cpu_and_memory(project: Project, cpu: str, memory: str, fits: bool) -> None:
    """1 to 4 GB for each vCPU; fcbox needs neither, so it is a warning."""
    config = project.load(with_props(f"cpu: {cpu}\nmemorySize: {memory}"))

    assert [(each.code, each.line, each.column) for each in config.diagnostics] == (
        [] if fits else [("FCB352", 10, 12)]
    )
    assert config.ok


def test_cpu_of_a_gpu_function_is_not_compared(project: Project) -> None:
    assert project.codes(with_props("cpu: 8\nmemorySize: 512\ngpuConfig: {gpuType: a}")) == [
        "FCB314"
    ]


def test_pre_freeze(project: Project) -> None:
    """Known, checked, and told to be gone."""
    text = "instanceLifecycleConfig: {preFreeze: {handler: index.handler, timeout: 91}}"

    assert project.codes(with_props(text)) == ["FCB356", "FCB312"]


def all_kinds() -> list[object]:
    """Every model and shape that can be reached."""
    found: list[object] = []
    waiting: list[object] = [Props, Box, BoxFunction, *TRIGGER_CONFIGS.values()]
    while waiting:
        kind = waiting.pop()
        if kind is None or any(kind is each for each in found):
            continue
        found.append(kind)
        for field in known_keys(kind).values():  # type: ignore[arg-type]
            waiting += [nested_model(kind, field), item_model(kind, field)]  # type: ignore[arg-type]
    return found


def test_everything_is_described() -> None:
    """A finding quotes a description, and fills in what stands in braces."""
    kinds = all_kinds()
    texts = [
        text
        for kind in kinds
        for text in (
            kind.descriptions.values()
            if isinstance(kind, Shape)
            else [each.description for each in kind.model_fields.values()]  # type: ignore[attr-defined]
        )
    ]

    assert len(kinds) > 40
    assert all(text for kind, text in zip(texts, texts, strict=True) if kind != "functions")
    assert not [text for text in texts if re.search("[{}]", text)]
    assert isinstance(shape_of(Props, "log_config"), Shape)
