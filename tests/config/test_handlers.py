"""Handlers are looked up without running code, and blamed only when they are surely absent."""

import ast
import sys
from pathlib import Path

import pytest

from sandbox.config.code.handlers import (
    MAX_SOURCE_BYTES,
    Sources,
    find_handler,
    module_names,
    split_handler,
)
from sandbox.config.code.trees import CodeDirectory
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Near, advice_on
from sandbox.config.messages.texts import in_words
from tests.config.support import HANDLER, Project, with_props


@pytest.mark.parametrize(
    ("handler", "split"),
    [
        ("index.handler", ("index.py", "handler")),
        ("pkg.sub.main.h", ("pkg/sub/main.py", "h")),
        ("pkg/sub/main.h", ("pkg/sub/main.py", "h")),
        ("pkg/sub.main.h", ("pkg/sub/main.py", "h")),
        ("handler", None), ("", None), (".h", None), ("a.", None), ("a..h", None),
        ("../up.h", None), ("/abs.h", None), ("a.h()", None), ("a\0b.h", None), ("a/.h", None),
    ],
)  # fmt: skip
def test_forms(handler: str, split: tuple[str, str] | None) -> None:
    assert split == split_handler(handler)


@pytest.mark.parametrize(
    "source",
    [
        "def h(): pass", "async def h(): pass", "class h: pass", "h = 1", "h: int = 1",
        "(a, h) = 1, 2",
        "import h", "import h.x", "import x as h", "from x import h", "from x import y as h",
        "from x import *", "def __getattr__(name): ...", "exec('h = 1')", "globals()['h'] = 1",
        "import sys\nsetattr(sys.modules[__name__], 'h', 1)",
        "try:\n  import a\nexcept E:\n  h = 1",
        "if x:\n  pass\nelse:\n  def h(): ...", "with a as h: pass", "for h in x: pass",
        "(h := 1)", "def f():\n  global h\n  h = 1", "match x:\n  case [h]: pass",
        "match x:\n  case {**h}: pass",
        "while 1:\n  h = 1", "for a in b:\n  pass\nelse:\n  h = 2", "@(h := d)\ndef f(): ...",
    ],
)  # fmt: skip
def test_no_finding_where_the_name_is_or_may_be(tmp_path: Path, source: str) -> None:
    (tmp_path / "index.py").write_text(source)

    assert find_handler("index.h", CodeDirectory(str(tmp_path), Inputs())) is None


@pytest.mark.parametrize(
    "source",
    ["", "def g(): pass", "def f():\n  h = 1", "class A:\n  h = 1\n  def h(self): ...", "print(h)",
     "h.x = 1", "from h import x", "'\\d'", "x = lambda h: 1"],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_a_name_that_is_surely_absent(tmp_path: Path, source: str) -> None:
    (tmp_path / "index.py").write_text(source)

    fault = find_handler("index.h", CodeDirectory(str(tmp_path), Inputs()))

    assert fault is not None
    assert fault.code == "FCB405"


def said(advice: object) -> str:
    assert isinstance(advice, Near)
    return in_words(advice_on(advice), "en")


def test_near_names_are_offered(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.py").write_text("def handler(e, c): ...\n")

    function = find_handler("src.index.handlr", CodeDirectory(str(tmp_path), Inputs()))
    file = find_handler("src/indx.handler", CodeDirectory(str(tmp_path), Inputs()))

    assert function is not None
    assert said(function.fields["advice"]) == "did you mean handler?"
    assert file is not None
    assert file.code == "FCB404"
    assert said(file.fields["advice"]) == "did you mean src/index.py?"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def handler(event, context:\n    return event\n", 1),
        ("import os\n\ndef handler(e, c):\nreturn e\n", 4),
        ("def handler(e, c):\n    return '未完\n", 2),
        ("def other(): ...\n", 0),
        ("def g(: ", 1),
        ("print 'python 2'", 1),
        ("\tx", 1),
        ("x = (" * 500, 1),
        ("exec('def handler(e, c): ...')\n", 0),
        ("# coding: no-such-encoding\ndef handler(\n", 0),
    ],
)
def test_a_module_that_is_no_python_is_told_with_its_line(
    tmp_path: Path, source: str, line: int
) -> None:
    """A warning: a newer Python may know more. What cannot be told is not told."""
    (tmp_path / "index.py").write_text(source)

    fault = find_handler("index.handler", CodeDirectory(str(tmp_path), Inputs()))

    told = fault.fields["line"] if fault and fault.code == "FCB407" else 0
    assert line == told


@pytest.mark.parametrize(("more", "code"), [(0, "FCB405"), (1, "FCB406")])
def test_a_large_module_is_not_looked_into(tmp_path: Path, more: int, code: str) -> None:
    """The bound itself is inside; beyond it that is said, whoever is in the file."""
    (tmp_path / "index.py").write_text("#" * (MAX_SOURCE_BYTES + more))

    fault = find_handler("index.handler", CodeDirectory(str(tmp_path), Inputs()))

    assert fault is not None
    assert fault.code == code


def test_a_large_module_is_no_trouble(project: Project) -> None:
    """A note, in words."""
    project.write("index.py", HANDLER + "#" * MAX_SOURCE_BYTES)

    config = project.load(with_props(""))

    assert config.ok
    assert [(each.severity, each.message) for each in config.diagnostics] == [
        ("note", "index.py is larger than 64 KB: whether it has handler is not checked")
    ]


def test_the_coding_line_counts() -> None:
    assert module_names("# coding: gbk\n函数 = 1\n".encode("gbk")) == frozenset({"函数"})
    assert module_names(b"\0") is None


def test_a_module_is_parsed_once_for_all_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.py").write_text("def handler(e, c): ...\n")
    parsed: list[bytes] = []
    parse = ast.parse

    def counted(source: bytes) -> ast.Module:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(ast, "parse", counted)
    sources = Sources()

    for _ in range(100):
        code = CodeDirectory(str(tmp_path), Inputs())
        assert find_handler("index.handler", code, sources) is None
    assert len(parsed) == 1


def test_what_a_newer_python_may_know_is_not_told(project: Project) -> None:
    """The runtime is newer than what fcbox runs on here, if it is 3.11."""
    project.write("index.py", "type h = int\ndef handler(event, context): ...\n")
    text = with_props("")

    told = [each.code for each in project.load(text).diagnostics]
    newer = project.load(text.replace("python3.10", "python3.12")).diagnostics

    is_known = sys.version_info >= (3, 12)
    assert told == ([] if is_known else ["FCB407"])
    assert "FCB407" not in [each.code for each in newer]
