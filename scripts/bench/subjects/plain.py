"""What Python and the kernel can do without fcbox: the other side of the ratios."""

import multiprocessing
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from bench.functions.lines import CHUNK_BYTES, write_chunks
from bench.subjects.common import EVENT, Series, main, time_calls

_BUFFER_BYTES = 1 << 20
_READ_BYTES = 64 << 10
_FORK = multiprocessing.get_context("fork")


def echo(event: bytes) -> bytes:
    """The function of all the pools."""
    return event


def die(event: bytes) -> None:
    """The one that crashes."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def forked(body: Callable[[], None]) -> Iterator[int]:
    """A child that runs `body`; it is waited for at the end."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
        finally:
            os._exit(0)
    try:
        yield pid
    finally:
        os.waitpid(pid, 0)


def pipe(calls: int) -> Series:
    """A blocking round trip over two pipes."""
    there_read, there_write = os.pipe()
    back_read, back_write = os.pipe()

    def answer() -> None:
        os.close(there_write)
        while data := os.read(there_read, _READ_BYTES):
            os.write(back_write, data)

    def call() -> None:
        os.write(there_write, EVENT)
        os.read(back_read, _READ_BYTES)

    with forked(answer):
        samples = time_calls(call, calls)
        os.close(there_write)
    return {"pipe": samples}


def socketpair(calls: int, mb: int = 1) -> Series:
    """A round trip of large bodies over a socket pair: sendall and recv_into, all of it in C."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    body = memoryview(bytearray(b"e" * (mb << 20)))

    def receive(end: socket.socket, into: memoryview) -> bool:
        at = 0
        while at < len(into):
            size = end.recv_into(into[at:])
            if not size:
                return False
            at += size
        return True

    def answer() -> None:
        ours.close()
        into = memoryview(bytearray(len(body)))
        while receive(theirs, into):
            theirs.sendall(into)

    into = memoryview(bytearray(len(body)))

    def call() -> None:
        ours.sendall(body)
        receive(ours, into)

    with forked(answer):
        samples = time_calls(call, calls)
        ours.close()
    return {f"socketpair {mb} MB": samples}


def executor(calls: int) -> Series:
    with ProcessPoolExecutor(1, mp_context=_FORK) as pool:
        return {"executor": time_calls(lambda: pool.submit(echo, EVENT).result(), calls)}


def pool(calls: int) -> Series:
    with _FORK.Pool(1) as pool:
        return {"pool": time_calls(lambda: pool.apply(echo, (EVENT,)), calls)}


def pool_throughput(workers: int, calls: int) -> Series:
    """Requests a second, all of them outstanding at once; each has an answer of its own."""
    with _FORK.Pool(workers) as pool:
        pool.map(echo, [EVENT] * workers * 4)
        began_s = time.perf_counter()
        for answer in [pool.apply_async(echo, (EVENT,)) for _ in range(calls)]:
            answer.get()
        rate = calls / (time.perf_counter() - began_s)
        began_s = time.perf_counter()
        for _ in pool.imap_unordered(echo, [EVENT] * calls):
            pass
        streamed = calls / (time.perf_counter() - began_s)
    return {f"pool x{workers}": [rate], f"pool imap x{workers}": [streamed]}


def executor_crash(count: int) -> Series:
    """A worker is killed in its call: until the caller is told, until the next good answer."""
    told, answered = [], []
    for _ in range(count):
        pool = ProcessPoolExecutor(1, mp_context=_FORK)
        pool.submit(echo, EVENT).result()
        began_s = time.perf_counter()
        try:
            pool.submit(die, EVENT).result()
        except BrokenProcessPool:
            told.append(time.perf_counter() - began_s)
        pool.shutdown(wait=False)
        pool = ProcessPoolExecutor(1, mp_context=_FORK)
        pool.submit(echo, EVENT).result()
        answered.append(time.perf_counter() - began_s)
        pool.shutdown()
    return {"executor told": told, "executor answered": answered}


def lines_loop(writers: int, mb: int) -> Series:
    """Tags the lines of several pipes one by one, as one would write it first."""
    chunks = (mb << 20) // CHUNK_BYTES
    null = os.open(os.devnull, os.O_WRONLY)
    poll, prefixes, held, pids = select.epoll(), {}, {}, []
    for number in range(writers):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(_wait_start(), 1)
            write_chunks(write, chunks)
            os._exit(0)
        os.close(write)
        pids.append(pid)
        poll.register(read, select.EPOLLIN | select.EPOLLHUP)
        prefixes[read] = f"function instance-{number} request-{number} ".encode()
        held[read] = b""
    began_s, taken = time.perf_counter(), 0
    os.write(_START[1], b"g" * writers)
    while held:
        for fd, _ in poll.poll():
            data = os.read(fd, _READ_BYTES)
            if not data:
                poll.unregister(fd)
                os.close(fd)
                del held[fd]
                continue
            taken += len(data)
            lines = (held[fd] + data).split(b"\n")
            held[fd] = lines.pop()
            prefix = prefixes[fd]
            tagged = []
            for line in lines:
                tagged.append(prefix + line + b"\n")
            os.write(null, b"".join(tagged))
    rate = taken / (time.perf_counter() - began_s) / 1e6
    for pid in pids:
        os.waitpid(pid, 0)
    return {"loop": [rate]}


_START = os.pipe()


def _wait_start() -> int:
    return _START[0]


def command(series: str, argv: list[str], count: int, cwd: str = ".") -> Series:
    """The whole life of a command, from spawn to reaped. Raises when it fails."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    os.chdir(cwd)
    null = os.open(os.devnull, os.O_RDWR)
    complaints = os.memfd_create("stderr")
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, complaints, 2),
    ]
    samples = []
    for _ in range(count + 1):
        began_s = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        samples.append(time.perf_counter() - began_s)
        if status:
            said = os.pread(complaints, 1 << 16, 0).decode(errors="replace").split("\n")
            raise SystemExit(f"it failed: {' '.join(said[-2:]).strip()[:100]}")
    return {series: samples[1:]}  # the first one warms the caches


SUBJECTS = {
    "pipe": pipe,
    "socketpair": socketpair,
    "executor": executor,
    "pool": pool,
    "pool_throughput": pool_throughput,
    "executor_crash": executor_crash,
    "lines_loop": lines_loop,
    "command": command,
}

if __name__ == "__main__":
    sys.exit(main(SUBJECTS))
