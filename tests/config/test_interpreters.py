"""The choice of the interpreter, with made-up directories."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.config.code.interpreters import InterpreterMissingError, find_interpreter
from sandbox.config.messages.texts import in_words


class Machine:
    """Programs below a directory; all of them are the same empty script."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: dict[str, str] = {"PATH": f"{root}/one:{root}/two", "HOME": f"{root}/home"}

    def program(self, name: str) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_explicit_path_wins(machine: Machine) -> None:
    machine.program("one/python3.10")
    wanted = machine.program("mine/python3.9")

    assert (wanted, (3, 9), None) == find_interpreter("python3.10", wanted, machine.environ)


def test_an_explicit_name_is_looked_up(machine: Machine) -> None:
    wanted = machine.program("two/python3.9")

    assert wanted == find_interpreter("python3.10", "python3.9", machine.environ).path


@pytest.mark.parametrize("name", ["/no/such/python", "python4", "/etc/passwd", "/usr"])
def test_an_explicit_interpreter_has_to_be_there(machine: Machine, name: str) -> None:
    with pytest.raises(InterpreterMissingError, match=name):
        find_interpreter("python3.10", name, machine.environ)


@pytest.mark.parametrize("line", ["version = 3.10.13", "version_info = 3.10.13.final.0"])
def test_the_active_virtual_environment_comes_before_the_path(machine: Machine, line: str) -> None:
    machine.program("one/python3.10")
    wanted = machine.program("venv/bin/python")
    (machine.root / "venv" / "pyvenv.cfg").write_text(f"home = /usr/bin\n{line}\n")
    machine.environ["VIRTUAL_ENV"] = str(machine.root / "venv")

    assert (wanted, (3, 10), None) == find_interpreter("python3.10", None, machine.environ)
    warning = find_interpreter("python3.12", None, machine.environ).warning
    assert warning is not None
    assert (
        in_words(warning, "en")
        == f"runtime python3.12 is Python 3.12; here it runs on 3.10 ({wanted})"
    )


def test_a_stale_virtual_environment_is_passed_over(machine: Machine) -> None:
    wanted = machine.program("one/python3.10")
    machine.environ["VIRTUAL_ENV"] = str(machine.root / "gone")

    assert wanted == find_interpreter("python3.10", None, machine.environ).path


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("python3", "python3.6"), ("python3.9", "python3.9"), ("python3.10", "python3.10"),
     ("python3.12", "python3.12")],
)  # fmt: skip
def test_the_version_of_the_runtime_on_the_path(machine: Machine, runtime: str, name: str) -> None:
    for other in ("python3", "python3.6", "python3.9", "python3.10", "python3.11", "python3.12"):
        machine.program(f"two/{other}")

    found = find_interpreter(runtime, None, machine.environ)

    assert (str(machine.root / "two" / name), None) == (found.path, found.warning)


def test_a_file_that_cannot_run_is_passed_over(machine: Machine) -> None:
    Path(machine.program("one/python3.10")).chmod(0o644)
    wanted = machine.program("two/python3.10")

    assert wanted == find_interpreter("python3.10", None, machine.environ).path


@pytest.mark.parametrize("root", ["home/.pyenv", "elsewhere"])
def test_a_pyenv_shim_stands_for_the_latest_patch_level(machine: Machine, root: str) -> None:
    machine.program("one/shims/python3.10")
    machine.environ["PATH"] = f"{machine.root}/one/shims:{machine.root}/two"
    if root == "elsewhere":
        machine.environ["PYENV_ROOT"] = str(machine.root / root)
    machine.program(f"{root}/versions/3.10.9/bin/python3.10")
    wanted = machine.program(f"{root}/versions/3.10.13/bin/python3.10")
    (machine.root / root / "versions" / "3.10.99").mkdir()
    machine.program(f"{root}/versions/my-project/bin/python3.10")

    assert (wanted, (3, 10), None) == find_interpreter("python3.10", None, machine.environ)


def test_a_shim_that_stands_for_nothing_is_passed_over(machine: Machine) -> None:
    machine.program("shims/python3.10")
    machine.environ["PATH"] = f"{machine.root}/shims:{machine.root}/two"
    wanted = machine.program("two/python3.10")

    assert wanted == find_interpreter("python3.10", None, machine.environ).path


def test_pyenv_is_used_without_being_on_the_path(machine: Machine) -> None:
    wanted = machine.program("home/.pyenv/versions/3.10.2/bin/python3.10")

    assert (wanted, (3, 10), None) == find_interpreter("python3.10", None, machine.environ)


def test_the_nearest_version_warns(machine: Machine) -> None:
    machine.program("one/python2.7")
    machine.program("one/python3.5")
    machine.program("one/python3.9")
    newer = machine.program("two/python3.11")

    found = find_interpreter("python3.10", None, machine.environ)

    assert (newer, (3, 11)) == (found.path, found.version)
    assert found.warning is not None
    assert "Python 3.10" in in_words(found.warning, "en")
    assert "3.11" in in_words(found.warning, "en")


def test_the_last_resort_is_our_own_base(machine: Machine) -> None:
    machine.program("one/python3")

    found = find_interpreter("python3.10", None, {"PATH": "relative:/no/such", "HOME": ""})

    assert getattr(sys, "_base_executable", sys.executable) == found.path
    assert sys.version_info[:2] == found.version


def test_the_module_is_light() -> None:
    code = (
        "import sys; import sandbox.config.code.interpreters; "
        "print([m for m in ('subprocess', 'pathlib', 'dataclasses', 'yaml', 'pydantic', 'ast') "
        "if m in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-S", "-c", code], text=True) == "[]\n"
