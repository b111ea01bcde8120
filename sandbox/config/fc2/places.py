"""Where each key of an FC 2.0 resource stands in 3.0: tables, to be read beside the two schemas.

A table maps a key to its `Place`, or to `Gone`; a key that it does not name stays where it is.
The same tables move the nodes of a file (`conversion`) and the paths of references to them
(`references`).

    props:                                      props:
      region: R                                   region: R
      service: {name: S, logConfig: L}            functionName: S$F
      function: {name: F, codeUri: C}    -->      code: C
      triggers: [{name: T}]                       logConfig: L
                                                  triggers: [{triggerName: T}]
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sandbox.config.messages.texts import Phrase, phrase

__all__ = [
    "ANY",
    "CONTAINER_KEYS",
    "DEFAULTS",
    "HERE",
    "PROPS",
    "RESOURCE",
    "Gone",
    "Place",
    "Table",
    "is_of_3",
    "names_at",
    "place_in",
    "place_of",
]

HERE = ""
"""The place of a map whose entries move up into the map around it."""

ANY = "*"
"""Stands for every key that the table does not name."""


class Place(NamedTuple):
    """`to`: the key or path in 3.0. `below`: the table of the map there, or of each map of a list.
    `change`: what else is done to the value, by name: see `values.CHANGES`."""

    to: str
    below: Table = MappingProxyType({})
    change: str = ""


class Gone(NamedTuple):
    """3.0 has no such key. Without a reason nothing is lost, and nothing is said."""

    reason: Phrase | None = None


Table = Mapping[str, Place | Gone]

DEFAULTS: Mapping[str, int | str] = {"timeout": 60, "handler": "index.handler"}
"""What a 2.0 function has without saying so, where 3.0 has something else."""

# --- a function -------------------------------------------------------------------------------

_LIFECYCLE: Table = {"preFreeze": Place("preFreeze", change="local")}

_DESTINATION: Table = {
    "onSuccess": Place("onSuccess.destination", change="arn"),
    "onFailure": Place("onFailure.destination", change="arn"),
}
_ASYNC: Table = {
    "destination": Place("destinationConfig", _DESTINATION),
    "statefulInvocation": Place("asyncTask"),
}
_CONTAINER: Table = {
    "command": Place("entrypoint"),
    "args": Place("command"),
    "instanceID": Gone(phrase("3.0 finds the registry by the image's address")),
    "accelerationType": Gone(phrase("3.0 always accelerates images")),
}
_DEPLOYMENT = Gone(phrase("3.0 has no such protection of deployments"))

CONTAINER_KEYS: Mapping[str, str] = {
    "caPort": "port",
    "customHealthCheckConfig": "healthCheckConfig",
}
"""Keys that belong to the container when there is one, and to the custom runtime otherwise."""

_FUNCTION: Table = {
    "Handler": Place("handler"),
    "codeUri": Place("code"),
    "ossBucket": Place("code.ossBucketName"),
    "ossKey": Place("code.ossObjectName"),
    "initializer": Place("instanceLifecycleConfig.initializer.handler"),
    "initializationTimeout": Place("instanceLifecycleConfig.initializer.timeout"),
    "instanceLifecycleConfig": Place("instanceLifecycleConfig", _LIFECYCLE),
    "asyncConfiguration": Place("asyncInvokeConfig", _ASYNC),
    "caPort": Place("customRuntimeConfig.port"),
    "customHealthCheckConfig": Place("customRuntimeConfig.healthCheckConfig"),
    "customContainerConfig": Place("customContainerConfig", _CONTAINER),
    "gpuMemorySize": Place("gpuConfig.gpuMemorySize"),
    "instanceType": Place("gpuConfig.gpuType", change="instance type"),
    "instanceSoftConcurrency": Gone(phrase("3.0 has instanceConcurrency alone")),
    "layer": Place("layers"),
    "import": _DEPLOYMENT,
    "protect": _DEPLOYMENT,
}

# --- a service --------------------------------------------------------------------------------

_MOUNT: Table = {"fcDir": Place("mountDir"), "nasDir": Gone()}

_SERVICE: Table = {
    "name": Gone(),
    "description": Gone(),
    "nasConfig": Place("nasConfig", {"mountPoints": Place("mountPoints", _MOUNT, "mount")}, "nas"),
    "vpcConfig": Place("vpcConfig", {"vswitchIds": Place("vSwitchIds")}),
    "vpcBinding": Place("vpcBinding.vpcIds"),
    "role": Place("role", change="role"),
    "import": _DEPLOYMENT,
    "protect": _DEPLOYMENT,
}

# --- triggers ---------------------------------------------------------------------------------

_FILTER: Table = {"Key": Place("key", {"Prefix": Place("prefix"), "Suffix": Place("suffix")})}

_TRIGGER: Table = {
    "name": Place("triggerName"),
    "type": Place("triggerType"),
    "config": Place("triggerConfig", {"filter": Place("filter", _FILTER)}),
    "role": Place("invocationRole"),
    "import": _DEPLOYMENT,
    "protect": _DEPLOYMENT,
}

# --- a resource -------------------------------------------------------------------------------

PROPS: Table = {
    "function": Place(HERE, {**_FUNCTION, "name": Place("functionName")}),
    "service": Place(HERE, _SERVICE),
    "triggers": Place("triggers", _TRIGGER, "trigger"),
    "customDomains": Gone(phrase("custom domains are not local; in 3.0 they are resources of "
                                 "their own, with the component fc3-domain")),
}  # fmt: skip

_STEP: Table = {"component": Place("component", change="component")}

RESOURCE: Table = {
    "component": Place("component", change="component"),
    "actions": Place("actions", {ANY: Place(ANY, _STEP)}),
}


def place_in(table: Table, key: str) -> Place | Gone:
    """The place of `key`: itself, where the table says nothing."""
    found = table.get(key) or table.get(ANY) or Place(key)
    return found._replace(to=key) if isinstance(found, Place) and found.to == ANY else found


def names_at(table: Table) -> tuple[str, ...]:
    """All keys of 2.0, where few others can stand; none where 3.0 knows nearly the same."""
    if table is PROPS:
        return ("region", *PROPS)
    return (*_TRIGGER, "qualifier", "sourceArn", "description") if table is _TRIGGER else ()


def is_of_3(table: Table, key: str) -> bool:
    """Whether something of `table` moves to `key`, which is then the 3.0 form already."""
    return any(
        is_of_3(place.below, key) if place.to == HERE else place.to.split(".")[0] == key
        for place in table.values()
        if isinstance(place, Place)
    )


def place_of(path: tuple[str, ...]) -> tuple[str, ...]:
    """Where the value that stands at `path` of the props stands in 3.0."""
    table, steps = PROPS, []
    for number, step in enumerate(path):
        if step.isdigit():  # an item of a list: its table is that of the list
            steps.append(step)
            continue
        place = place_in(table, step)
        if isinstance(place, Gone):
            return path
        steps += place.to.split(".") if place.to != HERE else []
        table = place.below
        if not table:
            return (*steps, *path[number + 1 :])
    return tuple(steps) or path  # all of `service` or `function` is nowhere as a whole
