"""What this process holds, and what it holds more than before: the leak guard's two questions.

    before = snapshot()
    ...
    found = wait_no_leaks(before)      # [] or one line per thing left behind

Looks at child processes (a zombie is one), open descriptors, non-daemon threads, and entries of the
temp directory that fcbox would have made. One snapshot reads /proc/self and takes about 0.1 ms.

Grandchildren that were re-parented to pid 1 are not seen: a test of those looks for them itself.
"""

import gc
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Snapshot", "leaks_since", "snapshot", "wait_no_leaks"]

PATIENCE_S = 1.0
"""What is on its way out when the test ends (a killed child, a thread at its end) has this long."""

POLL_S = 0.005


class Snapshot(NamedTuple):
    children: frozenset[int]
    descriptors: dict[int, str]
    threads: frozenset[threading.Thread]
    entries: frozenset[str]


def snapshot() -> Snapshot:
    return Snapshot(
        children=frozenset(_children()),
        descriptors=_descriptors(),
        threads=frozenset(t for t in threading.enumerate() if not t.daemon),
        entries=frozenset(_entries()),
    )


def leaks_since(before: Snapshot) -> list[str]:
    """One line for each thing that was not there before."""
    now = snapshot()
    found = [f"child process {_describe_process(pid)}" for pid in now.children - before.children]
    found += [
        f"descriptor {fd} -> {target}"
        for fd, target in now.descriptors.items()
        if before.descriptors.get(fd) != target
    ]
    found += [f"thread {thread.name!r}" for thread in now.threads - before.threads]
    found += [f"in the temp directory: {path}" for path in now.entries - before.entries]
    return sorted(found)


def wait_no_leaks(before: Snapshot, patience_s: float = PATIENCE_S) -> list[str]:
    """As leaks_since, after garbage was collected and what is ending had time to end."""
    found = leaks_since(before)
    if not found:
        return []
    gc.collect()
    deadline = time.monotonic() + patience_s
    while (found := leaks_since(before)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found


def _children() -> set[int]:
    """Of all threads: the kernel lists a child under the thread that forked it."""
    pids: set[int] = set()
    for tid in os.listdir("/proc/self/task"):
        try:
            pids.update(map(int, Path(f"/proc/self/task/{tid}/children").read_bytes().split()))
        except FileNotFoundError:  # The thread has ended meanwhile.
            continue
    return pids


def _descriptors() -> dict[int, str]:
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:  # The one that listdir itself had open.
            continue
    return found


def _entries() -> set[str]:
    folders = {tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", "")}
    return {
        entry.path
        for folder in folders
        if os.path.isdir(folder)
        for entry in os.scandir(folder)
        if entry.name.startswith("fcbox")
    }


def _describe_process(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return f"{pid}, gone by now"
    name, _, rest = stat.partition("(")[2].rpartition(")")
    state = rest.split()[0]
    if state == "Z":
        return f"{pid} ({name}): a zombie, nobody waited for it"
    return f"{pid} ({name}), state {state}: {command.decode(errors='replace')}"
