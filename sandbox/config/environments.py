"""env.yaml: the environment that `--env` names, and what it lays over the resources.

    environments:
      - name: prod
        access: alias                     for ${this.access}
        infraStack: {region: cn-beijing}  the region of every resource
        overlays:
          components: {fc3: {<props>}}    by component, as the file spells it
          resources: {hello: {<props>}}   by resource; these win

In an environment `this` and `that` are the environment itself, `project` is the name of the s.yaml,
`source` the props, as written, that it is laid over, and `vars` are not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.config.expressions.functions import Surroundings
from sandbox.config.expressions.variables import Budget, Variables
from sandbox.config.files import Files
from sandbox.config.merge import with_entry, with_overlay, without_nulls
from sandbox.config.messages.findings import Findings, near, shown
from sandbox.config.messages.texts import phrase
from sandbox.config.text.scalars import js_text
from sandbox.config.text.source import Entry, Node, child, is_broken, items, weighed

__all__ = ["Overlays", "find_environment"]

DEFAULT_FILE = "env.yaml"
KEYS = ("name", "description", "access", "infraStack", "overlays")
"""Other keys are free, and known as `${this.key}`; what looks like a slip of these is told."""
KINDS = ("components", "resources")

_SOURCE = re.compile(r"\$\{[^{}]*\bsource\.")


def find_environment(
    named: Node | None, name: str, files: Files, findings: Findings
) -> Node | None:
    """The environment called `name`, in the file that the s.yaml's `env` has `named`; None, and
    a finding, when there is none."""
    given = named.value if named else DEFAULT_FILE
    if not isinstance(given, str):
        findings.add("FCB303", named, key="env", expected=phrase("a path"),
                     advice=phrase("for example env: env.yaml"))  # fmt: skip
        return None
    path = files.beside(given)
    tree = files.tree(path, named)
    if tree is None:
        return None
    known: dict[str, Node] = {}
    listed = child(tree, "environments")
    for each in _listed(listed):
        label = child(each, "name")
        if label and isinstance(label.value, str | int | float):
            known.setdefault(js_text(label.value), each)
    if name not in known:
        findings.add("FCB362", listed, name=name, file=files.shown(path), advice=near(name, known))
    return known.get(name)


def _listed(node: Node | None) -> tuple[Node, ...]:
    """A list's items, or a map's values: the official tool takes both."""
    if node and isinstance(node.value, dict):
        return tuple(entry.node for entry in node.value.values())
    return items(node)


class Overlays:
    """What one environment lays over resources. `project` is the resolved name of the s.yaml."""

    def __init__(
        self, environment: Node, project: Node | None, around: Surroundings, budget: Budget
    ) -> None:
        self._project = project
        self._around = around
        self._budget = budget
        self._environment = self._well_formed(environment)
        # Without `source` it comes to the same for every resource.
        has_source = _SOURCE.search(environment.span.source.text) is not None
        self._alike = None if has_source else self._resolved(_part(self._environment))

    def over(self, resource: Node, name: str, component: str) -> Node:
        """The resource with the overlays of its component, of itself, and the region."""
        props = child(resource, "props") or Node({}, resource.span)
        own = self._alike
        if own is None:
            only = {"resources": name, "components": component}
            own = self._resolved(_part(self._environment, only), props)
        return with_overlay(resource, name, component, own)

    def report_strangers(self, resources: set[str], components: set[str]) -> None:
        """Tells of overlays for what the file does not have."""
        overlays = child(self._environment, "overlays")
        for kind, known in (("resources", resources), ("components", components)):
            node = child(overlays, kind)
            entries = node.value if node and isinstance(node.value, dict) else {}
            for name, entry in entries.items():
                if name not in known:
                    advice = near(name, sorted(known))
                    self._around.findings.add("FCB368", entry.key, name=name, advice=advice)

    def _resolved(self, part: Node, source: Node | None = None) -> Node:
        """A part of the environment, resolved and without nulls."""
        at, named = self._environment.span, self._environment
        entries = {}
        if self._project is not None:
            named = with_entry(named, "project", self._project)
            entries["project"] = Entry(at, self._project)
        entries |= {name: Entry(at, named) for name in ("this", "that")}
        if source is not None:
            entries["source"] = Entry(at, source)
        root = Node(entries, at)
        variables = Variables(root, self._around, tuple(entries), budget=self._budget)
        return without_nulls(variables.resolve(part))

    # --- form -------------------------------------------------------------------------------------

    def _well_formed(self, environment: Node) -> Node:
        """The environment without the parts that should be maps and are not, which is told."""
        entries = environment.value if isinstance(environment.value, dict) else {}
        for key, entry in entries.items():
            if key not in KEYS and self._around.findings.is_slip(key, KEYS):
                self._around.findings.add("FCB306", entry.key, key=key, advice=near(key, KEYS))
        environment = self._with_map(environment, "infraStack")
        environment = self._with_map(environment, "overlays")
        overlays = child(environment, "overlays")
        if overlays is None:
            return environment
        for kind in KINDS:
            overlays = self._with_map(overlays, kind)
            every = child(overlays, kind)
            for name in every.value if every and isinstance(every.value, dict) else ():
                every = self._with_map(every, name) if every else every
            overlays = with_entry(overlays, kind, every) if every else overlays
        return with_entry(environment, "overlays", overlays)

    def _with_map(self, node: Node, key: str) -> Node:
        found = child(node, key)
        is_text = found is not None and isinstance(found.value, str) and "${" in found.value
        if found is None or isinstance(found.value, dict) or is_text or is_broken(found):
            return node
        self._around.findings.add("FCB312", found, key=key, found=shown(found),
                                  expected=phrase("a map"))  # fmt: skip
        return with_entry(node, key, Node(None, found.span))


def _part(environment: Node, only: Mapping[str, str] | None = None) -> Node:
    """What the environment lays over resources. `only` names one overlay of each kind: those of
    other resources have other sources."""
    found: dict[str, Entry] = {}
    for key in ("infraStack", "overlays"):
        node = child(environment, key)
        if node is not None:
            found[key] = Entry(node.span, node)
    overlays = child(environment, "overlays")
    for kind, name in only.items() if only and overlays else ():
        own = child(child(overlays, kind), name)
        entries = {name: Entry(own.span, own)} if own else {}
        overlays = overlays and with_entry(overlays, kind, weighed(entries, overlays.span))
    if overlays is not None:
        found["overlays"] = Entry(overlays.span, overlays)
    return weighed(found, environment.span)
