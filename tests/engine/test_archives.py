"""Code in a .zip: it runs like code in a directory, and no archive writes anywhere else."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import BoxSettings, Callback, FunctionSpec, Sandbox
from sandbox.engine import archives, leftovers
from sandbox.engine.archives import unpacked
from tests.archives import DAMAGED, HOSTILE, write_zip
from tests.boxes import PYTHON, box_tag, environ_of, live_processes, open_box, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = """
import os, stat
from pkg import other
ready = []

def initialize(context):
    ready.append(open(os.path.join(os.path.dirname(__file__), "data.txt")).read())

def handler(event, context):
    if event == b"fail":
        raise ValueError("on purpose")
    tool = os.stat("tool.sh").st_mode
    return [ready[0], other.value, os.getcwd(), bool(tool & stat.S_IXUSR), open("link").read()]
"""


def archive_function(folder: Path, **fields: object) -> FunctionSpec:
    files: dict[str, str | bytes] = {
        "index.py": CODE, "data.txt": "data", "tool.sh": "#!/bin/sh\n",
        "pkg/__init__.py": "", "pkg/other.py": "value = 7",
    }  # fmt: skip
    path = write_zip(folder / "app.zip", files, {"link": "data.txt"})
    initializer = Callback("index.initialize")
    spec = FunctionSpec("f", "index.handler", "", PYTHON, initializer=initializer)
    return spec._replace(code_archive=path)


def test_a_function_in_an_archive(tmp_path: Path) -> None:
    """Initializer, packages, data, executable bits, links; and two functions share one copy."""
    spec = archive_function(tmp_path)
    other = spec._replace(name="g")

    with open_box(tmp_path, [spec, other]) as box:
        data, value, directory, is_executable, linked = json.loads(box.invoke("f").body)
        assert json.loads(box.invoke("g").body)[2] == directory
        failed = box.invoke("f", b"fail")
        (run,) = (tmp_path / "state" / "runs").iterdir()

        assert (data, value, is_executable, linked) == ("data", 7, True, "data")
        assert directory == "/code"
        assert os.listdir(run / "code") == ["0"], "the two share it"
        assert failed.error is not None
        assert failed.error["stackTrace"][0][0] == 'File "/code/index.py"'


def test_what_was_there_before_is_not_changed(tmp_path: Path) -> None:
    """A function writes into its code directory: the archive stays as it was.

    At the level none: at the others the directory is read-only.
    """
    path = write_zip(tmp_path / "a.zip", {"index.py": "def h(e, c): open('index.py', 'w')"})
    before = Path(path).read_bytes()
    spec = FunctionSpec("f", "index.h", "", PYTHON, code_archive=path)

    with open_box(tmp_path, spec, BoxSettings(isolation="none")) as box:
        assert box.invoke("f").ok

    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("name", [*HOSTILE, *DAMAGED])
def test_hostile_archives_are_refused(tmp_path: Path, name: str) -> None:
    """In words, with nothing outside the target, whatever the configuration has seen before."""
    path = tmp_path / "a.zip"
    (DAMAGED.get(name) or HOSTILE[name][1])(path)
    spec = FunctionSpec("f", "index.h", "", PYTHON, code_archive=str(path))

    with pytest.raises(OSError, match=r"the archive of the code: .+") as caught:
        unpacked([spec], str(tmp_path / "code"))

    assert caught.value.filename == str(path)
    outside = {each.name for each in tmp_path.iterdir()} - {"a.zip", "code"}
    assert outside == set()


@pytest.mark.parametrize(("size", "is_refused"), [(500, False), (501, True)])
def test_archives_share_the_limit_of_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_refused: bool
) -> None:
    """With a small limit: two gigabytes would take long. An archive that two share counts once."""
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1000)
    first = write_zip(tmp_path / "a.zip", {"index.py": bytes(500)})
    second = write_zip(tmp_path / "b.zip", {"index.py": bytes(size)})
    specs = [
        FunctionSpec(path[-5], "index.h", "", PYTHON, code_archive=path)
        for path in (first, first, second)
    ]

    if not is_refused:
        assert len({spec.code_dir for spec in unpacked(specs, str(tmp_path / "code"))}) == 2
        return
    with pytest.raises(OSError, match="all archives that are unpacked") as caught:
        unpacked(specs, str(tmp_path / "code"))
    assert caught.value.filename == second


def test_links_that_stay_inside(tmp_path: Path) -> None:
    """Up and down again, and over each other."""
    files: dict[str, str | bytes] = {"a/b/file": "x", "index.py": ""}
    links = {"a/b/up": "../..", "top": "a/b/up/a/b/file", "a/self": "./b"}
    path = write_zip(tmp_path / "a.zip", files, links)
    spec = FunctionSpec("f", "index.h", "", PYTHON, code_archive=path)

    (found,) = unpacked([spec], str(tmp_path / "code"))

    assert Path(found.code_dir, "top").read_text() == "x"
    assert Path(found.code_dir, "a/self/file").read_text() == "x"


@pytest.mark.parametrize(
    "make", [lambda path: None, os.mkdir, os.mkfifo], ids=["nothing", "directory", "pipe"]
)
def test_what_is_no_file_at_all(tmp_path: Path, make: object) -> None:
    """It was swapped since the configuration was read; nothing hangs."""
    path = tmp_path / "a.zip"
    make(path)  # type: ignore[operator]
    spec = FunctionSpec("f", "index.h", "", PYTHON, code_archive=str(path))

    with pytest.raises(OSError, match=r"archive|directory"):
        unpacked([spec], str(tmp_path / "code"))


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """No process, no directory; the API raises an OSError that says why."""
    path = tmp_path / "a.zip"
    HOSTILE["up"][1](path)
    spec = FunctionSpec("f", "index.h", "", PYTHON, code_archive=str(path))

    with pytest.raises(OSError, match="no path below the code directory"):
        Sandbox([spec], environ=environ_of(tmp_path)).open()

    assert list((tmp_path / "state" / "runs").iterdir()) == []


@pytest.mark.parametrize("arguments", [["-e", "{}"], ["--port", "0"]], ids=["events", "serve"])
def test_the_command_says_why(tmp_path: Path, arguments: list[str]) -> None:
    """The archive goes bad between the check and the start: an error, and no traceback."""
    (tmp_path / "s.yaml").write_text(
        "edition: 3.0.0\nresources:\n  f:\n    component: fc3\n    props:\n"
        "      functionName: f\n      runtime: python3.10\n      handler: index.handler\n"
        "      code: ./a.zip\n"
    )
    DAMAGED["other bytes"](tmp_path / "a.zip")
    environ = {**os.environ, **environ_of(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "sandbox", "run", str(tmp_path), "--python", PYTHON]

    done = subprocess.run(
        [*command, *arguments], env=environ, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode not in (0, 1)
    assert "error: cannot start: the archive of the code: it is no .zip archive" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "state" / "runs").iterdir()) == []


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """With a limit for the size of files, that what is unpacked keeps, and the record does not."""
    write_zip(tmp_path / "a.zip", {"index.py": "def handler(e, c): return 1"})
    (tmp_path / "s.yaml").write_text(
        "edition: 3.0.0\nresources:\n  f:\n    component: fc3\n    props:\n"
        "      functionName: f\n      runtime: python3.10\n      handler: index.handler\n"
        "      code: ./a.zip\n"
    )
    environ = {**os.environ, **environ_of(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "sandbox", "run", str(tmp_path), "--python", PYTHON]

    done = subprocess.run(
        [*command, "--port", "0"], env=environ, capture_output=True, text=True, timeout=30,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)),
    )  # fmt: skip

    assert "error: cannot start: File too large" in done.stderr
    assert done.returncode not in (0, 1)
    assert list((tmp_path / "state" / "runs").iterdir()) == []


INTERRUPTED = """
import os, sys
from sandbox import BoxSettings, FunctionSpec
from sandbox.engine.box import Box
from sandbox.engine.loop import PollLoop

