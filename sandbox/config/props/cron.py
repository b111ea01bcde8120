"""The form of a timer's cronExpression, as the cloud takes it.

    @every 5m                         hours, minutes and seconds, such as 1h30m
    0 0 4 1 * *                       seconds minutes hours day-of-month month day-of-week, UTC
    CRON_TZ=Asia/Shanghai 0 0 4 * * *

The vendor's pages disagree on the day of the week (0 to 6, or 1 to 7), so 0 to 7 is taken.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sandbox.config.messages.texts import Phrase, phrase

__all__ = ["CRON_PATTERN", "cron_problem"]

CRON_PATTERN = r"^\s*(@every\s+\S+|(CRON_TZ=\S+\s+)?\S+(\s+\S+){5})\s*$"
"""The rough form, for editors."""

MAX_CHARS = 200

_EVERY = re.compile(r"@every\s+((?:[0-9]{1,6}(?:\.[0-9]{1,3})?[hms])+)", re.ASCII)
_ZONE = re.compile(r"CRON_TZ=[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)


class _Field(NamedTuple):
    name: Phrase
    least: int
    most: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field(phrase("seconds"), 0, 59),
    _Field(phrase("minutes"), 0, 59),
    _Field(phrase("hours"), 0, 23),
    _Field(phrase("day-of-month"), 1, 31),
    _Field(phrase("month"), 1, 12, _MONTHS),
    _Field(phrase("day-of-week"), 0, 7, _DAYS),
)


def cron_problem(expression: str) -> Phrase | None:
    """What is wrong with the form of an expression; None when nothing is."""
    if len(expression) > MAX_CHARS:
        return phrase("it is longer than {limit} characters", limit=MAX_CHARS)
    words = expression.split()
    if words and words[0].startswith("@"):
        return _every_problem(expression.strip())
    if words and "=" in words[0]:
        zone = words.pop(0)
        if not _ZONE.fullmatch(zone):
            return phrase("'{zone}' is no time zone such as CRON_TZ=Asia/Shanghai", zone=zone)
    return _fields_problem(words)


def _every_problem(expression: str) -> Phrase | None:
    found = _EVERY.fullmatch(expression)
    if found is None:
        return phrase("an interval is written as @every 5m or @every 1h30m")
    if not re.search("[1-9]", found[1]):
        return phrase("an interval of 0 never ends")
    return None


def _fields_problem(words: list[str]) -> Phrase | None:
    if len(words) == len(_FIELDS) - 1:
        return phrase("it has 5 fields, and the seconds come first: 0 {fields}",
                      fields=" ".join(words))  # fmt: skip
    if len(words) != len(_FIELDS):
        return phrase("it has {count} fields, and 6 are needed: seconds minutes hours "
                      "day-of-month month day-of-week", count=len(words))  # fmt: skip
    problems = (_field_problem(field, word) for field, word in zip(_FIELDS, words, strict=True))
    return next(filter(None, problems), None)


def _field_problem(field: _Field, word: str) -> Phrase | None:
    """A field is a list of ranges, and each may have a step."""
    for part in word.split(","):
        span, slash, step = part.partition("/")
        if not _is_span(field, span) or (slash and not _is_step(step)):
            return phrase("'{word}' cannot be the {name} ({least} to {most})", word=word,
                          name=field.name, least=field.least, most=field.most)  # fmt: skip
    return None


def _is_step(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,3}", text, re.ASCII)) and int(text) > 0


def _is_span(field: _Field, text: str) -> bool:
    if text in ("*", "?"):
        return True
    first, dash, last = text.partition("-")
    low = _number(field, first)
    high = _number(field, last) if dash else low
    return low is not None and high is not None and low <= high


def _number(field: _Field, text: str) -> int | None:
    """A number or a name as a number, when it is one that the field can have."""
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.least
    if not re.fullmatch("[0-9]{1,2}", text, re.ASCII):
        return None
    return int(text) if field.least <= int(text) <= field.most else None
