"""Functions that misbehave: the outcome, the log, the next request, and nothing left.

Each runs on the oldest and the newest of the cloud's runtimes that this machine has, and at each
isolation level: walls change nothing of what a function's own mistakes come to. `open_box` asserts
at its end that no process of the box is alive; the leak guard looks after the rest.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox import BoxSettings, Callback, Cause, FunctionSpec, InvokeResult
from tests.boxes import (
    ENDS,
    PYTHONS,
    PatientSandbox,
    error_text,
    open_box,
    wait_until,
    write_function,
)

FUNCTIONS = Path(__file__).with_name("functions")
EXITED = re.compile(
    r"Process exited unexpectedly before completing request "
    r"\(duration: \d+ms, maxMemoryUsage: \d+\.\d\dMB\)"
)
INITS = {"none": 0, "process": 1, "strict": 1}
"""Processes of an instance that are not its function's, where there are pid namespaces."""


class Way(NamedTuple):
    """One of the ways to run a function."""

    version: str
    level: str

    @property
    def settings(self) -> BoxSettings:
        return BoxSettings(grace_s=0.3, dump_grace_s=0.3, isolation=self.level)


WAYS = [
    *(Way(version, "process") for version in ENDS),
    Way(ENDS[-1], "none"),
    Way(ENDS[0], "strict"),
]
pytestmark = pytest.mark.parametrize("way", WAYS, ids="-".join)


class Log:
    """The structured log of a box, for after it was closed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]

    def of(self, result: InvokeResult, *sources: str) -> list[str]:
        """The texts of one request, in order."""
        return [
            line["text"]
            for line in self.lines
            if line["request_id"] == result.request_id and line["source"] in sources
        ]

    def texts(self, *sources: str) -> list[str]:
        return [line["text"] for line in self.lines if line["source"] in sources]


@contextmanager
def run(
    folder: Path, way: Way, handler: str, **fields: Any
) -> Iterator[tuple[PatientSandbox, Log]]:
    """A box with one of the functions beside this file, and its log."""
    hooks = {
        key: Callback(handler.partition(".")[0] + "." + name, timeout_s)
        for key, name, timeout_s in (
            ("initializer", fields.pop("initializer", ""), fields.pop("init_timeout_s", 3.0)),
            ("pre_stop", fields.pop("pre_stop", ""), fields.pop("pre_stop_timeout_s", 3.0)),
        )
        if name
    }
    fields.setdefault("timeout_s", 10.0)
    spec = FunctionSpec(
        "f", handler, str(FUNCTIONS), python=PYTHONS[way.version], **hooks, **fields
    )  # fmt: skip
    log = Log(folder / "log.jsonl")
    fd = os.open(log.path, os.O_WRONLY | os.O_CREAT)
    try:
        with open_box(folder, spec, way.settings, log_format="json", log_fd=fd) as box:
            yield box, log
    finally:
        os.close(fd)


def assert_exited(result: InvokeResult, cause: Cause, status: str, signum: int = 0) -> None:
    """The process went without an answer: exactly the spec's body and error type."""
    assert (result.cause, result.status, result.signal) == (cause, status, signum)
    assert result.error_type == "UnhandledInvocationError"
    assert list(result.error or {}) == ["errorMessage"]
    assert EXITED.fullmatch(error_text(result))
    assert re.fullmatch(rb'\{"errorMessage":"[^"]*"\}', result.body)


def assert_end_line(log: Log, result: InvokeResult, suffix: str) -> None:
    """One Start and one End line of this request, the End's as given."""
    marks = log.of(result, "runner")
    invoke = [text for text in marks if text.startswith("FC Invoke")]

    assert invoke == [
        f"FC Invoke Start RequestId: {result.request_id}",
        f"FC Invoke End RequestId: {result.request_id}{suffix}",
    ]


# -- crashes ---------------------------------------------------------------------------------------


def test_segmentation_fault(tmp_path: Path, way: Way) -> None:
    """The signal is named, what was printed is kept, the next request has a new instance."""
    before = set(FUNCTIONS.iterdir())
    with run(tmp_path, way, "reads_address_zero.handler") as (box, log):
        result, well = box.invoke("f"), box.invoke("f", b"well")

    assert_exited(result, Cause.SIGNAL, "SIGSEGV(-11)", 11)
    assert_end_line(log, result, f", Error: {error_text(result)}")
    assert log.of(result, "stdout") == ["before the fault"]
    assert well.body == b"well"
    assert well.is_cold_start
    assert well.instance_id != result.instance_id
    assert {path.name for path in set(FUNCTIONS.iterdir()) - before} <= {"__pycache__"}


