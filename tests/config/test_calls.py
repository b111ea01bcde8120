"""What of a file says how a function may be called, as the spec has it."""

import pytest

from sandbox.core.spec import AsyncSettings, FunctionSpec, HttpTrigger, TimerTrigger
from tests.config.support import Project, with_props


def spec_of(project: Project, text: str) -> FunctionSpec:
    config = project.load(text)
    assert [each for each in config.diagnostics if each.severity != "note"] == []
    return config.specs[0]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("{triggerName: t, triggerType: http}", HttpTrigger("t")),
        ("{triggerName: t, triggerType: http, triggerConfig: {methods: [GET, PUT, GET]}}",
         HttpTrigger("t", ("GET", "PUT"))),
        ("{triggerName: t, triggerType: http, triggerConfig: {authType: function}}",
         HttpTrigger("t", (), "function")),
        ("{triggerName: t, triggerType: http, triggerConfig: {authType: jwt, methods: []}}",
         HttpTrigger("t", (), "jwt")),
    ],
)  # fmt: skip
def test_http_triggers(project: Project, trigger: str, expected: HttpTrigger) -> None:
    spec = spec_of(project, with_props(f"triggers: [{trigger}]"))

    assert spec.http_triggers == (expected,)
    assert spec.timers == ()
    assert not spec.is_wsgi


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{cronExpression: '@every 5m'}", TimerTrigger("t", "@every 5m")),
        ("{cronExpression: '@every 5m', enable: false, payload: awake}",
         TimerTrigger("t", "@every 5m", "awake", False)),
        ("{cronExpression: 'CRON_TZ=Asia/Shanghai 0 0 4 * * *', enable: 'true'}",
         TimerTrigger("t", "CRON_TZ=Asia/Shanghai 0 0 4 * * *")),
    ],
)  # fmt: skip
def test_timers(project: Project, config: str, expected: TimerTrigger) -> None:
    triggers = f"[{{triggerName: t, triggerType: timer, triggerConfig: {config}}}]"
    spec = spec_of(project, with_props(f"triggers: {triggers}"))

    assert spec.timers == (expected,)
    assert spec.http_triggers == ()


ARN = "acs:fc:cn-hangzhou:1:functions/done"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{}", AsyncSettings(3, 86400.0)),
        ("{maxAsyncRetryAttempts: 0, maxAsyncEventAgeInSeconds: '60', asyncTask: true}",
         AsyncSettings(0, 60.0, is_task=True)),
        (f"{{destinationConfig: {{onSuccess: {{destination: '{ARN}'}}}}}}",
         AsyncSettings(on_success=ARN)),
        ("{destinationConfig: {onSuccess: auto, onFailure: {destination: f}}, asyncTask: 'true'}",
         AsyncSettings(on_failure="f", is_task=True)),
        ("{destinationConfig: [], asyncTask: no}", AsyncSettings()),
    ],
)  # fmt: skip
def test_async_settings(project: Project, config: str, expected: AsyncSettings) -> None:
    spec = spec_of(project, with_props(f"asyncInvokeConfig: {config}"))

    assert spec.asynchronous == expected


def test_reserved_concurrency_bounds_requests_and_instances(project: Project) -> None:
    spec = spec_of(project, with_props("concurrencyConfig: {reservedConcurrency: 3}"))

    assert (spec.reserved_concurrency, spec.max_instances) == (3, 3)


@pytest.mark.parametrize(("value", "expected"), [("says what", "says what"), ("[a]", "")])
def test_description(project: Project, value: str, expected: str) -> None:
    assert spec_of(project, with_props(f"description: {value}")).description == expected


def test_a_function_without_any_of_it_has_the_defaults(project: Project) -> None:
    spec = spec_of(project, with_props(""))

    assert (spec.http_triggers, spec.timers, spec.asynchronous) == ((), (), AsyncSettings())
    assert (spec.reserved_concurrency, spec.description) == (0, "")


FC2 = """\
edition: 1.0.0
name: app
services:
  web:
    component: fc
    props:
      region: cn-hangzhou
      service: {name: s}
      function: {name: f, runtime: python3.10, handler: index.handler, codeUri: ./}
"""
HTTP = """\
      triggers:
      - {name: http, type: http, config: {authType: anonymous, methods: [GET, POST]}}
"""
TIMER = """\
      triggers:
      - {name: tick, type: timer, config: {cronExpression: '@every 1m', enable: true}}
"""


@pytest.mark.parametrize(("triggers", "expected"), [(HTTP, True), (TIMER, False), ("", False)])
def test_an_http_function_of_2_0_is_a_wsgi_application(
    project: Project, triggers: str, expected: bool
) -> None:
    spec = spec_of(project, FC2 + triggers)

    assert spec.name == "s$f"
    assert spec.is_wsgi == expected
    assert bool(spec.http_triggers) == expected
