"""Which invocation is due when: pure, time is a parameter.

Only ids are held: an event may have 128 KB, and is read when its attempt begins.
"""

import heapq
from collections.abc import Iterable

__all__ = ["Schedule"]


class Schedule:
    """What waits, by function; first come, first served among what is due."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, int, str]]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        """Where an id really is: an entry of a heap that says otherwise is out of date."""
        self._serial = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._places

    def add(self, function: str, request_id: str, due_ms: int) -> None:
        """It waits until then."""
        self._serial += 1
        self._places[request_id] = (due_ms, self._serial)
        heap = self._heaps.setdefault(function, [])
        heapq.heappush(heap, (due_ms, self._serial, request_id))

    def remove(self, request_id: str) -> bool:
        """It waits no more; whether it did."""
        return self._places.pop(request_id, None) is not None

    def functions(self) -> list[str]:
        """Those for which something waits."""
        for function in [name for name in self._heaps if self._next(name) is None]:
            del self._heaps[function]
        return list(self._heaps)

    def waiting(self, function: str) -> int:
        """How many wait for this function."""
        return sum(self._is_there(entry) for entry in self._heaps.get(function, ()))

    def take(self, function: str, now_ms: int, most: int) -> list[str]:
        """At most so many that are due; they wait no more."""
        taken: list[str] = []
        while len(taken) < most and (due_ms := self._next(function)) is not None:
            if due_ms > now_ms:
                break
            request_id = heapq.heappop(self._heaps[function])[2]
            del self._places[request_id]
            taken.append(request_id)
        return taken

    def next_due_ms(self, functions: Iterable[str]) -> int | None:
        """When the first one of these is due."""
        dues = (self._next(function) for function in functions)
        return min((due for due in dues if due is not None), default=None)

    def _next(self, function: str) -> int | None:
        heap = self._heaps.get(function, [])
        while heap and not self._is_there(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _is_there(self, entry: tuple[int, int, str]) -> bool:
        return self._places.get(entry[2]) == entry[:2]
