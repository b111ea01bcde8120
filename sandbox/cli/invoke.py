"""`fcbox invoke`: on the running supervisor of this configuration, else one-shot."""

import base64
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sandbox.cli import exits, talk
from sandbox.cli.oneshot import exit_code
from sandbox.cli.options import RunOptions
from sandbox.cli.remote import RemoteAnswer, SupervisorGone, find_supervisor, invoke_remote
from sandbox.cli.run import choose_function, load_config, run
from sandbox.core.outcome import Cause, Outcome

__all__ = ["invoke"]


def invoke(options: RunOptions) -> int:
    """Gives the exit code: that of the first event that failed."""
    config = load_config(options)
    if isinstance(config, int):
        return config
    record = find_supervisor(config.path, os.environ)
    if record is None:
        return run(options)
    spec = choose_function(config)
    if spec is None:
        return exits.USAGE
    ask = partial(invoke_remote, record, spec.name, wants_log=not options.is_quiet)
    with ThreadPoolExecutor(options.concurrency) as threads:
        try:
            return _print_answers(threads.map(ask, options.events or ()))
        except SupervisorGone as gone:
            talk.error(str(gone), "see what it said; start it again with fcbox run")
            return exits.UNAVAILABLE


def _print_answers(answers: Iterator[RemoteAnswer]) -> int:
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
