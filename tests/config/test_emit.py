"""YAML text of a tree: reads back as the same values, and reads well."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.messages.findings import Findings
from sandbox.config.text.document import parse, text_is_usable
from sandbox.config.text.emit import yaml_text
from sandbox.config.text.source import BROKEN, Entry, Node, Source, Span
from tests.config.support import tree

NOWHERE = Span(Source("", ""), 0, 1)

TEXTS = st.text(st.characters(codec="utf-8")).filter(
    lambda text: text_is_usable(text) and "{{" not in text and "{%" not in text
)
TRICKY = st.sampled_from(
    ["no", "y", "010", "0o10", "1_000", "12:30", "1e3", "2024-01-01", "~", "", "<<", "=", "- a",
     "a: b", "a #b", "#", "a\n b\n", "a\n\nb", "\na", "a\n\n", " a\nb", "a \nb", "a\t\nb", "\u2028",
     "a\x85b", "'", '"', "\\", "---", "...\n", "a\r\nb", "\ufeffa", "a:", "?", "|", "% a", "@a",
     "*a", "&a", "!a", "${env('A')}", "{}", "[", "喜欢", "😀", "\x07", "0b1", "+.inf", "_1", "._5",
     "null ", "true\n", "x" * 200, "1.", "+1", "0x", "1__2", "NaN", ".nan", "Null", "-"]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.floats(allow_nan=False) | TEXTS | TRICKY
    | st.integers(-(2**53), 2**53)
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TRICKY | TEXTS, inner, max_size=4),
    max_leaves=12,
)


def node_of(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: Entry(NOWHERE, node_of(each)) for key, each in value.items()}, NOWHERE)
    if isinstance(value, list):
        return Node(tuple(map(node_of, value)), NOWHERE)
    return Node(value, NOWHERE)  # type: ignore[arg-type]


def data_of(node: Node) -> object:
    """All of a tree, nulls too; numbers as JavaScript has them, a key's order counts."""
    if isinstance(node.value, dict):
        return [(key, data_of(entry.node)) for key, entry in node.value.items()]
    if isinstance(node.value, tuple):
        return list(map(data_of, node.value))
    return (isinstance(node.value, bool), node.value)


def read_back(text: str) -> Node:
    findings = Findings()
    node = parse(text.encode(), "s.yaml", findings)
    assert [each for each in findings.items if each.severity == "error"] == []
    assert node is not None
    return node


@given(TREES)
def test_reads_back(value: object) -> None:
    """Whatever the tree: the same values, in the same order."""
    node = node_of(value)

    assert data_of(node) == data_of(read_back(yaml_text(node)))


@given(TEXTS | TRICKY)
def test_texts_are_texts_in_yaml_1_1_too(text: str) -> None:
    """A reader of the older YAML, such as PyYAML itself, sees the same text."""
    assert {"a": text, "b": [text]} == yaml.safe_load(yaml_text(node_of({"a": text, "b": [text]})))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"edition": "3.0.0"}, "edition: 3.0.0\n"),
        ({"a": "010"}, "a: '010'\n"),
        ({"a": "no", "b": "y", "c": "1e3"}, "a: 'no'\nb: 'y'\nc: '1e3'\n"),
        ({"a": 1.0, "b": 0.5, "c": True, "d": None}, "a: 1\nb: 0.5\nc: true\nd: null\n"),
        ({"a": math.inf, "b": -math.inf}, "a: .inf\nb: -.inf\n"),
        ({"a": ["b", {"c": "d", "e": "f"}]}, "a:\n  - b\n  - c: d\n    e: f\n"),
        ({"a": {}, "b": []}, "a: {}\nb: []\n"),
        ({"a": "你好, 世界 😀"}, "a: 你好, 世界 😀\n"),
        ({"a": "x\n  y\n"}, "a: |\n  x\n    y\n"),
        ({"a": "x\ny"}, "a: |-\n  x\n  y\n"),
        ({"a": "x\n\n"}, 'a: "x\\n\\n"\n'),
        ({"a": "word " * 60}, f"a: '{'word ' * 60}'\n"),
        ({"a": "${env('A')}-${vars.b}"}, "a: ${env('A')}-${vars.b}\n"),
        ({"1": "a", "no": "b", "<<": "c"}, "'1': a\n'no': b\n'<<': c\n"),
        ({"z": "1st", "a": "10.0.0.1"}, "z: 1st\na: 10.0.0.1\n"),
    ],
)  # fmt: skip
def test_form(value: object, text: str) -> None:
    """As a person would write it: quotes where they are needed, blocks for many lines."""
    assert text == yaml_text(node_of(value))


def test_not_a_number() -> None:
    node, _ = tree(yaml_text(node_of({"a": math.nan})))

    assert node is not None
    assert isinstance(node.value, dict)
    assert math.isnan(node.value["a"].node.value)


def test_shared_nodes_are_written_out() -> None:
    """An alias would be read back, but its anchor is a riddle to people."""
    shared = node_of({"b": "c"})
    node = Node({"x": Entry(NOWHERE, shared), "z": Entry(NOWHERE, shared)}, NOWHERE)

    assert yaml_text(node) == "x:\n  b: c\nz:\n  b: c\n"


def test_a_broken_value_is_nothing() -> None:
    assert yaml_text(Node({"a": Entry(NOWHERE, Node(BROKEN, NOWHERE))}, NOWHERE)) == "a: null\n"
