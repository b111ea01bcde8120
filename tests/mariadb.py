"""A private MariaDB server for tests: in a temp directory, unprivileged, on a free port.

`install` makes a data directory with mariadb-install-db (0.6 s, once per session); `serve` copies
it and runs a server on the copy (0.3 s), so that a test which breaks its server spoils nothing.
The server dies with this process, whatever ends it.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pymysql
import tenacity

__all__ = ["Server", "install", "missing", "serve"]

PROGRAMS = ("mariadbd", "mariadb-install-db", "my_print_defaults")

# Debian keeps mariadbd where only root's PATH goes.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])

# Small and careless: nothing here has to survive a crash of the machine.
SETTINGS = (
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-use-native-aio=0",
    "--performance-schema=0",
    "--key-buffer-size=64K",
    "--aria-pagecache-buffer-size=1M",
)

START_PATIENCE_S = 20
STOP_PATIENCE_S = 10


class Server(NamedTuple):
    host: str
    port: int
    user: str
    password: str
    database: str
    pid: int

    def connect(self) -> "pymysql.connections.Connection[Any]":
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            connect_timeout=5,
        )

    def environment(self) -> dict[str, str]:
        """The variables that configs/mysql reads."""
        return {
            "MYSQL_HOST": self.host,
            "MYSQL_PORT": str(self.port),
            "MYSQL_USER": self.user,
            "MYSQL_PASSWORD": self.password,
            "MYSQL_DBNAME": self.database,
        }


def missing() -> str:
    """Why no server can be run here, or an empty text."""
    absent = [name for name in PROGRAMS if _find(name) is None]
    if not absent:
        return ""
    return f"no {', '.join(absent)} (hint: apt-get install mariadb-server)"


def install(folder: Path) -> Path:
    """Makes a data directory below folder, from which `serve` starts."""
    template = folder / "template"
    template.mkdir()
    _give_away(folder, template)
    subprocess.run(
        [
            str(_find("mariadb-install-db")),
            "--no-defaults",
            f"--datadir={template}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *SETTINGS,
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        **_unprivileged(),
    )
    return template


@contextmanager
def serve(template: Path) -> Iterator[Server]:
    """A running server on a copy of the template; it is ready when this yields."""
    folder = Path(tempfile.mkdtemp(prefix="fcbox-mariadb-"))
    try:
        _give_away(folder)
        subprocess.run(["cp", "-a", str(template), str(folder / "data")], check=True)
        with _running(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path) -> Iterator[Server]:
    # One statement a line, as --init-file wants it.
    (folder / "init.sql").write_text(
        "CREATE DATABASE fcbox;\n"
        "CREATE USER fcbox IDENTIFIED BY 'secret';\n"
        "GRANT ALL ON fcbox.* TO fcbox;\n"
    )
    port = _free_port()
    command = [
        # exec, so that the pid is the server's own.
        *("setpriv", "--pdeathsig", "KILL", "--", str(_find("mariadbd"))),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--socket={folder / 'socket'}",
        f"--pid-file={folder / 'pid'}",
        f"--init-file={folder / 'init.sql'}",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        *SETTINGS,
    ]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # A Ctrl-C at the tests is not meant for the server.
            **_unprivileged(),
        ) as process,
    ):
        server = Server("127.0.0.1", port, "fcbox", "secret", "fcbox", process.pid)
        try:
            _wait_ready(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def give_up(state: tenacity.RetryCallState) -> bool:
        return process.poll() is not None or (state.seconds_since_start or 0) > START_PATIENCE_S

    try:
        for attempt in tenacity.Retrying(
            stop=give_up,
            wait=tenacity.wait_fixed(0.01),
            retry=tenacity.retry_if_exception_type(pymysql.err.OperationalError),
            reraise=True,
        ):
            with attempt, closing(server.connect()):
                pass
    except pymysql.err.OperationalError as error:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"mariadbd is not ready (exit {process.poll()}):\n{tail}") from error


def _find(name: str) -> str | None:
    return shutil.which(name, path=SEARCH_PATH)


def _unprivileged() -> dict[str, Any]:
    """For subprocess: mariadbd refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = _account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("mysql")
    except KeyError:
        return pwd.getpwnam("nobody")


def _give_away(*folders: Path) -> None:
    if os.geteuid() == 0:
        for folder in folders:
            os.chown(folder, _account().pw_uid, _account().pw_gid)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
