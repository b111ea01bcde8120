"""What the YAML parser complains about, in words for people, at the place of the mistake.

The parser reports where it gave up and what it had hoped for. The mistake is often before that: a
quote that is opened lines above, a colon that was forgotten. So each of its complaints has an
entry in _COMPLAINTS: a function that looks at the text around the place. Both parsers of PyYAML,
the one in C and the one in Python, are understood; a complaint that nobody knows is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import yaml

from sandbox.config.messages.findings import RefusedError
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text.complaints import MAX_KEY_CHARS, Complaint
from sandbox.config.text.lookalikes import QUOTES, Slip, entry_slip
from sandbox.config.text.source import Span

__all__ = ["refusal"]

MAX_WIDTHS = 6
"""Most indentations that a hint names."""

MAX_LINE_CHARS = 4 * MAX_KEY_CHARS
"""So much of a line is looked at for a key."""

_MARKER = re.compile(r"^(<{7}|>{7})(?= |$)", re.MULTILINE)
_ENTRY = re.compile(r"(?:- +)*([^\s:#'\"][^:#]*):(?: +|$)(.*)")
_COLON = re.compile(r":(?=[ \t]|$)")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_FOREIGN_COMMENT = re.compile(r"(?:^|(?<=\s))(//|/\*)", re.MULTILINE)

_CLOSING = {"[": "]", "{": "}"}

_QUOTE_IT = phrase("put the text in quotes")


class Mistake(NamedTuple):
    """One finding about a part of the text."""

    start: int
    end: int
    fields: dict[str, object]
    code: str = "FCB101"


def refusal(complaint: Complaint) -> RefusedError:
    """The finding that ends the loading."""
    mistake = _merge_marker(complaint) or _understood(complaint)
    at = Span(complaint.source, mistake.start, max(mistake.end, mistake.start + 1))
    return RefusedError(mistake.code, at, **mistake.fields)


def _understood(complaint: Complaint) -> Mistake:
    for part, look in _COMPLAINTS:
        if part in complaint.problem:
            return look(complaint)
    problem = phrase("the parser says: {problem}", problem=complaint.problem)
    return _mistake(complaint.at, problem, phrase("check this line, and the one above"))


def _mistake(start: int, problem: Phrase, advice: Phrase | str, end: int = 0) -> Mistake:
    return Mistake(start, end, {"problem": problem, "advice": advice})


def _slipped(slip: Slip, start: int) -> Mistake:
    return Mistake(start + slip.start, start + slip.end, slip.fields, slip.code)


def _merge_marker(complaint: Complaint) -> Mistake | None:
    found = _MARKER.search(complaint.text)
    return Mistake(found.start(), found.end(), {}, "FCB130") if found else None


# --- keys and colons --------------------------------------------------------------------------


def _second_colon(complaint: Complaint) -> Mistake:
    """A colon where no key can be: a second one in its line, or the line above is at fault."""
    start = complaint.line_start(complaint.at)
    line = complaint.text[start : complaint.line_end(start)][:MAX_LINE_CHARS]
    entry = _ENTRY.match(line.lstrip(" "))
    if complaint.at - start > MAX_KEY_CHARS:
        return _long_key(start + complaint.indentation(start), complaint.at)
    if entry is None or complaint.at > start + len(line) - len(line.lstrip(" ")) + entry.end(1):
        return _colon_in_value(complaint, entry)
    return _line_above(complaint, start)


def _long_key(start: int, end: int) -> Mistake:
    problem = phrase("this key is too long: a key may have at most {limit} characters",
                     limit=MAX_KEY_CHARS)  # fmt: skip
    return _mistake(start, problem, phrase("put a long text behind its key"), end)


def _colon_in_value(complaint: Complaint, entry: re.Match[str] | None) -> Mistake:
    value = entry[2].strip() if entry else ""
    if value[:1] in QUOTES and value:
        start = complaint.text.index(value[0], complaint.line_start(complaint.at))
        fields = {"character": value[0], "meant": "'\"'",
                  "advice": phrase("write the quotes as \" or '")}  # fmt: skip
        return Mistake(start, start + 1, fields, "FCB131")
    problem = phrase("a second ': ' in one line")
    if entry is None or not value or "'" in value:
        return _mistake(complaint.at, problem, phrase("put the whole value in quotes"))
    advice = phrase("put the whole value in quotes: {key}: '{value}'",
                    key=entry[1].strip(), value=value)  # fmt: skip
    return _mistake(complaint.at, problem, advice)


def _line_above(complaint: Complaint, start: int) -> Mistake:
    """The line is fine: the text that it seems to go on with is not."""
    culprit = _text_above(complaint, start)
    if culprit is None:
        first = start + complaint.indentation(start)
        problem = phrase("this line is indented deeper than the one above, which has a value")
        advice = phrase("give both the same indentation, or take the value away from the key above")
        return _mistake(first, problem, advice, complaint.at)
    return _no_colon_at(complaint, culprit)


def _text_above(complaint: Complaint, start: int) -> int | None:
    """Where the text begins that has no colon and stands above the line at `start`."""
    found = None
    while start > 0:
        start = complaint.line_start(start - 1)
        line = complaint.text[start : complaint.line_end(start)].strip(" \r")
        if not line or line.startswith("#") or re.search(r":([ \t]|$)", line):
            break
        found = start + complaint.indentation(start)
        if line.startswith("- "):
            break
    return found


def _no_colon(complaint: Complaint) -> Mistake:
    start = complaint.begun
    if complaint.text[start : start + 1] in ('"', "'"):
        return _unclosed_quote(start)
    return _no_colon_at(complaint, start)


def _no_colon_at(complaint: Complaint, start: int) -> Mistake:
    line = complaint.text[start : complaint.line_end(start)].rstrip(" \t\r")
    slip = entry_slip(line)
    if slip:
        return _slipped(slip, start)
    colon = _COLON.search(line)
    if colon and colon.start() > MAX_KEY_CHARS:
        return _long_key(start, start + colon.start())
    problem = phrase("a key and its colon are missing in this line")
    return _mistake(start, problem, phrase("a line of a map has the form `key: value`"),
                    start + len(line))  # fmt: skip


# --- what does not fit the lines above --------------------------------------------------------


def _unfitting(complaint: Complaint) -> Mistake:
    """Something else than a key of the map that is being read."""
    before = complaint.before()
    if complaint.char in ("]", "}"):
        problem = phrase("{bracket} closes nothing", bracket=complaint.char)
        return _mistake(complaint.at, problem, phrase("take it away, or open it before"))
    if before.strip():
        return _after_value(complaint, before)
    if complaint.char == ":":
        return _mistake(complaint.at, phrase("there is no key before the colon"),
                        phrase("write a key before it, or put the text in quotes"))  # fmt: skip
    line = complaint.text[complaint.at : complaint.line_end(complaint.at)]
    slip = entry_slip(line)
    if slip:
        return _slipped(slip, complaint.at)
    if re.match(r"-(\s|$)", line):
        return _mistake(complaint.at, phrase("a list item cannot stand here"),
                        phrase("a list is indented below its key, and its dashes stand in one "
                               "column"))  # fmt: skip
    return _wrong_indentation(complaint)


def _after_value(complaint: Complaint, before: str) -> Mistake:
    """Text behind something that is complete already, mostly a quoted text."""
    last = complaint.line_start(complaint.at) + len(before.rstrip()) - 1
    quote = complaint.text[last]
    if quote not in ('"', "'"):
        problem = phrase("{text} cannot stand here", text=complaint.char or "…")
        return _mistake(complaint.at, problem, _QUOTE_IT)
    opened = _opening_quote(complaint, last)
    if opened is not None and "\n" in complaint.text[opened:last]:
        return _unclosed_quote(opened)
    twice = "''" if quote == "'" else '\\"'
    advice = phrase("a {quote} inside these quotes is written {twice}", quote=quote, twice=twice)
    return _mistake(complaint.at, phrase("text behind the closing quote"), advice)


def _opening_quote(complaint: Complaint, closing: int) -> int | None:
    """Where the quoted text began whose last character is at `closing`."""
    ends = (token for token in complaint.tokens() if token.end_mark.index > closing)
    token = next(ends, None)
    return int(token.start_mark.index) if token is not None else None


def _wrong_indentation(complaint: Complaint) -> Mistake:
    count = len(complaint.before())
    widths = list(dict.fromkeys(complaint.widths_above()))[:MAX_WIDTHS]
    problem = phrase("the indentation of this line ({count}) fits none of the lines above",
                     count=count)  # fmt: skip
    if count in widths or not widths:
        return _mistake(complaint.at, phrase("this line does not fit the lines above"),
                        phrase("check the indentation, and the line above"))  # fmt: skip
    names = ", ".join(map(str, widths))
    return _mistake(complaint.at, problem, phrase("blanks that would fit: {names}", names=names))


def _no_dash(complaint: Complaint) -> Mistake:
    line = complaint.text[complaint.at : complaint.line_end(complaint.at)]
    slip = entry_slip(line)
    if slip:
        return _slipped(slip, complaint.at)
    problem = phrase("a list goes on here, and this line has no dash")
    advice = phrase("begin it with a dash and a blank, or indent it as the key of the list")
    return _mistake(complaint.at, problem, advice)


def _second_value(complaint: Complaint) -> Mistake:
    """The document was complete already."""
    if complaint.text.startswith("%"):
        return _mistake(complaint.at, phrase("lines with % end with a line ---"),
                        phrase("write --- above this line, or take the % lines away"))  # fmt: skip
    if complaint.before().strip():
        return _after_value(complaint, complaint.before())
    widths = list(complaint.widths_above())
    if widths and widths[-1] > len(complaint.before()):
        return _mistake(complaint.at, phrase("this line begins further left than the first one"),
                        phrase("the keys of one map begin in the same column"))  # fmt: skip
    return _mistake(complaint.at, phrase("the file could end above: this does not belong to it"),
                    phrase("a file is one map of keys and values"))  # fmt: skip


# --- quotes and brackets ----------------------------------------------------------------------


def _unclosed(complaint: Complaint) -> Mistake:
    return _unclosed_quote(complaint.begun)


def _unclosed_quote(start: int) -> Mistake:
    return _mistake(start, phrase("a quote is opened here and not closed in this line"),
                    phrase("close it, or quote the text with the other kind of quote"))  # fmt: skip


def _in_brackets(complaint: Complaint) -> Mistake:
    opening, begun = complaint.text[complaint.begun : complaint.begun + 1], complaint.begun
    comment = _FOREIGN_COMMENT.search(complaint.text, begun, complaint.at)
    if comment:
        return _mistake(comment.start(), phrase("this is no comment"),
                        phrase("a comment begins with # in YAML"), comment.end())  # fmt: skip
    slip = _bare_variable(complaint) or _long_key_in_brackets(complaint)
    if slip:
        return slip
    closing = _CLOSING.get(opening, "")
    if complaint.char and complaint.char in "]}":
        problem = phrase("{found} closes a {opening}", found=complaint.char, opening=opening)
        return _mistake(complaint.at, problem, phrase("write {closing}", closing=closing))
    if complaint.text.find(closing, complaint.at) < 0:
        return _open_bracket(begun, opening)
    return _no_comma(complaint)


def _bare_variable(complaint: Complaint) -> Mistake | None:
    """`[${vars.x}]`: the brace of the expression is one of YAML's there."""
    start, text = complaint.at - 1, complaint.text
    if start < 0 or not text.startswith("${", start):
        return None
    end = text.find("}", start, complaint.line_end(start)) + 1
    expression = text[start : end or start + 2]
    is_alone = end and text[start - 1] in "[{,: \t\n"
    quote = next((each for each in "\"'" if each not in expression), "")
    advice = phrase("put the whole text in quotes")
    if is_alone and quote:
        advice = phrase("write {text}", text=f"{quote}{expression}{quote}")
    problem = phrase("${{...}} needs quotes inside brackets and braces")
    return _mistake(start, problem, advice, start + len(expression))


