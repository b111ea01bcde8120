"""Functions that come, change and go over the management API, against a real `fcbox run`."""

import base64
import io
import json
import os
import signal
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.http.management.crc64 import crc64
from tests.boxes import wait_until
from tests.http.managing import API, code_of, new_function, send, zip_of
from tests.http.serving import Served, invocations, read_answer, serving, write_config

SOURCE = """
    import time

    def initialize(context):
        print("the first initializer")

    def stop(context):
        print("the first preStop")

    def handler(event, context):
        print("handling")
        time.sleep(float(event or b"0"))
        return "one"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that leave the function `f` as it was."""
    folder = tmp_path_factory.mktemp("managed")
    with serving(folder, write_config(folder, SOURCE)) as served:
        yield served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    config = write_config(tmp_path, SOURCE, initializer="initialize", pre_stop="stop")
    with serving(tmp_path, config) as served:
        yield served


# --- what waits when its function goes ------------------------------------------------------------


def test_what_waits_when_its_function_is_deleted_gets_a_404(tmp_path: Path) -> None:
    """Over the invoke API and over a trigger; what runs is finished."""
    trigger = {"triggerName": "t", "triggerType": "http",
               "triggerConfig": {"authType": "anonymous", "methods": ["POST"]}}  # fmt: skip
    box = {"functions": {"f": {"maxInstances": 1}}}
    source = f"""
        import os, time

        def handler(event, context):
            open("{tmp_path}/began", "w").close()
            while not os.path.exists("{tmp_path}/go"):
                time.sleep(0.01)
            return "done"
    """
    config = write_config(tmp_path, source, triggers=[trigger], box=box)
    with serving(tmp_path, config) as served, ThreadPoolExecutor(3) as threads:
        running = threads.submit(served.invoke)
        wait_until((tmp_path / "began").exists, "the first to run")
        waiting = [threads.submit(served.ask, "POST", path, b"")
                   for path in (invocations(), "/f/")]  # fmt: skip
        wait_until(lambda: _queued(served) == 2, "two to wait")
        assert send(served, "DELETE", "/functions/f").status == 204
        answers = [each.result() for each in waiting]
        (tmp_path / "go").touch()

        for answer in answers:
            assert (answer.status, answer.json["Code"]) == (404, "FunctionNotFound")
            assert "it was deleted before the request began to run" in answer.json["Message"]
        assert running.result().body == b"done"


def _queued(served: Served) -> int:
    return int(served.ask("GET", "/healthz").json["functions"]["f"]["queued"])


# --- looking --------------------------------------------------------------------------------------


def test_a_function_of_the_file_is_told_in_the_words_of_the_cloud(shared: Served) -> None:
    found = send(shared, "GET", "/functions/f").json

    assert (found["functionName"], found["runtime"], found["memorySize"]) == (
        "f", "python3.10", 128,
    )  # fmt: skip
    assert found["functionArn"] == "acs:fc:cn-hangzhou:1234567890123456:functions/f"
    assert (found["state"], found["lastUpdateStatus"]) == ("Active", "Successful")
    assert found["createdTime"].endswith("Z")
    assert "code" not in found


def test_what_is_not_there_is_a_404(shared: Served) -> None:
    for method, path in (
        ("GET", "/functions/nope"), ("PUT", "/functions/nope"), ("DELETE", "/functions/nope"),
        ("GET", "/functions/nope/code"), ("GET", "/functions/nope/triggers"),
        ("GET", "/functions/nope/instances"), ("GET", "/functions/nope/versions"),
        ("GET", "/functions/nope/aliases"), ("GET", "/functions/nope/async-tasks"),
    ):  # fmt: skip
        answer = send(shared, method, path)

        assert (answer.status, answer.json["Code"]) == (404, "FunctionNotFound"), path


def test_lists_come_in_pages(shared: Served) -> None:
    for name in ("page-c", "page-a", "page-b"):
        assert send(shared, "POST", "/functions", new_function(name)).status == 200

    first = send(shared, "GET", "/functions?prefix=page-&limit=2").json
    rest = send(shared, "GET", f"/functions?prefix=page-&nextToken={first['nextToken']}").json

    assert [each["functionName"] for each in first["functions"]] == ["page-a", "page-b"]
    assert [each["functionName"] for each in rest["functions"]] == ["page-c"]
    assert rest["nextToken"] == ""
    for limit in ("0", "101", "x", "-1", "9" * 500):
        assert send(shared, "GET", f"/functions?limit={limit}").json["Code"] == "InvalidArgument"


