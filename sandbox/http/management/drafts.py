"""JSON of a function -> FunctionSpec, by the same rules as an s.yaml.

The body's keys are those of the s.yaml's props, so that is what it is checked as: the whole
function, as it is with the changes laid over it, goes through `make_spec`, and the findings that
are errors are the refusal. Of the spec that comes out only those fields are taken that the changed
keys stand for: what an s.yaml says beside them (mounts, walls, the account) stays as it is.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.config.code.interpreters import RUN_HERE, InterpreterMissingError, find_interpreter
from sandbox.config.inputs import Inputs
from sandbox.config.messages.diagnostics import Diagnostic
from sandbox.config.messages.findings import Findings, RefusedError
from sandbox.config.messages.texts import in_words
from sandbox.config.props.models import Box
from sandbox.config.props.specs import Resource, make_spec
from sandbox.config.text.source import Entry, Node, Source, Span, weighed
from sandbox.core.spec import AsyncSettings, FunctionSpec
from sandbox.http.management.operations import not_local
from sandbox.http.refusals import Refused

__all__ = ["FIELDS", "Draft", "draft", "props_of"]

FIELDS = {
    "runtime": ("runtime", "python", "custom"),
    "handler": ("handler",),
    "code": ("code_dir", "code_archive"),
    "memorySize": ("memory_mb",),
    "cpu": ("cpu",),
    "diskSize": ("disk_mb",),
    "timeout": ("timeout_s",),
    "environmentVariables": ("environment",),
    "instanceLifecycleConfig": ("initializer", "pre_stop"),
    "instanceConcurrency": ("concurrency",),
    "idleTimeout": ("idle_timeout_s",),
    "description": ("description",),
    "customRuntimeConfig": ("custom",),
    "triggers": ("http_triggers", "timers"),
    "asyncInvokeConfig": ("asynchronous",),
    "concurrencyConfig": ("reserved_concurrency", "max_instances"),
    "provisionConfig": ("min_instances",),
}
"""The keys that fcbox reads, and the fields of a spec that come of each."""

_NOWHERE = Span(Source("request", ""), 0, 0)


class Draft(NamedTuple):
    """A spec that is in order, and what there was to say all the same."""

    spec: FunctionSpec
    warnings: tuple[str, ...]


def draft(name: str, props: Mapping[str, Any], box: Iterable[FunctionSpec]) -> Draft:
    """The function of these props, complete. `box`: the functions that are there, whose account,
    interpreter and walls it shares. Raises Refused with the words of the findings."""
    _check_runtime(props.get("runtime"))
    findings = Findings("en")
    node = _node({**props, "functionName": name})
    try:
        spec = make_spec(Resource(name, _NOWHERE, _NOWHERE, node), Box(), "/", Inputs(), findings)
    except RefusedError as refusal:
        findings.close(refusal)
    errors = [_in_words(each) for each in findings.items if each.severity == "error"]
    if errors:
        raise Refused(400, "InvalidArgument", "; ".join(errors))
    warnings = tuple(_in_words(each) for each in findings.items)
    return Draft(_as_in_box(spec, list(box)), warnings)


def props_of(spec: FunctionSpec) -> dict[str, Any]:
    """The function as JSON in the form of 3.0: what `draft` makes the same spec of."""
    found: dict[str, Any] = {
        "functionName": spec.name,
        "region": spec.region,
        "runtime": spec.runtime,
        "code": spec.code_dir,
        "memorySize": spec.memory_mb,
        "diskSize": spec.disk_mb,
        "timeout": whole(spec.timeout_s),
        "environmentVariables": dict(spec.environment),
        "instanceConcurrency": spec.concurrency,
        "idleTimeout": whole(spec.idle_timeout_s),
    }
    options = {
        "handler": spec.handler,
        "cpu": spec.cpu,
        "description": spec.description,
        "instanceLifecycleConfig": _lifecycle(spec),
        "customRuntimeConfig": _custom(spec),
        "triggers": triggers_of(spec),
        "asyncInvokeConfig": async_config_of(spec.asynchronous)
        if spec.asynchronous != AsyncSettings() else {},
        "concurrencyConfig": {"reservedConcurrency": spec.reserved_concurrency}
        if spec.reserved_concurrency else {},
        "provisionConfig": {"defaultTarget": spec.min_instances} if spec.min_instances else {},
    }  # fmt: skip
    return found | {key: value for key, value in options.items() if value}


def triggers_of(spec: FunctionSpec) -> list[dict[str, Any]]:
    """Both kinds, in the form of an s.yaml."""
    found = []
    for http in spec.http_triggers:
        config: dict[str, Any] = {"authType": http.auth_type}
        if http.methods:
            config["methods"] = list(http.methods)
        found.append({"triggerName": http.name, "triggerType": "http", "triggerConfig": config})
    for timer in spec.timers:
        config = {"cronExpression": timer.cron, "enable": timer.is_enabled}
        if timer.payload:
            config["payload"] = timer.payload
        found.append({"triggerName": timer.name, "triggerType": "timer", "triggerConfig": config})
    return found


def async_config_of(settings: AsyncSettings) -> dict[str, Any]:
    """The defaults are told as well."""
    found: dict[str, Any] = {
        "maxAsyncRetryAttempts": settings.max_retries,
        "maxAsyncEventAgeInSeconds": int(settings.max_age_s),
        "asyncTask": settings.is_task,
    }
    pairs = (("onSuccess", settings.on_success), ("onFailure", settings.on_failure))
    destinations = {key: {"destination": value} for key, value in pairs if value}
    return found | ({"destinationConfig": destinations} if destinations else {})


def whole(number: float) -> float | int:
    """3 for 3.0, as JSON has it that people write."""
    return int(number) if number == int(number) else number


def _lifecycle(spec: FunctionSpec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, hook in (("initializer", spec.initializer), ("preStop", spec.pre_stop)):
        if hook is not None:
            found[key] = {"timeout": whole(hook.timeout_s)}
            if hook.handler:
                found[key]["handler"] = hook.handler
            if hook.command:
                found[key]["command"] = list(hook.command)
    return found


def _custom(spec: FunctionSpec) -> dict[str, Any]:
    if spec.custom is None:
        return {}
    found: dict[str, Any] = {"command": list(spec.custom.command), "port": spec.custom.port}
    check = spec.custom.health_check
    if check is not None:
        found["healthCheckConfig"] = {
            "httpGetUrl": check.path,
            "initialDelaySeconds": whole(check.initial_delay_s),
            "periodSeconds": whole(check.period_s),
            "timeoutSeconds": whole(check.timeout_s),
            "failureThreshold": check.failure_threshold,
            "successThreshold": check.success_threshold,
        }
    return found


# --- checking -------------------------------------------------------------------------------------


def _node(value: Any) -> Node:
    """JSON as the tree that a file would have been read into; it stands nowhere."""
    if isinstance(value, Mapping):
        entries = {key: Entry(_NOWHERE, _node(each)) for key, each in value.items()}
        return weighed(entries, _NOWHERE)
    if isinstance(value, list | tuple):
        return weighed(tuple(map(_node, value)), _NOWHERE)
    return weighed(value, _NOWHERE)


def _check_runtime(runtime: object) -> None:
    if not isinstance(runtime, str):
        raise Refused(400, "InvalidArgument", "runtime is missing, or no text")
    if runtime not in RUN_HERE:
        raise not_local(f"the runtime '{runtime[:40]}' is")


def _in_words(finding: Diagnostic) -> str:
    return f"{finding.message} [{finding.code}]"


def _as_in_box(spec: FunctionSpec, box: list[FunctionSpec]) -> FunctionSpec:
    """With what an s.yaml says once for all of its functions, if they agree on it."""
    if box:
        first = box[0]
        spec = spec._replace(account_id=first.account_id)
        for field in ("network", "is_frozen_when_idle"):
            if len({getattr(each, field) for each in box}) == 1:
                spec = spec._replace(**{field: getattr(first, field)})
    return spec._replace(python=_python(spec, box))


def _python(spec: FunctionSpec, box: list[FunctionSpec]) -> str:
    for each in box:
        if each.runtime == spec.runtime and each.python:
            return each.python
    try:
        return find_interpreter(spec.runtime, None, os.environ, Inputs()).path
    except InterpreterMissingError as missing:
        text = in_words(missing.problem, "en")
        raise Refused(400, "InvalidArgument", f"runtime '{spec.runtime}': {text}") from None
