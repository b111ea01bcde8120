"""The quick form of `fcbox invoke` does what the whole command does, or leaves it to that."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cli.quick import invoke_quickly
from tests.boxes import environ_of
from tests.http.serving import ROOT, Served, serving, write_config

SOURCE = """
    import time

    def handler(event, context):
        print("printed")
        if event == b"raise":
            raise ValueError("no")
        if event == b"slow":
            time.sleep(1.2)
        return event[::-1]
"""
HEAVY = ("typer", "rich", "pydantic", "yaml", "http.client", "asyncio", "starlette", "typing")
OTHER = [
    [],
    ["run"],
    ["ps"],
    ["invoke", "--help"],
    ["invoke", "f", "g"],
    ["invoke", "-e", "1", "-e", "2"],
    ["invoke", "-e", "@file"],
    ["invoke", "-e", "-"],
    ["invoke", "-e", ""],
    ["invoke", "-e"],
    ["invoke", "-e1"],
    ["invoke", "--event", "1"],
    ["invoke", "--config", "s.yaml"],
    ["invoke", "--env", "prod"],
    ["invoke", "-q", "-q"],
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("quick")
    with serving(folder, write_config(folder, SOURCE)) as served:
        yield served


def folder_of(served: Served) -> Path:
    return served.state.parent


def command(served: Served, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "sandbox", "invoke", *arguments]
    environ = {**served.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        argv, cwd=folder_of(served), env=environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", OTHER, ids=" ".join)
def test_what_is_not_plain_is_left_to_the_whole_command(
    served: Served, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder_of(served))

    assert invoke_quickly(arguments, served.environ) is None


def test_without_a_supervisor_it_is_left_to_the_whole_command(tmp_path: Path) -> None:
    config = write_config(tmp_path, SOURCE)

    assert invoke_quickly(["invoke", "-c", str(config)], environ_of(tmp_path)) is None


@pytest.mark.parametrize(
    "where", [[], ["-c", "."], ["-c", "s.yaml"], ["-c", "{absolute}"], ["f", "-c", "../{name}"]]
)
def test_the_supervisor_s_answer_is_printed(served: Served, where: list[str]) -> None:
    folder = folder_of(served)
    arguments = [word.format(absolute=folder / "s.yaml", name=folder.name) for word in where]
    done = command(served, *arguments, "-e", "abc")

    assert (done.returncode, done.stdout) == (0, "cba\n")
    assert "printed\n" in done.stderr
    assert "FC Invoke End RequestId: " in done.stderr


def test_q_leaves_the_log_out(served: Served) -> None:
    done = command(served, "-q", "-e", "abc")

    assert (done.returncode, done.stdout, done.stderr) == (0, "cba\n", "")


def test_a_function_s_failure_has_the_whole_command_s_exit_code(served: Served) -> None:
    quick = command(served, "-e", "raise")
    whole = command(served, "--event", "raise")

    assert quick.returncode == whole.returncode == 1
    assert '"errorMessage": "no"' in quick.stdout.replace('":"', '": "')
    assert "ValueError" in whole.stdout


def test_a_function_that_it_does_not_serve_is_left_to_the_whole_command(served: Served) -> None:
    done = command(served, "unknown", "-e", "abc")

    assert done.returncode not in (0, 70)
    assert "unknown" in done.stderr


def test_it_says_what_it_waits_for(served: Served) -> None:
    done = command(served, "-e", "slow")

    assert done.returncode == 0
    expected = f"waiting for the supervisor (pid {served.process.pid}): function f, 1 s\n"
    assert expected in done.stderr


def test_a_full_disk_is_told(served: Served) -> None:
    argv = [sys.executable, "-m", "sandbox", "invoke", "-q", "-e", "abc"]
    environ = {**served.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            argv, cwd=folder_of(served), env=environ, stdout=full, stderr=subprocess.PIPE,
            timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 128 + 13
    assert b"cannot write the output: No space left on device" in done.stderr


def test_it_imports_next_to_nothing(served: Served) -> None:
    """What the ratio to `python3 -c pass` in docs/benchmarks.md lives from."""
    code = (
        "import os, sys; from sandbox.cli.quick import invoke_quickly\n"
        "assert invoke_quickly(['invoke', '-q', '-e', 'abc'], os.environ) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=folder_of(served), capture_output=True, text=True,
        env={**os.environ, **served.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip

    assert done.stdout == "cba\n[]\n", done.stderr
