"""At `strict` an instance opens files of its own, by overlayfs: they show what is in the user's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.spec import BoxSettings
from tests.boxes import environ_of, open_box, write_function

LOCKING = """
import fcntl, os

PATHS = (__file__, "/usr", "/etc", os.__file__, "/opt/key", "/sys/devices/system/cpu")
HELD = []

def handler(event, context):
    kept = []
    for path in PATHS:
        HELD.append(os.open(path, os.O_RDONLY))
        try:
            fcntl.flock(HELD[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            kept.append(path)
    return kept
"""


@pytest.mark.parametrize("level", ["process", "strict"])
def test_locks_of_another_instance(tmp_path: Path, level: str) -> None:
    """Everything that both may read: at `process` the second one finds all of it locked."""
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "key").write_text("key")
    spec = write_function(tmp_path, LOCKING, layers=(str(layer),))
    other = write_function(tmp_path, LOCKING, name="g")._replace(
        code_dir=spec.code_dir, layers=spec.layers
    )

    with open_box(tmp_path, [spec, other], BoxSettings(isolation=level)) as box:
        first = json.loads(box.invoke("f").body)
        second = json.loads(box.invoke("g").body)

    assert first == []
    assert len(second) == (0 if level == "strict" else 6)


READING = """
import os

def handler(event, context):
    here = os.path.dirname(__file__)
    return {name: sorted(os.listdir(os.path.join(here, name))) for name in ("", "mounted")}
"""
MOUNTED = """
import json, os, subprocess, sys
from sandbox import FunctionSpec, Sandbox
from sandbox.core.spec import BoxSettings
from worker import namespaces, syscalls

code, level, allowed, preparing, later = json.loads(sys.argv[1])
namespaces.own_mount_namespace()
subprocess.run(preparing, shell=True, check=True, cwd=code)
spec = FunctionSpec("f", "index.handler", code, python=sys.executable)
settings = BoxSettings(isolation=level, allows_degraded=allowed)
with Sandbox([spec], settings, environ=os.environ) as box:
    result = box.invoke("f")
    if later:
        subprocess.run(later, shell=True, check=True, cwd=code)
        box.recycle("f")
        result = box.invoke("f")
    told = box.statistics()["isolation"]
    print(json.dumps([result.body.decode(), result.cause.value, told]))
"""


def ask(
    folder: Path, level: str, preparing: str, is_allowed: bool = False, later: str = ""
) -> tuple[str, str, dict[str, Any]]:
    """What a function answers whose code directory was prepared in a mount namespace of its own."""
    code = write_function(folder, READING).code_dir
    Path(code, "mounted").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", MOUNTED, json.dumps([code, level, is_allowed, preparing, later])],
        env={**environ_of(folder), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    body, cause, told = json.loads(done.stdout)
    return body, cause, told


@pytest.mark.parametrize("level", ["process", "strict"])
def test_what_is_mounted_below_the_code(tmp_path: Path, level: str) -> None:
    body, cause, _ = ask(tmp_path, level, "mount -t tmpfs tmpfs mounted && touch mounted/here")

    assert (cause, json.loads(body)) == (
        "ok", {"": ["index.py", "mounted"], "mounted": ["here"]}
    )  # fmt: skip


@pytest.mark.skipif(os.getuid() != 0, reason="a user's mounts are apart from the zygote's")
@pytest.mark.parametrize("level", ["process", "strict"])
def test_what_is_mounted_later(tmp_path: Path, level: str) -> None:
    """The zygote has the list of mounts ready, and sees when it changes."""
    later = "mount -t tmpfs tmpfs mounted && touch mounted/later"
    body, cause, _ = ask(tmp_path, level, "true", later=later)

    assert (cause, json.loads(body)["mounted"]) == ("ok", ["later"])


TWICE_OVER_ITSELF = """
mkdir ../empty
for time in 1 2; do mount -t overlay overlay -o lowerdir="$PWD:$PWD/../empty" "$PWD"; done
"""


def test_code_that_overlayfs_refuses(tmp_path: Path) -> None:
    """Two overlays over each other are the most that the kernel allows."""
    body, cause, _ = ask(tmp_path, "strict", TWICE_OVER_ITSELF)

    assert cause == "not_created"
    assert "instances see and hold each other's locks" in body
    assert "no overlays: mounting at ./code: " in body


REFUSED_ALONE = """
import json, os, subprocess, sys
from sandbox import FunctionSpec, Sandbox
from sandbox.core.spec import BoxSettings
from worker import namespaces, syscalls

good, bad, preparing = json.loads(sys.argv[1])
namespaces.own_mount_namespace()
subprocess.run(preparing, shell=True, check=True, cwd=bad)
specs = [FunctionSpec(name, "index.handler", code, python=sys.executable)
         for name, code in (("good", good), ("bad", bad))]
with Sandbox(specs, BoxSettings(isolation="strict"), environ=os.environ) as box:
    causes = [box.invoke(name).cause.value for name in ("good", "bad", "good", "bad")]
    box._call(lambda supervisor: supervisor.update(specs[1]._replace(code_dir=good)))
    causes += [box.invoke(name).cause.value for name in ("bad", "good")]
    print(json.dumps([causes, box.statistics()["isolation"]["lacks"]]))
"""


def test_who_is_refused_is_refused_alone_and_until_changed(tmp_path: Path) -> None:
    good = write_function(tmp_path, READING, name="good").code_dir
    bad = write_function(tmp_path, READING, name="bad").code_dir
    Path(good, "mounted").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", REFUSED_ALONE, json.dumps([good, bad, TWICE_OVER_ITSELF])],
        env={**environ_of(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    causes, lacks = json.loads(done.stdout)
    assert causes == ["ok", "not_created", "ok", "not_created", "ok", "ok"]
    assert not [lack for lack in lacks if "overlays" in lack]


def test_it_runs_with_common_files_when_that_is_allowed(tmp_path: Path) -> None:
    body, cause, told = ask(tmp_path, "strict", TWICE_OVER_ITSELF, is_allowed=True)

    assert (cause, json.loads(body)[""]) == ("ok", ["index.py", "mounted"])
    assert "overlays" not in told["held"]
    assert [name for name in told["lacks"] if "overlays" in name]
