"""Pools over real processes: who serves whom, growth, queue, idle, recycle, crash, drain.

Functions wait for a byte in a FIFO, or for a file, never for time: the test says when.
"""

import gc
import itertools
import os
import re
import signal
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest

from sandbox import BoxSettings, Cause, InvokeResult, LifecycleEvent, NotFound, SandboxClosed
from tests.boxes import (
    PYTHON,
    PatientSandbox,
    error_text,
    open_box,
    share,
    wait_until,
    workers,
    write_function,
)

ECHO = "def handler(event, context): return event"
GATED = """
import os

def handler(event, context):
    name = event.decode()
    open("/mnt/shared/%s.begun" % name, "w").close()
    with open("/mnt/shared/" + name, "rb") as gate:
        gate.read()
    return "%s %s" % (os.environ["FC_INSTANCE_ID"], name)

def initialize(context):
    pass

def pre_stop(context):
    print("PreStop of %s" % os.environ["FC_INSTANCE_ID"])
"""


class Gates:
    """Requests that wait until they are let through, each by its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gates"
        self.mounts = share(self.folder)

    def submit(self, box: PatientSandbox, name: str) -> "Future[InvokeResult]":
        os.mkfifo(self.folder / name)
        return box.submit("f", name.encode())

    def wait_begun(self, name: str) -> None:
        wait_until((self.folder / f"{name}.begun").exists, f"request {name} to begin")

    def begun(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.begun")}

    def open(self, name: str) -> None:
        self.wait_begun(name)
        os.close(os.open(self.folder / name, os.O_WRONLY))


@pytest.fixture
def gates(tmp_path: Path) -> Gates:
    return Gates(tmp_path)


def states(box: PatientSandbox) -> Counter[str]:
    return Counter(record.state for record in box.instances())


def count(name: str, box: PatientSandbox) -> int:
    return box.names().count(name)


# -- serving ---------------------------------------------------------------------------------------


def test_one_request_at_a_time(tmp_path: Path) -> None:
    """Sixty requests at once on three instances: no process ever has two."""
    source = """
    import os, threading
    lock = threading.Lock()

    def handler(event, context):
        assert lock.acquire(False), "two at once"
        with open("/proc/self/stat") as stat:
            stat.read()
        lock.release()
        return os.environ["FC_INSTANCE_ID"]
    """
    with open_box(tmp_path, write_function(tmp_path, source, max_instances=3)) as box:
        futures = [box.submit("f", b"") for _ in range(60)]
        results = [future.result() for future in futures]

    assert {result.cause for result in results} == {Cause.OK}
    assert len({result.body for result in results}) <= 3
    assert len({result.request_id for result in results}) == 60


def test_answers_go_to_their_own_requests(tmp_path: Path) -> None:
    """Many threads, many sizes, four instances."""
    with open_box(tmp_path, write_function(tmp_path, ECHO, max_instances=4)) as box:
        events = [b"%d" % at * (1 + at % 7) * (20_000 if at % 50 == 0 else 1) for at in range(400)]
        futures = [box.submit("f", event) for event in events]

        assert [future.result().body for future in futures] == events


@pytest.mark.parametrize("size", [0, 65535, 65536, 65537, 1 << 20, 32 << 20])
def test_event_and_answer_of_any_size(tmp_path: Path, size: int) -> None:
    """Both ways, on both sides of the bulk bound, up to the cloud's 32 MB."""
    event = os.urandom(min(size, 1 << 20)) * max(1, size >> 20)
    with open_box(tmp_path, write_function(tmp_path, ECHO, timeout_s=20)) as box:
        result = box.invoke("f", event)

        assert result.ok, result
        assert result.body == event
        assert box.invoke("f", b"next").body == b"next"


