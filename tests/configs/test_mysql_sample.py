"""configs/mysql against a real MariaDB and against sqlite, its functions called in this process."""

import importlib.util
import json
import os
import sqlite3
import types
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest

from tests.mariadb import Server

INDEX = Path(__file__).resolve().parents[2] / "configs" / "mysql" / "index.py"


@pytest.fixture
def sample() -> Iterator[types.ModuleType]:
    """A fresh copy of the module, as each instance has one; its connection is closed afterwards."""
    spec = importlib.util.spec_from_file_location("mysql_sample", INDEX)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.pre_stop(None)


@pytest.fixture
def backend(mariadb: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name, value in mariadb.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DB_BACKEND", "mysql")
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS visitors")
    return mariadb


def invoke(module: types.ModuleType, name: str) -> dict[str, object]:
    answer: dict[str, object] = module.handler(json.dumps({"name": name}).encode(), None)
    return answer


def wait_connections(server: Server, wanted: int) -> int:
    """The number of open connections beside this one: the server forgets closed ones in its own
    time, so the question is asked up to a thousand times until the answer is the wanted one."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute(
                "SELECT COUNT(*) - 1 FROM information_schema.processlist WHERE user = 'fcbox'"
            )
            row = cursor.fetchone()
            assert row is not None
            if row[0] == wanted:
                break
        return int(row[0])


def test_mariadb_whole_life(backend: Server, sample: types.ModuleType) -> None:
    sample.initialize(None)
    first, second = invoke(sample, "world"), invoke(sample, "世界")
    with closing(backend.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM visitors ORDER BY id")
        rows = cursor.fetchall()

    assert first == {"backend": "mysql", "id": 1, "name": "world", "rows": 1}
    assert second == {"backend": "mysql", "id": 2, "name": "世界", "rows": 2}
    assert rows == ((1, "world"), (2, "世界"))


def test_mariadb_one_connection_per_instance_and_none_after_pre_stop(
    backend: Server, sample: types.ModuleType
) -> None:
    before = wait_connections(backend, 0)
    sample.initialize(None)
    for _ in range(5):
        invoke(sample, "again")
    during = wait_connections(backend, 1)
    sample.pre_stop(None)
    after = wait_connections(backend, 0)

    assert (before, during, after) == (0, 1, 0)


def test_mariadb_connection_closed_by_the_server_is_opened_again(
    backend: Server, sample: types.ModuleType
) -> None:
    sample.initialize(None)
    with closing(backend.connect()) as other:
        other.kill(sample.connection.raw.thread_id())

    assert invoke(sample, "world")["rows"] == 1


@pytest.mark.parametrize(
    ("variable", "value"), [("MYSQL_PASSWORD", "wrong"), ("MYSQL_PORT", "1"), ("MYSQL_DBNAME", "x")]
)
def test_mariadb_initializer_fails_when_it_cannot_connect(
    backend: Server,
    sample: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(pymysql.err.OperationalError):
        sample.initialize(None)

    assert sample.connection is None


def test_sqlite_needs_no_server(sample: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MYSQL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DB_BACKEND", "sqlite")
    sample.initialize(None)

    assert invoke(sample, "world") == {"backend": "sqlite", "id": 1, "name": "world", "rows": 1}
    assert invoke(sample, "again")["rows"] == 2


def test_sqlite_file_outlives_the_instance(
    sample: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DB_BACKEND", "sqlite")
    monkeypatch.setenv("SQLITE_PATH", str(tmp_path / "visitors.db"))
    sample.initialize(None)
    invoke(sample, "world")
    sample.pre_stop(None)
    with closing(sqlite3.connect(tmp_path / "visitors.db")) as connection:
        rows = connection.execute("SELECT name FROM visitors").fetchall()

    assert rows == [("world",)]
