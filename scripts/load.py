#!/usr/bin/env python3
"""Loads the HTTP side while workers are killed, and sees that nothing is lost.

    scripts/load.py                       60 s, 32 connections, 2 instances
    scripts/load.py --seconds 10 --seed 42

A supervisor (`fcbox run`) serves one function. Each of the kept connections sends one request after
the other, with an id of its own; the function writes the id to a file, sleeps a few milliseconds
and answers with it. Meanwhile random workers get SIGKILL. Afterwards:

1. Every request got exactly one outcome: its own id, or an error that the documentation has.
2. No request ran twice, and each good answer stands for one that ran.
3. The supervisor's memory is flat: what it held after a quarter of the time, and at the end.
4. It has no more descriptors than before, with the same connections and instances.
5. It has no dead child, and after its end no process of it is left.

It exits with 1 when one of them does not hold.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from load.checks import (
    Held,
    check_end,
    check_held,
    check_memory,
    check_outcomes,
    check_runs,
    describe,
)
from load.client import PATIENCE_S, Connection, Killer, Load, instances
from load.served import POLL_S, START_S, Supervisor, write_project

_SLOW_CALL_S = 0.02
_LOOKS = 50
_MOST_SHOWN = 5


class Figures(NamedTuple):
    """What one run gave."""

    load: Load
    killer: Killer
    before: Held
    after: Held
    early_kb: int
    late_kb: int
    surplus: list[str]
    took_s: float


async def measure(supervisor: Supervisor, options: argparse.Namespace) -> Figures:
    """The load, between two moments of calm."""
    load, killer = Load(options), Killer(options)
    async with contextlib.AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(Connection(supervisor.port))
            for _ in range(options.connections)
        ]
        admin = await stack.enter_async_context(Connection(supervisor.port))
        before = await calm_down(supervisor, load, connections, admin, options.instances)
        killing = asyncio.create_task(killer.run(admin))
        began_s = time.monotonic()
        await load.run(connections, options.seconds / 4)
        early_kb = supervisor.resident_kb()
        await load.run(connections, options.seconds * 3 / 4)
        late_kb, took_s = supervisor.resident_kb(), time.monotonic() - began_s
        killer.is_over = True
        await killing
        after = await calm_down(supervisor, load, connections, admin, options.instances)
        surplus = [
            f"beyond the answers came {more[:100]!r}"
            for connection in connections
            if (more := await connection.surplus())
        ]
    return Figures(load, killer, before, after, early_kb, late_kb, surplus, took_s)


async def calm_down(
    supervisor: Supervisor,
    load: Load,
    connections: Sequence[Connection],
    admin: Connection,
    count: int,
) -> Held:
    """What the supervisor holds when all connections are open and all instances idle."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            # All of them at once, and slow ones: they take as many instances as there may be.
            async with asyncio.TaskGroup() as group:
                for connection in connections:
                    group.create_task(load.call(connection, _SLOW_CALL_S))
            for _ in range(_LOOKS):
                found = [record["state"] for record in await instances(admin)]
                if found == ["IDLE"] * count:
                    return supervisor.held()
                await asyncio.sleep(POLL_S)


async def run(options: argparse.Namespace) -> int:
    """One run; 0 when everything held."""
    with tempfile.TemporaryDirectory(prefix="fcbox-load-") as name:
        folder = Path(name)
        supervisor = await Supervisor.start(folder, write_project(folder, options.instances))
        try:
            figures = await measure(supervisor, options)
            code = await supervisor.end()
            findings = judge(figures, code, supervisor)
        finally:
            if supervisor.process.returncode is None:
                supervisor.process.kill()
                await supervisor.process.wait()
    print(summary(figures))
    for text, problems in findings.items():
        print(f"  {'FAILED' if problems else 'ok':8}{text}")
        for problem in problems[:_MOST_SHOWN]:
            print(f"            {problem}")
        if len(problems) > _MOST_SHOWN:
            print(f"            and {len(problems) - _MOST_SHOWN} more")
    return 1 if any(findings.values()) else 0


def judge(figures: Figures, code: int, supervisor: Supervisor) -> dict[str, list[str]]:
    """The checks, each with what it found wrong."""
    calls = figures.load.calls
    return {
        "every request got exactly one outcome": check_outcomes(calls) + figures.surplus,
        "no request ran twice": check_runs(calls, supervisor.ran()),
        "the supervisor's memory is flat": check_memory(figures.early_kb, figures.late_kb),
        "no descriptor and no dead child is left": check_held(figures.before, figures.after),
        "it ended in good order, no process is left": check_end(code, supervisor.left()),
    }


def summary(figures: Figures) -> str:
    """What happened, in a few lines."""
    calls, kills = figures.load.calls, figures.killer.kills
    outcomes = Counter(describe(call.answer) for call in calls)
    times_s = sorted(call.took_s for call in calls)
    p50_ms, p99_ms = (times_s[int(len(times_s) * share)] * 1000 for share in (0.5, 0.99))
    rows = {
        "outcomes": _counts(outcomes),
        "killed": f"{kills.total()} workers ({_counts(kills)})",
        "supervisor": f"{figures.early_kb / 1024:.1f} MB, at the end {figures.late_kb / 1024:.1f};"
        f" {figures.before.descriptors} descriptors, at the end {figures.after.descriptors}",
        "time": f"{figures.took_s:.1f} s, {len(calls) / figures.took_s:.0f} requests/s, "
        f"p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, longest {times_s[-1] * 1000:.0f} ms",
    }
    return "\n".join(f"  {name:12}{text}" for name, text in rows.items())


def _counts(counts: Mapping[str, int]) -> str:
    pairs = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count}" for name, count in pairs) or "none"


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = "(default %(default)s)"
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help=default)
    parser.add_argument("--connections", type=int, default=32, metavar="N", help=default)
    parser.add_argument("--instances", type=int, default=2, metavar="N", help=default)
    parser.add_argument("--kill-every-ms", type=float, default=100, metavar="MS",
                        help="mean time between two kills (default %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    options = parser.parse_args(argv)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(argv)
    print(f"load: seed {options.seed}, {options.seconds:g} s, {options.connections} connections "
          f"on {options.instances} instances", flush=True)  # fmt: skip
    # A supervisor that hangs is a failure as well: all stacks on stderr, exit status 1.
    faulthandler.dump_traceback_later(START_S + 5 * PATIENCE_S + options.seconds, exit=True)
    try:
        return asyncio.run(run(options))
    finally:
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    sys.exit(main())
