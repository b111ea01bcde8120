"""The values that expressions come to: how they are marked, walked, and spoken of."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.config.expressions.grammar import Call, Literal
from sandbox.config.messages.findings import Near, near
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text.source import Broken, Node, Span, Value

__all__ = [
    "FaultError", "Settled", "advice_below", "child_at", "file_in", "is_final", "is_template",
    "part_of", "settled", "stays_literal", "this_at", "written", "written_at",
]  # fmt: skip

_INDEX = re.compile(r"[0-9]{1,6}")
_AFTER_DEPLOY = ("output", "info")
"""`${resources.x.output.y}` is known only once x is deployed: such text stays as it is."""


class Settled(str):
    """A text that came out of an expression: `${` in it is text, and is not looked at again."""


class FaultError(Exception):
    """The expression at hand has no value. No `code`: the finding is made elsewhere already."""

    def __init__(self, code: str = "", **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


def is_final(value: Value) -> bool:
    """A number, or a text without expressions: most of a file."""
    if isinstance(value, str):
        return not is_template(value)
    return not isinstance(value, dict | tuple)


def is_template(text: str) -> bool:
    return ("${" in text or "<%" in text) and not isinstance(text, Settled)


def settled(node: Node) -> Node:
    """What a call gave (nothing deeper than a file may be), its texts no templates any more."""
    value = node.value
    if isinstance(value, str):
        return node._replace(value=Settled(value)) if is_template(value) else node
    if isinstance(value, dict):
        return node._replace(
            value={key: entry._replace(node=settled(entry.node)) for key, entry in value.items()}
        )
    if isinstance(value, tuple):
        return node._replace(value=tuple(map(settled, value)))
    return node


def written_at(node: Node, use: Span) -> Span | None:
    """Where a value used at `use` was written; None when it was made there, by a call."""
    at = node.origin or node.span
    is_own = at.source is use.source and use.start <= at.start < use.end
    return None if is_own else at


def written(path: tuple[str, ...]) -> str:
    return "${" + ".".join(path) + "}"


def this_at(path: tuple[str, ...], resource: str) -> str:
    """What `this` stands for at `path`: below another resource that one, in `vars` nothing."""
    if path[0] == "resources" and len(path) > 1:
        return path[1]
    return "" if path[0] == "vars" else resource


def stays_literal(path: tuple[str, ...]) -> bool:
    """What only the platform knows: the official tool leaves it as well."""
    if path[0] in ("components", "self", "shared"):
        return True
    later = len(path) > 2 and path[2] in _AFTER_DEPLOY
    return path[0] == "resources" and later


def child_at(node: Node, segment: str) -> Node | None:
    value = node.value
    if isinstance(value, Broken):
        return node
    if isinstance(value, dict):
        return value[segment].node if segment in value else None
    if isinstance(value, tuple) and _INDEX.fullmatch(segment) and int(segment) < len(value):
        item: Node = value[int(segment)]
        return item
    return None


def advice_below(
    node: Node, path: tuple[str, ...], first: int, known: Callable[[Node], Node] = lambda node: node
) -> Near | Phrase:
    """Why nothing is found at `path`, of which `node` stands before the step `first`."""
    for number in range(first, len(path)):
        node = known(node)
        found = child_at(node, path[number])
        if found is None:
            return _advice_at(node, ".".join(path[:number]), path[number])
        node = found
    return phrase("{name} is null, which counts as missing: write a value", name=".".join(path))


def _advice_at(node: Node, name: str, segment: str) -> Near | Phrase:
    """What to say of a node that has nothing at `segment`."""
    value = node.value
    if isinstance(value, dict):
        return near(segment, value)
    if isinstance(value, tuple):
        count = len(value)
        return phrase("{name} is a list of {count} items, counted from 0", name=name, count=count)
    if value is None:
        return phrase("{name} is null: write a map there", name=name)
    kind = phrase("a text") if isinstance(value, str) else phrase("a number, true or false")
    return phrase("{name} is {kind}: it has no parts", name=name, kind=kind)


def file_in(call: Call) -> str:
    """The name in `file('...')`, when that is the call's first argument."""
    inner = call.arguments[0] if call.arguments else None
    if not isinstance(inner, Call) or inner.name != "file" or not inner.arguments:
        return ""
    name = inner.arguments[0]
    return str(name.value) if isinstance(name, Literal) else ""


def part_of(span: Span, text: str, offset: int = 0) -> Span:
    """Where `text` stands in `span`; all of `span` when it is written with escapes there."""
    start = span.find(text, span.start + offset) if text else -1
    return span if start < 0 else Span(span.source, start, start + len(text))