def _long_key_in_brackets(complaint: Complaint) -> Mistake | None:
    """The colon belongs to no key where the key in front of it is too long for one."""
    if complaint.char != ":":
        return None
    start = 1 + max(complaint.text.rfind(each, complaint.begun, complaint.at) for each in ",[{")
    return _long_key(start, complaint.at) if complaint.at - start > MAX_KEY_CHARS else None


def _open_bracket(start: int, opening: str) -> Mistake:
    problem = phrase("{opening} is opened here and never closed", opening=opening)
    advice = phrase("write {closing} behind the last item, or put the text in quotes",
                    closing=_CLOSING.get(opening, ""))  # fmt: skip
    return _mistake(start, problem, advice)


def _no_comma(complaint: Complaint) -> Mistake:
    """The comma is missing behind the item before the one at hand."""
    start = complaint.line_start(complaint.at)
    line = complaint.text[start : complaint.line_end(start)][:MAX_LINE_CHARS]
    is_next_line = start > complaint.begun and _ENTRY.match(line.strip(" \"'"))
    at = len(complaint.text[:start].rstrip()) - 1 if is_next_line else complaint.at
    return _mistake(at, phrase("a comma is missing"),
                    phrase("inside brackets a comma stands between two items"))  # fmt: skip


def _escape(complaint: Complaint) -> Mistake:
    start = complaint.text.rfind("\\", 0, complaint.at + 1)
    at = start if start >= 0 else complaint.at
    half = _SURROGATE.match(complaint.text, at)
    if half:
        problem = phrase("{text} is half a character", text=half[0])
        return _mistake(at, problem, phrase("write the character itself instead of its code"),
                        half.end())  # fmt: skip
    problem = phrase("{text} is no escape that YAML knows", text=complaint.text[at : at + 2])
    advice = phrase("write the text in single quotes, where a backslash is an ordinary character, "
                    "or write \\\\")  # fmt: skip
    return _mistake(at, problem, advice, at + 2)


