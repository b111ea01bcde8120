"""Collects findings; each is made from the catalogue, in this one place."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from sandbox.config.catalogue import CATALOGUE
from sandbox.config.diagnostics import Diagnostic
from sandbox.config.source import Source, Span

__all__ = ["MAX_FINDINGS", "Findings", "RefusedError", "clip", "finding", "near", "whole_file"]

MAX_FINDINGS = 100
"""Nobody reads more; a hostile file could cause a hundred thousand."""

MAX_MADE = 1000
"""Most findings that are made, those counted that are equal to another."""

MAX_QUOTED_CHARS = 120
"""Longest piece of the user's text that a message quotes."""

MAX_NAMES = 8
"""Most names that a message lists."""

MAX_COMPARED = 300
"""Most names that are looked at for one that is meant: each comparison takes 10 us or more."""


class RefusedError(Exception):
    """Loading cannot go on after this finding."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def finding(code: str, at: Span | None, **fields: object) -> Diagnostic:
    """The diagnostic `code`; `fields` fill the texts of the catalogue.

    `at` None is for what has no place in the text; `compile` then enters the file's name.
    """
    entry = CATALOGUE[code]
    texts = {name: clip(str(value)) for name, value in fields.items()}
    bare = Diagnostic(
        code, entry.severity, entry.message.format(**texts), hint=entry.hint.format(**texts)
    )
    return bare if at is None else _placed(bare, at)


def _placed(bare: Diagnostic, at: Span) -> Diagnostic:
    line, column = at.source.position(at.start)
    source_line = at.source.line(line)
    length = max(1, min(at.end - at.start, len(source_line) - column + 1))
    return bare._replace(
        file=at.source.file, line=line, column=column, source_line=source_line, length=length
    )


def clip(text: str) -> str:
    return text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 1] + "…"


def whole_file(source: Source) -> Span:
    """A span for what is wrong with a file as a whole: its first character."""
    return Span(source, 0, 1)


def near(name: str, known: Iterable[str]) -> str:
    """The known names like `name`, as the end of a sentence; else the first few known ones."""
    names = [each for each in islice(known, MAX_COMPARED) if len(each) <= MAX_QUOTED_CHARS]
    close = get_close_matches(name[:MAX_QUOTED_CHARS], names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there is {', '.join(names[:MAX_NAMES])}" if names else "there is none"


class Findings:
    """The findings so far, in the order in which they were made."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []
        self._made = 0

    def add(self, code: str, at: Span | None, **fields: object) -> None:
        """Enters a finding. Raises RefusedError when there have been too many.

        A variable is resolved once for each resource and fails the same way each time, so a
        finding that is already there is not entered again, but it has cost its time.
        """
        self._made += 1
        diagnostic = finding(code, at, **fields)
        if diagnostic in self.items and self._made <= MAX_MADE:
            return
        if len(self.items) >= MAX_FINDINGS or self._made > MAX_MADE:
            raise RefusedError(finding("FCB119", None, limit=MAX_FINDINGS))
        self.items.append(diagnostic)

    def close(self, refusal: RefusedError) -> None:
        """Enters the finding that ended the loading."""
        self.items.append(refusal.diagnostic)
