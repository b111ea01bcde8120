"""Words in the reader's language.

A finding's texts are templates: those of a code stand in `catalogue`, those of a part of a
sentence (`did you mean {names}?`) are a `Phrase` where they are needed. English is written in the
code; another language is a table from the English template to its own, so that a missing entry
can be found by a test and shows as English.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["LANGUAGES", "Phrase", "clip", "in_words", "language_of", "listed", "phrase",
           "translated"]  # fmt: skip

LANGUAGES = ("en", "zh")

MAX_QUOTED_CHARS = 120
"""Longest piece of the user's text that a message quotes."""

MAX_LISTED = 50
"""Most pieces of a list that a message quotes one by one."""

_LANGUAGE_VARIABLES = ("FCBOX_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set decides, as for any program; ours comes before the locale's."""


class Phrase(NamedTuple):
    """A part of a text that is words itself, and what fills it."""

    template: str
    fields: Mapping[str, object]


def phrase(template: str, **fields: object) -> Phrase:
    return Phrase(template, fields)


def listed(pieces: Sequence[str], between: str = ", ") -> Phrase:
    """All the pieces, each clipped by itself: as one text the list would lose its end."""
    fields = {f"piece{number}": piece for number, piece in enumerate(pieces[:MAX_LISTED])}
    more = f"{between}…" if len(pieces) > MAX_LISTED else ""
    return Phrase(between.join(f"{{{name}}}" for name in fields) + more, fields)


def language_of(environ: Mapping[str, str]) -> str:
    """`zh` for Chinese readers, else `en`."""
    value = next(filter(None, (environ.get(name) for name in _LANGUAGE_VARIABLES)), "")
    return "zh" if value.lower().startswith("zh") else "en"


def in_words(value: object, language: str) -> str:
    """What fills a template, as text: a phrase in the language, anything else quoted."""
    if not isinstance(value, Phrase):
        return clip(str(value))
    template = translated(value.template, language)
    fields = {name: in_words(each, language) for name, each in value.fields.items()}
    return template.format(**fields)


def translated(template: str, language: str) -> str:
    """An English template in the language, or as it is when nobody has translated it."""
    if language != "zh":
        return template
    from sandbox.config.messages.chinese import PHRASES

    return PHRASES.get(template, template)


def clip(text: str) -> str:
    return text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 1] + "…"
