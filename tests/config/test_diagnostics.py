"""Rendering, as people see it."""

from pathlib import Path

import pytest

from sandbox.config.messages.catalogue import CATALOGUE
from sandbox.config.messages.diagnostics import Diagnostic, render
from sandbox.config.messages.findings import Findings
from sandbox.config.text.document import parse
from tests.config.support import Project

PLAIN = Diagnostic("FCB312", "error", "timeout is 0", "s.yaml", 7, 14, "    timeout: 0", 1)


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        (
            PLAIN._replace(hint="use 3"),
            "s.yaml:7:14: error: timeout is 0 [FCB312]\n    timeout: 0\n             ^\n\n"
            "hint: use 3",
        ),
        (
            PLAIN._replace(source_line="区域: 上海市", column=5, length=3),
            "s.yaml:7:5: error: timeout is 0 [FCB312]\n区域: 上海市\n      ^^^^^^",
        ),
        (
            PLAIN._replace(source_line="\ta:\tb", column=5, length=9),
            "s.yaml:7:5: error: timeout is 0 [FCB312]\n    a:    b\n          ^",
        ),
        (
            PLAIN._replace(source_line="e\u0301: x", column=5, length=1),
            "s.yaml:7:5: error: timeout is 0 [FCB312]\ne\u0301: x\n   ^",
        ),
        (
            PLAIN._replace(source_line="ก\u0e31น\ufe0f: x", column=6, length=1),
            "s.yaml:7:6: error: timeout is 0 [FCB312]\nก\u0e31น\ufe0f: x\n   ^",
        ),
        (
            PLAIN._replace(source_line="😀👍: x", column=4, length=1),
            "s.yaml:7:4: error: timeout is 0 [FCB312]\n😀👍: x\n     ^",
        ),
        (
            PLAIN._replace(source_line="x: 한글，ｆｕｌｌ", column=7, length=4),
            "s.yaml:7:7: error: timeout is 0 [FCB312]\nx: 한글，ｆｕｌｌ\n         ^^^^^^^^",
        ),
        (
            PLAIN._replace(source_line="a\u200bb: x", column=5, length=1),
            "s.yaml:7:5: error: timeout is 0 [FCB312]\na\ufffdb: x\n    ^",
        ),
        (
            PLAIN._replace(line=0, severity="note", message="a\x1b[31m\nb"),
            "s.yaml: note: a\ufffd[31m\ufffdb [FCB312]",
        ),
        (PLAIN._replace(line=0, file=""), "error: timeout is 0 [FCB312]"),
    ],
)
def test_golden(diagnostic: Diagnostic, text: str) -> None:
    assert text == render(diagnostic)


def test_colour_adds_nothing_but_colour() -> None:
    import re

    diagnostic = PLAIN._replace(hint="use 3")
    coloured = render(diagnostic, color=True)

    assert "\033[1;31merror:\033[0m" in coloured
    assert render(diagnostic) == re.sub(r"\033\[[0-9;]*m", "", coloured)


def test_a_long_line_is_shown_around_the_caret() -> None:
    line = "x" * 5000 + "HERE" + "y" * 5000
    _, shown, carets = render(PLAIN._replace(source_line=line, column=5001, length=4)).split("\n")

    assert len(shown) < 170
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "HERE"


def test_many_findings_in_a_long_line_share_it() -> None:
    """A copy each would be 400 MB, with one emoji in the line."""
    line = "{😀: 1, p: '" + "x" * 900_000 + "', " + "k: 2, " * 90 + "}"
    findings = Findings()
    parse(f"# x\n{line}\n".encode(), "s.yaml", findings)

    assert len(findings.items) == 89
    assert len({id(each.source_line) for each in findings.items}) == 1


def test_a_finding_in_chinese_text_points_at_the_right_place(project: Project) -> None:
    text = "region: 地区-${vars.nope}-x"
    from tests.config.support import with_props

    (diagnostic,) = project.load(with_props(text)).diagnostics

    assert render(diagnostic._replace(hint="")) == (
        "s.yaml:10:18: error: ${vars.nope} not found [FCB201]\n"
        "      region: 地区-${vars.nope}-x\n"
        "                   ^^^^^^^^^^^^"
    )


def test_the_catalogue_can_be_filled_in() -> None:
    import string

    for code, entry in CATALOGUE.items():
        fields = {
            name
            for text in (entry.message, entry.hint)
            for _, name, _, _ in string.Formatter().parse(text)
            if name
        }
        assert code.startswith("FCB")
        assert entry.severity in ("error", "warning", "note")
        assert entry.message.format(**dict.fromkeys(fields, "x"))
        assert "{{" not in entry.message.format(**dict.fromkeys(fields, "x"))


def test_every_code_is_used() -> None:
    """A text that nothing can say is a promise that nobody keeps."""
    sources = (Path(__file__).resolve().parents[2] / "sandbox").rglob("*.py")
    texts = [each.read_text() for each in sources if each.stem not in ("catalogue", "chinese")]

    assert [code for code in CATALOGUE if not any(f'"{code}"' in text for text in texts)] == []
