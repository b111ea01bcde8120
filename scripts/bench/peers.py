"""The programs that fcbox is compared with, in an environment of their own.

    ${XDG_CACHE_HOME:-~/.cache}/fcbox/bench-peers/pyX.Y/

A peer that cannot be installed is left out, and its lines say so.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["PEERS", "Peers", "find_bubblewrap", "find_program", "install"]

PEERS = ("pebble", "python-lambda-local", "functions-framework", "gunicorn")
_NEEDS = {"python-lambda-local": ["setuptools<81"]}
"""What a peer imports and does not ask for: pkg_resources."""
_INSTALL_LIMIT_S = 300
_VERSIONS = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Peers:
    """What is installed. `missing` is the reason for what is not."""

    def __init__(self, home: Path, versions: Mapping[str, str], missing: str) -> None:
        self.versions = dict(versions)
        self.missing = missing
        self._bin = home / "bin"

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return str(self._bin / "python")

    def command(self, name: str) -> str:
        """The path of a peer's command."""
        return str(self._bin / name)

    def why_not(self, name: str) -> str:
        """Empty when the peer is there."""
        return "" if name in self.versions else f"{name}: {self.missing}"


def install(environ: Mapping[str, str], say: Callable[[str], None]) -> Peers:
    """Makes the environment where it is missing, and adds the peers that it lacks."""
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "fcbox" / "bench-peers" / f"py{sys.version_info[0]}.{sys.version_info[1]}"
    python = home / "bin" / "python"
    if not python.exists():
        say(f"making the peers' environment in {home}")
        error = _run([sys.executable, "-m", "venv", "--without-pip", str(home)])
        if error:
            return Peers(home, {}, f"no environment ({error})")
    wanted = [name for name in PEERS if name not in _versions(python)]
    if wanted:
        say(f"installing {', '.join(wanted)} into {home}")
        _install(python, wanted)
    versions = _versions(python)
    for name in PEERS:
        if name not in versions:
            say(f"{name} could not be installed: its lines are left out")
    return Peers(home, versions, "could not be installed")


def find_bubblewrap(environ: Mapping[str, str]) -> str | None:
    """The path of bwrap, which is no Python package."""
    return find_program("bwrap", "bubblewrap", environ)


def find_program(command: str, package: str, environ: Mapping[str, str]) -> str | None:
    """The path of a command; where it is missing, root gets Debian's package."""
    found = shutil.which(command, path=environ.get("PATH"))
    if found or os.getuid() != 0 or not shutil.which("apt-get"):
        return found
    argv = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    if _run(argv):
        _run(["apt-get", "update"])
        _run(argv)
    return shutil.which(command, path=environ.get("PATH"))


def _install(python: Path, names: list[str]) -> None:
    pip = _pip(python)
    packages = [[name, *_NEEDS.get(name, [])] for name in names]
    if pip and _run([*pip, "install", *(part for package in packages for part in package)]):
        for package in packages:  # one that cannot be had is no reason to go without the others
            _run([*pip, "install", *package])


def _pip(python: Path) -> list[str]:
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    if not _run([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip", "--python", str(python), *options]
    if not _run([str(python), "-m", "ensurepip"]):
        return [str(python), "-m", "pip", *options]
    return []


def _versions(python: Path) -> dict[str, str]:
    argv = [str(python), "-c", _VERSIONS, *PEERS]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    versions: dict[str, str] = json.loads(done.stdout or "{}")
    return versions


def _run(argv: list[str]) -> str:
    """Empty on success, else why not, without the output: it may name private hosts."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=_INSTALL_LIMIT_S, env=environ
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return type(exc).__name__
    return "" if done.returncode == 0 else f"exit status {done.returncode}"
