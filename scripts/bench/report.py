"""Rounds of samples in, medians, ratios and verdicts out; the table for people, JSON for machines.

A ratio is taken within each round, where both sides met the same noise, and its median over the
rounds is what the bound is compared with.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

__all__ = [
    "MISSED", "OK", "SKIPPED", "VERDICTS", "Check", "Line", "Missing", "Results", "Round", "Row",
    "Verdict", "quantile", "render", "to_json",
]  # fmt: skip

VERDICTS = OK, MISSED, SKIPPED = ("ok", "missed", "skipped")
_DIGITS = 3
_SCALE = {"us": 1e6, "ms": 1e3}
"""Series of times are kept in seconds."""


class Missing(LookupError):
    """A series has no samples; the text says why."""


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that `share` of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Round:
    """The samples of one round (or of all of them together), by series."""

    def __init__(self, series: dict[str, list[float]], notes: dict[str, str]) -> None:
        self._series = series
        self._notes = notes

    def samples(self, name: str) -> list[float]:
        """Raises Missing."""
        samples = self._series.get(name)
        if not samples:
            raise Missing(self._notes.get(name) or f"no samples of {name}")
        return samples

    def p50(self, name: str) -> float:
        """Raises Missing."""
        return statistics.median(self.samples(name))

    def p99(self, name: str) -> float:
        """Raises Missing."""
        return quantile(self.samples(name), 0.99)

    def best(self, names: Iterable[str]) -> float:
        """The smallest median of those that were measured. Raises Missing when none was."""
        medians = [self.p50(name) for name in names if self._series.get(name)]
        if not medians:
            raise Missing("none of the peers was measured")
        return min(medians)


class Line(NamedTuple):
    """A series as the table shows it. `has_tail`: its p99 says something."""

    series: str
    label: str
    unit: str
    has_tail: bool = True


class Check(NamedTuple):
    """One bound of the contract. `value` gets a round, or all at once when `is_pooled`."""

    id: str
    text: str
    value: Callable[[Round], float]
    bound: float
    is_floor: bool = False
    unit: str = "x"
    aim: float | None = None
    is_pooled: bool = False

    @property
    def bound_text(self) -> str:
        """The bound in words."""
        words = f"at {'least' if self.is_floor else 'most'} {self.bound:g}{_unit(self.unit)}"
        return words if self.aim is None else f"{words} (aim {self.aim:g})"


class Verdict(NamedTuple):
    """What became of a check; `value` is None when it was skipped, and `note` says why."""

    check: Check
    value: float | None
    verdict: str
    note: str = ""


class Row(NamedTuple):
    """A group of subjects that are compared, and the bounds on them."""

    name: str
    title: str
    lines: tuple[Line, ...]
    checks: tuple[Check, ...]


class Results:
    """All samples of one row."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._rounds: list[dict[str, list[float]]] = []
        self._notes: dict[str, str] = {}

    def add_round(self, series: dict[str, list[float]]) -> None:
        """One more round."""
        self._rounds.append(series)

    def add_note(self, name: str, text: str) -> None:
        """Why a series has no samples."""
        self._notes.setdefault(name, text)

    def median(self, name: str) -> float | None:
        """The median of the rounds' medians; None when there is none."""
        return self._over_rounds(name, Round.p50)

    def p99(self, name: str) -> float | None:
        """The median of the rounds' 99th percentiles; None when there is none."""
        return self._over_rounds(name, Round.p99)

    def note(self, name: str) -> str:
        """Why a series has no samples; empty when it has."""
        return "" if self.median(name) is not None else self._notes.get(name, "not measured")

    def medians(self, name: str) -> list[float]:
        """The median of each round."""
        return [statistics.median(series[name]) for series in self._rounds if series.get(name)]

    def verdicts(self) -> list[Verdict]:
        """One for each check of the row."""
        return [self._judge(check) for check in self.row.checks]

    def _over_rounds(self, name: str, of: Callable[[Round, str], float]) -> float | None:
        values = [of(round, name) for round in self._views() if round._series.get(name)]
        return statistics.median(values) if values else None

    def _views(self) -> list[Round]:
        return [Round(series, self._notes) for series in self._rounds]

    def _pooled(self) -> Round:
        pooled: dict[str, list[float]] = {}
        for series in self._rounds:
            for name, samples in series.items():
                pooled.setdefault(name, []).extend(samples)
        return Round(pooled, self._notes)

    def _judge(self, check: Check) -> Verdict:
        values, note = [], "no round was measured"
        for round in [self._pooled()] if check.is_pooled else self._views():
            try:
                values.append(check.value(round))
            except Missing as exc:
                note = str(exc)
        if not values:
            return Verdict(check, None, SKIPPED, note)
        value = statistics.median(values)
        is_kept = value >= check.bound if check.is_floor else value <= check.bound
        return Verdict(check, value, OK if is_kept else MISSED)


def render(results: Iterable[Results]) -> str:
    """The table for people."""
    return "\n\n".join(_render_row(row) for row in results)


def to_json(results: Iterable[Results]) -> list[dict[str, object]]:
    """Every row with its measurements and its checks."""
    return [_row_to_json(row) for row in results]


def _render_row(results: Results) -> str:
    out = [results.row.title, f"  {'':52}{'p50':>12}{'p99':>12}"]
    for line in results.row.lines:
        note = results.note(line.series)
        tail = _measured(results.p99(line.series), line.unit) if line.has_tail else ""
        value = _measured(results.median(line.series), line.unit)
        out.append(f"  {line.label:52}" + (f"    {note}" if note else f"{value:>12}{tail:>12}"))
    for verdict in results.verdicts():
        check = verdict.check
        value = _number(verdict.value, check.unit)
        mark = verdict.verdict if verdict.verdict != MISSED else "MISSED"
        rest = verdict.note if verdict.value is None else check.bound_text
        out.append(f"  {mark:8}{check.text:44}{value:>12}    {rest}")
    return "\n".join(out)


def _row_to_json(results: Results) -> dict[str, object]:
    row = results.row
    measurements = [
        {
            "series": line.series,
            "label": line.label,
            "unit": line.unit,
            "p50": _scaled(results.median(line.series), line.unit),
            "p99": _scaled(results.p99(line.series), line.unit) if line.has_tail else None,
            "rounds": [_scaled(median, line.unit) for median in results.medians(line.series)],
            "note": results.note(line.series),
        }
        for line in row.lines
    ]
    checks = [
        {
            "id": verdict.check.id,
            "text": verdict.check.text,
            "value": verdict.value,
            "unit": verdict.check.unit,
            "bound": verdict.check.bound,
            "sense": "at least" if verdict.check.is_floor else "at most",
            "aim": verdict.check.aim,
            "verdict": verdict.verdict,
            "note": verdict.note,
        }
        for verdict in results.verdicts()
    ]
    return {"row": row.name, "title": row.title, "measurements": measurements, "checks": checks}


def _measured(value: float | None, unit: str) -> str:
    return _number(_scaled(value, unit), unit)


def _scaled(value: float | None, unit: str) -> float | None:
    return value and value * _SCALE.get(unit, 1)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(digits, 2 if unit == 'x' else _DIGITS)}f}{_unit(unit)}"


def _unit(unit: str) -> str:
    return "" if not unit or unit == "x" else f" {unit}"
