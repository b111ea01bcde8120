"""A complaint of the YAML parser, and the text around the place that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import yaml

from sandbox.config.text.source import Source

__all__ = ["MAX_KEY_CHARS", "Complaint", "complaint_of"]

MAX_KEY_CHARS = 1024
"""libyaml's own limit."""

MAX_TOKENS = 20_000
"""So many are looked at for the beginning of a quoted text; there may be half a million."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_BLANKS = re.compile(" *")


class Complaint(NamedTuple):
    """What the parser says, and where. `begun`: where the thing began that it was reading."""

    source: Source
    problem: str
    context: str
    at: int
    begun: int

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def char(self) -> str:
        return self.text[self.at : self.at + 1]

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def before(self) -> str:
        """What stands before the place in its line."""
        return self.text[self.line_start(self.at) : self.at]

    def indentation(self, start: int) -> int:
        """How many blanks the line has that begins at `start`."""
        found = _BLANKS.match(self.text, start)
        return len(found[0]) if found else 0

    def widths_above(self) -> Iterator[int]:
        """How far the lines are indented that this one is inside of, the innermost first."""
        start, least = self.line_start(self.at), MAX_KEY_CHARS
        while start > 0 and least > 0:
            start = self.line_start(start - 1)
            width = self.indentation(start)
            line = self.text[start + width : self.line_end(start)].strip()
            if line and not line.startswith("#") and width < least:
                least = width
                yield width

    def tokens(self) -> Iterator[Any]:
        """The words of the text, as far as they can be told."""
        try:
            yield from islice(yaml.scan(self.text, Loader=_LOADER), MAX_TOKENS)
        except yaml.YAMLError:
            pass


def complaint_of(source: Source, error: yaml.MarkedYAMLError) -> Complaint:
    problem, context = error.problem or error.context or "", error.context or ""
    at = error.problem_mark or error.context_mark
    begun = error.context_mark or at
    limit = len(source.text)
    return Complaint(source, problem, context, min(at.index, limit) if at else 0,
                     min(begun.index, limit) if begun else 0)  # fmt: skip
