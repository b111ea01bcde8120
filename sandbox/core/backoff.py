"""How long to wait before starting again what keeps failing, in words a person can follow."""

__all__ = ["Backoff"]


class Backoff:
    """Counts failures in a row. The first retry is at once, then 0.5 s, doubling up to 60 s.

    It slows down only what fcbox starts by itself (minimum instances). A caller that asks is
    answered at once, as in the cloud: each invocation makes its own attempt.
    """

    FIRST_S = 0.5
    LONGEST_S = 60.0

    def __init__(self) -> None:
        self.failures = 0
        self._reason = ""

    def failed(self, reason: str = "") -> None:
        """One more in a row."""
        self.failures += 1
        self._reason = reason

    def succeeded(self) -> None:
        """Start counting anew."""
        self.failures = 0

    @property
    def delay_s(self) -> float:
        """The wait before the next attempt."""
        if self.failures < 2:
            return 0.0
        # The exponent is bounded: a float overflows long before a soak test of days ends.
        return min(self.LONGEST_S, self.FIRST_S * 2.0 ** min(self.failures - 2, 10))

    def describe(self) -> str:
        """One line for the person who watches."""
        times = f"{self.failures} times in a row"
        reason = f" ({self._reason})" if self._reason else ""
        return f"an instance failed to start {times}{reason}; next attempt in {self.delay_s:g} s"
