"""The CRC-64 of each function's code, for `X-Fc-Code-Checksum`.

It is the management API that knows packages of code (`Front.checksum_of`). Reading a directory
takes a while, so it is done once for each new instance, for that one may see other code, and while
the function runs. Much code takes longer than an answer can wait: it goes without the checksum,
and later ones have it. A change of a file without a new instance changes no checksum: what runs is
what was there.
"""

import asyncio

from sandbox.http.front import Front
from sandbox.http.refusals import Refused

__all__ = ["Checksums"]

_Key = tuple[object, int]
_PATIENCE_S = 0.3
"""An answer goes without it then. Few bytes may be in very many files."""


class Checksums:
    """What was found out, by function."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._found: dict[str, tuple[_Key, asyncio.Future[str]]] = {}
        self._searches: set[asyncio.Task[None]] = set()
        """The loop itself holds no task."""
        self._late: set[asyncio.Future[str]] = set()
        """What one answer has waited for in vain: the next ones do not."""

    def begin(self, name: str) -> asyncio.Future[str]:
        """The checksum of this function's code; empty when it cannot be told. See
        `soon`: others may wait for the same one, so it must not be cancelled."""
        pool = self._front.supervisor.pools[name]
        key = (pool.spec.code_dir, pool.counts["created"])
        found = self._found.get(name)
        if found and found[0] == key:
            return found[1]
        future = asyncio.ensure_future(self._find(name, key))
        self._found[name] = key, future
        return future

    async def soon(self, checksum: "asyncio.Future[str]") -> str:
        """What `begin` gave, if it is found in time; else empty."""
        if not checksum.done() and checksum not in self._late:
            await asyncio.wait((checksum,), timeout=_PATIENCE_S)
            if not checksum.done():
                self._late.add(checksum)
                checksum.add_done_callback(self._late.discard)
        return checksum.result() if checksum.done() else ""

    async def _find(self, name: str, key: _Key) -> str:
        found = await self._ask(name, is_quick=True)
        if not found:
            search = asyncio.ensure_future(self._find_slowly(name, key))
            self._searches.add(search)
            search.add_done_callback(self._searches.discard)
        return found

    async def _find_slowly(self, name: str, key: _Key) -> None:
        found = await self._ask(name, is_quick=False)
        if self._found[name][0] == key:
            future = self._found[name][1].get_loop().create_future()
            future.set_result(found)
            self._found[name] = key, future

    async def _ask(self, name: str, is_quick: bool) -> str:
        if self._front.checksum_of is None:
            return ""
        try:
            return await self._front.checksum_of(name, is_quick)
        except Refused:  # it cannot be read, which is no reason not to answer
            return ""
