"""The contract: what is compared with what, and every bound.

A `Plan` says how much is measured; `rows(plan)` gives each row with its subjects, which are run
one after the other in every round, each in a process of its own.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench import front, walls
from bench.plan import Entry, Plan, Subject, ratio
from bench.report import Check, Line, Row

__all__ = ["Entry", "Plan", "Subject", "command_of_fcbox", "environment", "rows"]

ROOT = Path(__file__).resolve().parents[2]
LOOPS = ("asyncio", "uvloop")
WORKERS = (1, 2, 8)
_HELLO = str(ROOT / "configs" / "hello" / "s.yaml")
_FUNCTIONS = ROOT / "scripts" / "bench" / "functions"


def command_of_fcbox(scratch: str) -> list[str]:
    """The `fcbox` beside this interpreter, else what an installer would write for this checkout."""
    installed = Path(sys.executable).parent / "fcbox"
    if installed.exists():
        return [sys.executable, "-I", str(installed)]
    script = Path(scratch, "fcbox")
    script.write_text(
        f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from sandbox.__main__ import main\n\nsys.exit(main())\n"
    )
    return [sys.executable, "-I", str(script)]


def rows(plan: Plan) -> list[Entry]:
    """All of them, in the order of the contract."""
    makers: list[Callable[[Plan], Entry]] = [
        _warm, _throughput, _cold, _spare, _command, _config, _payload, _crash, _timeout, _logs,
        _memory, walls.entry, front.entry,
    ]  # fmt: skip
    return [maker(plan) for maker in makers]


def _peer(plan: Plan, package: str) -> tuple[str, str]:
    """The peers' interpreter, and why the peer is not there."""
    if plan.peers is None:
        return sys.executable, "peers are left out (--no-peers, --quick)"
    return plan.peers.python, plan.peers.why_not(package)


def _missing(module: str) -> str:
    from importlib.util import find_spec

    return "" if find_spec(module) else f"{module} is not installed in this environment"


def _uvloop(loop: str) -> str:
    return _missing("uvloop") if loop == "uvloop" else ""


def _warm(plan: Plan) -> Entry:
    calls = plan.size(2000, 100)
    slow = plan.size(500, 50)
    subjects = [
        Subject("calls", "warm", {"loop": loop, "calls": calls}, (f"fcbox {loop}",),
                absent=_uvloop(loop))
        for loop in LOOPS
    ]  # fmt: skip
    printing = {"loop": "asyncio", "calls": calls, "handler": "echo.print_and_echo",
                "series": "fcbox prints"}  # fmt: skip
    subjects.append(Subject("calls", "warm", printing, ("fcbox prints",)))
    for name in ("pipe", "executor", "pool"):
        subjects.append(Subject("plain", name, {"calls": calls}, (name,)))
    python, absent = _peer(plan, "pebble")
    subjects.append(Subject("peer", "pebble", {"calls": slow}, ("pebble",), python, absent))
    subjects += [_http(plan, slow, name) for name in ("functions-framework", "gunicorn")]
    lines = (
        Line("pipe", "blocking pipe round trip", "us"),
        Line("fcbox asyncio", "fcbox, asyncio", "us"),
        Line("fcbox uvloop", "fcbox, uvloop", "us"),
        Line("fcbox prints", "fcbox, asyncio, the handler prints a line", "us"),
        Line("executor", "ProcessPoolExecutor", "us"),
        Line("pool", "multiprocessing.Pool", "us"),
        Line("pebble", "pebble", "us"),
        Line("functions-framework", "functions-framework, kept connection", "us"),
        Line("gunicorn", "gunicorn, a WSGI echo, kept connection", "us"),
    )
    pools = ("executor", "pool", "pebble")
    checks: list[Check] = []
    for loop in LOOPS:
        ours = f"fcbox {loop}"
        checks += [
            Check(f"warm.pipe.{loop}", f"p50 / pipe round trip, {loop}", ratio(ours, "pipe"),
                  5, aim=3),
            Check(f"warm.pools.{loop}", f"p50 / best of the pools, {loop}",
                  lambda round, ours=ours: round.p50(ours) / round.best(pools), 0.3),
            Check(f"warm.tail.{loop}", f"p99 / p50, {loop}",
                  lambda round, ours=ours: round.p99(ours) / round.p50(ours), 5),
        ]  # fmt: skip
    title = "warm: a 100 B event to a warm instance, one at a time"
    return Entry(Row("warm", title, lines, tuple(checks)), tuple(subjects))


