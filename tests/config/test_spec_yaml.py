"""The dialect of YAML, line by line: 1.2, and values in the environment as JavaScript has them."""

import pytest

from tests.config.support import Project, data_of, with_props


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"),
        ("010", 10), ("0o10", 8), ("12:30", "12:30"), ("1_000", "1_000"), ("1e3", 1000),
        ("2024-01-01", "2024-01-01"), ("1\t", 1), ("1 \t ", 1), ("1\r", 1),
    ],
)  # fmt: skip
def test_values(written: str, value: object) -> None:
    found = data_of(f"a: {written}\n")

    assert found == {"a": value}
    assert isinstance(found["a"], str) == isinstance(value, str)


def test_a_byte_order_mark_and_carriage_returns_are_fine() -> None:
    assert data_of(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n") == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", "FCB107", 3, 1, "line 1"),
        ("a: 1\n---\nb: 2\n", "FCB108", 2, 1, "document"),
        ("a:\n\tb: 1\n", "FCB109", 2, 1, "tab"),
        ("a: !Ref x\n", "FCB110", 1, 4, "!Ref"),
        ("a: !!python/object/apply:os.getcwd []\n", "FCB110", 1, 4, "python"),
        ("a: &a [1]\nb: [" + "*a, " * 30_000 + "]\n", "FCB106", 2, None, "aliases"),
    ],
)
def test_errors(
    project: Project, text: str, code: str, line: int, column: int | None, word: str
) -> None:
    finding = next(each for each in project.load(text).diagnostics if each.code == code)

    assert (finding.file, finding.line, finding.severity) == ("s.yaml", line, "error")
    assert column in (None, finding.column)
    assert word in finding.message + finding.hint


@pytest.mark.parametrize(
    ("written", "text"),
    [("true", "true"), ("1.10", "1.1"), ("1.0", "1"), ("1e3", "1000"), ("'1.10'", "1.10")],
)
def test_the_environment_as_javascript_writes_it(project: Project, written: str, text: str) -> None:
    (spec,) = project.load(with_props(f"environmentVariables: {{A: {written}}}")).specs

    assert spec.environment == {"A": text}


def test_null_in_the_environment_is_left_out(project: Project) -> None:
    (spec,) = project.load(with_props("environmentVariables: {A: null, B: , C: ~, D: x}")).specs

    assert spec.environment == {"D": "x"}


@pytest.mark.parametrize("written", ["[1]", "{a: 1}"])
def test_maps_and_lists_in_the_environment_are_errors(project: Project, written: str) -> None:
    (finding,) = project.load(with_props(f"environmentVariables: {{A: {written}}}")).diagnostics

    assert (finding.code, finding.severity) == ("FCB317", "error")
