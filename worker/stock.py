"""Namespaces that a zygote has ready for its next instance.

The kernel takes half a millisecond to make a network namespace, and a user namespace for a mount
takes a process to be made in. A zygote does it while nothing is asked of it; an instance that finds
none here makes its own. Nobody lives in them and they hold nothing, so they are as good as new.
"""

import os

from worker import syscalls
from worker.clone import new_namespace, new_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple

    Owner = Tuple[int, int]

__all__ = ["Stock"]


class Stock(object):
    """One of each. An instance inherits the descriptors: it takes what it needs, and closes.

    `has_networks` and `has_owners` say which of the two instances may need.
    """

    def __init__(self, has_networks, has_owners):
        # type: (bool, bool) -> None
        self._has_networks = has_networks
        self._has_owners = has_owners
        self._network = None  # type: Optional[int]
        self._owners = {}  # type: Dict[Tuple[int, Owner], int]

    def is_wanting(self):
        # type: () -> bool
        """Whether there is something to be made."""
        has_all = self._network is not None or not self._has_networks
        return not has_all or (self._has_owners and not self._owners)

    def fill(self, uid):
        # type: (Optional[int]) -> None
        """`uid` is the one that the next instance is going to have."""
        try:
            if self._has_networks and self._network is None:
                self._network = new_namespace(syscalls.CLONE_NEWNET, "net")
            if self._has_owners and uid is not None:
                owner = (os.getuid(), os.getgid())  # most code is whose the supervisor is
                self._owners[uid, owner] = new_user_namespace(uid, owner)
        except OSError:
            # Instances try for themselves, and tell.
            self._has_networks = self._has_owners = False

    def take_network(self):
        # type: () -> Optional[int]
        """A descriptor, the caller's from now on."""
        found, self._network = self._network, None
        return found

    def take_owner(self, uid, owner):
        # type: (int, Owner) -> Optional[int]
        """That of a user namespace in which files of `owner` are `uid`'s."""
        return self._owners.pop((uid, owner), None)

    def close(self):
        # type: () -> None
        for fd in [*self._owners.values(), *([] if self._network is None else [self._network])]:
            os.close(fd)
        self._network = None
        self._owners.clear()
