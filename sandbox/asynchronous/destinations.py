"""Who is told of the result of an asynchronous invocation, and with what event: pure.

The event is the cloud's (help.aliyun.com, "result callback"):

    {"timestamp": 1660120276975,
     "requestContext": {"requestId", "functionArn", "condition", "approximateInvokeCount"},
     "requestPayload": "...",
     "responseContext": {"statusCode": 200, "functionError": ""},
     "responsePayload": "..."}

`condition` is what X-Fc-Error-Type would say, `functionError` the failure in words; both are empty
after a success.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sandbox.asynchronous.records import Acceptance, Status, TaskRecord, accept_record
from sandbox.core.spec import FunctionSpec

__all__ = [
    "MAX_ASYNC_EVENT_BYTES",
    "Delivery",
    "delivery",
    "destination_event",
    "function_arn",
    "local_function",
]

MAX_ASYNC_EVENT_BYTES = 128 << 10

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,192}", re.ASCII)
_ARN = re.compile(
    r"acs:fc:[^:]*:[^:]*:(?:services/(?P<service>[^/.]+)(?:\.[^/]+)?/)?"
    r"functions/(?P<function>[^/]+)(?:/[^/]+)?",
    re.ASCII,
)


def local_function(destination: str) -> str | None:
    """The function that is meant; None for what is no function, such as a queue or a topic."""
    if _NAME.fullmatch(destination):
        return destination
    found = _ARN.fullmatch(destination)
    if found is None:
        return None
    service, function = found["service"], found["function"]
    return f"{service}${function}" if service else function


def _function_of(destination: str, specs: Mapping[str, FunctionSpec]) -> str | None:
    """A function without a service is found below `default` too, as over the 2.x APIs."""
    name = local_function(destination)
    if name is not None and name not in specs:
        return name.removeprefix("default$")
    return name


def function_arn(region: str, account_id: str, name: str) -> str:
    """How the cloud names a function."""
    return f"acs:fc:{region}:{account_id}:functions/{name}"


def destination_event(record: TaskRecord, arn: str, response: bytes) -> bytes:
    """What the destination of a finished record is invoked with."""
    document = {
        "timestamp": record.ended_ms,
        "requestContext": {
            "requestId": record.request_id,
            "functionArn": arn,
            "condition": record.error_type,
            "approximateInvokeCount": record.attempts,
        },
        "requestPayload": record.event.decode("utf-8", "replace"),
        "responseContext": {"statusCode": 200, "functionError": record.error},
        "responsePayload": response.decode("utf-8", "replace"),
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


class Delivery(NamedTuple):
    """What becomes of a destination: the new invocation, or why there is none; `text` for the log.

    Both are empty when nobody is to be told.
    """

    status: str = ""
    text: str = ""
    invocation: TaskRecord | None = None


def delivery(
    record: TaskRecord,
    response: bytes,
    specs: Mapping[str, FunctionSpec],
    new_request_id: Callable[[], str],
) -> Delivery:
    """Of a record that has ended. `specs` are the functions there are."""
    kind = "onSuccess" if record.status is Status.SUCCEEDED else "onFailure"
    destination = record.on_success if kind == "onSuccess" else record.on_failure
    if not destination or record.status is Status.STOPPED:
        return Delivery()
    name, sender = _function_of(destination, specs), specs.get(record.function)
    if name is None:
        return Delivery("Failed", f"its {kind} {destination} is not local: nobody is told")
    if name not in specs:
        return Delivery("Failed", f"its {kind} {destination} is no function of this run")
    sender = sender or specs[name]  # it was deleted: the region and account are the same
    arn = function_arn(sender.region, sender.account_id, record.function)
    event = destination_event(record, arn, response)
    if len(event) > MAX_ASYNC_EVENT_BYTES:
        return Delivery("Failed", f"the event of its {kind} {name} has {len(event)} bytes, "
                        f"more than {MAX_ASYNC_EVENT_BYTES}: nobody is told")  # fmt: skip
    asked = Acceptance(new_request_id(), name, event, "", record.ended_ms, specs[name].asynchronous)
    text = f"its {kind} {name} is invoked as {asked.request_id}"
    return Delivery("Succeeded", text, accept_record(asked))
