"""Writing where only /tmp may be written.

facts: run, the box's directory; home; log, the supervisor's log file; name; tmp, a directory of
the host's /tmp. Everything that works is undone.
"""

import glob
import os
import stat
import sys
import tempfile

from attempts import Refused, make_and_remove, open_to_write, read_some, words_of

OWN = os.path.abspath(__file__)
HERE = os.path.dirname(OWN)
SPARE = os.path.join(HERE, "to_be_changed.txt")
"""A file of the code that nothing needs."""


def _append():
    with open(SPARE, "ab") as file:
        file.write(b"x")
        file.seek(-1, os.SEEK_END)
        file.truncate()


def _rename(path):
    os.rename(path, path + ".renamed")
    os.rename(path + ".renamed", path)


def _replace(path):
    os.unlink(path)
    open(path, "w").close()


def _symlink(folder):
    link = os.path.join(folder, "link-of-attack")
    os.symlink("/", link)
    os.unlink(link)


def _hard_link(path, folder):
    link = os.path.join(folder, "hard-link-of-attack")
    os.link(path, link)
    os.unlink(link)


def _through_descriptor():
    """A descriptor that can only read, opened once more."""
    fd = os.open(SPARE, os.O_RDONLY)
    open_to_write(f"/proc/self/fd/{fd}")


def own_code(facts):
    return words_of(
        [
            ("append", _append),
            ("open to write again", _through_descriptor),
            ("chmod", lambda: os.chmod(SPARE, stat.S_IMODE(os.stat(SPARE).st_mode))),
            ("chown", lambda: os.chown(SPARE, os.stat(SPARE).st_uid, os.stat(SPARE).st_gid)),
            ("utime", lambda: os.utime(SPARE)),
            ("rename", lambda: _rename(SPARE)),
            ("replace", lambda: _replace(SPARE)),
            ("xattr", lambda: os.setxattr(SPARE, "user.attack", b"x")),
            ("create beside", lambda: make_and_remove(os.path.join(HERE, "of-attack"))),
            ("mkdir beside", lambda: _mkdir(os.path.join(HERE, "folder-of-attack"))),
            ("symlink beside", lambda: _symlink(HERE)),
            ("hard link beside", lambda: _hard_link(SPARE, HERE)),
            ("hard link to /tmp", lambda: _hard_link(SPARE, tempfile.gettempdir())),
            ("create above", lambda: make_and_remove(os.path.join(HERE, "..", "of-attack"))),
        ]
    )


def set_id(facts):
    """In its own /tmp: on a writable mount it would be a file of the host."""
    path = os.path.join(tempfile.mkdtemp(prefix="set-id-of-attack"), "file")

    def make():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o4755))
        os.unlink(path)

    def change(mode):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755))
        try:
            os.chmod(path, mode)
        finally:
            os.unlink(path)

    try:
        return words_of(
            [
                ("open", make),
                ("set-uid", lambda: change(0o4755)),
                ("set-gid", lambda: change(0o2755)),
            ]
        )
    finally:
        os.rmdir(os.path.dirname(path))


def _mkdir(path):
    os.mkdir(path)
    os.rmdir(path)


FOLDERS = (
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc",
    "/root", "/run", "/run/lock", "/sbin", "/srv", "/sys", "/usr", "/usr/lib", "/usr/local/bin",
    "/var", "/var/lib", "/var/log", "/var/spool", "/dev/mqueue",
)  # fmt: skip


def elsewhere(facts):
    """Directories of the machine, and where the interpreter keeps its packages."""
    folders = {folder: folder for folder in FOLDERS}
    folders["the interpreter"] = sys.prefix
    folders["the standard library"] = os.path.dirname(os.__file__)
    paths = {word: os.path.join(folder, facts["name"]) for word, folder in folders.items()}
    return words_of((word, lambda path=path: make_and_remove(path)) for word, path in paths.items())


def home(facts):
    """The home directory of whoever runs fcbox."""
    path = os.path.join(facts["home"], ".ssh", "authorized_keys")
    return words_of([("create", lambda: make_and_remove(path))])


