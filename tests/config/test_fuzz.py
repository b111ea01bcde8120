"""Any text in, findings out: never a traceback, and soon.

What is mutated are real files. Each mutation comes from one number, which a failure shows, and
FCBOX_FUZZ_SEED repeats it; FCBOX_FUZZ_COUNT asks for more than the few of every day.
"""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.bounded import MAX_CPU_S
from tests.config.everything import everything
from tests.config.support import Project

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(
    file.parent
    for where in ("tests/config/corpus", "tests/config/fc2", "configs", "sandbox/templates")
    for file in (ROOT / where).glob("**/s.yaml")
)
MUTABLE = ("*.yaml", "*.yml", ".env", "*.json", "*.txt")
MUTATIONS_EACH = int(os.environ.get("FCBOX_FUZZ_COUNT", "4"))
SEED = int(os.environ.get("FCBOX_FUZZ_SEED", "0"))

ODD = ["\0", "\t", "\r", "\ufeff", "\u2028", "\x85", "\u3000", "：", "“", "\x1b[31m", "&a ", "*a",
       "!x ", "|", ">", "%", "@", "`", "'", '"', "[", "]", "{", "}", ", ", ": ", "- ", "#", "? ",
       "<<: ", "---\n", "${", "}", "${vars.", "{{ a }}", "<%", "%>", "~"]  # fmt: skip
VALUES = ["null", "true", "-1", "1e999", ".nan", "0x1F", "[]", "{}", "[a, {b: c}]", "''",
          "x" * 5000, "${this.props}", "${this.name}", "${vars}", "${vars.a.b}", "${env('X')}",
          "${env('X', [])}",
          "${file('s.yaml')}", "${yaml(file('s.yaml'))}", "${json('{')}", "${resources.a.props}",
          "2024-01-01", "&x", "*x", "!!binary eA==", "{{ name }}", "\ud800"]  # fmt: skip

Lines = list[str]
Mutation = Callable[[Lines, random.Random], None]


def _delete(lines: Lines, chance: random.Random) -> None:
    del lines[chance.randrange(len(lines))]


def _repeat(lines: Lines, chance: random.Random) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))


def _swap(lines: Lines, chance: random.Random) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _indent(lines: Lines, chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    lines[at] = " " * chance.randrange(9) + lines[at].lstrip()


def _insert(lines: Lines, chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    column = chance.randint(0, len(lines[at]))
    lines[at] = lines[at][:column] + chance.choice(ODD) + lines[at][column:]


def _revalue(lines: Lines, chance: random.Random) -> None:
    at = chance.randrange(len(lines))
    lines[at] = lines[at].partition(":")[0] + ": " + chance.choice(VALUES) + "\n"


def _splice(lines: Lines, chance: random.Random) -> None:
    other = chance.choice(PROJECTS) / "s.yaml"
    lines[chance.randrange(len(lines)) :] = other.read_text().splitlines(keepends=True)[3:]


MUTATIONS: list[Mutation] = [_delete, _repeat, _swap, _indent, _insert, _revalue, _splice]


def mutated(text: str, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    for _ in range(chance.randint(1, 4)):
        chance.choice(MUTATIONS)(lines, chance)
        lines = lines or ["\n"]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _mutable(project: Path) -> Iterator[Path]:
    for pattern in MUTABLE:
        yield from sorted(file for file in project.rglob(pattern) if file.name != "expected.json")


def test_there_is_something_to_mutate() -> None:
    assert len(PROJECTS) > 50


@pytest.mark.parametrize("source", PROJECTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_mutated_projects(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for number in range(SEED, SEED + MUTATIONS_EACH):
        shutil.copytree(source, copy)
        chance = random.Random(f"{source.name} {number}")
        for file in dict.fromkeys((copy / "s.yaml", chance.choice(list(_mutable(copy))))):
            file.write_bytes(mutated(file.read_text(encoding="utf-8-sig"), chance))
        env = chance.choice([None, "prod", "dev"])
        note = f"FCBOX_FUZZ_SEED={number} FCBOX_FUZZ_COUNT=1 repeats {source.name}"
        try:
            outcome = everything(copy, {"HOME": "/", "A": "${vars.a}"}, env, {"name": "x: [y"})
        except Exception as error:
            raise AssertionError(note) from error
        assert outcome.check_s < MAX_CPU_S, note
        shutil.rmtree(copy)


YAMLISH = st.lists(
    st.sampled_from(
        ["edition: 3.0.0\n", "vars:\n", "resources:\n", "  a:\n", "    component: fc3\n",
         "    props:\n", "      code: ./\n", "      runtime: python3.10\n", "services:\n",
         "      handler: index.handler\n", "      x: ", "  b: ", "extend: ", "env: ", "template:\n",
         "    extend: {name: b, ignore: [x]}\n", "fcbox: ", "\n", *ODD, *VALUES]
    ),
    max_size=40,
).map("".join)  # fmt: skip

ANY_BYTES = st.one_of(
    YAMLISH.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(max_size=200).map(str.encode),
    st.binary(max_size=200),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None, derandomize=True, max_examples=150,
)  # fmt: skip
@given(data=ANY_BYTES, beside=ANY_BYTES, env=st.one_of(st.none(), st.text(max_size=9)),
       values=st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))  # fmt: skip
def test_any_bytes(
    project: Project, data: bytes, beside: bytes, env: str | None, values: dict[str, str]
) -> None:
    (project.directory / "s.yaml").write_bytes(data)
    for name in ("env.yaml", "base.yaml", "publish.yaml", ".env", "a.json"):
        (project.directory / name).write_bytes(beside)

    outcome = everything(project.directory, {}, env, values)

    assert outcome.check_s < MAX_CPU_S