def test_event_over_the_limit(tmp_path: Path) -> None:
    """A clear error for the caller; nobody else notices."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        with pytest.raises(ValueError, match="exceeds maximum allowed size"):
            box.invoke("f", b"x" * ((32 << 20) + 1))

        assert box.invoke("f", b"next").body == b"next"


def test_answer_over_the_limit(tmp_path: Path) -> None:
    """A function error that names both sizes; the instance goes on."""
    source = "def handler(event, context): return b'x' * int(event)"
    with open_box(tmp_path, write_function(tmp_path, source, timeout_s=20)) as box:
        result = box.invoke("f", b"33554433")

        assert result.error == {
            "errorMessage": "Response payload size (33554433 bytes) exceeded maximum allowed "
            "size (33554432 bytes).",
            "errorType": "ResponseSizeTooLarge",
        }
        again = box.invoke("f", b"3")
        assert (again.body, again.instance_id) == (b"xxx", result.instance_id)


def test_warm_instance_is_used_again(tmp_path: Path) -> None:
    """The one that was used last comes first, so that the others may become idle."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        ids = {box.invoke("f").instance_id for _ in range(20)}
        cold = [box.invoke("f").is_cold_start for _ in range(2)]

        assert len(ids) == 1
        assert cold == [False, False]
        assert box.statistics()["functions"]["f"] == {  # type: ignore[index]
            "invocations": 22, "errors": 0, "cold_starts": 1, "created": 1, "queued": 0,
            "instances": {"IDLE": 1},
        }  # fmt: skip


def test_growth_to_the_limit_then_a_fair_queue(tmp_path: Path, gates: Gates) -> None:
    """Two instances for two requests; the others wait in their order."""
    spec = write_function(tmp_path, GATED, max_instances=2, timeout_s=30, mounts=gates.mounts)
    with open_box(tmp_path, spec) as box:
        futures = {name: gates.submit(box, name) for name in "abcdef"}
        gates.wait_begun("a")
        gates.wait_begun("b")

        assert states(box) == {"INVOKING": 2}
        assert box.statistics()["functions"]["f"]["queued"] == 4  # type: ignore[index]
        for name, following in zip("abcd", "cdef", strict=True):
            assert following not in gates.begun()
            gates.open(name)
            futures[name].result()
            gates.wait_begun(following)
        gates.open("e")
        gates.open("f")
        pids = {future.result().body.split()[0] for future in futures.values()}
        assert len(pids) == 2


def test_functions_do_not_share_instances(tmp_path: Path) -> None:
    """Each has its own pool, code and name."""
    source = "import os\ndef handler(event, context): return os.environ['FC_FUNCTION_NAME']"
    specs = [write_function(tmp_path, source, name=name) for name in ("one", "two")]
    with open_box(tmp_path, specs) as box:
        results = [box.invoke(name) for name in ("one", "two", "one")]

        assert [result.body for result in results] == [b"one", b"two", b"one"]
        assert results[0].instance_id == results[2].instance_id != results[1].instance_id


