"""Functions that run for an HTTP request: the body in, the outcome out, no more than the limits."""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.engine.supervisor import Supervisor
from sandbox.http.caller import CALLER, Caller
from sandbox.http.limits import Limits
from sandbox.http.refusals import Refused

__all__ = ["Invocations"]

MakeEvent = Callable[[bytes], bytes]


class Invocations:
    """Runs functions for HTTP requests, and counts what is in progress."""

    def __init__(self, supervisor: Supervisor, limits: Limits) -> None:
        self._supervisor = supervisor
        self._limits = limits
        self._requests = 0
        self._running: dict[str, int] = {}
        """How many of them are of which function."""
        self._events_bytes = 0

    async def run(
        self,
        http: HttpRequest,
        name: str,
        make_event: MakeEvent,
        *,
        is_http: bool = False,
        request_id: str = "",
    ) -> tuple[Request, Outcome]:
        """Reads the body, makes the event of it, runs the function, and waits for its outcome.

        A caller that goes away cancels it. Raises ClientDisconnect when it went away before the
        function was asked, and Refused for what is too much.
        """
        self._enter(name)
        held = _Held()
        try:
            body = await self.read_body(http, held, self._limits.event_bytes)
            return await self._run(name, make_event(body), http.scope[CALLER], is_http, request_id)
        finally:
            self._leave(name)
            self._events_bytes -= held.bytes

    async def read(self, http: HttpRequest, limit: int) -> bytes:
        """The body of a request for which nothing runs now. Raises as `run`."""
        held = _Held()
        try:
            return await self.read_body(http, held, limit)
        finally:
            self._events_bytes -= held.bytes

    async def read_body(self, http: HttpRequest, held: "_Held", limit: int) -> bytes:
        """The body, of so many bytes at most."""
        # A refusal comes at once, in the middle of the body. The server goes on reading and
        # discarding the rest, so that a client which only reads when it has sent it all does
        # not find a broken connection instead of the answer.
        declared = http.headers.get("content-length", "")
        if declared.isdecimal():
            self._check_body(int(declared), 0, limit)
        chunks = []
        is_more = True
        while is_more:
            message = await http.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            is_more, chunk = message.get("more_body", False), message.get("body", b"")
            self._check_body(held.bytes + len(chunk), len(chunk), limit)
            held.bytes += len(chunk)
            self._events_bytes += len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)

    def _enter(self, name: str) -> None:
        """One request more. Raises Refused when there are enough."""
        if self._requests >= self._limits.requests:
            text = f"{self._requests} requests are in progress, more are not taken"
            raise Refused(429, "ResourceExhausted", text)
        running = self._running.get(name, 0)
        pool = self._supervisor.pools.get(name)
        reserved = pool.spec.reserved_concurrency if pool else 0
        if reserved and running >= reserved:
            text = f"the function '{name}' has a reserved concurrency of {reserved}"
            raise Refused(429, "ResourceExhausted", f"{text}, and as many requests are in progress")
        self._requests += 1
        self._running[name] = running + 1

    def _leave(self, name: str) -> None:
        self._requests -= 1
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]

    def _check_body(self, size: int, more: int, limit: int) -> None:
        if size > limit:
            text = f"payload size exceeds maximum allowed size ({limit} bytes)"
            raise Refused(413, "EntityTooLarge", text)
        if self._events_bytes + more > self._limits.events_bytes:
            text = f"the events in progress have {self._events_bytes} bytes, more are not taken"
            raise Refused(429, "ResourceExhausted", text)

    async def _run(
        self, name: str, event: bytes, caller: Caller, is_http: bool, request_id: str
    ) -> tuple[Request, Outcome]:
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def reply(request: Request, outcome: Outcome) -> None:
            if not answered.cancelled():
                answered.set_result(outcome)

        def cancel() -> None:
            if not answered.done():
                self._supervisor.cancel(name, request)

        request = self._supervisor.invoke(
            name, event, reply, is_http=is_http, request_id=request_id
        )
        caller.when_gone(cancel)
        try:
            return request, await answered
        except asyncio.CancelledError:
            self._supervisor.cancel(name, request)
            raise


class _Held:
    """What one request holds of `Limits.events_bytes`, to be given back however it ends."""

    bytes = 0
