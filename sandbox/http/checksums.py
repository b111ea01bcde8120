"""The CRC-64 of each function's code, for `X-Fc-Code-Checksum`.

It is the management API that knows packages of code (`Front.checksum_of`). Reading a directory
takes a while, so it is done once for each new instance, for that one may see other code, and while
the function runs. A change of a file without a new instance changes no checksum: what runs is what
was there.
"""

import asyncio

from sandbox.http.front import Front
from sandbox.http.refusals import Refused

__all__ = ["Checksums"]

_Key = tuple[object, int]


class Checksums:
    """What was found out, by function."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._found: dict[str, tuple[_Key, asyncio.Future[str]]] = {}

    def begin(self, name: str) -> asyncio.Future[str]:
        """The checksum of this function's code; empty when it cannot be told. Whoever waits for it
        must not cancel it: others may wait for the same one."""
        pool = self._front.supervisor.pools[name]
        key = (pool.spec.code_dir, pool.counts["created"])
        found = self._found.get(name)
        if found and found[0] == key:
            return found[1]
        future = asyncio.ensure_future(self._find(name))
        self._found[name] = key, future
        return future

    async def _find(self, name: str) -> str:
        if self._front.checksum_of is None:
            return ""
        try:
            return await self._front.checksum_of(name)
        except Refused:  # it cannot be read, which is no reason not to answer
            return ""
