"""`fcbox init`: a small project that runs at once, written from one of the templates.

A template is a folder of `sandbox/templates`: plain files, no folders in it. One thing is filled
in, `{{ name }}`: the name of the application and of its function, made from the name of the
directory. It is replaced as text, wherever it stands; nothing else of a file means anything here.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from sandbox.cli import exits, talk
from sandbox.cli.vscode import LAUNCH_FILE, launch_file

__all__ = ["TEMPLATES", "function_name", "init"]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

_PLACEHOLDER = b"{{ name }}"
_MAX_NAME_CHARS = 64
_TO_DEBUG = "next: fcbox run --debug FUNCTION, and press F5 in VS Code"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def init(directory: str | None, template: str, has_launch_file: bool = False) -> int:
    """Writes the template's files into the directory, all or none; gives the exit code.

    With `has_launch_file` also the one for VS Code, and that alone into a project that is there.
    """
    target = Path(directory or ".")
    name = function_name(os.path.basename(os.path.abspath(target)), template)
    is_there = has_launch_file and any((target / each).exists() for each in ("s.yaml", "s.yml"))
    files = {} if is_there else _rendered(template, name)
    if has_launch_file:
        files[str(LAUNCH_FILE)] = launch_file(target)
    present = [str(target / file) for file in files if os.path.lexists(target / file)]
    if present:
        text = f"nothing was written, because these are there already: {', '.join(present)}"
        hint = "move it away first" if is_there else "name another directory: fcbox init DIR"
        talk.error(text, hint)
        return exits.USAGE
    try:
        _write(target, files)
    except OSError as exc:
        talk.error(f"nothing was written: {exc.strerror}: {exc.filename or target}")
        return exits.USAGE
    if is_there:
        _tell_files(target, files)
        talk.say(_TO_DEBUG)
    else:
        _tell(target, files, name)
    return 0


def function_name(folder: str, template: str) -> str:
    """What is left of a directory's name in letters, digits, _ and -; the template's if nothing.

    A function's name begins with a letter or _, and has at most 64 characters.
    """
    name = _NOT_IN_A_NAME.sub("-", folder).strip("-")
    if not name or name[0].isdigit():
        name = f"{template}-{name}"
    return name[:_MAX_NAME_CHARS].strip("-")


def _rendered(template: str, name: str) -> dict[str, bytes]:
    """The files of a template by name, in order; pip leaves a __pycache__ beside them."""
    paths = sorted(path for path in (TEMPLATES / template).iterdir() if path.is_file())
    return {path.name: path.read_bytes().replace(_PLACEHOLDER, name.encode()) for path in paths}


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    """Makes the directory and the files; takes everything back if one of them cannot be written."""
    with ExitStack() as undo:
        for name, data in files.items():
            path = target / name
            for folder in reversed(path.parents):
                if not os.path.lexists(folder):
                    folder.mkdir()
                    undo.callback(folder.rmdir)
            with open(path, "xb") as file:  # Never over a file that has come meanwhile.
                undo.callback(path.unlink)
                file.write(data)
        undo.pop_all()


def _tell(target: Path, files: Iterable[str], name: str) -> None:
    """The files for programs, and what to type next for people."""
    _tell_files(target, files)
    talk.say(f"the function {name} is ready; next:\n")
    if target != Path("."):
        talk.say(f"  cd {shlex.quote(str(target))}")
    talk.say("  fcbox run -f event.json")


def _tell_files(target: Path, files: Iterable[str]) -> None:
    # As bytes: not every file name can be said in every locale.
    talk.write(b"".join(os.fsencode(target / file) + b"\n" for file in files))
