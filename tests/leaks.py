"""What this process holds, and what it holds more than before: the leak guard's two questions.

    before = snapshot()
    ...
    found = wait_no_leaks(before)      # [] or one line per thing left behind

Looks at child processes (a zombie is one), open descriptors, non-daemon threads, entries of the
temp directory that fcbox would have made, mounts, and control groups of boxes that are gone. One
snapshot reads /proc/self and the directories of our own groups, and takes less than 1 ms.

Grandchildren that were re-parented to pid 1 are not seen: a test of those looks for them itself.
"""

import gc
import os
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
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
    mounts: frozenset[str]
    groups: frozenset[str]


def snapshot() -> Snapshot:
    return Snapshot(
        children=frozenset(_children()),
        descriptors=_descriptors(),
        threads=frozenset(t for t in threading.enumerate() if not t.daemon),
        entries=frozenset(_entries()),
        mounts=frozenset(_mounts()),
        groups=frozenset(_groups()),
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
    found += [f"mount {mount}" for mount in now.mounts - before.mounts]
    found += [f"control group {path}" for path in _abandoned(now.groups - before.groups)]
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


def _mounts() -> Iterator[str]:
    """Of this mount namespace: number, place and kind of each (proc_pid_mountinfo(5))."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        fields = mount.split()
        yield f"{fields[0]} at {fields[4]}, {kind.split()[0]}"


def _groups() -> Iterator[str]:
    """Those that fcbox made; it makes them below the group that it is in, and nowhere else.

    In CI alone: where several people test at once, what a killed box of one of them left for its
    next start would be blamed on another's test.
    """
    if os.environ.get("CI") != "true":
        return
    for directory in _own_groups():
        with os.scandir(directory) as entries:
            yield from (entry.path for entry in entries if entry.name.startswith("fcbox-"))


def _own_groups() -> Iterator[str]:
    """The directories of our own groups, one in each hierarchy (cgroups(7))."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        # A box may have put this very process into a group of its own: look beside that one.
        own[controllers] = path.partition("/fcbox-")[0].rstrip("/")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = mount.split()[3:5]
            names = [""] if kind == "cgroup2" else list(own.keys() & _combinations(options))
            directories = [point + own[name].removeprefix(root.rstrip("/")) for name in names]
            yield from filter(os.path.isdir, directories)


def _combinations(options: str) -> set[str]:
    """What a v1 hierarchy may be called in /proc/PID/cgroup, by the options of its mount."""
    names = [name for name in options.split(",") if name not in ("rw", "ro", "xattr")]
    return {*names, ",".join(names), ",".join(reversed(names))}


def _abandoned(groups: Collection[str]) -> list[str]:
    """Without those of boxes that live: some other program's, as a leak of ours is a child."""
    if not groups:
        return []
    live = _live_boxes()
    return [path for path in groups if path.rpartition("/")[2].split("-")[1] not in live]


def _live_boxes() -> set[str]:
    """The names of all boxes: each holds its directory, which is named by its tag, open."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            links = [os.readlink(folder / name) for name in os.listdir(folder)]
        except OSError:  # It has ended, or closed something meanwhile.
            continue
        tags = [link.rpartition("/runs/")[2] for link in links if "/runs/" in link]
        found.update(f"{int(tag, 16) >> 24:x}" for tag in tags if _is_hex(tag))
    return found


def _is_hex(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789abcdef")


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
