"""A file of FC 2.0 -> the same file in the form of 3.0, as trees.

    root --is_fc2?--> services --Place by Place--> resources --references--> root of edition 3.0.0

Every node keeps the place where the user wrote it, so that whatever is found later points into
the file of 2.0. What goes where stands in `places`, how values change in `values`, and
how variables do in `references`; what 3.0 has no place for is told, each thing once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.config.fc2.places import (
    CONTAINER_KEYS,
    DEFAULTS,
    HERE,
    PROPS,
    RESOURCE,
    Gone,
    Place,
    Table,
    is_of_3,
    names_at,
    place_in,
)
from sandbox.config.fc2.references import References
from sandbox.config.fc2.values import CHANGES, component_of, joined
from sandbox.config.messages.findings import Findings, Near, RefusedError, near
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text.document import MAX_NODES
from sandbox.config.text.source import Entry, Node, Span, child, weighed

__all__ = ["EDITION", "converted", "is_fc2"]

OLD_EDITIONS = ("1.0.0", "1.0", "1")
COMPONENTS = ("fc", "devsapp/fc")
EDITION = "3.0.0"
MAX_HOPS = 8
"""Variables that stand for each other, on the way to the map that is looked for."""

MAX_NAME_CHARS = 128
"""Longest name of a service in the cloud. Longer ones are not written out where they are used."""

_WHOLE = re.compile(r"\s*\$\{\s*([\w$-]+(?:\.[\w$-]+)+)\s*\}\s*")
_LAST = {"function": 1, "service": 2, "triggers": 3}
"""In this order behind all other props. What is placed first wins: the function's own."""

Entries = dict[str, Entry]


def is_fc2(root: Node) -> bool:
    """Whether the file is one of FC 2.0: by its edition, or by its `services` without one."""
    edition, services = child(root, "edition"), child(root, "services")
    if edition is None:
        return services is not None and isinstance(services.value, dict)
    is_old = not isinstance(edition.value, bool) and (
        edition.value == 1 or edition.value in OLD_EDITIONS
    )
    return is_old and (services is not None or child(root, "resources") is None)


def converted(root: Node, findings: Findings) -> Node:
    """The tree in the form of 3.0. Raises RefusedError when writing out the services that
    variables stand for makes it too large."""
    return _Conversion(root, findings).result()