def _http(plan: Plan, calls: int, name: str) -> Subject:
    python, absent = _peer(plan, name)
    argv = {
        "functions-framework": ["--target=echo_http", "--source=peer.py", "--port={port}"],
        "gunicorn": ["--threads=1", "--worker-class=gthread", "--bind=127.0.0.1:{port}",
                     "peer:echo_wsgi"],
    }[name]  # fmt: skip
    command = [plan.peers.command(name), *argv] if plan.peers else argv
    parameters = {"series": name, "argv": command, "calls": calls}
    return Subject("peer", "http", parameters, (name,), python, absent)


def _throughput(plan: Plan) -> Entry:
    calls = plan.size(4000, 300)
    subjects, lines, checks = [], [], []
    for workers in WORKERS:
        pool, imap = f"pool x{workers}", f"pool imap x{workers}"
        parameters: dict[str, object] = {"workers": workers, "calls": calls}
        for loop in LOOPS:
            ours = f"fcbox {loop} x{workers}"
            asked: dict[str, object] = {"loop": loop, "instances": workers, "calls": calls}
            subjects.append(Subject("calls", "throughput", asked, (ours,), absent=_uvloop(loop)))
            lines.append(Line(ours, f"fcbox, {loop}, {workers} instances", "/s", False))
            checks.append(
                Check(f"throughput.{workers}.{loop}", f"{workers} workers / Pool, {loop}",
                      ratio(ours, pool), 1 if workers == 1 else 1.5, is_floor=True)
            )  # fmt: skip
        subjects.append(Subject("plain", "pool_throughput", parameters, (pool, imap)))
        lines.append(Line(pool, f"multiprocessing.Pool({workers}), apply_async", "/s", False))
        lines.append(Line(imap, f"multiprocessing.Pool({workers}), imap_unordered", "/s", False))
    title = "throughput: requests a second, all outstanding at once"
    return Entry(Row("throughput", title, tuple(lines), tuple(checks)), tuple(subjects))


def _python_pass(plan: Plan) -> Subject:
    argv = [sys.executable, "-c", "pass"]
    parameters = {"series": "python", "argv": argv, "count": plan.size(10, 3)}
    return Subject("plain", "command", parameters, ("python",))


def _cold(plan: Plan) -> Entry:
    count: dict[str, object] = {"count": plan.size(30, 5)}
    subjects = (
        Subject("lives", "cold", count, ("ready", "cold answer")),
        Subject("lives", "clones", count, ("first byte", "import")),
        _python_pass(plan),
    )
    lines = (
        Line("ready", "fcbox, invoked to READY (Initializer run)", "ms"),
        Line("cold answer", "fcbox, invoked to the answer", "ms"),
        Line("first byte", "a clone of such a zygote to its first byte", "ms"),
        Line("import", "import of the module in such a clone", "ms"),
        Line("python", "python3 -c pass", "ms"),
    )
    checks = (
        Check("cold.clone", "READY / (first byte + import)",
              lambda round: round.p50("ready") / (round.p50("first byte") + round.p50("import")),
              1.5),
        Check("cold.python", "READY / python3 -c pass", ratio("ready", "python"), 0.25),
    )  # fmt: skip
    return Entry(Row("cold", "cold: a new instance", lines, checks), subjects)


def _spare(plan: Plan) -> Entry:
    subjects, lines, checks = [], [], []
    for loop in LOOPS:
        first, warm = f"spare {loop}", f"after spare {loop}"
        parameters: dict[str, object] = {"loop": loop, "count": plan.size(30, 5)}
        subjects.append(Subject("lives", "spare", parameters, (first, warm), absent=_uvloop(loop)))
        lines += [
            Line(first, f"first answer, {loop}", "us"),
            Line(warm, f"a later answer, {loop}", "us"),
        ]
        text = f"first answer / a later one, {loop}"
        checks.append(Check(f"spare.{loop}", text, ratio(first, warm), 3))
    title = "spare: the first answer of an instance that was forked ahead"
    return Entry(Row("spare", title, tuple(lines), tuple(checks)), tuple(subjects))


