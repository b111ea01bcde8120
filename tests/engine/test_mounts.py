"""Layers and mount points: the function finds them where the cloud has them, the host does not.

At the level none the instance makes itself a root that is like the host's (`worker.mounts`); at
the others it has a root of its own in any case (`worker.root`). What a function finds is the same.
"""

import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import FunctionSpec
from sandbox.config.code import mounts as config_mounts
from sandbox.core.spec import BoxSettings, Mount
from tests.boxes import (
    ENDS,
    PYTHON,
    PYTHONS,
    environ_of,
    error_text,
    open_box,
    wait_until,
    workers,
    write_function,
)
from worker import mounts as worker_mounts

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = "/mnt/fcbox-test/nas"
"""No machine has it: there are two directories to be made, and /mnt to be filled in."""
LEVELS = ("none", "process", "strict")
at_each_level = pytest.mark.parametrize("level", LEVELS)
with_own_root = pytest.mark.parametrize("level", LEVELS[1:])

REFUSING = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
uid, gid = os.getuid(), os.getgid()
assert libc.unshare(0x10000000) == 0, os.strerror(ctypes.get_errno())
for name, text in (("setgroups", "deny"), ("uid_map", "%d %d 1" % (uid, uid)),
                   ("gid_map", "%d %d 1" % (gid, gid))):
    with open("/proc/self/" + name, "w") as file:
        file.write(text)
for name in ("max_mnt_namespaces", "max_user_namespaces"):
    with open("/proc/sys/user/" + name, "w") as file:
        file.write("0")
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Goes into a user namespace that allows no further namespaces, then runs a program."""


def may_mount(user: str | None = None) -> bool:
    """The machine lets this user make a mount namespace. util-linux says so, not our code."""
    is_root = user is None and os.geteuid() == 0
    command = ["unshare", "--mount", *([] if is_root else ["--map-root-user"]), "true"]
    try:
        return subprocess.run(command, user=user, capture_output=True, check=False).returncode == 0
    except OSError:  # it has no `unshare`, or will not let us be that user
        return False


HAS_NAMESPACES = may_mount()
needs_namespaces = pytest.mark.skipif(
    not HAS_NAMESPACES, reason="this machine refuses mount namespaces, which is tested, too"
)


def local(folder: Path, name: str, **files: str) -> str:
    directory = folder / name
    directory.mkdir(parents=True)
    for file, text in files.items():
        path = directory / file.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(directory)


def settings_of(level: str, **fields: Any) -> BoxSettings:
    return BoxSettings(grace_s=1.0, dump_grace_s=0.5, isolation=level, **fields)


def uid_at(level: str, uid: int) -> int:
    """Who a function is whose box `uid` runs; at the level process an instance of root's has one
    of its own, which we do not know: -1."""
    if level == "strict":
        return 1000
    return uid if uid or level == "none" else -1


def answer_of(folder: Path, source: str, level: str, **fields: Any) -> Any:
    """What a function returns; a failure is shown."""
    with open_box(folder, write_function(folder, source, **fields), settings_of(level)) as box:
        result = box.invoke("f")
        assert result.ok, result.body
        return json.loads(result.body)


READ_AND_WRITE = f"""
import os, subprocess, sys
TARGET = {TARGET!r}

def initialize(context):
    global first
    with open(TARGET + "/there") as file:
        first = file.read()

def handler(event, context):
    with open(TARGET + "/written", "w") as file:
        file.write("by the function")
    child = subprocess.check_output(["ls", TARGET]).decode().split()
    status = open("/proc/self/status").read()
    return [first, os.listdir("/mnt/fcbox-test"), child, os.getuid(), os.getgid(),
            os.listdir(os.environ["HOME"]), os.getcwd(), "NoNewPrivs" in status]
