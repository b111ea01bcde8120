"""What can be learned about the machine and its processes."""

import ctypes
import os

from attempts import Refused, read_some, require, syscall, words_of


def command_lines(facts):
    targets = dict(facts["targets"], init=1)
    own = os.getpid()

    def attempt(pid):
        data = read_some(f"/proc/{pid}/cmdline", 4096)
        with open(f"/proc/{own}/cmdline", "rb") as file:
            require(pid != 1 or data != file.read())  # an init of its own looks like itself

    return words_of((word, lambda pid=pid: attempt(pid)) for word, pid in targets.items())


def process_list(facts):
    """Who else runs."""

    def attempt():
        others = set(facts["targets"]) - {"init"}  # an init of its own is no news
        require(any(os.path.exists(f"/proc/{facts['targets'][word]}") for word in others))

    return words_of([("others", attempt)])


def kernel_log(facts):
    buffer = ctypes.create_string_buffer(4096)
    return words_of(
        [
            ("syslog", lambda: require(syscall("syslog", 3, buffer, 4096) > 0)),
            ("/dev/kmsg", lambda: read_some("/dev/kmsg", 8192)),
            ("/proc/kmsg", lambda: os.close(os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK))),
        ]
    )


def _addresses():
    with open("/proc/kallsyms") as file:
        require(any(int(file.readline().split()[0], 16) for _ in range(5)))


def kernel_files(facts):
    """Addresses of the kernel, its memory, keys, timers, tracing, and what is in /sys/kernel."""
    files = ("/proc/kcore", "/proc/timer_list", "/proc/slabinfo", "/proc/vmallocinfo")
    folders = ("/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/slab", "/sys/firmware")
    attempts = [(path, lambda path=path: read_some(path, 64)) for path in files]
    attempts += [(path, lambda path=path: require(os.listdir(path))) for path in folders]
    attempts.append(("/proc/kallsyms", _addresses))
    return words_of(attempts)


def names_of_others(facts):
    """Lists of what others have: keys, SysV ipc, locks."""

    def keys():
        with open("/proc/keys") as file:
            require(facts["name"] in file.read())

    def segments():
        with open("/proc/sysvipc/shm") as file:
            require(f" {facts['number']} " in file.read())

    def locks():
        with open("/proc/locks") as file:
            holders = [line.split()[4] for line in file]
        require(str(facts["targets"]["supervisor"]) in holders)

    return words_of([("keys", keys), ("SysV ipc", segments), ("locks", locks)])


def accounts(facts):
    """Directories of the machine that name its users, projects and services."""

    def listed(path):
        names = os.listdir(path)
        if not names:
            raise Refused

    paths = ("/home", "/var/log", "/var/spool", "/var/lib/dpkg", "/run/systemd", "/boot", "/srv")
    return words_of((path, lambda path=path: listed(path)) for path in paths)


ATTACKS = {
    "command lines of others": command_lines,
    "list of processes": process_list,
    "log of the kernel": kernel_log,
    "inside of the kernel": kernel_files,
    "names of what others have": names_of_others,
    "directories of the host": accounts,
}
