"""Who may import whom, and who may touch processes: read from the sources with ast."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for package in ("worker", "sandbox")
    for path in (ROOT / package).rglob("*.py")
    if path.relative_to(ROOT).parts[:2] != ("sandbox", "templates")  # users' code
)
ENGINE_BRIDGES = {"worker.wire", "worker.records"}

PROCESS_CALLS = {
    "os": {
        "abort", "execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe",
        "fork", "forkpty", "kill", "killpg", "pidfd_open", "popen", "posix_spawn",
        "posix_spawnp", "spawnl", "spawnle", "spawnlp", "spawnv", "spawnve", "spawnvp", "system",
        "wait", "wait3", "wait4", "waitid", "waitpid",
    },
    "signal": {"pidfd_send_signal", "pthread_kill", "raise_signal"},
}  # fmt: skip
"""What makes, signals or waits for processes."""
PROCESS_MODULES = {"subprocess", "multiprocessing", "pty"}
PROCESS_FILES = {
    "sandbox/engine/procs.py", "worker/clone.py", "worker/server.py", "worker/zygote.py",
}  # fmt: skip


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """worker, core, config, engine or shell."""
    top, _, rest = module.partition(".")
    if top == "worker":
        return "worker"
    room = rest.split(".")[0]
    return room if room in ("core", "config", "engine") else "shell"


def imports_of(path: Path) -> Iterator[str]:
    """Each module that is imported, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_module = (ROOT / (full.replace(".", "/") + ".py")).exists()
                yield full if is_module else node.module


def is_ours(module: str) -> bool:
    return module.split(".")[0] in ("worker", "sandbox")


def is_standard(module: str) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names


def may_import(layer: str, module: str) -> bool:
    """The picture in docs/architecture.md, as a rule."""
    if not is_ours(module):
        return is_standard(module) or layer in ("config", "shell")
    target = layer_of(module)
    return {
        "worker": target == "worker",
        "core": target == "core" or module == "worker.wire",
        "config": target in ("core", "config"),
        "engine": target in ("core", "engine") or module in ENGINE_BRIDGES,
        "shell": target != "worker" or module == "worker.wire",
    }[layer] or module == "sandbox.version"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports(path: Path) -> None:
    """No edge but those of the layers."""
    layer = layer_of(name_of(path))
    wrong = [module for module in imports_of(path) if not may_import(layer, module)]

    assert wrong == []


def is_signal_to_itself(node: ast.AST) -> TypeGuard[ast.Call]:
    """`os.kill(os.getpid(), ...)`: how a process ends as if it had never caught the signal."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "os.kill"
        and ast.unparse(node.args[0]) == "os.getpid()"
    )


def calls_of(path: Path) -> Iterator[str]:
    """Each `module.function` that is named in a file, imported by name or through its module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
    to_itself = {id(node.func) for node in ast.walk(tree) if is_signal_to_itself(node)}
    for node in ast.walk(tree):
        if id(node) in to_itself:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{aliases.get(node.value.id, node.value.id)}.{node.attr}"


def touches_processes(call: str) -> bool:
    module, _, name = call.rpartition(".")
    return name in PROCESS_CALLS.get(module, ()) or call.split(".")[0] in PROCESS_MODULES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_these_files_touch_processes(path: Path) -> None:
    """Nobody else forks, signals or waits: exit is learned in one place."""
    found = {call for call in calls_of(path) if touches_processes(call)}
    found |= {module for module in imports_of(path) if module in PROCESS_MODULES}
    if str(path.relative_to(ROOT)) in PROCESS_FILES:
        return

    assert found == set()


@pytest.mark.parametrize("name", sorted(PROCESS_FILES))
def test_the_rule_sees_what_it_forbids(name: str) -> None:
    """Else the test above would pass on anything."""
    assert [call for call in calls_of(ROOT / name) if touches_processes(call)]


def state_writers() -> Iterator[tuple[str, str]]:
    """(file, class) of each assignment to `state`, where there are lifecycle states to assign."""
    for path in SOURCES:
        if "sandbox.core.lifecycle" not in imports_of(path):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for owner in ast.walk(tree):
            if not isinstance(owner, ast.ClassDef):
                continue
            for node in ast.walk(owner):
                targets = node.targets if isinstance(node, ast.Assign) else []
                if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                    targets = [node.target]
                if any(isinstance(t, ast.Attribute) and t.attr == "state" for t in targets):
                    yield str(path.relative_to(ROOT)), owner.name


def test_one_writer_of_the_state() -> None:
    """Not the shell, not the pool: `Instance.handle`."""
    assert set(state_writers()) == {("sandbox/core/instance.py", "Instance")}


def test_the_state_is_written_in_two_places() -> None:
    """At birth, and in `handle` from the table."""
    tree = ast.parse((ROOT / "sandbox/core/instance.py").read_text(encoding="utf-8"))
    writers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "state"
    ]

    assert sorted(writers) == ["__init__", "handle"]


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if layer_of(name_of(p)) == "core"], ids=name_of
)
def test_core_has_no_clock_and_no_descriptor(path: Path) -> None:
    """Time and randomness are given to it."""
    forbidden = {"os", "time", "select", "socket", "logging", "asyncio", "threading", "random"}

    assert forbidden.isdisjoint(imports_of(path))