"""


@needs_namespaces
@at_each_level
@pytest.mark.parametrize("version", ENDS)
def test_a_mount_point(tmp_path: Path, version: str, level: str) -> None:
    """Read and written by the function and its children, absent for everybody else."""
    nas = local(tmp_path, "nas", there="text")
    before = sorted(os.listdir("/mnt"))
    first, mounts, child, uid, gid, home, cwd, _ = answer_of(
        tmp_path, READ_AND_WRITE, level, mounts=(Mount(TARGET, nas),), initializer="initialize",
        python=PYTHONS[version],
    )  # fmt: skip

    assert (first, mounts) == ("text", ["nas"])
    assert sorted(child) == ["there", "written"]
    assert (home, cwd) == ([], str(tmp_path / "code-f") if level == "none" else "/code")
    assert (uid, gid) == (uid_at(level, os.getuid()), uid_at(level, os.getgid())) or (
        uid == gid >= 0x70000000 and uid_at(level, os.getuid()) == -1
    )
    assert (Path(nas) / "written").stat().st_uid == os.getuid()
    assert (Path(nas) / "written").read_text() == "by the function"
    assert sorted(os.listdir("/mnt")) == before


@needs_namespaces
@at_each_level
def test_read_only(tmp_path: Path, level: str) -> None:
    """The directory, and what the new root is made of."""
    data = local(tmp_path, "data", there="text")
    source = f"""
    def attempt(path):
        try:
            open(path, "w").close()
        except OSError as exc:
            return exc.strerror

    def handler(event, context):
        return [open("{TARGET}/there").read(), attempt("{TARGET}/x"), attempt("/mnt/x")]
    """

    found = answer_of(tmp_path, source, level, mounts=(Mount(TARGET, data, True),))

    assert found == ["text", "Read-only file system", "Read-only file system"]
    assert os.listdir(data) == ["there"]


@needs_namespaces
@at_each_level
def test_a_mount_point_that_is_there(tmp_path: Path, level: str) -> None:
    """An existing directory is covered; nothing else changes."""
    target, data = local(tmp_path, "target", host=""), local(tmp_path, "data", there="")
    source = f"import os\ndef handler(event, context): return os.listdir({target!r})"

    assert answer_of(tmp_path, source, level, mounts=(Mount(target, data),)) == ["there"]
    assert os.listdir(target) == ["host"]


@needs_namespaces
@at_each_level
def test_several_mount_points(tmp_path: Path, level: str) -> None:
    """Side by side, one inside another, and one whose source another one covers."""
    outer = local(tmp_path, "outer", inner__x="", a="")
    covered = local(tmp_path, "covered", inside__b="")
    mounts = (
        Mount("/data/fcbox-test/inner", f"{covered}/inside"),
        Mount("/data/fcbox-test", outer),
        Mount(TARGET, outer, True),
        Mount(covered, outer),
    )
    source = f"""
    import os
    def handler(event, context):
        return [os.listdir(path) for path in {[mount.target for mount in mounts]!r}]
    """

    inner, data, nas, hidden = answer_of(tmp_path, source, level, mounts=mounts)

    assert inner == ["b"]
    assert sorted(data) == sorted(nas) == sorted(hidden) == ["a", "inner"]
    assert not os.path.exists("/data/fcbox-test")


LAYERED = """
import os, sys
import both, only_second

def handler(event, context):
    folders = [entry for entry in sys.path if entry.startswith("/opt")]
    return [both.VALUE, both.__file__, only_second.VALUE, sorted(os.listdir("/opt")), folders,
            os.environ["PATH"].split(":")[-1], os.environ["LD_LIBRARY_PATH"],
            os.environ["PYTHONPATH"], open("/opt/text").read()]
