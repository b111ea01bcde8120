#!/usr/bin/env python3
"""Measures fcbox against what Python and its peers can do, and says which bounds it keeps.

    scripts/bench.py                      everything (some minutes)
    scripts/bench.py warm crash           these rows only
    scripts/bench.py --quick              a smoke test: one short round without peers
    scripts/bench.py --json >result.json  for machines

How to read the table. Every row lists what was measured, with the median (p50) and, where it
means something, the 99th percentile; below that stand the bounds, each with `ok`, `MISSED` or
`skipped` and the reason. A bound is nearly always on a ratio of two subjects that were measured
in the same round, one right after the other (A B C A B C ...), so a slow or busy machine shifts
both; the figure is the median over the rounds. Absolute times are for orientation.

It runs with the interpreter that it is started with, which must have fcbox's dependencies (an
environment that scripts/fcbox made will do). The peers are installed into an environment of
their own, in the user's cache.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("bench: Python 3.11 or newer is needed")

from bench import peers, report
from bench import rows as contract

_SUBJECT_LIMIT_S = 300
_ROUNDS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """0; 1 with --strict when a bound was missed or skipped."""
    options = _options(argv)
    with tempfile.TemporaryDirectory(prefix="fcbox-bench-") as scratch:
        plan = _plan(options, scratch)
        entries = contract.rows(plan)
        unknown = set(options.rows) - {entry.row.name for entry in entries}
        if unknown:
            names = ", ".join(entry.row.name for entry in entries)
            raise SystemExit(f"bench.py: no row {', '.join(sorted(unknown))}; there are: {names}")
        chosen = [entry for entry in entries if not options.rows or entry.row.name in options.rows]
        began_s = time.monotonic()
        results = _measure(plan, chosen)
        took_s = time.monotonic() - began_s
    if options.json:
        print(json.dumps({"machine": _machine(plan, took_s), "rows": report.to_json(results)}))
    else:
        print(f"{report.render(results)}\n\n{_summary(results, plan, took_s)}")
    verdicts = {verdict.verdict for result in results for verdict in result.verdicts()}
    return 1 if options.strict and verdicts != {report.OK} else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: all of them")
    parser.add_argument("--quick", action="store_true", help="one short round without peers")
    parser.add_argument("--rounds", type=int, default=0, help=f"default {_ROUNDS}; 1 with --quick")
    parser.add_argument("--no-peers", action="store_true", help="install and measure no peers")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--strict", action="store_true", help="exit 1 unless every bound is ok")
    return parser.parse_args(argv)


def _plan(options: argparse.Namespace, scratch: str) -> contract.Plan:
    found = None
    if not (options.no_peers or options.quick):
        found = peers.install(os.environ, _say)
    rounds = options.rounds or (1 if options.quick else _ROUNDS)
    fcbox = contract.command_of_fcbox(scratch)
    return contract.Plan(options.quick, rounds, found, fcbox, scratch)


def _measure(plan: contract.Plan, entries: Sequence[contract.Entry]) -> list[report.Results]:
    results = [report.Results(entry.row) for entry in entries]
    environ = contract.environment(plan.scratch)
    for number in range(plan.rounds):
        for entry, result in zip(entries, results, strict=True):
            _say(f"round {number + 1}/{plan.rounds}: {entry.row.name}")
            series: dict[str, list[float]] = {}
            for subject in entry.subjects:
                try:
                    series |= _run(subject, environ)
                except RuntimeError as exc:
                    for name in subject.series:
                        result.add_note(name, str(exc))
            result.add_round(series)
    return results


def _run(subject: contract.Subject, environ: dict[str, str]) -> dict[str, list[float]]:
    """The samples of one process. Raises RuntimeError with the reason when there are none."""
    if subject.absent:
        raise RuntimeError(subject.absent)
    module = f"bench.subjects.{subject.module}"
    argv = [subject.python, "-m", module, subject.name, json.dumps(subject.parameters)]
    try:
        done = subprocess.run(
            argv, env=environ, capture_output=True, text=True, timeout=_SUBJECT_LIMIT_S, check=True
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no end within {_SUBJECT_LIMIT_S} s") from None
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.strip().splitlines() or [f"exit status {exc.returncode}"]
        raise RuntimeError(said[-1][:100]) from None
    samples: dict[str, list[float]] = json.loads(done.stdout)
    return samples


def _machine(plan: contract.Plan, took_s: float) -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "rounds": plan.rounds,
        "quick": plan.is_quick,
        "peers": plan.peers.versions if plan.peers else {},
        "took_s": round(took_s, 1),
    }


def _summary(results: Sequence[report.Results], plan: contract.Plan, took_s: float) -> str:
    verdicts = [verdict.verdict for result in results for verdict in result.verdicts()]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in report.VERDICTS)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} CPUs"
    quick = " (a quick run: its figures prove nothing)" if plan.is_quick else ""
    return f"{counts}; {plan.rounds} rounds in {took_s:.0f} s, {machine}{quick}"


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
