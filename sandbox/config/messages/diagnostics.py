"""A diagnostic is data; `render` turns one into text for people.

    s.yaml:7:14: error: timeout is 0: expected a whole number of seconds from 1 to 86400 [FCB312]
          timeout: 0
                   ^

    hint: ...

Kept light: the cache carries diagnostics, and a start from the cache must take milliseconds.
"""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Diagnostic", "Place", "harmless", "render", "severity_word"]

TAB_COLUMNS = 4
"""A tab is shown as this many blanks, so that the caret stands right in any terminal."""

SNIPPET_COLUMNS = 160
"""Longest piece of a source line that is shown; a minified file has one line of a megabyte."""

_COLORS = {"error": "\033[1;31m", "warning": "\033[1;33m", "note": "\033[1;36m"}
_BOLD, _GREEN, _RESET = "\033[1m", "\033[32m", "\033[0m"

_WORDS = {"zh": {"error": "错误:", "warning": "警告:", "note": "说明:", "hint": "提示:"}}


class Place(NamedTuple):
    """Another place that has to do with a finding, and why."""

    text: str
    file: str
    line: int
    column: int
    source_line: str
    length: int


class Diagnostic(NamedTuple):
    """One finding. `line` and `column` count from 1 in characters; `line` 0 means no position."""

    code: str
    severity: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    source_line: str = ""
    length: int = 1
    hint: str = ""
    related: tuple[Place, ...] = ()


def render(diagnostic: Diagnostic, color: bool = False, language: str = "en") -> str:
    """The text of one diagnostic, without a newline at its end."""
    words = _WORDS.get(language, {})
    lines = [_heading(diagnostic, color, words), *_snippet(diagnostic, color)]
    for place in diagnostic.related:
        note = _paint(_word("note", words), _COLORS["note"], color)
        where = f"{harmless(place.file)}:{place.line}:{place.column}"
        lines += [f"{where}: {note} {harmless(place.text)}", *_snippet(place, color)]
    if diagnostic.hint:
        lines += ["", f"{_paint(_word('hint', words), _BOLD, color)} {harmless(diagnostic.hint)}"]
    return "\n".join(lines)


def severity_word(severity: str, language: str) -> str:
    """`error:`, `错误:`."""
    return _word(severity, _WORDS.get(language, {}))


def _word(word: str, words: Mapping[str, str]) -> str:
    return words.get(word, f"{word}:")


def _heading(diagnostic: Diagnostic, color: bool, words: Mapping[str, str]) -> str:
    place = harmless(diagnostic.file)
    if diagnostic.line:
        place += f":{diagnostic.line}:{diagnostic.column}"
    severity = _word(diagnostic.severity, words)
    severity = _paint(severity, _COLORS.get(diagnostic.severity, ""), color)
    prefix = f"{place}: " if place else ""
    return f"{prefix}{severity} {harmless(diagnostic.message)} [{diagnostic.code}]"


def _snippet(place: Diagnostic | Place, color: bool) -> list[str]:
    """The source line and the carets below it; nothing where there is no position."""
    if not place.line:
        return []
    shown, caret = _marked(place)
    return [shown, _paint(caret, _GREEN, color)]


def _marked(diagnostic: Diagnostic | Place) -> tuple[str, str]:
    """The source line (a window of it, when it is long) and the carets below it."""
    line, start = diagnostic.source_line, max(diagnostic.column - 1, 0)
    first = _window_start(line, start)
    shown = ("…" if first else "") + _fitting(line[first:])
    before = ("…" if first else "") + _shown(line[first:start])
    marked = _fitting(line[start : start + max(diagnostic.length, 1)])
    carets = max(1, min(_width(marked), _width(shown) - _width(before)))
    return shown, " " * _width(before) + "^" * carets


def _window_start(line: str, start: int) -> int:
    """Where to begin showing `line` so that the character at `start` is in view."""
    return 0 if start < SNIPPET_COLUMNS // 2 else start - SNIPPET_COLUMNS // 4


def _fitting(text: str) -> str:
    shown = _shown(text[:SNIPPET_COLUMNS])
    return shown + "…" if len(text) > SNIPPET_COLUMNS else shown


def _shown(text: str) -> str:
    return harmless(text.replace("\t", " " * TAB_COLUMNS))


def harmless(text: str) -> str:
    """`text` without characters that move the cursor, change colours or reverse the line.

    What is quoted comes from files and the environment: it must not drive the terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _width(text: str) -> int:
    """Columns that a terminal needs: Chinese characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    # By category: marks of Thai, and those that make an emoji, have no combining class.
    return sum(
        0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text
    )


def _paint(text: str, paint: str, color: bool) -> str:
    return f"{paint}{text}{_RESET}" if color and paint else text
