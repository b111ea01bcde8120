"""The zygote and what it loads, and the instances it makes, on every interpreter."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.boxes import PYTHONS, box_tag, live_processes, open_box, wait_until, write_function

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = sorted(PYTHONS, key=lambda version: int(version.split(".")[1]))
LOADED = """
import sys
before = set(sys.modules)
import worker.zygote
import json
new = set(sys.modules) - before
print(json.dumps(NAMES))
"""
HEAVY = {"asyncio", "ssl", "inspect", "dataclasses", "typing", "decimal", "email", "http", "urllib",
         "subprocess", "multiprocessing", "tempfile", "datetime", "random", "unittest", "pathlib",
         "argparse", "concurrent"}  # fmt: skip
"""Each would cost every instance memory and every zygote milliseconds."""

every_version = pytest.mark.parametrize("version", VERSIONS)


@every_version
def test_loads_the_standard_library_and_itself_only(version: str) -> None:
    """In a fresh interpreter, whatever is installed beside it."""

    def ask(code: str) -> bytes:
        command = [PYTHONS[version], "-c", code]
        return subprocess.check_output(command, cwd=ROOT, env={"PYTHONPATH": ""}, timeout=30)

    files = "sorted(m.__file__ for n, m in sys.modules.items() if n not in before and %s)"
    is_file = "getattr(m, '__file__', None)"
    modules: list[str] = json.loads(ask(LOADED.replace("NAMES", "sorted(new)")))
    paths: list[str] = json.loads(ask(LOADED.replace("NAMES", files % is_file)))
    standard = os.path.dirname(ask("import os; print(os.__file__)").decode().strip())
    allowed = (standard, str(ROOT / "worker"))
    strange = [p for p in paths if not p.startswith(allowed) or "site-packages" in p]

    assert "worker.runtime" in modules
    assert strange == []
    assert HEAVY.isdisjoint(name.split(".")[0] for name in modules if not is_inherited(name))


def is_inherited(name: str) -> bool:
    """What the standard library itself brings with the few modules that are needed."""
    return name in ("typing.io", "typing.re") or name.split(".")[0] in ("typing", "random")


@every_version
def test_whole_life(tmp_path: Path, version: str) -> None:
    """hello, setup, Initializer, requests, PreStop, atexit: in this order, in one process."""
    source = """
    import atexit, os, sys
    seen = []

    def initialize(context):
        seen.append("initialize " + context.request_id)
        atexit.register(print, "atexit ran")

    def handler(event, context):
        seen.append(event.decode())
        print("pid", os.getpid())
        version = "%d.%d" % sys.version_info[:2]
        return {"seen": seen, "version": version, "event": type(event).__name__}

    def pre_stop(context):
        print("PreStop after", len(seen), "entries")
    """
    spec = write_function(
        tmp_path, source, python=PYTHONS[version], initializer="initialize", pre_stop="pre_stop",
    )  # fmt: skip
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with open_box(tmp_path, spec, log_format="fc", log_fd=fd) as box:
        first, second = box.invoke("f", b"one"), box.invoke("f", b"two")
    os.close(fd)
    answer = json.loads(second.body)
    log = path.read_text()
    prestop = next(e.request_id for e in box.history if e.name == "fcbox:PreStop:Start")

    assert answer == {
        "seen": [f"initialize {first.request_id}", "one", "two"],
        "version": version,
        "event": "bytes",
    }
    assert second.instance_id == first.instance_id
    pid = next(line for line in log.splitlines() if line.startswith("pid"))
    assert log.splitlines() == [
        "FunctionCompute python3.10 runtime inited.",
        f"FC Initialize Start RequestId: {first.request_id}",
        f"FC Initialize End RequestId: {first.request_id}",
        f"FC Invoke Start RequestId: {first.request_id}",
        pid,
        f"FC Invoke End RequestId: {first.request_id}",
        f"FC Invoke Start RequestId: {second.request_id}",
        pid,
        f"FC Invoke End RequestId: {second.request_id}",
        f"FC PreStop Start RequestId: {prestop}",
        "PreStop after 3 entries",
        f"FC PreStop End RequestId: {prestop}",
        "atexit ran",
    ]


@every_version
def test_what_an_instance_is_born_with(tmp_path: Path, version: str) -> None:
    """Own session, stdin null, no core, signals as usual, no footprints."""
    source = """
    import os, random, resource, signal, sys, threading

    def handler(event, context):
        return {
            "session": os.getsid(0) == os.getpid(),
            "stdin": os.readlink("/proc/self/fd/0"),
            "core": resource.getrlimit(resource.RLIMIT_CORE),
            "ignored": [s for s in (1, 2, 15) if signal.getsignal(s) == signal.SIG_IGN],
            "threads": threading.active_count(),
            "argv": sys.argv,
            "first": sys.path[0] == os.getcwd(),
            "main": sorted(n for n in vars(sys.modules["__main__"]) if not n.startswith("__")),
            "random": random.random(),
            "streams": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering],
            "fork": os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8,
        }
    """
    spec = write_function(tmp_path, source, python=PYTHONS[version], max_instances=2)
    with open_box(tmp_path, spec) as box:
        born = json.loads(box.invoke("f").body)
        box.recycle("f")
        other = json.loads(box.invoke("f").body)

    assert born.pop("random") != other.pop("random")
    assert born == {
        "session": True,
        "stdin": "/dev/null",
        "core": [0, 0],
        "ignored": [],
        "threads": 1,
        "argv": [""],
        "first": True,
        "main": born["main"],
        "streams": ["utf-8", "surrogateescape", True],
        "fork": 7,
    }
    assert set(born["main"]) <= {"sys", "main"}


@every_version
def test_descriptors_of_others_stay_outside(tmp_path: Path, version: str) -> None:
    """What the supervisor was started with, inheritable or not, does not reach a function."""
    source = """
    import os

    def handler(event, context):
        found = []
        for fd in os.listdir("/proc/self/fd"):
            try:
                found.append(os.readlink("/proc/self/fd/" + fd))
            except OSError:
                pass
        return found
    """
    secret = tmp_path / "secret"
    fd = os.open(secret, os.O_RDWR | os.O_CREAT)
    os.set_inheritable(fd, True)
    spec = write_function(tmp_path, source, python=PYTHONS[version])
    with open_box(tmp_path, spec) as box:
        found = json.loads(box.invoke("f").body)
    os.close(fd)

    kinds = {re.sub(r":.*|[0-9]+", "", target) for target in found}
    assert kinds <= {"/dev/null", "pipe", "socket", "/proc//clear_refs"}
    assert found.count("/dev/null") == 1


@every_version
def test_timeout_dumps_the_stacks(tmp_path: Path, version: str) -> None:
    """Every thread's, at ERROR, between what was printed and the End line; status 143."""
    source = """
    import threading, time

    def wait_here():
        threading.Event().wait()

    def handler(event, context):
        print("printed")
        threading.Thread(target=wait_here, daemon=True).start()
        time.sleep(3600)
    """
    spec = write_function(tmp_path, source, python=PYTHONS[version], timeout_s=0.3)
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with open_box(tmp_path, spec, log_format="json", log_fd=fd) as box:
        result = box.invoke("f")
    os.close(fd)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    texts = [line["text"] for line in lines if line["request_id"] == result.request_id]
    (dump,) = [line for line in lines if line["source"] == "logger"]

    assert texts[0].startswith("FC Invoke Start")
    assert texts[1] == "printed"
    assert "Dumping stack trace after function timeout" in dump["text"]
    assert dump["text"].count(f"request id = {result.request_id}, thread id = ") == 2
    assert "in wait_here" in dump["text"]
    assert "in handler" in dump["text"]
    assert dump["level"] == 40
    assert texts[-1].startswith(
        f"FC Invoke End RequestId: {result.request_id}, Error: Function timed out after 0.3 seconds"
    )
    ends = [event.detail for event in box.history if event.name == "fc:Instance:DestroySuccess"]
    assert ends == ["exit status 143"]


@every_version
def test_end_of_the_supervisor(tmp_path: Path, version: str) -> None:
    """The zygote ends with its control socket; the workers with their parent."""
    spec = write_function(tmp_path, "def handler(e, c): return e", python=PYTHONS[version])
    with open_box(tmp_path, spec) as box:
        box.invoke("f")
        tag = box_tag(tmp_path / "state")
        (zygote,) = box.statistics()["zygotes"]  # type: ignore[misc, attr-defined]
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(zygote, signum)

        assert box.statistics()["zygotes"] == [zygote], "it is not the terminal's to end"
    wait_until(lambda: not live_processes(tag), "all of them")
    assert not Path(f"/proc/{zygote}").exists()
