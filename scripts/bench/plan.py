"""What a row of the contract is made of: how much is measured, who measures, what is compared."""

import sys
from collections.abc import Callable
from typing import NamedTuple

from bench.peers import Peers
from bench.report import Round, Row

__all__ = ["Entry", "Plan", "Subject", "ratio"]


class Plan(NamedTuple):
    """How much is measured. `peers` is None when they are left out."""

    is_quick: bool
    rounds: int
    peers: Peers | None
    fcbox: list[str]
    scratch: str

    def size(self, full: int, quick: int) -> int:
        """Samples of one round."""
        return quick if self.is_quick else full


class Subject(NamedTuple):
    """One process that measures; `absent` is why it is not run."""

    module: str
    name: str
    parameters: dict[str, object]
    series: tuple[str, ...]
    python: str = sys.executable
    absent: str = ""


class Entry(NamedTuple):
    """A row and who is measured for it."""

    row: Row
    subjects: tuple[Subject, ...]


def ratio(over: str, under: str) -> Callable[[Round], float]:
    """For a check: the median of one series over that of another."""
    return lambda round: round.p50(over) / round.p50(under)
