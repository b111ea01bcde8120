"""The function as the cloud runs it, on the database of the environment: python -m pytest"""

import json
from pathlib import Path

from sandbox import Sandbox

FOLDER = Path(__file__).parent
NAME = "{{ name }}"


def open_box():
    return Sandbox.from_config(str(FOLDER / "s.yaml"))


def test_rows_are_kept():
    with open_box() as box:
        first, second = (box.invoke(NAME, b'{"name": "Ada"}') for _ in range(2))

    assert first.ok, first.error
    assert json.loads(second.body)["rows"] == json.loads(first.body)["rows"] + 1


def test_one_connection_for_all_requests():
    """Opened by the Initializer; nothing fails while PreStop closes it."""
    with open_box() as box:
        events = box.events()
        logs = "".join(box.invoke(NAME, b"{}").log for _ in range(3))
    ends = [event.detail for event in events.take() if event.name == "fcbox:PreStop:End"]

    assert logs.count("connected to") == 1
    assert ends == [""]
