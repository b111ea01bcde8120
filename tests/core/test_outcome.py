"""Outcomes, and the platform's own error texts byte by byte."""

import pytest

from sandbox.core.outcome import (
    Outcome,
    cancelled_text,
    describe_status,
    error_body,
    exited_text,
    timeout_text,
)

MEASURED_KB = 49 * 1024


def test_exited_text() -> None:
    """Whole milliseconds, memory with two decimals."""
    expected = (
        "Process exited unexpectedly before completing request "
        "(duration: 45ms, maxMemoryUsage: 49.00MB)"
    )
    assert exited_text(0.0459, MEASURED_KB) == expected


def test_exited_text_names_the_limit() -> None:
    """The one thing that tells running out of memory from other exits."""
    expected = (
        "Process exited unexpectedly before completing request "
        "(duration: 45ms, maxMemoryUsage: 131.20MB, memory limit: 128MB reached)"
    )
    assert exited_text(0.0459, 134349, 128) == expected


@pytest.mark.parametrize(("timeout_s", "shown"), [(30.0, "30"), (0.5, "0.5"), (86400, "86400")])
def test_timeout_text(timeout_s: float, shown: str) -> None:
    """Whole seconds without a point."""
    expected = f"Function timed out after {shown} seconds (maxMemoryUsage: 47.28MB)"

    assert timeout_text(timeout_s, 48415) == expected


def test_cancelled_text() -> None:
    """The words of the cloud when the caller went away."""
    expected = "Invocation canceled by client (duration: 4912ms, maxMemoryUsage: 0.00MB)"

    assert cancelled_text(4.912, 0) == expected


def test_error_body() -> None:
    """No errorType and no stackTrace: the platform speaks, not the runtime."""
    assert error_body('say "no"') == b'{"errorMessage":"say \\"no\\""}'


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0"), (3, "exit status 3"), (-9, "SIGKILL(-9)"), (-11, "SIGSEGV(-11)"),
     (-40, "signal 40"), (None, "exit status unknown")],
)  # fmt: skip
def test_status_in_words(status: int | None, words: str) -> None:
    """Signals have names where they have one."""
    assert describe_status(status) == words


def test_status_with_its_cause() -> None:
    """Who reads of a SIGKILL wants to know whose it was."""
    assert describe_status(-9, 128) == "SIGKILL(-9), memory limit 128 MB reached"


@pytest.mark.parametrize(("duration_s", "billed"), [(0, 0), (0.0181, 19), (0.019, 19), (1, 1000)])
def test_billed_duration_is_rounded_up(duration_s: float, billed: int) -> None:
    """Whole milliseconds, never fewer than it took."""
    assert Outcome(b"", duration_s=duration_s).billed_ms == billed
