"""`fcbox run` with events: start, invoke, print the answers, PreStop, exit.

Everything runs on the main thread in the small loop: this is the path that has to be fast.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence

from sandbox.cli import exits, talk
from sandbox.cli.answers import AnswerStream
from sandbox.cli.log_output import make_sinks, open_metrics_log, tell_events, tell_lost_log
from sandbox.cli.options import RunOptions
from sandbox.cli.stopping import stop_signals
from sandbox.cli.walls_output import watch_walls
from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine.box import Box
from sandbox.engine.launch import Launch
from sandbox.engine.loop import PollLoop

__all__ = ["exit_code", "run_events"]


def run_events(
    spec: FunctionSpec, settings: BoxSettings, options: RunOptions, launch: Launch
) -> int:
    """Invokes the function with each event; gives the exit code."""
    loop = PollLoop()
    try:
        sinks = make_sinks(loop, options.log_format, options.log_file, options.is_quiet, os.environ)
        metrics_log = open_metrics_log(loop, options.metrics_log)
    except OSError as exc:
        launch.abandon()
        return talk.cannot_start(exc)
    try:
        box = Box(loop, [spec], settings, sinks, os.environ, launch)
    except OSError as exc:
        return talk.cannot_start(exc)
    if options.verbosity:
        tell_events(box)
    watch_walls(box, settings, options.is_quiet or options.log_format != "console")
    if metrics_log:
        metrics_log.watch(box.supervisor)
    code = _OneShot(loop, box, spec.name, options).run()
    if metrics_log:
        metrics_log.close()
    return code


class _OneShot:
    """The run: at most `concurrency` requests at a time, answers printed in order of events.

    No request begins while the answers so far wait for their reader.
    """

    def __init__(self, loop: PollLoop, box: Box, function: str, options: RunOptions) -> None:
        self._loop = loop
        self._box = box
        self._function = function
        self._events = options.events or ()
        self._options = options
        self._out = AnswerStream(loop)
        self._next = 0
        self._running = 0
        self._is_held = False
        self._answers: dict[int, Outcome] = {}
        self._printed = 0
        self._code = 0
        self._signals: list[int] = []
        self._handled = 0
        self._is_draining = False
        self._is_over = False
        self._has_failed = False

    def run(self) -> int:
        """Everything; gives the exit code."""
        for signum in stop_signals():
            signal.signal(signum, self._note_signal)
        self._box.supervisor.start()
        if not self._options.is_quiet:
            self._loop.call_later(talk.PROGRESS_S, self._show_progress)
        self._invoke_more()
        self._loop.run_until(self._step)
        self._finish_answers()
        tell_lost_log(self._box)
        return signal_code(self._signals) or self._code

    def _note_signal(self, signum: int, frame: object) -> None:
        # Handlers only wake the loop, and `_step` acts; at the end there is no loop any more.
        self._signals.append(signum)
        if self._is_over and len(self._signals) > 1:
            self._out.hurry()
        self._loop.wake()

    def _finish_answers(self) -> None:
        if len(self._signals) > 1:
            self._out.hurry()
        self._out.close()
        self._check_answers()
        talk.lost(self._out.lost_bytes, "answers")

    def _step(self) -> bool:
        self._check_answers()
        if len(self._signals) > self._handled:
            self._handled = len(self._signals)
            self._drain()
            if self._handled > 1:
                self._box.supervisor.kill()
        if self._is_held and not self._out.is_congested:
            self._is_held = False
            self._invoke_more()
        return self._is_over

    def _invoke_more(self) -> None:
        while (
            self._next < len(self._events)
            and self._running < self._options.concurrency
            and not self._signals
        ):
            if self._out.is_congested:
                self._is_held = True
                return
            at, self._next = self._next, self._next + 1
            self._running += 1
            self._box.supervisor.invoke(self._function, self._events[at], self._replier(at))
        if self._running == 0:
            self._drain()

    def _replier(self, at: int) -> Callable[[Request, Outcome], None]:
        def reply(request: Request, outcome: Outcome) -> None:
            self._answers[at] = outcome
            self._running -= 1
            self._print_answers()
            # Not from inside the callback: a thousand events would be a thousand frames deep.
            self._loop.call_soon(self._invoke_more)

        return reply

    def _print_answers(self) -> None:
        while self._printed in self._answers:
            outcome = self._answers.pop(self._printed)
            self._printed += 1
            body = outcome.body
            self._print(body if body.endswith(b"\n") else body + b"\n")
            if outcome.cause is not Cause.OK:
                self._code = self._code or exit_code(outcome)

    def _print(self, data: bytes) -> None:
        self._box.hub.flush()  # the End line comes before the answer
        self._out.write(data)
        self._check_answers()

    def _check_answers(self) -> None:
        self._out.check()
        if self._out.has_failed and not self._has_failed:
            # Nobody reads any more: stop in good order, as for a signal.
            self._has_failed = True
            self._signals.append(signal.SIGPIPE)

    def _drain(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            self._box.drain(self._drained)

    def _drained(self) -> None:
        self._is_over = True

    def _show_progress(self) -> None:
        from sandbox.cli.progress import progress_lines  # a short run never comes here

        for line in progress_lines(self._box.supervisor, time.monotonic()):
            talk.say(line)
        self._loop.call_later(talk.PROGRESS_S, self._show_progress)


_CODES = {
    Cause.OK: 0,
    Cause.ERROR: exits.FUNCTION_FAILED,
    Cause.EXIT: exits.FUNCTION_FAILED,
    Cause.OOM: exits.FUNCTION_FAILED,
    Cause.CANCELLED: exits.FUNCTION_FAILED,
    Cause.TIMEOUT: exits.TIMED_OUT,
    Cause.NOT_CREATED: exits.NOT_CREATED,
}


def exit_code(outcome: Outcome) -> int:
    """The exit code that tells of this outcome; 128+n when the worker died of signal n."""
    if outcome.cause is Cause.SIGNAL:
        return exits.SIGNALLED + outcome.signum
    return _CODES[outcome.cause]


def signal_code(signals: Sequence[int]) -> int:
    """128+n of the first signal that asked us to stop; 0 without one."""
    return exits.SIGNALLED + signals[0] if signals else 0
