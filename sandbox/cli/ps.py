"""`fcbox ps`: the instances of all supervisors that serve."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from sandbox.cli import exits, talk
from sandbox.cli.remote import instances, supervisors

__all__ = ["ps"]

_WIDE = 400
"""Columns for a pipe: nothing is cut that another program is to read."""


def ps(environ: Mapping[str, str], is_json: bool) -> int:
    """Prints a table, or a JSON list, on stdout; gives the exit code."""
    records = supervisors(environ)
    if not records:
        talk.error("no supervisor runs", "start one: fcbox run s.yaml")
        return exits.UNAVAILABLE
    try:
        found = instances(records)
    except TimeoutError as exc:
        talk.error(str(exc), "is it stopped? `fg` in its terminal lets it go on")
        return exits.UNAVAILABLE
    for item in found:
        item["memory_mb"] = _memory_mb(item)
    if is_json:
        talk.show(json.dumps(found, indent=2) + "\n")
    else:
        _print_table(found)
    return 0


def _memory_mb(item: Mapping[str, Any]) -> float:
    """What it has in memory now; the most it ever had when its process cannot be looked at."""
    import psutil

    try:
        resident: int = psutil.Process(item["pid"]).memory_info().rss
    except (psutil.Error, ValueError):
        return float(item["memory_mb"])
    return round(resident / (1 << 20), 2)


def _print_table(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "function", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("pid", "age", "invocations", "memory"):
        table.add_column(name, no_wrap=True, justify="right")
    for item in found:
        table.add_row(
            item["id"],
            item["function"],
            item["state"],
            str(item["pid"] or "-"),
            _age(item["age_s"]),
            str(item["invocations"]),
            f"{item['memory_mb']:.1f} MB",
        )
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(width=width, highlight=False)
    with console.capture() as printed:
        console.print(table)
    talk.show(printed.get())


def _age(age_s: float) -> str:
    minutes, seconds = divmod(int(age_s), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
