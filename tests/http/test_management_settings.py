"""Triggers, asynchronous settings, numbers of instances and services over the management API."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.boxes import wait_until
from tests.http.managing import API, new_function, send
from tests.http.serving import Served, invocations, serving, write_config

HTTP = {"authType": "anonymous", "methods": ["GET", "POST"]}
TIMER = {"cronExpression": "@every 5m", "enable": True, "payload": "tick"}
OLD, OLDEST = "/2021-04-06", "/2016-08-15"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("settings")
    config = write_config(folder, "def handler(event, context): return 'fine'")
    with serving(folder, config) as served:
        yield served


@pytest.fixture
def function(served: Served) -> Iterator[str]:
    """A function of the test's own: the path of it."""
    assert send(served, "POST", "/functions", new_function("g")).status == 200
    yield "/functions/g"
    send(served, "DELETE", "/functions/g")


# --- triggers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "config"), [("http", HTTP), ("timer", TIMER)])
def test_a_trigger_is_made_changed_and_deleted(
    served: Served, function: str, kind: str, config: dict[str, Any]
) -> None:
    body = {"triggerName": "t", "triggerType": kind, "triggerConfig": json.dumps(config)}
    made = send(served, "POST", f"{function}/triggers", body)
    listed = send(served, "GET", f"{function}/triggers").json["triggers"]
    again = send(served, "POST", f"{function}/triggers", body)
    first = next(iter(config))
    changed = {"methods": ["PUT"]} if kind == "http" else {**config, first: "0 0 4 * * *"}
    put = send(served, "PUT", f"{function}/triggers/t", {"triggerConfig": json.dumps(changed)})
    deleted = send(served, "DELETE", f"{function}/triggers/t")

    assert (made.status, made.json["triggerName"]) == (200, "t")
    assert json.loads(made.json["triggerConfig"]) == config
    assert [each["triggerId"] for each in listed] == [made.json["triggerId"]]
    assert (again.status, again.json["Code"]) == (409, "TriggerAlreadyExists")
    assert changed.items() <= json.loads(put.json["triggerConfig"]).items()
    assert deleted.status == 204
    assert send(served, "GET", f"{function}/triggers/t").json["Code"] == "TriggerNotFound"


def test_an_http_trigger_tells_its_address(served: Served, function: str) -> None:
    body = {"triggerName": "t", "triggerType": "http", "triggerConfig": json.dumps(HTTP)}

    made = send(served, "POST", f"{function}/triggers", body).json

    assert made["httpTrigger"]["urlInternet"] == f"http://127.0.0.1:{served.port}/g/"


def test_a_trigger_of_the_cloud_is_not_local(served: Served, function: str) -> None:
    body = {"triggerName": "t", "triggerType": "oss", "triggerConfig": "{}"}

    assert send(served, "POST", f"{function}/triggers", body).json["Code"] == "NotLocal"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"triggerName": "../t", "triggerType": "http"},
        {"triggerName": "t"},
        {"triggerName": "t", "triggerType": "http", "triggerConfig": "{"},
        {"triggerName": "t", "triggerType": "http", "triggerConfig": "[]"},
        {"triggerName": "t\0", "triggerType": "http"},
        {
            "triggerName": "t",
            "triggerType": "http",
            "triggerConfig": '{"a":' * 600 + "1" + "}" * 600,
        },
        {
            "triggerName": "t",
            "triggerType": "timer",
            "triggerConfig": '{"cronExpression": "@every 1h", "payload": "\\ud800"}',
        },
        {"triggerName": "t", "triggerType": "http", "triggerConfig": {"methods": ["BREW"]}},
        {"triggerName": "t", "triggerType": "timer", "triggerConfig": {"cronExpression": "soon"}},
    ],
)
def test_a_bad_trigger_is_refused(served: Served, function: str, body: dict[str, Any]) -> None:
    answer = send(served, "POST", f"{function}/triggers", body)

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")
    assert send(served, "GET", f"{function}/triggers").json["triggers"] == []


def test_triggers_that_are_made_at_the_same_time_are_all_there(
    served: Served, function: str
) -> None:
    names = [f"t{number}" for number in range(8)]

    def make(name: str) -> int:
        body = {"triggerName": name, "triggerType": "timer", "triggerConfig": TIMER}
        return send(served, "POST", f"{function}/triggers", body).status

    with ThreadPoolExecutor(len(names)) as pool:
        assert set(pool.map(make, names)) == {200}

    found = send(served, "GET", f"{function}/triggers").json["triggers"]
    assert sorted(each["triggerName"] for each in found) == names