"""


def two_layers(folder: Path) -> tuple[str, str]:
    first = local(folder, "first", python__both="", python__both_py="", text="first", lib__so="")
    second = local(folder, "second", python__x="", text="second", bin__tool="")
    Path(first, "python", "both.py").write_text("VALUE = 1")
    Path(second, "python", "both.py").write_text("VALUE = 2")
    Path(second, "python", "only_second.py").write_text("VALUE = 2")
    return first, second


@needs_namespaces
@at_each_level
def test_layers(tmp_path: Path, level: str) -> None:
    """The first one wins, in /opt and in the search paths."""
    value, file, other, opt, entries, bin, lib, pythonpath, text = answer_of(
        tmp_path, LAYERED, level, layers=two_layers(tmp_path),
        environment={"PYTHONPATH": "/opt/python"},
    )  # fmt: skip

    assert (value, file, other, text) == (1, "/opt/python/both.py", 2, "first")
    assert opt == ["bin", "lib", "python", "text"]
    assert [entry.count("/") for entry in entries] == [5, 2]
    assert (bin, lib, pythonpath) == ("/opt/bin", "/opt/lib", "/opt/python")


@needs_namespaces
@at_each_level
def test_one_layer_is_read_only(tmp_path: Path, level: str) -> None:
    source = """
    def handler(event, context):
        try:
            open("/opt/x", "w")
        except OSError as exc:
            return [exc.strerror, open("/opt/a").read()]
    """
    layer = local(tmp_path, "layer", a="text")

    assert answer_of(tmp_path, source, level, layers=(layer,)) == ["Read-only file system", "text"]


@needs_namespaces
@at_each_level
def test_a_spare_becomes_a_function_with_mounts(tmp_path: Path, level: str) -> None:
    """A spare knows of no function until then."""
    nas = local(tmp_path, "nas", there="text")
    spec = write_function(tmp_path, READ_AND_WRITE, mounts=(Mount(TARGET, nas),))
    plain = write_function(
        tmp_path, f"import os\ndef handler(e, c): return os.path.exists({TARGET!r})", name="g"
    )
    source = f"def handler(e, c): return open('{TARGET}/there').read()"
    (Path(spec.code_dir) / "index.py").write_text(source)

    with open_box(tmp_path, [spec, plain], settings_of(level, spares=1)) as box:
        assert box.invoke("f").body == b"text"
        assert box.invoke("g").body == b"false"


@at_each_level
def test_a_directory_that_vanishes(tmp_path: Path, level: str) -> None:
    """It was there at start: the instance fails like one whose code is gone, and says why."""
    nas = local(tmp_path, "nas")
    spec = write_function(tmp_path, "def handler(e, c): return 1", mounts=(Mount(TARGET, nas),))

    with open_box(tmp_path, spec, settings_of(level, allows_degraded=True)) as box:
        os.rmdir(nas)
        assert error_text(box.invoke("f")) == f"cannot mount: there is no directory {nas}"
        os.mkdir(nas)
        assert box.invoke("f").ok


@at_each_level
def test_daemons_are_found_and_killed(tmp_path: Path, level: str) -> None:
    """The tag is read across namespaces."""
    nas = local(tmp_path, "nas")
    source = """
    import os, time
    def handler(event, context):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)
        os.wait()
    """
    spec = write_function(tmp_path, source, mounts=(Mount(TARGET, nas),))

    with open_box(tmp_path, spec, settings_of(level, allows_degraded=True)) as box:
        assert box.invoke("f").ok
        wait_until(lambda: len(workers(box.processes())) == 2, "the end of the trial")
        assert box.instances()[0].pid in box.processes()
        box.recycle("f")
        wait_until(lambda: not box.processes(), "the end of worker and daemon")


def told_lines(log: str) -> list[str]:
    return [line for line in log.splitlines() if "not where the cloud has it" in line]


@at_each_level
def test_what_would_hide_the_code_is_refused(tmp_path: Path, capfd: Any, level: str) -> None:
    """The instance could not live there. It is told once, however many instances there are."""
    nas = local(tmp_path, "nas", there="")
    source = "import os\ndef handler(e, c): return [os.environ[n] for n in NAMES]\n"
    source += "NAMES = ('FC_INSTANCE_ID', 'DATA')"
    target = str(tmp_path)
    spec = write_function(
        tmp_path, source, mounts=(Mount(target, nas),), environment={"DATA": f"{target}/there"}
    )
    with open_box(tmp_path, spec, settings_of(level), log_format="console") as box:
        first = json.loads(box.invoke("f").body)
        box.recycle("f")
        second = json.loads(box.invoke("f").body)

    assert first[0] != second[0]
    assert first[1] == (f"{nas}/there" if level == "none" else f"{target}/there")
    (line,) = told_lines(capfd.readouterr().err)
    assert f"{target}: it would hide {spec.code_dir}" in line
    assert ("variables" in line, "do without" in line) == (level == "none", level != "none")


@needs_namespaces
@at_each_level
def test_nothing_is_made_in_a_local_directory(tmp_path: Path, capfd: Any, level: str) -> None:
    """A mount point below another one that does not have it is told, and not made."""
    outer, inner = local(tmp_path, "outer"), local(tmp_path, "inner")
    mounts = (Mount(TARGET, outer), Mount(f"{TARGET}/inner", inner))
    source = f"import os\ndef handler(e, c): return os.listdir({TARGET!r})"
    spec = write_function(tmp_path, source, mounts=mounts)

    with open_box(tmp_path, spec, settings_of(level), log_format="console") as box:
        assert box.invoke("f").body == b"[]"

    assert os.listdir(outer) == []
    (line,) = told_lines(capfd.readouterr().err)
    assert f"{TARGET}/inner: " in line


@needs_namespaces
@with_own_root
def test_nothing_is_made_where_a_link_leads(tmp_path: Path, capfd: Any, level: str) -> None:
    """In a function's root /var/tmp is a link to /tmp, which is the host's while it is built."""
    name = f"fcbox-{os.getpid()}-{level}"
    mounts = (Mount(f"/var/tmp/{name}", local(tmp_path, "nas")),)
    spec = write_function(tmp_path, "def handler(e, c): return 1", mounts=mounts)

    with open_box(tmp_path, spec, settings_of(level), log_format="console") as box:
        assert box.invoke("f").ok

    assert not os.path.exists(f"/tmp/{name}")
    (line,) = told_lines(capfd.readouterr().err)
    assert "there is a symbolic link on the way" in line


def test_it_is_told_at_start(tmp_path: Path) -> None:
    """Before anybody invokes the function."""
    spec = write_function(tmp_path, "", mounts=(Mount(str(tmp_path), local(tmp_path, "nas")),))
    log = tmp_path / "log"

    with (
        log.open("wb") as file,
        open_box(tmp_path, spec, log_format="console", log_fd=file.fileno()) as box,
    ):
        wait_until(lambda: told_lines(log.read_text()), "the line of the trial")
        assert box.instances() == []


@pytest.fixture
def away() -> Iterator[Path]:
    """A directory above which there is little: all entries on the way to a mount point are bound
    anew, and beside `tmp_path` stand the directories of thousands of tests."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@needs_namespaces
