"""Random lives over real processes; the invariants are checked afterwards on the event stream.

I1 Initializer first, at most once; I2 each request has exactly one outcome; I3 and it is its own;
I4 nothing is left of a dead instance; I5 never invoke and PreStop at once; I6 each byte of the
log is there once, tagged; I8 Start and End pair up. (I7 is the core's alone.)

A run that fails is repeated by setting FCBOX_TEST_SEED to the seed that it printed.
"""

import json
import os
import random
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import BoxSettings, Cause, InvokeResult, LifecycleEvent, NotFound
from tests.boxes import PatientSandbox, open_box, share, wait_until, workers, write_function

SOURCE = """
import os, sys, time

def initialize(context):
    print("initialized")

def handler(event, context):
    name, way = event.decode().split()
    print("begun", name)
    if way == "exit":
        os._exit(3)
    if way == "segv":
        os.kill(os.getpid(), 11)
    if way == "leave":
        sys.exit(0)
    if way == "raise":
        raise ValueError(name)
    if way == "hang":
        time.sleep(60)
    if way == "nap":
        time.sleep(0.005)
    if way == "daemon":
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
    print("done", name)
    return name

def pre_stop(context):
    print("stopping")
"""
WAYS = {"fine": 60, "nap": 20, "raise": 6, "exit": 4, "segv": 3, "leave": 2, "daemon": 2, "hang": 1}
PHASES = {"fcbox:Initialize", "fcbox:Invoke", "fcbox:PreStop"}