# --- settings -------------------------------------------------------------------------------------


def test_how_a_function_is_called_asynchronously(served: Served, function: str) -> None:
    path = f"{function}/async-invoke-config"
    destination = {"onFailure": {"destination": "acs:fc:cn-hangzhou:1:functions/f"}}

    missing = send(served, "GET", path)
    put = send(served, "PUT", path, {"maxAsyncRetryAttempts": 1, "destinationConfig": destination})
    listed = send(served, "GET", "/async-invoke-configs").json["configs"]
    bad = send(served, "PUT", path, {"maxAsyncRetryAttempts": 9})
    deleted = send(served, "DELETE", path)

    assert (missing.status, missing.json["Code"]) == (404, "AsyncConfigNotExists")
    assert put.json["maxAsyncRetryAttempts"] == 1
    assert put.json["destinationConfig"] == destination
    assert listed == [put.json]
    assert (bad.status, bad.json["Code"]) == (400, "InvalidArgument")
    assert deleted.status == 204
    assert send(served, "GET", path).status == 404


def test_asynchronous_tasks_are_listed_and_stopped(served: Served) -> None:
    source = "import time\ndef handler(event, context): time.sleep(20)"
    send(served, "POST", "/functions", new_function("slow", source, timeout=30))
    path = "/functions/slow"
    send(served, "PUT", f"{path}/async-invoke-config", {"asyncTask": True})
    headers = {"X-Fc-Invocation-Type": "Async", "X-Fc-Async-Task-Id": "mine"}

    def status() -> str:
        return str(send(served, "GET", f"{path}/async-tasks/mine").json["status"])

    accepted = served.ask("POST", invocations("slow"), b"event", headers)
    wait_until(lambda: status() == "Running", "it runs")
    listed = send(served, "GET", f"{path}/async-tasks").json["tasks"]
    old = "/services/default/functions/slow/stateful-async-invocations"
    older = send(served, "GET", f"{OLD}{old}").json["invocations"]
    stopped = send(served, "PUT", f"{path}/async-tasks/mine/stop")

    assert accepted.status == 202
    assert [each["taskId"] for each in listed] == ["mine"]
    assert [each["invocationId"] for each in older] == ["mine"]
    assert stopped.status == 204
    wait_until(lambda: status() == "Stopped", "it is stopped")
    assert send(served, "GET", f"{path}/async-tasks/none").json["Code"] == "AsyncTaskNotFound"
    send(served, "DELETE", path)


def test_provisioned_instances_are_started_and_ended(served: Served, function: str) -> None:
    def count() -> int:
        return len([each for each in served.instances() if each["function"] == "g"])

    put = send(served, "PUT", f"{function}/provision-config", {"defaultTarget": 2})

    assert put.json["target"] == 2
    wait_until(lambda: count() == 2, "two instances")
    assert send(served, "GET", "/provision-configs").json["provisionConfigs"][0]["target"] == 2
    assert send(served, "GET", f"{function}/scaling-config").json["minInstances"] == 2
    assert send(served, "DELETE", f"{function}/provision-config").status == 204
    assert send(served, "GET", f"{function}/provision-config").status == 404
    least = send(served, "PUT", f"{function}/scaling-config", {"minInstances": 1}).json
    assert least["minInstances"] == 1
    assert send(served, "PUT", f"{function}/provision-config", {"defaultTarget": -1}).status == 400
    clock = {"defaultTarget": 1, "scheduledActions": [{"name": "a"}]}
    assert send(served, "PUT", f"{function}/provision-config", clock).json["Code"] == "NotLocal"


def test_reserved_concurrency(served: Served, function: str) -> None:
    path = f"{function}/concurrency"

    assert send(served, "GET", path).status == 404
    assert send(served, "PUT", path, {"reservedConcurrency": 3}).json["reservedConcurrency"] == 3
    assert len(send(served, "GET", "/concurrency-configs").json["configs"]) == 1
    assert send(served, "PUT", path, {"reservedConcurrency": 0}).status == 400
    assert send(served, "PUT", path, {}).status == 400
    assert send(served, "DELETE", path).status == 204
    assert send(served, "GET", path).status == 404


