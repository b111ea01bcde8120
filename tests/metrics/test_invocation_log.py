"""`--metrics-log`: the records of real runs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.configs.commands import fcbox
from tests.http.serving import invocations, serving, write_config

SOURCE = """
    import json, os, time

    def initialize(context):
        time.sleep(0.02)

    def preStop(context):
        pass

    def handler(event, context):
        wish = event.decode()
        if wish == "raise":
            raise ValueError("no")
        if wish == "exit":
            os._exit(3)
        if wish == "hold":
            held = b"x" * (300 << 20)
        if wish == "sleep":
            time.sleep(60)
        return context.request_id
"""
FIELDS = {
    "functionName", "requestId", "instanceID", "operation", "invocationType", "isColdStart",
    "durationMs", "memoryMB", "memoryUsageMB", "hasFunctionError", "errorType", "outcome",
    "invocationStartTimestamp", "activeInstances", "qualifier", "resourceMode", "versionId",
}  # fmt: skip


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def config_of(folder: Path, timeout_s: int = 30) -> str:
    hooks = {"initializer": "initialize", "pre_stop": "preStop"}
    return str(write_config(folder, SOURCE, timeout_s=timeout_s, **hooks))


def test_each_invocation_has_a_record_and_hooks_have_none(tmp_path: Path) -> None:
    log = tmp_path / "metrics"
    run = ("run", config_of(tmp_path), "--metrics-log", str(log), "-q", "-e", "", "-e", "raise")
    ran = fcbox(tmp_path, *run)
    first, second = records(log)

    assert ran.code == 1
    assert first.keys() == FIELDS | {"initializationDurationMs"}
    assert second.keys() == FIELDS
    assert first["requestId"] == ran.out.split(b"\n")[0].decode()
    assert first["instanceID"] == second["instanceID"] != ""
    assert (first["isColdStart"], second["isColdStart"]) == (True, False)
    assert first["initializationDurationMs"] >= 20
    assert (first["hasFunctionError"], first["errorType"]) == (False, "")
    assert (second["hasFunctionError"], second["errorType"]) == (True, "FunctionUnhandledError")
    assert (first["outcome"], second["outcome"]) == ("ok", "error")
    assert first["memoryMB"] == 128
    assert 1 < first["memoryUsageMB"] < 128
    assert first["activeInstances"] == 1
    assert first["invocationStartTimestamp"] <= second["invocationStartTimestamp"]
    fixed = ("operation", "invocationType", "qualifier", "resourceMode", "functionName")
    assert [first[name] for name in fixed] == ["InvokeFunction", "Sync", "LATEST", "OnDemand", "f"]


@pytest.mark.parametrize(
    ("wish", "outcome", "error_type"),
    [
        ("exit", "exit", "FunctionUnhandledError"),
        ("hold", "oom", "FunctionOOMError"),
        ("sleep", "timeout", "FunctionTimeoutError"),
    ],
)
def test_errors_have_the_words_of_metrics(
    tmp_path: Path, wish: str, outcome: str, error_type: str
) -> None:
    log = tmp_path / "metrics"
    fcbox(tmp_path, "run", config_of(tmp_path, 2), "--metrics-log", str(log), "-q", "-e", wish)
    (record,) = records(log)

    assert (record["outcome"], record["errorType"]) == (outcome, error_type)
    assert record["hasFunctionError"] is True


def test_a_request_nobody_waits_for_is_async(tmp_path: Path) -> None:
    log = tmp_path / "metrics"
    with serving(tmp_path, Path(config_of(tmp_path)), "--metrics-log", str(log)) as served:
        header = {"X-Fc-Invocation-Type": "Async"}
        accepted = served.ask("POST", invocations(), b"", header)
        served.invoke()
        served.signal(2)
        served.wait()

    found = {record["requestId"]: record["invocationType"] for record in records(log)}
    assert accepted.status == 202
    assert found[accepted.headers["x-fc-request-id"]] == "Async"
    assert sorted(found.values()) == ["Async", "Sync"]


def test_runs_append(tmp_path: Path) -> None:
    log = tmp_path / "metrics"
    run = ("run", config_of(tmp_path), "--metrics-log", str(log), "-q", "-e", "")
    for _ in range(2):
        assert fcbox(tmp_path, *run).code == 0

    assert len({record["instanceID"] for record in records(log)}) == 2


def test_a_full_disk_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    run = ("run", config_of(tmp_path), "--metrics-log", "/dev/full", "-q", "-e", "", "-e", "")
    ran = fcbox(tmp_path, *run)

    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2
    first, last = ran.err.splitlines()
    assert first == "the metrics log /dev/full cannot be written; the run goes on"
    assert last.endswith(" bytes of the metrics log could not be written")


def test_a_file_that_cannot_be_opened_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "metrics")
    for events in (["-e", ""], ["--port", "0"]):
        (tmp_path / "code").exists() or config_of(tmp_path)
        ran = fcbox(tmp_path, "run", str(tmp_path / "s.yaml"), "--metrics-log", path, *events)

        assert (ran.code, ran.out) == (125, b"")
        assert ran.err == f"error: cannot start: No such file or directory: {path}\n"
    assert os.listdir(tmp_path / "state" / "runs") == []
