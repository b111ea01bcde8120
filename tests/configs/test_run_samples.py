"""Each sample runs end to end through the command line."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.core.spec import ISOLATION_LEVELS
from tests.boxes import wait_until
from tests.configs.commands import PYTHON, ROOT, Ran, fcbox, masked, started, stopped
from tests.mariadb import Server

CONFIGS = ROOT / "configs"
EXITED = (
    '{"errorMessage":"Process exited unexpectedly before completing request '
    '(duration: <duration>, maxMemoryUsage: <memory>)"}'
)
TOOK_ALL = (
    '{"errorMessage":"Process exited unexpectedly before completing request '
    '(duration: <duration>, maxMemoryUsage: <memory>, memory limit: 128MB reached)"}'
)
TIMED_OUT = '{"errorMessage":"Function timed out after 3 seconds (maxMemoryUsage: <memory>)"}'


def run(folder: Path, sample: str, *arguments: str, **environ: str) -> Ran:
    """The sample as it stands in the repository, its log in the cloud's format."""
    config = f"configs/{sample}/s.yaml"
    options = ("--log-format", "fc", "--python", PYTHON)
    return fcbox(folder, "run", config, *options, *arguments, environ=environ)


def invocations(log: str) -> list[str]:
    """The lines of the platform about hooks and invocations, the ids left out."""
    lines = [line for line in log.splitlines() if line.startswith("FC ")]
    return [line.partition(" RequestId: ")[0] for line in lines]


def test_hello(tmp_path: Path) -> None:
    """Two events, one instance."""
    ran = run(tmp_path, "hello", "-e", '{"name": "world"}', "-e", '{"name": "世界"}')

    assert (ran.code, ran.lines) == (0, ["hello, world", "hello, 世界"])
    assert invocations(ran.err) == [
        "FC Initialize Start",
        "FC Initialize End",
        *["FC Invoke Start", "FC Invoke End"] * 2,
        "FC PreStop Start",
        "FC PreStop End",
    ]


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
def test_flask_custom(tmp_path: Path, level: str) -> None:
    """Its own Python is on PATH, as its file says."""
    path = f"{Path(PYTHON).parent}:{os.environ['PATH']}"
    options = ("--isolation", level, "-e", '"world"')
    ran = run(tmp_path, "flask-custom", *options, PATH=path)

    assert (ran.code, ran.lines) == (0, ['"hello, world"'])
    order = [
        "FC Initialize Start", "connections are opened", "FC Initialize End", "FC Invoke Start",
        "FC Invoke End", "FC PreStop Start", "connections are closed", "FC PreStop End",
    ]  # fmt: skip
    assert sorted(order, key=ran.err.index) == order


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
@pytest.mark.parametrize(
    ("sample", "event", "answer"),
    [
        ("hello", '{"name": "world"}', "hello, world"),
        ("crashy", "ok", "ok"),
        ("slow-init", "", '{\n    "initialized_s": 0.0\n}'),
    ],
)
def test_every_level(tmp_path: Path, level: str, sample: str, event: str, answer: str) -> None:
    """The samples need nothing but what they were given."""
    ran = run(tmp_path, sample, "-e", event, "--isolation", level, SLOW_INIT_SECONDS="0")

    assert (ran.code, ran.out.decode()) == (0, answer + "\n"), ran.err


def test_hello_with_the_interpreter_that_is_found(tmp_path: Path) -> None:
    """The command of the README, word for word: the answer is the same on every interpreter."""
    ran = fcbox(tmp_path, "run", "configs/hello/s.yaml", "-e", '{"name": "world"}')

    assert (ran.code, ran.out) == (0, b"hello, world\n")


def test_http_wsgi(tmp_path: Path) -> None:
    """The event file of its README."""
    ran = run(tmp_path, "http-wsgi", "-e", "@configs/http-wsgi/event.json")

    assert (ran.code, json.loads(ran.out)) == (
        0,
        {
            "statusCode": 200,
            "headers": {"Content-Type": "text/plain; charset=utf-8"},
            "body": "hello, world",
            "isBase64Encoded": False,
        },
    )