class _Conversion:
    def __init__(self, root: Node, findings: Findings) -> None:
        self._root = root
        self._services = _entries(child(root, "services"))
        self._findings = findings
        self._functions: set[str] = set()
        self._copies: set[object] = set()
        self._names: dict[str, str] = {}
        self._this = ""
        self._left = MAX_NODES

    def result(self) -> Node:
        entries = _entries(self._root)
        at = entries.get("edition") or entries.get("services")
        span = at.key if at else self._root.span
        self._findings.add("FCB330", span)
        result = {"edition": Entry(span, Node(EDITION, at.node.span if at else span))}
        for key, entry in entries.items():
            if key == "services":
                result["resources"] = Entry(entry.key, self._resources(entry.node))
            elif key == "resources":
                self._leave_out(key, Gone(phrase("2.0 does not read it")), entry.key)
            elif key != "edition":
                result[key] = entry
        return weighed(self._with_references(result), self._root.span)

    def _with_references(self, entries: Entries) -> Entries:
        references = References(self._services, self._functions, self._names)
        return {
            key: Entry(entry.key, self._resources_rewritten(entry.node, references)
                       if key == "resources" else references.rewritten(entry.node))
            for key, entry in entries.items()
        }  # fmt: skip

    def _resources_rewritten(self, node: Node, references: References) -> Node:
        if not isinstance(node.value, dict):
            return references.rewritten(node)
        return weighed(
            {key: Entry(entry.key, references.rewritten(entry.node, key))
             for key, entry in node.value.items()},
            node.span,
        )  # fmt: skip

    # --- resources ----------------------------------------------------------------------------

    def _resources(self, services: Node) -> Node:
        if not isinstance(services.value, dict):
            return services
        resources: Entries = {}
        for key, entry in services.value.items():
            self._this = key
            node = self._resource(key, entry)
            if node is None:
                continue
            self._left -= node.weight
            if self._left < 0:
                raise RefusedError("FCB106", entry.key, limit=MAX_NODES)
            resources[key] = Entry(entry.key, node)
        return weighed(resources, services.span)

    def _resource(self, key: str, entry: Entry) -> Node | None:
        """The resource in the form of 3.0; what is not of component fc is 3.0's already."""
        node = entry.node
        component = self._followed(child(node, "component"))
        props = self._followed(child(node, "props"))
        if component_of(component) not in COMPONENTS:
            if component is None or not self._is_copy(component, props):
                return node
            if component.value not in self._copies:  # told once, as in a file of 3.0
                self._findings.add("FCB310", component, component=component.value)
            self._copies.add(component.value)
            node = _with_component(node, component)
        if props is None or not isinstance(props.value, dict):
            return self._renamed(node, RESOURCE)
        function, service = child(props, "function"), child(props, "service")
        if function is None and service is not None:
            self._report_no_function(key, entry.key, _entries(props), _entries(service))
            return None
        self._functions.add(key)
        result = _entries(self._renamed(node, RESOURCE))
        result["props"] = Entry(_entries(node)["props"].key, self._props(props))
        return weighed(result, node.span)

    def _report_no_function(self, key: str, at: Span, props: Entries, service: Entries) -> None:
        """A service alone, or one whose function is misspelt or stands at the wrong place."""
        advice: Phrase | Near = phrase("3.0 has no services; what they were set to belongs to each "
                                       "function")  # fmt: skip
        slip = next((each for each in props if self._is_slip(each, PROPS, ("function",))), None)
        if "function" in service:
            at = service["function"].key
            advice = phrase("`{key}` was found below `service`: move it up, beside `service`",
                            key="function")  # fmt: skip
        elif slip is not None:
            at, advice = props[slip].key, near(slip, ("function",))
        self._findings.add("FCB332", at, name=key, advice=advice)

    def _is_slip(self, key: str, table: Table, meant: tuple[str, ...] = ()) -> bool:
        """Whether `key` looks like a name of 2.0 (one of `meant`), and is none of 3.0."""
        names = names_at(table)
        is_known = key in names or not names or is_of_3(table, key)
        return not is_known and self._findings.is_slip(key, meant or names)

    def _is_copy(self, component: Node, props: Node | None) -> bool:
        """Whether it is fc at a path, or under another name: only fc has both of these maps."""
        parts = (self._followed(child(props, key)) for key in ("service", "function"))
        are_maps = all(part is not None and isinstance(part.value, dict) for part in parts)
        return are_maps and isinstance(component.value, str)

    def _props(self, props: Node) -> Node:
        sources = _entries(props)
        function = self._map_of(sources, "function")
        service = self._map_of(sources, "service")
        name = child(service, "name")
        if name is not None and len(joined(name)) <= MAX_NAME_CHARS:
            self._names[self._this] = joined(name)
        if function is not None:
            prepared = self._prepared(_entries(function), name)
            sources["function"] = sources["function"]._replace(
                node=weighed(prepared, function.span)
            )
        result: Entries = {}
        for key in sorted(sources, key=lambda key: _LAST.get(key, 0)):
            self._move(key, sources[key], PROPS, result)
        if function is not None:
            _enter_defaults(result, sources["function"].key)
        self._note_http(result.get("triggers"))
        return weighed(result, props.span)

    def _note_http(self, triggers: Entry | None) -> None:
        """With an http trigger a Python function of 2.0 is a WSGI application."""
        for each in (
            triggers.node.value if triggers and isinstance(triggers.node.value, tuple) else ()
        ):
            kind = child(each, "triggerType")
            if kind is not None and kind.value == "http":
                self._findings.add("FCB334", kind)

    def _map_of(self, sources: Entries, key: str) -> Node | None:
        """The map at `key`, also where a variable stands for it."""
        entry = sources.get(key)
        if entry is None or entry.node.value is None:
            return None
        node = self._followed(entry.node)
        if node is None or not isinstance(node.value, dict):
            self._findings.add("FCB333", entry.node.span, key=key)
            sources[key] = entry._replace(node=entry.node._replace(value=None, weight=1))
            return None
        sources[key] = entry._replace(node=node)
        return node

    # --- what depends on several keys of a function -------------------------------------------

    def _prepared(self, entries: Entries, service_name: Node | None) -> Entries:
        """The keys of a function, each of them now on its own."""
        name = entries.get("name")
        if name is not None and name.node.value is not None and service_name is not None:
            whole = name.node._replace(value=joined(service_name, "$", name.node))
            entries["name"] = name._replace(node=whole)
        initializer = entries.get("initializer")
        if initializer is None or not initializer.node.value:
            _without(entries, ("initializer", "initializationTimeout"))
        if "codeUri" in entries:
            for key, entry in _without(entries, ("ossBucket", "ossKey")):
                self._leave_out(key, Gone(phrase("3.0 uploads the code itself")), entry.key)
        if "customContainerConfig" in entries:
            self._prepare_container(entries)
        return entries

    def _prepare_container(self, entries: Entries) -> None:
        entry = entries["customContainerConfig"]
        container = _entries(self._followed(entry.node))
        table = {key: Place(to) for key, to in CONTAINER_KEYS.items()}
        for key, each in _without(entries, CONTAINER_KEYS):
            self._move(key, each, table, container)
        entries["customContainerConfig"] = entry._replace(node=weighed(container, entry.node.span))

    # --- one entry after the other ------------------------------------------------------------

    def _renamed(self, node: Node, table: Table) -> Node:
        result: Entries = {}
        for key, entry in _entries(node).items():
            self._move(key, entry, table, result)
        return weighed(result, node.span)

    def _move(self, key: str, entry: Entry, table: Table, result: Entries) -> None:
        """Puts the entry into `result`, at its place."""
        place = place_in(table, key)
        if self._is_slip(key, table):
            self._findings.add("FCB306", entry.key, key=key, advice=near(key, names_at(table)))
        elif isinstance(place, Gone):
            self._leave_out(key, place, entry.key)
        elif place.to == HERE:
            for inner, each in _entries(entry.node).items():
                self._move(inner, each, place.below, result)
        else:
            node = self._changed(entry, place)
            if node is not None:
                _put(result, place.to.split("."), Entry(entry.key, node))

    def _changed(self, entry: Entry, place: Place) -> Node | None:
        if not place.change and not place.below:
            return entry.node
        node = self._followed(entry.node) or entry.node
        if not isinstance(node.value, tuple):
            return self._changed_value(Entry(entry.key, node), place)
        items = (self._changed_value(Entry(item.span, item), place) for item in node.value)
        return weighed(tuple(item for item in items if item is not None), node.span)

    def _changed_value(self, entry: Entry, place: Place) -> Node | None:
        node = CHANGES[place.change](entry, self._findings) if place.change else entry.node
        if node is None or not place.below or not isinstance(node.value, dict):
            return node
        return self._renamed(node, place.below)

    def _leave_out(self, key: str, gone: Gone, at: Span) -> None:
        if gone.reason is not None:
            self._findings.add("FCB331", at, key=key, reason=gone.reason)

    # --- variables that stand for maps --------------------------------------------------------

    def _followed(self, node: Node | None) -> Node | None:
        """What a text like `${vars.service}` stands for in this file; else the node itself."""
        for _ in range(MAX_HOPS):
            match = _WHOLE.fullmatch(node.value) if node and isinstance(node.value, str) else None
            found = self._at(match[1].split(".")) if match else None
            if found is None:
                break
            node = found
        return node

    def _at(self, path: list[str]) -> Node | None:
        if path[0] in ("vars", "services"):
            node: Node | None = self._root
        else:
            entry = self._services.get(self._this if path[0] == "this" else path[0])
            node, path = entry and entry.node, path[1:]
        for step in path:
            node = child(node, step)
        return node


