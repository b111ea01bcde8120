"""The management API as the official packages use it, each of them as it comes.

Every operation of the three clients is called once, with arguments made up from its signature: it
must work, or say that what it asks for is not there (404), or that it is not local.
"""

import base64
import inspect
import io
import re
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fc2  # type: ignore[import-untyped]
import pytest
from alibabacloud_fc20230330 import models as models3  # type: ignore[import-untyped]
from alibabacloud_fc20230330.client import Client as Client3  # type: ignore[import-untyped]
from alibabacloud_fc_open20210406 import models as models2  # type: ignore[import-untyped]
from alibabacloud_fc_open20210406.client import Client as Client2  # type: ignore[import-untyped]
from alibabacloud_tea_openapi.exceptions import ClientException  # type: ignore[import-untyped]
from alibabacloud_tea_openapi.models import Config  # type: ignore[import-untyped]
from darabonba.core import DaraCore  # type: ignore[import-untyped]
from Tea.exceptions import TeaException  # type: ignore[import-untyped]

from tests.http.serving import Served, serving, write_config

SOURCE = """
    def initialize(context):
        print("the first initializer")

    def stop(context):
        print("the first preStop")

    def handler(event, context):
        return b"one"
"""
ACCOUNT = "1234567890123456"
NOT_HERE = re.compile(r"is not local|are not local|does not exist|has no |published")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sdk")
    config = write_config(folder, SOURCE, initializer="initialize", pre_stop="stop")
    with serving(folder, config) as served:
        yield served


def _config(served: Served) -> Config:
    return Config(
        access_key_id="id",
        access_key_secret="secret",
        endpoint=f"127.0.0.1:{served.port}",
        protocol="HTTP",
        region_id="cn-hangzhou",
    )


@pytest.fixture
def closing_sessions() -> Iterator[None]:
    """The packages keep their connections for ever."""
    yield
    for session in DaraCore._sessions.values():
        session.close()
    DaraCore._sessions.clear()


@pytest.fixture
def client3(served: Served, closing_sessions: None) -> Any:
    return Client3(_config(served))


@pytest.fixture
def client2(served: Served, closing_sessions: None) -> Any:
    return Client2(_config(served))


@pytest.fixture
def oldest(served: Served) -> Any:
    return fc2.Client(
        endpoint=f"http://127.0.0.1:{served.port}", accessKeyID="id", accessKeySecret="secret"
    )