def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("/code/0/big"):
        raise KeyboardInterrupt

sys.addaudithook(hook)
spec = FunctionSpec("f", "index.h", "", sys.executable, code_archive=sys.argv[1])
try:
    Box(PollLoop(), [spec], BoxSettings(), [], os.environ)
except KeyboardInterrupt:
    print(os.listdir(os.path.join(os.environ["FCBOX_STATE_DIR"], "runs")))
"""
"""Ctrl-C in the middle of unpacking."""


def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"index.py": "", "big": "x"})
    environ = {**environ_of(tmp_path), "PYTHONPATH": str(REPOSITORY)}

    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, path], env=environ, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("[]\n", "")


BOX = """
import os, sys
from sandbox import FunctionSpec, Sandbox
spec = FunctionSpec("f", "index.h", "", sys.executable, code_archive=sys.argv[1])
with Sandbox([spec], environ=os.environ) as box:
    print(box.invoke("f").ok, flush=True)
    sys.stdin.read()
"""


def test_the_next_start_cleans_up(tmp_path: Path) -> None:
    """After a SIGKILL to the supervisor what was unpacked is still there, and goes."""
    path = write_zip(tmp_path / "a.zip", {"index.py": "def h(e, c): return 1", "d/e/f": "x"})
    environ = {**environ_of(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-c", BOX, path], env=environ, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    tag = box_tag(tmp_path / "state")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not live_processes(tag), "the end of the worker")
    (run,) = (tmp_path / "state" / "runs").iterdir()

    assert (run / "code" / "0" / "d" / "e" / "f").exists()
    assert leftovers.clean(str(tmp_path / "state")) == 1
    assert not run.exists()
