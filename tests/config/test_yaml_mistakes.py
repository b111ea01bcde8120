"""Broken YAML as people write it: what is said about it, and where."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.messages.diagnostics import Diagnostic, render
from sandbox.config.messages.findings import Findings
from sandbox.config.messages.texts import in_words
from sandbox.config.text import complaints, document, mistakes
from sandbox.config.text.document import parse
from sandbox.config.text.source import Source

MIB = 1 << 20

BEHIND = "text behind the closing quote"
UNCLOSED = "a quote is opened here"
NO_COLON = "a key and its colon are missing"
NO_BLANK = "no blank after the colon"
NO_DASH_BLANK = "no blank after the dash"
SECOND = "a second ': '"
INDENTATION = "the indentation of this line"
BLANKS = "looks like a blank"
COMMENT = "a comment begins with #"
ESCAPE = "in single quotes"
CLOSE_IT = "never closed"
QUOTE_IT = "put the text in quotes"
EQUALS = "a = where a colon is needed"
COLON = "the full-width ： stands where YAML wants ':'"
ITEM = "a list item cannot stand here"
LEFT = "further left than the first one"
LONG = "k" * 1100
TOO_LONG = "a key may have at most 1024 characters"

MISTAKES = {
    # --- quotes
    "an open double quote": ('a: 1\nb: "c\nd:\n  e: 1\n', "FCB101", 2, 4, UNCLOSED),
    "an open single quote": ("a: 1\nb: 'c\nd: 1\n", "FCB101", 2, 4, UNCLOSED),
    "an open quote and quotes below": ('a: "b\nc: "d"\n', "FCB101", 1, 4, UNCLOSED),
    "an open quoted key": ('a: 1\n"b: 1\nc": 2\n', "FCB101", 2, 1, UNCLOSED),
    "two kinds of quotes": ("a: 'b\"\nc: 1\n", "FCB101", 1, 4, UNCLOSED),
    "an apostrophe": ("a: 'it's me'\nb: 1\n", "FCB101", 1, 8, "is written ''"),
    "quotes in quotes": ('a: "say "hi" now"\n', "FCB101", 1, 10, 'is written \\"'),
    "text behind a quoted text": ('a: "b" c\n', "FCB101", 1, 8, BEHIND),
    "quotes written twice": ('a: ""b""\n', "FCB101", 1, 6, BEHIND),
    "a quote escaped in single quotes": ("a: 'x\\'y'\n", "FCB101", 1, 8, "is written ''"),
    "a quoted key without a colon": ('"a" 1\nb: 2\n', "FCB101", 1, 5, BEHIND),
    "typographic quotes": ("a: “b”\n", "FCB133", 1, 4, "belong to the text “b”"),
    "typographic single quotes": ("a: ‘b’\n", "FCB133", 1, 4, "belong to the text"),
    "full-width quotes": ("a: ＂b＂\n", "FCB133", 1, 4, "YAML knows only"),
    "a key in typographic quotes": ("“a”: b\n", "FCB133", 1, 1, "belong to the text"),
    "typographic quotes and a colon": ("a: “b: c”\n", "FCB131", 1, 4, "write the quotes as"),
    # --- variables without quotes, and what is too long or half
    "a variable in braces": ('a: {b: ${env("X")}}\n', "FCB101", 1, 8, "write '${env(\"X\")}'"),
    "a variable in brackets": ("a: [b, ${vars.x}]\n", "FCB101", 1, 8, 'write "${vars.x}"'),
    "a variable in a text in brackets": ("a: [b-${c.d}]\n", "FCB101", 1, 7, "whole text in quotes"),
    "a variable in braces, of two quotes": (
        "a: {b: ${env('X', \"\")}}\n", "FCB101", 1, 8, "${...} needs quotes inside brackets"),
    "a variable in a list of many lines": ("a: [\n  ${b.c}\n]\n", "FCB101", 2, 3, "needs quotes"),
    "half a character": ('a: "\\ud800"\n', "FCB101", 1, 5, "\\ud800 is half a character"),
    "a long key": (f"a:\n  {LONG}: 1\n", "FCB101", 2, 3, TOO_LONG),
    "a long key in quotes": (f'a:\n  "{LONG}": 1\n', "FCB101", 2, 3, TOO_LONG),
    "a long key in braces": (f"a: {{{LONG}: 1}}\n", "FCB101", 1, 5, TOO_LONG),
    # --- colons
    "no colon": ("a: 1\nname\nb: 1\n", "FCB101", 2, 1, NO_COLON),
    "no colon, first in its map": ("a:\n  region cn\n  b: 1\n", "FCB101", 2, 3, NO_COLON),
    "no colon, last in its map": ("a:\n  b: 1\n  region cn\n", "FCB101", 3, 3, NO_COLON),
    "a colon in the value": ("a: b: c\n", "FCB101", 1, 5, "in quotes: a: 'b: c'"),
    "a colon in a value below": ("d:\n  - a: b: c\n", "FCB101", 2, 9, SECOND),
    "a colon in a variable": ("a: ${env('A', 'x: y')}\n", "FCB101", 1, 17, SECOND),
    "no key": ("a: 1\n: b\n", "FCB101", 2, 1, "no key before the colon"),
    "no blank": ("name:value\nb: 1\n", "FCB101", 1, 5, NO_BLANK),
    "no blank, below": ("a:\n  region:cn\n  b: 1\n", "FCB101", 2, 9, "write region: and a blank"),
    "no blank, last": ("a:\n  b: 1\n  region:cn\n", "FCB101", 3, 9, NO_BLANK),
    "no blank in the only line": ("a:\n  region:cn\n", "FCB134", 2, 9, NO_BLANK),
    "a full-width colon": ("name：value\nb: 1\n", "FCB131", 1, 5, COLON),
    "a full-width colon, below": ("a:\n  地区: 1\n  b：2\n", "FCB131", 3, 4, COLON),
    "a Chinese key with a full-width colon": ("a:\n  地区：b\n  c: 1\n", "FCB131", 2, 5, COLON),
    "a full-width colon before a map": ("vars：\n  b: 1\n", "FCB131", 1, 5, COLON),
    "a full-width colon in the only line": ("a:\n  b：1\n", "FCB134", 2, 4, "write b: and a blank"),
    "an equals sign": ("a: 1\nb = 2\nc: 3\n", "FCB101", 2, 3, EQUALS),
    "lines of a .env": ("e:\n  A=1\n  B: 2\n", "FCB101", 2, 4, EQUALS),
    "only lines of a .env": ("e:\n  A=1\n  B=2\n", "FCB134", 2, 4, EQUALS),
    "a key of 1,100 characters": (f"{LONG}: 1\n", "FCB101", 1, 1, TOO_LONG),
    # --- indentation
    "a tab": ("a:\n\tb: 1\n", "FCB109", 2, 1, "blanks only"),
    "a tab behind blanks": ("a:\n  b: 1\n  \tc: 2\n", "FCB109", 3, 3, "blanks only"),
    "too far right": ("a: 1\n  b: 2\n", "FCB101", 2, 3, "deeper than the one above"),
    "too far right, behind a text": ("a: b\n  c: d\n", "FCB101", 2, 3, "deeper than"),
    "between two levels": ("a:\n    b: 1\n  c: 2\n", "FCB101", 3, 3, "would fit: 4, 0"),
    "between two levels of props": (
        "r:\n  f:\n    props:\n        a: 1\n      b: 2\n", "FCB101", 5, 7, "fit: 8, 4, 2, 0"),
    "the first line too far right": ("  a: 1\nb: 2\n", "FCB101", 2, 1, LEFT),
    "a text that moves left": ("a: |\n  x\n y\nb: 1\n", "FCB101", 3, 2, INDENTATION),
    "no-break spaces": ("a:\n\u00a0\u00a0b: 1\n", "FCB132", 2, 1, "U+00A0"),
    "full-width blanks": ("a:\n  b: 1\n　　c: 2\n", "FCB132", 3, 1, "U+3000"),
    "a no-break space among blanks": ("a:\n  b: 1\n \u00a0c: 2\n", "FCB132", 3, 2, BLANKS),
    "a no-break space behind a colon": ("a:\u00a0b\nc: 1\n", "FCB132", 1, 3, BLANKS),
    "a no-break space in the only line": ("a:\n  b:\u00a0c\n", "FCB132", 2, 5, BLANKS),
    "a zero-width space": ("a: 1\n\u200bb: 2\n", "FCB132", 2, 1, "U+200B"),
    # --- lists
    "items in two columns": ("a:\n  - x\n - y\n", "FCB101", 3, 2, ITEM),
    "an item in a map": ("a:\n  b: 1\n  - x\n", "FCB101", 3, 3, ITEM),
    "a key in a list": ("a:\n  - x\n  b: 1\n", "FCB101", 3, 3, "this line has no dash"),
    "a stray dash": ("a: 1\n-\nb: 2\n", "FCB101", 2, 1, ITEM),
    "a list in the line of its key": ("a: - x\n", "FCB101", 1, 4, "each item in a line"),
    "no blank after a dash": ("a:\n  - x\n  -y\n", "FCB101", 3, 3, NO_DASH_BLANK),
    "no blank after a dash, a map": ("a:\n  - b: 1\n  -c: 2\n", "FCB101", 3, 3, NO_DASH_BLANK),
    "no blank after any dash": ("a:\n  -x\n  -y\n", "FCB134", 2, 3, NO_DASH_BLANK),
    # --- first characters
    "an at sign": ("a: @b\n", "FCB101", 1, 4, "cannot begin with @"),
    "a backtick": ("a: `b`\n", "FCB101", 1, 4, "cannot begin with `"),
    "a percent sign": ("a: %b\n", "FCB101", 1, 4, "cannot begin with %"),
    "a comma": ("a: ,b\n", "FCB101", 1, 4, "cannot begin with ,"),
    "a line with a percent sign": ("a: 1\n%b\n", "FCB101", 2, 1, "directive"),
    "a star": ("a: *.txt\n", "FCB101", 1, 4, QUOTE_IT),
    "a schedule of stars": ("a: * * * * *\n", "FCB101", 1, 4, QUOTE_IT),
    "an ampersand": ("a: & b\n", "FCB101", 1, 4, QUOTE_IT),
    "a question mark": ("a: ? b\n", "FCB101", 1, 4, QUOTE_IT),
    "an open tag": ("a: !<x b\n", "FCB101", 1, 4, "exclamation mark"),
    "a tag of nobody": ("a: !x!y b\n", "FCB101", 1, 4, "exclamation mark"),
    "text behind a bar": ("a: | text\n  b\n", "FCB101", 1, 6, "in the next line"),
    # --- brackets
    "an open list": ("a: [1, 2\nb: 2\n", "FCB101", 1, 4, CLOSE_IT),
    "an open map": ("a: {b: 1\nc: 2\n", "FCB101", 1, 4, CLOSE_IT),
    "an open list at the end": ("a:\n  b: [\n", "FCB101", 2, 6, CLOSE_IT),
    "an open list in an open map": ("a: {b: [1, 2,\n", "FCB101", 1, 8, CLOSE_IT),
    "an open map at the end": ("a: {b: [1, 2], c:\n", "FCB101", 1, 4, CLOSE_IT),
    "an open placeholder": ("a: {b\n", "FCB101", 1, 4, CLOSE_IT),
    "a bracket too many": ("a: [1, 2]]\nb: 1\n", "FCB101", 1, 10, "] closes nothing"),
    "a brace too many": ("a: {b: 1}}\n", "FCB101", 1, 10, "} closes nothing"),
    "a bracket alone": ("a: ]\n", "FCB101", 1, 4, "cannot begin with ]"),
    "the other bracket": ("a: [1, 2}\n", "FCB101", 1, 9, "write ]"),
    "no comma": ('{\n  "a": 1\n  "b": 2\n}\n', "FCB101", 2, 8, "a comma is missing"),
    # --- what other formats have
    "JSON with a comment": ('{\n  "a": 1, // c\n  "b": 2\n}\n', "FCB101", 2, 11, COMMENT),
    "JSON with a block comment": ('{\n  /* c */\n  "a": 1\n}\n', "FCB101", 2, 3, COMMENT),
    "a comment with slashes": ("// comment\na: 1\n", "FCB101", 1, 1, COMMENT),
    "a full-width comment": ("a: 1\n＃ comment\n", "FCB101", 2, 1, COMMENT),
    "TOML": ("[a]\nb = 1\n", "FCB101", 2, 1, "one map of keys and values"),
    "HTML": ("<html>\n<body>: x\n", "FCB101", 1, 1, NO_COLON),
    "a Markdown fence": ("```yaml\na: 1\n```\n", "FCB101", 1, 1, "Markdown"),
    "a Windows path": ('a: "C:\\Users\\x"\n', "FCB101", 1, 7, ESCAPE),
    "a Windows path of another drive": ('a: "D:\\code"\n', "FCB101", 1, 7, "\\c is no escape"),
    "a regular expression": ('a: "\\d+"\n', "FCB101", 1, 5, ESCAPE),
    "a short escape": ('a: "\\u12"\n', "FCB101", 1, 5, "\\u is no escape"),
    "a merge conflict": (
        "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", "FCB130", 2, 1, "two versions"),
    "a merge conflict below": (
        "a:\n  x: 1\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n", "FCB130", 3, 1, "git"),
    "the rest of a merge conflict": ("a: 1\nb: 2\n>>>>>>> x\n", "FCB130", 3, 1, "git"),
    # --- documents
    "a byte order mark inside": ("a: 1\n\ufeffb: 2\n", "FCB104", 2, 1, "U+FEFF"),
    "a second document": ("a: 1\n---\nb: 1\n", "FCB108", 2, 1, "one document"),
    "text behind the end": ("a: 1\n...\nb: 1\n", "FCB101", 3, 1, "the file could end above"),
    "a directive without ---": ("%YAML 1.2\na: 1\n", "FCB101", 2, 1, "write ---"),
    "a version of YAML to come": ("%YAML 2.0\n---\na: 1\n", "FCB101", 1, 1, "directive"),
}  # fmt: skip

FINE = {
    "key : value": "key : value\n",
    "a text that ends in a quote": 'a: b "c"\n',
    "an address": "a:\n  http://example.com:80/x?y=z\n",
    "a Chinese text with a colon": "a:\n  说明：这是一段文字\n",
    "Chinese quotes": "a: “你好”\n",
    "a Chinese paragraph": "a:\n  \u3000\u3000段落\n",
    "a negative number": "a:\n  -5\n",
    "a text in an item": "a:\n  - b:c\n  - D=1\n",
    "a key with a colon": "oss:x: 1\n",
    "texts in brackets": "a: [\n  acs:fc:x,\n  B=1,\n  -c\n]\nd: {\n  e: f=g\n}\n",
    "markers in a text": "a: |\n  <<<<<<< x\n",
    "a comment below a text": "a: 1\n # c\nb: 2\n",
    "comparisons": "a:\n  b==c\n",
}


PIECES = st.lists(
    st.sampled_from(
        ["a", "b: c", "：", ":", "-", "- ", "[", "]", "{", "}", ",", "'", '"', "“", "”", "\u3000",
         "\u00a0", "\t", " ", "\n", "\n  ", "\n    ", "=", "|", ">", "@", "`", "%", "*", "&", "!",
         "#", "//", "\\", "<<<<<<< x", "```", "${", "😀", "中文", "---", "\r\n"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(PIECES)
@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_any_mistake_has_words_and_a_place(loader: Any, language: str, text: str) -> None:
    """By both parsers, in both languages; nothing is left to fill in."""
    findings = Findings(language)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_LOADER", loader)
        patch.setattr(complaints, "_LOADER", loader)
        node = parse(text.encode(), "s.yaml", findings)

    assert node is not None or findings.items
    for each in findings.items:
        assert 1 <= each.line <= text.count("\n") + 1
        assert 1 <= each.column <= len(each.source_line) + 1
        assert each.message
        assert "{problem}" not in render(each)


def findings_of(text: str) -> list[Diagnostic]:
    findings = Findings()
    parse(text.encode(), "s.yaml", findings)
    return findings.items


@pytest.mark.parametrize(("text", "code", "line", "column", "words"), MISTAKES.values(),
                         ids=list(MISTAKES))  # fmt: skip
def test_what_is_said_and_where(text: str, code: str, line: int, column: int, words: str) -> None:
    found = findings_of(text)[-1]

    assert (code, line, column) == (found.code, found.line, found.column)
    assert words in f"{found.message}; {found.hint}"
    assert found.hint


@pytest.mark.parametrize("text", FINE.values(), ids=list(FINE))
def test_what_only_looks_odd_is_left_alone(text: str) -> None:
    assert findings_of(text) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_the_other_parser_is_understood_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libyaml is missing: its words are others, and nothing is quoted from them."""
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    monkeypatch.setattr(complaints, "_LOADER", yaml.SafeLoader)

    said = [each.message for each in findings_of(MISTAKES[name][0])]

    assert said
    assert [message for message in said if "the parser says" in message] == []


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * MIB + "b: c: d",
        "a:\n" + "  b c\n" * 150_000 + "  d: 1\n",
        "- " * 60 + "a" * MIB + ": b: c",
        "a: {" + "b: c, " * 15_000 + "d: e f: g",
        "".join(f"k{n}: v\n" for n in range(15_000)) + "x: 'a' b\n",
        "=" * MIB + ": a: b",
        "a：" * 300_000 + "\nb: 1",
        "\u3000" * 300_000 + "\nb: 1",
    ],
    ids=["blanks", "lines", "dashes", "items", "keys", "equals", "colons", "odd blanks"],
)
def test_a_mistake_in_a_large_file_is_found_soon(text: str) -> None:
    start = time.process_time()

    assert findings_of(text)
    assert time.process_time() - start < 1


