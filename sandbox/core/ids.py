"""Request and instance ids in FC's form: the first group is Unix seconds in hex."""

from collections.abc import Callable

__all__ = ["IdSource"]


class IdSource:
    """Makes ids from a source of randomness and a wall clock, both given.

    `random_bytes(n)` as `os.urandom`; `wall_s()` as `time.time`. Random bytes are taken in
    blocks: one system call per id would be a fifth of a warm call's bookkeeping.
    """

    _BLOCK = 100
    _NEEDED = 10

    def __init__(self, random_bytes: Callable[[int], bytes], wall_s: Callable[[], float]) -> None:
        self._random_bytes = random_bytes
        self._wall_s = wall_s
        self._hex = ""
        self._at = 0

    def request_id(self) -> str:
        """`1-<8 hex>-<8 hex>-<12 hex>`."""
        return self._make("1")

    def instance_id(self) -> str:
        """`c-<8 hex>-<8 hex>-<12 hex>`."""
        return self._make("c")

    def _make(self, kind: str) -> str:
        at = self._at
        if at >= len(self._hex):
            self._hex, at = self._random_bytes(self._BLOCK * self._NEEDED).hex(), 0
        self._at = end = at + 2 * self._NEEDED
        middle = at + 8
        return f"{kind}-{int(self._wall_s()):08x}-{self._hex[at:middle]}-{self._hex[middle:end]}"
