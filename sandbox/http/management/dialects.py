"""How the versions of the API name functions, and how they spell what they take and give.

    2023-03-30    functions by their names
    2021-04-06    functions below services: the function `f` of the service `s` is `s$f` here
    2016-08-15    the same, with the qualifier behind the service's name (`s.LATEST`)

A function whose name has no `$` is found below the service `default`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.core.spec import FunctionSpec
from sandbox.http.management.drafts import props_of
from sandbox.http.refusals import Refused

if TYPE_CHECKING:
    from sandbox.http.management.packages import Package
    from sandbox.http.management.registry import Record, Registry

__all__ = ["DEFAULT_SERVICE", "Dialect", "OlderDialect", "joined", "split_name", "time_text"]

DEFAULT_SERVICE = "default"

HOOKS = ("initializer", "initializationTimeout", "instanceLifecycleConfig")
MOVED = {"caPort": ("customRuntimeConfig", "port"),
         "customHealthCheckConfig": ("customRuntimeConfig", "healthCheckConfig")}  # fmt: skip
RENAMED = {"InstanceConcurrency": "instanceConcurrency"}
"""UpdateFunction of 2021-04-06 spells it so."""


def time_text(seconds: float) -> str:
    """As the API tells times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def split_name(name: str) -> tuple[str, str]:
    """Service and function."""
    service, dollar, function = name.partition("$")
    return (service, function) if dollar else (DEFAULT_SERVICE, name)


def joined(service: str, function: str) -> str:
    """The name here of a function of a service."""
    return f"{service}${function}"


class Dialect:
    """2023-03-30."""

    version = "2023-03-30"
    has_services = False
    has_texts = True
    """triggerConfig is JSON within a text."""

    def function_name(self, path: Mapping[str, str], registry: "Registry") -> str:
        """The name of the function that the path means."""
        return path["function"]

    def qualifier(self, path: Mapping[str, str]) -> str:
        """What stands in the path itself."""
        return ""

    def props(self, body: Mapping[str, Any], old: FunctionSpec | None) -> dict[str, Any]:
        """The body of a create or update in the form of an s.yaml of 3.0."""
        return dict(body)

    def arn(self, spec: FunctionSpec) -> str:
        """The name of a function among all of the cloud's."""
        return f"acs:fc:{spec.region}:{spec.account_id}:functions/{spec.name}"

    def owner(self, spec: FunctionSpec) -> dict[str, Any]:
        """How the answers about a function's settings name it."""
        return {"functionArn": self.arn(spec)}

    def function(
        self, spec: FunctionSpec, record: "Record", package: "Package | None"
    ) -> dict[str, Any]:
        """GetFunction."""
        found = {**record.others, **props_of(spec), **_told(spec, record, package)}
        for key in ("code", "region", "triggers", "asyncInvokeConfig", "concurrencyConfig",
                    "provisionConfig"):  # fmt: skip
            found.pop(key, None)  # these have operations of their own
        return found | {
            "functionArn": self.arn(spec),
            "state": "Active",
            "lastUpdateStatus": "Successful",
        }

    def trigger_config(self, config: dict[str, Any]) -> Any:
        """As answers have it."""
        return json.dumps(config) if self.has_texts else config


class OlderDialect(Dialect):
    """2021-04-06 and 2016-08-15."""

    has_services = True

    def __init__(self, version: str) -> None:
        self.version = version
        self.has_texts = version != "2016-08-15"

    def service(self, path: Mapping[str, str]) -> str:
        """The service that the path means."""
        return path["service"].partition(".")[0]

    def qualifier(self, path: Mapping[str, str]) -> str:
        return path.get("service", "").partition(".")[2]

    def function_name(self, path: Mapping[str, str], registry: "Registry") -> str:
        service, function = self.service(path), path["function"]
        name = joined(service, function)
        pools = registry.front.supervisor.pools
        is_default = service == DEFAULT_SERVICE and "$" not in function
        return function if is_default and name not in pools else name

    def props(self, body: Mapping[str, Any], old: FunctionSpec | None) -> dict[str, Any]:
        found = {RENAMED.get(key, key): value for key, value in body.items()}
        if any(key in found for key in HOOKS):
            _set_hooks(found, _lifecycle_of(old))
        for key, (whole, part) in MOVED.items():
            if key in found:
                holder = found.get(whole) or (props_of(old).get(whole) if old else None) or {}
                if not isinstance(holder, dict):
                    raise Refused(400, "InvalidArgument", f"{whole} must be a map")
                found[whole] = {**holder, part: found.pop(key)}
        return found

    def owner(self, spec: FunctionSpec) -> dict[str, Any]:
        service, function = split_name(spec.name)
        return {"service": service, "function": function, "qualifier": "LATEST"}

    def resource(self, spec: FunctionSpec) -> str:
        """How provision and on-demand configurations name a function."""
        service, function = split_name(spec.name)
        return f"services/{service}.LATEST/functions/{function}"

    def function(
        self, spec: FunctionSpec, record: "Record", package: "Package | None"
    ) -> dict[str, Any]:
        found = super().function(spec, record, package)
        for key in ("functionArn", "state", "lastUpdateStatus", "idleTimeout"):
            found.pop(key, None)
        found["functionName"] = split_name(spec.name)[1]
        hooks = found.pop("instanceLifecycleConfig", {})
        initializer = hooks.pop("initializer", {})
        found["initializer"] = initializer.get("handler", "")
        found["initializationTimeout"] = initializer.get("timeout", 0)
        found["caPort"] = found.get("customRuntimeConfig", {}).get("port")
        found["instanceLifecycleConfig"] = hooks
        found.setdefault("instanceType", "e1")
        return {key: value for key, value in found.items() if value is not None}


def _told(spec: FunctionSpec, record: "Record", package: "Package | None") -> dict[str, Any]:
    found: dict[str, Any] = {
        "functionId": record.id,
        "createdTime": time_text(record.created_s),
        "lastModifiedTime": time_text(record.modified_s),
    }
    if package:
        found |= {"codeSize": package.size_bytes, "codeChecksum": package.checksum}
    return found


def _lifecycle_of(spec: FunctionSpec | None) -> dict[str, Any]:
    found = props_of(spec).get("instanceLifecycleConfig", {}) if spec else {}
    return dict(found)


def _set_hooks(found: dict[str, Any], old: dict[str, Any]) -> None:
    """The Initializer stands outside instanceLifecycleConfig in 2.0, PreStop inside it."""
    hooks = found.pop("instanceLifecycleConfig", None)
    if hooks is not None and not isinstance(hooks, dict):
        raise Refused(400, "InvalidArgument", "instanceLifecycleConfig must be a map")
    handler = found.pop("initializer", None)
    timeout = found.pop("initializationTimeout", None)
    initializer = dict(old.get("initializer", {}))
    if handler is not None:
        initializer["handler"] = handler
    if timeout:
        initializer["timeout"] = timeout
    result = {"initializer": old["initializer"]} if "initializer" in old else {}
    result |= hooks if hooks is not None else {k: v for k, v in old.items() if k == "preStop"}
    if initializer.get("handler"):  # fc2 sends a timeout for Initializers that are not there
        result["initializer"] = initializer
    elif handler == "":
        result.pop("initializer", None)
    found["instanceLifecycleConfig"] = result
