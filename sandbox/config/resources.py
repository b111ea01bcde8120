"""The top level of an s.yaml, and which of its resources are Python functions to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sandbox.config.code.interpreters import RUN_HERE
from sandbox.config.messages.findings import Findings, near, shown
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.project import Project
from sandbox.config.props.specs import Resource
from sandbox.config.text.source import Entry, Node, child, is_broken

__all__ = ["chosen_resources", "report_top_level"]

EDITION = "3.0.0"
TOP_LEVEL_KEYS = (
    "edition", "name", "access", "vars", "resources", "template", "extend", "env", "flow",
    "actions", "fcbox",
)  # fmt: skip
MAPS = ("vars", "template", "fcbox", "flow", "actions")
RESOURCE_KEYS = ("component", "props", "extend", "actions", "access")
EXTEND_KEYS = ("name", "ignore")
MAX_COMMANDS_SHOWN = 3
FUNCTION_PROPS = ("functionName", "runtime", "handler")
"""What makes a function of a resource whose component is not known."""


class _Candidate(NamedTuple):
    """One entry of `resources`, with the parts that decide what becomes of it."""

    key: str
    entry: Entry
    function_name: Node | None
    runtime: Node | None

    def names(self) -> tuple[str, ...]:
        name = self.function_name.value if self.function_name else None
        return (self.key, name) if isinstance(name, str) else (self.key,)


# --- the top level ----------------------------------------------------------------------------


def report_top_level(root: Node, findings: Findings) -> None:
    if not isinstance(root.value, dict):
        findings.add("FCB300", root)
        return
    _report_edition(root, findings)
    _report_slips(root, TOP_LEVEL_KEYS, findings)
    for key in MAPS:
        _is_map(key, child(root, key), findings)
    resources = child(root, "resources")
    if resources is None and child(root, "services") is not None:
        findings.add("FCB364", root.value["services"].key)
    elif resources is None or not isinstance(resources.value, dict):
        at = root.value["resources"].key if "resources" in root.value else root
        findings.add("FCB303", resources or at, key="resources",
                     expected=phrase("a map of resources"),
                     advice=phrase("write each resource below it, indented, with component and "
                                   "props"))  # fmt: skip
    elif "services" in root.value:
        findings.add("FCB369", root.value["services"].key)
    _report_hooks(root, findings)


def _report_slips(node: Node | None, known: Sequence[str], findings: Findings) -> None:
    """Other keys may stand here, but not what looks like one of these."""
    for key, entry in node.value.items() if node and isinstance(node.value, dict) else ():
        if key not in known and findings.is_slip(key, known):
            findings.add("FCB306", entry.key, key=key, advice=near(key, known))


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


def chosen_resources(project: Project, select: Sequence[str], findings: Findings) -> list[Resource]:
    """The Python functions that are selected (all of them without a selection)."""
    before = len(findings.items)
    candidates = list(_candidates(project, findings))
    if select:
        candidates = _selected(candidates, select, findings)
    resources = [
        _resource(each, project, findings)
        for each in candidates
        if _runs_here(each, select, findings)
    ]
    node = child(project.root, "resources")  # without a map there is a finding already
    if not resources and node is not None and isinstance(node.value, dict) and not any(
        each.severity == "error" for each in findings.items[before:]
    ):  # fmt: skip
        advice = phrase("runtimes that run here: {names}", names=", ".join(RUN_HERE))
        findings.add("FCB304", node, advice=advice)
    return resources


def _resource(candidate: _Candidate, project: Project, findings: Findings) -> Resource:
    key, entry = candidate.key, candidate.entry
    with findings.inside(entry.key, entry.node.span):
        props = project.resolved(key, "props") or entry.node._replace(value={}, weight=1)
        _is_map("props", props, findings)
        return Resource(key, entry.key, entry.node.span, props)


def _candidates(project: Project, findings: Findings) -> Iterator[_Candidate]:
    guessed: set[object] = set()
    for key, entry in project.resources().items():
        if "." in key:
            findings.add("FCB305", entry.key, name=key)
        elif _are_maps(key, entry.node, findings) and _is_function(
            key, entry, project, guessed, findings
        ):
            name, runtime = (
                project.resolved(key, "props", prop) for prop in ("functionName", "runtime")
            )
            yield _Candidate(key, entry, name, runtime)


def _are_maps(key: str, resource: Node, findings: Findings) -> bool:
    if not _is_map(f"resources.{key}", resource, findings):
        return False
    extend = child(resource, "extend")
    _report_slips(resource, RESOURCE_KEYS, findings)
    _report_slips(extend, EXTEND_KEYS, findings)
    _is_map("extend", extend, findings)
    return _is_map("props", child(resource, "props"), findings)


def _is_map(key: str, node: Node | None, findings: Findings) -> bool:
    """True for a map, what may come to one, and what is not there; else that is told."""
    is_text = node is not None and isinstance(node.value, str) and "${" in node.value
    if node is None or isinstance(node.value, dict) or is_text or is_broken(node):
        return True
    findings.add("FCB312", node, key=key, found=shown(node), expected=phrase("a map"))
    return False


def _is_function(
    key: str, entry: Entry, project: Project, guessed: set[object], findings: Findings
) -> bool:
    """Whether the resource is an fc3 function; if not, that is told. `guessed` are the components
    that were taken for fc3 by what their props look like, each told once."""
    component = project.resolved(key, "component")
    if component is None:
        advice = phrase("write component: fc3")
        findings.add("FCB311", entry.key, name=key, key="component", advice=advice)
        return False
    value = component.value
    name = value.partition("@")[0] if isinstance(value, str) else ""
    is_fc3 = name in ("fc3", "devsapp/fc3")
    if (is_fc3 or name.startswith((".", "/"))) and _has_map_function(key, entry, project, findings):
        return False
    if is_fc3:
        return True
    if name in ("fc", "devsapp/fc"):
        findings.add("FCB302", component, component=name)
        return False
    may_be = isinstance(value, str) or is_broken(component)
    if may_be and all(project.resolved(key, "props", prop) for prop in FUNCTION_PROPS):
        if isinstance(value, str) and value not in guessed:
            findings.add("FCB310", component, component=value)
            guessed.add(value)
        return True
    if not is_broken(component):
        findings.add("FCB309", component, name=key, component=shown(component))
    return False


def _has_map_function(key: str, entry: Entry, project: Project, findings: Findings) -> bool:
    """Whether the props have what a function is in a map of its own, as in 2.0; that is told."""
    function = project.resolved(key, "props", "function")
    if function is None or not isinstance(function.value, dict):
        return False
    props = child(entry.node, "props")
    own = props.value.get("function") if props and isinstance(props.value, dict) else None
    findings.add("FCB366", own.key if own else function, name=key)
    return True


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
        findings.add("FCB311", candidate.entry.key, name=candidate.key, key="runtime",
                     advice=phrase("for example runtime: python3.10"))  # fmt: skip
        return True  # so that all else that is wrong with it is found as well
    if not isinstance(runtime.value, str) or runtime.value in RUN_HERE:
        return True
    if "${" in runtime.value:
        advice = phrase("it is known only after a deployment, and fcbox needs it now")
        findings.add("FCB201", runtime, what=runtime.value, advice=advice)
        return True
    name = next((each for each in select if each in candidate.names()), "")
    advice = phrase("runtimes that run here: {names}", names=", ".join(RUN_HERE))
    findings.add("FCB502" if select else "FCB503", runtime,
                 name=name or candidate.key, runtime=runtime.value, advice=advice)  # fmt: skip
    return False
