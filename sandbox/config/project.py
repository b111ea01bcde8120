"""What the files of one application come to, resource by resource.

    base.yaml   rest ----+                        rest: everything but `resources`
    s.yaml      rest ----+--> merged rest --> templates, resolved
                              |
    base.yaml   resources ----+--> with templates ------------> resolved --+
    s.yaml      resources ----+--> with templates, overlays --> resolved --+--> one resource

As in the official parser, each file's resources are resolved for themselves, with the merged rest:
`${this.props.x}` means the file that it stands in. What comes out is merged, the s.yaml winning.
"""

from __future__ import annotations

from typing import NamedTuple

from sandbox.config.environments import Overlays, find_environment
from sandbox.config.expressions.functions import Surroundings
from sandbox.config.expressions.variables import Budget, Variables
from sandbox.config.files import Files
from sandbox.config.merge import merged, with_entry, with_templates, without_nulls
from sandbox.config.messages.findings import Findings, shown
from sandbox.config.text.source import Entry, Node, child

__all__ = ["Parts", "Project", "read_parts"]

YAML_ENDINGS = (".yaml", ".yml")


class Parts(NamedTuple):
    """The trees of the files, nothing resolved. `environment` is the chosen one of env.yaml."""

    main: Node
    base: Node | None = None
    environment: Node | None = None

    @property
    def root(self) -> Node:
        """All that the files say, as if it stood in one of them."""
        return merged(self.base, self.main) if self.base else self.main


# --- reading ------------------------------------------------------------------------------------


def read_parts(main: Node, files: Files, environment: str | None, findings: Findings) -> Parts:
    """Reads what the tree of an s.yaml refers to: its base file, and one of its environments."""
    extend = child(main, "extend")
    named = child(main, "env")
    if extend is not None and (environment or named is not None):
        findings.add("FCB361", named or extend)
        return Parts(main)
    if extend is not None:
        return Parts(main, base=_base(extend, files, findings))
    if environment:
        return Parts(main, environment=find_environment(named, environment, files, findings))
    return Parts(main)


def _base(extend: Node, files: Files, findings: Findings) -> Node | None:
    is_file = isinstance(extend.value, str) and extend.value.endswith(YAML_ENDINGS)
    if not is_file or files.beside(str(extend.value)) == files.path:
        findings.add("FCB360", extend, found=shown(extend))
        return None
    base = files.tree(files.beside(str(extend.value)), extend)
    inner = base.value.get("extend") if base and isinstance(base.value, dict) else None
    if inner is not None:
        findings.add("FCB363", inner.key)
    return base if base and isinstance(base.value, dict) else None


# --- resources ----------------------------------------------------------------------------------


class _Layer(NamedTuple):
    """One file's resources, templates and overlays laid in, and what resolves them."""

    resources: Node
    variables: Variables


class Project:
    """Resolves what the trees in `parts` say, each part when it is asked for."""

    def __init__(self, parts: Parts, around: Surroundings) -> None:
        self.root = parts.root
        self.findings = around.findings
        self._around = around
        self._budget = Budget()
        self._common = Variables(_without_resources(self.root), around, budget=self._budget)
        variables = self.common("vars")
        self._rest = with_entry(self.root, "vars", variables) if variables else self.root
        access = child(parts.environment, "access")
        if access is not None:
            self._rest = with_entry(self._rest, "access", access)
        templates = self.common("template")
        self._overlays = self._read_overlays(parts.environment)
        self._files = [part for part in (parts.base, parts.main) if part is not None]
        self._layers = [self._layer(part, templates) for part in self._files]

    def top_level(self) -> list[str]:
        """The keys of the top level, in order."""
        return list(self.root.value) if isinstance(self.root.value, dict) else []

    def common(self, key: str) -> Node | None:
        """A top-level key other than `resources`, resolved."""
        node = child(self.root, key)
        return node and self._common.resolve(node)

    def resources(self) -> dict[str, Entry]:
        """The resources as they stand in the files, those of the base file first."""
        node = child(self.root, "resources")
        return node.value if node and isinstance(node.value, dict) else {}

    def resolved(self, resource: str, *path: str) -> Node | None:
        """What stands at `path` below a resource; None when nothing or null does."""
        found: Node | None = None
        for layer in self._layers:
            node = _at(layer.resources, resource, *path)
            if node is not None:
                own = layer.variables.resolve(node, resource)
                found = merged(found, without_nulls(own)) if found else own
        return found if found and found.value is not None else None

    def written(self, resource: str) -> Node:
        """A resource with its template under it, the files merged, and nothing resolved."""
        found: Node | None = None
        for part in self._files:
            own = _at(part, "resources", resource)
            if own is None:
                continue
            alone = Node({resource: Entry(own.span, own)}, own.span)
            whole = with_templates(alone, child(self.root, "template"), Findings())
            laid = _at(whole, resource) or own
            found = merged(found, without_nulls(laid)) if found else laid
        return found or _nothing(self.root)

    def _layer(self, part: Node, templates: Node | None) -> _Layer:
        resources = child(part, "resources") or _nothing(part)
        resources = with_templates(resources, templates, self._around.findings)
        if self._overlays is not None:
            resources = self._with_overlays(resources, self._overlays)
        root = with_entry(self._rest, "resources", resources)
        variables = Variables(root, self._around, finished=("vars",), budget=self._budget)
        return _Layer(resources, variables)

    def _read_overlays(self, environment: Node | None) -> Overlays | None:
        if environment is None:
            return None
        return Overlays(environment, self.common("name"), self._around, self._budget)

    def _with_overlays(self, resources: Node, overlays: Overlays) -> Node:
        entries = resources.value if isinstance(resources.value, dict) else {}
        components = {name: self._component(entry.node) for name, entry in entries.items()}
        overlays.report_strangers(set(entries), set(components.values()))
        laid = {
            name: entry._replace(node=overlays.over(entry.node, name, components[name]))
            for name, entry in entries.items()
        }
        return resources._replace(value=laid) if laid else resources

    def _component(self, resource: Node) -> str:
        node = child(resource, "component")
        value = self._common.resolve(node).value if node else None
        return value if isinstance(value, str) else ""


def _at(node: Node | None, *path: str) -> Node | None:
    """The node at `path`, nulls included."""
    for step in path:
        if node is None or not isinstance(node.value, dict) or step not in node.value:
            return None
        node = node.value[step].node
    return node


def _nothing(at: Node) -> Node:
    return Node({}, at.span)


def _without_resources(root: Node) -> Node:
    entries = root.value if isinstance(root.value, dict) else {}
    kept = {key: entry for key, entry in entries.items() if key != "resources"}
    return root._replace(value=kept)
