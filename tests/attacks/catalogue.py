"""The attacks: what each tries, what the test prepares for it, and what may get through.

Levels and users are the columns of the table (docs/attacks.md). At `strict` nothing may get
through, at `process` only what an entry here names, with the reason. An attack that is blocked
at `none` proves nothing about walls, so the reason for that stands here too.
"""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ATTACKS", "COLUMNS", "FAMILIES", "LEVELS", "USERS", "Attack"]

LEVELS = ("none", "process", "strict")
USERS = ("root", "user")
COLUMNS = tuple(f"{level}, {user}" for level in LEVELS for user in USERS)


class Attack(NamedTuple):
    """One attack. `play` names how the stage runs it: mostly one call of the function.

    `let_through`: what gets through at `process`, word by word, and why. `everywhere`: why it is
    blocked at `none` already. `needs`: what not every machine has to attack.
    """

    name: str
    family: str
    tries: str
    prepared: str = ""
    play: str = "plain"
    function: str = "attacker"
    let_through: Mapping[str, str] = {}
    everywhere: str = ""
    needs: str = ""


def _processes() -> list[Attack]:
    family = "Other processes"
    rows = {
        "read environment": "to read /proc/PID/environ",
        "read memory map": "to read /proc/PID/maps",
        "read memory": "to read from /proc/PID/mem",
        "write memory": "to write to /proc/PID/mem",
        "process_vm_readv": "to read memory by process_vm_readv",
        "process_vm_writev": "to write memory by process_vm_writev",
        "list descriptors": "to list /proc/PID/fd",
        "open descriptors": "to open what is open there, through /proc/PID/fd",
        "pidfd_getfd": "to take a descriptor by pidfd_getfd",
        "zygote's control socket": "to find the zygote's socket, inherited or taken",
        "root of a process": "to list /proc/PID/root",
        "directory of a process": "to list /proc/PID/cwd",
        "ptrace seize": "to trace by PTRACE_SEIZE",
        "ptrace attach": "to trace by PTRACE_ATTACH",
        "kcmp": "to compare kernel objects by kcmp",
        "get_robust_list": "to read an address by get_robust_list",
    }
    return [Attack(name, family, tries) for name, tries in rows.items()]


def _secrets() -> list[Attack]:
    family = "Secrets of the host"
    token = "a token in the supervisor's environment"
    return [
        Attack("token in the environment", family,
               "to find it in os.environ and /proc/self/environ", token,
               everywhere="the environment is built from nothing at every level"),
        Attack("token in inherited memory", family, "to find it in its own memory", token,
               everywhere="the zygote is exec'd, not forked, at every level"),
        Attack("key in the home directory", family, "to read ~/.ssh/id_ed25519 of the user",
               "a key in the home of whoever runs fcbox"),
        Attack("files of the account's home", family, "to read a file that lies in a home"),
        Attack("password hashes", family, "to read /etc/shadow and /etc/gshadow"),
        Attack("state directory, reading", family, "to list the directory of its own box"),
        Attack("log file", family, "to read the supervisor's log file, or write to it",
               "the log goes to a file"),
    ]  # fmt: skip


