"""s.yaml -> Config: the one place that puts the parts of this package together.

Nothing here stops at the first mistake. What is broken is reported and left out, and the rest is
looked at all the same, so that five mistakes in a file give five findings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sandbox.config.document import MAX_FILE_BYTES, parse
from sandbox.config.dotenv import Environment
from sandbox.config.findings import Findings, RefusedError, near
from sandbox.config.functions import Surroundings
from sandbox.config.inputs import EXISTENCE, Inputs
from sandbox.config.interpreters import Interpreter, InterpreterMissingError, find_interpreter
from sandbox.config.models import Box
from sandbox.config.resources import chosen_resources, is_fc2, report_top_level
from sandbox.config.result import Config, ConfigMissing
from sandbox.config.source import Node
from sandbox.config.specs import Resource, make_spec
from sandbox.config.templates import with_templates
from sandbox.config.texts import language_of
from sandbox.config.validation import child, validated
from sandbox.config.variables import Variables
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Loaded", "load", "load_recorded"]

FILE_NAMES = ("s.yaml", "s.yml")


class Loaded(NamedTuple):
    """A Config, and what the cache has to know of its making."""

    config: Config
    inputs: Inputs
    drew_on_environment: bool


def load(
    path: str | None = None,
    *,
    cwd: str,
    environ: Mapping[str, str],
    select: Sequence[str] = (),
    python: str | None = None,
) -> Config:
    """Loads the s.yaml at `path`, or the one in `cwd`.

    `select` names resources or functions; `python` is the interpreter to use for all of them.
    Raises ConfigMissing when there is no file; all other trouble is in `Config.diagnostics`.
    """
    return load_recorded(path, cwd=cwd, environ=environ, select=select, python=python).config


def load_recorded(
    path: str | None,
    *,
    cwd: str,
    environ: Mapping[str, str],
    select: Sequence[str],
    python: str | None,
) -> Loaded:
    inputs = Inputs()
    file = _find_file(path, cwd, inputs)
    loading = _Loading(file, cwd, environ, inputs)
    try:
        loading.run(select, python)
    except RefusedError as refusal:
        loading.findings.close(refusal)
    return Loaded(loading.config(), inputs, loading.environment.consulted)


def _find_file(path: str | None, cwd: str, inputs: Inputs) -> str:
    """The absolute path of the file. A directory stands for the file in it."""
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


class _Loading:
    """The making of one Config."""

    def __init__(self, path: str, cwd: str, environ: Mapping[str, str], inputs: Inputs) -> None:
        self.findings = Findings(language_of(environ))
        self.environment = Environment(environ, (), inputs)
        self._path = path
        self._directory = os.path.dirname(path)
        self._environ = environ
        self._inputs = inputs
        inside = path.startswith(os.path.join(cwd, ""))
        self._shown_path = os.path.relpath(path, cwd) if inside else path
        self._box_node: Node | None = None
        self._specs: tuple[FunctionSpec, ...] = ()
        self._settings = BoxSettings()

    def config(self) -> Config:
        diagnostics = tuple(
            each if each.file else each._replace(file=self._shown_path)
            for each in sorted(self.findings.items, key=lambda each: (each.line, each.column))
        )
        return Config(self._path, self._specs, self._settings, diagnostics)

    def run(self, select: Sequence[str], python: str | None) -> None:
        root = self._read()
        if root is None or is_fc2(root, self.findings):
            return
        report_top_level(root, self.findings)
        root = with_templates(root, self.findings)
        variables = self._variables(root)
        for key in ("vars", "access"):
            self._resolve_all(variables, child(root, key))
        box = self._box(root, variables)
        resources = chosen_resources(root, variables, select, self.findings)
        specs = self._make_specs(resources, box)
        if not select:
            _report_unknown_functions(self._box_node, box, specs, self.findings)
        _report_same_names(resources, specs, self.findings)
        self._specs = self._with_interpreters(resources, specs, box, python)

    def _read(self) -> Node | None:
        data = self._inputs.read(self._path, MAX_FILE_BYTES)
        if data is None:
            self.findings.add("FCB118", None)
            return None
        return parse(data, self._shown_path, self.findings, self._directory)

    def _variables(self, root: Node) -> Variables:
        """The account id is read before there are variables: they may ask for it."""
        account_id = child(child(root, "fcbox"), "accountId")
        directories = (*_code_directories(root, self._directory), self._directory)
        self.environment = Environment(self._environ, directories, self._inputs)
        text = str(account_id.value) if account_id and _is_literal(account_id) else ""
        around = Surroundings(text, self.environment, self._inputs, self.findings)
        return Variables(root, around)

    def _resolve_all(self, variables: Variables, node: Node | None) -> None:
        """Also what nothing refers to: the official tool refuses a file for it."""
        if node is not None:
            variables.resolve(node)

    def _box(self, root: Node, variables: Variables) -> Box:
        node = child(root, "fcbox")
        if node is None:
            return Box()
        self._box_node = variables.resolve(node)
        box = validated(self._box_node, Box, "fcbox", self.findings)
        self._settings = BoxSettings(
            box.port, box.spares, box.grace, box.dump_grace, box.logger_layout
        )
        return box

    def _make_specs(self, resources: Sequence[Resource], box: Box) -> list[FunctionSpec]:
        specs = []
        for resource in resources:
            with self.findings.inside(resource.key_at, resource.region):
                spec = make_spec(
                    resource, box.functions, self._directory, self._inputs, self.findings
                )
            specs.append(spec._replace(account_id=box.account_id or spec.account_id))
        return specs

    def _with_interpreters(
        self,
        resources: Sequence[Resource],
        specs: Sequence[FunctionSpec],
        box: Box,
        python: str | None,
    ) -> tuple[FunctionSpec, ...]:
        """What failed a check has a finding, and the whole Config is not `ok` then."""
        explicit = python or _from_directory(box.python, self._directory)
        found: dict[str, Interpreter | None] = {}
        for resource, spec in zip(resources, specs, strict=True):
            if spec.runtime and spec.runtime not in found:
                found[spec.runtime] = self._interpreter(resource, spec.runtime, explicit)
        return tuple(
            spec._replace(python=interpreter.path)
            for spec in specs
            if (interpreter := found.get(spec.runtime)) is not None
        )

    def _interpreter(
        self, resource: Resource, runtime: str, explicit: str | None
    ) -> Interpreter | None:
        node = child(resource.props, "runtime")
        at = node or resource.key_at
        try:
            found = find_interpreter(runtime, explicit, self._environ, self._inputs)
        except InterpreterMissingError as missing:
            self.findings.add("FCB505", None if explicit else at, problem=missing.problem)
            return None
        if found.warning:
            self.findings.add("FCB504", at, problem=found.warning)
        return found


def _is_literal(node: Node) -> bool:
    return "${" not in str(node.value)


def _from_directory(python: str | None, directory: str) -> str | None:
    """A path in the file is relative to the file; a bare name is looked up on PATH."""
    return os.path.join(directory, python) if python and "/" in python else python


def _code_directories(root: Node, directory: str) -> list[str]:
    """Where `.env` files may be. A code path that is itself a variable cannot be one of them."""
    resources = child(root, "resources")
    entries = resources.value if resources and isinstance(resources.value, dict) else {}
    found = []
    for entry in entries.values():
        code = child(child(entry.node, "props"), "code")
        text = (child(code, "src") or code or entry.node).value
        if isinstance(text, str) and "${" not in text:
            found.append(os.path.normpath(os.path.join(directory, text)))
    return list(dict.fromkeys(found))


def _report_unknown_functions(
    box_node: Node | None, box: Box, specs: Sequence[FunctionSpec], findings: Findings
) -> None:
    """fcbox.functions of what is not there."""
    node = child(box_node, "functions")
    known = [name for spec in specs for name in dict.fromkeys((spec.name, spec.resource))]
    for name in box.functions:
        if name not in known and node is not None and isinstance(node.value, dict):
            findings.add("FCB306", node.value[name].key, key=name, advice=near(name, known))


def _report_same_names(
    resources: Sequence[Resource], specs: Sequence[FunctionSpec], findings: Findings
) -> None:
    first: dict[str, str] = {}
    for resource, spec in zip(resources, specs, strict=True):
        if spec.name in first:
            at = child(resource.props, "functionName")
            findings.add("FCB320", at or resource.key_at,
                         name=spec.name, first=first[spec.name])  # fmt: skip
        first.setdefault(spec.name, resource.key)