def _zip(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


def _zip_text(source: str) -> str:
    return base64.b64encode(_zip(source)).decode()


# --- as a person uses them ------------------------------------------------------------------------


def test_a_function_with_the_client_of_3_0(client3: Any, served: Served) -> None:
    one, two = "def handler(event, context): return 'one'", "def handler(e, c): return 'two'"
    code = models3.InputCodeLocation(zip_file=_zip_text(one))
    made = client3.create_function(models3.CreateFunctionRequest(
        body=models3.CreateFunctionInput(
            function_name="three", runtime="python3.10", handler="index.handler", code=code,
            timeout=5, environment_variables={"A": "1"},
        )
    )).body  # fmt: skip
    listed = client3.list_functions(models3.ListFunctionsRequest(prefix="thr")).body.functions
    hooks = models3.InstanceLifecycleConfig(
        pre_stop=models3.LifecycleHook(handler="index.handler", timeout=30)
    )
    changed = client3.update_function("three", models3.UpdateFunctionRequest(
        body=models3.UpdateFunctionInput(
            code=models3.InputCodeLocation(zip_file=_zip_text(two)),
            memory_size=256, instance_lifecycle_config=hooks,
        )
    )).body  # fmt: skip
    got = client3.get_function("three", models3.GetFunctionRequest()).body
    package = client3.get_function_code("three", models3.GetFunctionCodeRequest()).body
    client3.delete_function("three")

    assert (made.function_name, made.timeout, made.state) == ("three", 5, "Active")
    assert made.environment_variables == {"A": "1"}
    assert [each.function_name for each in listed] == ["three"]
    assert (changed.memory_size, changed.timeout) == (256, 5)
    assert got.instance_lifecycle_config.pre_stop.timeout == 30
    assert package.checksum == got.code_checksum
    with pytest.raises(ClientException) as caught:
        client3.get_function("three", models3.GetFunctionRequest())
    assert caught.value.code == "FunctionNotFound"


def test_a_function_with_the_client_of_2021(client2: Any) -> None:
    client2.create_service(models2.CreateServiceRequest(service_name="svc2"))
    code = models2.Code(zip_file=_zip_text("def handler(event, context): return 1"))
    made = client2.create_function("svc2", models2.CreateFunctionRequest(
        function_name="two", runtime="python3.10", handler="index.handler", code=code,
        initializer="index.handler", initialization_timeout=9,
    )).body  # fmt: skip
    changed = client2.update_function(
        "svc2", "two", models2.UpdateFunctionRequest(timeout=11, instance_concurrency=1)
    ).body
    listed = client2.list_functions("svc2", models2.ListFunctionsRequest()).body.functions
    client2.delete_function("svc2", "two")
    client2.delete_service("svc2")

    assert (made.initializer, made.initialization_timeout) == ("index.handler", 9)
    assert (changed.timeout, changed.initializer) == (11, "index.handler")
    assert [each.function_name for each in listed] == ["two"]


def test_a_function_with_the_oldest_client(oldest: Any, tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): return 1")
    oldest.create_service("svc1", "what it is for")
    made = oldest.create_function(
        "svc1", "one", "python3.10", "index.handler", codeDir=str(tmp_path)
    ).data
    changed = oldest.update_function("svc1", "one", timeout=12).data
    trigger = oldest.create_trigger(
        "svc1", "one", "t", "timer", {"cronExpression": "@every 5m", "enable": False}, None, None
    ).data
    code = oldest.get_function_code("svc1", "one").data
    with pytest.raises(fc2.FcError) as caught:
        oldest.delete_service("svc1")
    oldest.delete_function("svc1", "one")
    oldest.delete_service("svc1")

    assert (made["functionName"], made["initializer"]) == ("one", "")
    assert changed["timeout"] == 12
    assert trigger["triggerConfig"] == {"cronExpression": "@every 5m", "enable": False}
    assert set(code) == {"url", "checksum"}
    assert (caught.value.status_code, caught.value.err_code) == (409, "ServiceNotEmpty")


def test_changed_hooks_recycle_in_good_order(client3: Any, served: Served) -> None:
    served.invoke(b"")
    hooks = models3.InstanceLifecycleConfig(
        initializer=models3.LifecycleHook(handler="index.initialize", timeout=33),
        pre_stop=models3.LifecycleHook(handler="index.stop", timeout=44),
    )

    client3.update_function("f", models3.UpdateFunctionRequest(
        body=models3.UpdateFunctionInput(instance_lifecycle_config=hooks)
    ))  # fmt: skip
    served.invoke(b"")
    served.wait_talk("the first preStop")

    talk = served.talk()
    assert talk.index("FC PreStop Start") < talk.rindex("FC Initialize Start")


def test_bad_bodies_are_client_errors_with_the_words_of_the_finding(client3: Any) -> None:
    body = models3.UpdateFunctionInput(timeout=100_000)

    with pytest.raises(ClientException) as caught:
        client3.update_function("f", models3.UpdateFunctionRequest(body=body))

    error: Any = caught.value
    assert (error.status_code, error.code) == (400, "InvalidArgument")
    assert "FCB312" in error.message


def test_with_an_access_key_callers_sign_and_packages_need_not(
    tmp_path: Path, closing_sessions: None
) -> None:
    config = write_config(tmp_path, SOURCE)
    with serving(tmp_path, config, "--access-key", "id:secret") as served:
        client = Client3(_config(served))
        code = client.get_function_code("f", models3.GetFunctionCodeRequest()).body
        unsigned = served.ask("GET", "/2023-03-30/functions")
        package = urllib.request.urlopen(code.url).read()

    assert unsigned.status == 403
    assert zipfile.is_zipfile(io.BytesIO(package))


# --- all of them ----------------------------------------------------------------------------------


def _operations(client: type, skipped: set[str]) -> list[str]:
    """The methods of a client of the Tea generation, by those that take runtime options."""
    names = [name for name, _ in inspect.getmembers(client, inspect.isfunction)
             if name.endswith("_with_options")]  # fmt: skip
    return sorted({name.removesuffix("_with_options") for name in names} - skipped)


INVOCATIONS = {"invoke_function"}
"""These are the invoke API's."""
OPERATIONS3 = _operations(Client3, INVOCATIONS)
OPERATIONS2 = _operations(Client2, INVOCATIONS)
OPERATIONS1 = sorted(
    name
    for name, _ in inspect.getmembers(fc2.Client, inspect.isfunction)
    if not name.startswith("_")
    and name not in INVOCATIONS | {"do_http_request", "websocket", "instance_exec"}
)


def _answered(call: Callable[[], object]) -> None:
    """Works, or tells clearly why it does not: never a 5xx, and never an unknown path."""
    try:
        call()
    except fc2.FcError as error:
        _check_clear(error.status_code, error.err_code, str(error.message))
    except TeaException as error:
        _check_clear(int(error.data["statusCode"]), error.code, str(error.message))
    except Exception as error:
        status = getattr(error, "status_code", None)
        if status is None:
            raise
        _check_clear(status, error.code, str(error))  # type: ignore[attr-defined]


def _check_clear(status: int, code: str, message: str) -> None:
    assert 400 <= status < 500, (status, code, message)
    assert code not in ("PathNotSupported", "MethodNotAllowed"), message
    assert code in ("NotLocal", "InvalidArgument") or status in (404, 409), (code, message)
    assert code != "NotLocal" or NOT_HERE.search(message)


def _arguments(client: type, name: str) -> list[Any]:
    """For `<name>_with_options`: texts for names, empty models for requests."""
    method = getattr(client, f"{name}_with_options")
    parameters = list(inspect.signature(method, eval_str=True).parameters.values())[1:]
    return [_argument(each.annotation) for each in parameters]


def _argument(kind: Any) -> Any:
    if kind is str:
        return "nope"
    return _request(kind) if inspect.isclass(kind) else {}


def _request(kind: type) -> Any:
    """An empty request; with an empty body, where it has one that is a model."""
    request: Any = kind()
    if "body" in vars(request):
        signature = inspect.signature(kind, eval_str=True)
        body = signature.parameters["body"].annotation
        request.body = body() if inspect.isclass(body) else None
    return request


@pytest.mark.parametrize("name", OPERATIONS3)
def test_every_operation_of_3_0_is_answered(client3: Any, name: str) -> None:
    arguments = _arguments(Client3, name)

    _answered(lambda: getattr(client3, f"{name}_with_options")(*arguments))


@pytest.mark.parametrize("name", OPERATIONS2)
def test_every_operation_of_2021_is_answered(client2: Any, name: str) -> None:
    arguments = _arguments(Client2, name)

    _answered(lambda: getattr(client2, f"{name}_with_options")(*arguments))


@pytest.mark.parametrize("name", OPERATIONS1)
def test_every_operation_of_the_oldest_is_answered(oldest: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): return 1")
    given = {"codeDir": str(tmp_path), "asyncConfig": {}, "tags": {}, "tagKeys": [], "target": 1}
    method = getattr(oldest, name)
    parameters = inspect.signature(method).parameters.values()
    arguments = {
        each.name: given.get(each.name, "nope")
        for each in parameters
        if each.default is inspect.Parameter.empty or each.name in ("codeDir",)
    }

    _answered(lambda: method(**arguments))


def test_there_are_operations_to_ask_for() -> None:
    assert len(OPERATIONS3) > 60
    assert len(OPERATIONS2) > 60
    assert len(OPERATIONS1) > 40
