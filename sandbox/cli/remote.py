"""Talking to supervisors that serve: which ones there are, and their HTTP API.

A supervisor registers its port after it has bound it, and takes the entry away before it closes
it. So whoever finds an entry can connect, but for the moment in which a supervisor stops or is
killed: then `SupervisorGone` says whether the request may have reached it.

The entry has a token, which stands for a signature where the supervisor has an access key.
"""

import http.client
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from sandbox.engine.leftovers import live_records, state_dir

__all__ = [
    "RemoteAnswer",
    "SupervisorGone",
    "find_supervisor",
    "instances",
    "invoke_remote",
    "management",
    "supervisors",
    "tasks",
]

_MANAGEMENT_TIMEOUT_S = 5.0
"""A supervisor answers in microseconds, unless somebody has stopped it (Ctrl-Z)."""

Record = dict[str, Any]


class SupervisorGone(Exception):
    """It ended meanwhile. `may_have_run`: it had the request already, so do not repeat it."""

    def __init__(self, text: str, may_have_run: bool) -> None:
        super().__init__(text)
        self.may_have_run = may_have_run


class RemoteAnswer(NamedTuple):
    """An HTTP response. The names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def supervisors(environ: Mapping[str, str]) -> list[Record]:
    """Those that serve, the newest first: `pid`, `config`, `port`, `functions`, `started_s`."""
    records = [record for record in live_records(state_dir(environ)) if "port" in record]
    return sorted(records, key=lambda record: float(record["started_s"]), reverse=True)


def find_supervisor(
    config_path: str, environ: Mapping[str, str], function: str | None = None
) -> Record | None:
    """The newest supervisor that serves this configuration; None when there is none.

    It may serve some of the functions only: `function` must be among them.
    """
    wanted = os.path.realpath(config_path)
    for record in supervisors(environ):
        if record["config"] == wanted and (function is None or function in record["functions"]):
            return record
    return None


def invoke_remote(
    record: Record, function: str, event: bytes, wants_log: bool = False
) -> RemoteAnswer:
    """Invokes a function there, and waits as long as it takes. Raises SupervisorGone."""
    path = f"/2023-03-30/functions/{quote(function, safe='')}/invocations"
    headers = {"X-Fc-Log-Type": "Tail" if wants_log else "None"}
    return _ask(record, "POST", path, event, headers, None)


def instances(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The instances of these supervisors, each with the `config` it belongs to.

    Leaves out supervisors that ended meanwhile. Raises TimeoutError when one does not answer.
    """
    return _listed(records, "/fcbox/instances")


def tasks(records: Iterable[Record]) -> list[dict[str, Any]]:
    """The asynchronous invocations of these supervisors; otherwise as `instances`."""
    return _listed(records, "/fcbox/tasks")


def _listed(records: Iterable[Record], path: str) -> list[dict[str, Any]]:
    found = []
    for record in records:
        try:
            answer = _ask(record, "GET", path, b"", {}, _MANAGEMENT_TIMEOUT_S)
        except SupervisorGone:
            continue
        found += [{**item, "config": record["config"]} for item in json.loads(answer.body)]
    return found


def management(record: Record, path: str, is_json: bool = True) -> Any:
    """What a GET of one of fcbox's own routes gives: JSON, or bytes.

    Raises SupervisorGone, also for an answer that is an error, and TimeoutError.
    """
    answer = _ask(record, "GET", path, b"", {}, _MANAGEMENT_TIMEOUT_S)
    if answer.status != 200:
        text = f"the supervisor (pid {record['pid']}) answers {path} with {answer.status}"
        raise SupervisorGone(text, may_have_run=False)
    return json.loads(answer.body) if is_json else answer.body


def _ask(
    record: Record,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float | None,
) -> RemoteAnswer:
    connection = http.client.HTTPConnection(record["host"], record["port"], timeout=timeout_s)
    is_connected = False
    try:
        connection.connect()
        is_connected = True
        connection.request(method, path, body, {**headers, "X-Fcbox-Token": record["token"]})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return RemoteAnswer(response.status, names, response.read())
    except TimeoutError:
        text = f"the supervisor (pid {record['pid']}) does not answer"
        raise TimeoutError(text) from None
    except (OSError, http.client.HTTPException) as exc:
        text = f"the supervisor (pid {record['pid']}) has ended: {exc}"
        raise SupervisorGone(text, is_connected) from exc
    finally:
        connection.close()
