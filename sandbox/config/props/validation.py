"""Checks a tree of nodes against a model: one finding for each trouble, at its key or value."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sandbox.config.messages.findings import Findings, near, shown
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.props.fields import (
    Kind,
    Model,
    Shape,
    item_model,
    known_keys,
    named_model,
    nested_model,
)
from sandbox.config.props.models import WITHOUT_EFFECT, Props
from sandbox.config.text.source import Broken, Node, is_broken, node_at

__all__ = ["plain", "report_keys", "validated"]

MAX_LEVELS = 12
"""Levels that the models look at, and some more. Variables can make trees of any depth."""

ModelT = TypeVar("ModelT", bound=Model)


def validated(node: Node, model: type[ModelT], prefix: str, findings: Findings) -> ModelT:
    """The model made of `node`. What is wrong is reported and counts as absent."""
    report_keys(node, model, findings)
    data = plain(node)
    if not isinstance(data, dict):
        data = {}
    # Each round takes out what was wrong; a second one is needed when that was a whole part.
    for _ in range(MAX_LEVELS):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_context=False):
                _report_wrong(details, node, model, prefix, findings)
                _remove(data, details["loc"])
    return model()


def _report_wrong(
    details: ErrorDetails, node: Node, model: type[Model], prefix: str, findings: Findings
) -> None:
    path = _path_in_file(details["loc"], node)
    at = node_at(node, path)
    if at.value is None or is_broken(at):  # only as an item of a list; broken ones are reported
        return
    key = ".".join(filter(None, (prefix, *map(str, path))))
    findings.add("FCB312", at, key=key, found=shown(at), expected=_expected(model, path))


def _path_in_file(location: tuple[int | str, ...], node: Node) -> tuple[int | str, ...]:
    """pydantic adds steps that are not keys, such as the member of a union: cut there."""
    path: list[int | str] = []
    for step in location:
        value = node.value
        if isinstance(value, dict) and step in value:
            node = value[str(step)].node
        elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
            node = value[step]
        else:
            break
        path.append(step)
    return tuple(path)


def _expected(model: type[Model], path: tuple[int | str, ...]) -> Phrase:
    """The description of the field at `path`; what is deeper is described by its map or list."""
    text = "another value"
    current: Kind | None = model
    inside: Kind | None = None
    for step in path:
        if inside is not None:  # a name or a number, and below it the keys of its model
            current, inside = inside, None
            continue
        field = known_keys(current).get(str(step)) if current else None
        if current is None or isinstance(current, Shape) or field is None:
            break
        text = current.model_fields[field].description or text
        inside = named_model(current, field) or item_model(current, field)
        current = nested_model(current, field)
    is_item = path != () and isinstance(path[-1], int)
    return phrase("an item of {list}", list=phrase(text)) if is_item else phrase(text)


def _remove(data: Any, location: tuple[int | str, ...]) -> None:
    """Takes the value at `location` out, or the smallest part around it that is there. Of a list
    it takes all: the numbers of the items that stay must not change."""
    holder, key = None, None
    for step in location:
        if not isinstance(data, dict) or step not in data:
            break
        holder, key, data = data, step, data[step]
    if holder is not None:
        del holder[key]


# --- keys -------------------------------------------------------------------------------------


def report_keys(node: Node, kind: Kind, findings: Findings) -> None:
    """Unknown keys, and those without effect."""
    if not isinstance(node.value, dict):
        return
    known = known_keys(kind)
    for key, entry in node.value.items():
        if kind is Props and key in WITHOUT_EFFECT and _says_something(entry.node):
            findings.add("FCB314", entry.key, key=key)
        if key in known:
            _report_keys_below(entry.node, kind, known[key], findings)
        elif not isinstance(kind, Shape) or findings.is_slip(key, known):
            findings.add("FCB306", entry.key, key=key, advice=near(key, known))


def _report_keys_below(node: Node, kind: Kind, field: str, findings: Findings) -> None:
    inner, value = nested_model(kind, field), node.value
    if inner is not None:
        report_keys(node, inner, findings)
    named, item = named_model(kind, field), item_model(kind, field)
    if named is not None and isinstance(value, dict):
        for entry in value.values():
            report_keys(entry.node, named, findings)
    if item is not None and isinstance(value, tuple):
        for each in value:
            report_keys(each, item, findings)


def _says_something(node: Node) -> bool:
    """A null, `false`, or what is empty asks for nothing, so that nothing is missing."""
    return node.value not in (None, False, "", {}, ())


# --- values -----------------------------------------------------------------------------------


def plain(node: Node, levels: int = MAX_LEVELS) -> Any:
    """The node as plain data. Null and broken values are left out, as if they were not there."""
    value = node.value
    if isinstance(value, dict | tuple) and not levels:
        return None
    if isinstance(value, dict):
        items = ((key, plain(entry.node, levels - 1)) for key, entry in value.items())
        return {key: item for key, item in items if item is not None}
    if isinstance(value, tuple):
        return [plain(item, levels - 1) for item in value]
    return None if isinstance(value, Broken) else value
