"""How a function is called asynchronously, and how many instances it has."""

from typing import Any

from sandbox.core.spec import AsyncSettings, FunctionSpec
from sandbox.http.management.calls import Call
from sandbox.http.management.dialects import OlderDialect, time_text
from sandbox.http.management.drafts import async_config_of
from sandbox.http.management.operations import Answer, not_local
from sandbox.http.refusals import Refused

__all__ = [
    "delete_async_config",
    "delete_concurrency",
    "delete_on_demand",
    "delete_provision",
    "get_async_config",
    "get_concurrency",
    "get_on_demand",
    "get_provision",
    "get_scaling",
    "list_async_configs",
    "list_concurrency",
    "list_function_async_configs",
    "list_on_demand",
    "list_provision",
    "list_scaling",
    "put_async_config",
    "put_concurrency",
    "put_on_demand",
    "put_provision",
    "put_scaling",
]

MAX_INSTANCES = 1000
BY_THE_CLOCK = ("scheduledActions", "targetTrackingPolicies", "horizontalScalingPolicies",
                "scheduledPolicies")  # fmt: skip
OTHERS = ("residentPoolId",)


# --- asynchronous invocations ---------------------------------------------------------------------


async def get_async_config(call: Call) -> Answer:
    spec = call.spec
    if not _has_async_config(call, spec):
        raise Refused(404, "AsyncConfigNotExists", f"'{spec.name}' has no async-invoke-config")
    return _async_config(call, spec)


async def put_async_config(call: Call) -> Answer:
    name, body = call.spec.name, await call.body()
    if "statefulInvocation" in body:
        body["asyncTask"] = body.pop("statefulInvocation")
    await call.registry.change(name, {"asyncInvokeConfig": body})
    return _async_config(call, call.front.spec_of(name))


async def delete_async_config(call: Call) -> Answer:
    await call.registry.change(call.spec.name, {"asyncInvokeConfig": None})
    return None


async def list_async_configs(call: Call) -> Answer:
    wanted = call.query("functionName")
    names = [name for name in call.registry.names() if wanted in ("", name)]
    return _listed(call, "configs", names, _has_async_config, _async_config)


async def list_function_async_configs(call: Call) -> Answer:
    return _listed(call, "configs", [call.spec.name], _has_async_config, _async_config)


def _has_async_config(call: Call, spec: FunctionSpec) -> bool:
    changed = call.registry.record(spec.name).changes.get("asyncInvokeConfig")
    return changed is not None or spec.asynchronous != AsyncSettings()


