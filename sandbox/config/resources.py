"""The top level of an s.yaml, and which of its resources are Python functions to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sandbox.config.findings import Findings, close_names, near
from sandbox.config.interpreters import RUNTIMES
from sandbox.config.source import Entry, Node, Span
from sandbox.config.specs import Resource
from sandbox.config.texts import Phrase, phrase
from sandbox.config.validation import child, is_broken, shown
from sandbox.config.variables import Variables

__all__ = ["chosen_resources", "is_fc2", "report_top_level"]

EDITION = "3.0.0"
TOP_LEVEL_KEYS = (
    "edition", "name", "access", "vars", "resources", "template", "extend", "env", "flow",
    "actions", "fcbox",
)  # fmt: skip
MAX_COMMANDS_SHOWN = 3


class _Candidate(NamedTuple):
    """One entry of `resources`, with the parts that decide what becomes of it."""

    key: str
    key_at: Span
    node: Node
    function_name: Node | None
    runtime: Node | None

    def names(self) -> tuple[str, ...]:
        name = self.function_name.value if self.function_name else None
        return (self.key, name) if isinstance(name, str) else (self.key,)


# --- the top level ----------------------------------------------------------------------------


def is_fc2(root: Node, findings: Findings) -> bool:
    """True (and a finding) for a file of FC 2.0, whose structure is another one."""
    edition = child(root, "edition")
    old = edition is not None and edition.value == "1.0.0"
    services = child(root, "services")
    if not old and (edition is not None or services is None):
        return False
    at = edition or services or root
    findings.add(
        "FCB302", at.span, found="edition 1.0.0" if old else phrase("services, no edition")
    )
    return True


def report_top_level(root: Node, findings: Findings) -> None:
    if not isinstance(root.value, dict):
        findings.add("FCB300", root)
        return
    _report_edition(root, findings)
    for key, entry in root.value.items():
        if key not in TOP_LEVEL_KEYS and close_names(key, TOP_LEVEL_KEYS):
            findings.add("FCB306", entry.key, key=key, advice=near(key, TOP_LEVEL_KEYS))
    if "extend" in root.value:
        findings.add("FCB308", root.value["extend"].key, key=phrase("a base file (`extend`)"))
    resources = child(root, "resources")
    if resources is None or not isinstance(resources.value, dict):
        at = resources or root
        findings.add("FCB303", at, key="resources", expected=phrase("a map of resources"))
    _report_hooks(root, findings)


def _report_edition(root: Node, findings: Findings) -> None:
    edition = child(root, "edition")
    if edition is None or edition.value != EDITION:
        found: Phrase | str = phrase("missing") if edition is None else shown(edition)
        if edition is not None and isinstance(edition.value, int | float):
            found = phrase("the number {number}", number=edition.span.text)
        findings.add("FCB301", edition or root, found=found)


def _report_hooks(root: Node, findings: Findings) -> None:
    """One warning for all that the official tool would have run beside the functions."""
    entries = list(_hook_entries(root))
    commands = [text for entry in entries for text in _commands(entry.node)]
    if "flow" in (root.value if isinstance(root.value, dict) else {}):
        commands.append("flow")
    if entries:
        shown_commands = commands[:MAX_COMMANDS_SHOWN] + ["..."] * (
            len(commands) > MAX_COMMANDS_SHOWN
        )
        findings.add("FCB307", entries[0].key, what=", ".join(shown_commands) or phrase("nothing"))


def _hook_entries(root: Node) -> Iterator[Entry]:
    resources = child(root, "resources")
    holders = [root]
    if resources is not None and isinstance(resources.value, dict):
        holders += [entry.node for entry in resources.value.values()]
    for holder in holders:
        for key in ("actions", "flow"):
            if child(holder, key) is not None and isinstance(holder.value, dict):
                yield holder.value[key]


def _commands(actions: Node) -> Iterator[str]:
    """The `run:` of every step, in words of the file."""
    for entry in actions.value.values() if isinstance(actions.value, dict) else ():
        for step in entry.node.value if isinstance(entry.node.value, tuple) else ():
            for kind in ("run", "plugin", "component"):
                command = child(step, kind)
                if command is not None and isinstance(command.value, str):
                    yield command.value if kind == "run" else f"{kind} {command.value}"


# --- resources --------------------------------------------------------------------------------


def chosen_resources(
    root: Node, variables: Variables, select: Sequence[str], findings: Findings
) -> list[Resource]:
    """The Python functions that are selected (all of them without a selection)."""
    before = len(findings.items)
    candidates = list(_candidates(root, variables, findings))
    if select:
        candidates = _selected(candidates, select, findings)
    resources = [
        _resource(each, variables, findings)
        for each in candidates
        if _runs_here(each, select, findings)
    ]
    if not resources and all(each.severity != "error" for each in findings.items[before:]):
        advice = phrase("runtimes that run here: {names}", names=", ".join(RUNTIMES))
        findings.add("FCB304", child(root, "resources") or root, advice=advice)
    return resources


def _resource(candidate: _Candidate, variables: Variables, findings: Findings) -> Resource:
    key, key_at, node = candidate.key, candidate.key_at, candidate.node
    with findings.inside(key_at, node.span):
        return Resource(key, key_at, node.span, variables.resolve(_props(node), key))


def _props(resource: Node) -> Node:
    return child(resource, "props") or resource._replace(value={}, weight=1)


def _candidates(root: Node, variables: Variables, findings: Findings) -> Iterator[_Candidate]:
    resources = child(root, "resources")
    entries = resources.value if resources and isinstance(resources.value, dict) else {}
    for key, entry in entries.items():
        if "." in key:
            findings.add("FCB305", entry.key, name=key)
        elif _is_function(key, entry, variables, findings):
            name, runtime = (
                _resolved_prop(entry.node, prop, key, variables)
                for prop in ("functionName", "runtime")
            )
            yield _Candidate(key, entry.key, entry.node, name, runtime)


def _resolved_prop(resource: Node, prop: str, key: str, variables: Variables) -> Node | None:
    node = child(child(resource, "props"), prop)
    return node and variables.resolve(node, key)


def _is_function(key: str, entry: Entry, variables: Variables, findings: Findings) -> bool:
    """Whether the resource is an fc3 function; if not, that is told."""
    component = child(entry.node, "component")
    if not isinstance(entry.node.value, dict) or component is None:
        findings.add(
            "FCB311", entry.key, name=key, key="component", advice=phrase("write component: fc3")
        )
        return False
    value = variables.resolve(component, key).value
    name = value.partition("@")[0] if isinstance(value, str) else ""
    if name in ("fc3", "devsapp/fc3"):
        return True
    if name in ("fc", "devsapp/fc"):
        findings.add("FCB302", component, found=f"component {name}")
        return False
    if all(child(_props(entry.node), prop) for prop in ("functionName", "runtime", "handler")):
        findings.add("FCB310", component, component=value)
        return True
    if not is_broken(variables.resolve(component, key)):
        findings.add("FCB309", component, name=key, component=shown(component))
    return False


def _selected(
    candidates: list[_Candidate], select: Sequence[str], findings: Findings
) -> list[_Candidate]:
    known = [name for each in candidates for name in dict.fromkeys(each.names())]
    for name in dict.fromkeys(select):
        if name not in known:
            findings.add("FCB501", None, name=name, advice=near(name, known))
    return [each for each in candidates if set(select).intersection(each.names())]


def _runs_here(candidate: _Candidate, select: Sequence[str], findings: Findings) -> bool:
    runtime = candidate.runtime
    if runtime is None:
        findings.add("FCB311", candidate.key_at, name=candidate.key, key="runtime",
                     advice=phrase("for example runtime: python3.10"))  # fmt: skip
        return True  # so that all else that is wrong with it is found as well
    if not isinstance(runtime.value, str) or runtime.value in RUNTIMES:
        return True
    name = next((each for each in select if each in candidate.names()), "")
    advice = phrase("runtimes that run here: {names}", names=", ".join(RUNTIMES))
    findings.add("FCB502" if select else "FCB503", runtime,
                 name=name or candidate.key, runtime=runtime.value, advice=advice)  # fmt: skip
    return False