# --- services -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLD, OLDEST])
def test_a_service_is_made_used_and_deleted(served: Served, version: str) -> None:
    functions = f"{version}/services/s/functions"
    body = {**new_function("f2"), "initializationTimeout": 5}

    made = send(served, "POST", f"{version}/services", {"serviceName": "s", "description": "d"})
    early = send(served, "POST", f"{version}/services/t/functions", body)
    function = send(served, "POST", functions, body)
    name = "s$f2".replace("$", "%24")
    invoked = served.ask("POST", invocations(name), b"")
    full = send(served, "DELETE", f"{version}/services/s")
    listed = send(served, "GET", functions).json["functions"]
    hooks = {"initializer": "index.handler", "initializationTimeout": 9}
    changed = send(served, "PUT", f"{functions}/f2", hooks).json
    deleted = send(served, "DELETE", f"{functions}/f2")

    assert (made.status, made.json["description"]) == (200, "d")
    assert early.status == 404
    assert function.json["functionName"] == "f2"
    assert function.json["initializer"] == ""
    assert invoked.status == 200
    assert full.status == 409
    assert [each["functionName"] for each in listed] == ["f2"]
    assert (changed["initializer"], changed["initializationTimeout"]) == ("index.handler", 9)
    assert deleted.status == 204
    assert send(served, "DELETE", f"{version}/services/s").status == 204
    assert send(served, "GET", f"{version}/services/s").status == 404


def test_functions_without_a_service_are_of_the_default_one(served: Served) -> None:
    found = send(served, "GET", f"{OLDEST}/services/default/functions").json["functions"]

    assert "f" in [each["functionName"] for each in found]
    assert send(served, "GET", f"{OLDEST}/services/default.LATEST/functions/f").status == 200
    assert send(served, "GET", f"{OLDEST}/services/default.prod/functions/f").status == 404
    assert send(served, "GET", f"{OLD}/services/other/functions/f").status == 404
    error = send(served, "GET", f"{OLDEST}/services/other").json
    assert error["ErrorCode"] == "ServiceNotFound"


def test_an_on_demand_config_caps_instances(served: Served, function: str) -> None:
    path = f"{OLD}/services/default/functions/g/on-demand-config"

    assert send(served, "GET", path).status == 404
    put = send(served, "PUT", path, {"maximumInstanceCount": 3})
    assert put.json == {
        "resource": "services/default.LATEST/functions/g", "maximumInstanceCount": 3,
    }  # fmt: skip
    assert len(send(served, "GET", f"{OLD}/on-demand-configs").json["configs"]) == 1
    assert send(served, "DELETE", path).status == 204


# --- bodies of any kind ---------------------------------------------------------------------------

KEYS = st.sampled_from(
    ["functionName", "runtime", "handler", "code", "zipFile", "memorySize", "timeout", "cpu",
     "instanceLifecycleConfig", "initializer", "preStop", "environmentVariables", "triggerName",
     "triggerType", "triggerConfig", "reservedConcurrency", "defaultTarget", "target", "caPort",
     "initializationTimeout", "customRuntimeConfig", "maxAsyncRetryAttempts", "serviceName",
     "destinationConfig", "onFailure", "destination", "description", "minInstances", "layers",
     "statefulInvocation", "cronExpression", "methods", "maximumInstanceCount", "checksum"]
) | st.text(max_size=5)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["python3.10", "index.handler", "g", "http", "timer", "{}", "@every 1m"])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=6)
TARGETS = st.sampled_from(
    [
        ("POST", f"{API}/functions"), ("PUT", f"{API}/functions/g"),
        ("POST", f"{API}/functions/g/triggers"), ("PUT", f"{API}/functions/g/concurrency"),
        ("PUT", f"{API}/functions/g/async-invoke-config"),
        ("PUT", f"{API}/functions/g/scaling-config"),
        ("POST", f"{OLD}/services"), ("PUT", f"{OLD}/services/default"),
        ("POST", f"{OLD}/services/default/functions"),
        ("PUT", f"{OLD}/services/default/functions/g"),
        ("PUT", f"{OLDEST}/services/default.LATEST/functions/g/on-demand-config"),
        ("POST", f"{OLDEST}/services/default/functions/g/triggers"),
    ]
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(target=TARGETS, body=BODIES)
def test_no_body_is_a_failure_of_ours(
    served: Served, function: str, target: tuple[str, str], body: dict[str, Any]
) -> None:
    # Hypothesis may ask for a thousand instances, which are in order and take a while.
    for key in ("minInstances", "target", "defaultTarget"):
        body.pop(key, None)

    answer = served.ask(*target, json.dumps(body).encode("utf-8", "surrogatepass"))

    assert answer.status < 500, (target, body, answer.body)
    assert answer.status < 400 or answer.json.get("Code") or answer.json.get("ErrorCode")


def test_the_function_of_the_file_still_works(served: Served, tmp_path: Path) -> None:
    assert served.invoke(b"").body == b"fine"
