"""Kept connections, the load that they make, and who kills the workers."""

import argparse
import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from load.checks import Answer, Call

__all__ = ["PATIENCE_S", "Connection", "Killer", "Load", "instances"]

PATIENCE_S = 20.0
_LONGEST_CALL_S = 0.005


class Connection:
    """One that is kept; whatever arrives beyond an answer would be the next request's."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Raises OSError, EOFError (IncompleteReadError) or TimeoutError when it is lost."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        async with asyncio.timeout(PATIENCE_S):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in lines[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            answer = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(lines[0].split()[1]), headers, answer)

    async def surplus(self) -> bytes:
        """What comes beyond the answers, until the server has closed the connection too."""
        self._writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read(-1)


class Load:
    """All connections, and the calls that were made over them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.calls: list[Call] = []
        self._random = random.Random(f"{options.seed}-load")
        self._next_id = 0

    async def run(self, connections: Sequence[Connection], seconds: float) -> None:
        """Keeps every connection busy for so long."""
        end_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(self._keep_busy(connection, end_s))

    async def _keep_busy(self, connection: Connection, end_s: float) -> None:
        while time.monotonic() < end_s:
            if not await self.call(connection, self._random.uniform(0, _LONGEST_CALL_S)):
                return  # the connection is of no more use, and the call is on record as lost

    async def call(self, connection: Connection, sleep_s: float) -> bool:
        """One request; False when it was lost."""
        id, self._next_id = self._next_id, self._next_id + 1
        event = json.dumps({"id": id, "sleep_s": sleep_s}).encode()
        began_s = time.monotonic()
        answer, why = None, ""
        try:
            answer = await connection.ask("POST", "/2023-03-30/functions/f/invocations", event)
        except (OSError, EOFError, TimeoutError) as exc:
            why = f"{type(exc).__name__}: {exc}"
        self.calls.append(Call(id, answer, time.monotonic() - began_s, why))
        return answer is not None


class Killer:
    """Kills workers until it `is_over`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.kills: Counter[str] = Counter()
        self.is_over = False
        self._random = random.Random(f"{options.seed}-killer")
        self._mean_s = options.kill_every_ms / 1000

    async def run(self, connection: Connection) -> None:
        while not self.is_over:
            await asyncio.sleep(self._random.expovariate(1 / self._mean_s))
            victims = [record for record in await instances(connection) if record["pid"]]
            if victims:
                await self._kill(connection, self._random.choice(victims))

    async def _kill(self, connection: Connection, victim: Mapping[str, Any]) -> None:
        try:
            pidfd = os.pidfd_open(victim["pid"])
        except OSError:  # it has died meanwhile
            return
        try:
            # Only now is it sure that the number has not gone to another process.
            now = {record["id"]: record for record in await instances(connection)}
            record = now.get(victim["id"])
            if record and record["pid"] == victim["pid"]:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                self.kills[record["state"]] += 1
        except ProcessLookupError:
            pass
        finally:
            os.close(pidfd)


async def instances(connection: Connection) -> list[dict[str, Any]]:
    """As `fcbox ps` sees them."""
    answer = await connection.ask("GET", "/fcbox/instances")
    records: list[dict[str, Any]] = json.loads(answer.body)
    return records
