"""Invocations by the official packages, used as their READMEs show."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.boxes import wait_until
from tests.http.serving import Served, serving, write_config
from tests.sdk.conftest import CLIENTS, KEY_ID, SECRET, SOURCE, Failed, Fc2, error_of

each_client = pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.name)


@pytest.fixture(params=["fcbox", "guarded"])
def served(request: pytest.FixtureRequest, fcbox: Served, guarded: Served) -> Served:
    """Without an access key, and with one."""
    return fcbox if request.param == "fcbox" else guarded


@each_client
def test_a_synchronous_invocation(make: Any, served: Served) -> None:
    answer = make(served, SECRET).invoke("h\u00e9\u4e16".encode())

    assert (answer.status, answer.body.decode()) == (200, "h\u00e9\u4e16")
    assert answer.headers["x-fc-request-id"].startswith("1-")
    assert answer.headers["x-fc-code-checksum"].isdecimal()
    assert int(answer.headers["x-fc-invocation-duration"]) >= 1
    assert "x-fc-error-type" not in answer.headers


@each_client
def test_an_event_that_has_every_byte(make: Any, served: Served) -> None:
    event = b"." + bytes(range(256)) * 400

    assert make(served, SECRET).invoke(event).body == event


@each_client
def test_the_tail_of_the_log(make: Any, served: Served) -> None:
    answer = make(served, SECRET).invoke(log_type="Tail")
    log = base64.b64decode(answer.headers["x-fc-log-result"]).decode()

    assert "\nprinted\n" in log
    assert f"FC Invoke End RequestId: {answer.headers['x-fc-request-id']}" in log


@each_client
def test_an_asynchronous_invocation(make: Any, served: Served) -> None:
    task_id = f"by-{make.name}-{id(served)}"
    answer = make(served, SECRET).invoke(b"later", invocation_type="Async", async_task_id=task_id)
    request_id = answer.headers["x-fc-request-id"]

    assert (answer.status, answer.body) == (202, b"")
    served.wait_talk(f"FC Invoke End RequestId: {request_id}\n")


def test_a_task_id_is_told_again(fcbox: Served) -> None:
    (make,) = (each for each in CLIENTS if each.name == "alibabacloud-fc20230330")
    answer = make(fcbox, SECRET).invoke(invocation_type="Async", async_task_id="a_task-1")

    assert answer.headers["x-fc-async-task-id"] == "a_task-1"


def function_error(make: Any, served: Served, event: dict[str, Any]) -> dict[str, Any]:
    """The error JSON; aliyun-fc2 raises it, the others give it."""
    client = make(served, SECRET)
    if make is Fc2:
        failed = error_of(lambda: client.invoke(json.dumps(event).encode()))
        assert failed.status == 200
        error: dict[str, Any] = json.loads(failed.message)
        return error
    answer = client.invoke(json.dumps(event).encode())
    assert answer.status == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    error = json.loads(answer.body)
    return error


@each_client
def test_a_function_error(make: Any, served: Served) -> None:
    error = function_error(make, served, {"raise": "no"})

    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")


@each_client
def test_a_timeout(make: Any, fcbox: Served) -> None:
    error = function_error(make, fcbox, {"sleep": 60})

    assert error["errorMessage"].startswith("Function timed out after 1 seconds")


def assert_refused(failed: Failed, status: int, code: str, text: str) -> None:
    assert (failed.status, failed.code) == (status, code)
    assert text in failed.message
    assert failed.request_id.startswith("1-")


@each_client
def test_a_function_that_is_not_there(make: Any, served: Served) -> None:
    failed = error_of(lambda: make(served, SECRET).invoke(function="other"))

    assert_refused(failed, 404, "FunctionNotFound", "function 'other' does not exist")


@each_client
def test_only_the_qualifier_latest_is_there(make: Any, served: Served) -> None:
    client = make(served, SECRET)

    assert client.invoke(b"1", qualifier="LATEST").body == b"1"
    assert_refused(
        error_of(lambda: client.invoke(qualifier="prod")),
        404, "AliasNotFound", "alias 'prod' does not exist",
    )  # fmt: skip


@each_client
def test_a_throttle(make: Any, folder: Path) -> None:
    config = write_config(folder, SOURCE)
    document = json.loads(config.read_text())
    document["resources"]["f"]["props"]["concurrencyConfig"] = {"reservedConcurrency": 1}
    config.write_text(json.dumps(document))
    with serving(folder, config) as served:
        running = served.begin(b'{"sleep": 20}')
        wait_until(lambda: [each["state"] for each in served.instances()] == ["INVOKING"], "it")
        failed = error_of(lambda: make(served, SECRET).invoke())
        running.close()

    assert_refused(failed, 429, "ResourceExhausted", "reserved concurrency of 1")


@each_client
def test_a_wrong_secret(make: Any, guarded: Served) -> None:
    failed = error_of(lambda: make(guarded, "another").invoke())

    assert_refused(failed, 403, "SignatureNotMatch", "check the secret of the access key")


def test_the_secret_is_told_nowhere(guarded: Served) -> None:
    assert KEY_ID in guarded.talk()
    assert SECRET not in guarded.talk()
