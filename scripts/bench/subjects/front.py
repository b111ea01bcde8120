"""fcbox over HTTP: a supervisor of its own (`fcbox run`), asked as any server is."""

import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.subjects.common import FUNCTIONS, Series, main, time_calls
from bench.subjects.peer import post, serving, wrk
from bench.subjects.plain import command as run_command

_PATH = "/2023-03-30/functions/f/invocations"


def call(argv: list[str], calls: int) -> Series:
    """One call at a time over one kept connection."""
    with _supervisor(argv, 1) as (connection, _):
        return {"http": time_calls(lambda: post(connection, _PATH), calls)}


def load(argv: list[str], workers: int, seconds: int) -> Series:
    """Requests a second over 32 connections."""
    with _supervisor(argv, workers) as (connection, _):
        return {"fcbox": [wrk(connection.getpeername()[1], _PATH, seconds)]}


def command(argv: list[str], count: int) -> Series:
    """`fcbox invoke`, which finds the supervisor that runs."""
    with _supervisor(argv, 1) as (connection, config):
        post(connection, _PATH)
        return run_command("invoke", [*argv, "invoke", "-c", config, "-e", "{}"], count)


@contextmanager
def _supervisor(argv: list[str], workers: int) -> Iterator[tuple[socket.socket, str]]:
    with tempfile.TemporaryDirectory() as folder:
        config = _write_config(Path(folder), workers)
        run = [*argv, "run", config, "--port", "{port}", "--log-format", "fc", "--no-watch"]
        with serving(run) as connection:
            yield connection, config


def _write_config(folder: Path, workers: int) -> str:
    props = {
        "region": "cn-hangzhou", "functionName": "f", "runtime": "python3.10", "timeout": 30,
        "memorySize": 128, "code": str(FUNCTIONS), "handler": "echo.handler",
    }  # fmt: skip
    functions = {"f": {"minInstances": workers, "maxInstances": workers}}
    document = {
        "edition": "3.0.0",
        "name": "bench",
        "fcbox": {"python": sys.executable, "functions": functions},
        "resources": {"f": {"component": "fc3", "props": props}},
    }
    path = folder / "s.yaml"
    path.write_text(json.dumps(document))
    return str(path)


SUBJECTS = {"call": call, "load": load, "command": command}

if __name__ == "__main__":
    main(SUBJECTS)
