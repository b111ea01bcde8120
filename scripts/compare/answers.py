"""An answer is what one side makes of a project; here are fcbox's, and how two of them compare."""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from compare.deliberate import DELIBERATE, Deliberate

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from sandbox.config.compile import load_recorded  # noqa: E402 - the path comes first
from sandbox.config.result import Choice  # noqa: E402
from sandbox.config.text.source import Broken, Node  # noqa: E402

__all__ = [
    "CORPUS", "ENVIRONMENT", "EXPECTED", "Answer", "Difference", "all_projects", "arguments_of",
    "differences", "environment_of", "fcbox_answer", "keep", "kept", "normal", "sorted_out",
]  # fmt: skip

CORPUS = ROOT / "tests/config/corpus"
EXPECTED = "expected.json"

ENVIRONMENT = {
    "STAGE": "prod",
    "EMPTY": "",
    "JSON": '{"key": "value"}',
    "EXPRESSION": "${vars.s}",
    "AccountID": "1234567890123456",
    "AccessKeyID": "none",
    "AccessKeySecret": "none",
}
"""The last three make a credential for the official parser; fcbox takes the first of them only."""

BROKEN = "(error)"
"""Stands where fcbox has no value, only a finding."""

Answer = dict[str, Any]
"""{"resources": ...} or {"error": "..."}; paths begin with {corpus}, nulls of maps are dropped."""


def all_projects() -> list[Path]:
    return sorted(file.parent for file in CORPUS.glob("*/s.yaml"))


def arguments_of(project: Path) -> list[str]:
    file = project / "arguments"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def environment_of(project: Path) -> str | None:
    """The NAME of `--env NAME`."""
    arguments = arguments_of(project)
    return arguments[arguments.index("--env") + 1] if "--env" in arguments else None


def keep(project: Path, answer: Answer) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=2, sort_keys=True)
    (project / EXPECTED).write_text(text + "\n", encoding="utf-8")


def kept(project: Path) -> Answer:
    answer: Answer = json.loads((project / EXPECTED).read_text(encoding="utf-8"))
    return answer


# --- fcbox's --------------------------------------------------------------------------------------


def fcbox_answer(project: Path) -> Answer:
    resources, codes = _resolved(project)
    if not resources:
        return {"error": " ".join(codes)}
    answer: Answer = normal({"resources": resources}, project.parent)
    return answer


def _resolved(project: Path) -> tuple[dict[str, object], list[str]]:
    """The resources with all their expressions replaced, and the codes of the findings."""
    loaded = load_recorded(
        str(project / "s.yaml"),
        cwd=str(project),
        environ=ENVIRONMENT,
        choice=Choice(env=environment_of(project)),
    )
    tree = loaded.project
    nodes = {name: tree.resolved(name) for name in tree.resources()} if tree else {}
    resources = {name: data_of(node) for name, node in nodes.items() if node is not None}
    findings = tree.findings.items if tree else loaded.config.diagnostics
    return resources, [each.code for each in findings]


def data_of(node: Node) -> object:
    """The plain data of a node; what has no value for fcbox becomes a text that says so."""
    value = node.value
    if isinstance(value, Broken):
        return BROKEN
    if isinstance(value, dict):
        return {key: data_of(entry.node) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [data_of(item) for item in value]
    return value


def normal(data: Any, corpus: Path) -> Any:
    """`data` as both sides would write it."""
    if isinstance(data, dict):
        return {key: normal(each, corpus) for key, each in data.items() if each is not None}
    if isinstance(data, list):
        return [normal(each, corpus) for each in data]
    if isinstance(data, str):
        return data.replace(str(corpus), "{corpus}")
    if isinstance(data, int | float) and not isinstance(data, bool):
        return _normal_number(float(data))
    return data


def _normal_number(number: float) -> int | float | str:
    """JSON has no infinity, and JavaScript's 1.0 is 1."""
    if math.isnan(number):
        return "number NaN"
    if math.isinf(number):
        return "number -Infinity" if number < 0 else "number Infinity"
    return int(number) if number.is_integer() else number


# --- comparing ------------------------------------------------------------------------------------


class Difference(NamedTuple):
    project: str
    path: str
    official: str
    fcbox: str

    def __str__(self) -> str:
        where = f"{self.project}/s.yaml: {self.path or '(all)'}"
        return f"{where}: official {self.official}, fcbox {self.fcbox}"


def differences(project: str, official: Answer, fcbox: Answer) -> list[Difference]:
    """Two answers that are errors agree, whatever the words: fcbox goes on to the next mistake."""
    if "error" in official and BROKEN in json.dumps(fcbox):
        return []
    return [Difference(project, *each) for each in _differing("", official, fcbox)]


def _differing(path: str, official: object, fcbox: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(official, dict) and isinstance(fcbox, dict) and _are_alike(path, official, fcbox):
        for key in dict.fromkeys((*official, *fcbox)):
            below = f"{path}.{key}" if path else key
            yield from _differing(below, official.get(key), fcbox.get(key))
    elif isinstance(official, list) and isinstance(fcbox, list) and len(official) == len(fcbox):
        for index, (left, right) in enumerate(zip(official, fcbox, strict=True)):
            yield from _differing(f"{path}.{index}", left, right)
    elif not _is_same(official, fcbox):
        yield path, _shown(official), _shown(fcbox)


def _are_alike(path: str, official: Mapping[str, Any], fcbox: Mapping[str, Any]) -> bool:
    """Below the top always. There a side that has an error has nothing to be compared."""
    return bool(path) or set(official) == set(fcbox) == {"resources"}


def _is_same(official: object, fcbox: object) -> bool:
    """Python takes True for 1; JavaScript, and an environment variable, do not."""
    return official == fcbox and isinstance(official, bool) == isinstance(fcbox, bool)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict) and set(value) == {"error"}:
        return f"error: {value['error']}"
    return json.dumps(value, ensure_ascii=False)


def sorted_out(found: Sequence[Difference]) -> tuple[list[Difference], list[Deliberate]]:
    """The differences that nobody meant, and the deliberate ones that were seen."""
    unmeant, seen = [], []
    for each in found:
        meant = [row for row in DELIBERATE if _covers(row, each)]
        seen += meant
        if not meant:
            unmeant.append(each)
    return unmeant, seen


def _covers(row: Deliberate, found: Difference) -> bool:
    return row.project == found.project and fnmatchcase(found.path, row.path)
