#!/usr/bin/env python3
"""Kills workers at random in the middle of many invocations, and checks what must hold.

    scripts/crash_workers.py                             2,000 invocations, a seed of its own
    scripts/crash_workers.py --seed 7 --invocations 200

A thread sends random instances random signals at random moments, and has them all recycled now
and then; some requests leave a daemon behind. Then:

    outcomes    every request got exactly one outcome
    answers     every good answer is the one to its own request; every bad one is a crash
    lives       on the event stream, for each instance: the Initializer ran once, and before any
                invocation; PreStop ran once, and after all of them, unless the instance crashed;
                every Start has its End; every life has one end
    processes   no process of the box is left, no daemon either

It exits with 0 when all of it held, else with 1. The seed decides events, victims and signals;
when exactly a signal arrives is up to the machine, so a seed replays the plan, not the outcome.
It needs Python 3.11 and this checkout, nothing else. It is also an example of the public API.
"""

import argparse
import faulthandler
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("crash_workers: Python 3.11 or newer is needed")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sandbox import (
    Callback,
    Cause,
    FunctionSpec,
    InvokeResult,
    LifecycleEvent,
    NotFound,
    Sandbox,
)

FUNCTION = """\
import json
import os
import time

initialized = 0


def initialize(context):
    global initialized
    initialized += 1


def handler(event, context):
    asked = json.loads(event)
    if asked["daemon"] and os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    time.sleep(asked["sleep_s"])
    return {"number": asked["number"], "request_id": context.request_id, "initialized": initialized}


def pre_stop(context):
    time.sleep(0.002)
"""
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT)
CRASHES = (Cause.SIGNAL, Cause.EXIT, Cause.NOT_CREATED)
"""How an invocation may fail here. NOT_CREATED: three instances in a row died under it."""

_LONGEST_CALL_S = 0.01
_DAEMON_SHARE = 0.02
_PATIENCE_S = 20.0
_START_S, _CALL_S = 60.0, 0.1
"""The whole run may take this long, and this much for each invocation."""
_BOX_SHIFT = 24
"""The bits of a tag above these are the box's; see `worker.zygote`."""
_MOST_SHOWN = 5

ENDS = ("fc:Instance:DestroySuccess", "fcbox:Instance:Died")
PHASES = ("Initialize", "Invoke", "PreStop")


class Call(NamedTuple):
    """A request and what came of it; `result` is None when nothing did."""

    number: int
    result: InvokeResult | None
    took_s: float


class Findings(NamedTuple):
    """What a check is about, and what it found wrong."""

    text: str
    problems: list[str]


# -- the checks ------------------------------------------------------------------------------------


def check_outcomes(calls: Iterable[Call], events: Iterable[LifecycleEvent]) -> list[str]:
    """Every request has exactly one outcome, by its caller's account and by the box's."""
    replies = Counter(event.request_id for event in events if event.name == "fcbox:Request:Replied")
    problems = [f"request {request}: {n} outcomes" for request, n in replies.items() if n > 1]
    seen: set[str] = set()
    for call in calls:
        if call.result is None:
            problems.append(f"call {call.number}: no outcome within {_PATIENCE_S:g} s")
            continue
        request_id = call.result.request_id
        if request_id in seen:
            problems.append(f"call {call.number}: request id {request_id} is another call's too")
        seen.add(request_id)
        # One that never reached an instance is answered without an entry in the stream.
        if call.result.instance_id and not replies[request_id]:
            problems.append(f"call {call.number}: an outcome that the event stream does not have")
    problems += [f"request {request}: nobody asked for it" for request in replies.keys() - seen]
    return problems


def check_answers(calls: Iterable[Call]) -> list[str]:
    """Good answers belong to their requests, and what failed failed by a crash."""
    problems = []
    for number, result, _ in calls:
        if result is None:
            continue
        if not result.ok:
            if result.cause not in CRASHES:
                problems.append(f"call {number}: {result.cause.value}, not by a crash: {result!r}")
            continue
        wanted = {"number": number, "request_id": result.request_id, "initialized": 1}
        if json.loads(result.body) != wanted:
            problems.append(f"call {number}: wanted {wanted}, got {result.body!r}")
    return problems


def check_lives(events: Iterable[LifecycleEvent]) -> list[str]:
    """The order of Initializer, invocations and PreStop in the life of each instance."""
    lives: dict[str, list[LifecycleEvent]] = defaultdict(list)
    for event in events:
        lives[event.instance_id].append(event)
    return [
        f"instance {instance}: {problem}"
        for instance, life in lives.items()
        for problem in _check_life(life)
    ]


