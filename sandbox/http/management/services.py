"""Services of FC 2.0: those that functions name (`s$f`), and those that were made here.

A service has no effect of its own on this machine; what it is given is told again.
"""

import re
from typing import Any

from sandbox.http.management.calls import Call
from sandbox.http.management.dialects import DEFAULT_SERVICE, split_name, time_text
from sandbox.http.management.operations import Answer
from sandbox.http.management.registry import Service
from sandbox.http.refusals import Refused

__all__ = ["create_service", "delete_service", "get_service", "list_services", "update_service"]

MAX_SERVICES = 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


async def list_services(call: Call) -> Answer:
    page, token = call.page(call.registry.service_names())
    return {"services": [_described(call, name) for name in page], "nextToken": token}


async def create_service(call: Call) -> Answer:
    body = await call.body()
    name = body.pop("serviceName", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(400, "InvalidArgument", "serviceName is missing, or no name of a service")
    if name in call.registry.service_names():
        raise Refused(409, "ServiceAlreadyExists", f"service '{name}' already exists")
    if len(call.registry.services) >= MAX_SERVICES:
        raise Refused(429, "ResourceExhausted", f"there are {MAX_SERVICES} services")
    call.registry.services[name] = Service(body)
    return _described(call, name)


async def get_service(call: Call) -> Answer:
    return _described(call, call.service())


async def update_service(call: Call) -> Answer:
    name, body = call.service(), await call.body()
    body.pop("serviceName", None)
    service = call.registry.services.setdefault(name, Service({}))
    service.details |= body
    service.modified_s = max(call.registry.now_s(), service.modified_s)
    return _described(call, name)


async def delete_service(call: Call) -> Answer:
    name = call.service()
    if any(split_name(each)[0] == name for each in call.registry.names()):
        text = f"service '{name}' has functions: delete them first"
        raise Refused(409, "ServiceNotEmpty", text)
    if name == DEFAULT_SERVICE:
        raise Refused(400, "InvalidArgument", f"service '{name}' is always there")
    call.registry.services.pop(name, None)
    return None


def _described(call: Call, name: str) -> dict[str, Any]:
    service = call.registry.services.get(name) or call.registry.unmade_service
    return {
        "description": "",
        **service.details,
        "serviceName": name,
        "serviceId": service.id,
        "createdTime": time_text(service.created_s),
        "lastModifiedTime": time_text(service.modified_s),
    }