def _neighbours() -> list[Attack]:
    family = "Other instances"
    has = "an instance of another function has one, and told where"
    return [
        Attack("files of a sibling", family, "to list, read and write in the other's /tmp", has),
        Attack("files of a sibling through /proc", family, "the same by /proc/PID/root", has),
        Attack("shared memory and ipc of a sibling", family,
               "to open /dev/shm, SysV and POSIX objects by name", has),
        Attack("sockets of a sibling", family, "to connect to UNIX sockets of it", has),
        Attack("taking an abstract name", family, "to bind the abstract name of a service",
               "the test then binds it on the host", play="squatting",
               let_through={"the name is taken": "such names belong to the network namespace, "
                            "which is the host's while the network is on"}),
        Attack("keys of a sibling", family, "to find and read a key of the user keyring", has),
        Attack("locks of a sibling", family, "to see a lock on a file in the other's /tmp", has),
        Attack("locks on common files", family,
               "to see a lock on a file of the code that both have, to lock files of code and host",
               has, play="locking",
               let_through=dict.fromkeys(
                   ("a sibling's lock seen", "the code locked", "the machine's files locked"),
                   "whoever may read a file may lock it (flock), and an instance opens the same "
                   "files as all others; only at `strict` it has its own, by overlayfs")),
        Attack("forged answer in a sibling's channel", family,
               "to write an answer into the other's descriptors while it serves a request",
               "a request runs in the other", play="forging"),
        Attack("forged line in a sibling's log", family,
               "to write to the other's standard output", "a request runs in the other",
               play="forging"),
        Attack("forged answer in the own channel", family,
               "to write an answer to the other's request into its own descriptors",
               "a request runs in the other", play="forging",
               everywhere="an answer must begin with the sequence and request id it is for"),
        Attack("forged lines of the runner", family,
               "to print lines that look like the runner's, for its own and the other's request",
               "a request runs in the other", play="forging",
               everywhere="such lines come from state transitions only"),
        Attack("forged logger records", family, "to print framed records with guessed tokens",
               "a request runs in the other", play="forging",
               everywhere="a record belongs to whose pipe it came from"),
    ]  # fmt: skip


def _files() -> list[Attack]:
    family = "Writing"
    return [
        Attack("set-uid files", family,
               "to make a file with the set-uid or set-gid bit, in any way"),
        Attack("own code", family,
               "to append to, chmod, chown, touch, rename, replace a file of its code, to make "
               "one beside it, links to it and out of it"),
        Attack("directories of the machine", family, "to make a file in each of them"),
        Attack("home directory, writing", family, "to make a file in ~/.ssh of the user"),
        Attack("state directory, writing", family, "to make files among the records of boxes"),
        Attack("temporary directories of the host", family,
               "to leave a file in /tmp, /var/tmp, /dev/shm and TMPDIR of the host",
               "the test looks from outside", play="temp"),
        Attack("control groups", family, "to make a control group, or to leave its own"),
        Attack("settings of the kernel", family, "to open /proc/sys and others for writing"),
        Attack("oom score", family, "to lower its own oom_score_adj, or write others'"),
        Attack("devices", family, "to open disks, /dev/kmsg and others, to make a device"),
    ]  # fmt: skip


def _signals() -> list[Attack]:
    family = "Signals, limits, priorities"
    return [
        Attack("kill", family, "to signal by kill"),
        Attack("pidfd_send_signal", family, "to signal by a pidfd"),
        Attack("tgkill", family, "to signal by tgkill"),
        Attack("kill the group", family, "to signal the supervisor's process group"),
        Attack("prlimit, reading", family, "to read limits of others"),
        Attack("prlimit, setting", family, "to set limits of others"),
        Attack("shedding the tag", family, "to change the limit by which its processes are found"),
        Attack(
            "own limits, raising",
            family,
            "to raise its hard limits",
            needs="a root with CAP_SYS_RESOURCE",
        ),
        Attack("setpriority", family, "to set the priority of others"),
        Attack("own priority", family, "to come before everybody else: nice -5, real-time"),
        Attack("sched_setaffinity", family, "to set the CPUs of others"),
        Attack("sched_setscheduler", family, "to set the scheduling of others"),
        Attack("ioprio_set", family, "to set the I/O priority of others"),
    ]  # fmt: skip