def test_slow_init(tmp_path: Path) -> None:
    """What the Initializer prints is in its part of the log; it runs once for two events."""
    ran = run(tmp_path, "slow-init", "-e", "{}", "-e", "{}", SLOW_INIT_SECONDS="0.1")

    assert ran.code == 0
    assert ran.out == b'{\n    "initialized_s": 0.1\n}\n' * 2
    lines = masked(ran.err).splitlines()
    assert lines[2:13] == [
        *(f"loading: {percent}%" for percent in range(10, 101, 10)),
        "FC Initialize End RequestId: <id 1>",
    ]
    assert lines.count("loading: 100%") == 1


def test_slow_init_over_its_time(tmp_path: Path) -> None:
    """The sample's own Initializer, with a limit of a second: exit 124, and no PreStop."""
    folder = tmp_path / "slow-init"
    shutil.copytree(CONFIGS / "slow-init", folder)
    config = folder / "s.yaml"
    config.write_text(config.read_text().replace("timeout: 10", "timeout: 1"))
    ran = fcbox(
        tmp_path, "run", str(config), "-e", "{}", "--log-format", "fc", "--python", PYTHON,
        environ={"SLOW_INIT_SECONDS": "3600"},
    )  # fmt: skip

    error = json.loads(ran.out)["errorMessage"]
    assert (ran.code, error.startswith("Function timed out after 1 seconds")) == (124, True)
    assert invocations(ran.err) == ["FC Initialize Start", "FC Initialize End"]


@pytest.mark.parametrize("level", ["none", "process"])
def test_crashy(tmp_path: Path, level: str) -> None:
    """Every way to end, and after each of them an event that is served."""
    events = CONFIGS / "crashy" / "events.jsonl"
    ran = run(tmp_path, "crashy", "--events", str(events), "--isolation", level)
    found = masked(ran.out.decode()).splitlines()
    raised = json.loads("\n".join(found[found.index("{") : found.index("}") + 1]))
    del found[found.index("{") + 1 : found.index("}") + 1]

    assert ran.code == 1  # of the first that failed, which raised
    assert (raised["errorType"], raised["errorMessage"]) == ("RuntimeError", "raised on purpose")
    outcomes = {
        "ok": "ok",
        "raise": "{",
        "exit": EXITED,
        "segv": EXITED,
        "oom": TOOK_ALL,
        "hang": TIMED_OUT,
    }
    assert found == [outcomes[way] for way in events.read_text().split()]
    # One until each of `exit`, `segv`, `oom` and `hang`, and one to the end.
    assert ran.err.count("FunctionCompute python3.10 runtime inited.\n") == 5


@pytest.mark.parametrize(("way", "code"), [("ok", 0), ("raise", 1), ("exit", 1), ("segv", 139)])
def test_crashy_exit_code(tmp_path: Path, way: str, code: int) -> None:
    """What a script sees of one event."""
    assert run(tmp_path, "crashy", "-e", way).code == code


@pytest.mark.parametrize("level", ISOLATION_LEVELS)
def test_mysql_on_sqlite_at_every_level(tmp_path: Path, level: str) -> None:
    """In a file of the instance's own /tmp; at `none` that is everybody's."""
    path = ":memory:" if level == "none" else "/tmp/visitors.db"
    ran = run(
        tmp_path, "mysql", "-e", "{}", "--isolation", level, DB_BACKEND="sqlite", SQLITE_PATH=path
    )

    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["rows"] == 1


