"""`fcbox tasks`: the asynchronous invocations of all supervisors that serve."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from sandbox.cli import exits, talk
from sandbox.cli.remote import supervisors, tasks

__all__ = ["list_tasks"]

_WIDE = 400
"""Columns for a pipe: nothing is cut that another program is to read."""


def list_tasks(environ: Mapping[str, str], is_json: bool) -> int:
    """Prints a table, or a JSON list, on stdout; gives the exit code."""
    records = supervisors(environ)
    if not records:
        talk.error("no supervisor runs", "start one: fcbox run s.yaml")
        return exits.UNAVAILABLE
    try:
        found = tasks(records)
    except TimeoutError as exc:
        talk.error(str(exc), "is it stopped? `fg` in its terminal lets it go on")
        return exits.UNAVAILABLE
    if is_json:
        print(json.dumps(found, indent=2))
    else:
        _print_table(found)
    return 0


def _print_table(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from sandbox.config.messages.diagnostics import harmless

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "function", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("attempts", "accepted"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("error", no_wrap=True)
    for item in found:
        table.add_row(
            item["task_id"],
            item["function"],
            item["status"],
            f"{item['attempts']} of {item['most_attempts']}",
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item["accepted_s"])),
            harmless(item["error"].partition("\n")[0]),
        )
    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, highlight=False, markup=False).print(table)