@pytest.mark.parametrize(
    ("event", "cause", "status", "signum"),
    [
        (b"exit 0", Cause.EXIT, "exit status 0", 0),
        (b"exit 3", Cause.EXIT, "exit status 3", 0),
        (b"SystemExit", Cause.EXIT, "exit status 0", 0),
        (b"SystemExit in a library", Cause.EXIT, "exit status 1", 0),
        (b"signal 11", Cause.SIGNAL, "SIGSEGV(-11)", 11),
        (b"signal 9", Cause.SIGNAL, "SIGKILL(-9)", 9),
        (b"abort", Cause.SIGNAL, "SIGABRT(-6)", 6),
        (b"thread", Cause.EXIT, "exit status 4", 0),
    ],
)
def test_process_ends_without_an_answer(
    tmp_path: Path, way: Way, event: bytes, cause: Cause, status: str, signum: int
) -> None:
    """Never a success, whatever its status; found at once, and the next request is served."""
    with run(tmp_path, way, "leaves_by_itself.handler", timeout_s=60) as (box, log):
        begun = time.monotonic()
        result = box.invoke("f", event)
        took_s = time.monotonic() - begun
        well = box.invoke("f")

    assert_exited(result, cause, status, signum)
    assert_end_line(log, result, f", Error: {error_text(result)}")
    assert log.of(result, "stdout") == ["leaving"]
    assert took_s < 5
    assert well.body == b"well"


def test_death_right_after_the_answer(tmp_path: Path, way: Way) -> None:
    """What was answered stays answered; the death is charged to no later request."""
    with run(tmp_path, way, "ends_after_its_answer.handler") as (box, _):
        results = []
        for _ in range(3):
            results.append(box.invoke("f"))
            wait_until(lambda: box.instances() == [], "its death")

        assert [result.body for result in results] == [b"done"] * 3
        assert len({result.instance_id for result in results}) == 3
        errors = [event.detail for event in box.history if event.name == "fcbox:Instance:Died"]
        assert errors == ["exit status 9"] * 3


# -- hooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "cause", "message"),
    [
        ("abort in Initializer", Cause.SIGNAL, EXITED.pattern),
        ("leave in Initializer", Cause.EXIT, EXITED.pattern),
        ("hang in Initializer", Cause.TIMEOUT,
         r"Function timed out after 0\.4 seconds \(maxMemoryUsage: \d+\.\d\dMB\)"),
        ("raise in Initializer", Cause.ERROR, "not today"),
    ],
)  # fmt: skip
def test_initializer_goes_wrong(
    tmp_path: Path, way: Way, mode: str, cause: Cause, message: str
) -> None:
    """That request fails, the handler never runs, and the next one makes a new instance."""
    with run(
        tmp_path, way, "breaks_its_hooks.handler", initializer="initialize",
        init_timeout_s=0.4, environment={"MODE": mode}, pre_stop="stop",
    ) as (box, log):  # fmt: skip
        results = [box.invoke("f"), box.invoke("f")]
        wait_until(lambda: box.instances() == [], "both instances' end")
    suffix = "Unhandled function error" if cause is Cause.ERROR else message

    for result in results:
        assert (result.cause, result.error_type) == (cause, "InitializationError")
        assert re.fullmatch(message, error_text(result))
        start, end = log.of(result, "runner")
        assert start == f"FC Initialize Start RequestId: {result.request_id}"
        assert re.fullmatch(
            f"FC Initialize End RequestId: {result.request_id}, Error: {suffix}", end
        )
        assert log.of(result, "stdout") == ["Initializer runs"]
    assert len({result.instance_id for result in results}) == 2
    assert "fcbox:PreStop:Start" not in box.names()


