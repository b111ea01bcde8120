"""Every code is explained, and the examples do what they say."""

from pathlib import Path

import pytest

from sandbox.config.messages.catalogue import CATALOGUE
from sandbox.config.messages.diagnostics import Diagnostic
from sandbox.config.messages.explanations import Example, Explanation, explanation
from sandbox.config.text.document import MAX_NODES
from sandbox.config.text.source import CHARS_PER_NODE
from tests.config.support import Project, with_props

NOT_IN_A_SMALL_FILE = {"FCB102", "FCB103", "FCB105", "FCB106", "FCB117", "FCB118", "FCB119",
                       "FCB406", "FCB412", "FCB413", "FCB414", "FCB415", "FCB416", "FCB417",
                       "FCB418", "FCB419"}  # fmt: skip
"""What takes a large, a binary or a missing file, or an archive."""

LANGUAGES = ("en", "zh")


def explained(code: str, language: str = "en") -> Explanation:
    found = explanation(code, language)
    assert found is not None, f"{language}.md has no section {code}"
    return found


def codes_of(example: Example, directory: Path) -> list[str]:
    return [each.code for each in findings_of(example, directory)]


def findings_of(example: Example, directory: Path, language: str = "en") -> list[Diagnostic]:
    """None for a command line."""
    if example.kind == "console":
        return []
    project = Project(directory)
    project.environ = {"FCBOX_LANG": language}
    for name, text in example.files.items():
        project.write(name, text)
    text = _completed(example.text) if example.kind == "props" else example.text
    return list(project.load(text).diagnostics)


def _completed(props: str) -> str:
    """A whole file; what the example gives itself replaces what would stand there."""
    own = {line.split(":")[0] for line in props.splitlines()}
    lines = with_props("").splitlines(keepends=True)
    kept = [line for line in lines if line.strip().split(":")[0] not in own]
    return "".join(kept) + "".join(f"      {line}\n" for line in props.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_is_explained(language: str) -> None:
    root = Path(__file__).parents[2] / "sandbox/config/messages/explanations" / f"{language}.md"
    sections = [line[3:] for line in root.read_text().splitlines() if line.startswith("## ")]

    assert sorted(CATALOGUE) == sections


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CATALOGUE)
def test_an_explanation_is_short_and_whole(code: str, language: str) -> None:
    text = explained(code, language).text

    assert "```" not in text
    assert 1 <= len(text.splitlines()) <= 6
    assert text.endswith((".", "。"))
    assert all(len(line) <= 110 for line in text.splitlines())


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - NOT_IN_A_SMALL_FILE))
def test_the_wrong_example_is_wrong_and_the_right_one_is_not(code: str, tmp_path: Path) -> None:
    found = explained(code)
    assert found.wrong is not None
    assert found.right is not None
    if found.wrong.kind == "console":
        assert "fcbox " in found.wrong.text
        assert found.wrong.text + found.right.text
        return

    assert code in codes_of(found.wrong, tmp_path / "wrong")
    assert code not in codes_of(found.right, tmp_path / "right")


@pytest.mark.parametrize("code", sorted(NOT_IN_A_SMALL_FILE))
def test_the_others_have_no_example(code: str) -> None:
    assert explained(code).wrong is None


def test_an_unknown_code_has_no_explanation() -> None:
    assert explanation("FCB999", "en") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_limit_of_values_is_the_one_that_is_kept(language: str) -> None:
    text = explained("FCB106", language).text

    assert f"{MAX_NODES:,}" in text
    assert str(CHARS_PER_NODE) in text


NO_HINT = {"FCB312"}
"""Its message says what is expected there."""


def test_every_error_says_how_to_mend_it() -> None:
    errors = {code: each for code, each in CATALOGUE.items() if each.severity == "error"}

    assert {code for code, each in errors.items() if not each.hint} == NO_HINT


def test_no_advice_is_empty() -> None:
    """`{advice}` as the hint of a finding is filled in where the finding is made."""
    root = Path(__file__).parents[2] / "sandbox/config"
    files = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}

    assert [path for path, text in files.items() if 'advice=""' in text] == []


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - NOT_IN_A_SMALL_FILE - NO_HINT))
def test_an_error_about_an_example_has_a_hint(code: str, tmp_path: Path) -> None:
    example = explained(code).wrong
    assert example is not None
    for each in findings_of(example, tmp_path):
        assert each.hint or each.severity != "error" or each.code in NO_HINT, each.message
