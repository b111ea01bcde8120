"""The row on the isolation levels: what walls cost, how a tree is killed, and what is left.

All levels are measured in the same round, one right after the other. The other rows run at the
level that a user gets without asking.
"""

import os
import sys

from bench.peers import find_bubblewrap
from bench.plan import Entry, Plan, Subject, ratio
from bench.report import Check, Line, Row

__all__ = ["entry"]

LEVELS = ("none", "process", "strict")
LEFT = ("mounts", "cgroups", "processes", "files")
_TREE = 50


def entry(plan: Plan) -> Entry:
    """The row, and who is measured for it."""
    count = plan.size(200, 10)
    lines = [Line("bwrap", "bwrap --unshare-all --ro-bind / / python3 -c pass", "ms")]
    for level in LEVELS:
        lines += [
            Line(f"ready {level}", f"{level}, invoked to READY (Initializer run)", "ms"),
            Line(f"warm {level}", f"{level}, a warm call", "us"),
            Line(f"tree {level}", f"{level}, {_TREE} processes killed, to the death told", "ms"),
        ]
    checks = (*_start_checks(), *_call_checks(), *_tree_checks(), *_left_checks(count))
    row = Row("walls", "walls: the isolation levels", tuple(lines), checks)
    return Entry(row, (*_subjects(plan), _leftovers(count)))


def _subjects(plan: Plan) -> list[Subject]:
    ready: dict[str, object] = {"count": plan.size(30, 5)}
    calls: dict[str, object] = {"loop": "asyncio", "calls": plan.size(2000, 100)}
    tree: dict[str, object] = {"size": _TREE, "count": plan.size(20, 3)}
    at: dict[str, dict[str, object]] = {level: {"isolation": level} for level in LEVELS}
    return [
        *(Subject("lives", "cold", ready | at[level], (f"ready {level}",)) for level in LEVELS),
        _bubblewrap(plan),
        *(Subject("calls", "warm", calls | at[level] | {"series": f"warm {level}"},
                  (f"warm {level}",)) for level in LEVELS),
        *(Subject("walls", "kill_tree", tree | at[level], (f"tree {level}",)) for level in LEVELS),
    ]  # fmt: skip


def _bubblewrap(plan: Plan) -> Subject:
    absent, path = "peers are left out (--no-peers, --quick)", None
    if plan.peers:
        absent, path = "bubblewrap could not be installed", find_bubblewrap(os.environ)
    argv = [path or "bwrap", "--unshare-all", "--ro-bind", "/", "/", sys.executable, "-c", "pass"]
    parameters = {"series": "bwrap", "argv": argv, "count": plan.size(10, 3)}
    return Subject("plain", "command", parameters, ("bwrap",), absent="" if path else absent)


def _leftovers(count: int) -> Subject:
    parameters: dict[str, object] = {"isolation": "strict", "count": count}
    return Subject("walls", "leftovers", parameters, tuple(f"left {kind}" for kind in LEFT))


def _start_checks() -> list[Check]:
    return [
        Check("walls.process", "READY, process / none", ratio("ready process", "ready none"), 2.5),
        Check("walls.strict", "READY, strict more than none",
              lambda round: (round.p50("ready strict") - round.p50("ready none")) * 1e3,
              10, unit="ms"),
        Check("walls.bwrap", "READY, strict / bwrap", ratio("ready strict", "bwrap"), 0.5),
    ]  # fmt: skip


def _call_checks() -> list[Check]:
    return [
        Check(f"walls.warm.{level}", f"a warm call, {level} / none",
              ratio(f"warm {level}", "warm none"), 1.1)
        for level in LEVELS[1:]
    ]  # fmt: skip


def _tree_checks() -> list[Check]:
    return [
        Check(f"walls.tree.{level}", f"tree of {_TREE} killed, p99, {level}",
              lambda round, level=level: round.p99(f"tree {level}") * 1e3,
              100, unit="ms", is_pooled=True)
        for level in LEVELS
    ]  # fmt: skip


def _left_checks(count: int) -> list[Check]:
    return [
        Check(f"walls.left.{kind}", f"{kind} left of {count} strict instances",
              lambda round, kind=kind: max(round.samples(f"left {kind}")),
              0, unit="", is_pooled=True)
        for kind in LEFT
    ]  # fmt: skip
