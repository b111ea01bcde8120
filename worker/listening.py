"""Who listens on a port: this instance, or somebody else on the same network.

While the network is the machine's, any program may take a port before the server that it was meant
for, or after it. What is sent to a custom runtime's server has the function's keys in it.

The kernel lists listeners in /proc/net/tcp (proc_pid_net(5)), before all other sockets, with user
and inode. A user id of its own is enough to know them by; else the inode has to be a descriptor of
one of the instance's processes. Those of others cannot be looked into (worker.landlock).
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Set, Tuple

__all__ = ["Listeners"]

_LISTEN = "0A"
_ADDRESSES = (
    ("/proc/net/tcp", ("0100007F", "00000000")),
    ("/proc/net/tcp6", ("0000000000000000FFFF00000100007F", "0" * 32)),
)
"""What takes connections to 127.0.0.1; the kernel asks the first family first. Words are in the
machine's order of bytes, which is little-endian on both machines."""


class Listeners(object):
    """Those on the ports of one instance. Sockets that are known for its own are remembered."""

    def __init__(self, has_own_uid):
        # type: (bool) -> None
        self._has_own_uid = has_own_uid
        self._own = set()  # type: Set[str]

    def has_strange(self, port):
        # type: (int) -> bool
        """Whether what is sent there could reach somebody else. Nobody is no stranger."""
        for path, addresses in _ADDRESSES:
            found = set(_listening(path, addresses, port))
            if found:
                return not all(self._is_own(uid, inode) for uid, inode in found)
        return False

    def _is_own(self, uid, inode):
        # type: (int, str) -> bool
        if self._has_own_uid:
            return uid == os.getuid()
        if inode not in self._own:
            self._own = {name for name in _sockets() if name == inode} | self._own
        return inode in self._own


def _listening(path, addresses, port):
    # type: (str, Tuple[str, ...], int) -> Iterator[Tuple[int, str]]
    """User and inode of each."""
    wanted = ["%s:%04X" % (address, port) for address in addresses]
    try:
        with open(path) as lines:
            next(lines)
            for line in lines:
                fields = line.split()
                if fields[3] != _LISTEN:
                    return
                if fields[1] in wanted:
                    yield int(fields[7]), fields[9]
    except FileNotFoundError:  # a machine without IPv6
        return


def _sockets():
    # type: () -> Iterator[str]
    """The inodes of all sockets of the processes that may be looked into."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = "/proc/%s/fd" % pid
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # another's, or it has ended
        for name in names:
            try:
                target = os.readlink("%s/%s" % (folder, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                yield target[8:-1]
