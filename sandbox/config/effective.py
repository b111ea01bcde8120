"""What a configuration comes to, value by value, and where each of them was written.

`written` is the files merged, with the expressions as they stand there; `effective` has them
replaced, and the defaults of what nothing was written for. Secrets are masked before anything is
made into text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sandbox.config.compile import Loaded
from sandbox.config.project import Project
from sandbox.config.props.models import Box, Model, Props, known_keys
from sandbox.config.secrets import MASK, Masking
from sandbox.config.text.source import Entry, Node, Source, Span, Value, child, weighed

__all__ = ["Origin", "effective", "origins", "written"]

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
    tree = _document(entries, child(project.root, "fcbox"))
    return Masking(_known(project, tree), is_written=True).masked(tree)


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
    tree = _document(entries, box)
    return Masking(_known(project, tree), is_written=False).masked(tree)


def _known(project: Project, tree: Node) -> list[Node]:
    """Where secrets are learned from: what is shown, and the variables that it may come from."""
    return [node for node in (tree, project.common("vars")) if node is not None]


def _chosen(loaded: Loaded, project: Project, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    known = {spec.resource: spec.name for spec in loaded.config.specs}
    for key, entry in project.resources().items():
        if not names or key in names or known.get(key) in names:
            yield key, entry


def _document(resources: dict[str, Entry], box: Node | None) -> Node:
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
    is_masked = isinstance(node.value, str) and MASK in node.value
    is_shown = "${" in text and "\n" not in text and node.value != text and not is_masked
    return Origin(node.span, text if is_shown else "", node.origin)