def _command(plan: Plan) -> Entry:
    count = plan.size(10, 3)
    _, absent = _peer(plan, "python-lambda-local")
    lambda_local = "python-lambda-local"
    if plan.peers:
        event = Path(plan.scratch, "event.json")
        event.write_text("{}")
        argv = [plan.peers.command(lambda_local), "-f", "hello_lambda",
                str(_FUNCTIONS / "peer.py"), str(event)]  # fmt: skip
    else:
        argv = []

    def subject(series: str, argv: list[str], absent: str = "") -> Subject:
        parameters = {"series": series, "argv": argv, "count": count, "cwd": plan.scratch}
        return Subject("plain", "command", parameters, (series,), absent=absent)

    subjects = (
        subject("run", [*plan.fcbox, "run", _HELLO, "-e", "{}"]),
        subject("version", [*plan.fcbox, "--version"]),
        subject("lambda", argv, absent),
        _python_pass(plan),
    )
    lines = (
        Line("run", "fcbox run configs/hello/s.yaml -e '{}'", "ms"),
        Line("version", "fcbox --version", "ms"),
        Line("lambda", "python-lambda-local, the same function", "ms"),
        Line("python", "python3 -c pass", "ms"),
    )
    checks = (
        Check("command.lambda", "fcbox run / python-lambda-local", ratio("run", "lambda"), 0.5),
        Check("command.python", "fcbox run / python3 -c pass", ratio("run", "python"), 5, aim=2.5),
        Check("command.version", "fcbox --version / python3 -c pass",
              ratio("version", "python"), 2),
    )  # fmt: skip
    title = "command: from the shell's view, start to exit"
    return Entry(Row("command", title, lines, checks), subjects)


def _config(plan: Plan) -> Entry:
    parameters: dict[str, object] = {"resources": 100}
    subjects = (Subject("configuration", "load", parameters, ("import", "load")),)
    lines = (
        Line("import", "importing what reads a configuration", "ms"),
        Line("load", "loading a file with 100 functions", "ms"),
    )
    checks = (
        Check("config.load", "loading 100 functions, after the import",
              lambda round: round.p50("load") * 1e3, 50, unit="ms", is_pooled=True),
    )  # fmt: skip
    return Entry(Row("config", "config: a large s.yaml", lines, checks), subjects)


def _payload(plan: Plan) -> Entry:
    one, many = plan.size(200, 10), plan.size(10, 2)
    subjects, lines, checks = [], [], []
    subjects.append(Subject("plain", "socketpair", {"calls": one}, ("socketpair 1 MB",)))
    lines.append(Line("socketpair 1 MB", "socket pair, sendall and recv_into, 1 MB", "ms"))
    for loop in LOOPS:
        small, large = f"fcbox {loop} 1 MB", f"fcbox {loop} 32 MB"
        for series, mb, calls in ((small, 1, one), (large, 32, many)):
            parameters: dict[str, object] = {"loop": loop, "mb": mb, "calls": calls}
            subjects.append(
                Subject("calls", "payload", parameters, (series,), absent=_uvloop(loop))
            )
            lines.append(Line(series, f"fcbox, {loop}, {mb} MB", "ms", mb == 1))
        checks += [
            Check(f"payload.socketpair.{loop}", f"1 MB / socket pair, {loop}",
                  ratio(small, "socketpair 1 MB"), 2.5),
            Check(f"payload.large.{loop}", f"time per MB at 32 MB / at 1 MB, {loop}",
                  lambda round, small=small, large=large:
                  round.p50(large) / 32 / round.p50(small), 1.5),
        ]  # fmt: skip
    limits = ("event over limit", "answer over limit")
    subjects.append(Subject("calls", "over_limit", {}, limits))
    for series in limits:
        text = f"{series}: a clear error, served after"
        check_id = f"payload.limit.{series.split()[0]}"
        checks.append(Check(check_id, text, lambda round, s=series: round.p50(s), 1, True, ""))
    title = "payload: large events, given back"
    return Entry(Row("payload", title, tuple(lines), tuple(checks)), tuple(subjects))


def _crash(plan: Plan) -> Entry:
    count: dict[str, object] = {"count": plan.size(20, 3)}
    subjects = (
        Subject("lives", "crash", count, ("fcbox told", "fcbox answered")),
        Subject("plain", "executor_crash", count, ("executor told", "executor answered")),
    )
    lines = (
        Line("fcbox told", "fcbox, called to told", "ms"),
        Line("executor told", "ProcessPoolExecutor, called to BrokenProcessPool", "ms"),
        Line("fcbox answered", "fcbox, called to the next good answer", "ms"),
        Line("executor answered", "ProcessPoolExecutor, the same, rebuilt", "ms"),
    )
    checks = (
        Check("crash.told", "told / ProcessPoolExecutor", ratio("fcbox told", "executor told"), 1),
        Check("crash.answered", "next answer / ProcessPoolExecutor",
              ratio("fcbox answered", "executor answered"), 1),
    )  # fmt: skip
    title = "crash: the worker is killed in the middle of a call"
    return Entry(Row("crash", title, lines, checks), subjects)


