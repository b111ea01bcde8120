"""Which file holds the invocations of a configuration, and who may use it.

    <state>/async/<configuration>.sqlite    0600, in a directory of 0700
    <state>/async/<configuration>.lock      flock(2) of the supervisor that uses the file
    <state>/async/<configuration>-2.sqlite  of a second supervisor of the same configuration

The lock, not a pid, says whether a file is used: the kernel drops it however its holder ends. What
a second supervisor left is taken over by the next run. A file that is damaged is set aside.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable

from sandbox.asynchronous.store import Store, Unusable

__all__ = ["Place", "open_place"]

MOST_PLACES = 100
_BESIDE = ("", "-wal", "-shm")


class Place:
    """A store that is ours until it is closed."""

    def __init__(self, path: str, lock: int, store: Store) -> None:
        self.path = path
        self.store = store
        self._lock = lock

    def close(self) -> None:
        """Gives it back; a file in which there is nothing goes away."""
        try:
            is_empty = self.store.is_empty()
        finally:
            self.store.close()
        if is_empty:
            _remove(self.path)
        os.close(self._lock)


def open_place(state: str, config: str, say: Callable[[str], None]) -> Place:
    """The first file of this configuration that nobody uses, with what is in the others of which
    that is true. Raises OSError and sqlite3.Error."""
    directory = os.path.join(state, "async")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    stem = os.path.join(directory, hashlib.sha256(os.fsencode(config)).hexdigest()[:16])
    place = None
    for number in range(1, MOST_PLACES + 1):
        path = stem + (f"-{number}" if number > 1 else "")
        if place and not os.path.exists(f"{path}.sqlite"):
            break
        lock = _lock(f"{path}.lock")
        if lock is None:
            continue
        if place is None:
            place = _taken(path, lock, say)
            if number > 1:
                say("another supervisor of this configuration runs: "
                    "asynchronous invocations of this one are in a file of their own")  # fmt: skip
        else:
            _take_over(place, _taken(path, lock, say))
    if place is None:
        raise OSError(None, f"{MOST_PLACES} supervisors of this configuration run")
    return place


def _taken(path: str, lock: int, say: Callable[[str], None]) -> Place:
    file = f"{path}.sqlite"
    try:
        try:
            store = Store(file)
        except Unusable as exc:
            say(f"the queue of asynchronous invocations cannot be read ({exc}); "
                f"it is kept as {_set_aside(file)}, and a new one begins")  # fmt: skip
            store = Store(file)
    except BaseException:
        os.close(lock)
        raise
    return Place(file, lock, store)


def _take_over(place: Place, other: Place) -> None:
    # Ours is on the disk before theirs goes. In between both have the same: taken over once.
    with place.store.transaction():
        place.store.adopt(other.store)
    other.store.close()
    _remove(other.path)
    os.close(other._lock)


def _lock(path: str) -> int | None:
    """A descriptor that holds the lock; None when somebody else does."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder may have removed it between our open and our lock.
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return fd
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(fd)
            return None
        os.close(fd)


def _set_aside(file: str) -> str:
    """Renames it with what belongs to it; gives the name."""
    kept = f"{file}.unreadable-{time.time_ns():x}"
    for suffix in _BESIDE:
        try:
            os.rename(file + suffix, kept + suffix)
        except FileNotFoundError:
            pass
    return kept


def _remove(file: str) -> None:
    """With its lock, which must be held."""
    for path in (*(file + suffix for suffix in _BESIDE), file.removesuffix(".sqlite") + ".lock"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
