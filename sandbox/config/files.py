"""The YAML files of one application: found, read, filled in and parsed, all in the same way."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sandbox.config.inputs import EXISTENCE, Inputs
from sandbox.config.messages.findings import Findings, near
from sandbox.config.messages.texts import listed, phrase
from sandbox.config.result import ConfigMissing
from sandbox.config.text.document import MAX_FILE_BYTES, parse
from sandbox.config.text.placeholders import Values
from sandbox.config.text.scalars import js_text
from sandbox.config.text.source import Node, child

__all__ = ["Files", "find_file"]

FILE_NAMES = ("s.yaml", "s.yml")
PUBLISH_NAME = "publish.yaml"
SUFFIX = "${default-suffix}"
"""In a default of publish.yaml: `s init` puts four random letters there."""
LOCAL_SUFFIX = "local"
INIT = "s init"
OWN_DEFAULTS = {"access": "default"}
"""What `s init` knows by itself: the alias of the credentials."""


def find_file(path: str | None, cwd: str, inputs: Inputs) -> str:
    """The absolute path of the s.yaml. A directory stands for the file in it.

    Raises ConfigMissing when there is none.
    """
    given = os.path.normpath(os.path.join(cwd, path or "."))
    if inputs.note(given, EXISTENCE) is None:
        raise ConfigMissing(given, "check the path, or leave it out to use ./s.yaml")
    if not inputs.is_directory(given):
        return given
    for name in FILE_NAMES:
        found = os.path.join(given, name)
        if inputs.note(found, EXISTENCE) is not None:
            return found
    raise ConfigMissing(
        os.path.join(given, FILE_NAMES[0]),
        "go to the directory of your s.yaml, or give its path",
    )


class Files:
    """Reads the files that one s.yaml is made of. `path` is absolute."""

    def __init__(
        self, path: str, cwd: str, given: Mapping[str, str], inputs: Inputs, findings: Findings
    ) -> None:
        self.path = path
        self.directory = os.path.dirname(path)
        self._cwd = cwd
        self._inputs = inputs
        self._findings = findings
        self._given_by = INIT
        """Whose defaults fill placeholders: what is named to the user."""
        self.values = Values(given, self._defaults)

    def shown(self, path: str) -> str:
        """The name that findings give a file: as short as it is clear."""
        inside = path.startswith(os.path.join(self._cwd, ""))
        return os.path.relpath(path, self._cwd) if inside else path

    def beside(self, name: str) -> str:
        """The absolute path of what the s.yaml calls `name`."""
        return os.path.normpath(os.path.join(self.directory, name))

    def tree(self, path: str, named: Node | None = None) -> Node | None:
        """The tree of a file, which is `named` by another; None, and a finding, without one."""
        data = self._inputs.read(path, MAX_FILE_BYTES)
        if data is None:
            self._report_unread(path, named)
            return None
        directory = os.path.dirname(path)
        return parse(data, self.shown(path), self._findings, directory, self.values)

    def _report_unread(self, path: str, named: Node | None) -> None:
        if self._inputs.note(path, EXISTENCE) is not None:
            self._findings.add("FCB118", named, file=self.shown(path))
            return
        advice = phrase("its path begins at the directory of the s.yaml")
        if named is None:
            advice = phrase("--env chooses an environment of this file: write it, or leave out "
                            "--env")  # fmt: skip
        self._findings.add("FCB370", named, file=self.shown(path), advice=advice)

    def report_values(self) -> None:
        """Tells which defaults filled placeholders, and which values were given in vain."""
        taken = self.values.taken
        if taken:
            pairs = listed([f"{name}={value}" for name, value in taken.items()])
            self._findings.add("FCB121", None, file=self._given_by, values=pairs)
        for name in self.values.given:
            if name not in self.values.asked:
                advice = near(name, sorted(self.values.asked))
                self._findings.add("FCB122", None, name=name, advice=advice)

    # --- the defaults of a template -------------------------------------------------------------

    def _defaults(self) -> dict[str, str]:
        """Those of `s init`, and of publish.yaml: beside the file, or above its `src`."""
        path = self.beside(PUBLISH_NAME)
        if os.path.basename(self.directory) == "src" and not self._inputs.is_file(path):
            path = self.beside(f"../{PUBLISH_NAME}")
        data = self._inputs.read(path, MAX_FILE_BYTES)
        tree = parse(data, self.shown(path), self._findings) if data else None
        if tree:
            self._given_by = self.shown(path)
        properties = child(child(tree, "Parameters"), "properties")
        entries = properties.value if properties and isinstance(properties.value, dict) else {}
        found = {name: _default(entry.node) for name, entry in entries.items()}
        return {
            **OWN_DEFAULTS,
            **{name: value for name, value in found.items() if value is not None},
        }


def _default(parameter: Node) -> str | None:
    """The default of one parameter; without one, the first value that it may have."""
    node = child(parameter, "default")
    choices = child(parameter, "enum")
    if node is None and choices and isinstance(choices.value, tuple) and choices.value:
        node = choices.value[0]
    if node is None or not isinstance(node.value, str | int | float):
        return None
    return js_text(node.value).replace(SUFFIX, LOCAL_SUFFIX)
