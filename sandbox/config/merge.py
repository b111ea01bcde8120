"""How trees are laid over each other: maps merge, lists and scalars are replaced, `own` wins.

    template  <  own props  <  overlay of the component  <  overlay of the resource    (one file)
    base file  <  the file that extends it

Null is a value here: it takes the place of what it lies over, and counts as absent afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.config.messages.findings import Findings, RefusedError, near, shown
from sandbox.config.messages.texts import phrase
from sandbox.config.text.document import MAX_NODES
from sandbox.config.text.source import Entry, Node, child, is_broken, weighed

__all__ = ["merged", "with_entry", "with_overlay", "with_templates", "without", "without_nulls"]


Path = list[str]


def merged(base: Node, own: Node) -> Node:
    """Both, `own` winning; anything but two maps is replaced."""
    if not isinstance(base.value, dict) or not isinstance(own.value, dict):
        return own
    entries = dict(base.value)
    for key, entry in own.value.items():
        under = entries.get(key)
        entries[key] = entry._replace(node=merged(under.node, entry.node)) if under else entry
    return weighed(entries, own.span)


def with_entry(node: Node, key: str, value: Node) -> Node:
    """The map `node` with `value` at `key`; anything but a map stays as it is."""
    if not isinstance(node.value, dict):
        return node
    at = node.value[key].key if key in node.value else value.span
    return weighed({**node.value, key: Entry(at, value)}, node.span)


def without(node: Node, paths: Iterable[Path]) -> Node:
    """`node` without what stands at `paths`."""
    if not isinstance(node.value, dict):
        return node
    below: dict[str, list[Path]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(rest)
    entries = {}
    for key, entry in node.value.items():
        rests = below.get(key)
        if rests is None:
            entries[key] = entry
        elif all(rests):  # an empty one means the entry itself
            entries[key] = entry._replace(node=without(entry.node, rests))
    return weighed(entries, node.span)


# --- templates ----------------------------------------------------------------------------------


def with_templates(resources: Node, templates: Node | None, findings: Findings) -> Node:
    """All resources, each with the props of the template that it extends under its own."""
    if not isinstance(resources.value, dict):
        return resources
    entries, left = {}, MAX_NODES
    for name, entry in resources.value.items():
        template = _template(entry.node, templates, findings)
        left -= entry.node.weight + (template.weight if template else 0)
        if left < 0:
            raise RefusedError("FCB106", entry.key, limit=MAX_NODES)
        node = _extended(entry.node, template) if template else entry.node
        entries[name] = entry._replace(node=node)
    return resources._replace(value=entries)


def _template(resource: Node, templates: Node | None, findings: Findings) -> Node | None:
    """The template that a resource extends; None, and a finding, for one that is not there."""
    extend = child(resource, "extend")
    if extend is None:
        return None
    name = child(extend, "name")
    known = templates.value if templates and isinstance(templates.value, dict) else {}
    if not isinstance(extend.value, dict):
        return None  # reported with the resource
    if name is None or not isinstance(name.value, str) or name.value not in known:
        wanted = str(name.value) if name else ""
        findings.add("FCB321", name or extend, name=wanted, advice=near(wanted, known))
        return None
    found: Node = known[name.value].node
    if not isinstance(found.value, dict):
        if not is_broken(found):
            findings.add("FCB312", found, key=f"template.{name.value}", found=shown(found),
                         expected=phrase("a map"))  # fmt: skip
        return None
    return found


def _extended(resource: Node, template: Node) -> Node:
    base = without(template, _ignored(child(resource, "extend")))
    own = child(resource, "props")
    return with_entry(resource, "props", merged(base, own) if own else base)


def _ignored(extend: Node | None) -> list[Path]:
    ignore = child(extend, "ignore")
    items = ignore.value if ignore and isinstance(ignore.value, tuple) else (ignore,)
    texts = (item.value for item in items if item is not None)
    return [text.split(".") for text in texts if isinstance(text, str)]


# --- overlays of an environment -------------------------------------------------------------------


def with_overlay(resource: Node, name: str, component: str, environment: Node) -> Node:
    """The resource with the props that an environment lays over it."""
    overlays = child(environment, "overlays")
    region = child(child(environment, "infraStack"), "region")
    layers = [child(child(overlays, "components"), component),
              child(child(overlays, "resources"), name)]  # fmt: skip
    props = child(resource, "props") or resource._replace(value={}, weight=1)
    for layer in layers:
        props = merged(props, layer) if layer else props
    if region is not None:
        props = with_entry(props, "region", region)
    return with_entry(resource, "props", props)


def without_nulls(node: Node) -> Node:
    """A null in an overlay, or in what is laid over a base file, is as if it were not there."""
    if isinstance(node.value, dict):
        kept = {
            key: entry._replace(node=without_nulls(entry.node))
            for key, entry in node.value.items()
            if entry.node.value is not None
        }
        return weighed(kept, node.span)._replace(origin=node.origin)
    return node