def _async_config(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    record = call.registry.record(spec.name)
    found = async_config_of(spec.asynchronous)
    if call.dialect.has_services:
        found["statefulInvocation"] = found.pop("asyncTask")
    return {
        **found,
        **call.dialect.owner(spec),
        "createdTime": time_text(record.created_s),
        "lastModifiedTime": time_text(record.modified_s),
    }


# --- instances ------------------------------------------------------------------------------------


async def get_concurrency(call: Call) -> Answer:
    spec = call.spec
    if not spec.reserved_concurrency:
        raise Refused(404, "ConcurrencyConfigNotFound", f"'{spec.name}' has no concurrency config")
    return _concurrency(call, spec)


async def put_concurrency(call: Call) -> Answer:
    name, body = call.spec.name, await call.body()
    _whole(body, "reservedConcurrency", 1)
    await call.registry.change(name, {"concurrencyConfig": body})
    return _concurrency(call, call.front.spec_of(name))


async def delete_concurrency(call: Call) -> Answer:
    await call.registry.change(call.spec.name, {"concurrencyConfig": None})
    return None


async def list_concurrency(call: Call) -> Answer:
    return _listed(call, "configs", call.registry.names(),
                   lambda _, spec: spec.reserved_concurrency > 0, _concurrency)  # fmt: skip


def _concurrency(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    return {**call.dialect.owner(spec), "reservedConcurrency": spec.reserved_concurrency}


async def get_provision(call: Call) -> Answer:
    spec = call.spec
    if not spec.min_instances:
        raise Refused(404, "ProvisionConfigNotFound", f"'{spec.name}' has no provision config")
    return _provision(call, spec)


async def put_provision(call: Call) -> Answer:
    name, body = call.spec.name, await call.body()
    _check_here(body)
    key = "defaultTarget" if "defaultTarget" in body else "target"
    target = _whole(body, key, 0)
    await call.registry.change(name, {"provisionConfig": {"defaultTarget": target}})
    return _provision(call, call.front.spec_of(name))


async def delete_provision(call: Call) -> Answer:
    await call.registry.change(call.spec.name, {"provisionConfig": None})
    return None


async def list_provision(call: Call) -> Answer:
    names = [name for name in call.registry.names() if call.is_asked(name)]
    return _listed(call, "provisionConfigs", names, _has_minimum, _provision)


def _has_minimum(call: Call, spec: FunctionSpec) -> bool:
    return spec.min_instances > 0


def _provision(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    dialect = call.dialect
    found: dict[str, Any] = {"target": spec.min_instances, "current": _current(call, spec)}
    if isinstance(dialect, OlderDialect):
        return found | {"resource": dialect.resource(spec)}
    return found | {"defaultTarget": spec.min_instances, **dialect.owner(spec)}


async def get_scaling(call: Call) -> Answer:
    return _scaling(call, call.spec)


async def put_scaling(call: Call) -> Answer:
    name, body = call.spec.name, await call.body()
    _check_here(body)
    least = _whole(body, "minInstances", 0)
    await call.registry.change(name, {"provisionConfig": {"defaultTarget": least}})
    return _scaling(call, call.front.spec_of(name))


async def list_scaling(call: Call) -> Answer:
    return _listed(call, "scalingConfigs", call.registry.names(), _has_minimum, _scaling)


def _scaling(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    return {
        **call.dialect.owner(spec),
        "minInstances": spec.min_instances,
        "targetInstances": spec.min_instances,
        "currentInstances": _current(call, spec),
        "enableOnDemandScaling": True,
    }


async def get_on_demand(call: Call) -> Answer:
    spec = call.spec
    if not spec.max_instances:
        raise Refused(404, "OnDemandConfigNotFound", f"'{spec.name}' has no on-demand config")
    return _on_demand(call, spec)


async def put_on_demand(call: Call) -> Answer:
    spec, body = call.spec, await call.body()
    most = _whole(body, "maximumInstanceCount", 0)
    if most < spec.min_instances:
        text = f"maximumInstanceCount must be {spec.min_instances} or more: so many are provisioned"
        raise Refused(400, "InvalidArgument", text)
    await call.registry.set_fields(spec.name, max_instances=most)
    return _on_demand(call, call.front.spec_of(spec.name))


async def delete_on_demand(call: Call) -> Answer:
    await call.registry.set_fields(call.spec.name, max_instances=0)
    return None


async def list_on_demand(call: Call) -> Answer:
    return _listed(call, "configs", call.registry.names(),
                   lambda _, spec: spec.max_instances > 0, _on_demand)  # fmt: skip


def _on_demand(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    dialect = call.dialect
    assert isinstance(dialect, OlderDialect)
    return {"resource": dialect.resource(spec), "maximumInstanceCount": spec.max_instances}


# --- small parts ----------------------------------------------------------------------------------


def _listed(call: Call, key: str, names: list[str], has: Any, described: Any) -> dict[str, Any]:
    specs = {name: call.front.spec_of(name) for name in names}
    page, token = call.page([name for name, spec in specs.items() if has(call, spec)])
    return {key: [described(call, specs[name]) for name in page], "nextToken": token}


def _current(call: Call, spec: FunctionSpec) -> int:
    return len(call.front.supervisor.pools[spec.name].shells)


def _check_here(body: dict[str, Any]) -> None:
    for key in BY_THE_CLOCK:
        if body.get(key):
            raise not_local(f"scaling by '{key}' is")
    for key in OTHERS:
        if body.get(key):
            raise not_local(f"what '{key}' names is")


def _whole(body: dict[str, Any], key: str, least: int) -> int:
    value = body.get(key)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not least <= value <= MAX_INSTANCES:  # type: ignore[operator]
        text = f"{key} must be a whole number from {least} to {MAX_INSTANCES}"
        raise Refused(400, "InvalidArgument", text)
    return int(value)  # type: ignore[arg-type]
