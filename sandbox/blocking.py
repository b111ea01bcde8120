"""The synchronous API: the same engine in a loop of its own on a thread of its own.

    with Sandbox.from_config("s.yaml") as box:
        result = box.invoke("hello", b"{}")

Every method may be called from any thread. The thread lives as long as the box: the kernel ties
a worker's end to the thread that started its zygote (PR_SET_PDEATHSIG).
"""

import queue
import signal as signals
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from sandbox.base import SandboxBase
from sandbox.core.effects import Request
from sandbox.core.outcome import Outcome
from sandbox.engine.host import LifecycleEvent
from sandbox.engine.loop import PollLoop
from sandbox.engine.supervisor import (
    EventTooLarge,
    InstanceRecord,
    Supervisor,
    UnknownFunction,
)
from sandbox.errors import FcboxError, NotFound, SandboxClosed
from sandbox.result import InvokeResult

__all__ = ["EventStream", "Sandbox"]

T = TypeVar("T")


class EventStream:
    """The lifecycle events since it was made. Iterate over it, or take what is there."""

    def __init__(self, close: "Callable[[EventStream], None]") -> None:
        self._queue: queue.SimpleQueue[LifecycleEvent | None] = queue.SimpleQueue()
        self._close = close

    def __iter__(self) -> Iterator[LifecycleEvent]:
        """Waits for events until the stream, or the box, is closed."""
        while (event := self._queue.get()) is not None:
            yield event

    def take(self) -> list[LifecycleEvent]:
        """What has come since the last time; does not wait."""
        taken = []
        while not self._queue.empty():
            event = self._queue.get()
            if event is not None:
                taken.append(event)
        return taken

    def put(self, event: LifecycleEvent | None) -> None:
        """For the box: one more event; None ends the stream."""
        self._queue.put(event)

    def close(self) -> None:
        """Ends the stream. Does nothing when it, or the box, has ended."""
        self._close(self)


class Sandbox(SandboxBase):
    """Functions, ready to be invoked. Open it with `with`, or `open` and `close`."""

    def _prepare(self) -> None:
        self._loop = PollLoop()
        self._thread: threading.Thread | None = None
        self._streams: list[EventStream] = []
        self._is_over = False
        self._awaited: set[Future[Any]] = set()
        self._gate = threading.Lock()
        """Held while a call is given to the loop: none may come after the last one, `_drain`."""

    def open(self) -> "Sandbox":
        """Starts the thread, zygotes, minimum instances and spares."""
        self._claim()
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="fcbox")
        self._thread.daemon = True
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            self._loop.close()
            raise
        return self

    def close(self) -> None:
        """Ends everything in good order: running requests finish, PreStop runs."""
        with self._gate:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._loop.call_soon_threadsafe(self._drain)
        thread.join()
        self._box = None
        for stream in self._streams:
            stream.put(None)
        self._loop.close()

    def __enter__(self) -> "Sandbox":
        return self.open()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def invoke(self, function: str, event: bytes = b"") -> InvokeResult:
        """Invokes a function and gives its outcome; a function's failure is no exception.

        Raises NotFound, and ValueError for an event of more than 32 MB.
        """
        return self.submit(function, event).result()

    def submit(self, function: str, event: bytes = b"") -> "Future[InvokeResult]":
        """As `invoke`, without waiting."""
        future: Future[InvokeResult] = Future()
        future.set_running_or_notify_cancel()
        self._await(future)

        def reply(request: Request, outcome: Outcome) -> None:
            future.set_result(InvokeResult(request, outcome))

        def begin() -> None:
            try:
                self._supervisor().invoke(function, event, reply)
            except UnknownFunction:
                future.set_exception(NotFound(f"function {function!r} does not exist"))
            except (EventTooLarge, TypeError) as exc:
                future.set_exception(exc)

        self._soon(begin)
        return future

    def instances(self) -> list[InstanceRecord]:
        """A snapshot of every instance that is not DEAD."""
        return self._call(lambda supervisor: supervisor.instances())

    def kill(self, instance: str | InstanceRecord, signal: int = signals.SIGKILL) -> None:
        """Sends a signal to an instance's worker, to see what happens. Raises NotFound."""
        instance_id = instance if isinstance(instance, str) else instance.id

        def send(supervisor: Supervisor) -> None:
            shell = supervisor.find(instance_id)
            if shell is None:
                raise NotFound(f"no single instance {instance_id!r}")
            shell.signal(signal)

        self._call(send)

    def recycle(self, function: str) -> None:
        """Replaces a function's instances: each finishes its request and runs its PreStop."""

        def recycle(supervisor: Supervisor) -> None:
            try:
                supervisor.recycle(function)
            except UnknownFunction:
                raise NotFound(f"function {function!r} does not exist") from None

        self._call(recycle)

    def events(self) -> EventStream:
        """The lifecycle event stream from now on."""

        def listen(supervisor: Supervisor) -> EventStream:
            listeners = supervisor.host.listeners

            stream = EventStream(self._forget)
            listeners.append(stream.put)
            self._streams.append(stream)
            return stream

        return self._call(listen)

    def statistics(self) -> dict[str, object]:
        """Counters since the start, and what is there now."""
        return self._call(lambda supervisor: supervisor.statistics())

    def _forget(self, stream: EventStream) -> None:
        def forget() -> None:
            if stream in self._streams:
                self._streams.remove(stream)
                self._supervisor().host.listeners.remove(stream.put)
                stream.put(None)

        try:
            self._soon(forget)
        except SandboxClosed:
            pass  # the box has ended its streams

    def _call(self, function: Callable[[Supervisor], T]) -> T:
        """Runs `function` on the loop's thread; gives what it gives, raises what it raises."""
        future: Future[T] = Future()
        self._await(future)

        def run() -> None:
            try:
                future.set_result(function(self._supervisor()))
            except Exception as exc:
                future.set_exception(exc)

        self._soon(run)
        return future.result()

    def _soon(self, callback: Callable[[], Any]) -> None:
        with self._gate:
            if self._thread is None:
                raise SandboxClosed("the sandbox is not open")
            self._loop.call_soon_threadsafe(callback)

    def _supervisor(self) -> Supervisor:
        assert self._box is not None
        return self._box.supervisor

    def _run(self, started: "Future[None]") -> None:
        try:
            self._box = self._open_box(self._loop)
            self._box.supervisor.start()
        except BaseException as exc:
            started.set_exception(exc)
            return
        started.set_result(None)
        try:
            self._loop.run_until(lambda: self._is_over)
        except BaseException as exc:
            self._fail(exc)

    def _await(self, future: "Future[Any]") -> None:
        self._awaited.add(future)
        future.add_done_callback(self._awaited.discard)

    def _fail(self, exc: BaseException) -> None:
        """A bug of ours ended the loop: nobody may wait for it for ever."""
        with self._gate:
            self._thread = None
        for shell in self._supervisor().shells():
            shell.signal(signals.SIGKILL)
        for future in list(self._awaited):
            if not future.done():
                future.set_exception(FcboxError(f"fcbox itself failed: {exc!r}"))
        raise exc

    def _drain(self) -> None:
        assert self._box is not None
        self._box.drain(self._drained)

    def _drained(self) -> None:
        self._is_over = True