@pytest.mark.parametrize(
    ("mode", "suffix", "longest_s"),
    [
        ("abort in PreStop", EXITED.pattern, 2.0),
        ("raise in PreStop", "Unhandled function error", 2.0),
        ("hang in PreStop",
         r"Function timed out after 0\.4 seconds \(maxMemoryUsage: \d+\.\d\dMB\)", 3.0),
    ],
)  # fmt: skip
def test_prestop_goes_wrong(
    tmp_path: Path, way: Way, mode: str, suffix: str, longest_s: float
) -> None:
    """The request stays well; both lines are written; the end comes within its bound."""
    with run(
        tmp_path, way, "breaks_its_hooks.handler", pre_stop="stop", pre_stop_timeout_s=0.4,
        environment={"MODE": mode},
    ) as (box, log):  # fmt: skip
        result = box.invoke("f")
        begun = time.monotonic()
        box.close()
        took_s = time.monotonic() - begun
    marks = [text for text in log.texts("runner") if "PreStop" in text]

    assert result.body == b"the handler ran"
    assert took_s < longest_s
    assert len(marks) == 2
    assert re.fullmatch(rf"FC PreStop End RequestId: \S+, Error: {suffix}", marks[1])
    assert "PreStop runs" in log.texts("stdout")
    assert box.names()[-1] == "fc:Instance:DestroySuccess"


# -- hangs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", ["busy", "deaf"])
def test_handler_never_returns(tmp_path: Path, way: Way, handler: str) -> None:
    """The caller is told at the deadline; the tree is dead soon; the next request is served."""
    with run(
        tmp_path, way, f"never_returns.{handler}", timeout_s=0.5, pre_stop="stop",
        pre_stop_timeout_s=0.3,
    ) as (box, log):  # fmt: skip
        box.invoke("f", b"well")
        begun = time.monotonic()
        result = box.invoke("f")
        took_s = time.monotonic() - begun
        wait_until(lambda: box.instances() == [], "its end", 2.0)
        assert box.processes() == set()
        well = box.invoke("f", b"well")
    text = error_text(result)

    assert re.fullmatch(
        r"Function timed out after 0\.5 seconds \(maxMemoryUsage: \d+\.\d\dMB\)", text
    )
    assert (result.cause, result.error_type) == (Cause.TIMEOUT, "UnhandledInvocationError")
    assert result.body == b'{"errorMessage":"%s"}' % text.encode()
    assert 0.5 <= took_s < 0.8
    assert well.ok
    assert_end_line(log, result, f", Error: {text}")
    if handler == "busy":
        (dump,) = log.of(result, "logger")
        assert "Dumping stack trace after function timeout" in dump
        assert "in busy" in dump


# -- descriptors and output ------------------------------------------------------------------------


def test_no_descriptor_left(tmp_path: Path, way: Way) -> None:
    """Answer, log and next request need none."""
    with run(tmp_path, way, "fills_the_table.handler") as (box, log):
        results = [box.invoke("f"), box.invoke("f")]

    for result in results:
        assert json.loads(result.body) == {"stopped by": 24}
        (record,) = log.of(result, "logger")
        assert record.endswith("[info] stopped by 24")
    assert results[0].instance_id == results[1].instance_id


def test_output_without_a_newline(tmp_path: Path, way: Way) -> None:
    """64 MiB of it: every byte is there, in marked pieces, and in bounded memory."""
    size = 64 << 20
    before_kb = forget_peak()
    with run(tmp_path, way, "floods_stdout.one_line", timeout_s=50) as (box, log):
        result = box.invoke("f", b"%d" % size)
        after = box.invoke("f", b"0")
        held_kb = resident_kb("VmHWM") - before_kb

    assert result.body == b"flooded"
    assert len(result.log_bytes) <= 64 << 10
    pieces = [line for line in log.lines if line["source"] == "stdout"]
    assert sum(len(line["text"]) for line in pieces) == size
    assert {line["request_id"] for line in pieces} == {result.request_id}
    assert [line.get("cut", False) for line in pieces][:-1] == [True] * (len(pieces) - 1)
    assert max(len(line["text"]) for line in pieces) <= 128 << 10
    assert after.ok
    assert held_kb < 32 << 10


def forget_peak() -> int:
    """This process's resident size in KB; its peak begins anew there (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resident_kb("VmRSS")


def resident_kb(what: str) -> int:
    """Now (VmRSS), or at its largest (VmHWM)."""
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith(what))
    return int(line.split()[1])


def test_many_lines(tmp_path: Path, way: Way) -> None:
    """200,000 of them: all, in order, all this request's, all before its End line."""
    with run(tmp_path, way, "floods_stdout.many_lines", timeout_s=50) as (box, log):
        result = box.invoke("f", b"200000")
        after = box.invoke("f", b"0")
    lines = log.lines
    end = next(at for at, line in enumerate(lines) if line["text"].startswith("FC Invoke End"))
    printed = [line["text"] for line in lines[:end] if line["source"] == "stdout"]

    assert result.body == b"200000"
    assert printed == [f"line {number}" for number in range(200_000)]
    assert len(log.of(result, "stdout")) == 200_000
    assert not any(line["late"] for line in lines)
    assert after.ok


