"""Exit codes, as documented in the README. 66, 69, 70 and 78 are those of sysexits.h."""

from sandbox.core.outcome import Cause, Outcome

__all__ = [
    "CONFIG_INVALID",
    "CONFIG_MISSING",
    "FUNCTION_FAILED",
    "INTERNAL",
    "NOT_CREATED",
    "TIMED_OUT",
    "UNAVAILABLE",
    "USAGE",
    "exit_code",
]

FUNCTION_FAILED = 1
USAGE = 2
CONFIG_MISSING = 66
UNAVAILABLE = 69
INTERNAL = 70
CONFIG_INVALID = 78
TIMED_OUT = 124
NOT_CREATED = 125
SIGNALLED = 128

_CODES = {
    Cause.OK: 0,
    Cause.ERROR: FUNCTION_FAILED,
    Cause.EXIT: FUNCTION_FAILED,
    Cause.CANCELLED: FUNCTION_FAILED,
    Cause.TIMEOUT: TIMED_OUT,
    Cause.NOT_CREATED: NOT_CREATED,
}


def exit_code(outcome: Outcome) -> int:
    """The exit code that tells of this outcome; 128+n when the worker died of signal n."""
    if outcome.cause is Cause.SIGNAL:
        return SIGNALLED + outcome.signum
    return _CODES[outcome.cause]