def _entries(node: Node | None) -> Entries:
    """A map's entries, to be changed; none when there is no map."""
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {}


def _with_component(node: Node, component: Node) -> Node:
    """The resource with component fc3, at the place where the user named another."""
    entries = _entries(node)
    fc3 = component._replace(value="fc3")
    entries["component"] = entries["component"]._replace(node=fc3)
    return weighed(entries, node.span)


def _without(entries: Entries, keys: Iterable[str]) -> list[tuple[str, Entry]]:
    """Takes the entries at `keys` out, as far as there are any."""
    return [(key, entries.pop(key)) for key in keys if key in entries]


def _enter_defaults(entries: Entries, at: Span) -> None:
    for key, value in DEFAULTS.items():
        if key not in entries or entries[key].node.value is None:
            entries[key] = Entry(at, Node(value, at))


def _put(entries: Entries, path: list[str], entry: Entry) -> None:
    """Enters the node at `path`, beside what is there."""
    node = entry.node
    for step in reversed(path[1:]):
        node = weighed({step: Entry(entry.key, node)}, node.span)
    here = entries.get(path[0])
    entries[path[0]] = Entry(entry.key, node) if here is None else here._replace(
        node=_both(here.node, node)
    )  # fmt: skip


def _both(first: Node, second: Node) -> Node:
    """Both maps in one; `first` wins."""
    if not isinstance(first.value, dict) or not isinstance(second.value, dict):
        return first
    entries = dict(first.value)
    for key, entry in second.value.items():
        here = entries.get(key)
        entries[key] = entry if here is None else here._replace(node=_both(here.node, entry.node))
    return weighed(entries, first.span)
