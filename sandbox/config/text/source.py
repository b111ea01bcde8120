"""Text of a file with positions, and the nodes that are made from it.

A span is two offsets into the text. Lines and columns are worked out when a finding needs them,
by the rules of editors (a line ends at a newline) and not of YAML 1.1 (where U+2028 ends one).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = [
    "BROKEN",
    "CHARS_PER_NODE",
    "Broken",
    "Entry",
    "Node",
    "Source",
    "Span",
    "Value",
    "child",
    "is_broken",
    "items",
    "node_at",
    "weighed",
]

CHARS_PER_NODE = 64
"""So many characters of a text cost as much as a node."""


class Source:
    """The text of one file; `file` is the name that diagnostics show, `directory` where the
    paths in it begin (absolute)."""

    def __init__(self, file: str, text: str, directory: str = "") -> None:
        self.file = file
        self.text = text
        self.directory = directory
        self._starts = array("I", [0])
        self._starts.extend(match.end() for match in re.finditer("\n", text))
        self._lines: dict[int, str] = {}

    def with_text(self, text: str) -> Source:
        """The same file with characters exchanged one for one: all positions stay."""
        return Source(self.file, text, self.directory)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """One and the same string each time: a hundred findings in a line of a megabyte would
        else keep a hundred megabytes."""
        if number not in self._lines:
            start = self._starts[number - 1]
            end = self._starts[number] if number < len(self._starts) else len(self.text)
            self._lines[number] = self.text[start:end].rstrip("\r\n")
        return self._lines[number]


class Span(NamedTuple):
    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def find(self, text: str, start: int) -> int:
        """Where `text` stands in this span, at or after the offset `start`; -1 if nowhere."""
        return self.source.text.find(text, start, self.end)


class Broken:
    """The value of a node whose variables could not be resolved.

    The finding is already made; whoever meets this value stays quiet.
    """


BROKEN: Final = Broken()


class Node(NamedTuple):
    """A value and where it stands. `weight` is the number of nodes when all aliases are
    written out, which is what walking over the tree costs. `origin`: where the value was written,
    if it came here through a variable. `height`: the levels below it."""

    value: Value
    span: Span
    weight: int = 1
    origin: Span | None = None
    height: int = 0


class Entry(NamedTuple):
    """One entry of a map: where its key stands, and its node."""

    key: Span
    node: Node


Value = None | bool | int | float | str | tuple[Node, ...] | dict[str, Entry] | Broken


def weighed(value: Value, at: Span) -> Node:
    """A node whose weight and height are those of its direct parts, or of its text."""
    if isinstance(value, str):
        return Node(value, at, 1 + len(value) // CHARS_PER_NODE)
    parts: Sequence[Node] = value if isinstance(value, tuple) else ()
    if isinstance(value, dict):
        parts = [entry.node for entry in value.values()]
    weight = height = 1
    for part in parts:
        weight += part.weight
        if part.height >= height:
            height = part.height + 1
    return Node(value, at, weight, None, height if parts else 0)


def node_at(root: Node, path: tuple[str | int, ...]) -> Node:
    """The node at `path`, or the last one on the way there that exists."""
    node = root
    for step in path:
        if isinstance(node.value, dict) and step in node.value:
            node = node.value[str(step)].node
        elif isinstance(node.value, tuple) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            break
    return node


def child(node: Node | None, key: str) -> Node | None:
    """The value of `key` in a map; None when there is no map, no key or a null."""
    if node is None or not isinstance(node.value, dict) or key not in node.value:
        return None
    found = node.value[key].node
    return None if found.value is None else found


def is_broken(node: Node | None) -> bool:
    return node is not None and node.value is BROKEN


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a list; none when there is no list."""
    return node.value if node is not None and isinstance(node.value, tuple) else ()