# --- first characters -------------------------------------------------------------------------


def _first_character(complaint: Complaint) -> Mistake:
    at = complaint.at
    if complaint.text.startswith("```", at):
        advice = phrase("delete this line, and the one with ``` at the end")
        return _mistake(at, phrase("``` belongs to Markdown and not to the file"), advice, at + 3)
    opened = _last_open_bracket(complaint) if not complaint.char.strip() else None
    if opened is not None:
        return _open_bracket(opened, complaint.text[opened])
    problem = phrase("a text cannot begin with {char}", char=complaint.char or "…")
    return _mistake(at, problem, _QUOTE_IT)


def _last_open_bracket(complaint: Complaint) -> int | None:
    """Where the innermost bracket stands that is open at the end of the file."""
    opened: list[int] = []
    for token in complaint.tokens():
        if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
            opened.append(token.start_mark.index)
        elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken) and opened:
            opened.pop()
    return opened[-1] if opened else None


def _alias(complaint: Complaint) -> Mistake:
    """`*.txt`, `& x`: also what stands in a directive or tag, which nobody writes by mistake."""
    char = complaint.text[complaint.begun : complaint.begun + 1]
    if char in ("*", "&"):
        kind = phrase("the name of an anchor") if char == "*" else phrase("an anchor")
        problem = phrase("{char} begins {kind}, and none follows", char=char, kind=kind)
        return _mistake(complaint.begun, problem, _QUOTE_IT)
    return _tag(complaint) if char == "!" else _directive(complaint)