@pytest.fixture
def seed() -> int:
    """Printed, so that a failure can be replayed."""
    chosen = int(os.environ.get("FCBOX_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"FCBOX_TEST_SEED={chosen}")
    return chosen


def lives_of(history: list[LifecycleEvent]) -> Iterator[tuple[str, list[LifecycleEvent]]]:
    """The events of each instance, in order."""
    lives: dict[str, list[LifecycleEvent]] = defaultdict(list)
    for event in history:
        lives[event.instance_id].append(event)
    yield from lives.items()


def check_life(id: str, life: list[LifecycleEvent]) -> None:
    """I1, I5, I8 of one instance."""
    open_phase: tuple[str, str] | None = None
    begun: Counter[str] = Counter()
    for event in life:
        phase, _, mark = event.name.rpartition(":")
        if phase not in PHASES:
            continue
        if mark == "Start":
            assert open_phase is None, f"{id}: {event} inside {open_phase}"
            open_phase = (phase, event.request_id)
            begun[phase] += 1
            if phase == "fcbox:Invoke":
                assert begun["fcbox:Initialize"] == 1, f"{id}: invoked without Initializer"
                assert begun["fcbox:PreStop"] == 0, f"{id}: invoked after PreStop"
        else:
            assert open_phase == (phase, event.request_id), f"{id}: {event} ends {open_phase}"
            open_phase = None
            if phase == "fcbox:Initialize" and not event.detail:
                begun["initialized"] += 1
    names = [event.name for event in life]
    assert open_phase is None, f"{id}: {open_phase} never ended"
    assert begun["fcbox:Initialize"] <= 1
    assert begun["fcbox:PreStop"] <= 1
    assert names[0] == "fc:Instance:Creating"
    assert names[-1] in ("fc:Instance:DestroySuccess", "fcbox:Instance:Died")
    if begun["fcbox:Invoke"]:
        assert begun["initialized"] == 1, f"{id}: its Initializer did not succeed"


def check_history(history: list[LifecycleEvent], results: dict[str, InvokeResult]) -> None:
    """All invariants that the stream can show."""
    replied = Counter(e.request_id for e in history if e.name == "fcbox:Request:Replied")
    ids = {result.request_id for result in results.values()}

    assert len(ids) == len(results)
    assert set(replied) <= ids
    assert set(replied.values()) <= {1}
    for id, life in lives_of(history):
        check_life(id, life)


def check_results(results: dict[str, InvokeResult], ways: dict[str, str]) -> None:
    """I3: an answer is the own one; a failure is of the kind that was asked for, or a kill's."""
    for name, result in results.items():
        way = ways[name]
        if result.ok:
            assert result.body == name.encode()
            assert way in ("fine", "nap", "daemon")
        elif result.cause is Cause.ERROR:
            assert (way, (result.error or {})["errorMessage"]) == ("raise", name)
        elif result.cause is Cause.TIMEOUT:
            assert way == "hang"
        elif result.cause is Cause.EXIT:
            assert way in ("exit", "leave"), (name, way, result.status)
        else:
            assert result.cause is Cause.SIGNAL, (name, way, result)
            assert result.signal == 9 or (result.signal, way) == (11, "segv")


def check_log(path: Path, results: dict[str, InvokeResult]) -> None:
    """I6: no line twice, each under its own request."""
    own = {result.request_id: name for name, result in results.items()}
    seen: Counter[str] = Counter()
    for line in map(json.loads, path.read_text().splitlines()):
        if line["source"] == "stdout" and line["text"].startswith(("begun", "done")):
            seen[line["text"]] += 1
            assert own[line["request_id"]] == line["text"].split()[1]
    assert set(seen.values()) <= {1}
    for name, result in results.items():
        if result.ok:
            assert seen[f"begun {name}"] == seen[f"done {name}"] == 1


def kill_some(
    box: PatientSandbox,
    dice: random.Random,
    results: dict[str, InvokeResult],
    over: threading.Event,
) -> None:
    """After every few answers, however long they took: a worker, a zygote, a recycle."""
    goal = 1
    while not over.wait(0.001):
        answers = sum(result.ok for result in list(results.values()))
        if answers < goal:
            continue
        goal = answers + dice.randint(1, 4)
        way = dice.random()
        instances = box.instances()
        if way < 0.75 and instances:
            try:
                box.kill(dice.choice(instances), signal.SIGKILL)
            except NotFound:
                pass  # it has died meanwhile
        elif way < 0.85:
            box.recycle("f")
        elif way < 0.9:
            for zygote in box.statistics()["zygotes"]:  # type: ignore[attr-defined]
                os.kill(zygote, signal.SIGKILL)


def invoke_all(
    box: PatientSandbox, ways: dict[str, str], threads: int, results: dict[str, InvokeResult]
) -> None:
    """Every request once, from several threads."""
    waiting = list(ways.items())

    def work() -> None:
        while waiting:
            try:
                name, way = waiting.pop()
            except IndexError:
                return
            results[name] = box.invoke("f", f"{name} {way}".encode())

    callers = [threading.Thread(target=work) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def only_of_the_living(box: PatientSandbox, spares: int) -> bool:
    """A worker and a daemon for each instance, a worker for each spare, and their inits."""
    every, count = box.processes(), len(box.instances())
    running = workers(every)
    return len(running) <= 2 * count + spares and len(every - running) <= count + spares


@pytest.mark.parametrize("spares", [0, 2])
def test_random_lives(tmp_path: Path, seed: int, spares: int) -> None:
    """Crashes, hangs, errors, kills from outside, recycles, zygotes killed: all at once."""
    dice = random.Random(seed)
    ways = {f"r{at}": dice.choices(list(WAYS), list(WAYS.values()))[0] for at in range(300)}
    spec = write_function(
        tmp_path, SOURCE, initializer="initialize", pre_stop="pre_stop", max_instances=4,
        timeout_s=0.5, init_timeout_s=10, min_instances=1,
    )  # fmt: skip
    settings = BoxSettings(grace_s=1, dump_grace_s=0.2, spares=spares)
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    with open_box(tmp_path, spec, settings, log_format="json", log_fd=fd) as box:
        over = threading.Event()
        results: dict[str, InvokeResult] = {}
        killer = threading.Thread(target=kill_some, args=(box, dice, results, over))
        killer.start()
        invoke_all(box, ways, 6, results)
        over.set()
        killer.join()
        wait_until(
            lambda: only_of_the_living(box, spares), "I4: the processes of the dead to be gone"
        )
    os.close(fd)
    initialized = [r for r in results.values() if r.error_type == "InitializationError"]
    results = {n: r for n, r in results.items() if r.error_type != "InitializationError"}

    assert sum(e.name == "fc:Instance:Creating" for e in box.history) > 10
    assert all(r.signal == 9 for r in initialized), "only a kill may fail the Initializer"
    not_made = [r for r in results.values() if r.cause is Cause.NOT_CREATED]
    results = {n: r for n, r in results.items() if r.cause is not Cause.NOT_CREATED}
    assert len(not_made) <= 3, "three instances in a row died under these"
    first_seen = {e.instance_id for e in box.history if e.name == "fc:Instance:Creating"}
    check_history(
        [e for e in box.history if e.instance_id in first_seen],
        {**results, **{f"i{at}": r for at, r in enumerate([*initialized, *not_made])}},
    )
    check_results(results, ways)
    check_log(tmp_path / "log", {**results, **{r.request_id: r for r in initialized}})


def test_one_initializer_for_each_instance(tmp_path: Path, seed: int) -> None:
    """A thousand invocations that crash at random: counted where the Initializer itself runs."""
    source = """
    import os

    def initialize(context):
        with open("/mnt/shared/count", "a") as count:
            count.write(os.environ["FC_INSTANCE_ID"] + "\\n")

    def handler(event, context):
        if event == b"crash":
            os._exit(1)
        return os.environ["FC_INSTANCE_ID"]
    """
    dice = random.Random(seed)
    spec = write_function(
        tmp_path, source, initializer="initialize", max_instances=4, timeout_s=20,
        mounts=share(tmp_path / "shared"),
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        events = [b"crash" if dice.random() < 0.05 else b"go on" for _ in range(1000)]
        results = [future.result() for future in [box.submit("f", event) for event in events]]
    initialized = (tmp_path / "shared" / "count").read_text().splitlines()
    succeeded = [e for e in box.history if e.name == "fc:Instance:InitializationSuccess"]
    created = {e.instance_id for e in box.history if e.name == "fc:Instance:Creating"}

    assert [result.ok for result in results] == [event == b"go on" for event in events]
    assert len(initialized) == len(succeeded) == len(created)
    assert {e.instance_id for e in succeeded} == created
    assert max(Counter(e.instance_id for e in succeeded).values()) == 1
    assert {result.body.decode() for result in results if result.ok} <= set(initialized)
    assert len(created) >= events.count(b"crash") / 2
