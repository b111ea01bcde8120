"""The fast lane reads what typer reads, or leaves it to typer."""

import sys
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cli.app import run_app
from sandbox.cli.fast import read_run
from sandbox.cli.options import RunOptions

FULL = [
    "run", "s.yaml", "f", "-e", "1", "g", "--port", "0", "--log-format", "fc", "-q", "-e", "",
    "--logger-layout", "runtime", "--log-file", "log", "--python", "python3", "--env", "prod",
    "--isolation", "strict", "--allow-degraded",
]  # fmt: skip
PLAIN = [
    ["run"],
    ["run", ""],
    ["run", "s.yaml"],
    ["run", "s.yaml", "f", "g"],
    ["run", "-e", "1"],
    ["run", "-e", ""],
    ["run", "-e", "世界 \udcff"],
    ["run", "-e", "run", "run"],
    ["run", "s.yaml", "-e", "1", "-e", "2", "-e", "1"],
    ["run", "-q", "s.yaml", "-q"],
    ["run", "--port", "65535"],
    ["run", "--port", "00080"],
    ["run", "--port", "1", "--port", "2"],
    ["run", "--log-format", "console", "--log-format", "json"],
    ["run", "--logger-layout", "doc"],
    ["run", "--log-file", ""],
    ["run", "--python", "./python"],
    ["run", "--env", "测试"],
    ["run", "--isolation", "none", "-e", "1"],
    ["run", "--allow-degraded", "s.yaml", "--isolation", "process", "--isolation", "strict"],
    ["run", "s.yaml", "-e", '{"name": "world"}', "--log-format", "fc"],
    FULL,
]
OTHER: list[list[str]] = [
    [],
    ["ps"],
    ["invoke", "-e", "1"],
    ["--version"],
    ["-q", "run"],
    ["RUN"],
    ["run", "-h"],
    ["run", "--help"],
    ["run", "-e"],
    ["run", "-e", "-"],
    ["run", "-e", "-1"],
    ["run", "-e", "@file"],
    ["run", "-e1"],
    ["run", "--set", "region=cn-hangzhou"],
    ["run", "--event", "1"],
    ["run", "--event=1"],
    ["run", "-f", "file"],
    ["run", "--events", "file"],
    ["run", "--concurrency", "2"],
    ["run", "--port"],
    ["run", "--port", "-1"],
    ["run", "--port", "65536"],
    ["run", "--port", "٣"],
    ["run", "--port", "²"],
    ["run", "--port", "1_0"],
    ["run", "--port", " 1"],
    ["run", "--port", ""],
    ["run", "--port", "9" * 5000],
    ["run", "--port=1"],
    ["run", "--log-format", "xml"],
    ["run", "--log-format", "FC"],
    ["run", "--logger-layout", "fc"],
    ["run", "--isolation", "Strict"],
    ["run", "--isolation", ""],
    ["run", "--isolation"],
    ["run", "--isolation=strict"],
    ["run", "--no-allow-degraded"],
    ["run", "--python", "-q"],
    ["run", "--log-file", "-"],
    ["run", "-qv"],
    ["run", "-v"],
    ["run", "--quiet"],
    ["run", "--"],
    ["run", "--", "-e"],
    ["run", "-"],
    ["run", "--bogus"],
]
VALUES = {
    "-e": ["1", "", "{}", "-", "-1", "@/nonexistent/file", "-q", "世界", "\udcff", "--port"],
    "--port": ["0", "9700", "65535", "65536", "-1", "", "x", "٣", "1_0", "007", "9" * 5000],
    "--log-format": ["console", "fc", "json", "xml", "FC", "", "-q"],
    "--logger-layout": ["doc", "runtime", "fc", ""],
    "--log-file": ["log", "", "-", "-e"],
    "--isolation": ["none", "process", "strict", "STRICT", "", "-q", "--allow-degraded"],
    "--python": ["python3", "/usr/bin/python3", "", "--python"],
}
WORDS = [
    "s.yaml", "f", "run", "", "a b", "-q", "--allow-degraded", "--allow", "-v", "-qq", "--", "-",
    "--por", "--port=1", "-e1",
]  # fmt: skip
PAIRS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda option: st.one_of(st.sampled_from(VALUES[option]), st.text(max_size=3)).map(
        lambda value: [option, value]
    )
)
ARGUMENTS = st.lists(
    st.one_of(
        PAIRS,
        st.sampled_from(WORDS).map(lambda word: [word]),
        st.sampled_from(sorted(VALUES)).map(lambda option: [option]),
    ),
    max_size=6,
).map(lambda parts: ["run", *(word for part in parts for word in part)])


def read_typer(arguments: list[str]) -> "tuple[int, RunOptions | None]":
    """The exit code of typer's reader, and what it handed to `run` if it came to that."""
    handed: list[RunOptions] = []

    def record(options: RunOptions, *rest: Any) -> int:
        handed.append(options)
        return 0

    with (
        mock.patch("sandbox.cli.run.run", record),
        mock.patch.object(sys, "argv", ["fcbox", *arguments]),
    ):
        code = run_app()
    return code, handed[0] if handed else None


@pytest.mark.parametrize("arguments", PLAIN, ids=repr)
def test_plain_forms(arguments: list[str]) -> None:
    """They are read here, and as typer reads them."""
    fields = read_run(arguments)

    assert fields is not None
    assert (0, RunOptions(**fields)) == read_typer(arguments)


@pytest.mark.parametrize("arguments", OTHER, ids=lambda arguments: repr(arguments)[:40])
def test_other_forms(arguments: list[str]) -> None:
    """They are typer's."""
    assert None is read_run(arguments)


def test_every_field() -> None:
    """The values as they are to be, so that both readers cannot be wrong in the same way."""
    fields = read_run(FULL)

    assert fields == {
        "config": "s.yaml",
        "functions": ("f", "g"),
        "events": (b"1", b""),
        "port": 0,
        "log_format": "fc",
        "is_quiet": True,
        "logger_layout": "runtime",
        "log_file": "log",
        "python": "python3",
        "env": "prod",
        "isolation": "strict",
        "allows_degraded": True,
    }


@given(arguments=ARGUMENTS)
def test_both_readers_agree(arguments: list[str]) -> None:
    """Whatever the fast lane reads, typer reads the same."""
    fields = read_run(arguments)

    if fields is not None:
        assert (0, RunOptions(**fields)) == read_typer(arguments)
