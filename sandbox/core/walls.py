"""What each isolation level promises, and by which mechanisms: one table, pure data.

A mechanism is something the kernel does for us; a promise is what a user cares about. A promise
has several ways to be kept, each a set of mechanisms: on one machine a namespace keeps it, on
another Landlock. The guest tells which mechanisms it got and why it did not get the others; the
engine adds those it provides itself (`Walls`). Everything that talks about isolation (the line at
the start, `fcbox doctor`, `statistics()`, the refusal of `strict`) is derived from here.
"""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "MECHANISMS",
    "PROMISES",
    "Lack",
    "Mechanism",
    "Promise",
    "Verdict",
    "Walls",
    "needed_ways",
    "network_of",
    "refusal",
    "summary",
    "verdicts",
    "warnings",
]


class Mechanism(NamedTuple):
    """`title` names it in a line, `remedy` says how a machine comes to have it."""

    title: str
    remedy: str


class Promise(NamedTuple):
    """`text` is what the function can not do, `lost` the warning when that is not so.

    `ways`: each is a set of mechanisms that together keep the promise. `level`: the lowest that
    makes it. `on`: the condition, "" for always, "network off" or "cpu" where a function asks.
    """

    key: str
    text: str
    lost: str
    ways: tuple[frozenset[str], ...]
    level: str = "process"
    on: str = ""


class Lack(NamedTuple):
    """A mechanism that was wanted and could not be had, and why."""

    mechanism: str
    reason: str


class Walls(NamedTuple):
    """What is in force around the instances of one interpreter. `conditions`: see `Promise.on`."""

    level: str
    held: frozenset[str]
    lacks: tuple[Lack, ...] = ()
    conditions: frozenset[str] = frozenset()


class Verdict(NamedTuple):
    """One promise on this machine. `by`: the way that keeps it. `missing`: of its best way."""

    promise: Promise
    by: frozenset[str]
    missing: tuple[Lack, ...]

    @property
    def is_kept(self) -> bool:
        """Nothing is missing of some way."""
        return bool(self.by)


_NAMESPACES = (
    "run as root, or allow user namespaces: sysctl user.max_user_namespaces=10000, and where they "
    "exist kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0; "
    "in a container --security-opt seccomp=unconfined"
)
_GROUPS = (
    "run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes fcbox ..."
)

MECHANISMS = {
    "root": Mechanism("own root", _NAMESPACES),
    "landlock": Mechanism(
        "Landlock", "a kernel from 5.13 on that was started with Landlock (lsm=)"
    ),
    "landlock_scopes": Mechanism("Landlock scopes", "a kernel from 6.12 on with Landlock"),
    "seccomp": Mechanism("system call filter", "a kernel with CONFIG_SECCOMP_FILTER"),
    "capabilities": Mechanism("capability drop", "tell us: every kernel can do this"),
    "no_new_privs": Mechanism("privilege lock", "a kernel from 3.5 on"),
    "non_dumpable": Mechanism("hidden memory", "tell us: every kernel can do this"),
    "own_uid": Mechanism(
        "own uid",
        "make the code and the interpreter readable for other users (chmod -R o+rX), or have them "
        "on a file system that can be idmapped (ext4, xfs, btrfs); in a container it takes "
        "CAP_SETUID",
    ),
    "overlays": Mechanism(
        "overlays",
        "a kernel with overlayfs (modprobe overlay), from 5.11 on for an ordinary user, from 5.19 "
        "on for root; code and interpreter on a file system that may be a lower layer; for an "
        "ordinary user nothing that is mounted below them or below /usr and /etc",
    ),
    "user_namespace": Mechanism("user namespace", _NAMESPACES),
    "pid_namespace": Mechanism("pid namespace", _NAMESPACES),
    "ipc_namespace": Mechanism("ipc namespace", _NAMESPACES),
    "uts_namespace": Mechanism("uts namespace", _NAMESPACES),
    "cgroup_namespace": Mechanism("cgroup namespace", _NAMESPACES),
    "net_namespace": Mechanism("network namespace", _NAMESPACES),
    "rlimits": Mechanism("resource limits", "tell us: every kernel can do this"),
    "memory_cgroup": Mechanism("memory by cgroup", _GROUPS),
    "memory_watch": Mechanism("memory watched", "it is fcbox's own"),
    "pids_cgroup": Mechanism("processes by cgroup", _GROUPS),
    "cpu_quota": Mechanism("cpu quota", _GROUPS),
    "freezer": Mechanism("freezer", _GROUPS),
}


def _way(*mechanisms: str) -> frozenset[str]:
    return frozenset(mechanisms)


