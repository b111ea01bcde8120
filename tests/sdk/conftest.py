"""The three official packages as clients of a real `fcbox run`, each of them as it comes.

`fcbox` runs without an access key, `guarded` with one. `clients_of(served, secret)` makes the
clients; each has `invoke(event, **headers)`, which gives an `Invoked` or raises what the package
raises: `error_of` reads that.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import fc2
import pytest
from alibabacloud_fc20230330 import models as models3
from alibabacloud_fc20230330.client import Client as Client3
from alibabacloud_fc_open20210406 import models as models2
from alibabacloud_fc_open20210406.client import Client as Client2
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions as RuntimeOptions2
from darabonba.core import DaraCore
from darabonba.runtime import RuntimeOptions as RuntimeOptions3
from fc2.fc_exceptions import FcError

from tests.http.serving import Served, serving, write_config

KEY_ID, SECRET = "the-id", "the-secret"
SOURCE = """
    import json, time

    def handler(event, context):
        wish = json.loads(event) if event[:1] == b"{" else {}
        print("printed")
        if "raise" in wish:
            raise ValueError(wish["raise"])
        time.sleep(wish.get("sleep", 0))
        return event
"""


class Invoked(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Failed(NamedTuple):
    """An error as a package tells it."""

    status: int
    code: str
    message: str
    request_id: str


class Fc2:
    name = "aliyun-fc2"

    def __init__(self, served: Served, secret: str) -> None:
        self._client = fc2.Client(
            endpoint=f"http://127.0.0.1:{served.port}",
            accessKeyID=KEY_ID,
            accessKeySecret=secret,
        )

    def invoke(self, event: bytes = b"", function: str = "f", **headers: str) -> Invoked:
        qualifier = headers.pop("qualifier", None)
        named = {f"x-fc-{name.replace('_', '-')}": value for name, value in headers.items()}
        answer = self._client.invoke_function("default", function, event, named, qualifier)
        status = 202 if headers.get("invocation_type") == "Async" else 200  # it does not tell
        return Invoked(status, answer.headers, answer.data)


class Open2021:
    name = "alibabacloud_fc_open20210406"

    def __init__(self, served: Served, secret: str) -> None:
        self._client = Client2(_config(served, secret))

    def invoke(self, event: bytes = b"", function: str = "f", **headers: str) -> Invoked:
        asked = models2.InvokeFunctionRequest(event, headers.pop("qualifier", None))
        named = {f"x_fc_{name}": value for name, value in headers.items()}
        if task := named.pop("x_fc_async_task_id", None):
            named["x_fc_stateful_async_invocation_id"] = task
        answer = self._client.invoke_function_with_options(
            "default", function, asked, models2.InvokeFunctionHeaders(**named), RuntimeOptions2()
        )
        return Invoked(answer.status_code, answer.headers, answer.body)


class Fc3:
    name = "alibabacloud-fc20230330"

    def __init__(self, served: Served, secret: str) -> None:
        self._client = Client3(_config(served, secret))

    def invoke(self, event: bytes = b"", function: str = "f", **headers: str) -> Invoked:
        asked = models3.InvokeFunctionRequest(event, headers.pop("qualifier", None))
        named = {f"x_fc_{name}": value for name, value in headers.items()}
        answer = self._client.invoke_function_with_options(
            function, asked, models3.InvokeFunctionHeaders(**named), RuntimeOptions3()
        )
        return Invoked(answer.status_code, answer.headers, answer.body.read())


CLIENTS = (Fc2, Open2021, Fc3)
Client = Fc2 | Open2021 | Fc3


def _config(served: Served, secret: str) -> Config:
    return Config(
        access_key_id=KEY_ID,
        access_key_secret=secret,
        endpoint=f"127.0.0.1:{served.port}",
        protocol="HTTP",
        region_id="cn-hangzhou",
    )


def error_of(call: Callable[[], Any]) -> Failed:
    """What a call fails with."""
    with pytest.raises((FcError, AlibabaCloudException)) as caught:
        call()
    error: Any = caught.value
    if isinstance(error, FcError):
        return Failed(error.status_code, error.err_code, error.message, error.request_id)
    return Failed(error.status_code, error.code, error.message, error.request_id)


@pytest.fixture(autouse=True)
def _closing_sessions() -> Iterator[None]:
    """The packages keep their connections for ever."""
    yield
    for session in DaraCore._sessions.values():
        session.close()
    DaraCore._sessions.clear()


@pytest.fixture(scope="module")
def fcbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("open")
    with serving(folder, write_config(folder, SOURCE, timeout_s=1)) as served:
        yield served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("guarded")
    key = ("--access-key", f"{KEY_ID}:{SECRET}")
    with serving(folder, write_config(folder, SOURCE, timeout_s=1), *key) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