def test_mysql_on_sqlite(tmp_path: Path) -> None:
    """One environment variable, no server, no PyMySQL; without walls a file outlives the run."""
    path = tmp_path / "visitors.db"
    ran = run(
        tmp_path, "mysql", "-e", '{"name": "world"}', "-e", '{"name": "世界"}',
        "--isolation", "none", DB_BACKEND="sqlite", SQLITE_PATH=str(path),
    )  # fmt: skip
    again = run(
        tmp_path, "mysql", "-e", "{}", "--isolation", "none",
        DB_BACKEND="sqlite", SQLITE_PATH=str(path),
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, name FROM visitors ORDER BY id").fetchall()

    assert (ran.code, again.code) == (0, 0)
    assert rows == [(1, "world"), (2, "世界"), (3, "nobody")]
    assert json.loads(again.out) == {"backend": "sqlite", "id": 3, "name": "nobody", "rows": 3}
    assert "[info] connected to sqlite" in ran.err
    assert "[info] connection closed" in ran.err


class TestMysql:
    @pytest.fixture
    def server(self, mariadb: Server) -> Server:
        """The private MariaDB, without the sample's table."""
        with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS visitors")
        return mariadb

    @pytest.mark.parametrize("level", ISOLATION_LEVELS)
    def test_whole_life(self, tmp_path: Path, server: Server, level: str) -> None:
        """Rows that are really in the database; one connection, which PreStop has closed."""
        before = counters(server)
        ran = run(
            tmp_path, "mysql", "-e", '{"name": "world"}', "-e", '{"name": "世界"}',
            "--isolation", level, **server.environment(),
        )  # fmt: skip
        wait_connections(server, 0)
        after = counters(server)

        assert ran.code == 0
        assert [json.loads(text + "}") for text in ran.out.decode().split("}\n")[:-1]] == [
            {"backend": "mysql", "id": 1, "name": "world", "rows": 1},
            {"backend": "mysql", "id": 2, "name": "世界", "rows": 2},
        ]
        assert rows(server) == [(1, "world"), (2, "世界")]
        assert invocations(ran.err)[-2:] == ["FC PreStop Start", "FC PreStop End"]
        # A connection that is not closed in words is counted as an aborted client.
        assert after["Aborted_clients"] == before["Aborted_clients"]

    def test_pre_stop_closes_the_connection_before_the_end(
        self, tmp_path: Path, server: Server
    ) -> None:
        """While it serves the server sees one connection; after the signal none."""
        config = "configs/mysql/s.yaml"
        arguments = ("run", config, "--port", "0", "--log-format", "fc", "--python", PYTHON)
        with started(tmp_path, *arguments, environ=server.environment()) as process:
            # A one-shot `invoke` on the supervisor leaves its instance running.
            wait_until(lambda: is_registered(tmp_path), "the supervisor")
            with started(tmp_path, "invoke", "-c", config, "-e", '{"name": "a"}', "-q") as asking:
                out, _ = asking.communicate(timeout=20)
            during = wait_connections(server, 1)
            process.terminate()
            _, err = process.communicate(timeout=20)
        stopped(tmp_path, Ran(process.returncode, b"", err.decode()))

        assert (json.loads(out)["rows"], during) == (1, 1)
        assert wait_connections(server, 0) == 0
        assert "[info] connection closed" in err.decode()
        assert rows(server) == [(1, "a")]

    def test_wrong_password(self, tmp_path: Path, server: Server) -> None:
        """The Initializer fails, each time on a new instance; nothing is written."""
        environ = {**server.environment(), "MYSQL_PASSWORD": "wrong"}
        ran = run(tmp_path, "mysql", "-e", "{}", "-e", "{}", **environ)

        assert (ran.code, ran.out.count(b'"errorType": "OperationalError"')) == (1, 2)
        assert invocations(ran.err) == ["FC Initialize Start", "FC Initialize End"] * 2
        assert ran.err.count(", Error: Unhandled function error\n") == 2


def is_registered(folder: Path) -> bool:
    """Whether the only supervisor serves."""
    records = list((folder / "state" / "runs").glob("*/*"))
    return any(b'"port"' in path.read_bytes() for path in records if path.is_file())


def rows(server: Server) -> list[tuple[int, str]]:
    """What the sample has written."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM visitors ORDER BY id")
        return [(int(row[0]), str(row[1])) for row in cursor.fetchall()]


def counters(server: Server) -> dict[str, int]:
    """How connections have ended so far."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_%'")
        return {str(row[0]): int(row[1]) for row in cursor.fetchall()}


def wait_connections(server: Server, wanted: int) -> int:
    """The number of connections beside this one, as soon as it is the wanted one: the server
    forgets closed ones in its own time."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:

        def count() -> int:
            cursor.execute(
                "SELECT COUNT(*) - 1 FROM information_schema.processlist WHERE user = 'fcbox'"
            )
            row = cursor.fetchone()
            assert row is not None
            return int(row[0])

        wait_until(lambda: count() == wanted, f"{wanted} connections")
        return count()
