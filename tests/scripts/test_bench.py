"""scripts/bench.py: the quick run covers the contract; medians, ratios and verdicts are right."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CHECKS = {
    "warm": {f"warm.{what}.{loop}" for what in ("pipe", "pools", "tail") for loop in
             ("asyncio", "uvloop")},
    "throughput": {f"throughput.{n}.{loop}" for n in (1, 2, 8) for loop in ("asyncio", "uvloop")},
    "cold": {"cold.clone", "cold.python"},
    "spare": {"spare.asyncio", "spare.uvloop"},
    "command": {"command.lambda", "command.python", "command.version"},
    "config": {"config.load"},
    "payload": {"payload.socketpair.asyncio", "payload.socketpair.uvloop", "payload.large.asyncio",
                "payload.large.uvloop", "payload.limit.event", "payload.limit.answer"},
    "crash": {"crash.told", "crash.answered"},
    "timeout": {"timeout.told", "timeout.dead"},
    "logs": {"logs.loop", "logs.kept", "logs.tagged", "logs.slow_kept", "logs.bounded"},
    "memory": {"memory.idle", "memory.small", "memory.thousand", "memory.thousand_s"},
    "walls": {"walls.process", "walls.strict", "walls.bwrap", "walls.warm.process",
              "walls.warm.strict"}
             | {f"walls.tree.{level}" for level in ("none", "process", "strict")}
             | {f"walls.left.{kind}" for kind in ("mounts", "cgroups", "processes", "files")},
    "front": {"front.call", "front.functions-framework", "front.gunicorn", "front.command"},
}  # fmt: skip
EXACT = {"logs.kept", "logs.tagged", "logs.slow_kept"} | {
    "payload.limit.answer", "payload.limit.event", "walls.left.mounts", "walls.left.cgroups",
    "walls.left.processes", "walls.left.files",
}  # fmt: skip
"""What no noise of the machine excuses."""
LEFT_OUT = {
    "command.lambda",
    "memory.thousand",
    "memory.thousand_s",
    "walls.bwrap",
    "front.functions-framework",
    "front.gunicorn",
}


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from bench import report

    yield report
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        del sys.modules[name]


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(SCRIPTS / "bench.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.timeout(180)
def test_quick_run_has_every_row() -> None:
    """Each bound of the contract is there with a verdict; those left out say why."""
    done = bench("--quick", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    checks = {row["row"]: {check["id"]: check for check in row["checks"]} for row in result["rows"]}

    assert {name: set(found) for name, found in checks.items()} == CHECKS
    found = {name: check for row in checks.values() for name, check in row.items()}
    skipped = {name for name, check in found.items() if check["verdict"] == "skipped"}
    assert skipped == LEFT_OUT, {name: found[name]["note"] for name in skipped}
    assert all(found[name]["note"] for name in skipped)
    missed = {name for name in EXACT if found[name]["verdict"] != "ok"}
    assert not missed
    assert result["machine"]["quick"] is True


@pytest.mark.timeout(120)
def test_named_rows_only() -> None:
    """The table for people has the rows that were asked for, and says how to take the figures."""
    done = bench("--quick", "crash")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("crash: ")
    assert "told / ProcessPoolExecutor" in done.stdout
    assert "warm: " not in done.stdout
    assert "its figures prove nothing" in done.stdout


def test_leftovers_are_seen(tmp_path: Path) -> None:
    """What a box leaves is counted: here a file of its function in the temp directory."""
    temp, state = tmp_path / "tmp", tmp_path / "state"
    temp.mkdir()
    path = os.pathsep.join((str(SCRIPTS), str(SCRIPTS.parent)))
    environ = {"FCBOX_STATE_DIR": str(state), "TMPDIR": str(temp), "PYTHONPATH": path}
    code = (
        "import sys; from bench.subjects import walls; made = walls.function\n"
        "walls.function = lambda handler, **changes: made(\n"
        f"    'leaves.handler', code_dir={str(tmp_path)!r}, **changes)\n"
        'sys.argv[1:] = [\'leftovers\', \'{"isolation": "none", "count": 2}\']\n'
        "walls.main(walls.SUBJECTS)"
    )
    (tmp_path / "leaves.py").write_text(
        f"def handler(event, context):\n    open({str(temp / 'left')!r}, 'w').close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "left mounts": [0], "left cgroups": [0], "left processes": [0], "left files": [1]
    }  # fmt: skip


def test_unknown_row_is_refused() -> None:
    """A misspelt row is no empty success."""
    done = bench("--quick", "wram")

    assert done.returncode != 0
    assert "no row wram; there are: warm, " in done.stderr


def make_results(report: ModuleType, *checks: object) -> object:
    line = report.Line("a", "ours", "us")
    return report.Results(report.Row("row", "title", (line,), tuple(checks)))


def test_ratio_is_taken_within_a_round(report: ModuleType) -> None:
    """A round in which all was slow shifts both sides and not their ratio."""
    check = report.Check("r", "a / b", lambda round: round.p50("a") / round.p50("b"), 2)
    results = make_results(report, check)
    for noise in (1, 10, 1):
        results.add_round({"a": [2.0 * noise], "b": [1.0 * noise]})

    assert [(v.value, v.verdict) for v in results.verdicts()] == [(2.0, "ok")]


def test_bounds_hold_in_both_directions(report: ModuleType) -> None:
    """`at most` and `at least` are not mixed up."""
    checks = [
        report.Check("most", "", lambda round: round.p50("a"), 2),
        report.Check("least", "", lambda round: round.p50("a"), 4, is_floor=True),
    ]
    results = make_results(report, *checks)
    results.add_round({"a": [3.0]})

    assert [verdict.verdict for verdict in results.verdicts()] == ["missed", "missed"]


def test_missing_series_is_skipped_with_its_reason(report: ModuleType) -> None:
    """What was not measured is never ok, and the reader learns why."""
    check = report.Check("r", "", lambda round: round.p50("a") / round.p50("b"), 2)
    results = make_results(report, check)
    results.add_note("b", "pebble: could not be installed")
    results.add_round({"a": [1.0]})
    [verdict] = results.verdicts()

    assert (verdict.verdict, verdict.value) == ("skipped", None)
    assert verdict.note == "pebble: could not be installed"


def test_pooled_tail_sees_every_round(report: ModuleType) -> None:
    """A p99 of few samples a round is taken over all of them."""
    check = report.Check("tail", "", lambda round: round.p99("a"), 5, is_pooled=True)
    results = make_results(report, check)
    for late in (1.0, 1.0, 9.0):
        results.add_round({"a": [1.0, late]})

    assert results.verdicts()[0].value == 9.0


def test_quantile_is_a_sample(report: ModuleType) -> None:
    """p99 of 100 samples is the 99th, of 5 the largest."""
    assert report.quantile(range(1, 101), 0.99) == 99
    assert report.quantile([5, 1, 4, 2, 3], 0.99) == 5
