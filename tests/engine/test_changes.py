"""Functions that come, change and go while the box runs."""

import os
import shutil
import zipfile
from concurrent.futures import Future
from pathlib import Path

import pytest

from sandbox import Cause, FunctionSpec, InvokeResult, NotFound
from sandbox.core.spec import AsyncSettings, HttpTrigger, needs_new_instances
from sandbox.engine.supervisor import UnknownFunction
from tests.boxes import PatientSandbox, open_box, share, wait_until, write_function

NAMED = """
import os

def handler(event, context):
    return "%s %s" % (os.environ.get("COLOUR"), os.environ["FC_INSTANCE_ID"])

def pre_stop(context):
    pass
"""
GATED = """
import os

def handler(event, context):
    if event == b"quick":
        return "quick"
    open("/mnt/shared/begun", "w").close()
    with open("/mnt/shared/gate", "rb") as gate:
        gate.read()
    return "finished " + os.environ["COLOUR"]
"""


def answer(box: PatientSandbox, name: str = "f") -> str:
    return box.invoke(name, b"").body.decode()


@pytest.fixture
def spec(tmp_path: Path) -> FunctionSpec:
    return write_function(tmp_path, NAMED, pre_stop="pre_stop", environment={"COLOUR": "red"})


def test_a_change_that_concerns_instances_replaces_them(tmp_path: Path, spec: FunctionSpec) -> None:
    with open_box(tmp_path, spec) as box:
        old = answer(box)
        changed = spec._replace(environment={"COLOUR": "blue"})
        box._call(lambda supervisor: supervisor.update(changed))
        new = answer(box)

        assert (old.split()[0], new.split()[0]) == ("red", "blue")
        assert old.split()[1] != new.split()[1]
        assert "fcbox:PreStop:End" in box.names()


@pytest.mark.parametrize(
    "change",
    [
        {"description": "other"},
        {"http_triggers": (HttpTrigger(),)},
        {"asynchronous": AsyncSettings(max_retries=0)},
        {"idle_timeout_s": 60.0},
        {"max_instances": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_change_leaves_them(
    tmp_path: Path, spec: FunctionSpec, change: dict[str, object]
) -> None:
    changed = spec._replace(**change)
    assert not needs_new_instances(spec, changed)
    with open_box(tmp_path, spec) as box:
        old = answer(box)
        box._call(lambda supervisor: supervisor.update(changed))

        assert answer(box) == old
        assert box._call(lambda supervisor: supervisor.pools["f"].spec) == changed


def begin(box: PatientSandbox, tmp_path: Path) -> "Future[InvokeResult]":
    os.mkfifo(tmp_path / "shared" / "gate")
    future = box.submit("f", b"")
    wait_until((tmp_path / "shared" / "begun").exists, "the request to begin")
    return future


def gated(tmp_path: Path) -> FunctionSpec:
    mounts = share(tmp_path / "shared")
    return write_function(tmp_path, GATED, environment={"COLOUR": "red"}, mounts=mounts)


def open_gate(tmp_path: Path) -> None:
    os.close(os.open(tmp_path / "shared" / "gate", os.O_WRONLY))


def test_a_request_that_runs_ends_on_the_old_instance(tmp_path: Path) -> None:
    spec = gated(tmp_path)
    with open_box(tmp_path, spec._replace(max_instances=1)) as box:
        future = begin(box, tmp_path)
        changed = spec._replace(environment={"COLOUR": "blue"}, max_instances=2)
        box._call(lambda supervisor: supervisor.update(changed))
        assert box.invoke("f", b"quick").body == b"quick"  # the new one does not wait for the old
        open_gate(tmp_path)

        assert future.result(10).body == b"finished red"


def test_a_function_can_be_added(tmp_path: Path, spec: FunctionSpec) -> None:
    other = write_function(tmp_path, NAMED, name="g", environment={"COLOUR": "green"})
    with open_box(tmp_path, spec) as box:
        with pytest.raises(NotFound):
            box.invoke("g", b"")
        box._call(lambda supervisor: supervisor.add(other))
        assert answer(box, "g").startswith("green")
        with pytest.raises(ValueError, match="g already"):
            box._call(lambda supervisor: supervisor.add(other))


def test_a_function_that_is_removed_finishes_its_request(tmp_path: Path) -> None:
    with open_box(tmp_path, gated(tmp_path)) as box:
        future = begin(box, tmp_path)
        box._call(lambda supervisor: supervisor.remove("f"))
        with pytest.raises(NotFound):
            box.invoke("f", b"quick")
        assert [record.state for record in box.instances()] == ["DRAINING"]
        open_gate(tmp_path)

        assert future.result(10).body == b"finished red"
        wait_until(lambda: not box.instances(), "its instance to end")


def test_a_removed_function_does_not_outlive_its_box(tmp_path: Path) -> None:
    with open_box(tmp_path, gated(tmp_path)) as box:
        future = begin(box, tmp_path)
        box._call(lambda supervisor: supervisor.remove("f"))
        box._call(lambda supervisor: supervisor.kill())

        assert future.result(10).cause is Cause.CANCELLED


def test_changing_what_is_not_there(tmp_path: Path, spec: FunctionSpec) -> None:
    with open_box(tmp_path, spec) as box:
        for change in ("update", "remove"):
            wrong = spec._replace(name="nobody") if change == "update" else "nobody"
            with pytest.raises(UnknownFunction):
                box._call(lambda supervisor, c=change, w=wrong: getattr(supervisor, c)(w))


def test_an_archive_that_comes_later_has_a_directory_of_its_own(
    tmp_path: Path, spec: FunctionSpec
) -> None:
    archives = []
    for colour in ("first", "second"):
        path = tmp_path / f"{colour}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("index.py", f"def handler(event, context): return '{colour}'")
        archives.append(spec._replace(code_dir="", code_archive=str(path), pre_stop=None))
    shutil.rmtree(spec.code_dir)
    with open_box(tmp_path, archives[0]) as box:
        assert answer(box) == "first"
        inner = box._box
        assert inner is not None
        box._call(lambda supervisor: inner.update(archives[1]))
        assert answer(box) == "second"
