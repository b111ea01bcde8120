"""Which supervisor `fcbox invoke` takes, and what it says while it talks to one."""

import json
import re
from pathlib import Path

import pytest

from tests.configs.commands import Ran, started
from tests.http.serving import serving, write_config

SOURCE = """
    import time

    def handler(event, context):
        time.sleep(float(event or 0))
        return context.function.name
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two functions, f and g."""
    path = write_config(tmp_path, SOURCE)
    document = json.loads(path.read_text())
    props = {**document["resources"]["f"]["props"], "functionName": "g"}
    document["resources"]["g"] = {"component": "fc3", "props": props}
    path.write_text(json.dumps(document))
    return path


def invoke(folder: Path, config: Path, function: str, *arguments: str) -> Ran:
    with started(folder, "invoke", function, "-c", str(config), *arguments) as process:
        out, err = process.communicate(timeout=20)
    return Ran(process.returncode, out, err.decode())


def test_a_supervisor_of_other_functions_is_passed_over(tmp_path: Path, config: Path) -> None:
    """The newest one serves f only: g goes to the older one."""
    with serving(tmp_path, config, "g") as older, serving(tmp_path, config, "f") as newer:
        ran = invoke(tmp_path, config, "g", "-q")
        counts = [len(served.instances()) for served in (older, newer)]

    assert (ran, counts) == (Ran(0, b"g\n", ""), [1, 0])


def test_without_one_that_serves_it_it_is_one_shot(tmp_path: Path, config: Path) -> None:
    """Not a 404 of a supervisor that serves something else."""
    with serving(tmp_path, config, "f") as served:
        ran = invoke(tmp_path, config, "g", "-q")
        instances = served.instances()

    assert (ran, instances) == (Ran(0, b"g\n", ""), [])


def test_options_without_effect_are_told(tmp_path: Path, config: Path) -> None:
    """In one line, and only those that were given."""
    log = tmp_path / "log"
    with serving(tmp_path, config) as served:
        pid = served.process.pid
        plain = invoke(tmp_path, config, "f", "-q")
        options = ["--log-format", "json", "--log-file", str(log), "--isolation", "strict"]
        ran = invoke(tmp_path, config, "f", "-q", *options, "--allow-degraded")

    said = (
        f"the running supervisor (pid {pid}) has its own settings, not: "
        "--log-format, --log-file, --isolation, --allow-degraded"
    )
    assert (plain.err, ran.err, ran.code, log.exists()) == ("", f"{said}\n", 0, False)


def test_it_says_what_it_waits_for(tmp_path: Path, config: Path) -> None:
    """Once a second; not when it is quiet."""
    with serving(tmp_path, config) as served:
        pid = served.process.pid
        ran = invoke(tmp_path, config, "f", "-e", "2.5")
        quiet = invoke(tmp_path, config, "f", "-e", "1.5", "-q")

    said = re.findall("^waiting .*", ran.err, re.MULTILINE)
    assert said == [
        f"waiting for the supervisor (pid {pid}): function f, {seconds} s" for seconds in (1, 2)
    ]
    assert quiet == Ran(0, b"f\n", "")