def _tag(complaint: Complaint) -> Mistake:
    return _mistake(complaint.begun, phrase("this is not a valid tag"),
                    phrase("quote the text if it begins with an exclamation mark"))  # fmt: skip


def _directive(complaint: Complaint) -> Mistake:
    start = complaint.line_start(complaint.begun)
    return _mistake(start, phrase("a line that begins with % is a directive, and this is none"),
                    phrase("put the text in quotes, or delete the line"))  # fmt: skip


def _block_header(complaint: Complaint) -> Mistake:
    char = complaint.text[complaint.begun : complaint.begun + 1]
    if char not in ("|", ">"):
        return _directive(complaint)
    problem = phrase("text behind {char} in the same line", char=char)
    advice = phrase("begin the text in the next line, indented; or put it in quotes")
    return _mistake(complaint.at, problem, advice)


def _dash_in_line(complaint: Complaint) -> Mistake:
    advice = phrase("write each item in a line of its own, or put the text in quotes")
    return _mistake(complaint.at, phrase("a list cannot begin in the line of its key"), advice)


def _question_mark(complaint: Complaint) -> Mistake:
    return _mistake(complaint.at, phrase("a question mark and a blank begin a key"), _QUOTE_IT)


def _plain_colon(complaint: Complaint) -> Mistake:
    return _mistake(complaint.at, phrase("a colon cannot stand here"), _QUOTE_IT)


_COMPLAINTS: tuple[tuple[str, Callable[[Complaint], Mistake]], ...] = (
    ("mapping values are not allowed", _second_colon),
    ("could not find expected ':'", _no_colon),
    ("did not find expected key", _unfitting),
    ("expected <block end>", _unfitting),
    ("expected '-' indicator", _no_dash),
    ("<document start>", _second_value),
    ("expected ',' or", _in_brackets),
    ("found unexpected end of stream", _unclosed),
    ("found unexpected document", _unclosed),
    ("unknown escape character", _escape),
    ("hexdecimal number", _escape),
    ("hexadecimal number", _escape),
    ("invalid Unicode character escape", _escape),
    ("cannot start any token", _first_character),
    ("node content", _first_character),
    ("sequence entries are not allowed", _dash_in_line),
    ("mapping keys are not allowed", _question_mark),
    ("unexpected ':'", _plain_colon),
    ("alphabetic or numeric", _alias),
    ("comment or", _block_header),
    ("indentation indicator", _block_header),
    ("indentation or unclosed", _in_brackets),
    ("directive", _directive),
    ("version number", _directive),
    ("incompatible YAML", _directive),
    ("digit", _directive),
    ("expected whitespace", _alias),
    ("non-alphabetical", _directive),
    ("tag", _tag),
    ("URI", _tag),
    ("'!'", _tag),
    ("'>'", _tag),
    ("UTF-8 octet", _tag),
)
"""A part of the parser's complaint -> who looks at the text; the first that fits."""
