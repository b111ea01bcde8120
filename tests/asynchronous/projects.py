"""Projects whose functions write a line for each attempt, and what was written.

    config = write_project(tmp_path, {"f": {"asyncInvokeConfig": {...}}})
    with serving(tmp_path, config) as served:
        request_id = accept(served, b"fail")
        wait_attempts(tmp_path, 4)

The event says what the function does: `fail` raises, `sleep` waits until it is killed, `die` ends
its process, everything else succeeds. A line is written before that.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.boxes import wait_until
from tests.http.serving import Answer, Served, invocations

SOURCE = """
import json, os, time

def handler(event, context):
    text = event.decode("utf-8")
    line = json.dumps([context.function.name, context.request_id,
                       int(context.retry_count), text])
    fd = os.open(%r, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, line.encode("ascii") + b"\\n")
    os.close(fd)
    if text == "fail with odd text":
        raise ValueError("\\ud800 \\x1b[2J")
    if text.startswith("fail"):
        raise ValueError("as it was told")
    if text.startswith("sleep"):
        time.sleep(3600)
    if text.startswith("nap"):
        time.sleep(0.05)
    if text.startswith("die"):
        os._exit(3)
    return "done: " + text[:20]
"""


class Attempt(NamedTuple):
    function: str
    request_id: str
    retry_count: int
    event: str


def write_project(
    folder: Path, functions: Mapping[str, Mapping[str, Any]], box: Mapping[str, Any] | None = None
) -> Path:
    """An s.yaml with these functions, each with the props that are given."""
    code = folder / "code"
    code.mkdir(exist_ok=True)
    (code / "index.py").write_text(SOURCE % str(folder / "attempts"), encoding="utf-8")
    resources = {
        name: {
            "component": "fc3",
            "props": {
                "region": "cn-hangzhou",
                "functionName": name,
                "runtime": "python3.10",
                "code": "./code",
                "handler": "index.handler",
                "memorySize": 128,
                "timeout": 600,
                **props,
            },
        }
        for name, props in functions.items()
    }
    document = {
        "edition": "3.0.0",
        "name": "test",
        "access": "default",
        "fcbox": {"python": sys.executable, "isolation": "none", "grace": 0.2, **(box or {})},
        "resources": resources,
    }
    path = folder / "s.yaml"
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return path


def policy(retries: int = 0, **more: Any) -> dict[str, Any]:
    """The props of a function with such an asyncInvokeConfig."""
    return {"asyncInvokeConfig": {"maxAsyncRetryAttempts": retries, **more}}


def ask_async(
    served: Served, event: bytes, function: str = "f", headers: Mapping[str, str] | None = None
) -> Answer:
    """An asynchronous invocation."""
    sent = {"X-Fc-Invocation-Type": "Async", **(headers or {})}
    return served.ask("POST", invocations(function), event, sent)


def accept(served: Served, event: bytes, function: str = "f", **headers: str) -> str:
    """The same, which must be accepted; gives the request id."""
    answer = ask_async(served, event, function, headers)
    assert (answer.status, answer.body) == (202, b""), answer
    return answer.headers["x-fc-request-id"]


def attempts(folder: Path) -> list[Attempt]:
    """All that have begun, in order."""
    try:
        lines = (folder / "attempts").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    return [Attempt(*json.loads(line)) for line in lines]


def wait_attempts(folder: Path, count: int, patience_s: float = 20.0) -> list[Attempt]:
    wait_until(lambda: len(attempts(folder)) >= count, f"{count} attempts", patience_s)
    return attempts(folder)


def tasks(served: Served) -> dict[str, dict[str, Any]]:
    """What is known of all, by request id."""
    return {item["request_id"]: item for item in served.ask("GET", "/fcbox/tasks").json}


def wait_status(
    served: Served, request_id: str, status: str, patience_s: float = 20.0
) -> dict[str, Any]:
    def has_come() -> bool:
        return bool(tasks(served)[request_id]["status"] == status)

    wait_until(has_come, f"{request_id} to be {status}: {tasks(served)}", patience_s)
    return tasks(served)[request_id]
