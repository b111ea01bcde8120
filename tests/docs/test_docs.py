"""The documentation is true: tables are those of the code, examples run, links lead somewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.cli import exits
from sandbox.core.lifecycle import render_table
from sandbox.core.walls import PROMISES

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("configs/*/*.md")])
EXIT_CODE_FILES = ("README.md", "README.zh.md", "docs/command-line.md")
ALL_EXIT_CODES = {
    "0", "130", "128+n",
    *(str(getattr(exits, name)) for name in exits.__all__ if name != "SIGNALLED"),
}  # fmt: skip
HELLO = """run configs/hello/s.yaml --log-format fc -e '{"name": "world"}'"""
FORBIDDEN = (f"{ROOT}/", f"{Path.home()}/")

_EXAMPLE = re.compile(
    r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
_SESSION = re.compile(r"^```console\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_YAML = re.compile(r"^```yaml\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^```.*?^```\n", re.DOTALL | re.MULTILINE)
_ID = re.compile(r"\b([1c])-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_OTHER_PYTHON = re.compile(r".*\[FCB504\]\n.*\n.*\^\n\n")
_PROOFS = re.compile(r"^\| `([a-z]+)` \| (`tests/.*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[^`]+\.py)::(\w+)`")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def examples() -> list[object]:
    found = []
    for name in ("README.md", "README.zh.md", "docs/python-api.md"):
        for number, (code, output) in enumerate(_EXAMPLE.findall(read(name)), 1):
            found.append(pytest.param(code, output, id=f"{name}-{number}"))
    return found


def environment_for(state: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "FCBOX_STATE_DIR": str(state),
        "NO_COLOR": "1",
        "COLUMNS": "300",
        "TERM": "dumb",
    }


def run_python(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    """Python in the root of the checkout, as the examples expect it."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env=environment_for(state), capture_output=True, text=True, timeout=50,
    )  # fmt: skip


def masked(text: str) -> str:
    """`text` without what differs from run to run: ids, times, the interpreter's warning."""
    return _TIME.sub("TIME", _ID.sub(r"\1-ID", _OTHER_PYTHON.sub("", text)))


def test_lifecycle_table() -> None:
    assert render_table() in read("docs/architecture.md")


def test_generated_parts_are_fresh(tmp_path: Path) -> None:
    result = run_python("scripts/generate_docs.py", "--check", state=tmp_path)

    assert (result.returncode, result.stdout) == (0, "")


def test_every_promise_has_its_proof() -> None:
    """And every test that is named is there."""
    text = read("docs/security.md")
    proofs = dict(_PROOFS.findall(text))
    missing = [f"{path}::{name}" for path, name in _TEST.findall(text) if not has_test(path, name)]

    assert list(proofs) == [promise.key for promise in PROMISES]
    assert [key for key, tests in proofs.items() if not _TEST.search(tests)] == []
    assert missing == []


def has_test(path: str, name: str) -> bool:
    return (ROOT / path).exists() and f"\ndef {name}(" in read(path)


@pytest.mark.parametrize("name", EXIT_CODE_FILES)
def test_all_exit_codes(name: str) -> None:
    told = set(re.findall(r"^\| `?([0-9]+(?:\+n)?)`? \|", read(name), re.MULTILINE))

    assert told == ALL_EXIT_CODES


COMMANDS = (
    "run", "invoke", "ps", "validate", "explain", "config show", "config convert", "schema", "init",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_all_options(command: str, tmp_path: Path) -> None:
    shown = run_python("-m", "sandbox", *command.split(), "--help", state=tmp_path).stdout
    rows = [line for line in shown.splitlines() if line.startswith("│")]
    options = {option for row in rows for option in _OPTION.findall(row)}

    text = read("docs/command-line.md")
    assert "--help" in options
    assert [option for option in sorted(options) if f"`{option}" not in text] == []


@pytest.mark.parametrize(("code", "output"), examples())
def test_python_example(code: str, output: str, tmp_path: Path) -> None:
    result = run_python("-c", code, state=tmp_path)

    assert result.returncode == 0, result.stderr
    assert result.stdout == output


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_session(name: str, tmp_path: Path) -> None:
    """The first console session: what it shows is what comes."""
    shown = _SESSION.search(read(name))
    assert shown is not None
    command, answer, cat, log = shown[1].split("\n", 3)
    assert (command, cat) == (f"$ fcbox {HELLO} 2>log", "$ cat log")
    result = run_python("-m", "sandbox", *shlex.split(HELLO), state=tmp_path)

    assert result.returncode == 0
    assert result.stdout == answer + "\n"
    assert masked(result.stderr) == masked(log)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
@pytest.mark.parametrize(
    ("command", "memory"), [("fcbox validate", "lots"), ("fcbox config show", "128")]
)
def test_configuration_session(name: str, command: str, memory: str, tmp_path: Path) -> None:
    """What the commands print about the sample function, with and without the mistake."""
    (shown,) = [each for each in _SESSION.findall(read(name)) if command in each.split("\n")[0]]
    line, _, output = shown.partition("\n")
    folder = shutil.copytree(ROOT / "configs/hello", tmp_path / "hello")
    text = read("configs/hello/s.yaml").replace("memorySize: 128", f"memorySize: {memory}")
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    program = f'fcbox() {{ {shlex.quote(sys.executable)} -m sandbox "$@"; }}; {line[2:]}'
    ran = subprocess.run(
        ["sh", "-c", program],
        cwd=folder, env={**environment_for(tmp_path / "state"), "FCBOX_LANG": "en"},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=50, check=False,
    )  # fmt: skip

    assert line.startswith("$ ")
    assert _OTHER_PYTHON.sub("", ran.stdout).rstrip("\n") == output.rstrip("\n")


@pytest.mark.parametrize("name", ["README.md", "README.zh.md", "docs/configuration.md"])
def test_settings(name: str, tmp_path: Path) -> None:
    """The example of the key `fcbox` fits the sample function."""
    shown = _YAML.search(read(name))
    assert shown is not None
    shutil.copy(ROOT / "configs/hello/index.py", tmp_path)
    (tmp_path / "s.yaml").write_text(read("configs/hello/s.yaml") + shown[1], encoding="utf-8")
    result = run_python("-m", "sandbox", "validate", str(tmp_path), state=tmp_path / "state")

    assert result.returncode == 0
    assert _OTHER_PYTHON.sub("", result.stdout) == ""


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    targets = [target for target, _ in _LINK.findall(text) if target and "://" not in target]

    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors(path: Path) -> None:
    """`file.md#heading` names a heading, as GitHub spells it."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target, anchor in _LINK.findall(text):
        if anchor and "://" not in target:
            other = (path.parent / target).read_text(encoding="utf-8") if target else text
            headings = re.findall(r"^#+ (.*)$", other, re.MULTILINE)
            assert anchor[1:] in {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_paths_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert [word for word in FORBIDDEN if word in text] == []


def test_both_readmes_name_each_other() -> None:
    assert "(README.zh.md)" in read("README.md").split("\n## ")[0]
    assert "(README.md)" in read("README.zh.md").split("\n## ")[0]
