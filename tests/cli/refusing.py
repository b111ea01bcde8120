"""A machine that refuses namespaces, for commands: most containers do.

    python -m tests.cli.refusing COMMAND...

The command runs as the only user of a user namespace, in which no further namespace may be made:
the limits of user_namespaces(7) count for that namespace alone, and nothing here lifts them.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.boxes import environ_of
from tests.configs.commands import PATIENCE_S, ROOT, Ran, stopped

__all__ = ["refused_fcbox", "refused_process"]

CLONE_NEWUSER = 0x10000000
_KINDS = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")


def refuse_namespaces() -> None:
    """For this process and all that it starts."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    for kind in _KINDS:
        Path(f"/proc/sys/user/max_{kind}_namespaces").write_text("0")


def _command(*arguments: str) -> list[str]:
    program = [sys.executable, "-m", "tests.cli.refusing", sys.executable]
    return [*program, "-m", "sandbox", *arguments]


def _environ(folder: Path) -> dict[str, str]:
    return {**environ_of(folder), "PYTHONPATH": str(ROOT)}


@contextmanager
def refused_process(folder: Path, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The running command; it is killed at the end of the context if it still runs."""
    process = subprocess.Popen(
        _command(*arguments), cwd=ROOT, env=_environ(folder), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def refused_fcbox(folder: Path, *arguments: str) -> Ran:
    """Runs the command to its end, and looks whether it has left anything behind."""
    with refused_process(folder, *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    return stopped(folder, Ran(process.returncode, out, err.decode()))


if __name__ == "__main__":
    refuse_namespaces()
    os.execvp(sys.argv[1], sys.argv[1:])
