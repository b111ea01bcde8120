"""The variables of FC 2.0 in their 3.0 forms: text -> text.

    ${env(A)}  ${env.A}  ${config(AccountID)}     ${env('A')}  ${env('A')}  ${config('AccountID')}
    ${A.props.function.codeUri}                   ${resources.A.props.code}
    ${A.props.service.name}                       the name, as it stands in the file

`A` is a service of the file. Everything else is left alone: what 3.0 does not know gets its
finding where variables are resolved.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from sandbox.config.fc2.places import place_of
from sandbox.config.messages.findings import RefusedError
from sandbox.config.text.document import MAX_FILE_BYTES, MAX_NODES
from sandbox.config.text.source import Entry, Node, weighed

__all__ = ["References"]

MAX_CHARS = 2 * MAX_FILE_BYTES
"""Most text with variables in it. A file can have more only where it shares a service often."""

_EXPRESSION = re.compile(r"\$\{([^{}]*)\}")
_CALL = re.compile(r"(\w+)\(([^()]*)\)((?:\.[\w$-]+)*)")
_PATH = re.compile(r"[\w$-]+(?:\.[\w$-]+)+")
_NOT_A_TEXT = re.compile(r"(vars|this)\.|-?\d+(\.\d+)?$")
_SERVICE_NAME = ("props", "service", "name")


class References:
    """Rewrites the variables of a tree whose structure is already that of 3.0."""

    def __init__(
        self, keys: Container[str], functions: Container[str], names: Mapping[str, str]
    ) -> None:
        self._keys = keys
        self._functions = functions
        """Those of `keys` whose props have moved."""
        self._names = names
        """The names of their services, which have no place in 3.0."""
        self._done: dict[tuple[str, str], str] = {}
        self._left = MAX_CHARS

    def rewritten(self, node: Node, this: str = "") -> Node:
        """`node` with every variable rewritten; `this` stands for that resource."""
        value = node.value
        if isinstance(value, str):
            return self._text(node, value, this) if "${" in value else node
        if isinstance(value, dict):
            entries = {key: Entry(each.key, self.rewritten(each.node, this))
                       for key, each in value.items()}  # fmt: skip
            return weighed(entries, node.span)
        if isinstance(value, tuple):
            return weighed(tuple(self.rewritten(item, this) for item in value), node.span)
        return node

    def _text(self, node: Node, text: str, this: str) -> Node:
        self._left -= len(text)
        if self._left < 0:
            raise RefusedError("FCB106", node.span, limit=MAX_NODES)
        return node._replace(value=_EXPRESSION.sub(lambda match: self._known(match[1], this), text))

    def _known(self, inner: str, this: str) -> str:
        """A hostile text holds the same expression a hundred thousand times."""
        key = (inner, this)
        if key not in self._done:
            self._done[key] = self._expression(inner.strip(), this)
        return self._done[key]

    def _expression(self, inner: str, this: str) -> str:
        call = _CALL.fullmatch(inner)
        if call is not None:
            return f"${{{call[1]}({_quoted(call[2])}){call[3]}}}"
        path = tuple(inner.split(".")) if _PATH.fullmatch(inner) else ()
        return self._reference(path, this) if path else f"${{{inner}}}"

    def _reference(self, path: tuple[str, ...], this: str) -> str:
        head, rest = path[0], path[1:]
        if head == "env":
            return f"${{env('{'.'.join(rest)}')}}"
        if head == "services":
            head, rest = rest[0], rest[1:]
        key = this if head == "this" else head
        if rest == _SERVICE_NAME and key in self._names:
            return self._names[key]
        if key in self._functions and rest[:1] == ("props",):
            rest = ("props", *place_of(rest[1:]))
        if head in ("vars", "this", "resources") or head not in self._keys:
            return "${" + ".".join((head, *rest) if head == "this" else path) + "}"
        return "${" + ".".join(("resources", head, *rest)) + "}"


def _quoted(arguments: str) -> str:
    """`A, ./b` -> `'A', './b'`. Quotes, references and numbers are 3.0's already."""
    if not arguments.strip() or "'" in arguments or '"' in arguments:
        return arguments
    return ", ".join(
        each if _NOT_A_TEXT.match(each) else f"'{each}'"
        for each in map(str.strip, arguments.split(","))
    )
