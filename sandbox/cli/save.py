"""`fcbox config save`: writes what was changed over the management API into the s.yaml.

    the running supervisor --changes--> edits of the tree --ruamel.yaml--> the new text
                                                                  |
                          a diff on stderr, then the code and the file: all or nothing

Comments and order stay. What is written as a variable (`${...}`) is not overwritten, since it may
mean other things in other places: it is told instead, as is all else that cannot be written.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sandbox.cli import exits, talk
from sandbox.cli.remote import SupervisorGone, find_supervisor, management
from sandbox.cli.save_code import InTheWay, Staging
from sandbox.cli.save_edits import Edit, Trouble, apply_edits
from sandbox.config.files import find_file
from sandbox.config.inputs import Inputs
from sandbox.config.result import ConfigMissing

__all__ = ["save"]

_ROUTE = "/fcbox/changes"


class _Changes(NamedTuple):
    edits: list[Edit]
    removed: list[str]


def save(
    path: str | None,
    names: Sequence[str],
    environ: Mapping[str, str],
    *,
    is_dry: bool = False,
    code_dir: str | None = None,
) -> int:
    """Shows and writes the changes; gives the exit code."""
    try:
        file = find_file(path, os.getcwd(), Inputs())
    except ConfigMissing as missing:
        return talk.config_missing(missing)
    record = find_supervisor(file, environ)
    if record is None:
        talk.error(f"no supervisor serves {file}", "start one: fcbox run")
        return exits.UNAVAILABLE
    try:
        changes = _changes(record, names)
        if changes is None:
            return exits.USAGE
        return _Saving(file, record, is_dry, code_dir).run(changes)
    except (SupervisorGone, TimeoutError) as exc:
        talk.error(str(exc))
        return exits.UNAVAILABLE
    except InTheWay as exc:
        for target in exc.paths:
            talk.error(f"cannot write {target}: it is there already", "name another --code-dir")
        return exits.USAGE
    except OSError as exc:
        talk.error(f"cannot write {exc.filename or file}: {exc.strerror or exc}")
        return exits.USAGE


def _changes(record: dict[str, Any], names: Sequence[str]) -> _Changes | None:
    """Those of these functions, or all; None, after saying so, for a name nobody changed."""
    found = management(record, _ROUTE)
    edits = [
        Edit(each["function"], each["resource"], each["isNew"], each["props"],
             each["package"] if each["hasCode"] else "", replaces=each["replaces"])
        for each in found["functions"]
    ]  # fmt: skip
    known = {edit.function for edit in edits} | set(found["removed"])
    for name in names:
        if name not in known:
            talk.error(f"function '{name}' was not changed over the API")
            return None
    if names:
        edits = [edit for edit in edits if edit.function in names]
    removed = [name for name in found["removed"] if not names or name in names]
    return _Changes(edits, removed)


class _Saving:
    """One run of the command."""

    def __init__(
        self, file: str, record: dict[str, Any], is_dry: bool, code_dir: str | None
    ) -> None:
        self._file = file
        self._record = record
        self._is_dry = is_dry
        self._code_dir = code_dir

    def run(self, changes: _Changes) -> int:
        try:
            before = self._read()
        except UnicodeDecodeError:
            talk.error(f"{self._file} is not UTF-8", "save it as UTF-8")
            return exits.CONFIG_INVALID
        edits = [self._with_code(edit) for edit in changes.edits]
        try:
            after, untold, entered = apply_edits(before, edits)
        except Trouble as trouble:
            talk.error(f"{self._file}: {trouble}")
            return exits.CONFIG_INVALID
        for name in changes.removed:
            untold.append(f"{name} was deleted over the API; it stays in the file")
        for text in untold:
            talk.say(f"not written: {text}")
        if after == before:
            talk.say("nothing to write")
            return 0
        self._show(before, after)
        if self._is_dry:
            return 0
        return self._write(before, after, [edit for edit in entered if edit.code])

    def _write(self, before: str, after: str, edits: list[Edit]) -> int:
        """The code of these, and the file."""
        with Staging(self._path(self._code_dir or "")) as staging:
            for edit in edits:
                package = management(self._record, edit.package, is_json=False)
                staging.add(self._path(edit.code), package)
            staging.check()
            if self._read() != before:
                talk.error(f"{self._file} changed meanwhile and was left as it is now")
                return exits.USAGE
            staging.place()
            _exchange(self._file, after)
        talk.say(f"written: {self._file}")
        return 0

    def _path(self, relative: str) -> str:
        base = os.path.dirname(os.path.abspath(self._file))
        return os.path.normpath(os.path.join(base, relative))

    def _read(self) -> str:
        with open(self._file, encoding="utf-8", newline="") as stream:
            return stream.read()

    def _with_code(self, edit: Edit) -> Edit:
        """With the path that its code will have, if code is to be written."""
        if not edit.package or self._code_dir is None:
            return edit
        folder = os.path.join(self._code_dir, edit.function.replace("$", "."))
        relative = os.path.relpath(self._path(folder), self._path(""))
        return edit._replace(code=f"./{relative}")

    def _show(self, before: str, after: str) -> None:
        name = os.path.basename(self._file)
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), name, name, lineterm=""
        )
        for line in lines:
            talk.say(line)


def _exchange(path: str, text: str) -> None:
    """The file as a whole or not at all; a link to it stays a link."""
    path = os.path.realpath(path)
    new_path = f"{path}.{os.urandom(4).hex()}.new"
    try:
        with open(new_path, "x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(new_path, os.stat(path).st_mode & 0o7777)
        os.replace(new_path, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(new_path)
        raise
