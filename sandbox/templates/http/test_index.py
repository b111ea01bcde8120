"""The function as the cloud runs it, in a process of its own: python -m pytest"""

import base64
import json
from pathlib import Path

import pytest

from sandbox import Sandbox

FOLDER = Path(__file__).parent
NAME = "{{ name }}"


@pytest.fixture(scope="module")
def box():
    with Sandbox.from_config(str(FOLDER / "s.yaml")) as opened:
        yield opened


@pytest.fixture
def event():
    """A GET of /?name=world, to be changed at will."""
    return json.loads((FOLDER / "event.json").read_text(encoding="utf-8"))


def ask(box, event):
    result = box.invoke(NAME, json.dumps(event).encode())
    assert result.ok, result.error
    return json.loads(result.body)


def test_greets(box, event):
    answer = ask(box, event)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert json.loads(answer["body"]) == {"greeting": "hello, world"}


def test_echoes_bytes(box, event):
    body = base64.b64encode(b"\x00\xff").decode()
    event.update(rawPath="/echo", body=body, isBase64Encoded=True)
    event["headers"]["content-type"] = "image/x-demo"
    event["requestContext"]["http"].update(method="POST", path="/echo")

    assert ask(box, event) == {
        "statusCode": 200,
        "headers": {"Content-Type": "image/x-demo"},
        "body": body,
        "isBase64Encoded": True,
    }


def test_unknown_path(box, event):
    event["rawPath"] = "/nowhere"

    assert ask(box, event)["statusCode"] == 404