LIBYAML = (
    "block sequence entries are not allowed in this context",
    "could not find expected ':'",
    "could not find expected directive name",
    "did not find URI escaped octet",
    "did not find expected '!'",
    "did not find expected ',' or ']'",
    "did not find expected ',' or '}'",
    "did not find expected '-' indicator",
    "did not find expected <document start>",
    "did not find expected alphabetic or numeric character",
    "did not find expected comment or line break",
    "did not find expected digit or '.' character",
    "did not find expected hexdecimal number",
    "did not find expected key",
    "did not find expected node content",
    "did not find expected tag URI",
    "did not find expected version number",
    "did not find expected whitespace",
    "did not find expected whitespace or line break",
    "did not find the expected '>'",
    "found an incorrect leading UTF-8 octet",
    "found an incorrect trailing UTF-8 octet",
    "found an indentation indicator equal to 0",
    "found character that cannot start any token",
    "found duplicate %TAG directive",
    "found duplicate %YAML directive",
    "found extremely long version number",
    "found incompatible YAML document",
    "found invalid Unicode character escape code",
    "found undefined tag handle",
    "found unexpected ':'",
    "found unexpected document indicator",
    "found unexpected end of stream",
    "found unexpected non-alphabetical character",
    "found unknown directive name",
    "found unknown escape character",
    "mapping keys are not allowed in this context",
    "mapping values are not allowed in this context",
)
"""All that its scanner and parser can say; what they say about tabs is found out before."""


@pytest.mark.parametrize("problem", LIBYAML)
def test_every_complaint_has_words_of_ours(problem: str) -> None:
    """Wherever it is made: nothing of the parser's own text is left."""
    source = Source("s.yaml", "a: *\n")
    for at in range(6):
        complaint = complaints.Complaint(source, problem, "", at, at)
        refused = mistakes.refusal(complaint)

        assert problem not in in_words(refused.fields["problem"], "en")