def test_it_is_told_when_it_comes_later(tmp_path: Path, away: Path, capfd: Any) -> None:
    """The machine changed since the start: a file stands in the way.

    At the level none; a root of its own has no such files.
    """
    target = away / "way" / "target"
    source = f"import os\ndef handler(e, c): return os.path.isdir({str(target)!r})"
    spec = write_function(tmp_path, source, mounts=(Mount(str(target), local(tmp_path, "nas")),))

    with open_box(tmp_path, spec, settings_of("none"), log_format="console") as box:
        assert box.invoke("f").body == b"true"
        wait_until(lambda: len(box.processes()) == 1, "the end of the trial")
        target.parent.write_text("")
        box.recycle("f")
        assert box.invoke("f").body == b"false"

    (line,) = told_lines(capfd.readouterr().err)
    assert f"{target}: {target.parent}: Not a directory" in line


BOX = """
import json, os, sys
from sandbox import FunctionSpec, Sandbox
from sandbox.core.spec import BoxSettings, Mount
fields = json.loads(sys.argv[1])
fields["mounts"] = tuple(Mount(*mount) for mount in fields.get("mounts", ()))
fields["layers"] = tuple(fields.get("layers", ()))
settings = BoxSettings(isolation=sys.argv[2], allows_degraded=True)
spec = FunctionSpec(**fields)
with Sandbox([spec], settings, log_format="console", environ=os.environ) as box:
    body = box.invoke(fields["name"]).body.decode()
    target = fields["mounts"][0].target
    seen = os.listdir(target) if os.path.isdir(target) else None
    print(json.dumps([body, [record.pid for record in box.instances()], seen]), flush=True)
    if sys.argv[3:]:
        sys.stdin.read()
"""

HAS_TO_DO_WITHOUT = f"""
import os, sys
import both
def handler(event, context):
    paths = [entry for entry in sys.path if "python" in entry and "layer" in entry]
    return [os.path.exists({TARGET!r}), os.environ["DATA"], os.environ["OTHER"], both.VALUE, paths,
            os.environ["PYTHONPATH"], os.getuid(), os.environ["LD_LIBRARY_PATH"]]
"""


def run_box(
    folder: Path, spec: FunctionSpec, prefix: list[str], level: str, user: str | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {**environ_of(folder), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*prefix, spec.python, "-c", BOX, json.dumps(spec._asdict()), level],
        env=environ, capture_output=True, text=True, timeout=30, check=False, user=user,
    )  # fmt: skip


@at_each_level
def test_refused_namespaces_are_told(tmp_path: Path, level: str) -> None:
    """The function runs, with the local directories in its variables; two lines say so."""
    nas = local(tmp_path, "nas")
    first = local(tmp_path, "layer1", python__a="", lib__a="")
    second = local(tmp_path, "layer2", python__a="")
    for layer, value in ((first, 1), (second, 2)):
        Path(layer, "python", "both.py").write_text(f"VALUE = {value}")
    environment = {
        "DATA": f"{TARGET}/x", "OTHER": f"{TARGET}x", "PYTHONPATH": f"{TARGET}/lib:/opt/python",
    }  # fmt: skip
    spec = write_function(
        tmp_path, HAS_TO_DO_WITHOUT, mounts=(Mount(TARGET, nas),), layers=(first, second),
        environment=environment,
    )  # fmt: skip

    done = run_box(
        tmp_path, spec, [sys.executable, "-c", REFUSING] if HAS_NAMESPACES else [], level
    )

    assert done.returncode == 0, done.stderr
    body, _, _ = json.loads(done.stdout)
    exists, data, other, value, paths, pythonpath, uid, library = json.loads(body)
    assert (exists, data, other, value) == (False, f"{nas}/x", f"{TARGET}x", 1)
    assert [path.replace(str(tmp_path), "") for path in paths if path.endswith("/python")] == [
        "/layer1/python", "/layer2/python",
    ]  # fmt: skip
    assert pythonpath == f"{nas}/lib:{first}/python:{second}/python"
    assert (uid, library) == (os.getuid(), f"{first}/lib")
    lines = told_lines(done.stderr)
    assert [TARGET in line or "/opt" in line for line in lines] == [True, True]
    assert all("this machine refuses a" in line for line in lines)
    assert "No space left" not in done.stderr  # the number's words mislead


