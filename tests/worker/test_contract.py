"""The worker's half of the contract, on every interpreter that this machine has."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interpreters import INTERPRETERS
from tests.worker.golden import EXPECTED

REPOSITORY = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("case_runner.py")
OWN_MODULES = ("context", "environment", "failures", "importer", "loader", "logs", "results")
SOURCES = sorted(REPOSITORY.glob("worker/*.py"))

Answers = Callable[[str], dict[str, object]]


def run(path: str, *arguments: str) -> str:
    """The output of an interpreter; -I and -S, so that no site-packages change what is loaded."""
    done = subprocess.run(
        [path, "-I", "-S", *arguments], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """The results of all cases under one interpreter, which runs only once."""
    paths = dict(INTERPRETERS)
    known: dict[str, dict[str, object]] = {}

    def answers_of(version: str) -> dict[str, object]:
        if version not in known:
            scratch = tmp_path_factory.mktemp("cases-" + version)
            output = run(paths[version], str(RUNNER), str(REPOSITORY), str(scratch))
            known[version] = json.loads(output)
        return known[version]

    return answers_of


@pytest.mark.parametrize("case", EXPECTED)
@pytest.mark.parametrize("version", [version for version, _ in INTERPRETERS])
def test_case(answers: Answers, version: str, case: str) -> None:
    """One row of the table under one interpreter."""
    assert answers(version)[case] == EXPECTED[case]


@pytest.mark.parametrize("version", [version for version, _ in INTERPRETERS])
def test_every_case_has_its_row(answers: Answers, version: str) -> None:
    """No case is run and then forgotten."""
    assert set(answers(version)) == set(EXPECTED)


def test_body_byte_for_byte(answers: Answers) -> None:
    """One body written out whole, so that the table's own helper is not its only judge."""
    expected = r"""{
    "errorMessage": "boom, caf\u00e9",
    "errorType": "MyError",
    "stackTrace": [
        [
            "File \"/code/index.py\"",
            "line 5",
            "in handler",
            "return my_handler(event)"
        ],
        [
            "File \"/code/index.py\"",
            "line 7",
            "in my_handler",
            "raise MyError('boom, caf\\u00e9')"
        ]
    ]
}"""

    assert answers(INTERPRETERS[0][0])["failure_handler"] == expected


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_grammar_of_3_6(source: Path) -> None:
    """No walrus, no positional-only parameter and the like in what 3.6 has to read."""
    ast.parse(source.read_text("utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize(("version", "path"), INTERPRETERS, ids=lambda value: Path(value).name)
def test_compiles(version: str, path: str) -> None:
    """Each interpreter itself reads every file; `ast` knows the old grammar only roughly."""
    script = "import sys; [compile(open(p, 'rb').read(), p, 'exec') for p in sys.argv[1:]]"

    assert run(path, "-c", script + "; print('read')", *map(str, SOURCES)) == "read\n"


@pytest.mark.parametrize("name", OWN_MODULES)
def test_nothing_is_imported_late(name: str) -> None:
    """An import inside a function could find a file of the user's with the same name."""
    tree = ast.parse((REPOSITORY / "worker" / (name + ".py")).read_text("utf-8"))
    late = [
        statement.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]

    assert late == []


def test_interpreters() -> None:
    """Without interpreters the tests above would all pass, having done nothing."""
    assert INTERPRETERS