def test_unknown_function(tmp_path: Path) -> None:
    """NotFound, and the box goes on."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        with pytest.raises(NotFound, match="function 'nope' does not exist"):
            box.invoke("nope")
        with pytest.raises(NotFound):
            box.recycle("nope")
        with pytest.raises(NotFound):
            box.kill("c-nope")

        assert box.invoke("f").ok


# -- ahead and idle --------------------------------------------------------------------------------


def test_minimum_instances_are_kept_warm_and_refilled(tmp_path: Path) -> None:
    """There before any request, under an id of their own; a dead one is replaced."""
    spec = write_function(
        tmp_path, "def initialize(context): pass\n" + ECHO, initializer="initialize",
        min_instances=2, max_instances=3,
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        wait_until(lambda: states(box) == {"IDLE": 2}, "two idle instances")
        first = box.invoke("f")
        before = {record.id for record in box.instances()}

        assert first.instance_id in before
        assert first.log.count("Initialize") == 0
        box.kill(first.instance_id, signal.SIGKILL)
        wait_until(
            lambda: (
                states(box) == {"IDLE": 2}
                and first.instance_id not in {record.id for record in box.instances()}
            ),
            "the dead one's successor",
        )


def test_idle_timeout_reclaims_with_prestop(tmp_path: Path) -> None:
    """After its idle timeout an instance runs PreStop and goes; the next request is cold."""
    spec = write_function(
        tmp_path, "def pre_stop(context): pass\n" + ECHO, pre_stop="pre_stop", idle_timeout_s=0.1
    )
    with open_box(tmp_path, spec) as box:
        first = box.invoke("f")
        wait_until(lambda: box.instances() == [], "the idle instance's end")
        names = [event.name for event in box.history if event.instance_id == first.instance_id]
        second = box.invoke("f")

        assert names[-3:] == [
            "fcbox:PreStop:Start",
            "fcbox:PreStop:End",
            "fc:Instance:DestroySuccess",
        ]
        assert second.is_cold_start


def test_idle_timeout_counts_from_the_last_request(tmp_path: Path) -> None:
    """An instance that is used keeps living, many times as long as it may idle."""
    idle_s = 0.3
    with open_box(tmp_path, write_function(tmp_path, ECHO, idle_timeout_s=idle_s)) as box:
        results = [box.invoke("f")]
        ends = [time.monotonic()]
        while ends[-1] - ends[0] < 3 * idle_s:
            results.append(box.invoke("f"))
            ends.append(time.monotonic())
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    followed = zip(results[1:], gaps, strict=True)
    cold = [gap for result, gap in followed if result.is_cold_start]

    assert len(gaps) > 3
    assert all(gap >= idle_s for gap in cold)  # a busy machine may let it idle for so long


def test_idle_timeout_keeps_the_minimum(tmp_path: Path, gates: Gates) -> None:
    """Only what is above the minimum goes."""
    spec = write_function(
        tmp_path, GATED, min_instances=1, max_instances=3, idle_timeout_s=0.1, timeout_s=30,
        mounts=gates.mounts,
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        futures = [gates.submit(box, name) for name in "abc"]
        for name in "abc":
            gates.open(name)
        for future in futures:
            future.result()
        wait_until(lambda: len(box.instances()) == 1, "two instances' end")
        survivor = box.instances()[0].id
        wait_until(lambda: box.instances()[0].age_s > 0.5, "another few idle timeouts")

        assert [record.id for record in box.instances()] == [survivor]


def test_failing_minimum_instances_back_off(tmp_path: Path) -> None:
    """At most two attempts at once, then ever longer waits; callers are still answered."""
    source = "def initialize(context): raise ValueError('no')\n" + ECHO
    spec = write_function(tmp_path, source, initializer="initialize", min_instances=1)
    with open_box(tmp_path, spec) as box:
        name = "fc:Instance:InitializationFailed"

        def gaps() -> list[float]:
            times = [event.time_s for event in box.history if event.name == name]
            return [later - earlier for earlier, later in itertools.pairwise(times)]

        wait_until(lambda: gaps() and gaps()[-1] > 0.4, "a wait between two attempts")
        attempts = count(name, box)
        result = box.invoke("f")

        assert attempts <= 3
        assert max(gaps()) >= 0.45
        assert result.error_type == "InitializationError"


def test_spares_are_used_and_refilled(tmp_path: Path) -> None:
    """A blank worker becomes the function's at once; another takes its place on the shelf."""
    spec = write_function(tmp_path, ECHO, max_instances=1)
    with open_box(tmp_path, spec, BoxSettings(spares=2, grace_s=1)) as box:
        blank = spares(box)
        assert box.invoke("f").ok
        pid = box.instances()[0].pid
        wait_until(lambda: len(spares(box) - {pid}) == 2, "the shelf to be full")

        assert pid in blank
        box.kill(box.instances()[0])
        wait_until(lambda: not box.instances(), "its end")
        assert box.invoke("f").ok
        assert box.instances()[0].pid != pid


def spares(box: PatientSandbox) -> set[int]:
    """Workers of this box that have said hello, so that all are there."""

    def greeted() -> int:
        shelves = box._call(lambda supervisor: supervisor.host._spares)
        return sum(guest.has_greeted for shelf in shelves.values() for guest in list(shelf))

    wait_until(lambda: greeted() == 2, "two spares")
    return workers(box.processes())


def test_dead_spares_harm_nobody(tmp_path: Path) -> None:
    """Somebody kills the blank workers: the next request gets a new one."""
    spec = write_function(tmp_path, ECHO)
    for _ in range(5):
        with open_box(tmp_path, spec, BoxSettings(spares=2, grace_s=1)) as box:
            for pid in spares(box):
                os.kill(pid, signal.SIGKILL)

            assert box.invoke("f", b"x").body == b"x"


