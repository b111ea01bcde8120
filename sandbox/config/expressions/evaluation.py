"""Evaluates the expressions of one text: what they refer to and call is asked of `Variables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.config.expressions.grammar import FORMS, Argument, Call, Expression, Literal
from sandbox.config.expressions.values import (
    FaultError,
    part_of,
    settled,
    stays_literal,
    written,
    written_at,
)
from sandbox.config.messages.findings import Near, near
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text import scalars
from sandbox.config.text.source import BROKEN, Broken, Node, Span, Value

if TYPE_CHECKING:
    from sandbox.config.expressions.variables import Variables

__all__ = ["Evaluation"]


class Evaluation:
    """The evaluation of the expressions of one text."""

    def __init__(self, variables: Variables, span: Span, resource: str) -> None:
        self._variables = variables
        self._span = span
        self._resource = resource
        self._at = span
        self.origin: Span | None = None
        """Where the first value of a joined text was written."""

    def whole(self, expression: Expression) -> Node:
        """The value of a text that is one expression: its type is kept."""
        self._at = part_of(self._span, expression.text)
        try:
            return self._expression(expression)
        except FaultError as fault:
            self._variables.report(fault, self._at)
            return Node(BROKEN, self._span)

    def joined(self, parts: list[str | Expression]) -> Value:
        """The text of all parts. The first broken one ends it."""
        texts: list[str] = []
        at, is_escaped = self._span, False
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            self._at = at if is_escaped else part_of(at, part.text)
            if self._at.text != part.text:  # then none that follows can be found either
                is_escaped, self._at = True, self._span
            at = at._replace(start=min(self._at.start + len(part.text), at.end))
            try:
                texts.append(self._as_text(part))
            except FaultError as fault:
                self._variables.report(fault, self._at)
                return BROKEN
        return "".join(texts)

    def _as_text(self, part: Expression) -> str:
        node = self._expression(part)
        value, self.origin = node.value, self.origin or written_at(node, self._span)
        if not isinstance(value, str | int | float):
            raise FaultError("FCB206", what=part.text)
        return scalars.js_text(value)

    def _expression(self, expression: Expression) -> Node:
        root = expression.root
        if isinstance(root, Call):
            return self._call(root)
        if stays_literal(root.path):
            self._variables.warn_literal(expression.text, self._at)
            return Node(expression.text, self._at)
        return self._reference(root.path)

    def _call(self, call: Call) -> Node:
        arguments = [lambda each=each: self._argument(each) for each in call.arguments]
        node = settled(self._variables.call(call, arguments, self._at))
        self._variables.charge(node, self._at)
        return node

    def _argument(self, argument: Argument) -> Value:
        if isinstance(argument, Literal):
            return argument.value
        if isinstance(argument, Call):
            return self._call(argument).value
        if len(argument.path) == 1:
            return scalars.resolve(argument.path[0])  # env(X) is env('X'), and true is true
        return self._reference(argument.path).value

    def _reference(self, path: tuple[str, ...]) -> Node:
        if path[0] == "that" and self._resource:
            path = ("this", *path[1:])
        if path == ("this", "name") and self._resource:
            return Node(self._resource, self._at)
        full = self._from_root(path)
        node = self._variables.reference(full, self._resource)
        if node is None and path == ("this", "access"):
            node = self._variables.reference(("access",), self._resource)
        if node is None or node.value is None:
            advice = self._variables.advice(full, self._resource)
            raise FaultError("FCB201", what=written(path), advice=advice)
        if isinstance(node.value, Broken):
            raise FaultError
        self._variables.charge(node, self._at)
        return node

    def _from_root(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """`path` from the root of the file, with `this` written out."""
        if path[0] == "this" and self._resource:
            return ("resources", self._resource, *path[1:])
        if path[0] in self._variables.names:
            return path
        if path[0] == "this":
            raise FaultError(
                "FCB201", what=written(path), advice=phrase("`this` is known below a resource")
            )
        raise self._strange(path)

    def _strange(self, path: tuple[str, ...]) -> FaultError:
        """What begins with no root: what was meant can be told from its form."""
        what: Phrase | str = written(path)
        names = self._variables.resource_names()
        if path[1:2] == ("props",) and names:
            advice: Phrase | Near = near(path[0], names)
            what = phrase("the service or resource '{name}' in {text}", name=path[0], text=what)
            if path[0] in names:
                advice = phrase("write {text}", text=written(("resources", *path)))
        elif path[0] == "env" or (len(path) == 1 and path[0].isupper()):
            name = ".".join(path[1:] or path)
            advice = phrase("an environment variable is written ${{env('{name}')}}", name=name)
        else:
            advice = FORMS
        return FaultError("FCB201", what=what, advice=advice)