def _check_life(life: Sequence[LifecycleEvent]) -> list[str]:
    problems: list[str] = []
    running: tuple[str, str] | None = None
    started: Counter[str] = Counter()
    is_ready = False
    for event in life:
        phase, _, edge = event.name.removeprefix("fcbox:").partition(":")
        if phase not in PHASES:
            continue
        if edge == "Start":
            if running:
                problems.append(f"{phase} began during {running[0]}")
            if phase != "Initialize" and not is_ready:
                problems.append(f"{phase} before the Initializer succeeded")
            if phase != "PreStop" and started["PreStop"]:
                problems.append(f"{phase} after PreStop")
            started[phase] += 1
            running = (phase, event.request_id)
        else:
            if running != (phase, event.request_id):
                problems.append(f"End of {phase} without its Start")
            is_ready = is_ready or (phase == "Initialize" and not event.detail)
            running = None
    if running:
        problems.append(f"{running[0]} has no End")
    problems += [f"{phase} ran {started[phase]} times" for phase in ("Initialize", "PreStop")
                 if started[phase] > 1]  # fmt: skip
    return problems + _check_end(life, is_ready and not started["PreStop"])


def _check_end(life: Sequence[LifecycleEvent], lacks_prestop: bool) -> list[str]:
    names = Counter(event.name for event in life)
    ends = [event for event in life if event.name in ENDS]
    # A broken channel is told by an Error of its own, ahead of the end.
    if not ends or ends[-1] is not life[-1] or names["fc:Instance:DestroySuccess"] > 1:
        return [f"not one end, at the end: {[event.name for event in ends]}"]
    if lacks_prestop and not names["fcbox:Instance:Died"]:
        return ["ended in good order without PreStop"]
    return []


def check_processes(box: int) -> list[str]:
    """No process carries a tag of this box, and this program has no child.

    A daemon that is dead, and which pid 1 has yet to reap, is no longer there; a dead child of
    ours is: we forgot it. A box below 0 may not tag its processes here: the children must do.
    """
    problems = [
        f"process {pid} of the box is left: {_command(pid)}"
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if box >= 0 and box_of(pid) == box and not _is_zombie(pid)
    ]
    for task in Path("/proc/self/task").iterdir():
        children = (task / "children").read_text().split()
        problems += [f"child {pid} is left: {_command(int(pid))}" for pid in children]
    return problems


def box_of(pid: int) -> int:
    """The box whose tag a process carries; -1 when it is gone. See `worker.clone`."""
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[1] >> _BOX_SHIFT
    except OSError:
        return -1


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] in b"ZX"
    except OSError:
        return True


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:60]
    except OSError:
        return "gone by now"


# -- the run ---------------------------------------------------------------------------------------


class Killer:
    """A thread that harms the box until it is stopped."""

    def __init__(self, box: Sandbox, options: argparse.Namespace) -> None:
        self.sent: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self.recycled = 0
        self._box = box
        self._random = random.Random(f"{options.seed}-killer")
        self._kill_s = options.kill_every_ms / 1000
        self._recycle_s = options.recycle_every_ms / 1000
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        recycle_at_s = time.monotonic() + self._recycle_s
        while not self._over.wait(self._random.expovariate(1 / self._kill_s)):
            self._kill_one()
            if time.monotonic() >= recycle_at_s:
                self._box.recycle("victim")
                self.recycled += 1
                recycle_at_s = time.monotonic() + self._recycle_s

    def _kill_one(self) -> None:
        records = [record for record in self._box.instances() if record.pid]
        signum = self._random.choice(SIGNALS)
        if not records:
            return
        victim = self._random.choice(records)
        try:
            self._box.kill(victim, signum)
        except NotFound:  # it has died meanwhile
            return
        self.sent[signum.name] += 1
        self.hit[victim.state] += 1


def invoke_all(box: Sandbox, options: argparse.Namespace) -> list[Call]:
    """All invocations, so many of them at a time."""
    rng = random.Random(f"{options.seed}-events")
    free = threading.Semaphore(options.concurrency)
    futures: list[Future[InvokeResult]] = []
    began: list[float] = []
    ended: dict[int, float] = {}

    def over(number: int, _: "Future[InvokeResult]") -> None:
        ended[number] = time.monotonic()
        free.release()

    for number in range(options.invocations):
        asked = {
            "number": number,
            "sleep_s": rng.uniform(0, _LONGEST_CALL_S),
            "daemon": rng.random() < _DAEMON_SHARE,
        }
        if not free.acquire(timeout=_PATIENCE_S):
            break  # nothing ends any more: the checks will say so
        began.append(time.monotonic())
        futures.append(box.submit("victim", json.dumps(asked).encode()))
        futures[-1].add_done_callback(partial(over, number))
    wait(futures, timeout=_PATIENCE_S)
    calls = [
        Call(number, future.result() if future.done() else None, ended.get(number, 0.0) - began_s)
        for number, (future, began_s) in enumerate(zip(futures, began, strict=True))
    ]
    return calls + [Call(number, None, 0.0) for number in range(len(calls), options.invocations)]