def _timeout(plan: Plan) -> Entry:
    parameters: dict[str, object] = {"count": plan.size(20, 3)}
    subjects = (Subject("lives", "timeout", parameters, ("told late", "dead late")),)
    lines = (
        Line("told late", "the caller is told, after the deadline", "ms"),
        Line("dead late", "worker and grandchild are dead, after it", "ms"),
    )
    checks = (
        Check("timeout.told", "told after the deadline, p50",
              lambda round: round.p50("told late") * 1e3, 5, unit="ms", is_pooled=True),
        Check("timeout.dead", "tree dead after the deadline, p99",
              lambda round: round.p99("dead late") * 1e3, 20, unit="ms", is_pooled=True),
    )  # fmt: skip
    title = "timeout: a handler that forks a child and hangs"
    return Entry(Row("timeout", title, lines, checks), subjects)


def _logs(plan: Plan) -> Entry:
    mb = plan.size(32, 2)
    slow_mb = plan.size(16, 2)
    subjects = (
        Subject("logs", "throughput", {"log_format": "fc", "mb": mb}, ("fcbox fc",)),
        Subject("plain", "lines_loop", {"writers": 8, "mb": mb}, ("loop",)),
        Subject("logs", "throughput", {"log_format": "json", "mb": plan.size(8, 1)},
                ("fcbox json",)),
        Subject("logs", "kept", {"mb": plan.size(4, 1)}, ("fc bytes kept", "json bytes tagged")),
        Subject("logs", "slow_sink", {"mb": slow_mb, "mb_per_s": 64},
                ("slow sink growth", "slow sink kept")),
    )  # fmt: skip
    lines = (
        Line("fcbox fc", "fcbox, sink fc to /dev/null", "MB/s", False),
        Line("fcbox json", "fcbox, sink json to /dev/null", "MB/s", False),
        Line("loop", "a loop that tags line by line, to /dev/null", "MB/s", False),
        Line("slow sink growth", f"growth of fcbox, {8 * slow_mb} MB into 64 MB/s", "MB", False),
    )
    whole = {"is_floor": True, "unit": ""}
    checks = (
        Check("logs.loop", "MB/s / the loop's, sink fc", ratio("fcbox fc", "loop"), 2.5, True),
        Check("logs.kept", "share of bytes kept, sink fc",
              lambda round: round.p50("fc bytes kept"), 1, **whole),
        Check("logs.tagged", "share of bytes tagged, sink json",
              lambda round: round.p50("json bytes tagged"), 1, **whole),
        Check("logs.slow_kept", "share of bytes kept, slow sink",
              lambda round: round.p50("slow sink kept"), 1, **whole),
        Check("logs.bounded", "growth with a slow sink",
              lambda round: round.p50("slow sink growth"), 32, unit="MB"),
    )  # fmt: skip
    title = "logs: eight instances write lines of 100 B in chunks of 32 KB"
    return Entry(Row("logs", title, lines, checks), subjects)


def _memory(plan: Plan) -> Entry:
    absent = "left out (--quick)" if plan.is_quick else ""
    subjects = (
        Subject("memory", "idle", {"few": 2, "many": plan.size(22, 6)}, ("idle instance",)),
        Subject("memory", "small", {"workers": 2}, ("small",)),
        Subject("memory", "thousand", {"count": 1000}, ("thousand seconds", "thousand GB"),
                absent=absent),
    )  # fmt: skip
    lines = (
        Line("idle instance", "an idle instance adds", "MB", False),
        Line("small", "supervisor, zygote and 2 workers", "MB", False),
        Line("thousand GB", "1,000 idle instances and all else", "GB", False),
        Line("thousand seconds", "1,000 instances until all are READY", "s", False),
    )
    checks = (
        Check("memory.idle", "an idle instance adds", lambda round: round.p50("idle instance"),
              2, unit="MB"),
        Check("memory.small", "supervisor, zygote, 2 workers", lambda round: round.p50("small"),
              40, unit="MB"),
        Check("memory.thousand", "1,000 idle instances", lambda round: round.p50("thousand GB"),
              1.5, unit="GB"),
        Check("memory.thousand_s", "1,000 instances until READY",
              lambda round: round.p50("thousand seconds"), 5, unit="s"),
    )  # fmt: skip
    title = "memory: PSS, after one warm call each"
    return Entry(Row("memory", title, lines, checks), subjects)


def environment(scratch: str) -> dict[str, str]:
    """What subjects run in: this checkout on the path, box records apart from the user's own."""
    path = os.pathsep.join((str(ROOT / "scripts"), str(ROOT)))
    temp = os.path.join(scratch, "tmp")
    os.makedirs(temp, exist_ok=True)
    state = os.path.join(scratch, "state")
    return {**os.environ, "PYTHONPATH": path, "FCBOX_STATE_DIR": state, "TMPDIR": temp}
