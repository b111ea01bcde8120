"""The asynchronous API: the engine in the caller's own asyncio (or uvloop) loop.

    async with AsyncSandbox.from_config("s.yaml") as box:
        result = await box.invoke("hello", b"{}")

No thread and no hop: what `await` waits for is a callback of the same loop.
"""

import asyncio
import signal as signals
from collections.abc import AsyncIterator, Callable

from sandbox.base import SandboxBase
from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.engine.host import LifecycleEvent
from sandbox.engine.instances import InstanceShell
from sandbox.engine.supervisor import InstanceRecord, Supervisor, UnknownFunction
from sandbox.errors import NotFound, SandboxClosed
from sandbox.result import InvokeResult

__all__ = ["AsyncEventStream", "AsyncSandbox"]


class AsyncEventStream:
    """The lifecycle events since it was made: `async for`, until it or the box is closed."""

    def __init__(self, listeners: list[Callable[[LifecycleEvent], None]]) -> None:
        self._queue: asyncio.Queue[LifecycleEvent | None] = asyncio.Queue()
        self._listeners = listeners
        listeners.append(self._queue.put_nowait)

    def __aiter__(self) -> AsyncIterator[LifecycleEvent]:
        return self

    async def __anext__(self) -> LifecycleEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # it stays at its end
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Ends the stream. Does nothing when it has ended."""
        if self._queue.put_nowait in self._listeners:
            self._listeners.remove(self._queue.put_nowait)
            self._queue.put_nowait(None)


class AsyncSandbox(SandboxBase):
    """Functions, ready to be invoked. Open it with `async with`, or `open` and `close`."""

    def _prepare(self) -> None:
        self._streams: list[AsyncEventStream] = []

    async def open(self) -> "AsyncSandbox":
        """Starts zygotes, minimum instances and spares."""
        self._claim()
        self._box = self._open_box(asyncio.get_running_loop())
        self._box.supervisor.start()
        return self

    async def close(self) -> None:
        """Ends everything in good order: running requests finish, PreStop runs."""
        box, self._box = self._box, None
        if box:
            ended = asyncio.Event()
            box.drain(ended.set)
            await ended.wait()  # cancelled, it comes to its end all the same
            while self._streams:
                self._streams.pop().close()

    async def __aenter__(self) -> "AsyncSandbox":
        return await self.open()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def invoke(self, function: str, event: bytes = b"") -> InvokeResult:
        """Invokes a function and gives its outcome; a function's failure is no exception.

        Cancelling the await tells the box that the caller went away. Raises NotFound,
        and ValueError for an event of more than 32 MB.
        """
        supervisor = self._supervisor
        future: asyncio.Future[InvokeResult] = asyncio.get_running_loop().create_future()

        def reply(request: Request, outcome: Outcome) -> None:
            if not future.done():
                future.set_result(InvokeResult(request, outcome))

        try:
            request = supervisor.invoke(function, event, reply)
        except UnknownFunction:
            raise NotFound(f"function {function!r} does not exist") from None
        try:
            return await future
        except asyncio.CancelledError:
            if not future.done() or future.cancelled():
                supervisor.cancel(function, request)
            raise

    def instances(self) -> list[InstanceRecord]:
        """A snapshot of every instance that is not DEAD."""
        return self._supervisor.instances()

    def kill(self, instance: str | InstanceRecord, signal: int = signals.SIGKILL) -> None:
        """Sends a signal to an instance's worker, to see what happens. Raises NotFound."""
        self._find(instance).signal(signal)

    def recycle(self, function: str) -> None:
        """Replaces a function's instances: each finishes its request and runs its PreStop."""
        try:
            self._supervisor.recycle(function)
        except UnknownFunction:
            raise NotFound(f"function {function!r} does not exist") from None

    def statistics(self) -> dict[str, object]:
        """Counters since the start, and what is there now."""
        return self._supervisor.statistics()

    def events(self) -> AsyncEventStream:
        """The lifecycle event stream from now on."""
        stream = AsyncEventStream(self._supervisor.host.listeners)
        self._streams.append(stream)
        return stream

    @property
    def supervisor(self) -> Supervisor:
        """The callback API underneath. Raises SandboxClosed."""
        return self._supervisor

    @property
    def _supervisor(self) -> Supervisor:
        if self._box is None:
            raise SandboxClosed("the sandbox is not open")
        return self._box.supervisor

    def _find(self, instance: str | InstanceRecord) -> InstanceShell:
        instance_id = instance if isinstance(instance, str) else instance.id
        shell = self._supervisor.find(instance_id)
        if shell is None:
            raise NotFound(f"no single instance {instance_id!r}")
        return shell