def _kernel() -> list[Attack]:
    family = "Parts of the kernel"
    return [
        Attack("unshare", family, "to make namespaces by unshare"),
        Attack("clone", family, "to make namespaces by clone"),
        Attack("clone3", family, "to make namespaces by clone3"),
        Attack("setns", family, "to enter the namespaces of the supervisor"),
        Attack("mounts", family,
               "to mount, make its code writable, unmount, change the root, with all calls"),
        Attack("raw sockets", family, "to make raw, packet, vsock and other special sockets"),
        Attack("io_uring", family, "to set up a ring"),
        Attack("bpf", family, "to make a map"),
        Attack("userfaultfd", family, "to handle page faults"),
        Attack("perf_event_open", family, "to count events of itself and the supervisor"),
        Attack("keys", family, "to add, request and ask for keys"),
        Attack("modules", family, "to load and remove modules and kernels",
               needs="a kernel with loadable modules"),
        Attack("clock, name and files", family,
               "to set clock and host name, to watch and open files past directories"),
        Attack("leases", family, "to take a lease on a file, to be told of a directory's changes"),
        Attack("rare calls", family,
               "to move and cool the supervisor's memory, hide memory from the kernel, list "
               "mounts, name files by handles, fix where memory lies"),
        Attack("foreign calls", family, "to call the kernel as a 32-bit and as an x32 program"),
    ]  # fmt: skip


def _privileges() -> list[Attack]:
    family = "Privileges and the terminal"
    pty = "the supervisor's controlling terminal is a pty"
    return [
        Attack("capabilities", family, "to have, or get back, a capability"),
        Attack("setuid", family, "to become another user or group"),
        Attack("set-uid program", family, "to start su(1) and have it run as root"),
        Attack("typing into the terminal", family, "to type by TIOCSTI", pty),
        Attack("the terminal", family, "to open the terminal, and change its settings", pty),
        Attack("the console", family, "to use TIOCLINUX on a virtual console"),
    ]


def _staying() -> list[Attack]:
    family = "Staying"
    ways = "daemons that leave session and parent, ignore signals, change pids, shed the tag, ..."
    return [
        Attack("daemons", family, "to outlive the end of the instance", ways, play="daemons"),
        Attack("daemons after SIGKILL", family, "to outlive the SIGKILL of the supervisor",
               f"{ways}; a worker that does the same", play="last"),
        Attack("leftovers for the same function", family,
               "to leave files, ipc objects and keys to the next instance", play="leftovers"),
        Attack("leftovers for another function", family,
               "to leave files, ipc objects and keys to an instance of another function",
               play="leftovers"),
    ]  # fmt: skip


def _network() -> list[Attack]:
    family = "Network, when it is off"
    rows = {
        "internet": ("to connect by TCP, MPTCP, UDP, IPv6", "listeners on the host's loopback"),
        "route": ("to send to an address outside", ""),
        "unix sockets": ("to connect to UNIX sockets of the host", "sockets of both kinds"),
        "vsock": ("to make a vsock socket", ""),
        "addresses of the host": ("to list the host's interfaces and connections", ""),
        "namespaces of others": ("to enter the network namespace of another process", ""),
    }
    return [
        Attack(
            f"network off: {name}", family, tries, prepared, function="offline",
        )
        for name, (tries, prepared) in rows.items()
    ]  # fmt: skip


def _information() -> list[Attack]:
    family = "Information"
    return [
        Attack("command lines of others", family, "to read /proc/PID/cmdline"),
        Attack("list of processes", family, "to see other processes in /proc"),
        Attack("log of the kernel", family, "to read it by syslog, /dev/kmsg, /proc/kmsg"),
        Attack("inside of the kernel", family, "to read addresses, memory, timers, tracing"),
        Attack("names of what others have", family,
               "to read /proc/keys, /proc/sysvipc, /proc/locks"),
        Attack("directories of the host", family, "to list directories that tell of its users"),
    ]  # fmt: skip


ATTACKS = {
    attack.name: attack
    for family in (
        _processes, _secrets, _neighbours, _files, _signals, _kernel, _privileges, _staying,
        _network, _information,
    )
    for attack in family()
}  # fmt: skip
FAMILIES = tuple(dict.fromkeys(attack.family for attack in ATTACKS.values()))
