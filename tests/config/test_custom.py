"""Custom runtimes in an s.yaml: what comes of their keys, and what is wrong with them."""

import textwrap

import pytest

from sandbox.core.spec import Callback, CustomRuntime, FunctionSpec, HealthCheck
from tests.config.support import Project

HEAD = """\
edition: 3.0.0
resources:
  web:
    component: fc3
    props:
      functionName: web
      code: .
"""


def document(props: str, runtime: str = "custom.debian12") -> str:
    return HEAD + textwrap.indent(f"runtime: {runtime}\n{props}\n", 6 * " ")


def spec_of(project: Project, props: str, runtime: str = "custom.debian12") -> FunctionSpec:
    config = project.load(document(props, runtime))
    assert config.diagnostics == ()
    (spec,) = config.specs
    return spec


@pytest.mark.parametrize(
    "runtime", ["custom", "custom.debian10", "custom.debian11", "custom.debian12"]
)
def test_command(project: Project, runtime: str) -> None:
    """Command and arguments are one; no handler is asked for, and there is a Python to start it."""
    props = "customRuntimeConfig: {command: [node], args: [server.js, -v], port: 8080}"
    spec = spec_of(project, props, runtime)

    assert spec.custom == CustomRuntime(("node", "server.js", "-v"), 8080)
    assert (spec.handler, spec.concurrency, spec.runtime) == ("", 1, runtime)
    assert spec.python


def test_everything(project: Project) -> None:
    """Health check, hooks of both kinds, and several requests at a time without a warning."""
    spec = spec_of(
        project,
        """\
handler: not.checked
instanceConcurrency: 20
customRuntimeConfig:
  command: [./start]
  healthCheckConfig:
    httpGetUrl: /ready
    initialDelaySeconds: 2
    periodSeconds: 5
    timeoutSeconds: 2
    failureThreshold: 4
    successThreshold: 3
instanceLifecycleConfig:
  initializer: {handler: any text, timeout: 30}
  preStop: {command: [sh, end.sh]}
""",
    )

    check = HealthCheck("/ready", 2, 5, 2, 4, 3)
    assert spec.custom == CustomRuntime(("./start",), 9000, check)
    assert (spec.handler, spec.concurrency) == ("not.checked", 20)
    assert spec.initializer == Callback("any text", 30)
    assert spec.pre_stop == Callback("", 3, ("sh", "end.sh"))


def test_fc2_port(project: Project) -> None:
    """caPort of FC 2.0."""
    config = project.load(
        """\
edition: 1.0.0
name: old
services:
  web:
    component: fc
    props:
      region: cn-hangzhou
      service: {name: s}
      function:
        name: f
        runtime: custom
        handler: index.handler
        codeUri: .
        caPort: 8081
        customRuntimeConfig: {command: [node, server.js]}
"""
    )

    (spec,) = config.specs
    assert spec.custom == CustomRuntime(("node", "server.js"), 8081)


@pytest.mark.parametrize(
    ("props", "code"),
    [
        ("", "FCB324"),
        ("customRuntimeConfig: {command: []}", "FCB324"),
        ("customRuntimeConfig: {port: 0, command: [a]}", "FCB312"),
        ("customRuntimeConfig: {command: node server.js}", "FCB312"),
        ("customRuntimeConfig: {command: [a], healthCheckConfig: {timeoutSeconds: 9}}", "FCB312"),
        ("customRuntimeConfig: {command: [a]}\n"
         "instanceLifecycleConfig: {preStop: {handler: a, command: [b]}}", "FCB325"),
        ("customRuntimeConfig: {command: [a]}\ninstanceConcurrency: 201", "FCB312"),
    ],
)  # fmt: skip
def test_wrong(project: Project, props: str, code: str) -> None:
    assert code in [each.code for each in project.load(document(props)).diagnostics]
