"""s.yaml -> Config: the one place that puts the parts of this package together.

Nothing here stops at the first mistake. What is broken is reported and left out, and the rest is
looked at all the same, so that five mistakes in a file give five findings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sandbox.config.code.handlers import Sources
from sandbox.config.code.interpreters import (
    RUNTIMES,
    Interpreter,
    InterpreterMissingError,
    find_interpreter,
)
from sandbox.config.code.mounts import MountTable
from sandbox.config.expressions.dotenv import Environment
from sandbox.config.expressions.functions import Surroundings
from sandbox.config.fc2.conversion import converted, is_fc2
from sandbox.config.files import Files, find_file
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings, RefusedError, near
from sandbox.config.messages.texts import language_of
from sandbox.config.project import Parts, Project, read_parts
from sandbox.config.props.models import Box
from sandbox.config.props.specs import Resource, make_spec
from sandbox.config.props.validation import validated
from sandbox.config.resources import chosen_resources, report_top_level
from sandbox.config.result import Choice, Config
from sandbox.config.text.source import Node, child
from sandbox.core.spec import BoxSettings, FunctionSpec

__all__ = ["Loaded", "load", "load_recorded"]

LEFT_ALONE = frozenset(("resources", "actions", "flow"))
"""All other keys are resolved whether or not anything refers to them: the official tool refuses a
file for what is broken there. Commands are never run here, so nothing depends on these."""


class Loaded(NamedTuple):
    """A Config, and what the cache and `fcbox config show` have to know of its making."""

    config: Config
    inputs: Inputs
    drew_on_environment: bool
    project: Project | None
    resources: tuple[Resource, ...]


def load(
    path: str | None = None,
    *,
    cwd: str,
    environ: Mapping[str, str],
    select: Sequence[str] = (),
    python: str | None = None,
    env: str | None = None,
    values: Mapping[str, str] = {},
) -> Config:
    """Loads the s.yaml at `path`, or the one in `cwd`.

    `select` names resources or functions; `python` is the interpreter to use for all of them;
    `env` names an environment of env.yaml; `values` fill the placeholders of a template.
    Raises ConfigMissing when there is no file; all other trouble is in `Config.diagnostics`.
    """
    choice = Choice(tuple(select), python, env, values)
    return load_recorded(path, cwd=cwd, environ=environ, choice=choice).config


def load_recorded(
    path: str | None, *, cwd: str, environ: Mapping[str, str], choice: Choice
) -> Loaded:
    inputs = Inputs()
    file = find_file(path, cwd, inputs)
    loading = _Loading(file, cwd, environ, choice, inputs)
    try:
        loading.run()
    except RefusedError as refusal:
        loading.findings.close(refusal)
    return loading.loaded()


class _Loading:
    """The making of one Config."""

    def __init__(
        self, path: str, cwd: str, environ: Mapping[str, str], choice: Choice, inputs: Inputs
    ) -> None:
        self.findings = Findings(language_of(environ))
        self._files = Files(path, cwd, choice.values, inputs, self.findings)
        self._environment = Environment(environ, (), inputs)
        self._environ = environ
        self._choice = choice
        self._inputs = inputs
        self._is_fc2 = False
        self._box_node: Node | None = None
        self._project: Project | None = None
        self._resources: tuple[Resource, ...] = ()
        self._specs: tuple[FunctionSpec, ...] = ()
        self._settings = BoxSettings()

    def loaded(self) -> Loaded:
        path, shown = self._files.path, self._files.shown(self._files.path)
        diagnostics = tuple(
            each if each.file else each._replace(file=shown)
            for each in sorted(self.findings.items, key=lambda each: (each.line, each.column))
        )
        config = Config(path, self._specs, self._settings, diagnostics)
        return Loaded(
            config, self._inputs, self._environment.consulted, self._project, self._resources
        )

    def run(self) -> None:
        parts = self._read()
        if parts is None:
            return
        report_top_level(parts.root, self.findings)
        project = self._project = Project(parts, self._surroundings(parts.root))
        for key in project.top_level():
            if key not in LEFT_ALONE:
                project.common(key)
        box = self._box(project)
        select = self._choice.select
        resources = chosen_resources(project, select, self.findings)
        specs = self._make_specs(resources, box)
        if not select:
            _report_unknown_functions(self._box_node, box, specs, self.findings)
        left_out = _report_same_names(resources, specs, self.findings)
        self._resources = tuple(resources)
        found = self._with_interpreters(resources, specs, box)
        self._specs = tuple(spec for spec in found if spec.resource not in left_out)

    def _read(self) -> Parts | None:
        main = self._files.tree(self._files.path)
        if main is None:
            return None
        self._is_fc2 = is_fc2(main)
        if self._is_fc2:
            main = converted(main, self.findings)
        parts = read_parts(main, self._files, self._choice.env, self.findings)
        self._files.report_values()
        return parts

    def _surroundings(self, root: Node) -> Surroundings:
        """The account id is read before there are variables: they may ask for it."""
        account_id = child(child(root, "fcbox"), "accountId")
        directory = self._files.directory
        directories = (*_code_directories(root, directory), directory)
        self._environment = Environment(self._environ, directories, self._inputs)
        text = str(account_id.value) if account_id and _is_literal(account_id) else ""
        return Surroundings(text, self._environment, self._inputs, self.findings)

    def _box(self, project: Project) -> Box:
        self._box_node = project.common("fcbox")
        if self._box_node is None:
            return Box()
        box = validated(self._box_node, Box, "fcbox", self.findings)
        self._settings = BoxSettings(
            box.port, box.spares, box.grace, box.dump_grace, box.logger_layout, box.isolation,
            has_timers=box.timers,
        )  # fmt: skip
        return box

    def _make_specs(self, resources: Sequence[Resource], box: Box) -> list[FunctionSpec]:
        specs, sources = [], Sources()
        node = child(self._box_node, "mounts")
        table = MountTable(node, self._files.directory, self._inputs, self.findings)
        for resource in resources:
            with self.findings.inside(resource.key_at, resource.region):
                spec = make_spec(
                    resource, box, self._files.directory, self._inputs, self.findings,
                    sources,
                )  # fmt: skip
                spec = table.applied(spec, resource.props)
            if self._is_fc2 and spec.http_triggers:
                spec = spec._replace(is_wsgi=spec.runtime in RUNTIMES)
            specs.append(spec._replace(account_id=box.account_id or spec.account_id))
        if not self._choice.select:
            table.report_unused()
        return specs

    def _with_interpreters(
        self,
        resources: Sequence[Resource],
        specs: Sequence[FunctionSpec],
        box: Box,
    ) -> tuple[FunctionSpec, ...]:
        """What failed a check has a finding, and the whole Config is not `ok` then."""
        explicit = self._choice.python or _from_directory(box.python, self._files.directory)
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
            box = None if self._choice.python else child(self._box_node, "python")
            self.findings.add("FCB505", box if explicit else at, problem=missing.problem)
            return None
        if found.warning:
            self.findings.add("FCB504", at, problem=found.warning)
        return found


def _is_literal(node: Node) -> bool:
    return "${" not in str(node.value)


def _from_directory(python: str | None, directory: str) -> str | None:
    """A path in the file is relative to the file; a bare name is looked up on PATH."""
    is_path = python is not None and "/" in python
    return os.path.normpath(os.path.join(directory, python)) if python and is_path else python


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
) -> set[str]:
    """The resources that do not run: their function's name is taken, which is no mistake where
    each of them is in a region of its own."""
    first: dict[str, str] = {}
    places: set[tuple[str, str]] = set()
    left_out = set()
    for resource, spec in zip(resources, specs, strict=True):
        at = child(resource.props, "functionName") or resource.key_at
        if (spec.name, spec.region) in places:
            findings.add("FCB320", at, name=spec.name, first=first[spec.name])
        elif spec.name in first:
            findings.add("FCB365", resource.key_at, name=resource.key, first=first[spec.name])
            left_out.add(resource.key)
        first.setdefault(spec.name, resource.key)
        places.add((spec.name, spec.region))
    return left_out