def test_there_is_nothing_but_latest(shared: Served) -> None:
    assert send(shared, "GET", "/functions/f?qualifier=LATEST").status == 200
    assert send(shared, "GET", "/functions/f?qualifier=3").json["Code"] == "VersionNotFound"
    assert send(shared, "GET", "/functions/f?qualifier=prod").json["Code"] == "AliasNotFound"
    assert send(shared, "GET", "/functions/f/versions").json["versions"] == []
    assert send(shared, "GET", "/functions/f/aliases").json["aliases"] == []
    assert send(shared, "GET", "/functions/f/aliases/prod").json["Code"] == "AliasNotFound"
    assert send(shared, "POST", "/functions/f/versions", {}).json["Code"] == "NotLocal"
    assert send(shared, "POST", "/functions/f/aliases", {}).json["Code"] == "NotLocal"


def test_instances_are_listed(shared: Served) -> None:
    shared.invoke(b"")

    found = send(shared, "GET", "/functions/f/instances").json["instances"]

    assert [each["instanceId"] for each in found] == [each["id"] for each in shared.instances()]
    assert found[0]["qualifier"] == "LATEST"


# --- code -----------------------------------------------------------------------------------------


def test_the_code_of_a_directory_comes_as_the_same_package_each_time(
    shared: Served, tmp_path: Path
) -> None:
    found = [send(shared, "GET", "/functions/f/code").json for _ in range(2)]
    data = [urllib.request.urlopen(each["url"]).read() for each in found]

    assert data[0] == data[1]
    assert found[0]["checksum"] == str(crc64([data[0]]))
    with zipfile.ZipFile(io.BytesIO(data[0])) as archive:
        assert archive.namelist() == ["index.py"]  # and no __pycache__
        assert b"the first initializer" in archive.read("index.py")


def test_uploaded_code_comes_back_byte_by_byte(shared: Served) -> None:
    data = zip_of("def handler(event, context): return 'up'")
    send(
        shared, "POST", "/functions", new_function("up", "def handler(event, context): return 'up'")
    )

    found = send(shared, "GET", "/functions/up/code").json

    assert urllib.request.urlopen(found["url"]).read() == data
    assert found["checksum"] == str(crc64([data]))
    assert send(shared, "GET", "/functions/up").json["codeSize"] == len(data)


def test_the_checksum_of_much_code_comes_of_itself(tmp_path: Path) -> None:
    """Of GetFunction, and of an invocation: it waits for nothing, and a later one has it."""
    config = write_config(tmp_path, SOURCE)
    data = os.urandom(1 << 20) * 20
    (tmp_path / "code" / "large").write_bytes(data)
    with serving(tmp_path, config) as served:
        assert "codeChecksum" not in send(served, "GET", "/functions").json["functions"][0]
        wait_until(lambda: "codeChecksum" in send(served, "GET", "/functions/f").json, "it")
        (tmp_path / "code" / "large").write_bytes(data[1:])
        assert "x-fc-code-checksum" not in served.invoke().headers
        wait_until(lambda: "x-fc-code-checksum" in served.invoke().headers, "the checksum")
        told = served.invoke().headers["x-fc-code-checksum"]
        assert send(served, "GET", "/functions").json["functions"][0]["codeChecksum"] == told
        (tmp_path / "code" / "large").write_bytes(b"x" * (3 << 20))
        other = send(served, "GET", "/functions/f/code").json["checksum"]
        assert other != told
        assert send(served, "GET", "/functions/f").json["codeChecksum"] == other


def test_the_end_waits_for_no_checksum(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)
    for number in range(10):
        (tmp_path / "code" / str(number)).write_bytes(os.urandom(9 << 20))
    with serving(tmp_path, config) as served:
        served.invoke()
        wait_until(lambda: any(served.state.glob("runs/*/packages/*.zip")), "a package")
        begun_s = time.monotonic()
        served.signal(signal.SIGTERM)
        served.wait()

        assert time.monotonic() - begun_s < 3
        assert "Traceback" not in served.talk()


def test_a_package_needs_the_token_of_its_address(shared: Served) -> None:
    answer = shared.ask("GET", "/fcbox/packages/guessed/f.zip")

    assert (answer.status, answer.json["Code"]) == (403, "AccessDenied")


def test_a_checksum_that_does_not_fit_is_refused(shared: Served) -> None:
    body = new_function("sum")
    body["code"]["checksum"] = "1"

    answer = send(shared, "POST", "/functions", body)

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")
    assert "checksum" in answer.json["Message"]


def test_uploaded_code_lives_in_the_state_directory_and_nowhere_else(
    tmp_path: Path, served: Served
) -> None:
    before = sorted(os.listdir(tmp_path))
    send(served, "POST", "/functions", new_function("up"))
    (run,) = os.listdir(served.state / "runs")

    assert sorted(os.listdir(tmp_path)) == before
    assert sorted(os.listdir(served.state / "runs" / run / "packages")) == ["0", "0.zip"]


