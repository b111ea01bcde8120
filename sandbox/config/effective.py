"""What a configuration comes to, value by value, and where each of them was written.

`written` is the files merged, with the expressions as they stand there; `effective` has them
replaced, and the defaults of what nothing was written for. Secrets are masked by the name of
their key, before anything is made into text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sandbox.config.compile import Loaded
from sandbox.config.project import Project
from sandbox.config.props.models import Box, Model, Props, known_keys
from sandbox.config.text.source import Entry, Node, Source, Span, Value, child, weighed

__all__ = ["MASK", "Origin", "effective", "origins", "written"]

MASK = "******"

_SECRET = re.compile(
    r"secret|passw(or)?d|passphrase|pwd|token|credential|(access|private|api|encryption|signing)"
    r"[_-]?key|authorization",
    re.IGNORECASE,
)
_PURE_REFERENCE = re.compile(r"\$\{[\w.-]+\}|\$\{env\(\s*['\"]?\w+['\"]?\s*\)\}")
"""Names where a secret is to be found, and holds none itself."""

_NOWHERE = Span(Source("", ""), 0, 0)
"""Where defaults stand."""

Path = tuple[str | int, ...]


class Origin(NamedTuple):
    """Where a value was written; `is_default`: nowhere. `expression`: what stands there, when the
    value came out of it; `definition`: where that found the value."""

    place: Span
    expression: str = ""
    definition: Span | None = None

    @property
    def is_default(self) -> bool:
        return self.place is _NOWHERE


# --- trees ----------------------------------------------------------------------------------------


def written(loaded: Loaded, names: Sequence[str] = ()) -> Node:
    """The resources as the files have them, merged and nothing replaced."""
    project = loaded.project
    assert project is not None
    entries = {key: Entry(entry.key, project.written(key))
               for key, entry in _chosen(loaded, project, names)}  # fmt: skip
    return _masked(_document(project, entries, child(project.root, "fcbox")), is_written=True)


def effective(loaded: Loaded, names: Sequence[str] = ()) -> Node:
    """The resources as fcbox takes them, defaults included."""
    project = loaded.project
    assert project is not None
    functions = {resource.key for resource in loaded.resources}
    entries = {}
    for key, entry in _chosen(loaded, project, names):
        node = project.resolved(key) or _plain({})
        entries[key] = Entry(entry.key, _with_props(node) if key in functions else node)
    box = _with_defaults(project.common("fcbox") or _plain({}), Box)
    return _masked(_document(project, entries, box), is_written=False)


def _chosen(loaded: Loaded, project: Project, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    known = {spec.resource: spec.name for spec in loaded.config.specs}
    for key, entry in project.resources().items():
        if not names or key in names or known.get(key) in names:
            yield key, entry


def _document(project: Project, resources: dict[str, Entry], box: Node | None) -> Node:
    entries = {"resources": Entry(_NOWHERE, _plain(resources))}
    if box is not None:
        entries["fcbox"] = Entry(_NOWHERE, box)
    return _plain(entries)


def _plain(value: Value) -> Node:
    return weighed(value, _NOWHERE)


def _with_props(resource: Node) -> Node:
    props = _with_defaults(child(resource, "props") or _plain({}), Props)
    if not isinstance(resource.value, dict):
        return resource
    return resource._replace(value={**resource.value, "props": Entry(props.span, props)})


def _with_defaults(node: Node, model: type[Model]) -> Node:
    """The map with an entry for each key that has a default and is not there."""
    entries = dict(node.value) if isinstance(node.value, dict) else {}
    for key, name in known_keys(model).items():
        default = model.model_fields[name].get_default(call_default_factory=False)
        if isinstance(default, str | int | float) and child(node, key) is None:
            entries[key] = Entry(_NOWHERE, _plain(default))
    return node._replace(value=entries)


# --- secrets --------------------------------------------------------------------------------------


def _masked(node: Node, is_written: bool, is_secret: bool = False) -> Node:
    value = node.value
    if isinstance(value, dict):
        entries = {
            key: entry._replace(
                node=_masked(entry.node, is_written, is_secret or bool(_SECRET.search(key)))
            )
            for key, entry in value.items()
        }
        return node._replace(value=entries)
    if isinstance(value, tuple):
        return node._replace(value=tuple(_masked(each, is_written, is_secret) for each in value))
    is_reference = is_written and isinstance(value, str) and _PURE_REFERENCE.fullmatch(value)
    if not is_secret or value is None or is_reference:
        return node
    return node._replace(value=MASK)


# --- origins --------------------------------------------------------------------------------------


def origins(node: Node, path: Path = ()) -> Iterator[tuple[Path, Origin]]:
    """The origin of every value that is no map and no list, and of the empty ones of these."""
    value = node.value
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from origins(entry.node, (*path, key))
    elif isinstance(value, tuple) and value:
        for index, item in enumerate(value):
            yield from origins(item, (*path, index))
    else:
        yield path, _origin(node)


def _origin(node: Node) -> Origin:
    text = node.span.text.strip("'\"") if node.span is not _NOWHERE else ""
    is_shown = "${" in text and "\n" not in text and node.value not in (MASK, text)
    return Origin(node.span, text if is_shown else "", node.origin)
