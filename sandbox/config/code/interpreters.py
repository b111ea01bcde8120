"""Finds the Python that runs a function, without starting one to ask.

In this order: the path that was asked for; the active virtual environment; the runtime's version
on PATH; the nearest version on the machine; the interpreter that fcbox itself is based on (its
base, not its virtual environment: the user's code must not see fcbox's packages).

Versions come from file names and pyvenv.cfg. A pyenv shim is a bash script that takes 50 ms and
fails when its version is not selected: it is replaced by what it stands for.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sandbox.config.inputs import INTERPRETER_VARIABLES, Inputs
from sandbox.config.messages.texts import Phrase, in_words, phrase

__all__ = [
    "CUSTOM_RUNTIMES",
    "RUNTIMES",
    "RUN_HERE",
    "Interpreter",
    "InterpreterMissingError",
    "find_interpreter",
]

RUNTIMES = {
    "python3": (3, 6),
    "python3.9": (3, 9),
    "python3.10": (3, 10),
    "python3.12": (3, 12),
}

CUSTOM_RUNTIMES = ("custom.debian12", "custom.debian11", "custom.debian10", "custom")
"""A server of any language. The Python of these is only the one that starts it."""
RUN_HERE = (*RUNTIMES, *CUSTOM_RUNTIMES)

OLDEST = (3, 6)
UNKNOWN = (0, 0)
MAX_CONFIG_BYTES = 1 << 16

_PROGRAM = re.compile(r"python(\d+)\.(\d+)")
_PYENV_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_CONFIG_VERSION = re.compile(r"(?m)^version(?:_info)?\s*=\s*(\d+)\.(\d+)")

Version = tuple[int, int]


class Interpreter(NamedTuple):
    """`version` is (0, 0) when it cannot be told without starting the program."""

    path: str
    version: Version
    warning: Phrase | None = None


class InterpreterMissingError(Exception):
    """The interpreter that was asked for is not there."""

    def __init__(self, problem: Phrase) -> None:
        super().__init__(in_words(problem, "en"))
        self.problem = problem


def find_interpreter(
    runtime: str,
    explicit: str | None,
    environ: Mapping[str, str],
    inputs: Inputs | None = None,
) -> Interpreter:
    search = _Search(environ, inputs or Inputs())
    if explicit:
        return search.explicit(explicit)
    if runtime in CUSTOM_RUNTIMES:
        return search.virtual_environment() or _own_base()
    wanted = RUNTIMES[runtime]
    found = search.virtual_environment() or search.on_path(wanted) or search.nearest(wanted)
    return _with_warning(found or _own_base(), runtime, wanted)


def _with_warning(found: Interpreter, runtime: str, wanted: Version) -> Interpreter:
    if found.version in (wanted, UNKNOWN):
        return found
    text = phrase(
        "runtime {runtime} is Python {wanted}; here it runs on {found} ({path})",
        runtime=runtime,
        wanted=_dotted(wanted),
        found=_dotted(found.version),
        path=found.path,
    )
    return found._replace(warning=text)


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _own_base() -> Interpreter:
    path = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(path, sys.version_info[:2])


class _Search:
    def __init__(self, environ: Mapping[str, str], inputs: Inputs) -> None:
        # No others: a kept result would not know that they have changed.
        self._environ = {name: environ[name] for name in INTERPRETER_VARIABLES if name in environ}
        self._inputs = inputs
        home = self._environ.get("HOME", "")
        self._pyenv = self._environ.get("PYENV_ROOT") or (f"{home}/.pyenv" if home else "")

    def explicit(self, name: str) -> Interpreter:
        path = name if "/" in name else self._named_on_path(name)
        if not self._inputs.is_program(path):
            raise InterpreterMissingError(
                phrase("there is no executable interpreter {name}", name=name)
            )
        return Interpreter(path, self._version_of(path))

    def virtual_environment(self) -> Interpreter | None:
        root = self._environ.get("VIRTUAL_ENV", "")
        path = f"{root}/bin/python"
        if not root or not self._inputs.is_program(path):
            return None
        return Interpreter(path, self._version_of(path))

    def on_path(self, wanted: Version) -> Interpreter | None:
        path = self._named_on_path(f"python{_dotted(wanted)}")
        return Interpreter(path, wanted) if path else None

    def nearest(self, wanted: Version) -> Interpreter | None:
        """The version with the smallest distance; the newer one of two."""
        found: dict[Version, str] = {}
        for version, path in self._all_on_machine():
            found.setdefault(version, path)
        usable = [version for version in found if version >= OLDEST]
        if not usable:
            return None
        best = min(usable, key=lambda each: (abs(each[1] - wanted[1]), -each[1]))
        return Interpreter(found[best], best)

    def _named_on_path(self, name: str) -> str:
        candidates = (self._unshimmed(f"{each}/{name}") for each in self._directories())
        return next(filter(None, candidates), "")

    def _directories(self) -> list[str]:
        path = self._environ.get("PATH", os.defpath)
        return [each.rstrip("/") for each in path.split(":") if each.startswith("/")]

    def _unshimmed(self, path: str) -> str:
        """`path` if it is a program, what it stands for if it is a pyenv shim, or empty."""
        if not self._inputs.is_program(path):
            return ""
        directory, name = os.path.split(path)
        if os.path.basename(directory) != "shims":
            return path
        match = _PROGRAM.fullmatch(name)
        return self._pyenv_program((int(match[1]), int(match[2]))) if match else ""

    def _pyenv_program(self, version: Version) -> str:
        paths = (path for each, path in self._all_in_pyenv() if each == version)
        return next(paths, "")

    def _all_in_pyenv(self) -> Iterator[tuple[Version, str]]:
        """All that pyenv has installed, the latest patch level first."""
        directory = f"{self._pyenv}/versions"
        names = self._inputs.names(directory) if self._pyenv else []
        numbers = [match for match in map(_PYENV_VERSION.fullmatch, names) if match]
        for match in sorted(numbers, key=lambda each: int(each[3]), reverse=True):
            path = f"{directory}/{match[0]}/bin/python{match[1]}.{match[2]}"
            if self._inputs.is_program(path):
                yield (int(match[1]), int(match[2])), path

    def _all_on_machine(self) -> Iterator[tuple[Version, str]]:
        yield from self._all_in_pyenv()
        for directory in self._directories():
            for match in filter(None, map(_PROGRAM.fullmatch, self._inputs.names(directory))):
                path = self._unshimmed(f"{directory}/{match[0]}")
                if path:
                    yield (int(match[1]), int(match[2])), path

    def _version_of(self, path: str) -> Version:
        """From the pyvenv.cfg above, else from the name of the file behind all links."""
        root = os.path.dirname(os.path.dirname(path))
        data = self._inputs.read(f"{root}/pyvenv.cfg", MAX_CONFIG_BYTES) or b""
        match = _CONFIG_VERSION.search(data.decode("utf-8", "replace"))
        match = match or _PROGRAM.fullmatch(os.path.basename(os.path.realpath(path)))
        return (int(match[1]), int(match[2])) if match else UNKNOWN
