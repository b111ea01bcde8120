"""What the runtime stands on is taken away: its descriptors, the code directory."""

import re
import shutil
from pathlib import Path

import pytest

from tests.boxes import ENDS, PYTHONS, error_text, open_box, write_function
from tests.worker.test_forks import NEWEST

ends = pytest.mark.parametrize("version", sorted({*ENDS, NEWEST}))
OURS = re.compile(r"worker/\w+\.py|Traceback|Logging error")
CLOSES = """
import logging, os

def handler(event, context):
    if event:
        os.closerange(3, 4096)
        logging.getLogger().info("still there")
        if event == b"raise":
            raise ValueError("on purpose")
    return "fine"
"""


@ends
@pytest.mark.parametrize("event", [b"return", b"raise"])
def test_descriptors_are_closed(tmp_path: Path, version: str, event: bytes) -> None:
    """One line says so; the function's records are kept; the next request is served."""
    with open_box(tmp_path, write_function(tmp_path, CLOSES, python=PYTHONS[version])) as box:
        lost, next_one = box.invoke("f", event), box.invoke("f")

    assert "Process exited unexpectedly" in error_text(lost)
    assert OURS.search(lost.log) is None, lost.log
    assert "still there" in lost.log
    assert lost.log.count("closed or used a descriptor of the runtime: [Errno 9]") == 1
    assert ('"errorType": "ValueError"' in lost.log) == (event == b"raise")
    assert next_one.body == b"fine"


@ends
def test_timeout_after_descriptors_were_closed(tmp_path: Path, version: str) -> None:
    """The stack dump still comes, without anything of ours."""
    source = CLOSES.replace('return "fine"', "import time; time.sleep(60)")
    spec = write_function(tmp_path, source, python=PYTHONS[version], timeout_s=1)
    with open_box(tmp_path, spec) as box:
        result = box.invoke("f", b"x")

    assert OURS.search(result.log) is None, result.log


@ends
def test_code_directory_vanishes(tmp_path: Path, version: str) -> None:
    """The next instance cannot start, and the caller reads why; when it is back, all is well."""
    source = "def handler(event, context):\n    return 'fine'\n"
    spec = write_function(tmp_path, source, python=PYTHONS[version])
    with open_box(tmp_path, spec) as box:
        assert box.invoke("f").body == b"fine"
        shutil.rmtree(spec.code_dir)
        box.recycle("f")
        lost = box.invoke("f")
        write_function(tmp_path, source)
        found = box.invoke("f")

    assert lost.error == {
        "errorType": "RuntimeError",
        "errorMessage": f"cannot enter the code directory {spec.code_dir}: "
        "No such file or directory",
    }
    assert OURS.search(lost.log) is None, lost.log
    assert found.body == b"fine"


@ends
def test_environment_that_cannot_be(tmp_path: Path, version: str) -> None:
    """From the Python API, where no s.yaml was checked."""
    source = "def handler(event, context): return 'fine'"
    spec = write_function(tmp_path, source, python=PYTHONS[version], environment={"A": "x\0y"})
    with open_box(tmp_path, spec) as box:
        lost = box.invoke("f")

    assert lost.error is not None
    assert lost.error["errorType"] == "RuntimeError"
    assert lost.error["errorMessage"].startswith("cannot set the environment: ")
    assert OURS.search(lost.log) is None, lost.log
