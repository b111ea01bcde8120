"""Collects findings; each is made from the catalogue, in this one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from sandbox.config.messages.catalogue import CATALOGUE
from sandbox.config.messages.diagnostics import Diagnostic, Place
from sandbox.config.messages.texts import MAX_QUOTED_CHARS, Phrase, in_words, phrase
from sandbox.config.text import scalars
from sandbox.config.text.source import Broken, Node, Source, Span

__all__ = [
    "MAX_FINDINGS",
    "Findings",
    "Near",
    "RefusedError",
    "advice_on",
    "near",
    "shown",
    "texts_of",
    "whole_file",
]

MAX_FINDINGS = 100
"""Nobody reads more; a hostile file could cause a hundred thousand."""

MAX_MADE = 1000
"""Most findings that are made, those counted that are equal to another."""

MAX_NAMES = 8
"""Most names that a message lists."""

MAX_COMPARED = 300
"""Most names that are looked at for one that is meant."""

MAX_COMPARED_CHARS = 1_500_000
"""Pairs of characters, in all the names that one file has compared: 0.1 us each, or 0.3."""


class RefusedError(Exception):
    """Loading cannot go on: the finding that says why."""

    def __init__(self, code: str, at: Span | None, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.at = at
        self.fields = fields


def whole_file(source: Source) -> Span:
    """A span for what is wrong with a file as a whole: its first character."""
    return Span(source, 0, 1)


class Near(NamedTuple):
    """A name that nobody knows, and those that are known: what could be meant is looked for only
    when a finding tells it."""

    name: str
    known: tuple[str, ...]

    @property
    def cost(self) -> int:
        return (len(self.name) + 1) * sum(map(len, self.known))

    def closest(self) -> list[str]:
        return get_close_matches(self.name, self.known, n=3, cutoff=0.6)


def near(name: str, known: Iterable[str]) -> Near:
    """The advice on an unknown name."""
    comparable = (each for each in islice(known, MAX_COMPARED) if len(each) <= MAX_QUOTED_CHARS)
    return Near(name[:MAX_QUOTED_CHARS], tuple(comparable))


def advice_on(near: Near, is_compared: bool = True) -> Phrase:
    """The known names like the unknown one, as a sentence; else all of them, if they are few."""
    names = near.known
    close = near.closest() if is_compared else []
    if close:
        return phrase("did you mean {names}?", names=_either(close))
    if len(names) > MAX_NAMES:
        return phrase("none of the {count} known names is like it", count=len(names))
    return phrase("there is {names}", names=", ".join(names)) if names else phrase("there is none")


def _either(names: Sequence[str]) -> Phrase | str:
    if len(names) == 1:
        return names[0]
    return phrase("{first} or {rest}", first=names[0], rest=_either(names[1:]))


class Findings:
    """The findings so far, in the order in which they were made, in one language."""

    def __init__(self, language: str = "en") -> None:
        self.items: list[Diagnostic] = []
        self.language = language
        self._made = 0
        self._compared_chars = 0
        self._advice: dict[Near, Phrase] = {}
        self._known: set[Diagnostic] = set()
        self._region: tuple[Span, Span] | None = None

    def add(self, code: str, at: Span | Node | None, **fields: object) -> None:
        """Enters a finding. Raises RefusedError when there have been too many.

        A node that came out of a variable names two places: where it is used, and where its
        value was written. A variable is resolved once for each resource and fails the same way
        each time, so a finding that is already there is not entered again, but it has cost its
        time.
        """
        self._made += 1
        diagnostic = self._diagnostic(code, at.span if isinstance(at, Node) else at, fields)
        is_known = diagnostic in self._known
        if is_known and self._made <= MAX_MADE:
            return
        if len(self.items) >= MAX_FINDINGS or self._made > MAX_MADE:
            raise RefusedError("FCB119", None, limit=MAX_FINDINGS)
        self._known.add(diagnostic)
        self.items.append(diagnostic._replace(related=tuple(self._related(at))))

    def is_slip(self, name: str, known: Iterable[str]) -> bool:
        """Whether `name` looks like one of the known ones; nobody finds out after too many."""
        asked = near(name, known)
        return self._may_compare(asked) and asked.closest() != []

    def close(self, refusal: RefusedError) -> None:
        """Enters the finding that ended the loading."""
        self.items.append(self._diagnostic(refusal.code, refusal.at, refusal.fields))

    @contextmanager
    def inside(self, key_at: Span, region: Span) -> Iterator[None]:
        """Findings made here are about what stands in `region`, below the key at `key_at`: one
        that lies elsewhere (in a template, a base file, a map of `vars`) names the key too."""
        before, self._region = self._region, (key_at, region)
        try:
            yield
        finally:
            self._region = before

    def _related(self, at: Span | Node | None) -> Iterator[Place]:
        span = at.span if isinstance(at, Node) else at
        if isinstance(at, Node) and at.origin is not None and at.origin != span:
            yield self._place(phrase("the value comes from here"), at.origin)
        if span is not None and self._region is not None:
            key_at, region = self._region
            inside = span.source is region.source and region.start <= span.start < region.end
            if not inside and span != key_at:
                yield self._place(phrase("it is used here"), key_at)

    def _may_compare(self, near: Near) -> bool:
        self._compared_chars += near.cost
        return self._compared_chars <= MAX_COMPARED_CHARS

    def _in_words(self, value: object) -> str:
        if isinstance(value, Near):
            if value not in self._advice:
                self._advice[value] = advice_on(value, self._may_compare(value))
            value = self._advice[value]
        return in_words(value, self.language)

    def _place(self, text: Phrase, at: Span) -> Place:
        return Place(in_words(text, self.language), *_placed(at))

    def _diagnostic(self, code: str, at: Span | None, fields: dict[str, object]) -> Diagnostic:
        """`at` None is for what has no place in the text; `compile` then enters the file's name."""
        entry = CATALOGUE[code]
        message, hint = texts_of(code, self.language)
        texts = {name: self._in_words(value) for name, value in fields.items()}
        bare = Diagnostic(code, entry.severity, message.format(**texts), hint=hint.format(**texts))
        if at is None:
            return bare
        file, line, column, source_line, length = _placed(at)
        return bare._replace(
            file=file, line=line, column=column, source_line=source_line, length=length
        )


def texts_of(code: str, language: str) -> tuple[str, str]:
    """The templates of a code's message and hint."""
    entry = CATALOGUE[code]
    if language == "zh":
        from sandbox.config.messages.chinese import MESSAGES

        return MESSAGES.get(code, (entry.message, entry.hint))
    return entry.message, entry.hint


def _placed(at: Span) -> tuple[str, int, int, str, int]:
    """File, line, column, the source line, and how much of it is meant."""
    line, column = at.source.position(at.start)
    source_line = at.source.line(line)
    length = max(1, min(at.end - at.start, len(source_line) - column + 1))
    return at.source.file, line, column, source_line, length


def shown(node: Node) -> Phrase | str:
    """A value as a message quotes it. What came from the environment may be a secret: then what
    is quoted is the expression."""
    value = node.value
    if any("env(" in at.text for at in (node.span, node.origin) if at):
        return node.span.text.strip("'\"")
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, dict | tuple):
        return phrase("a map") if isinstance(value, dict) else phrase("a list")
    if value is None or isinstance(value, Broken):
        return phrase("nothing")
    return scalars.js_text(value)
