"""`fcbox ps`, as a process beside a real supervisor."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.boxes import environ_of
from tests.http.serving import ROOT, serving, write_config

SOURCE = "def handler(event, context): return bytearray(30 << 20) and 'served'"


def ps(environ: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sandbox", "ps", *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(environ), capture_output=True, text=True)


def test_without_a_supervisor_it_says_how_to_start_one(tmp_path: Path) -> None:
    for arguments in ([], ["--json"]):
        ended = ps(environ_of(tmp_path), *arguments)

        assert ended.returncode == 69
        assert ended.stdout == ""
        assert ended.stderr == ("error: no supervisor runs\n\nhint: start one: fcbox run s.yaml\n")


def test_the_table_has_a_line_for_each_instance(tmp_path: Path) -> None:
    with serving(tmp_path, write_config(tmp_path, SOURCE)) as served:
        instance_id = served.invoke().headers["x-fc-instance-id"]
        (instance,) = served.instances()
        ended = ps(served.environ)

        assert (ended.returncode, ended.stderr) == (0, "")
        head, row = ended.stdout.splitlines()
        assert head.split() == [
            "id", "function", "state", "pid", "age", "invocations", "memory",
        ]  # fmt: skip
        assert re.fullmatch(
            rf"{instance_id} +f +IDLE +{instance['pid']} +\d s +1 +\d+\.\d MB", row.strip()
        )


def test_json_has_what_is_in_memory_now(tmp_path: Path) -> None:
    with serving(tmp_path, write_config(tmp_path, SOURCE)) as served:
        served.invoke()
        (most,) = served.instances()
        ended = ps(served.environ, "--json")

        (item,) = json.loads(ended.stdout)
        assert list(item) == [*most, "config"]
        assert item["id"] == most["id"]
        # The 30 MB of the handler are given back by now.
        assert 2 < item["memory_mb"] < 30 < most["memory_mb"]


def test_a_supervisor_without_instances_is_an_empty_list(tmp_path: Path) -> None:
    with serving(tmp_path, write_config(tmp_path, SOURCE)) as served:
        ended = ps(served.environ, "--json")

        assert (ended.returncode, ended.stdout) == (0, "[]\n")
