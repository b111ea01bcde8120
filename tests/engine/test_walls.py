"""What a function sees of its walls: its root, its user, its memory, and what is said of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.core.spec import BoxSettings
from tests.boxes import open_box, write_function

LEVELS = ["process", "strict"]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root has other user ids to give")

LOOK = """
import os

def handler(event, context):
    return {
        "uid": os.getuid(),
        "root": sorted(os.listdir("/")),
        "file": __file__,
        "cwd": os.getcwd(),
        "home": os.environ["HOME"],
        "pids": sorted(name for name in os.listdir("/proc") if name.isdigit()),
        "modes": oct(os.stat("/code").st_mode & 0o777),
        "owner": os.stat(__file__).st_uid,
    }
"""
GROWS = """
import time

def handler(event, context):
    held = bytearray(b"x") * (int(event) << 20)
    return len(held)
"""


@pytest.mark.parametrize("level", LEVELS)
def test_the_function_sees_the_cloud(tmp_path: Path, level: str) -> None:
    """/code, /tmp, its own processes, and none of the directories of the host."""
    spec = write_function(tmp_path, LOOK)
    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        seen = json.loads(box.invoke("f").body)
        record = box.instances()[0]

    assert (seen["file"], seen["cwd"], seen["home"]) == ("/code/index.py", "/code", "/tmp")
    assert seen["pids"] == ["1", "2"]
    assert not {"boot", "home", "media", "mnt", "srv"} & set(seen["root"])
    assert record.isolation == level


@as_root
@pytest.mark.parametrize("level", LEVELS)
def test_code_that_is_private_to_its_owner(tmp_path: Path, level: str) -> None:
    """Another uid than the owner's runs it, below directories that nobody else may enter."""
    home = tmp_path / "home"
    home.mkdir(0o700)
    spec = write_function(home, LOOK)
    folder = Path(spec.code_dir)
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, 61111, 61111)
    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        seen = json.loads(box.invoke("f").body)
        held = box.statistics()["isolation"]["held"]

    assert seen["modes"] == "0o700"
    assert seen["owner"] == seen["uid"] != 0
    assert "own_uid" in held


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("level", LEVELS)
def test_code_that_cannot_be_mounted_for_another_user(
    tmp_path: Path, level: str, mode: int
) -> None:
    """The function has no own uid then, and that is told; unless all may read its code anyway."""
    program = f"""
import json, sys
from pathlib import Path
from sandbox.core.spec import BoxSettings
from tests.boxes import open_box, write_function
folder = Path({str(tmp_path)!r})
spec = write_function(folder / "ram", {LOOK!r})
(Path(spec.code_dir) / "index.py").chmod({mode})
with open_box(folder, spec, BoxSettings(isolation={level!r})) as box:
    answer = json.loads(box.invoke("f").body)
    print(json.dumps([answer["file"], box.statistics()["isolation"]["lacks"]]))
"""
    (tmp_path / "ram").mkdir()
    mount = ["unshare", "-m", "sh", "-c", 'mount -t ramfs ramfs "$0" && exec "$@"']
    command = [*mount, str(tmp_path / "ram"), sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    file, lacks = json.loads(done.stdout)

    assert file == "/code/index.py"
    assert "root" not in lacks
    if mode == 0o600:
        assert lacks["own_uid"] == "mounting /code for another user: Invalid argument"
    else:
        assert lacks == {}


@pytest.mark.parametrize("level", ["none", *LEVELS])
def test_memory_is_that_of_each_request(tmp_path: Path, level: str) -> None:
    """A small request after a large one does not show what the large one used."""
    spec = write_function(tmp_path, GROWS, memory_mb=512)
    with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
        large, small = box.invoke("f", b"100"), box.invoke("f", b"1")

    assert large.memory > 100
    assert small.memory < large.memory - 90


@pytest.mark.parametrize("level", LEVELS)
def test_an_environment_in_the_temporary_directory(tmp_path: Path, level: str) -> None:
    """The function's /tmp is its own, and does not hide an interpreter that is in the host's."""
    folder = Path("/tmp") / f"fcbox-test-{os.getpid()}"
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    try:
        packages = next(folder.glob("lib/python3.*/site-packages"))
        (packages / "greeting.py").write_text("words = 'hello from below'")
        source = "import greeting, os\ndef handler(event, context):\n    return greeting.words"
        spec = write_function(tmp_path, source)._replace(python=str(folder / "bin" / "python"))
        with open_box(tmp_path, spec, BoxSettings(isolation=level)) as box:
            answer = box.invoke("f").body
    finally:
        shutil.rmtree(folder)

    assert answer == b"hello from below"