def test_closes_everything(tmp_path: Path, way: Way) -> None:
    """The channel too: seen at once, and the process does not stay."""
    with run(tmp_path, way, "closes_descriptors.everything", timeout_s=60) as (box, log):
        begun = time.monotonic()
        result = box.invoke("f")
        took_s = time.monotonic() - begun
        well = box.invoke("f", b"well")

    assert result.cause is Cause.EXIT
    assert EXITED.fullmatch(error_text(result))
    assert took_s < 5
    assert log.of(result, "stdout") == ["closing"]
    assert_end_line(log, result, f", Error: {error_text(result)}")
    assert well.ok


def test_closes_stdio(tmp_path: Path, way: Way) -> None:
    """The answer does not need 0, 1 and 2; the loss is told, once."""
    with run(tmp_path, way, "closes_descriptors.stdio") as (box, log):
        results = [box.invoke("f"), box.invoke("f")]

    assert [json.loads(result.body) for result in results] == [[0, 1, 2]] * 2
    warnings = log.texts("logger")
    assert len(warnings) == 2
    for fd, warning in zip((1, 2), warnings, strict=True):
        assert f"fd {fd} was closed or redirected by the function" in warning
    assert "not to be seen" not in log.texts("stdout", "stderr")


def test_closes_stdout(tmp_path: Path, way: Way) -> None:
    """A closed fd 1 alone: a success, and the next request is served by the same instance."""
    with run(tmp_path, way, "closes_descriptors.stdout") as (box, log):
        results = [box.invoke("f", b"close"), box.invoke("f")]

    assert [result.body for result in results] == [b"ok", b"ok"]
    assert results[0].instance_id == results[1].instance_id
    assert len(log.of(results[0], "logger")) == 1


def test_covers_the_channel(tmp_path: Path, way: Way) -> None:
    """The answer is lost: failed at once, and the next request is served."""
    with run(tmp_path, way, "closes_descriptors.covered", timeout_s=5) as (box, _):
        result, well = box.invoke("f"), box.invoke("f", b"well")

    assert result.cause in (Cause.EXIT, Cause.SIGNAL, Cause.TIMEOUT)
    assert result.error_type == "UnhandledInvocationError"
    assert well.ok


def test_forged_markers(tmp_path: Path, way: Way) -> None:
    """They stay plain output; the runner's own lines pair up, one pair a request."""
    with run(tmp_path, way, "forges_markers.handler") as (box, log):
        results = [box.invoke("f"), box.invoke("f")]

    for result in results:
        assert result.body == b"ok"
        assert_end_line(log, result, "")
        assert len(log.of(result, "stdout")) == 7
        assert len(log.of(result, "stderr")) == 1
    assert len(log.texts("runner")) == 5
    assert not any("00000000-000000000000" in text for text in log.texts("runner", "logger"))


def test_late_output(tmp_path: Path, way: Way) -> None:
    """Nothing is lost, and nothing is another request's; the atexit line is caught."""
    with run(tmp_path, way, "prints_late.handler") as (box, log):
        results = []
        for at in (1, 2):
            results.append(box.invoke("f"))
            wait_until(
                lambda at=at: {f"thread {at}", f"child {at}"} <= set(log.texts("stdout")),  # type: ignore[misc]
                "the late lines",
            )
    late = [line for line in log.lines if line["late"]]

    assert [result.body for result in results] == [b"ok", b"ok"]
    for at, result in enumerate(results, 1):
        mine = {line["text"] for line in late if line["request_id"] == result.request_id}
        assert {f"thread {at}", f"child {at}"} <= mine
    assert late[-1]["text"] == "from atexit"


def test_threads_that_print(tmp_path: Path, way: Way) -> None:
    """No byte lost, no character broken, each thread's lines in their order."""
    with run(tmp_path, way, "prints_in_threads.handler", timeout_s=50) as (box, log):
        result = box.invoke("f")
    text = "\n".join(log.of(result, "stdout"))
    tokens = re.findall(r"t(\d\d)-(\d{4}) ", text)

    assert result.body == b"8000"
    assert text.count("水") == 16 * 500 * 96
    assert "\ufffd" not in text
    for thread in range(16):
        numbers = [int(number) for name, number in tokens if int(name) == thread]
        assert numbers == list(range(500))


# -- processes -------------------------------------------------------------------------------------