def state_directory(facts):
    run = facts["run"]

    def own_record():
        path = os.path.join(run, "record.json")
        make_and_remove(path)

    return words_of(
        [
            ("beside other boxes", lambda: make_and_remove(run + "0000")),
            ("in the box's own", own_record),
            ("rename the box's own", lambda: _rename(run)),
        ]
    )


def temp_of_host(facts):
    """What is written there stays there: the test looks from outside."""

    def leave(folder):
        with open(os.path.join(folder, facts["name"] + ".of-attack"), "w") as file:
            file.write("x")

    words_of((folder, lambda folder=folder: leave(folder)) for folder in facts["temp"])
    return []


def _touch_group(folder):
    name = os.path.join(folder, "fcbox-attack")
    os.mkdir(name)
    os.rmdir(name)


def _move_out(folder):
    """Out of its own group: limits are a matter of the group."""
    path = os.path.join(folder, "cgroup.procs")
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, b"0")


def groups(facts):
    roots = [path for path in glob.glob("/sys/fs/cgroup/*") if os.path.isdir(path)]

    def any_of(attempt):
        for root in [*roots, "/sys/fs/cgroup"]:
            try:
                attempt(root)
                return
            except OSError:
                continue
        raise Refused

    return words_of(
        [
            ("make a group", lambda: any_of(_touch_group)),
            ("leave its own", lambda: any_of(_move_out)),
        ]
    )


KNOBS = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/randomize_va_space", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/net/core/somaxconn", "/proc/sys/fs/file-max", "/proc/sys/user/max_user_namespaces",
    "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper",
    "/sys/power/state", "/sys/kernel/mm/ksm/run", "/sys/kernel/profiling",
)  # fmt: skip


def kernel_knobs(facts):
    """Opened for writing only: what could be written is the machine's."""
    return words_of((path, lambda path=path: open_to_write(path)) for path in KNOBS)


def oom_score(facts):
    """The kernel kills the highest first."""

    def write(pid, change):
        path = f"/proc/{pid}/oom_score_adj"
        value = int(read_some(path, 16))
        fd = os.open(path, os.O_WRONLY)
        os.write(fd, b"%d" % (value + change))
        os.write(fd, b"%d" % value)

    targets = facts["targets"]
    attempts = [("own lowered", lambda: write("self", -1))]
    attempts += [
        (word + " rewritten", lambda pid=pid: write(pid, 0)) for word, pid in targets.items()
    ]
    return words_of(attempts)


def _make_device(path, device):
    os.mknod(path, stat.S_IFCHR | 0o600, device)
    try:
        open_to_write(path)
    finally:
        os.unlink(path)


def devices(facts):
    """Disks, the kernel's log, memory, virtual machines; one that is made by itself."""
    paths = ["/dev/kmsg", "/dev/mem", "/dev/port", "/dev/fuse", "/dev/kvm", "/dev/loop-control"]
    paths += ["/dev/net/tun", "/dev/btrfs-control", "/dev/vhost-net", "/dev/tty0"]
    paths += ["/dev/userfaultfd"]
    attempts = [(path, lambda path=path: open_to_write(path)) for path in paths]
    made = os.path.join(tempfile.gettempdir(), "device-of-attack")
    attempts.append(("mknod", lambda: _make_device(made, os.makedev(1, 11))))
    attempts.append(("a disk", _open_disk))
    return words_of(attempts)


def _open_disk():
    for name in os.listdir("/sys/class/block"):
        try:
            read_some("/dev/" + name)
            return
        except OSError:
            continue
    raise Refused


def log_file(facts):
    return words_of(
        [
            ("read", lambda: read_some(facts["log"])),
            ("opened to write", lambda: open_to_write(facts["log"])),
        ]
    )


ATTACKS = {
    "set-uid files": set_id,
    "own code": own_code,
    "directories of the machine": elsewhere,
    "home directory, writing": home,
    "state directory, writing": state_directory,
    "temporary directories of the host": temp_of_host,
    "control groups": groups,
    "settings of the kernel": kernel_knobs,
    "oom score": oom_score,
    "devices": devices,
    "log file": log_file,
}