@needs_namespaces
@at_each_level
def test_mounts_do_not_spread(tmp_path: Path, level: str) -> None:
    """Most hosts share what is mounted with everybody; the machine of this test may not."""
    target = local(tmp_path, "target", host="")
    source = f"import os\ndef handler(event, context): return os.listdir({target!r})"
    mount = Mount(target, local(tmp_path, "nas", there=""))
    spec = write_function(tmp_path, source, mounts=(mount,))
    flags = [] if os.geteuid() == 0 else ["--map-root-user"]

    prefix = ["unshare", "--mount", "--propagation", "shared", *flags]
    done = run_box(tmp_path, spec, prefix, level)

    assert done.returncode == 0, done.stderr
    body, _, seen = json.loads(done.stdout)
    assert (json.loads(body), seen) == (["there"], ["host"])


class Somebody:
    """Who runs a box: its user (None: whoever runs the tests), and an interpreter for both."""

    def __init__(self, user: str | None) -> None:
        self.user = user
        self.uid = pwd.getpwnam(user).pw_uid if user else os.geteuid()
        self.python = COMMON_PYTHON if user else PYTHON


COMMON_PYTHON = "/usr/bin/python3"
HAS_NOBODY = os.geteuid() == 0 and os.access(COMMON_PYTHON, os.X_OK) and may_mount("nobody")
USERS = [None, "nobody"] if HAS_NOBODY else [None]


@pytest.fixture(params=USERS, ids=str)
def somebody(request: pytest.FixtureRequest) -> Somebody:
    return Somebody(request.param)


@pytest.fixture
def folder(private_directories: Path) -> Iterator[Path]:
    """Where everybody may enter and write; tmp_path is the test's own user's."""
    path = Path(tempfile.mkdtemp(prefix="mounts-", dir=private_directories))
    for each in (path, Path(environ_of(path)["TMPDIR"]), path / "state", path / "nas"):
        each.mkdir(exist_ok=True)
        each.chmod(0o777)
    yield path
    shutil.rmtree(path)


STARTS_A_PROGRAM = """
import os, subprocess
def handler(event, context):
    return [subprocess.check_output(["echo", "runs"]).decode(), os.environ["DATA"]]
"""


@at_each_level
@pytest.mark.parametrize(
    ("link", "below"), [("/usr/lib", ""), ("/usr", "/lib"), ("/etc", "/no/such"), ("/var", "")]
)
def test_a_link_to_what_programs_need(
    folder: Path, somebody: Somebody, link: str, below: str, level: str
) -> None:
    """The configuration compares names, and this one is a name in the project."""
    (folder / "link").symlink_to(link)
    target = f"{folder}/link{below}"
    spec = write_function(
        folder, STARTS_A_PROGRAM, python=somebody.python, environment={"DATA": target},
        mounts=(Mount(target, str(folder / "nas")),),
    )  # fmt: skip

    done = run_box(folder, spec, [], level, somebody.user)

    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)[0]) == [
        "runs\n", str(folder / "nas") if level == "none" else target,
    ]  # fmt: skip
    (line,) = told_lines(done.stderr)
    assert f"{target}: nothing may be mounted at {link}{below}" in line


@needs_namespaces
@at_each_level
def test_a_link_that_another_mount_brings(folder: Path, somebody: Somebody, level: str) -> None:
    """It is not there before: nobody could have seen where it leads."""
    (folder / "nas" / "libraries").symlink_to("/usr/lib")
    target = f"{TARGET}/libraries"
    mounts = (Mount(TARGET, str(folder / "nas")), Mount(target, local(folder, "other")))
    spec = write_function(
        folder, STARTS_A_PROGRAM, python=somebody.python, environment={"DATA": target},
        mounts=mounts,
    )  # fmt: skip

    done = run_box(folder, spec, [], level, somebody.user)

    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)[0]) == [
        "runs\n", str(folder / "other") if level == "none" else target,
    ]  # fmt: skip
    (line,) = told_lines(done.stderr)
    assert f"{target}: {target}: there is a symbolic link on the way" in line