def test_daemon_holds_stdout(tmp_path: Path, way: Way) -> None:
    """The request ends with its answer; the daemon ends with its instance, within a second."""
    with run(tmp_path, way, "leaves_processes.daemon", pre_stop="stop") as (box, log):
        begun = time.monotonic()
        result = box.invoke("f")
        took_s = time.monotonic() - begun
        again = box.invoke("f")
        wait_until(lambda: "tick" in log.texts("stdout"), "a tick")
        assert len(box.processes()) == 3 + INITS[way.level]
        begun = time.monotonic()
        box.close()
        close_s = time.monotonic() - begun

    assert (result.body, again.body) == (b"ok", b"ok")
    assert took_s < 3
    assert close_s < 2
    assert [t.split(" RequestId")[0] for t in log.texts("runner")][-2:] == [
        "FC PreStop Start", "FC PreStop End",
    ]  # fmt: skip


def test_runaway_after_a_timeout(tmp_path: Path, way: Way) -> None:
    """A grandchild whose pid changes every few milliseconds is gone a second after the kill."""
    with run(tmp_path, way, "leaves_processes.runaway", timeout_s=0.4) as (box, _):
        for _ in range(3):
            result = box.invoke("f")
            assert result.cause is Cause.TIMEOUT
            wait_until(lambda: box.instances() == [], "its end", 1.5)
            assert box.processes() == set()
        assert box.invoke("f", b"well").ok


def test_swarm(tmp_path: Path, way: Way) -> None:
    """Two hundred children: all end with their instance."""
    with run(tmp_path, way, "leaves_processes.swarm", timeout_s=30) as (box, _):
        result = box.invoke("f")
        assert len(box.processes()) == 201 + INITS[way.level]
        box.recycle("f")
        wait_until(lambda: box.instances() == [], "its end", 2.0)

        assert result.body == b"ok"
        assert box.processes() == set()


def test_limits_dropped(tmp_path: Path, way: Way) -> None:
    """Answering needs none of them; a later death by SIGXCPU or SIGKILL is named."""
    with run(tmp_path, way, "drops_its_limits.handler", timeout_s=10) as (box, _):
        answer = box.invoke("f")
        burnt = box.invoke("f", b"burn")
        again = box.invoke("f")

    assert answer.body == b"ok"
    assert burnt.cause is Cause.SIGNAL
    assert burnt.status in ("SIGXCPU(-24)", "SIGKILL(-9)")
    assert again.body == b"ok"
    assert again.instance_id != burnt.instance_id


# -- exceptions, loading, results ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("odd", "Odd", "not an Exception"),
        ("bad", "Bad", "<unprintable Bad object>"),
        ("thing", "TypeError", "<unprintable Thing object> is not JSON serializable"),
        ("handler", "HandlerNotFound",
         "Handler 'handler' is missing on module 'raises_strangely'"),
    ],
)  # fmt: skip
def test_function_errors(
    tmp_path: Path, way: Way, handler: str, error_type: str, message: str
) -> None:
    """An error as any other, twice, and the instance goes on."""
    with run(tmp_path, way, f"raises_strangely.{handler}") as (box, log):
        results = [box.invoke("f"), box.invoke("f")]

    for result in results:
        assert (result.cause, result.error_type) == (Cause.ERROR, "UnhandledInvocationError")
        assert result.error is not None
        assert (result.error["errorType"], result.error["errorMessage"]) == (error_type, message)
        assert_end_line(log, result, ", Error: Unhandled function error")
        assert result.body.decode() in log.of(result, "logger")[0]
    assert results[0].instance_id == results[1].instance_id


def test_module_that_does_not_parse(tmp_path: Path, way: Way) -> None:
    """File and line; no crash loop; mended by an edit, without a restart."""
    spec = write_function(
        tmp_path, "def handler(event, context)\n    return 1\n", python=PYTHONS[way.version]
    )
    with open_box(tmp_path, spec, way.settings) as box:
        results = [box.invoke("f"), box.invoke("f")]
        time_of_edit = time.time() + 5
        index = Path(spec.code_dir) / "index.py"
        index.write_text("def handler(event, context):\n    return 'mended'\n")
        os.utime(index, (time_of_edit, time_of_edit))
        mended = box.invoke("f")

    for result in results:
        assert result.error is not None
        assert result.error["errorType"] == "UserCodeSyntaxError"
        assert result.error["stackTrace"][:2] == ['File "/code/index.py"', "line 1"]
    assert mended.body == b"mended"
    assert len({result.instance_id for result in [*results, mended]}) == 1
