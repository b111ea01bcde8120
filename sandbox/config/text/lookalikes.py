"""Lines that look like a key and its value, and characters that look like YAML's own.

`name：value`, `name:value`, `NAME=value` and `-item` are texts to YAML, and so is a value in
“these” quotes; a line indented with full-width blanks begins with no blank at all. Where that
breaks the file, `mistakes` says so; where the file stays valid and only means something else,
`read_twice` finds it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text.source import Span

__all__ = ["ODD_BLANKS", "QUOTES", "Slip", "entry_slip", "read_twice"]

ODD_BLANKS = {
    "\u00a0": phrase("a no-break space (U+00A0)"),
    "\u3000": phrase("a full-width blank (U+3000)"),
    "\u2002": phrase("an en space (U+2002)"),
    "\u2003": phrase("an em space (U+2003)"),
    "\u200b": phrase("a zero-width space (U+200B)"),
}
QUOTES = {"“": "”", "‘": "’", "＂": "＂", "＇": "＇", "”": "”", "’": "’"}

MAX_BLANKS = 200
"""How far to look back for what stands before a text."""

_ODD = "[" + "".join(ODD_BLANKS) + "]"
_KEY = r"[A-Za-z_][A-Za-z0-9_.-]*"
_ODD_BLANK = re.compile(rf" *({_ODD})|{_KEY} *:({_ODD})")
_ODD_START = re.compile(rf" *({_ODD})")
_COMMENT = re.compile(r"(//|/\*|＃)")
_FULL_WIDTH_COLON = re.compile(r"([^\s:：]{1,64})[ \u3000]*(：)")
_NO_BLANK = re.compile(rf"({_KEY})(:)(?!//)(?=[^\s:])")
_EQUALS = re.compile(rf"({_KEY})\s*(=)(?!=)")
_DASH = re.compile(r"(-)(?=[^\W\d])")
_SUSPECT = re.compile(rf"[{''.join(QUOTES)}/＃]| *{_ODD}|-[^\W\d]|{_KEY}[\s\u3000]*[:：=]")
"""What nearly every text is not, so that the rest is looked at for few."""


class Slip(NamedTuple):
    """What is wrong with a line, from `start` to `end` of its text."""

    code: str
    start: int
    end: int
    fields: dict[str, object]


def entry_slip(line: str) -> Slip | None:
    """What was typed instead of `key: value` or `- item`; `line` begins with the key."""
    found = _ODD_BLANK.match(line)
    if found:
        return _odd_blank(found, 1 if found[1] else 2)
    if found := _COMMENT.match(line):
        return _told(found, phrase("this is no comment"),
                     phrase("a comment begins with # in YAML"))  # fmt: skip
    if found := _FULL_WIDTH_COLON.match(line):
        fields = {"character": found[2], "meant": "':'",
                  "advice": phrase("write {key}: and a blank", key=found[1])}  # fmt: skip
        return Slip("FCB131", found.start(2), found.end(2), fields)
    return _narrow_slip(line)


def _narrow_slip(line: str) -> Slip | None:
    """The slips that are made with ordinary characters."""
    if found := _NO_BLANK.match(line):
        return _told(found, phrase("there is no blank after the colon"),
                     phrase("write {key}: and a blank", key=found[1]), 2)  # fmt: skip
    if found := _EQUALS.match(line):
        return _told(found, phrase("there is a = where a colon is needed"),
                     phrase("write {key}: and a blank", key=found[1]), 2)  # fmt: skip
    if found := _DASH.match(line):
        return _told(found, phrase("there is no blank after the dash"),
                     phrase("a list item begins with a dash and a blank"))  # fmt: skip
    return None


def _told(found: re.Match[str], problem: Phrase, advice: Phrase, group: int = 1) -> Slip:
    fields: dict[str, object] = {"problem": problem, "advice": advice}
    return Slip("FCB101", found.start(group), found.end(group), fields)


def _odd_blank(found: re.Match[str], group: int) -> Slip:
    fields: dict[str, object] = {"character": ODD_BLANKS[found[group]]}
    return Slip("FCB132", found.start(group), found.end(group), fields)


def read_twice(text: str, at: Span) -> Slip | None:
    """What the plain text at `at`, a key or a value, was probably meant to be instead; None for
    most."""
    if not _SUSPECT.match(text):
        return None
    if text[0] in QUOTES:
        return _quoted(text)
    if _is_key(at):
        found = _ODD_START.match(text)
        return _odd_blank(found, 1) if found else None
    slip = entry_slip(text)
    if slip is None or not _begins_line(at):
        return None
    if slip.code == "FCB132":  # paragraphs of Chinese texts begin with such blanks
        return slip if text[: slip.start].strip() else None
    if slip.code == "FCB131":
        fields = {"problem": phrase("the colon is a full-width one"), **slip.fields}
        return slip._replace(code="FCB134", fields=fields)
    return slip._replace(code="FCB134")


def _quoted(text: str) -> Slip | None:
    """Quotes around Chinese text may well be meant."""
    is_quoted = len(text) > 1 and text[-1] == QUOTES[text[0]] and text[1:-1].isascii()
    return Slip("FCB133", 0, len(text), {"text": text}) if is_quoted else None


def _is_key(at: Span) -> bool:
    text = at.source.text
    return re.compile("[ \t]*:").match(text, at.end) is not None


def _begins_line(at: Span) -> bool:
    """Alone in a line below its key. Behind a key or a dash, or inside of brackets, anything is a
    text."""
    before = at.source.text[max(0, at.start - MAX_BLANKS) : at.start]
    gap = before[len(before.rstrip()) :]
    return before.rstrip()[-1:] in ("", ":") and ("\n" in gap or not before.strip())
