"""The back-off of instances that fcbox starts by itself."""

from sandbox.core.backoff import Backoff


def delays(count: int) -> list[float]:
    """The delay before each attempt of a row that never succeeds."""
    backoff = Backoff()
    found = []
    for _ in range(count):
        found.append(backoff.delay_s)
        backoff.failed()
    return found


def test_delays() -> None:
    """At once, at once again, then 0.5 s doubling to a minute."""
    assert delays(12) == [0, 0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_stays_finite() -> None:
    """A soak of days does not overflow the exponent."""
    backoff = Backoff()
    backoff.failures = 10**9

    assert backoff.delay_s == 60


def test_success_starts_anew() -> None:
    """One success forgets the row."""
    backoff = Backoff()
    for _ in range(5):
        backoff.failed()
    backoff.succeeded()

    assert (backoff.failures, backoff.delay_s) == (0, 0)


def test_description() -> None:
    """One line that a person understands."""
    backoff = Backoff()
    for _ in range(3):
        backoff.failed()

    expected = "an instance failed to start 3 times in a row; next attempt in 1 s"
    assert backoff.describe() == expected