def test_replaced_code_is_removed_when_no_instance_has_it(served: Served) -> None:
    (run,) = os.listdir(served.state / "runs")
    packages = served.state / "runs" / run / "packages"
    send(served, "POST", "/functions", new_function("up"))
    for number in range(5):
        send(served, "PUT", "/functions/up", {"code": code_of(f"def handler(a, b): {number}")})

    assert len(os.listdir(packages)) == 2


# --- changing -------------------------------------------------------------------------------------


def test_replaced_code_takes_no_code_of_others_with_it(served: Served, tmp_path: Path) -> None:
    served.invoke(b"0")  # from here on the package of the file's function is known
    send(served, "POST", "/functions", new_function("g"))
    for _ in range(2):
        assert send(served, "PUT", "/functions/g", {"code": code_of(SOURCE)}).status == 200

    assert os.listdir(tmp_path / "code") == ["index.py"]
    assert send(served, "GET", "/functions/f/code").status == 200


def test_code_of_a_deleted_function_is_removed(served: Served) -> None:
    send(served, "POST", "/functions", new_function("g"))
    (packages,) = served.state.glob("runs/*/packages")

    assert send(served, "DELETE", "/functions/g").status == 204
    assert list(packages.glob("*")) == []


def test_a_list_is_told_though_functions_go_meanwhile(shared: Served) -> None:
    def come_and_go(name: str) -> None:
        for _ in range(10):
            assert send(shared, "POST", "/functions", new_function(name)).status == 200
            assert send(shared, "DELETE", f"/functions/{name}").status == 204

    with ThreadPoolExecutor(3) as pool:
        changes = [pool.submit(come_and_go, name) for name in ("a-goes", "b-goes")]
        while not all(each.done() for each in changes):
            assert send(shared, "GET", "/functions?limit=100").status == 200
    assert [each.result() for each in changes] == [None, None]


def test_a_function_is_made_invoked_changed_and_deleted(served: Served) -> None:
    one = "def handler(event, context): return 'one'"
    two = "def handler(event, context): return 'two'"

    made = send(served, "POST", "/functions", new_function("g", one, timeout=7))
    answers = [served.ask("POST", invocations("g"), b"").body]
    changed = send(served, "PUT", "/functions/g", {"code": code_of(two), "description": "new"})
    answers.append(served.ask("POST", invocations("g"), b"").body)
    deleted = send(served, "DELETE", "/functions/g")

    assert (made.status, made.json["timeout"]) == (200, 7)
    assert (changed.json["description"], changed.json["timeout"]) == ("new", 7)
    assert answers == [b"one", b"two"]
    assert (deleted.status, deleted.body) == (204, b"")
    assert served.ask("POST", invocations("g"), b"").status == 404


def test_a_name_that_is_taken_is_a_409(shared: Served) -> None:
    answer = send(shared, "POST", "/functions", new_function("f"))

    assert (answer.status, answer.json["Code"]) == (409, "FunctionAlreadyExists")


def test_changed_hooks_take_effect_after_the_old_prestop(served: Served) -> None:
    served.invoke(b"")
    source = """
        def initialize(context):
            print("the second initializer")

        def handler(event, context):
            return "two"
    """
    hooks = {"initializer": {"handler": "index.initialize", "timeout": 20}}
    body = {"code": code_of(source), "instanceLifecycleConfig": hooks}

    changed = send(served, "PUT", "/functions/f", body).json
    served.invoke(b"")

    assert changed["instanceLifecycleConfig"] == hooks
    served.wait_talk("the second initializer")
    talk = served.talk()
    order = ["the first initializer", "FC PreStop Start", "the first preStop", "FC PreStop End",
             "the second initializer"]  # fmt: skip
    places = [talk.index(each) for each in order]
    assert places == sorted(places)


def test_a_request_that_runs_survives_a_change_on_the_old_code(served: Served) -> None:
    body = {
        "code": code_of("def handler(event, context): return 'two'"),
        "instanceLifecycleConfig": {},
    }
    with closing(served.begin(b"1")) as connection:
        served.wait_talk("handling")

        changed = send(served, "PUT", "/functions/f", body)
        after = served.invoke(b"")
        answer = read_answer(connection)

    assert changed.status == 200
    assert after.body == b"two"
    assert (answer.status, answer.body) == (200, b"one")
    served.wait_talk("the first preStop")


def test_a_change_that_concerns_no_instance_leaves_them(served: Served) -> None:
    served.invoke(b"")
    before = [each["id"] for each in served.instances()]

    send(served, "PUT", "/functions/f", {"description": "other", "idleTimeout": 100})
    served.invoke(b"")

    assert [each["id"] for each in served.instances()] == before


def test_the_command_line_finds_a_function_that_was_made(served: Served) -> None:
    send(served, "POST", "/functions", new_function("g"))
    (run,) = os.listdir(served.state / "runs")
    record = served.state / "runs" / run / "record.json"

    assert json.loads(record.read_text())["functions"] == ["f", "g"]


