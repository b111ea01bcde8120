"""What the tests of the management API share: packages, and requests in JSON."""

import base64
import io
import json
import textwrap
import zipfile
from typing import Any

from tests.http.serving import Answer, Served

__all__ = ["API", "code_of", "new_function", "send", "zip_of"]

API = "/2023-03-30"


def zip_of(source: str, **others: bytes) -> bytes:
    """A package with `source` as its index.py."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
        for name, data in others.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def code_of(source: str) -> dict[str, str]:
    """The `code` of a create or update."""
    return {"zipFile": base64.b64encode(zip_of(source)).decode()}


def new_function(name: str, source: str = "def handler(event, context): pass", **more: Any) -> Any:
    """The body of CreateFunction."""
    return {
        "functionName": name,
        "runtime": "python3.10",
        "handler": "index.handler",
        "code": code_of(source),
        **more,
    }


def send(served: Served, method: str, path: str, body: Any = None) -> Answer:
    """A request of the latest version; `path` is below it, unless it begins with a version."""
    target = path if path.startswith("/20") else API + path
    data = None if body is None else json.dumps(body).encode()
    return served.ask(method, target, data)
