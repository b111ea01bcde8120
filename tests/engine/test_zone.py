"""The time zone that a function reads its clock in."""

import json
from pathlib import Path

import pytest

from sandbox.core.spec import BoxSettings
from tests.boxes import open_box, write_function

SOURCE = """
import time

def handler(event, context):
    return [time.localtime(0).tm_hour, time.strftime("%Z", time.localtime(0)), list(time.tzname)]
"""
ZONES = {"UTC+3": [21, "UTC", ["UTC", "UTC"]], "FAR-9": [9, "FAR", ["FAR", "FAR"]]}


@pytest.mark.parametrize("level", ["none", "process", "strict"])
def test_own_zone(tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own, or else fcbox's; each from the first line of its module on."""
    monkeypatch.setenv("TZ", "UTC+3")
    specs = [
        write_function(tmp_path, SOURCE, name="host"),
        write_function(tmp_path, SOURCE, name="own", environment={"TZ": "FAR-9"}),
    ]

    with open_box(tmp_path, specs, BoxSettings(isolation=level)) as box:
        found = [json.loads(box.invoke(name).body) for name in ("host", "own", "host")]

    assert found == [ZONES["UTC+3"], ZONES["FAR-9"], ZONES["UTC+3"]]