@needs_namespaces
@at_each_level
def test_a_link_to_a_common_directory(folder: Path, somebody: Somebody, level: str) -> None:
    """Links are no trouble of their own."""
    (folder / "link").symlink_to(local(folder, "elsewhere"))
    (folder / "nas" / "there").touch()
    source = f"import os\ndef handler(event, context): return os.listdir('{folder}/link')"
    mount = Mount(f"{folder}/link", str(folder / "nas"))
    spec = write_function(folder, source, python=somebody.python, mounts=(mount,))

    done = run_box(folder, spec, [], level, somebody.user)

    assert told_lines(done.stderr) == []
    assert json.loads(json.loads(done.stdout)[0]) == ["there"]


def test_the_configuration_knows_the_same_directories() -> None:
    """The worker may not import it."""
    assert worker_mounts.SYSTEM_DIRS == config_mounts.SYSTEM_DIRS
    assert worker_mounts.SHARED_DIRS == config_mounts.SHARED_DIRS


LOOKS_AT_ITSELF = f"""
import fcntl, os, time

def handler(event, context):
    with open("{TARGET}/written", "w") as file:
        file.write("x")
    told, tell = os.pipe()
    lines = open("/proc/self/status").read().splitlines()
    caps = [int(line.split()[1], 16) for line in lines if line.startswith(("CapEff", "CapPrm"))]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            lock = open("{TARGET}/daemon", "w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(tell, b".")
            time.sleep(3600)
        os._exit(0)
    os.wait()
    os.read(told, 1)
    return [os.getuid(), os.stat("{TARGET}/written").st_uid, caps, os.listdir("/opt")]
"""


def mounted_function(folder: Path, python: str) -> FunctionSpec:
    layers = (local(folder, "l1", a=""), local(folder, "l2", b=""))
    mount = Mount(TARGET, str(folder / "nas"))
    return write_function(folder, LOOKS_AT_ITSELF, python=python, mounts=(mount,), layers=layers)


@needs_namespaces
@at_each_level
def test_whoever_runs_it(folder: Path, somebody: Somebody, level: str) -> None:
    """What it writes is its user's, it can do no more than before, and its daemons are found."""
    spec = mounted_function(folder, somebody.python)
    has_powers = level == "none" and somebody.uid == 0
    privileges = [effective_capabilities()] * 2 if has_powers else [0, 0]

    done = run_box(folder, spec, [], level, somebody.user)

    assert done.returncode == 0, done.stderr
    assert told_lines(done.stderr) == []
    uid, owner, caps, opt = json.loads(json.loads(done.stdout)[0])
    assert uid == owner
    assert uid_at(level, somebody.uid) in (uid, -1)
    assert caps == privileges
    assert (folder / "nas" / "written").stat().st_uid == somebody.uid
    assert sorted(opt) == ["a", "b"]
    assert not is_locked(folder / "nas" / "daemon")
    assert not os.path.exists(TARGET)


def is_locked(path: Path) -> bool:
    """The daemon lives: its pid is of another pid namespace, and says nothing here."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_alive(pid: int) -> bool:
    # Not by its tag: to read that of another user's process takes a privilege that root may lack.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def effective_capabilities() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))


POWERS = f"""
import os, re, subprocess
def powers(text):
    return [int(each, 16) for each in re.findall("Cap(?:Prm|Eff|Amb):(.*)", text)]
def handler(event, context):
    program = subprocess.check_output(["cat", "/proc/self/status"]).decode()
    return [os.path.isdir({TARGET!r}), powers(open("/proc/self/status").read()), powers(program)]
"""
LESSER_ROOT = ["setpriv", "--bounding-set", "-sys_admin"]
"""May make no mount namespace without a user namespace."""

NO_CAPSET = """
import ctypes, errno, os, struct, sys
number = {"x86_64": 126, "aarch64": 91}[os.uname().machine]
program = b"".join(struct.pack("HBBI", *line) for line in (
    (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | errno.EPERM),
    (0x06, 0, 0, 0x7FFF0000)))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
