"""`{{ name }}`: what `s init` would have filled in, in a template that was never rendered.

Values come from `--set name=value`, then from the defaults in `publish.yaml` beside the file (or
above its `src`, as in a repository of templates). They go into the text before it is read as YAML,
since `{{ name }}` without quotes is a map there; positions stay those of the text as it was
written. Only names are filled in: a statement (`{{if ...}}`) is code, and is never run.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sandbox.config.messages.findings import RefusedError
from sandbox.config.messages.texts import listed
from sandbox.config.text.source import Source, Span

__all__ = ["FilledSource", "Values", "filled"]

MAX_FILLED_CHARS = 1 << 20
"""Longest text after filling in: a long value may stand in many places."""

_BRACES = re.compile(r"\{\{([^{}\n]{1,200})\}\}")
_NAME = re.compile(r"[^\W\d][\w.-]*")
_COMMENT = re.compile(r"(?:^|\s)#")


class Values:
    """What placeholders stand for: what was given, then the defaults, looked up when needed."""

    def __init__(
        self,
        given: Mapping[str, str] = {},
        defaults: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.given = given
        self.asked: set[str] = set()
        """All names that a file had."""
        self.taken: dict[str, str] = {}
        """The defaults that were made use of."""
        self._look_up = defaults
        self._defaults: Mapping[str, str] | None = None

    def get(self, name: str) -> str | None:
        self.asked.add(name)
        if name in self.given:
            return self.given[name]
        if self._defaults is None:
            self._defaults = self._look_up()
        if name in self._defaults:
            self.taken[name] = self._defaults[name]
        return self._defaults.get(name)


class FilledSource(Source):
    """A text with values filled in; its positions and lines are those of the text as written."""

    def __init__(self, written: Source, text: str, runs: list[_Run]) -> None:
        super().__init__(written.file, text, written.directory)
        self._written = written
        self._runs = runs
        self._run_starts = [run.start for run in runs]

    def with_text(self, text: str) -> Source:
        return FilledSource(self._written, text, self._runs)

    def position(self, offset: int) -> tuple[int, int]:
        run = self._runs[max(bisect_right(self._run_starts, offset) - 1, 0)]
        inside = 0 if run.is_filled else offset - run.start
        return self._written.position(run.was_at + inside)

    def line(self, number: int) -> str:
        return self._written.line(number)


class _Run(NamedTuple):
    """From offset `start` on, the text is what was written at `was_at`, or a filled-in value."""

    start: int
    was_at: int
    is_filled: bool


def filled(source: Source, values: Values) -> Source:
    """`source` with all placeholders filled in.

    Raises RefusedError with all those that have no value, and for a statement.
    """
    spans = list(_placeholders(source)) if "{{" in source.text else []
    if not spans:
        return source
    names = [_name(at) for at in spans]
    first_of = dict(zip(reversed(names), reversed(spans), strict=True))
    _refuse_statements(first_of)
    found = {name: values.get(name) for name in dict.fromkeys(names)}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        example = listed([f"--set {name}=..." for name in missing], between=" ")
        at = first_of[missing[0]]
        raise RefusedError("FCB111", at, names=listed(missing), example=example)
    return _with_values(source, [
        (at, found[name] or "") for at, name in zip(spans, names, strict=True)
    ])  # fmt: skip


def _with_values(source: Source, fillings: list[tuple[Span, str]]) -> Source:
    pieces, runs, length, done = [], [_Run(0, 0, False)], 0, 0
    for at, value in fillings:
        before = source.text[done : at.start]
        pieces += [before, value]
        length += len(before)
        runs.append(_Run(length, at.start, True))
        length, done = length + len(value), at.end
        runs.append(_Run(length, at.end, False))
        if length > MAX_FILLED_CHARS:
            raise RefusedError("FCB102", None, limit=MAX_FILLED_CHARS >> 20)
    return FilledSource(source, "".join(pieces) + source.text[done:], runs)


def _refuse_statements(first_of: Mapping[str, Span]) -> None:
    wrong = [at for name, at in first_of.items() if not _NAME.fullmatch(name)]
    if wrong:
        at = min(wrong, key=lambda at: at.start)
        raise RefusedError("FCB120", at, statement=at.text)


def _name(at: Span) -> str:
    return at.text.strip("{} \t-")


def _placeholders(source: Source) -> Iterator[Span]:
    start = 0
    for line in source.text.split("\n"):
        for match in _BRACES.finditer(_without_comment(line)) if "{{" in line else ():
            begin = match.group(1).strip(" \t-")[:1]
            if begin.isalpha() or begin in ("_", "/"):
                yield Span(source, start + match.start(), start + match.end())
        start += len(line) + 1


def _without_comment(line: str) -> str:
    """A `#` behind a quote may belong to a text, and then what follows it counts."""
    match = _COMMENT.search(line)
    quoted = match is None or "'" in line[: match.start()] or '"' in line[: match.start()]
    return line if match is None or quoted else line[: match.start()]
