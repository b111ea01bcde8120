"""Events that the command line cannot take, as processes: nothing is started for them."""

from pathlib import Path

import pytest

from sandbox.core.spec import MAX_EVENT_BYTES
from tests.configs.commands import fcbox
from tests.http.serving import write_config

SOURCE = """
    def handler(event, context):
        return str(len(event))
"""
LIMIT = "payload size exceeds maximum allowed size (33554432 bytes)"


@pytest.mark.parametrize("way", ["-f", "-e", "stdin", "--events"])
@pytest.mark.parametrize("command", ["run", "invoke"])
def test_an_event_that_is_too_large_is_told(tmp_path: Path, command: str, way: str) -> None:
    """Exit 2, and which one it is; the cloud's own words."""
    config = str(write_config(tmp_path, SOURCE))
    event = tmp_path / "event"
    event.write_bytes((b"1\n" if way == "--events" else b"") + b"x" * (MAX_EVENT_BYTES + 1))
    where = {"stdin": "standard input", "--events": f"{event}, line 2"}.get(way, str(event))
    arguments = {"stdin": ["-e", "-"], "-e": ["-e", f"@{event}"]}.get(way, [way, str(event)])
    start = ["run", config] if command == "run" else ["invoke", "-c", config]
    ran = fcbox(tmp_path, *start, *arguments, stdin=event.read_bytes() if way == "stdin" else b"")

    assert (ran.code, ran.out, ran.err) == (2, b"", f"error: {where}: {LIMIT}\n")


def test_an_event_of_the_largest_size_is_none_too_many(tmp_path: Path) -> None:
    """The limit itself is allowed, in a file and in a line of one."""
    config = str(write_config(tmp_path, SOURCE))
    event = tmp_path / "event"
    event.write_bytes(b"x" * MAX_EVENT_BYTES)
    lines = tmp_path / "lines"
    lines.write_bytes(b"x" * MAX_EVENT_BYTES + b"\n")
    ran = fcbox(tmp_path, "run", config, "-f", str(event), "--events", str(lines), "-q")

    assert (ran.code, ran.lines) == (0, [str(MAX_EVENT_BYTES)] * 2)