filter = Filter(4, program)
assert libc.prctl(38, 1, 0, 0, 0) == libc.prctl(22, 2, ctypes.byref(filter)) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Has the kernel refuse capset(2), by seccomp(2), then runs a program."""


def lesser_root() -> list[str]:
    """How to run without CAP_SYS_ADMIN; empty for who lacks it anyway."""
    return LESSER_ROOT if os.geteuid() == 0 and shutil.which("setpriv") else []


def powers_of(folder: Path, prefix: list[str], level: str) -> subprocess.CompletedProcess[str]:
    mount = Mount(TARGET, local(folder, "nas"))
    return run_box(folder, write_function(folder, POWERS, mounts=(mount,)), prefix, level)


@needs_namespaces
@at_each_level
def test_root_in_a_user_namespace_has_no_powers(tmp_path: Path, level: str) -> None:
    """Neither the function nor a program that it starts, whoever runs it."""
    done = powers_of(tmp_path, lesser_root(), level)

    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)[0]) == [True, [0, 0, 0], [0, 0, 0]]


@needs_namespaces
@at_each_level
def test_who_cannot_give_up_powers_ends(tmp_path: Path, level: str) -> None:
    """No code of the user's runs with them, and the mounts are not told as refused.

    In a pid namespace the init may end first. The kernel then ends the worker without words, or
    lets none be made.
    """
    done = powers_of(tmp_path, [*lesser_root(), sys.executable, "-c", NO_CAPSET], level)

    first = "the init of its pid namespace died first"
    words = ["fcbox: cannot give up capabilities: Operation not permitted", "SIGKILL(-9)", first]
    assert any(each in done.stderr for each in (words[:1] if level == "none" else words))
    assert told_lines(done.stderr) == []
    text = json.loads(json.loads(done.stdout)[0])["errorMessage"]
    assert "the instances died" in text or (first in text and level != "none")


@needs_namespaces
@at_each_level
def test_a_killed_supervisor_leaves_nothing(folder: Path, somebody: Somebody, level: str) -> None:
    """The parent death signal reaches the instance where it has gone; mounts end with it."""
    spec = mounted_function(folder, somebody.python)
    environ = {**environ_of(folder), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [spec.python, "-c", BOX, json.dumps(spec._asdict()), level, "wait"], env=environ,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        user=somebody.user,
    )  # fmt: skip
    assert process.stdout is not None
    _, (worker,), _ = json.loads(process.stdout.readline())
    daemon = folder / "nas" / "daemon"
    were_alive = [is_alive(worker), is_locked(daemon)]
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert were_alive == [True, True]
    wait_until(lambda: not is_alive(worker), "the end of the worker")
    wait_until(lambda: not is_locked(daemon), "the end of its daemon")
    assert run_box(folder, spec, [], level, somebody.user).returncode == 0
    assert list((folder / "state" / "runs").iterdir()) == []


def test_nothing_changes_without_mounts(tmp_path: Path) -> None:
    """The same namespaces as everybody's, at the level none."""
    source = "import os\ndef handler(e, c): return [os.readlink('/proc/self/ns/' + n) for n in N]\n"
    names: Callable[[str], str] = "/proc/self/ns/{}".format
    mine = [os.readlink(names(name)) for name in ("mnt", "user")]

    assert answer_of(tmp_path, source + "N = ('mnt', 'user')", "none") == mine


SWAPS = f"""
import json, os

def handler(event, context):
    paths = ["{TARGET}-below/key", "/opt/key", os.path.dirname(__file__) + "/key"]
    found = [open(path).read() for path in paths if os.path.exists(path)]
    if event:
        name, private = json.loads(event)
        os.rename("{TARGET}/" + name, "{TARGET}/moved")
        os.symlink(private, "{TARGET}/" + name)
    return found
"""
SWAPPING = """
import json, os, sys
from sandbox import FunctionSpec, Sandbox
from sandbox.core.spec import BoxSettings, Mount
fields, level, what = json.loads(sys.argv[1])
fields["mounts"] = tuple(Mount(*mount) for mount in fields["mounts"])
fields["layers"] = tuple(fields["layers"])
settings = BoxSettings(isolation=level, allows_degraded=True)
with Sandbox([FunctionSpec(**fields)], settings, environ=os.environ) as box:
    bodies = [box.invoke("f", json.dumps(what).encode()).body]
    box.recycle("f")
    bodies.append(box.invoke("f").body)
print(json.dumps([body.decode() for body in bodies]))
"""


