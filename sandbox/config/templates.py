"""`extend` of a resource: its template is merged in before any variable is resolved.

Maps merge, lists and scalars are replaced, the resource's own props win.
"""

from __future__ import annotations

from sandbox.config.document import MAX_NODES
from sandbox.config.findings import Findings, RefusedError, near
from sandbox.config.functions import weighed
from sandbox.config.source import Entry, Node
from sandbox.config.validation import child

__all__ = ["with_templates"]


def with_templates(root: Node, findings: Findings) -> Node:
    """`root` with the props of every resource that extends a template completed."""
    resources = child(root, "resources")
    if resources is None or not isinstance(resources.value, dict):
        return root
    entries, left = {}, MAX_NODES
    for name, entry in resources.value.items():
        node = _extended(entry.node, root, findings)
        left -= node.weight
        if left < 0:
            raise RefusedError("FCB106", entry.key, limit=MAX_NODES)
        entries[name] = entry._replace(node=node)
    return _with(root, "resources", resources._replace(value=entries))


def _extended(resource: Node, root: Node, findings: Findings) -> Node:
    extend = child(resource, "extend")
    if extend is None:
        return resource
    name = child(extend, "name")
    templates = child(root, "template")
    known = templates.value if templates and isinstance(templates.value, dict) else {}
    if name is None or not isinstance(name.value, str) or name.value not in known:
        at, wanted = name or extend, str(name.value) if name else ""
        findings.add("FCB321", at, name=wanted, advice=near(wanted, known))
        return resource
    base = known[name.value].node
    for path in _ignored(extend):
        base = _without(base, path)
    own = child(resource, "props")
    return _with(resource, "props", merged(base, own) if own else base)


def _ignored(extend: Node) -> list[tuple[str, ...]]:
    ignore = child(extend, "ignore")
    items = ignore.value if ignore and isinstance(ignore.value, tuple) else ()
    return [tuple(item.value.split(".")) for item in items if isinstance(item.value, str)]


def _without(node: Node, path: tuple[str, ...]) -> Node:
    if not isinstance(node.value, dict) or path[0] not in node.value:
        return node
    if len(path) > 1:
        return _with(node, path[0], _without(node.value[path[0]].node, path[1:]))
    return node._replace(value={key: each for key, each in node.value.items() if key != path[0]})


def merged(base: Node, own: Node) -> Node:
    """Both, `own` winning; anything but two maps is replaced."""
    if not isinstance(base.value, dict) or not isinstance(own.value, dict):
        return own
    entries = dict(base.value)
    for key, entry in own.value.items():
        under = entries.get(key)
        entries[key] = entry._replace(node=merged(under.node, entry.node)) if under else entry
    return weighed(entries, own.span)


def _with(node: Node, key: str, value: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    at = node.value[key].key if key in node.value else value.span
    return weighed({**node.value, key: Entry(at, value)}, node.span)
