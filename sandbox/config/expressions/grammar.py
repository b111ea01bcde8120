"""The grammar of `${...}`: text -> parts, by recursive descent. Nothing is ever evaluated as code.

    template   = { text | "${" expression "}" }
    expression = reference | call
    reference  = name { "." segment }
    call       = name "(" ( bare text | [ argument { "," argument } ] ) ")" { part }
    part       = "." segment | "[" number | quoted text "]"
    argument   = quoted text | number | call | reference | bare word

A bare text, as in `file(./f.txt)`, is one that cannot be a reference. A `${` with no `}` after it
is text, as for the official tool. What stands in braces and does not fit the grammar is a
GrammarError, with a hint at what was probably meant.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text import scalars

__all__ = ["FORMS", "Call", "Expression", "GrammarError", "Literal", "Reference", "parse_template"]

MAX_CALL_DEPTH = 16

_NAME = re.compile(r"[^\W\d][\w-]*")
_SEGMENT = re.compile(r"[\w$-]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(?=\s*[,)])")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_BARE = re.compile(r"([\w./~@:-]+)(?=\s*\))")
_BRACKETS = re.compile(r"""\[(?:(\d+)|'([^']*)'|"([^"]*)")\]""")
_BLANKS = re.compile(r"\s*")

ROOTS = ("vars", "this", "that", "resources", "components")
"""What a reference begins with."""

_NO_OPERATORS = phrase("the official tool has no operators; env('X', 'default') gives a default")
_CLOSE_QUOTE = phrase("a text has the same quote at both ends: env('NAME')")

_HINTS = {
    "[": phrase("write ${{vars.list.0}} or ${{vars.map.key}}: brackets are not supported"),
    "(": phrase(
        "methods cannot be called; only the functions env, config, file, path and the like"
    ),
    "'": _CLOSE_QUOTE,
    '"': _CLOSE_QUOTE,
    **dict.fromkeys("|?:+-*/%=<>&!", _NO_OPERATORS),
}
_FIRST_HINTS = {
    "}": phrase("name a variable in the braces, such as ${{vars.name}}"),
    **dict.fromkeys("'\"0123456789", phrase("write a value itself without ${{...}}; the official "
                                            "tool has no operators")),
}  # fmt: skip
"""Where nothing else stands in the braces yet."""

FORMS = phrase("for example ${{vars.name}}, ${{this.props.name}} or ${{env('NAME', 'default')}}")


class Literal(NamedTuple):
    value: str | int | float


class Reference(NamedTuple):
    path: tuple[str, ...]


class Call(NamedTuple):
    name: str
    arguments: tuple[Argument, ...]
    tail: tuple[str, ...]


class Expression(NamedTuple):
    """One `${...}`: what it means, and how it was written."""

    root: Call | Reference
    text: str


Argument = Literal | Call | Reference


class GrammarError(Exception):
    """`problem` at `offset` of the template, and how to write it instead."""

    def __init__(self, problem: Phrase, offset: int, hint: Phrase) -> None:
        super().__init__(problem.template)
        self.problem = problem
        self.offset = offset
        self.hint = hint


def parse_template(text: str) -> list[str | Expression]:
    """The parts of a scalar's text. One part that is an Expression: the value keeps its type."""
    if "<%" in text and "%>" in text[text.index("<%") :]:
        raise GrammarError(
            phrase("<% %> is not supported"), text.index("<%"), phrase("write ${{...}}")
        )
    parts: list[str | Expression] = []
    position = 0
    while (start := text.find("${", position)) >= 0 and text.find("}", start) >= 0:
        if start > position:
            parts.append(text[position:start])
        parser = _Parser(text, start + 2)
        root = parser.expression()
        parts.append(Expression(root, text[start : parser.position]))
        position = parser.position
    if position < len(text):
        parts.append(text[position:])
    return parts


class _Parser:
    """Parses one expression that begins at `position`; stops behind its closing brace."""

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._start = position
        self.position = position

    def expression(self) -> Call | Reference:
        start = self.position
        root = self._operand(0)
        self._skip_blanks()
        written = self._text[start : self.position]
        if not self._take("}"):
            raise self._unexpected()
        if isinstance(root, Reference) and written != written.strip():
            name = ".".join(root.path)
            hint = phrase("write ${{{name}}}: blanks are not ignored here", name=name)
            raise GrammarError(phrase("blanks around a name"), start, hint)
        return root

    def _operand(self, depth: int) -> Call | Reference:
        self._skip_blanks()
        name = self._match(_NAME)
        if name is None:
            raise self._unexpected()
        if not self._take("("):
            return Reference((name, *self._tail()))
        if depth >= MAX_CALL_DEPTH:
            problem = phrase("more than {limit} calls in each other", limit=MAX_CALL_DEPTH)
            hint = phrase("write one of the inner calls below `vars`, and refer to it")
            raise GrammarError(problem, self.position, hint)
        return Call(name, self._arguments(depth + 1), self._tail(after_call=True))

    def _tail(self, after_call: bool = False) -> tuple[str, ...]:
        """Brackets may follow a call only, as for the official tool."""
        segments = []
        while True:
            brackets = _BRACKETS.match(self._text, self.position) if after_call else None
            if brackets:
                self.position = brackets.end()
                segments.append(next(each for each in brackets.groups() if each is not None))
            elif not self._take("."):
                return tuple(segments)
            else:
                segments.append(self._segment())

    def _segment(self) -> str:
        segment = self._match(_SEGMENT)
        if segment is None:
            raise self._unexpected()
        return segment

    def _arguments(self, depth: int) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        self._skip_blanks()
        if self._take(")"):
            return ()
        bare = self._bare()
        if bare is not None:
            return (bare,)
        while True:
            arguments.append(self._argument(depth))
            self._skip_blanks()
            if self._take(")"):
                return tuple(arguments)
            if not self._take(","):
                raise self._unexpected()

    def _bare(self) -> Literal | None:
        """The only argument of a call, without quotes, and its closing bracket."""
        match = _BARE.match(self._text, self.position)
        if match is None or _NUMBER.match(self._text, self.position):
            return None
        if match[1].partition(".")[0] in ROOTS and "." in match[1]:
            return None
        self.position = match.end()
        self._skip_blanks()
        self._take(")")
        return Literal(match[1])

    def _argument(self, depth: int) -> Argument:
        self._skip_blanks()
        quoted = _QUOTED.match(self._text, self.position)
        if quoted:
            self.position = quoted.end()
            return Literal(quoted.group(1) if quoted.group(2) is None else quoted.group(2))
        number = self._match(_NUMBER)
        if number is not None:
            value = scalars.resolve(number)
            return Literal(value if isinstance(value, int | float) else number)
        return self._operand(depth)

    def _skip_blanks(self) -> None:
        self._match(_BLANKS)

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def _take(self, char: str) -> bool:
        if not self._text.startswith(char, self.position):
            return False
        self.position += 1
        return True

    def _unexpected(self) -> GrammarError:
        char = self._text[self.position : self.position + 1]
        found = (
            phrase("unexpected {char}", char=repr(char)) if char else phrase("it ends too early")
        )
        is_first = not self._text[self._start : self.position].strip()
        hint = _FIRST_HINTS.get(char) if is_first else None
        return GrammarError(found, self.position, hint or _HINTS.get(char, FORMS))
