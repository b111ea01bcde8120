"""The function as the cloud runs it, in processes of its own: python -m pytest"""

from pathlib import Path

from sandbox import Sandbox

FOLDER = Path(__file__).parent
NAME = "{{ name }}"


def open_box():
    return Sandbox.from_config(str(FOLDER / "s.yaml"))


def test_greets():
    with open_box() as box:
        result = box.invoke(NAME, (FOLDER / "event.json").read_bytes())

    assert (result.ok, result.body) == (True, b"hello, world")
    assert "greeting world" in result.log


def test_what_is_no_json_is_an_error():
    with open_box() as box:
        result = box.invoke(NAME, b"{")

    assert result.error["errorType"] == "JSONDecodeError"


def test_one_life():
    """The Initializer and PreStop run once, however many requests there are."""
    with open_box() as box:
        events = box.events()
        first, second = (box.invoke(NAME, b"{}") for _ in range(2))
    names = [event.name for event in events.take()]

    assert (first.is_cold_start, second.is_cold_start) == (True, False)
    assert names.count("fcbox:Initialize:Start") == names.count("fcbox:PreStop:End") == 1
