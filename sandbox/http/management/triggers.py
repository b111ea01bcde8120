"""Triggers: http and timer take effect, since they are part of the spec; others are not local."""

from collections.abc import Callable
from typing import Any

from sandbox.core.spec import FunctionSpec
from sandbox.http.management.bodies import object_of
from sandbox.http.management.calls import Call
from sandbox.http.management.dialects import split_name, time_text
from sandbox.http.management.drafts import triggers_of
from sandbox.http.management.operations import Answer, not_local
from sandbox.http.management.registry import Record
from sandbox.http.refusals import Refused

__all__ = ["create_trigger", "delete_trigger", "get_trigger", "list_triggers", "update_trigger"]

Triggers = list[dict[str, Any]]
LOCAL = ("http", "timer")
MAX_TRIGGERS = 100
MAX_NAME_CHARS = 128


async def list_triggers(call: Call) -> Answer:
    spec = call.spec
    found = {each["triggerName"]: each for each in triggers_of(spec)}
    page, token = call.page(list(found))
    return {"triggers": [_described(call, spec, found[name]) for name in page], "nextToken": token}


async def get_trigger(call: Call) -> Answer:
    spec = call.spec
    return _described(call, spec, _found(spec, call.path("trigger")))


async def create_trigger(call: Call) -> Answer:
    spec, body = call.spec, await call.body()
    name, kind = body.get("triggerName"), body.get("triggerType")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS or "/" in name:
        raise Refused(400, "InvalidArgument", "triggerName is missing, or no name")
    if kind not in LOCAL:
        if not isinstance(kind, str):
            raise Refused(400, "InvalidArgument", "triggerType is missing, or no text")
        raise not_local(f"a trigger of the type '{kind[:40]}' is")
    config = _config(body.get("triggerConfig", {}))
    new = {"triggerName": name, "triggerType": kind, "triggerConfig": config}

    def with_new(triggers: Triggers) -> Triggers:
        if any(each["triggerName"] == name for each in triggers):
            raise Refused(409, "TriggerAlreadyExists", f"trigger '{name}' already exists")
        if len(triggers) >= MAX_TRIGGERS:
            raise Refused(429, "ResourceExhausted", f"there are {MAX_TRIGGERS} triggers")
        return [*triggers, new]

    await _set(call, spec.name, with_new)
    call.record.triggers[name] = Record()
    return await get_named(call, name)


async def update_trigger(call: Call) -> Answer:
    spec, body, name = call.spec, await call.body(), call.path("trigger")
    _found(spec, name)
    if "triggerConfig" in body:
        config = {"triggerConfig": _config(body["triggerConfig"])}
        await _set(call, spec.name, lambda triggers: [
            {**each, **config} if each["triggerName"] == name else each for each in triggers
        ])  # fmt: skip
    record = call.record.triggers.setdefault(name, Record(created_s=call.record.created_s))
    record.modified_s = call.record.modified_s
    return await get_named(call, name)


async def delete_trigger(call: Call) -> Answer:
    spec, name = call.spec, call.path("trigger")
    _found(spec, name)
    await _set(call, spec.name, lambda triggers: [
        each for each in triggers if each["triggerName"] != name
    ])  # fmt: skip
    call.record.triggers.pop(name, None)
    return None


async def get_named(call: Call, name: str) -> Answer:
    """As `get_trigger`, of a trigger that the path does not name."""
    spec = call.spec
    return _described(call, spec, _found(spec, name))


async def _set(call: Call, name: str, change: Callable[[Triggers], Triggers]) -> None:
    def is_wsgi(made: FunctionSpec) -> bool:
        if call.dialect.has_services:  # with an http trigger a Python function of 2.0 speaks WSGI
            return made.runtime.startswith("python") and bool(made.http_triggers)
        return made.is_wsgi

    await call.registry.change(name, lambda old: {"triggers": change(triggers_of(old))}, is_wsgi)


def _found(spec: FunctionSpec, name: str) -> dict[str, Any]:
    for each in triggers_of(spec):
        if each["triggerName"] == name:
            return each
    raise Refused(404, "TriggerNotFound", f"trigger '{name}' does not exist")


def _config(given: object) -> dict[str, Any]:
    """A map, or the JSON of one: it depends on the SDK."""
    if isinstance(given, str):
        return object_of(given, "triggerConfig")  # bounded like the body that it stands in
    if not isinstance(given, dict):
        raise Refused(400, "InvalidArgument", "triggerConfig must be a map")
    return given


def _described(call: Call, spec: FunctionSpec, trigger: dict[str, Any]) -> dict[str, Any]:
    name = trigger["triggerName"]
    owner = call.registry.record(spec.name)
    record = owner.triggers.setdefault(name, Record(created_s=owner.created_s,
                                                    modified_s=owner.created_s))  # fmt: skip
    found: dict[str, Any] = {
        **trigger,
        "triggerConfig": call.dialect.trigger_config(trigger["triggerConfig"]),
        "triggerId": record.id,
        "qualifier": "LATEST",
        "createdTime": time_text(record.created_s),
        "lastModifiedTime": time_text(record.modified_s),
        "status": "",
        "targetArn": call.dialect.arn(spec),
    }
    if trigger["triggerType"] == "http":
        found |= _urls(call, spec)
    return found


def _urls(call: Call, spec: FunctionSpec) -> dict[str, Any]:
    host = call.http.headers.get("host", "")
    if call.dialect.has_services:
        service, function = split_name(spec.name)
        url = f"http://{host}/2016-08-15/proxy/{service}/{function}/"
        return {"urlInternet": url, "urlIntranet": url}
    url = f"http://{host}/{spec.name}/"
    return {"httpTrigger": {"urlInternet": url, "urlIntranet": url}}
