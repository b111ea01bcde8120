"""A tree of nodes -> YAML text that reads back as the same values.

The writing is PyYAML's. Which texts need quotes is decided here, since PyYAML knows YAML 1.1 only
and our readers are of 1.2: a text stays plain when neither of the two, nor js-yaml, takes it for
something else.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from sandbox.config.text import scalars
from sandbox.config.text.source import Broken, Node

__all__ = ["yaml_text"]

INDENT_COLUMNS = 2
NO_WRAPPING_COLUMNS = 1 << 30

_TAG = "tag:yaml.org,2002:"
_BLOCK_TEXT = re.compile(r"[^\s\ufeff][^\r\t\x85\u2028\u2029\ufeff]*")
_BREAK = re.compile("[\n\r\x85\u2028\u2029\ufeff]")
"""What one YAML or the other takes for the end of a line, or drops."""

_BLANK_AT_END = re.compile(r"[ ](\n|$)")
_NUMBER_OF_ANY_KIND = re.compile(
    r"[-+]?(0[box]?[\da-fA-F_]+|[\d_]+(\.[\d_]*)?([eE][-+]?\d+)?|\.[\d_]+([eE][-+]?\d+)?)"
)
"""js-yaml takes underscores and binary digits for numbers, and an exponent without a point."""

_LOOKS_ODD = re.compile(r"-|(?![\x00-\x7f])\W")
"""Texts that begin like this are texts, but to people they look like a list item, or a quote."""

_SHORT_WORDS = frozenset(("y", "Y", "n", "N"))
"""Booleans of YAML 1.1 that PyYAML leaves out."""


def yaml_text(node: Node) -> str:
    """The YAML 1.2 document of `node`. Comments are gone, and aliases are written out."""
    text: str = yaml.serialize(
        _written(node), Dumper=_Dumper, allow_unicode=True,
        indent=INDENT_COLUMNS, width=NO_WRAPPING_COLUMNS,
    )  # fmt: skip
    return text


def _written(node: Node) -> yaml.Node:
    value = node.value
    if isinstance(value, dict):
        entries = [(_text(key, is_key=True), _written(entry.node)) for key, entry in value.items()]
        return yaml.MappingNode(f"{_TAG}map", entries, flow_style=False)
    if isinstance(value, tuple):
        return yaml.SequenceNode(f"{_TAG}seq", list(map(_written, value)), flow_style=False)
    if isinstance(value, str):
        return _text(value)
    text = _literal(value)
    return yaml.ScalarNode(_tag_of(text), text)


def _tag_of(text: str) -> str:
    """The tag of a plain scalar in YAML 1.2."""
    names = {bool: "bool", int: "int", float: "float", str: "str"}
    return f"{_TAG}{names.get(type(scalars.resolve(text)), 'null')}"


def _literal(value: float | bool | Broken | None) -> str:
    if value is None or isinstance(value, Broken):
        return "null"
    text = scalars.js_text(value)
    return {"NaN": ".nan", "Infinity": ".inf", "-Infinity": "-.inf"}.get(text, text)


def _text(text: str, is_key: bool = False) -> yaml.Node:
    style = None
    if _BREAK.search(text):
        style = "|" if _is_block_text(text) and not is_key else '"'
    elif _is_mistakable(text):
        style = "'"
    return yaml.ScalarNode(f"{_TAG}str", text, style=style)


def _is_block_text(text: str) -> bool:
    """Whether a literal block shows the text as it is, without an indentation in figures."""
    return (
        "\n" in text
        and _BLOCK_TEXT.fullmatch(text) is not None
        and not text.endswith("\n\n")
        and _BLANK_AT_END.search(text) is None
    )


def _is_mistakable(text: str) -> bool:
    """Whether a reader could take the plain text for something that is no text."""
    return (
        text in _SHORT_WORDS
        or not isinstance(scalars.resolve(text), str)
        or _LOOKS_ODD.match(text) is not None
        or _NUMBER_OF_ANY_KIND.fullmatch(text) is not None
        or _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False)) != f"{_TAG}str"
    )


_YAML_1_1: Any = yaml.resolver.Resolver()


class _Dumper(yaml.SafeDumper):
    """Leaves the tags out, which are decided already, and indents lists below their keys."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit == (True, False):
            return _tag_of(value)
        return _YAML_1_1.resolve(kind, value, implicit)

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)
