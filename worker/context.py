"""The second argument of a handler, the only one of a hook.

Two forms, as in the cloud: up to Python 3.10 with `credentials`, `service`, `tracing` and the
camelCase aliases; from 3.12 without them, with the version and the qualifier in `function` and
the log project beside it. The *configured* runtime decides, not the interpreter that stands in
for it.

A context is made for every request, so all that does not change (everything but the id) is
built once per instance, and all its requests get the same parts.
"""

import json
import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional, Type

__all__ = ["FCContext", "make_context_factory"]

_LAST_MINOR_OF_OLD_FORM = 10


class Credentials(object):
    """The temporary key pair; official samples use both spellings."""

    def __init__(self, key_id: str, key_secret: str, token: str) -> None:
        self.access_key_id = self.accessKeyId = key_id
        self.access_key_secret = self.accessKeySecret = key_secret
        self.security_token = self.securityToken = token

    def to_dict(self) -> "Dict[str, str]":
        return {
            "accessKeyId": self.access_key_id,
            "accessKeySecret": self.access_key_secret,
            "securityToken": self.security_token,
        }


class FunctionMeta(object):
    """What the function is called and may use."""

    def __init__(self, function: "Mapping[str, Any]") -> None:
        self.name = function.get("name", "")
        self.handler = function.get("handler", "")
        self.memory = function.get("memory", 0)
        self.timeout = function.get("timeout", 0)

    def to_dict(self) -> "Dict[str, Any]":
        return {
            "name": self.name,
            "handler": self.handler,
            "memory": self.memory,
            "timeout": self.timeout,
        }


class VersionedFunctionMeta(FunctionMeta):
    """The 3.12 form, which took over two fields of the service."""

    def __init__(self, function: "Mapping[str, Any]", service: "Mapping[str, Any]") -> None:
        FunctionMeta.__init__(self, function)
        self.version_id = service.get("version_id", "")
        self.qualifier = service.get("qualifier", "")

    def to_dict(self) -> "Dict[str, Any]":
        fields = FunctionMeta.to_dict(self)
        fields.update(versionId=self.version_id, qualifier=self.qualifier)
        return fields


class ServiceMeta(object):
    """The service of FC 2.0; its fields are empty in FC 3.0."""

    def __init__(self, service: "Mapping[str, Any]") -> None:
        self.name = service.get("name", "")
        self.log_project = service.get("log_project", "")
        self.log_store = service.get("log_store", "")
        self.qualifier = service.get("qualifier", "")
        self.version_id = service.get("version_id", "")

    def to_dict(self) -> "Dict[str, Any]":
        return {
            "name": self.name,
            "logProject": self.log_project,
            "logStore": self.log_store,
            "qualifier": self.qualifier,
            "versionId": self.version_id,
        }


class Tracing(object):
    """There is no tracing here: the fields exist, and are empty."""

    def __init__(self) -> None:
        self.span_context = None
        self.jaeger_endpoint = None
        self.span_baggages: "Dict[str, str]" = {}

    def to_dict(self) -> "Dict[str, Any]":
        return {
            "openTracingSpanContext": self.span_context,
            "openTracingSpanBaggages": self.span_baggages,
            "jaegerEndpoint": self.jaeger_endpoint,
        }


class FCContext(object):
    """The form of Python 3.10 and before. Made by a factory, never by calling the class."""

    request_id: str
    requestId: str  # noqa: N815 - FC's name
    credentials: Credentials
    function: FunctionMeta
    service: ServiceMeta
    region: str
    account_id: str
    retry_count: int
    tracing: Tracing
    logger: "Optional[logging.Logger]"

    def getLogger(self) -> logging.Logger:  # noqa: N802 - FC's name
        """The logger whose records go to the function's log."""
        return logging.getLogger()

    def to_json(self) -> str:
        return json.dumps(
            {
                "requestId": self.request_id,
                "credentials": self.credentials.to_dict(),
                "function": self.function.to_dict(),
                "service": self.service.to_dict(),
                "region": self.region,
                "accountId": self.account_id,
                "retryCount": self.retry_count,
                "tracing": self.tracing.to_dict(),
            }
        )


class NewFCContext(FCContext):
    """The form of Python 3.12."""

    log_project: str
    log_store: str

    def to_json(self) -> str:
        return json.dumps(
            {
                "requestId": self.request_id,
                "function": self.function.to_dict(),
                "region": self.region,
                "accountId": self.account_id,
                "logProject": self.log_project,
                "logStore": self.log_store,
            }
        )


NewFCContext.__name__ = NewFCContext.__qualname__ = "FCContext"  # one name in the cloud


def make_context_factory(setup: "Mapping[str, Any]") -> "Callable[..., FCContext]":
    """The function that makes the context of a request out of the request's id, and of how often
    its event has been tried before."""
    if _minor(setup.get("runtime") or "") > _LAST_MINOR_OF_OLD_FORM:
        return _factory(NewFCContext, ["request_id"], _new_fields(setup))
    return _factory(FCContext, ["request_id", "requestId"], _old_fields(setup))


def _factory(
    form: "Type[FCContext]", id_names: "List[str]", fields: "Dict[str, Any]"
) -> "Callable[..., FCContext]":
    template: "Dict[str, Any]" = dict.fromkeys(id_names, "")
    template.update(fields)
    create, copy = object.__new__, template.copy

    def factory(request_id: str, retries: int = 0) -> FCContext:
        # A copied dict is the cheapest way to a dozen attributes, on 3.6 as on 3.13.
        context = create(form)
        context.__dict__ = attributes = copy()
        for name in id_names:
            attributes[name] = request_id
        if retries and "retry_count" in attributes:
            attributes["retry_count"] = retries
        return context

    return factory


def _minor(runtime: str) -> int:
    """The 10 of `python3.10`; the runtime that is called `python3` is 3.6."""
    minor = runtime.partition("python3.")[2]
    return int(minor) if minor.isdigit() else 6


def _old_fields(setup: "Mapping[str, Any]") -> "Dict[str, Any]":
    keys = setup.get("credentials") or {}
    return {
        "credentials": Credentials(
            keys.get("access_key_id", ""),
            keys.get("access_key_secret", ""),
            keys.get("security_token", ""),
        ),
        "function": FunctionMeta(setup["function"]),
        "service": ServiceMeta(setup.get("service") or {}),
        "region": setup.get("region", ""),
        "account_id": setup.get("account_id", ""),
        "retry_count": 0,
        "tracing": Tracing(),
        "logger": None,
    }


def _new_fields(setup: "Mapping[str, Any]") -> "Dict[str, Any]":
    service = setup.get("service") or {}
    return {
        "function": VersionedFunctionMeta(setup["function"], service),
        "region": setup.get("region", ""),
        "logger": logging.getLogger(),
        "account_id": setup.get("account_id", ""),
        "log_project": service.get("log_project", ""),
        "log_store": service.get("log_store", ""),
    }
