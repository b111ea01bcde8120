"""The leak guard finds what it promises to find, and costs next to nothing."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests import leaks

SHORT_S = 0.02


def test_nothing_left_is_nothing_found() -> None:
    before = leaks.snapshot()
    subprocess.run(["true"], check=True)

    assert leaks.wait_no_leaks(before, SHORT_S) == []


def test_running_child() -> None:
    before = leaks.snapshot()
    with subprocess.Popen(["sleep", "3600"]) as child:
        found = leaks.wait_no_leaks(before, SHORT_S)
        child.kill()

    assert len(found) == 1
    assert found[0].startswith(f"child process {child.pid} (sleep), state ")
    assert found[0].endswith(": sleep 3600")


def test_zombie() -> None:
    before = leaks.snapshot()
    pid = os.posix_spawnp("true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    found = leaks.wait_no_leaks(before, SHORT_S)
    os.waitpid(pid, 0)

    assert found == [f"child process {pid} (true): a zombie, nobody waited for it"]


def test_child_of_another_thread() -> None:
    before = leaks.snapshot()
    started, done = threading.Event(), threading.Event()

    def own_a_child() -> None:
        with subprocess.Popen(["sleep", "3600"]) as child:
            started.set()
            done.wait()
            child.kill()

    thread = threading.Thread(target=own_a_child, daemon=True)
    thread.start()
    started.wait()
    found = leaks.leaks_since(before)
    done.set()
    thread.join()

    assert len(found) == 1


def test_child_that_ends_in_time_is_no_leak() -> None:
    before = leaks.snapshot()
    child = subprocess.Popen(["sleep", "0.05"])
    reaper = threading.Thread(target=child.wait, daemon=True)
    reaper.start()
    found = leaks.wait_no_leaks(before)
    reaper.join()

    assert found == []


def test_descriptor() -> None:
    before = leaks.snapshot()
    fd = os.open("/dev/null", os.O_RDONLY)
    found = leaks.wait_no_leaks(before, SHORT_S)
    os.close(fd)

    assert found == [f"descriptor {fd} -> /dev/null"]


def test_descriptor_that_took_a_number_over() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    before = leaks.snapshot()
    other = os.open("/dev/zero", os.O_RDONLY)
    os.dup2(other, fd)
    os.close(other)
    found = leaks.wait_no_leaks(before, SHORT_S)
    os.close(fd)

    assert found == [f"descriptor {fd} -> /dev/zero"]


def test_garbage_is_collected_first() -> None:
    before = leaks.snapshot()
    cycle: list[object] = [open("/dev/null", "rb")]  # noqa: SIM115
    cycle.append(cycle)
    del cycle
    with pytest.warns(ResourceWarning):
        found = leaks.wait_no_leaks(before, SHORT_S)

    assert found == []


def test_thread() -> None:
    before = leaks.snapshot()
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="left-over")
    thread.start()
    found = leaks.wait_no_leaks(before, SHORT_S)
    done.set()
    thread.join()

    assert found == ["thread 'left-over'"]


def test_temp_entry() -> None:
    before = leaks.snapshot()
    path = Path(tempfile.mkdtemp(prefix="fcbox-"))
    found = leaks.wait_no_leaks(before, SHORT_S)
    path.rmdir()

    assert found == [f"in the temp directory: {path}"]


def test_group_of_a_box_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    directories = list(leaks._own_groups())
    if not directories or not os.access(directories[0], os.W_OK):
        if os.environ.get("CI") == "true":
            pytest.fail("no control groups can be made here")
        pytest.skip("no control groups can be made here")
    monkeypatch.setenv("CI", "true")
    before = leaks.snapshot()
    path = Path(directories[0], f"fcbox-{os.getpid():x}-1")
    path.mkdir()
    found = leaks.wait_no_leaks(before, SHORT_S)
    path.rmdir()

    assert f"control group {path}" in found
    assert [line for line in found if "control group" not in line] == []


def test_mount(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("it takes root to mount")
    before = leaks.snapshot()
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    found = leaks.wait_no_leaks(before, SHORT_S)
    subprocess.run(["umount", tmp_path], check=True)

    assert len(found) == 1
    assert found[0].startswith("mount ")
    assert found[0].endswith(f" at {tmp_path}, tmpfs")


def test_snapshot_is_cheap() -> None:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        leaks.snapshot()
        times.append(time.perf_counter() - began)

    assert min(times) < 0.002


LEAKY = """
import os, pytest

def test_leaks(): os.open("/dev/null", os.O_RDONLY)

def test_is_not_blamed_for_the_one_before(): pass

@pytest.mark.leaks_allowed("on purpose")
def test_opts_out(): os.open("/dev/null", os.O_RDONLY)

@pytest.mark.leaks_allowed
def test_gives_no_reason(): pass
"""


def test_guard_fails_the_test_that_leaks_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", root / "pyproject.toml", "--rootdir", root),
            *("-p", "tests.conftest", "-p", "no:cacheprovider", "-q", tmp_path),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    report = run.stdout

    assert run.returncode == 1
    assert "3 passed, 2 errors" in report  # The leak shows at tear-down: passed and error.
    assert "test_leaky.py::test_leaks - " in report
    assert "this test left behind:" in report
    assert "-> /dev/null" in report
    assert "test_leaky.py::test_gives_no_reason - Failed: leaks_allowed needs a reason" in report
    assert report.count("test_leaky.py::") == 2
