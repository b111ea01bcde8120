"""Whole projects: fcbox resolves them as the official parser does, and loads them.

`expected.json` beside each s.yaml is the official parser's answer, kept by
scripts/compare_parse_spec.py; that script compares with the parser itself where there is Node.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sandbox.config.compile import load

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
PROJECTS = sorted(file.parent.name for file in CORPUS.glob("*/s.yaml"))
NOT_LOADED = ("differs-", "error-")
"""What differs on purpose, and what both sides refuse."""


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from compare import answers

    yield answers
    for name in [name for name in sys.modules if name.partition(".")[0] == "compare"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", PROJECTS)
def test_resolved_as_officially(name: str, answers: ModuleType) -> None:
    """Nothing differs but what is listed as deliberate."""
    project = CORPUS / name

    found = answers.differences(name, answers.kept(project), answers.fcbox_answer(project))

    unmeant, _ = answers.sorted_out(found)
    assert unmeant == []


def test_deliberate_differences_are_there(answers: ModuleType) -> None:
    """A row of the table that is no longer true has to go."""
    from compare.deliberate import DELIBERATE

    seen = []
    for name in {row.project for row in DELIBERATE}:
        project = CORPUS / name
        found = answers.differences(name, answers.kept(project), answers.fcbox_answer(project))
        seen += answers.sorted_out(found)[1]

    assert [row for row in DELIBERATE if row not in seen] == []


@pytest.mark.parametrize("name", [name for name in PROJECTS if not name.startswith(NOT_LOADED)])
def test_loads(name: str, answers: ModuleType) -> None:
    """What people publish is no error."""
    project = CORPUS / name

    config = load(
        cwd=str(project),
        environ=answers.ENVIRONMENT,
        python=sys.executable,
        env=answers.environment_of(project),
    )

    errors = [each for each in config.diagnostics if each.severity == "error"]
    assert [f"{each.code} {each.message}" for each in errors] == []


def test_each_project_says_what_it_is_for() -> None:
    for name in PROJECTS:
        first = (CORPUS / name / "s.yaml").read_text(encoding="utf-8-sig").splitlines()[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name
