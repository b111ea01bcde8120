"""The command line as processes of their own, for tests of what it prints and how it exits.

    ran = fcbox(tmp_path, "run", str(config), "-e", "1")
    assert (0, b"answer\n") == (ran.code, ran.out)

Each command has its state and its temp directory below the test's own, and an interpreter for
functions that every machine has: the one of the tests.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.boxes import environ_of

__all__ = ["PYTHON", "ROOT", "Ran", "fcbox", "json_log", "masked", "started", "stopped"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
PATIENCE_S = 30.0
_IDS = re.compile(r"\b([c1])-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}\b")
_FORMS = [
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\b"), "<time>"),
    (re.compile(r"^\d\d:\d\d:\d\d\.\d{3} ", re.MULTILINE), "<time> "),
    (re.compile(r"(?<=duration: )\d+ms"), "<duration>"),
    (re.compile(r"(?<=maxMemoryUsage: )\d+\.\d\dMB"), "<memory>"),
    (re.compile(r"(?<=thread id = )\d+"), "<thread>"),
]


class Ran(NamedTuple):
    """How a command ended. `code` is negative when a signal ended fcbox itself."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()


def fcbox(
    folder: Path,
    *arguments: str,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Ran:
    """Runs it to its end, and looks whether it has left anything behind."""
    with started(folder, *arguments, environ=environ, cwd=cwd) as process:
        out, err = process.communicate(stdin, PATIENCE_S)
    return stopped(folder, Ran(process.returncode, out, err.decode()))


@contextmanager
def started(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator["subprocess.Popen[bytes]"]:
    """The running command; it is killed at the end of the context if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=cwd, env={**environ_of(folder), "PYTHONPATH": str(ROOT), **(environ or {})},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def stopped(folder: Path, ran: Ran) -> Ran:
    """Checks what holds after every command: no words of a bug, nothing left in the directories."""
    assert "Traceback" not in ran.err, ran.err
    assert "fcbox itself failed" not in ran.err, ran.err
    runs = folder / "state" / "runs"
    assert (os.listdir(runs) if runs.exists() else []) == []
    assert os.listdir(folder / "tmp") == []
    return ran


def masked(text: str) -> str:
    """Ids numbered in the order of their first appearance; times and sizes as words."""
    seen: dict[str, list[str]] = {"c": [], "1": []}
    names = {"c": "instance", "1": "id"}

    def name(found: re.Match[str]) -> str:
        listed = seen[found[1]]
        if found[0] not in listed:
            listed.append(found[0])
        return f"<{names[found[1]]} {listed.index(found[0]) + 1}>"

    text = _IDS.sub(name, text)
    for form, word in _FORMS:
        text = form.sub(word, text)
    return text


def json_log(text: str) -> list[dict[str, Any]]:
    """The records of a log in JSON Lines; fails when a line is none."""
    return [json.loads(line) for line in text.splitlines()]
