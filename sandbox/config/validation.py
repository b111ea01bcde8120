"""Checks a tree of nodes against a model: one finding for each trouble, at its key or value."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sandbox.config import scalars
from sandbox.config.findings import Findings, near
from sandbox.config.models import (
    ACCEPTED_SILENTLY,
    WITHOUT_EFFECT,
    Model,
    Props,
    known_keys,
    named_model,
    nested_model,
)
from sandbox.config.source import BROKEN, Broken, Node, node_at
from sandbox.config.texts import Phrase, phrase

__all__ = ["child", "is_broken", "plain", "shown", "validated"]

MAX_LEVELS = 12
"""Levels that the models look at, and some more. Variables can make trees of any depth."""

ModelT = TypeVar("ModelT", bound=Model)


def validated(node: Node, model: type[ModelT], prefix: str, findings: Findings) -> ModelT:
    """The model made of `node`. What is wrong is reported and counts as absent."""
    _report_unknown_keys(node, model, findings)
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
    key = ".".join(filter(None, (prefix, *map(str, path))))
    expected = _description(model, path)
    findings.add("FCB312", at, key=key, found=shown(at), expected=phrase(expected))


def _path_in_file(location: tuple[int | str, ...], node: Node) -> tuple[int | str, ...]:
    """pydantic adds steps that are not keys, such as the member of a union: cut there."""
    path: list[int | str] = []
    for step in location:
        value = node.value
        if isinstance(value, dict) and step in value:
            node = value[str(step)].node
        elif isinstance(value, tuple) and isinstance(step, int):
            node = value[step]
        else:
            break
        path.append(step)
    return tuple(path)


def _description(model: type[Model], path: tuple[int | str, ...]) -> str:
    """The description of the field at `path`; what is deeper is described by its map."""
    text = "another value"
    current: type[Model] | None = model
    named: type[Model] | None = None
    for step in path:
        if named is not None:  # a name, and below it the keys of its model
            current, named = named, None
            continue
        field = known_keys(current).get(str(step)) if current else None
        if current is None or field is None:
            break
        text = current.model_fields[field].description or text
        named = named_model(current, field)
        current = nested_model(current, field)
    return text


def _remove(data: Any, location: tuple[int | str, ...]) -> None:
    """Takes the value at `location` out, or the smallest part around it that is there."""
    holder, key = None, None
    for step in location:
        if not isinstance(data, dict) or step not in data:
            break
        holder, key, data = data, step, data[step]
    if holder is not None:
        del holder[key]


def _report_unknown_keys(node: Node, model: type[Model], findings: Findings) -> None:
    if not isinstance(node.value, dict):
        return
    known = known_keys(model)
    for key, entry in node.value.items():
        if key in known:
            _report_unknown_below(entry.node, model, known[key], findings)
        elif model is Props and key in WITHOUT_EFFECT:
            findings.add("FCB314", entry.key, key=key)
        elif model.model_config.get("extra") != "allow" and not _is_silent(model, key):
            names = [*known, *(ACCEPTED_SILENTLY if model is Props else ())]
            findings.add("FCB306", entry.key, key=key, advice=near(key, names))


def _report_unknown_below(node: Node, model: type[Model], field: str, findings: Findings) -> None:
    inner, named = nested_model(model, field), named_model(model, field)
    if inner is not None:
        _report_unknown_keys(node, inner, findings)
    if named is not None and isinstance(node.value, dict):
        for entry in node.value.values():
            _report_unknown_keys(entry.node, named, findings)


def _is_silent(model: type[Model], key: str) -> bool:
    return model is Props and key in ACCEPTED_SILENTLY


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


def shown(node: Node) -> Phrase | str:
    """A value as a message quotes it."""
    value = node.value
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, dict | tuple):
        return phrase("a map") if isinstance(value, dict) else phrase("a list")
    if value is None or isinstance(value, Broken):
        return phrase("nothing")
    return scalars.js_text(value)


def child(node: Node | None, key: str) -> Node | None:
    """The value of `key` in a map; None when there is no map, no key or a null."""
    if node is None or not isinstance(node.value, dict) or key not in node.value:
        return None
    found = node.value[key].node
    return None if found.value is None else found


def is_broken(node: Node | None) -> bool:
    return node is not None and node.value is BROKEN
