"""Asynchronous invocations that are tasks: over the queue of the front, where there is one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from sandbox.http.management.calls import Call
from sandbox.http.management.operations import Answer
from sandbox.http.refusals import Refused

if TYPE_CHECKING:
    from sandbox.asynchronous.queue import AsyncQueue
    from sandbox.asynchronous.records import TaskRecord

__all__ = ["get_task", "list_task_functions", "list_tasks", "stop_task"]


async def list_tasks(call: Call) -> Answer:
    name, queue = call.spec.name, _queue(call)
    records = await queue.tasks(name) if queue else []
    status, prefix = call.query("status"), call.query("prefix") or call.query("invocationIdPrefix")
    found = {
        each.task_id: each
        for each in records
        if each.is_task and status in ("", each.status.value) and each.task_id.startswith(prefix)
    }
    page, token = call.page(list(found))
    key = "invocations" if call.dialect.has_services else "tasks"
    return {key: [_described(call, found[each]) for each in page], "nextToken": token}


async def get_task(call: Call) -> Answer:
    return _described(call, await _found(call), is_whole=True)


async def stop_task(call: Call) -> Answer:
    record = await _found(call)
    queue = _queue(call)
    assert queue
    await queue.stop(record.function, record.task_id)
    return None


async def list_task_functions(call: Call) -> Answer:
    names = [name for name in call.registry.names()
             if call.front.spec_of(name).asynchronous.is_task]  # fmt: skip
    page, token = call.page(names)
    data = [{**call.dialect.owner(call.front.spec_of(name))} for name in page]
    for each in data:
        each.update({"serviceName": each.pop("service"), "functionName": each.pop("function")})
    return {"data": data, "nextToken": token}


def _queue(call: Call) -> AsyncQueue | None:
    found: AsyncQueue | None = getattr(call.front, "queue", None)
    return found


async def _found(call: Call) -> TaskRecord:
    name, queue, task_id = call.spec.name, _queue(call), call.path("task")
    if queue is None:
        text = f"asynchronous task '{task_id}' of function '{name}' does not exist"
        raise Refused(404, "AsyncTaskNotFound", text)
    return await queue.task(name, task_id)


def _described(call: Call, record: TaskRecord, is_whole: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "requestId": record.request_id,
        "status": record.status.value,
        "startedTime": record.accepted_ms,
        "endTime": record.ended_ms,
        "durationMs": record.duration_ms,
        "alreadyRetriedTimes": record.retries,
        "instanceId": record.instance_id,
        "destinationStatus": record.destination_status,
        "qualifier": "LATEST",
    }
    payload = base64.b64encode(record.event).decode("ascii")
    if is_whole:
        found["events"] = [
            {"eventId": number, "status": each.status.value, "timestamp": each.at_ms,
             "eventDetail": each.detail}
            for number, each in enumerate(record.events, start=1)
        ]  # fmt: skip
    owner = call.dialect.owner(call.front.spec_of(record.function))
    if call.dialect.has_services:
        return found | {
            "serviceName": owner["service"],
            "functionName": owner["function"],
            "invocationId": record.task_id,
            "invocationPayload": payload,
            "invocationErrorMessage": record.error,
        }
    return found | {
        **owner,
        "taskId": record.task_id,
        "taskPayload": payload,
        "taskErrorMessage": record.error,
    }