def test_an_invocation_tells_the_checksum_of_the_code(shared: Served) -> None:
    send(shared, "POST", "/functions", new_function("sums"))

    answer = shared.ask("POST", invocations("sums"), b"")

    expected = send(shared, "GET", "/functions/sums").json["codeChecksum"]
    assert answer.headers["x-fc-code-checksum"] == expected


def test_deleting_drains(served: Served) -> None:
    with closing(served.begin(b"0.5")) as connection:
        served.wait_talk("handling")

        assert send(served, "DELETE", "/functions/f").status == 204
        assert read_answer(connection).body == b"one"
    served.wait_talk("the first preStop")
    wait_until(lambda: served.instances() == [], "no instance")


def test_changes_at_the_same_time_come_one_after_the_other(served: Served) -> None:
    def change(number: int) -> int:
        key, value = [("timeout", 50), ("memorySize", 256), ("description", "d"),
                      ("environmentVariables", {"A": "1"})][number % 4]  # fmt: skip
        return send(served, "PUT", "/functions/f", {key: value}).status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(change, range(16))) == {200}

    found = send(served, "GET", "/functions/f").json
    assert (found["timeout"], found["memorySize"], found["description"]) == (50, 256, "d")
    assert found["environmentVariables"] == {"A": "1"}


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timeout": 0}, "FCB312"),
        ({"timeout": "soon"}, "FCB312"),
        ({"memorySize": 100}, "memorySize"),
        ({"memorySize": 10**400}, "JSON"),
        ({"environmentVariables": {"A": "x\0y"}}, "NUL"),
        ({"handler": "index.nope"}, "index.py has no nope"),
        ({"handler": 5}, "handler"),
        ({"environmentVariables": {"1X": "1"}}, "1X"),
        ({"environmentVariables": [1]}, "environmentVariables"),
        ({"instanceLifecycleConfig": {"preStop": {"handler": "index.stop", "timeout": 91}}}, "90"),
        ({"instanceLifecycleConfig": {"preStop": {"handler": "index.nope"}}}, "nope"),
        ({"runtime": 3}, "runtime"),
        ({"code": "./"}, "zipFile"),
        ({"code": {"src": "/etc"}}, "zipFile"),
        ({"code": {"zipFile": "*"}}, "base64"),
        ({"code": {"zipFile": "AAAA"}}, "FCB411"),
    ],
)
def test_a_bad_body_gets_the_words_of_the_finding(
    shared: Served, change: dict[str, object], words: str
) -> None:
    answer = send(shared, "PUT", "/functions/f", change)

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")
    assert words in answer.json["Message"]


@pytest.mark.parametrize(
    "change",
    [
        {"code": {"ossBucketName": "b", "ossObjectName": "o"}},
        {"layers": ["acs:fc:cn-hangzhou:official:layers/Python310/versions/1"]},
        {"nasConfig": {"mountPoints": [{"mountDir": "/mnt/a"}]}},
        {"runtime": "nodejs20"},
    ],
)
def test_what_only_the_cloud_has_is_not_local(shared: Served, change: dict[str, object]) -> None:
    answer = send(shared, "PUT", "/functions/f", change)

    assert (answer.status, answer.json["Code"]) == (400, "NotLocal")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 30 + b"1" + b"}" * 30,
    ],
)
def test_what_is_no_object_is_refused(shared: Served, body: bytes) -> None:
    answer = shared.ask("POST", f"{API}/functions", body)

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "..", "-a", "1a", "x" * 65, "a\0b", "ä", 5]
)
def test_a_name_that_is_none_is_refused(shared: Served, name: object) -> None:
    answer = send(shared, "POST", "/functions", {**new_function("x"), "functionName": name})

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize("path", ["..%2f..%2fetc", "%2e%2e", "..", "f%00", "f%2f..%2ff", "%ff"])
def test_names_in_paths_lead_nowhere(shared: Served, path: str) -> None:
    for below in ("", "/code", "/triggers"):
        assert send(shared, "GET", f"/functions/{path}{below}").status in (400, 404)
    assert send(shared, "GET", f"/functions/f/triggers/{path}").status == 404


def test_an_archive_that_leads_out_is_refused_and_leaves_nothing(served: Served) -> None:
    evil = zip_of("def handler(a, b): pass", **{"../../evil": b"x"})
    body = {"code": {"zipFile": base64.b64encode(evil).decode()}}

    answer = send(served, "PUT", "/functions/f", body)

    assert (answer.status, answer.json["Code"]) == (400, "InvalidArgument")
    assert "FCB412" in answer.json["Message"]
    (run,) = os.listdir(served.state / "runs")
    assert os.listdir(served.state / "runs" / run / "packages") == []
    assert served.invoke(b"").body == b"one"
