"""Functions of a custom runtime for tests: a server from a few lines of source."""

import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from sandbox import Callback, FunctionSpec
from sandbox.core.spec import CustomRuntime, HealthCheck
from tests.boxes import PYTHON

__all__ = ["FLASK", "flask_function", "server_function"]

FLASK = """
import os, signal, sys, threading, time
from flask import Flask, request

app = Flask(__name__)
HERE = {"requests": 0, "most": 0}
LOCK = threading.Lock()
ALL_IN = threading.Barrier(3)

@app.post("/invoke")
def invoke():
    event = request.get_data()
    if event == b"headers":
        return {name.lower(): value for name, value in request.headers.items()}
    if event == b"die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if event == b"exit":
        os._exit(7)
    if event == b"hang":
        threading.Event().wait()
    if event == b"together":
        return "%d" % (ALL_IN.wait(20) >= 0)
    while event == b"wait" and not os.path.exists("go"):
        time.sleep(0.01)
    if event == b"fail":
        return "not good", 500
    if event == b"404":
        return "says so", 200, {"x-fc-status": "404"}
    if event == b"large":
        return b"l" * (33 << 20)
    if event == b"orphan":
        pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "3600")
        return str(pid)
    if event == b"port":
        return os.environ["FC_CUSTOM_LISTEN_PORT"]
    if event == b"print":
        print("printed", flush=True)
    return event

@app.post("/initialize")
def initialize():
    print("initialized", flush=True)
    if os.environ.get("INIT") == "fail":
        return "no way", 500
    return "ok"

@app.get("/pre-stop")
def pre_stop():
    print("stopped", flush=True)
    return "ok"

@app.get("/health")
def health():
    return ("no", 503) if os.environ.get("HEALTH") == "bad" else "yes"

@app.route("/<path:path>", methods=["GET", "POST"])
def page(path):
    return {"path": path, "method": request.method, "query": request.query_string.decode(),
            "control": request.headers["x-fc-control-path"], "body": request.get_data().decode(),
            "who": request.headers.get("x-fc-account-id")}, 201, {"X-Own": "1"}

app.run("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"]), threaded=True)
"""


def server_function(
    folder: Path,
    source: str,
    *,
    name: str = "f",
    file: str = "app.py",
    command: tuple[str, ...] = (PYTHON, "app.py"),
    start_timeout_s: float = 20.0,
    health_check: HealthCheck | None = None,
    hooks: bool = False,
    port: int = 9000,
    **fields: Any,
) -> FunctionSpec:
    """A function whose server is `source`."""
    code = folder / f"code-{name}"
    code.mkdir(exist_ok=True)
    path = code / file
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    os.chmod(path, 0o755)
    fields.setdefault("timeout_s", 20.0)
    if hooks:
        fields.setdefault("initializer", Callback("any", 10.0))
        fields.setdefault("pre_stop", Callback("any", 10.0))
    custom = CustomRuntime(command, port, health_check, start_timeout_s)
    return FunctionSpec(
        name, "", str(code), sys.executable, "custom.debian12", custom=custom, **fields
    )


def flask_function(folder: Path, **fields: Any) -> FunctionSpec:
    """FLASK, a real application."""
    return server_function(folder, FLASK, **fields)