@needs_namespaces
@at_each_level
@pytest.mark.parametrize("what", ["mount", "layer", "code"])
def test_a_function_replaces_what_the_next_one_is_shown(
    folder: Path, somebody: Somebody, what: str, level: str
) -> None:
    """A mount, a layer or the code inside a writable mount, by a link to what is the user's."""
    data, private = folder / "nas", local(folder, "private", key="secret")
    Path(private, "index.py").write_text(SWAPS)
    owner = somebody.uid
    spec = write_function(folder, SWAPS, python=somebody.python)
    shutil.copytree(spec.code_dir, data / "code")
    for name in ("mount", "layer"):
        (data / name).mkdir()
    for path in (*data.rglob("*"), Path(private, "key"), Path(private)):
        os.chown(path, owner, owner)
    Path(private).chmod(0o700)
    below = (Mount(f"{TARGET}-below", f"{data}/mount"),) if what == "mount" else ()
    spec = spec._replace(
        code_dir=f"{data}/code" if what == "code" else spec.code_dir,
        layers=(f"{data}/layer",) if what == "layer" else (),
        mounts=(Mount(TARGET, str(data)), *below),
    )

    arguments = json.dumps([spec._asdict(), level, [what, private]])
    done = subprocess.run(
        [spec.python, "-c", SWAPPING, arguments], user=somebody.user, check=False, timeout=30,
        env={**environ_of(folder), "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert os.readlink(data / what) == private
    assert json.loads(first) == []
    assert json.loads(second)["errorMessage"] == (
        f"cannot mount: there is a symbolic link on the way to {data}/{what}"
    )


@needs_namespaces
@at_each_level
def test_a_link_that_a_function_has_left(tmp_path: Path, level: str) -> None:
    """It was made in an earlier box: this one does not follow it, but where there are no walls."""
    data, private = local(tmp_path, "data"), local(tmp_path, "private", key="secret")
    (tmp_path / "way").symlink_to("data")
    Path(data, "sub").symlink_to(private)
    mounts = (Mount(TARGET, data), Mount(f"{TARGET}-below", str(tmp_path / "way" / "sub")))
    source = f"def handler(e, c): return open('{TARGET}-below/key').read()"
    spec = write_function(tmp_path, source, mounts=mounts)

    with open_box(tmp_path, spec, settings_of(level)) as box:
        result = box.invoke("f")

    if level == "none":
        assert result.body == b"secret"
    else:
        words = f"cannot mount: there is a symbolic link on the way to {data}/sub"
        assert error_text(result) == words


@needs_namespaces
@at_each_level
def test_links_of_the_users(tmp_path: Path, level: str) -> None:
    """They are followed at start, and what they led to then is what there is."""
    (tmp_path / "way").symlink_to(local(tmp_path, "data", nas__key="nas", layer__key="layer"))
    (tmp_path / "code").symlink_to("relative/../code-f")
    Path(tmp_path, "relative").mkdir()
    source = f"def handler(e, c): return [open(p + '/key').read() for p in ('{TARGET}', '/opt')]"
    spec = write_function(
        tmp_path, source, mounts=(Mount(TARGET, f"{tmp_path}/way/nas"),),
        layers=(f"{tmp_path}/way/layer",),
    )._replace(code_dir=f"{tmp_path}/code")  # fmt: skip

    with open_box(tmp_path, spec, settings_of(level)) as box:
        first = json.loads(box.invoke("f").body)
        (tmp_path / "way").unlink()
        (tmp_path / "code").unlink()
        box.recycle("f")
        second = json.loads(box.invoke("f").body)

    assert first == second == ["nas", "layer"]


MOUNTS_AND_RUNS = """
import os, subprocess, sys
subprocess.check_call(["mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", sys.argv[1]])
if int(sys.argv[2]) != os.getuid():
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""
WRITES = f"""
import os

def attempt(action, path):
    try:
        action(path)
    except OSError as exc:
        return exc.strerror

def handler(event, context):
    folders = ("{TARGET}", "{TARGET}/nested")
    return [attempt(os.mkdir, folder + "/x") for folder in folders] + [
        attempt(os.utime, folder) for folder in folders]
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system for everybody")
@needs_namespaces
@at_each_level
def test_read_only_in_what_is_mounted_below(folder: Path, somebody: Somebody, level: str) -> None:
    """The source has a mount of the host's in it."""
    nested = Path(local(folder / "nas", "nested"))
    (folder / "nas").chmod(0o777)
    spec = write_function(
        folder, WRITES, python=somebody.python, mounts=(Mount(TARGET, str(folder / "nas"), True),)
    )
    prefix = ["unshare", "--mount", PYTHON, "-c", MOUNTS_AND_RUNS, str(nested), str(somebody.uid)]

    done = run_box(folder, spec, prefix, level)

    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)[0]) == ["Read-only file system"] * 4


@with_own_root
@pytest.mark.parametrize(("disk_mb", "files"), [(100, 100_000), (1000, 200_000)])
def test_how_many_files(tmp_path: Path, disk_mb: int, files: int, level: str) -> None:
    """Empty ones have no size: only their number keeps them from taking the kernel's memory."""
    source = """
    import os
    def handler(event, context):
        return [os.statvfs(path).f_files for path in ("/tmp", "/dev/shm")]
    """

    assert answer_of(tmp_path, source, level, disk_mb=disk_mb) == [files, 10_000]