# -- recycle and drain -----------------------------------------------------------------------------


def test_recycle_drains_and_replaces(tmp_path: Path, gates: Gates) -> None:
    """The running request finishes on the old instance, PreStop follows, none is lost."""
    spec = write_function(
        tmp_path, GATED, initializer="initialize", pre_stop="pre_stop", timeout_s=30,
        max_instances=1, mounts=gates.mounts,
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        running, waiting = gates.submit(box, "a"), gates.submit(box, "b")
        gates.wait_begun("a")
        box.recycle("f")

        assert states(box)["DRAINING"] == 1
        gates.open("b")
        gates.open("a")
        old, new = running.result(), waiting.result()
        assert (old.cause, new.cause) == (Cause.OK, Cause.OK)
        assert old.instance_id != new.instance_id
        wait_until(lambda: len(box.instances()) == 1, "the old one's end")
        names = [e.name for e in box.history if e.instance_id == old.instance_id]
        assert names.index("fcbox:Invoke:End") < names.index("fcbox:PreStop:Start")
        assert names[-1] == "fc:Instance:DestroySuccess"


def test_recycle_loses_no_request(tmp_path: Path) -> None:
    """Again and again while four threads invoke."""
    source = "def pre_stop(context): pass\n" + ECHO
    spec = write_function(tmp_path, source, pre_stop="pre_stop", max_instances=3, timeout_s=20)
    with open_box(tmp_path, spec) as box:
        results: list[InvokeResult] = []

        def invoke() -> None:
            for at in range(100):
                results.append(box.invoke("f", b"%d" % at))

        threads = [threading.Thread(target=invoke) for _ in range(4)]
        for thread in threads:
            thread.start()
        recycles = 0
        while any(thread.is_alive() for thread in threads):
            box.recycle("f")
            recycles += 1
            goal = min(400, recycles * 4)
            wait_until(lambda goal=goal: len(results) >= goal, "progress")  # type: ignore[misc]
        for thread in threads:
            thread.join()

        assert Counter(result.cause for result in results) == {Cause.OK: 400}
        assert recycles >= 3
    assert count("fcbox:PreStop:Start", box) == count("fcbox:PreStop:End", box) > 0


def test_recycle_before_the_instance_is_there(tmp_path: Path) -> None:
    """The request for which it was started is still served by it."""
    source = "import time\ndef initialize(context): time.sleep(0.1)\n" + ECHO
    spec = write_function(tmp_path, source, initializer="initialize")
    with open_box(tmp_path, spec) as box:
        future = box.submit("f", b"x")
        wait_until(lambda: count("fcbox:Initialize:Start", box), "the Initializer")
        box.recycle("f")
        result = future.result()

        assert result.body == b"x"
        wait_until(lambda: box.instances() == [], "its end")


def test_close_lets_the_running_request_finish(tmp_path: Path, gates: Gates) -> None:
    """What waits in the queue is told; the running one gets its answer; PreStop runs."""
    spec = write_function(
        tmp_path, GATED, pre_stop="pre_stop", timeout_s=30, max_instances=1,
        mounts=gates.mounts,
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        running, waiting = gates.submit(box, "a"), gates.submit(box, "b")
        gates.wait_begun("a")
        closer = threading.Thread(target=box.close)
        closer.start()
        queued = waiting.result(10)
        assert queued.cause is Cause.CANCELLED
        gates.open("a")
        assert running.result(10).ok
        closer.join()

        assert box.names()[-4:] == [
            "fcbox:Request:Replied",
            "fcbox:PreStop:Start",
            "fcbox:PreStop:End",
            "fc:Instance:DestroySuccess",
        ]


def test_nothing_is_taken_after_close(tmp_path: Path) -> None:
    """A clear error, from every method; closing twice is harmless."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        stream = box.events()
        box.close()
        box.close()
        for use in (lambda: box.invoke("f"), box.instances, box.statistics, box.events):
            with pytest.raises(SandboxClosed):
                use()
        stream.close()
        stream.close()

        assert list(stream) == []


def test_event_stream_may_be_closed_twice(tmp_path: Path) -> None:
    """And the box goes on."""
    with open_box(tmp_path, write_function(tmp_path, ECHO)) as box:
        stream = box.events()
        stream.close()
        stream.close()

        assert box.invoke("f", b"x").body == b"x"
        assert list(stream) == []


def test_threads_that_invoke_while_the_box_is_closed(tmp_path: Path) -> None:
    """Each call ends: with an outcome, or with SandboxClosed."""
    spec = write_function(tmp_path, ECHO, max_instances=2)
    for _ in range(10):
        with open_box(tmp_path, spec) as box:
            box.invoke("f")
            ended: list[object] = []

            def invoke(box: PatientSandbox = box, ended: "list[object]" = ended) -> None:
                try:
                    while True:
                        box.submit("f", b"").result(10)
                except (SandboxClosed, TimeoutError) as exc:
                    ended.append(type(exc))

            threads = [threading.Thread(target=invoke) for _ in range(3)]
            for thread in threads:
                thread.start()
            box.close()
            for thread in threads:
                thread.join()

            assert ended == [SandboxClosed] * 3


def test_kill_hard(tmp_path: Path, gates: Gates) -> None:
    """No PreStop, no grace: every request has its outcome and nothing is left."""
    spec = write_function(
        tmp_path, GATED, pre_stop="pre_stop", timeout_s=30, max_instances=1,
        mounts=gates.mounts,
    )  # fmt: skip
    with open_box(tmp_path, spec) as box:
        running, waiting = gates.submit(box, "a"), gates.submit(box, "b")
        gates.wait_begun("a")
        closer = threading.Thread(target=box.close)
        closer.start()
        waiting.result(10)
        begun = time.monotonic()
        box._loop.call_soon_threadsafe(lambda: box._box.supervisor.kill())  # type: ignore[union-attr]
        result = running.result(10)
        closer.join()

        assert time.monotonic() - begun < 1
        assert result.cause is Cause.CANCELLED
        assert "fcbox:PreStop:Start" not in box.names()


def test_nobody_reads_the_log(tmp_path: Path) -> None:
    """Requests wait, memory is bounded, and nothing is lost when somebody reads after all."""
    source = """
    import os

    def handler(event, context):
        rest = event + b"x" * 59_000 + b"\\n"
        while rest:
            rest = rest[os.write(1, rest):]
    """
    read, write = os.pipe()
    spec = write_function(tmp_path, source, max_instances=2)
    got = bytearray()
    with open_box(tmp_path, spec, log_format="fc", log_fd=write) as box:
        futures = [box.submit("f", b"%04d" % at) for at in range(500)]
        wait_until(lambda: box.statistics()["functions"]["f"]["instances"] == {"IDLE": 2},  # type: ignore[index]
                   "the first to be done and the others to wait")  # fmt: skip
        done = sum(future.done() for future in futures)
        held = box._call(lambda supervisor: supervisor.host.hub.sinks[0]._outlet._waiting_bytes)
        reader = threading.Thread(target=lambda: read_all(read, got))
        reader.start()
        assert [future.result(20).cause for future in futures] == [Cause.OK] * 500
    os.close(write)
    reader.join()
    os.close(read)

    assert 50 < done < 150
    assert held < 8 << 20
    assert got.count(b"x") == 500 * 59_000
    printed = re.findall(rb"^(\d{4})x", bytes(got), re.MULTILINE)
    assert sorted(printed) == [b"%04d" % at for at in range(500)]


def read_all(fd: int, into: bytearray) -> None:
    """Until every writer has closed."""
    while data := os.read(fd, 1 << 16):
        into += data


def test_recycle_of_what_is_still_starting_is_no_failure(tmp_path: Path) -> None:
    """Minimum instances come back at once, without any back-off."""
    source = "import time\ndef initialize(context): time.sleep(0.05)\n" + ECHO
    spec = write_function(tmp_path, source, initializer="initialize", min_instances=1)
    with open_box(tmp_path, spec) as box:
        for _ in range(5):
            wait_until(lambda: states(box)["INITIALIZING"], "one that initializes")
            box.recycle("f")
        begun = time.monotonic()
        wait_until(lambda: states(box)["IDLE"], "a minimum instance")

        assert time.monotonic() - begun < 0.4
        assert box._call(lambda supervisor: supervisor.pools["f"]._backoff.failures) == 0


# -- death -----------------------------------------------------------------------------------------


def test_crash_is_found_at_once(tmp_path: Path, gates: Gates) -> None:
    """Not by the deadline, which is a minute away."""
    spec = write_function(tmp_path, GATED, timeout_s=60, mounts=gates.mounts)
    with open_box(tmp_path, spec) as box:
        future = gates.submit(box, "a")
        gates.wait_begun("a")
        begun = time.monotonic()
        box.kill(box.instances()[0], signal.SIGKILL)
        result = future.result(10)

        assert time.monotonic() - begun < 1
        assert (result.cause, result.signal, result.status) == (Cause.SIGNAL, 9, "SIGKILL(-9)")
        assert result.error_type == "UnhandledInvocationError"
        future = gates.submit(box, "b")
        gates.open("b")
        assert future.result(10).ok


def stop(pid: int) -> None:
    """SIGSTOP, and waits until it has stopped: before that it could still read."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(") ")[2][0] == "T", "the worker to stop")


def test_request_sent_into_a_dying_instance_is_not_lost(tmp_path: Path) -> None:
    """The worker is stopped, so it reads nothing; then it is killed: another one serves."""
    with open_box(tmp_path, write_function(tmp_path, ECHO, timeout_s=30)) as box:
        for size in (10, 60_000, 70_000, 1 << 20):
            first = box.invoke("f", b"warm")
            stop(box.instances()[0].pid)
            event = os.urandom(size)
            future = box.submit("f", event)
            wait_until(lambda: states(box)["INVOKING"] == 1, "the request to be sent")
            box.kill(first.instance_id, signal.SIGKILL)
            result = future.result(10)

            assert result.ok, result
            assert result.body == event
            assert result.instance_id != first.instance_id
        starts = count("fcbox:Invoke:Start", box)
        assert starts == count("fcbox:Invoke:End", box) == 12


def test_hammering_a_dying_instance(tmp_path: Path) -> None:
    """Requests that race with the death of an idle worker: each is answered as asked."""
    spec = write_function(tmp_path, ECHO, max_instances=1, timeout_s=30)
    with open_box(tmp_path, spec) as box:
        for at in range(100):
            box.invoke("f", b"warm")
            box.kill(box.instances()[0], signal.SIGKILL)
            result = box.invoke("f", b"%d" % at)

            assert result.body == b"%d" % at, result
        assert count("fcbox:Request:Replied", box) == 200


def test_answer_of_a_worker_that_died_right_after_it(tmp_path: Path) -> None:
    """An answer that was sent whole is the answer, large ones too."""
    source = """
    import os, threading

    def handler(event, context):
        def die(pipe=os.pipe()):
            os._exit(9)
        size = int(event)
        if size:
            write = os.write

            def last(fd, data):
                done = write(fd, data)
                if data[:1] == b"\\x06" and size < 60000:
                    os._exit(9)
                return done
            os.write = last
        return b"x" * size
    """
    with open_box(tmp_path, write_function(tmp_path, source, timeout_s=20)) as box:
        for _ in range(30):
            result = box.invoke("f", b"1000")

            assert result.ok, result
            assert len(result.body) == 1000


def test_large_answer_of_a_worker_that_died_right_after_it(tmp_path: Path) -> None:
    """Its body is still in the socket when the process is gone."""
    source = """
    import os, socket

    def handler(event, context):
        class Last(socket.socket):
            pass
        import gc
        for channel in gc.get_objects():
            if type(channel).__name__ == "Channel":
                bulk = channel._bulk
                class Dying:
                    def sendall(self, data):
                        bulk.sendall(data)
                        os._exit(9)
                channel._bulk = Dying()
        return b"x" * int(event)
    """
    with open_box(tmp_path, write_function(tmp_path, source, timeout_s=20)) as box:
        for _ in range(20):
            result = box.invoke("f", b"200000")

            assert result.ok, result
            assert len(result.body) == 200_000


def test_no_instance_is_held_in_memory_after_its_death(tmp_path: Path) -> None:
    """Neither by its deadline, a day off, nor by its idle timeout."""
    spec = write_function(tmp_path, "import os\ndef handler(e, c):\n  if e: os._exit(1)",
                          timeout_s=86400)  # fmt: skip
    with open_box(tmp_path, spec) as box:
        shells = []
        for _ in range(5):
            box.invoke("f")
            shells += [weakref.ref(s) for s in box._call(lambda supervisor: supervisor.shells())]
            box.invoke("f", b"die")
        wait_until(lambda: box.instances() == [], "the last one's end")

        def live() -> list[object]:
            gc.collect()
            return [shell() for shell in shells if shell() is not None]

        assert len(shells) == 5
        wait_until(lambda: live() == [], "the dead ones to be forgotten", 2.0)


def test_cancelled_in_the_queue(tmp_path: Path, gates: Gates) -> None:
    """It is told at once and never runs."""
    spec = write_function(tmp_path, GATED, max_instances=1, timeout_s=30, mounts=gates.mounts)
    with open_box(tmp_path, spec) as box:
        running = gates.submit(box, "a")
        gates.wait_begun("a")
        told: list[Cause] = []

        def cancel(supervisor):  # type: ignore[no-untyped-def]
            request = supervisor.invoke("f", b"b", lambda request, outcome: told.append(
                outcome.cause))  # fmt: skip
            supervisor.cancel("f", request)

        box._call(cancel)
        assert told == [Cause.CANCELLED]
        gates.open("a")
        assert running.result(10).ok
        assert gates.begun() == {"a"}


# -- zygotes ---------------------------------------------------------------------------------------


def test_zygote_killed(tmp_path: Path, gates: Gates) -> None:
    """Running instances do not notice; the next cold start has a new zygote."""
    spec = write_function(tmp_path, GATED, timeout_s=30, max_instances=2, mounts=gates.mounts)
    with open_box(tmp_path, spec) as box:
        running = gates.submit(box, "a")
        gates.wait_begun("a")
        (zygote,) = box.statistics()["zygotes"]  # type: ignore[misc, attr-defined]
        os.kill(zygote, signal.SIGKILL)
        other = gates.submit(box, "b")
        gates.open("b")

        assert other.result(10).ok
        gates.open("a")
        assert running.result(10).ok
        assert running.result().instance_id != other.result().instance_id
        assert box.statistics()["zygotes"] != [zygote]


def test_zygotes_killed_while_they_clone(tmp_path: Path) -> None:
    """Again and again under a hundred cold starts: every request is served, none is left."""
    spec = write_function(tmp_path, ECHO, max_instances=100, timeout_s=60)
    with open_box(tmp_path, spec) as box:
        futures = [box.submit("f", b"%d" % at) for at in range(100)]
        for _ in range(2):
            for zygote in box.statistics()["zygotes"]:  # type: ignore[attr-defined]
                os.kill(zygote, signal.SIGKILL)
            done = sum(future.done() for future in futures)
            wait_until(
                lambda done=done: sum(f.done() for f in futures) > done,
                "progress",  # type: ignore[misc]
            )
        results = [future.result(30) for future in futures]

        assert Counter(result.cause for result in results) == {Cause.OK: 100}
        assert [result.body for result in results] == [b"%d" % at for at in range(100)]


def test_many_cold_starts_at_once(tmp_path: Path) -> None:
    """Three hundred requests on as many instances."""
    spec = write_function(tmp_path, GATE_OF_MANY, max_instances=300, timeout_s=60,
                          mounts=share(tmp_path / "gates"))  # fmt: skip
    os.mkfifo(tmp_path / "gates" / "gate")
    with open_box(tmp_path, spec) as box:
        futures = [box.submit("f", b"%d" % at) for at in range(300)]
        wait_until(lambda: states(box) == {"INVOKING": 300}, "three hundred at once", 30)
        gate = os.open(tmp_path / "gates" / "gate", os.O_RDWR)
        results = [future.result(30) for future in futures]
        os.close(gate)

        assert Counter(result.cause for result in results) == {Cause.OK: 300}
        assert len({result.instance_id for result in results}) == 300


GATE_OF_MANY = """
def handler(event, context):
    open("/mnt/shared/gate", "rb").close()
    return event
"""


def test_interpreter_that_is_none(tmp_path: Path) -> None:
    """A program that is no Python: an outcome that says so, and the other function works."""
    specs = [
        write_function(tmp_path, ECHO, name="bad", python="/bin/false"),
        write_function(tmp_path, ECHO, name="good"),
    ]
    with open_box(tmp_path, specs) as box:
        result = box.invoke("bad")

        assert (result.cause, result.error_type) == (Cause.NOT_CREATED, "FCCommonError")
        assert error_text(result).startswith("no instance could be created: the zygote ")
        assert box.invoke("good", b"x").body == b"x"


def test_interpreter_that_vanishes(tmp_path: Path) -> None:
    """It was there when the box was opened: the outcome names it."""
    python = tmp_path / "python"
    python.symlink_to(PYTHON)
    with open_box(tmp_path, write_function(tmp_path, ECHO, python=str(python))) as box:
        python.unlink()
        for zygote in box.statistics()["zygotes"]:  # type: ignore[attr-defined]
            os.kill(zygote, signal.SIGKILL)
        wait_until(lambda: not box.statistics()["zygotes"], "the zygote's end")
        result = box.invoke("f")

        assert result.cause is Cause.NOT_CREATED
        assert str(python) in error_text(result)


def test_interpreter_that_does_not_exist(tmp_path: Path) -> None:
    """Told when the box is opened; nothing is left behind."""
    spec = write_function(tmp_path, ECHO, python="/nonexistent/python")
    with pytest.raises(FileNotFoundError), open_box(tmp_path, spec):
        pass

    assert os.listdir(tmp_path / "state" / "runs") == []


def test_code_directory_that_is_gone(tmp_path: Path) -> None:
    """That request is told so, at once; when it is back, the next one is served."""
    spec = write_function(tmp_path, ECHO)
    code = Path(spec.code_dir)
    code.rename(tmp_path / "elsewhere")
    with open_box(tmp_path, spec) as box:
        result = box.invoke("f")
        (tmp_path / "elsewhere").rename(code)
        again = box.invoke("f", b"x")

        assert (result.cause, result.error_type) == (Cause.ERROR, "InitializationError")
        assert error_text(result).startswith(f"cannot enter the code directory {code}: ")
        assert again.body == b"x"
        assert count("fc:Instance:Creating", box) == 2


def test_events_are_complete(tmp_path: Path) -> None:
    """The stream of one life, in order, with ids."""
    source = "def initialize(context): pass\ndef pre_stop(context): pass\n" + ECHO
    spec = write_function(tmp_path, source, initializer="initialize", pre_stop="pre_stop")
    with open_box(tmp_path, spec) as box:
        result = box.invoke("f")
        box.recycle("f")
        wait_until(lambda: box.instances() == [], "its end")
        history = list(box.history)
    first: LifecycleEvent = history[0]
    prestop = next(e.request_id for e in history if e.name == "fcbox:PreStop:Start")

    assert [(e.name, e.request_id) for e in history] == [
        ("fc:Instance:Creating", result.request_id),
        ("fc:Instance:RuntimeInitializationSuccess", ""),
        ("fcbox:Initialize:Start", result.request_id),
        ("fcbox:Initialize:End", result.request_id),
        ("fc:Instance:InitializationSuccess", ""),
        ("fc:Instance:CreateSuccess", ""),
        ("fcbox:Invoke:Start", result.request_id),
        ("fcbox:Invoke:End", result.request_id),
        ("fcbox:Request:Replied", result.request_id),
        ("fcbox:PreStop:Start", prestop),
        ("fcbox:PreStop:End", prestop),
        ("fc:Instance:DestroySuccess", ""),
    ]
    assert prestop != result.request_id
    assert {e.instance_id for e in history} == {result.instance_id}
    assert first.function == "f"


def test_daemons_go_with_their_instance(tmp_path: Path) -> None:
    """After a recycle no process of it is left, whatever it forked."""
    source = """
    import os, time

    def handler(event, context):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(3600)
        os.wait()
    """
    with open_box(tmp_path, write_function(tmp_path, source)) as box:
        assert box.invoke("f").ok
        assert len(workers(box.processes())) == 2
        box.recycle("f")
        wait_until(lambda: box.instances() == [], "the instance's end")

        assert box.processes() == set()
