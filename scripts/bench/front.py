"""The row `front`: what HTTP adds to a call, how many come through, how long the command takes."""

import os
import sys

from bench.peers import find_program
from bench.plan import Entry, Plan, Subject, ratio
from bench.report import Check, Line, Row

__all__ = ["entry"]

_WORKERS = 2
_PEERS = {
    "functions-framework": ["--target=echo_http", "--source=peer.py", "--port={port}"],
    "gunicorn": [f"--workers={_WORKERS}", "--worker-class=sync", "--bind=127.0.0.1:{port}",
                 "peer:echo_wsgi"],
}  # fmt: skip


def entry(plan: Plan) -> Entry:
    """The row."""
    lines = (
        Line("http", "a call over a kept connection", "us"),
        Line("in process", "the same call in the process, uvloop", "us"),
        Line("fcbox", f"fcbox, 32 connections, {_WORKERS} instances", "/s", False),
        *(Line(name, f"{name}, the same, {_WORKERS} workers", "/s", False) for name in _PEERS),
        Line("invoke", "fcbox invoke, a supervisor runs", "ms"),
        Line("python", "python3 -c pass", "ms"),
    )
    checks = (
        Check("front.call", "HTTP / in the process", ratio("http", "in process"), 4),
        *(Check(f"front.{name}", f"requests/s / {name}", ratio("fcbox", name), 1, is_floor=True)
          for name in _PEERS),
        Check("front.command", "fcbox invoke / python3 -c pass", ratio("invoke", "python"), 5),
    )  # fmt: skip
    row = Row("front", "front: the same over HTTP, and from the shell", lines, checks)
    return Entry(row, (*_calls(plan), *_loads(plan), *_commands(plan)))


def _calls(plan: Plan) -> list[Subject]:
    calls = plan.size(2000, 100)
    warm = {"loop": "uvloop", "calls": calls, "series": "in process"}
    return [
        Subject("front", "call", {"argv": plan.fcbox, "calls": calls}, ("http",)),
        Subject("calls", "warm", warm, ("in process",)),
    ]


def _loads(plan: Plan) -> list[Subject]:
    absent = "peers are left out (--no-peers, --quick)"
    if plan.peers:
        absent = "" if find_program("wrk", "wrk", os.environ) else "wrk could not be installed"
    seconds = plan.size(4, 1)
    ours: dict[str, object] = {"argv": plan.fcbox, "workers": _WORKERS, "seconds": seconds}
    found = [Subject("front", "load", ours, ("fcbox",), absent=absent)]
    for name, arguments in _PEERS.items():
        command = plan.peers.command(name) if plan.peers else name
        parameters: dict[str, object] = {
            "series": name, "argv": [command, *arguments], "seconds": seconds,
            "environ": {"WORKERS": str(_WORKERS)},
        }  # fmt: skip
        why = absent or (plan.peers.why_not(name) if plan.peers else "")
        python = plan.peers.python if plan.peers else sys.executable
        found.append(Subject("peer", "load", parameters, (name,), python, why))
    return found


def _commands(plan: Plan) -> list[Subject]:
    count = plan.size(10, 3)
    python = {"series": "python", "argv": [sys.executable, "-c", "pass"], "count": count}
    return [
        Subject("front", "command", {"argv": plan.fcbox, "count": count}, ("invoke",)),
        Subject("plain", "command", python, ("python",)),
    ]
