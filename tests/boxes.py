"""Boxes over real processes, for tests: functions from a few lines of source, and who lives.

    with open_box(tmp_path, write_function(tmp_path, "def handler(event, context): ...")) as box:
        box.invoke("f", b"")

Each box has its state and its temp directory below the test's own.
"""

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import BoxSettings, Callback, FunctionSpec, InvokeResult, LifecycleEvent, Sandbox
from sandbox.core.spec import Mount
from tests.interpreters import INTERPRETERS

__all__ = [
    "ENDS",
    "PYTHON",
    "PYTHONS",
    "SHARED",
    "PatientSandbox",
    "box_tag",
    "environ_of",
    "error_text",
    "live_processes",
    "open_box",
    "share",
    "wait_until",
    "workers",
    "write_function",
]

PATIENCE_S = 10.0
PYTHON = sys.executable
PYTHONS = dict(INTERPRETERS)
ENDS = [version for version in ("3.6", "3.12") if version in PYTHONS] or [*PYTHONS][-1:]
"""The oldest runtime and the newest one of the cloud; what there is where there is neither."""
SHARED = "/mnt/shared"
"""Where a function finds the directory that it has in common with its test, see `share`."""


def write_function(
    folder: Path,
    source: str,
    *,
    name: str = "f",
    initializer: str = "",
    pre_stop: str = "",
    init_timeout_s: float = 3.0,
    pre_stop_timeout_s: float = 3.0,
    handler: str = "index.handler",
    **fields: Any,
) -> FunctionSpec:
    """A function whose index.py is `source`; hooks by the name of their function."""
    code = folder / f"code-{name}"
    code.mkdir(exist_ok=True)
    (code / "index.py").write_text(textwrap.dedent(source), encoding="utf-8")
    fields.setdefault("python", PYTHON)
    return FunctionSpec(
        name, handler, str(code),
        initializer=Callback(f"index.{initializer}", init_timeout_s) if initializer else None,
        pre_stop=Callback(f"index.{pre_stop}", pre_stop_timeout_s) if pre_stop else None,
        **fields,
    )  # fmt: skip


def share(folder: Path) -> tuple[Mount, ...]:
    """The `mounts` of a function that may read and write a directory of its test, at SHARED."""
    folder.mkdir(exist_ok=True)
    return (Mount(SHARED, str(folder)),)


def environ_of(folder: Path) -> dict[str, str]:
    """The environment of a box that leaves nothing outside `folder`."""
    temp = folder / "tmp"
    temp.mkdir(exist_ok=True)
    state = str(folder / "state")
    return {"FCBOX_STATE_DIR": state, "TMPDIR": str(temp), "PATH": os.environ["PATH"]}


class PatientSandbox(Sandbox):
    """A Sandbox that keeps the event stream from its first moment on."""

    history: "list[LifecycleEvent]"

    def until(self, is_met: Callable[[list[LifecycleEvent]], bool], what: str) -> None:
        """Waits until the events so far are as wanted."""
        wait_until(lambda: is_met(self.history), what)

    def names(self) -> list[str]:
        """The names of the events so far."""
        return [event.name for event in self.history]

    def processes(self) -> set[int]:
        """Every live process of this box's instances."""
        return live_processes(box_tag(Path(self._environ["FCBOX_STATE_DIR"])))


@contextmanager
def open_box(
    folder: Path,
    specs: FunctionSpec | Sequence[FunctionSpec],
    settings: BoxSettings | None = None,
    **options: Any,
) -> Iterator[PatientSandbox]:
    """A box that is open; afterwards every process that carries its tag must be gone."""
    listed = [specs] if isinstance(specs, FunctionSpec) else list(specs)
    environ = environ_of(folder)
    settings = settings or BoxSettings(grace_s=1.0, dump_grace_s=0.5)
    box = PatientSandbox(listed, settings, environ=environ, **options)
    box.history = []
    with box:
        tag = box_tag(folder / "state")
        box._call(lambda supervisor: supervisor.listen(box.history.append))
        yield box
    assert live_processes(tag) == set()
    assert os.listdir(folder / "state" / "runs") == []
    assert os.listdir(folder / "tmp") == []


def box_tag(state: Path) -> int:
    """The tag of the only box that is registered there."""
    (folder,) = (state / "runs").iterdir()
    return int(folder.name, 16)


def live_processes(tag: int) -> set[int]:
    """The processes of a box, read from /proc by hand; zombies are dead."""
    return {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_of(pid, tag)}


def workers(pids: set[int]) -> set[int]:
    """Those of live_processes that run, or come from, user code: not the init of a namespace."""
    return {pid for pid in pids if not _is_init(pid)}


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return len(inside := status.partition("NSpid:")[2].split("\n")[0].split()) > 1 and (
        inside[-1] == "1"
    )


def _is_of(pid: int, tag: int) -> bool:
    try:
        # Not by prlimit(2): an instance has a uid of its own, and only CAP_SYS_RESOURCE sees more.
        limits = Path(f"/proc/{pid}/limits").read_text()
        ceiling = limits.partition("Max realtime timeout")[2].split()[1:2]
        if ceiling in ([], ["unlimited"]) or int(ceiling[0]) >> 24 != tag >> 24:
            return False
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return fields[0] not in "ZX" or int(fields[17]) > 1  # the first thread may end alone
    except OSError:
        return False


def wait_until(is_met: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Looks every few milliseconds; fails with `what` when patience ends."""
    end = time.monotonic() + patience_s
    while not is_met():
        assert time.monotonic() < end, f"waited {patience_s:g} s for {what}"
        time.sleep(0.002)


def error_text(result: InvokeResult) -> str:
    """The errorMessage; raises when the result is a success."""
    assert result.error is not None, result
    text: str = result.error["errorMessage"]
    return text
