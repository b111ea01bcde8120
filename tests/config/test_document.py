"""The guards of the parser, positions, anchors and merge keys."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.messages.diagnostics import Diagnostic, render
from sandbox.config.messages.findings import Findings
from sandbox.config.text import document
from sandbox.config.text.document import MAX_DEPTH, MAX_FILE_BYTES, parse
from tests.config.support import data_of, tree

MIB = 1 << 20


def findings_of(text: str | bytes) -> list[Diagnostic]:
    findings = Findings()
    parse(text.encode() if isinstance(text, str) else text, "s.yaml", findings)
    return findings.items


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: c: 2\n", "FCB101", 2, 5),
        ("a: [1\nb: 2\n", "FCB101", 1, 4),
        ('a: "b\nc: 1\n', "FCB101", 1, 4),
        ("a: @b\n", "FCB101", 1, 4),
        (b"a: 1\nb: \xc4\xe3\n", "FCB103", 2, 4),
        (b"\xef\xbb\xbfa: \xff\n", "FCB103", 1, 4),
        (b"\xff\xfea\0", "FCB103", 1, 1),
        ("a: 1\nb\0: 2\n", "FCB104", 2, 2),
        ("a: \x1b[31m\n", "FCB104", 1, 4),
        ('a: "x\\0"\n', "FCB104", 1, 4),
        ("a: b\ufeff\n", "FCB104", 1, 5),
        ("a: 1\nb: 2\na: 3\n", "FCB107", 3, 1),
        ("a: 1\n---\nb: 2\n", "FCB108", 2, 1),
        ("a:\n\tb: 1\n", "FCB109", 2, 1),
        ("a: !Ref b\n", "FCB110", 1, 4),
        ("a: !!python/object:os.system b\n", "FCB110", 1, 4),
        ("a: !!int b\n", "FCB110", 1, 4),
        ("a: !!set {b}\n", "FCB110", 1, 4),
        ("a: {{ name }}\n", "FCB111", 1, 4),
        ("a: &x [*x]\n", "FCB112", 1, 8),
        ("a: *x\n", "FCB113", 1, 4),
        ("? [a]\n: b\n", "FCB114", 1, 3),
        ("", "FCB115", 1, 1),
        ("# only a comment\n", "FCB115", 1, 1),
        ("a: {<<: 1}\n", "FCB116", 1, 9),
    ],
)
def test_each_guard_names_the_place(text: str | bytes, code: str, line: int, column: int) -> None:
    (diagnostic,) = findings_of(text)

    assert (code, line, column) == (diagnostic.code, diagnostic.line, diagnostic.column)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * MIB, "FCB105"),
        ("{" * MIB, "FCB105"),
        ("- " * (MIB // 2), "FCB105"),
        ("? " * (MIB // 2), "FCB105"),
        ("{a: " * (MIB // 4), "FCB105"),
        ("".join(" " * depth + "a:\n" for depth in range(1000)), "FCB105"),
        ("a" * (MAX_FILE_BYTES + 1), "FCB102"),
        ("[" + "a," * (MIB // 2 - 1), "FCB106"),
        ("".join(f"%TAG !{n:05x}! x\n" for n in range(60_000)) + "--- a", "FCB117"),
        ("a: &a [" + "x," * 20 + "]\n" + "".join(
            f"{new}: &{new} [" + f"*{old}," * 20 + "]\n" for old, new in pairwise("abcdefg")
        ), "FCB106"),
        ("a: &a {b: &b {" + ",".join(f"k{n}: 1" for n in range(1000)) + "}}\nc: ["
         + "{<<: *b}," * 1000 + "]", "FCB106"),
    ],
)  # fmt: skip
def test_attacks_end_soon_with_one_finding(text: str, code: str) -> None:
    start = time.process_time()

    assert [code] == [each.code for each in findings_of(text)]
    assert time.process_time() - start < 1


def test_the_pure_parser_stops_at_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libyaml is missing."""
    import yaml

    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)

    assert tree("[" * MIB)[1] == ["FCB105"]
    assert tree("- " * (MIB // 2))[1] == ["FCB105"]
    assert tree('a: "\\Uffffffff"')[1] == ["FCB101"]
    assert data_of("a: [1, {b: é}]\n") == {"a": [1, {"b": "é"}]}


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert tree("[" * MAX_DEPTH + "]" * MAX_DEPTH)[1] == []
    assert tree("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))[1] == ["FCB105"]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfa: 1\nb: x\n",
        "a: 1\r\nb: x\r\n",
        "a: 1\t\nb: x \t \n",
        "\t\na: 1\n \t\nb: x\n",
        "a: 1\n\t# a comment\nb: x\n",
        "--- # {{ a comment }}\na: 1\nb: x\n...\n",
    ],
)
def test_harmless_characters_change_nothing(text: str | bytes) -> None:
    assert data_of(text) == {"a": 1, "b": "x"}


def test_a_duplicate_key_tells_both_places() -> None:
    (diagnostic,) = findings_of("m:\n  key: 1\n  'key': 2\n")

    assert (diagnostic.line, diagnostic.column, diagnostic.length) == (3, 3, 5)
    assert "line 2, column 3" in diagnostic.message


def test_all_placeholders_are_listed_once() -> None:
    text = "# {{ no }}\nname: '{{ fn-name }}'\nregion: {{region}}\nx: {{ region }} # {{ no }}\n"

    (diagnostic,) = findings_of(text)

    assert diagnostic.message == "unrendered template: fn-name, region"


def test_keys_are_text_and_positions_count_characters() -> None:
    node, _ = tree("中文: {1: a, true: b}\n")

    assert node is not None
    assert isinstance(node.value, dict)
    inner = node.value["中文"].node
    assert isinstance(inner.value, dict)
    assert list(inner.value) == ["1", "true"]
    key = inner.value["1"].key
    assert key.source.position(key.start) == (1, 6)


def test_aliases_and_merge_keys() -> None:
    text = """
base: &base {a: 1, b: 2}
other: &other {b: 3, c: 4}
one: {<<: *base, b: 5}
two: {<<: [*base, *other], d: 6}
three: {"<<": 1}
"""

    assert data_of(text) == {
        "base": {"a": 1, "b": 2},
        "other": {"b": 3, "c": 4},
        "one": {"a": 1, "b": 5},
        "two": {"a": 1, "b": 2, "c": 4, "d": 6},
        "three": {"<<": 1},
    }


def test_an_alias_can_be_a_key() -> None:
    assert data_of("a: &k name\n*k : 1\n") == {"a": "name", "name": 1}


YAML_PIECES = st.lists(
    st.sampled_from(
        ["a", "b", ":", "-", "[", "]", "{", "}", ",", "&", "*", "!", "|", ">", "'", '"', "%", "@",
         "`", "#", "?", "<<", "~", "1", ".5", "${", "vars.", "\t", "\r", "---", "...", "é", "中",
         "\0", " ", "\n", "\n  ", "  - "]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), YAML_PIECES.map(str.encode), st.text().map(str.encode)))
def test_any_bytes_give_a_tree_or_findings(data: bytes) -> None:
    findings = Findings()

    node = parse(data, "s.yaml", findings)

    assert node is not None or findings.items
    for diagnostic in findings.items:
        assert diagnostic.line <= data.count(b"\n") + 1
        assert "\0" not in render(diagnostic)
