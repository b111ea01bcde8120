"""`fcbox invoke`: on the running supervisor of this configuration, else one-shot."""

import base64
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from sandbox.cli import exits, talk
from sandbox.cli.oneshot import exit_code
from sandbox.cli.options import RunOptions
from sandbox.cli.remote import RemoteAnswer, SupervisorGone, find_supervisor, invoke_remote
from sandbox.cli.run import choose_function, load_config, run_loaded
from sandbox.core.outcome import Cause, Outcome

__all__ = ["invoke", "print_answers"]

Ask = Callable[[bytes], RemoteAnswer]
Done = queue.SimpleQueue[tuple[int, RemoteAnswer | Exception]]


def invoke(options: RunOptions) -> int:
    """Gives the exit code: that of the first event that failed."""
    config = load_config(options)
    if isinstance(config, int):
        return config
    spec = choose_function(config)
    if spec is None:
        return exits.USAGE
    record = find_supervisor(config.path, os.environ, spec.name)
    if record is None:
        return run_loaded(config, options)
    _tell_ignored(options, record["pid"])
    ask = partial(invoke_remote, record, spec.name, wants_log=not options.is_quiet)
    tell = partial(_tell_waiting, record["pid"], spec.name, options.is_quiet)
    try:
        return print_answers(_in_order(ask, options.events or (), options.concurrency, tell))
    except SupervisorGone as gone:
        talk.error(str(gone), "see what it said; start it again with fcbox run")
        return exits.UNAVAILABLE
    except KeyboardInterrupt:
        # Our end closes the connections, and the supervisor cancels what it runs for them.
        return exits.SIGNALLED + signal.SIGINT


def _tell_ignored(options: RunOptions, pid: int) -> None:
    given = {
        "--log-format": options.log_format != "console",
        "--logger-layout": options.logger_layout is not None,
        "--log-file": options.log_file is not None,
        "--python": options.python is not None,
        "--env": options.env is not None,
        "--set": bool(options.values),
        "--isolation": options.isolation is not None,
        "--allow-degraded": options.allows_degraded,
    }
    ignored = ", ".join(name for name, is_given in given.items() if is_given)
    if ignored:
        talk.say(f"the running supervisor (pid {pid}) has its own settings, not: {ignored}")


def _tell_waiting(pid: int, function: str, is_quiet: bool, elapsed_s: float) -> None:
    if not is_quiet:
        talk.say(f"waiting for the supervisor (pid {pid}): function {function}, {elapsed_s:.0f} s")


def _in_order(
    ask: Ask, events: Iterable[bytes], concurrency: int, tell: Callable[[float], None]
) -> Iterator[RemoteAnswer]:
    """The answers in the order of the events; raises what asking raised.

    The threads are daemons, for they wait in the kernel as long as a function runs: whoever gives
    up, because of Ctrl-C or an error, does not wait for them.
    """
    todo: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    done: Done = queue.SimpleQueue()
    for item in enumerate(events):
        todo.put(item)
    count = todo.qsize()
    for _ in range(min(concurrency, count)):
        threading.Thread(target=_work, args=(ask, todo, done), daemon=True).start()
    early: dict[int, RemoteAnswer | Exception] = {}
    for wanted in range(count):
        while wanted not in early:
            at, answer = _next(done, tell)
            early[at] = answer
        answer = early.pop(wanted)
        if isinstance(answer, Exception):
            raise answer
        yield answer


def _next(done: Done, tell: Callable[[float], None]) -> tuple[int, RemoteAnswer | Exception]:
    began_s = time.monotonic()
    while True:
        try:
            return done.get(timeout=talk.PROGRESS_S)
        except queue.Empty:
            tell(time.monotonic() - began_s)


def _work(ask: Ask, todo: "queue.SimpleQueue[tuple[int, bytes]]", done: Done) -> None:
    while True:
        try:
            at, event = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((at, ask(event)))
        except Exception as exc:  # whatever it is, it is raised where the answer is waited for
            done.put((at, exc))


def print_answers(answers: Iterator[RemoteAnswer]) -> int:
    """Bodies to stdout, logs to stderr; gives the exit code."""
    code = 0
    for answer in answers:
        log = base64.b64decode(answer.headers.get("x-fc-log-result", ""))
        sys.stderr.buffer.write(log + b"\n" if log else b"")
        sys.stderr.flush()
        sys.stdout.buffer.write(answer.body + (b"" if answer.body.endswith(b"\n") else b"\n"))
        sys.stdout.buffer.flush()
        code = code or _code_of(answer)
    return code


def _code_of(answer: RemoteAnswer) -> int:
    if answer.status != 200:
        return exits.NOT_CREATED if answer.status == 503 else exits.FUNCTION_FAILED
    cause = Cause(answer.headers.get("x-fcbox-cause", Cause.OK.value))
    signum = int(answer.headers.get("x-fcbox-signal", "0"))
    return exit_code(Outcome(b"", cause, signum=signum))
