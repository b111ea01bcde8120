"""Asynchronous invocations over a real `fcbox run`."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.asynchronous.projects import (
    accept,
    ask_async,
    attempts,
    policy,
    tasks,
    wait_attempts,
    wait_status,
    write_project,
)
from tests.boxes import wait_until
from tests.http.serving import ROOT, Served, serving

STOP = "/2023-03-30/functions/f/async-tasks/{}/stop"


def test_it_runs_after_the_answer_under_the_same_request_id(tmp_path: Path) -> None:
    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:
        answer = ask_async(served, b"hello")
        (attempt,) = wait_attempts(tmp_path, 1)
        request_id = answer.headers["x-fc-request-id"]
        done = wait_status(served, request_id, "Succeeded")

        assert (answer.status, answer.body) == (202, b"")
        assert answer.headers["x-fc-async-task-id"] == request_id
        assert attempt == ("f", request_id, 0, "hello")
        assert (done["attempts"], done["error"]) == (1, "")
        assert "asynchronous invocation" not in served.talk()  # a success is no news


@pytest.mark.parametrize("event", [b"fail", b"die"])
def test_a_failure_is_retried_as_often_as_the_policy_says(tmp_path: Path, event: bytes) -> None:
    with serving(tmp_path, write_project(tmp_path, {"f": policy(2)})) as served:
        request_id = accept(served, event)
        failed = wait_status(served, request_id, "Failed")

        assert [each.retry_count for each in attempts(tmp_path)] == [0, 1, 2]
        assert {each.request_id for each in attempts(tmp_path)} == {request_id}
        assert failed["attempts"] == failed["most_attempts"] == 3
        lines = [line for line in served.talk().splitlines() if "asynchronous inv" in line]
        assert ["next in 0.5 s" in lines[0], "next in 1 s" in lines[1]] == [True, True]
        assert len(lines) == 3
        assert lines[2].endswith("given up")


def test_odd_text_of_a_function_ends_as_any_failure_and_drives_no_terminal(tmp_path: Path) -> None:
    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:
        request_id = accept(served, b"fail with odd text")
        wait_status(served, request_id, "Failed")
        served.wait_talk("given up")
        command = [sys.executable, "-m", "sandbox", "tasks"]
        listed = subprocess.run(command, cwd=ROOT, env=served.environ, capture_output=True)

        lines = [line for line in served.talk().splitlines() if "asynchronous inv" in line]
        assert "\x1b" not in "".join(lines)
        assert b"ValueError" in listed.stdout
        assert b"\x1b" not in listed.stdout
        assert "cannot be written" not in served.talk()


def test_a_function_that_is_its_own_destination_is_not_invoked_for_ever(tmp_path: Path) -> None:
    """Each event holds the one before it, with its quotes escaped: soon it is too large."""
    loops = policy(destinationConfig={"onSuccess": {"destination": "f"}})
    with serving(tmp_path, write_project(tmp_path, {"f": loops})) as served:
        accept(served, b"")
        served.wait_talk("more than 131072: nobody is told")

        assert len(attempts(tmp_path)) <= 15


def test_the_age_ends_it(tmp_path: Path) -> None:
    """The retry after 1 s would come too late."""
    props = policy(8, maxAsyncEventAgeInSeconds=1)
    with serving(tmp_path, write_project(tmp_path, {"f": props})) as served:
        request_id = accept(served, b"fail")
        failed = wait_status(served, request_id, "Failed")

        assert failed["attempts"] == len(attempts(tmp_path)) == 2


def test_what_waits_too_long_expires(tmp_path: Path) -> None:
    props = {**policy(maxAsyncEventAgeInSeconds=1), "concurrencyConfig": {"reservedConcurrency": 1}}
    with serving(tmp_path, write_project(tmp_path, {"f": props})) as served:
        accept(served, b"sleep", **{"X-Fc-Async-Task-Id": "first"})
        wait_attempts(tmp_path, 1)
        request_id = accept(served, b"late")
        wait_until(lambda: tasks(served)[request_id]["status"] == "Enqueued", "it to wait")
        end = tasks(served)[request_id]["accepted_s"] + 1.1
        wait_until(lambda: time.time() > end, "its age to be over")
        stop = served.ask("PUT", STOP.format("first"))
        expired = wait_status(served, request_id, "Expired")

        assert stop.status < 300, stop
        assert (expired["attempts"], len(attempts(tmp_path))) == (0, 1)
        assert f"{request_id}: given up: its age was over" in served.talk()


def test_destinations(tmp_path: Path) -> None:
    functions = {
        "f": policy(
            destinationConfig={
                "onSuccess": {"destination": "acs:fc:cn-hangzhou:123:functions/good"},
                "onFailure": {"destination": "bad"},
            }
        ),
        "good": policy(),
        "bad": policy(destinationConfig={"onSuccess": {"destination": "acs:mns:::/queues/q"}}),
    }
    with serving(tmp_path, write_project(tmp_path, functions)) as served:
        ids = [accept(served, event) for event in (b"well", b"fail")]
        wait_attempts(tmp_path, 4)
        served.wait_talk("is not local: nobody is told")
        told = {each.function: each for each in attempts(tmp_path) if each.function != "f"}
        good, bad = json.loads(told["good"].event), json.loads(told["bad"].event)

        assert good["requestContext"]["requestId"] == ids[0]
        assert (good["requestPayload"], good["responsePayload"]) == ("well", "done: well")
        assert good["requestContext"]["condition"] == ""
        assert bad["requestContext"]["requestId"] == ids[1]
        assert bad["requestContext"]["condition"] == "UnhandledInvocationError"
        assert json.loads(bad["responsePayload"])["errorType"] == "ValueError"
        assert [tasks(served)[each]["destination_status"] for each in ids] == ["Succeeded"] * 2


def test_limits_and_mistakes(tmp_path: Path) -> None:
    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:

        def refusal(*arguments: Any) -> tuple[int, str]:
            answer = ask_async(served, *arguments)
            return answer.status, answer.json["Code"]

        assert ask_async(served, b"x" * (128 << 10)).status == 202
        assert refusal(b"x" * (128 << 10) + b"x") == (413, "EntityTooLarge")
        assert refusal(b"", "g") == (404, "FunctionNotFound")
        assert refusal(b"", "f", {"X-Fc-Async-Task-Id": "x" * 129}) == (400, "InvalidArgument")
        mine = {"X-Fc-Async-Task-Id": "mine"}
        answer = ask_async(served, b"", "f", mine)
        assert (answer.status, answer.headers["x-fc-async-task-id"]) == (202, "mine")
        assert refusal(b"", "f", mine) == (409, "AsyncTaskAlreadyExists")


def test_stopping_what_runs_and_what_waits(tmp_path: Path) -> None:
    box = {"functions": {"f": {"maxInstances": 3}}}
    with serving(tmp_path, write_project(tmp_path, {"f": policy(3)}, box)) as served:
        running = accept(served, b"sleep")
        wait_attempts(tmp_path, 1)
        failing = accept(served, b"fail")
        wait_status(served, failing, "Retrying")
        stops = [served.ask("PUT", STOP.format(each)) for each in (running, failing)]
        for each in (running, failing):
            wait_status(served, each, "Stopped")
        again = served.ask("PUT", STOP.format(running))
        unknown = served.ask("PUT", STOP.format("nobody"))
        after = accept(served, b"after")
        wait_status(served, after, "Succeeded")

        assert all(each.status < 300 for each in stops), stops
        assert (again.status, unknown.status) == (400, 404)
        assert [each.event for each in attempts(tmp_path)].count("sleep") == 1


def test_a_caller_that_waits_is_served_meanwhile(tmp_path: Path) -> None:
    """One instance is left to it."""
    functions = {"f": policy()}
    box = {"functions": {"f": {"maxInstances": 2}}}
    with serving(tmp_path, write_project(tmp_path, functions, box)) as served:
        for _ in range(5):
            accept(served, b"sleep")
        wait_attempts(tmp_path, 1)
        answer = served.invoke(b"at once")

        assert answer.body == b"done: at once"
        assert [each.event for each in attempts(tmp_path)] == ["sleep", "at once"]


def test_a_function_that_is_deleted_ends_what_waits(tmp_path: Path) -> None:
    functions = {"f": policy(3, destinationConfig={"onFailure": {"destination": "g"}}), "g": {}}
    with serving(tmp_path, write_project(tmp_path, functions)) as served:
        request_id = accept(served, b"fail")
        wait_status(served, request_id, "Retrying")
        assert served.ask("DELETE", "/2023-03-30/functions/f").status == 204
        invalid = wait_status(served, request_id, "Invalid")
        wait_until(lambda: attempts(tmp_path)[-1].function == "g", "the destination")

        assert invalid["error"] == "the function was deleted"


def test_stopped_in_good_order_the_rest_waits_for_the_next_run(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy(1)}, {"functions": {"f": {"maxInstances": 1}}})
    with serving(tmp_path, config) as served:
        first = accept(served, b"fail")
        wait_status(served, first, "Retrying")
        served.signal(signal.SIGTERM)
        assert served.wait() == 128 + signal.SIGTERM
        assert "1 asynchronous invocation waits for the next run\n" in served.talk()
        assert "Traceback" not in served.talk()
    with serving(tmp_path, config) as served:
        failed = wait_status(served, first, "Failed")

        assert failed["attempts"] == len(attempts(tmp_path)) == 2
        assert "1 asynchronous invocation of an earlier run" in served.talk()


def test_a_running_attempt_is_finished_before_the_end(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy()}, {"functions": {"f": {"maxInstances": 2}}})
    with serving(tmp_path, config) as served:
        for _ in range(20):
            accept(served, b"nap")
        served.signal(signal.SIGTERM)
        served.wait()
        left = 20 - len(attempts(tmp_path))
        said = "asynchronous invocation" in served.talk()
        assert said == (left > 0)
        if left:
            assert f"{left} asynchronous invocation" in served.talk()
    with serving(tmp_path, config):
        assert len({each.request_id for each in wait_attempts(tmp_path, 20)}) == 20


def test_invocations_of_functions_that_a_run_lacks_wait(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy(1), "g": policy()})
    with serving(tmp_path, config) as served:
        request_id = accept(served, b"fail")
        wait_status(served, request_id, "Retrying")
        served.signal(signal.SIGKILL)
        served.wait()
    with serving(tmp_path, config, "g", "-q", is_ready=False) as served:
        served.wait_talk("invocations\n")
        assert tasks(served)[request_id]["status"] == "Retrying"
        served.signal(signal.SIGTERM)
        served.wait()

        assert "asynchronous" not in served.talk()
    with serving(tmp_path, config, "g") as served:
        served.wait_talk("some wait for functions that this run lacks: f")
        accept(served, b"other", "g")
        wait_until(lambda: attempts(tmp_path)[-1].function == "g", "g to run")
        assert tasks(served)[request_id]["status"] == "Retrying"
        served.signal(signal.SIGTERM)
        served.wait()
    with serving(tmp_path, config) as served:
        wait_status(served, request_id, "Failed")

        assert [each.function for each in attempts(tmp_path)] == ["f", "g", "f"]


def test_invocations_of_functions_that_a_run_lacks_expire_and_do_not_run(tmp_path: Path) -> None:
    """One that never began, and one that had failed before."""
    props = policy(1, maxAsyncEventAgeInSeconds=4)
    box = {"functions": {"f": {"maxInstances": 1}}}
    config = write_project(tmp_path, {"f": props, "g": policy()}, box)
    with serving(tmp_path, config) as served:
        first = accept(served, b"sleep")
        wait_attempts(tmp_path, 1)
        second = accept(served, b"late")
        served.signal(signal.SIGKILL)
        served.wait()
    with serving(tmp_path, config, "g") as served:
        assert wait_status(served, first, "Failed")["attempts"] == 1
        assert wait_status(served, second, "Expired")["attempts"] == 0
        assert f"{second}: given up: its age was over" in served.talk()
        assert len(attempts(tmp_path)) == 1


def test_a_second_supervisor_has_a_queue_of_its_own(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy()})
    with serving(tmp_path, config) as first, serving(tmp_path, config) as second:
        second.wait_talk("another supervisor of this configuration runs")
        ids = [accept(served, b"hello") for served in (first, second)]
        for served, request_id in zip((first, second), ids, strict=True):
            wait_status(served, request_id, "Succeeded")

            assert list(tasks(served)) == [request_id]


def test_a_damaged_queue_is_told_and_set_aside(tmp_path: Path) -> None:
    config = write_project(tmp_path, {"f": policy()})
    with serving(tmp_path, config) as served:
        wait_status(served, accept(served, b"hello"), "Succeeded")
        served.signal(signal.SIGTERM)
        served.wait()
    (file,) = (tmp_path / "state" / "async").glob("*.sqlite")
    file.write_bytes(b"no database" * 1000)
    with serving(tmp_path, config) as served:
        served.wait_talk("cannot be read")
        wait_status(served, accept(served, b"again"), "Succeeded")

        assert "Traceback" not in served.talk()
    assert len(list(file.parent.glob("*.unreadable-*"))) == 1


def test_a_run_without_any_leaves_no_file(tmp_path: Path) -> None:
    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:
        served.invoke(b"hello")
        served.signal(signal.SIGTERM)
        served.wait()

    assert list((tmp_path / "state" / "async").iterdir()) == []


def test_the_file_agrees_with_what_was_told(tmp_path: Path) -> None:
    """It is an ordinary SQLite file, readable by others while it is in use."""
    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:
        request_id = accept(served, b"hello")
        wait_status(served, request_id, "Succeeded")
        (file,) = (tmp_path / "state" / "async").glob("*.sqlite")
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        rows = connection.execute("SELECT request_id, status, attempts FROM invocations").fetchall()
        connection.close()

        assert rows == [(request_id, "Succeeded", 1)]


def test_the_command_lists_them(tmp_path: Path) -> None:
    def list_tasks(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "sandbox", "tasks", *arguments]
        return subprocess.run(command, cwd=ROOT, env=served.environ, capture_output=True, text=True)

    with serving(tmp_path, write_project(tmp_path, {"f": policy()})) as served:
        accept(served, b"fail", **{"X-Fc-Async-Task-Id": "mine"})
        wait_until(lambda: _statuses(served) == ["Failed"], "it to fail")
        table, listed = list_tasks(), list_tasks("--json")

        assert (table.returncode, table.stderr) == (0, "")
        head, row = table.stdout.splitlines()
        assert head.split() == ["task", "function", "status", "attempts", "accepted", "error"]
        assert row.split()[:6] == ["mine", "f", "Failed", "1", "of", "1"]
        assert row.rstrip().endswith("ValueError: as it was told")
        (item,) = json.loads(listed.stdout)
        assert (item["task_id"], item["status"]) == ("mine", "Failed")


def _statuses(served: Served) -> list[str]:
    return [item["status"] for item in tasks(served).values()]
