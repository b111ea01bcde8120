"""Help and tables on a full disk: told in words, exit 141, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.boxes import environ_of
from tests.http.serving import ROOT, serving, write_config

TOLD = "error: cannot write the output: No space left on device\n"


def to_full(folder: Path, *arguments: str) -> tuple[int, str]:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, env=environ_of(folder),
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["generate-event"], ["generate-event", "oss"]]
)
def test_help_and_events(tmp_path: Path, arguments: list[str]) -> None:
    assert to_full(tmp_path, *arguments) == (141, TOLD)


def test_the_table_of_instances(tmp_path: Path) -> None:
    config = write_config(tmp_path, "def handler(event, context): pass")
    with serving(tmp_path, config) as served:
        served.invoke()

        assert to_full(tmp_path, "ps") == (141, TOLD)
        assert to_full(tmp_path, "ps", "--json") == (141, TOLD)