PROMISES = (
    Promise(
        "secrets",
        "reads no memory, environment or descriptor of another process",
        "a function can read the memory and the environment of your processes",
        (_way("landlock"), _way("own_uid"), _way("pid_namespace")),
    ),
    Promise(
        "files",
        "reads no file of yours but its code, its mounts and the system's",
        "a function can read your files",
        (_way("root"), _way("landlock")),
    ),
    Promise(
        "writes",
        "writes nowhere but to its own /tmp and its writable mounts",
        "a function can change files of yours, or their mode and times",
        (_way("root"), _way("landlock", "own_uid")),
    ),
    Promise(
        "signals",
        "signals, traces, limits and slows no process but its own",
        "a function can signal your processes or change their limits",
        (
            _way("seccomp", "landlock_scopes"),
            _way("seccomp", "own_uid"),
            _way("seccomp", "pid_namespace"),
        ),
    ),
    Promise(
        "sockets",
        "connects to no UNIX socket of another program",
        "a function can connect to UNIX sockets of other programs",
        (_way("root", "landlock_scopes"), _way("root", "net_namespace")),
    ),
    Promise(
        "kernel",
        "gains no privilege, and reaches no part of the kernel that a function has no use for",
        "a function can use all system calls",
        (_way("seccomp", "capabilities", "no_new_privs"),),
    ),
    Promise(
        "tree",
        "leaves no process behind",
        "a process of a function that hides on purpose can outlive it",
        (_way("pid_namespace"), _way("seccomp")),
    ),
    Promise(
        "leftovers",
        "leaves no data for another instance",
        "an instance can leave data for another one",
        (_way("root", "seccomp"), _way("root", "ipc_namespace"), _way("landlock", "seccomp")),
    ),
    Promise(
        "memory",
        "uses no more memory than memorySize",
        "memorySize is not enforced",
        (_way("memory_cgroup", "memory_watch"), _way("memory_watch")),
    ),
    Promise(
        "processes",
        "has no more than 1024 processes and threads",
        "a function can start as many processes as you can",
        (_way("pids_cgroup"), _way("rlimits", "own_uid"), _way("rlimits", "user_namespace")),
    ),
    Promise(
        "disk",
        "stores no more than diskSize",
        "diskSize limits single files only, not their sum",
        (_way("root"),),
    ),
    Promise(
        "cpu",
        "uses no more CPU time than cpu says",
        "cpu is not enforced",
        (_way("cpu_quota"),),
        on="cpu",
    ),
    Promise(
        "network",
        "reaches no network",
        "a function can use the network although it is off",
        (_way("net_namespace"), _way("seccomp")),
        on="network off",
    ),
    Promise(
        "view",
        "sees no process, no System V or POSIX queue and no host name but its own",
        "a function sees the processes of this machine",
        (_way("pid_namespace", "ipc_namespace", "uts_namespace"),),
        level="strict",
    ),
    Promise(
        "locks",
        "sees and holds no lock of another instance",
        "instances see and hold each other's locks on files of the code and the system",
        (_way("root", "overlays"),),
        level="strict",
    ),
)

_IN_LINE = {
    "root": "own root",
    "own_uid": "own uid",
    "overlays": "overlays",
    "landlock": "Landlock",
    "seccomp": "system call filter",
    "capabilities": "no capabilities",
    "memory_cgroup": "memory by cgroup",
    "pids_cgroup": "processes by cgroup",
    "cpu_quota": "cpu quota",
    "freezer": "freezer",
}
"""What the line at the start names: what differs between machines. `fcbox doctor` has all."""
_NAMESPACES_IN_LINE = (
    "pid_namespace", "net_namespace", "ipc_namespace", "uts_namespace", "cgroup_namespace",
)  # fmt: skip


def network_of(network: str, level: str) -> str:
    """ "host" or "off": what a function that says nothing has at this level."""
    return network or ("off" if level == "strict" else "host")


def verdicts(walls: Walls) -> list[Verdict]:
    """Each promise that the level makes, kept or not."""
    return [_verdict(promise, walls) for promise in _made(walls.level, walls.conditions)]


def needed_ways(level: str, conditions: frozenset[str]) -> list[list[list[str]]]:
    """For a guest that must not run without: per promise the ways that keep it."""
    return [[sorted(way) for way in promise.ways] for promise in _made(level, conditions)]


def summary(walls: Walls) -> str:
    """The line at the start: the level and what is in force."""
    if walls.level == "none":
        return (
            "isolation: none (own session and clean environment only: a function can do what "
            "you can do)"
        )
    names = [title for key, title in _IN_LINE.items() if key in walls.held]
    kinds = [key.removesuffix("_namespace") for key in _NAMESPACES_IN_LINE if key in walls.held]
    if kinds:
        names.append(f"own {', '.join(kinds)} namespace{'s' if len(kinds) > 1 else ''}")
    degraded = "" if all(verdict.is_kept for verdict in verdicts(walls)) else ", degraded"
    return f"isolation: {walls.level}{degraded} ({', '.join(names)})"


def warnings(walls: Walls) -> list[str]:
    """One sentence for each promise that is not kept, with the reason."""
    return [_warning(verdict) for verdict in verdicts(walls) if not verdict.is_kept]


def refusal(walls: Walls) -> str:
    """Why `strict` can not begin here; empty when it can, and at the other levels."""
    lost = warnings(walls) if walls.level == "strict" else []
    return f"isolation strict does not hold on this machine: {'; '.join(lost)}" if lost else ""


def _made(level: str, conditions: frozenset[str]) -> list[Promise]:
    if level == "none":
        return []
    made = [promise for promise in PROMISES if not promise.on or promise.on in conditions]
    return [promise for promise in made if level == "strict" or promise.level == level]


def _verdict(promise: Promise, walls: Walls) -> Verdict:
    for way in promise.ways:
        if way <= walls.held:
            return Verdict(promise, way, ())
    best = min(promise.ways, key=lambda way: len(way - walls.held))
    return Verdict(promise, frozenset(), tuple(_lacks(best - walls.held, walls.lacks)))


def _lacks(mechanisms: Iterable[str], told: Iterable[Lack]) -> list[Lack]:
    reasons = dict(told)
    return [Lack(key, reasons.get(key, "")) for key in sorted(mechanisms)]


def _warning(verdict: Verdict) -> str:
    reasons = [
        f"no {MECHANISMS[lack.mechanism].title}" + (f": {lack.reason}" if lack.reason else "")
        for lack in verdict.missing
    ]
    return f"{verdict.promise.lost} ({'; '.join(reasons)})"
