"""Children that the function's code forks: they never speak for the instance."""

import json
from pathlib import Path

import pytest

from tests.boxes import ENDS, PYTHONS, open_box, write_function

NEWEST = max(PYTHONS, key=lambda version: int(version.split(".")[1]))
ends = pytest.mark.parametrize("version", sorted({*ENDS, NEWEST}))
RETURNS = """
import os

def handler(event, context):
    os.fork()
    return event
"""
FORKS = """
import os, sys

def handler(event, context):
    read, write = os.pipe()
    if os.fork() == 0:
        print("in the child", end="")
        leave(write)
        return "the child's"
    os.close(write)
    assert os.read(read, 1) == b""
    return os.wait()[1] >> 8

def leave(write):
    {leave}
"""


@ends
def test_child_that_returns(tmp_path: Path, version: str) -> None:
    """Three requests, three right answers, by one instance."""
    with open_box(tmp_path, write_function(tmp_path, RETURNS, python=PYTHONS[version])) as box:
        results = [box.invoke("f", event) for event in (b"1", b"2", b"3")]

    assert [(each.body, each.error) for each in results] == [
        (b"1", None), (b"2", None), (b"3", None),
    ]  # fmt: skip
    assert len({each.instance_id for each in results}) == 1
    assert all("Traceback" not in each.log for each in results)


@ends
@pytest.mark.parametrize(
    ("leave", "status", "says"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('no luck')", 1, "no luck"),
        ("raise ValueError('on purpose')", 1, '"errorType": "ValueError"'),
    ],
)
def test_status_of_a_child_that_comes_back(
    tmp_path: Path, version: str, leave: str, status: int, says: str
) -> None:
    """What it printed is in the log, no atexit hook runs, and the instance goes on."""
    source = "import atexit\natexit.register(print, 'hook')\n" + FORKS.format(leave=leave)
    with open_box(tmp_path, write_function(tmp_path, source, python=PYTHONS[version])) as box:
        results = [box.invoke("f") for _ in range(3)]

    assert [json.loads(each.body) for each in results] == [status] * 3, results[0].log
    for each in results:
        assert each.log.count("in the child") == 1
        assert says in each.log
        assert "hook" not in each.log


@ends
def test_signal_to_a_child(tmp_path: Path, version: str) -> None:
    """A pool ends its workers by SIGTERM: they are not an instance whose time is up."""
    source = """
    import multiprocessing, time

    def work(pipe):
        pipe.send("up")  # CPython forgets a signal that comes before the fork is over
        time.sleep(60)

    def handler(event, context):
        ours, its = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=work, args=(its,))
        child.start()
        ours.recv()
        child.terminate()
        child.join()
        return child.exitcode
    """
    with open_box(tmp_path, write_function(tmp_path, source, python=PYTHONS[version])) as box:
        result = box.invoke("f")

    assert result.body == b"-15"
    assert "Dumping" not in result.log