def run(options: argparse.Namespace) -> int:
    """One run; 0 when everything held."""
    with tempfile.TemporaryDirectory(prefix="fcbox-crash-") as folder:
        Path(folder, "index.py").write_text(FUNCTION)
        spec = FunctionSpec(
            "victim",
            "index.handler",
            folder,
            sys.executable,
            timeout_s=30.0,
            initializer=Callback("index.initialize", 30.0),
            pre_stop=Callback("index.pre_stop", 30.0),
            max_instances=options.instances,
        )
        began_s = time.monotonic()
        with Sandbox([spec]) as box:
            stream = box.events()
            calls = [Call(-1, box.invoke("victim", _FIRST_EVENT), 0.0)]
            tag = box_of(box.instances()[0].pid)
            with Killer(box, options) as killer:
                calls += invoke_all(box, options)
        took_s = time.monotonic() - began_s
    events = stream.take()
    findings = [
        Findings("every request got exactly one outcome", check_outcomes(calls, events)),
        Findings("right answers to right requests", check_answers(calls)),
        Findings("Initializer and PreStop are paired", check_lives(events)),
        Findings("no process is left", check_processes(tag)),
    ]
    print(summary(options, calls, events, killer, took_s))
    for text, problems in findings:
        print(f"  {'FAILED' if problems else 'ok':8}{text}")
        for problem in problems[:_MOST_SHOWN]:
            print(f"            {problem}")
        if len(problems) > _MOST_SHOWN:
            print(f"            and {len(problems) - _MOST_SHOWN} more")
    return 1 if any(problems for _, problems in findings) else 0


_FIRST_EVENT = json.dumps({"number": -1, "sleep_s": 0, "daemon": False}).encode()
"""Before the first signal: it shows the box's tag."""


def summary(
    options: argparse.Namespace,
    calls: Sequence[Call],
    events: Sequence[LifecycleEvent],
    killer: Killer,
    took_s: float,
) -> str:
    """What happened, in a few lines."""
    outcomes = Counter(call.result.cause.value for call in calls if call.result)
    names = Counter(event.name for event in events)
    times_s = sorted(call.took_s for call in calls if call.result)
    p50_ms, p99_ms = (times_s[int(len(times_s) * share)] * 1000 for share in (0.5, 0.99))
    rows = {
        "outcomes": _counts(outcomes),
        "signals": f"{_counts(killer.sent)} (to {_counts(killer.hit)})",
        "instances": f"{names['fc:Instance:Creating']} created, "
        f"{names['fc:Instance:CreateSuccess']} became READY, "
        f"{names['fcbox:PreStop:Start']} ran PreStop, {killer.recycled} times recycled",
        "time": f"{took_s:.1f} s, {len(calls) / took_s:.0f} requests/s, "
        f"p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms",
    }
    return "\n".join(f"  {name:12}{text}" for name, text in rows.items())


def _counts(counts: Mapping[str, int]) -> str:
    pairs = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count}" for name, count in pairs) or "none"


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Callable[..., object] = parser.add_argument
    add("--invocations", type=_positive, default=2000, metavar="N", help="default %(default)s")
    add("--concurrency", type=_positive, default=8, metavar="N",
        help="requests at a time (default %(default)s)")  # fmt: skip
    add("--instances", type=_positive, default=4, metavar="N",
        help="the most there may be at a time (default %(default)s)")  # fmt: skip
    add("--kill-every-ms", type=_positive, default=15, metavar="MS",
        help="mean time between two signals (default %(default)s)")  # fmt: skip
    add("--recycle-every-ms", type=_positive, default=300, metavar="MS",
        help="time between two recycles (default %(default)s)")  # fmt: skip
    add("--seed", type=int, default=None, help="default: a new one, which is printed")
    options = parser.parse_args(argv)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(argv)
    at_a_time = f"{options.concurrency} at a time on up to {options.instances} instances"
    print(f"crash_workers: seed {options.seed}, {options.invocations} invocations, {at_a_time}")
    sys.stdout.flush()
    # A box that hangs is a failure as well: all stacks on stderr, exit status 1.
    faulthandler.dump_traceback_later(_START_S + options.invocations * _CALL_S, exit=True)
    try:
        return run(options)
    finally:
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    sys.exit(main())
