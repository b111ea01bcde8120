"""What the models are made of: their base, the kinds of values, and how to look into them.

A part of the file is one of two kinds. A `Model` is what fcbox reads, so a value that does not fit
is an error and an unknown key a warning. A `Shape` is what only the cloud reads: any value is fine
there, also one that fcbox has never heard of, and an unknown key is a warning only if it looks like
a slip. Shapes are plain tables, since nothing is ever validated with them: pydantic would take
half a millisecond to make a class of each.

A field's description says what is expected there; a finding quotes it (so no braces), and an
editor shows it. Null counts as absent. Numbers may be given as text, since `${env('X')}` always
gives text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import isclass
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Auto",
    "Flag",
    "Kind",
    "ListOf",
    "Model",
    "Number",
    "Shape",
    "Whole",
    "also",
    "item_model",
    "known_keys",
    "named_model",
    "nested_model",
    "shape_of",
    "told",
]


class Model(BaseModel):
    """A part that fcbox reads."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Shape:
    """A map of which only the keys are known: each with its description, or with that and the
    shape of what is below it."""

    def __init__(self, keys: Mapping[str, str | tuple[str, Shape | ListOf]]) -> None:
        whole = {key: (what, None) if isinstance(what, str) else what for key, what in keys.items()}
        self.descriptions = {key: what for key, (what, _) in whole.items()}
        self.below = {key: below for key, (_, below) in whole.items()}


class ListOf(NamedTuple):
    """A list of maps of the same shape."""

    item: Shape


Kind = type[Model] | Shape


def told(description: str, alias: str | None = None) -> Any:
    """A field that is known and described, and never checked: `Any`, or `Annotated[Any, SHAPE]`."""
    return Field(default=None, description=description, alias=alias)


def _no_bool(value: Any) -> Any:
    """`true` would count as 1."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _no_number(value: Any) -> Any:
    """1 would count as `true`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("true or false is needed")
    return value


def _auto_is_absent(value: Any) -> Any:
    """The official tool makes the resource then; here there is none."""
    return None if isinstance(value, str) and value.lower() == "auto" else value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Flag = Annotated[bool, BeforeValidator(_no_number)]
Auto = BeforeValidator(_auto_is_absent)


def also(*schemas: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """For `json_schema_extra`: what a validator takes besides the type, told to editors."""

    def extend(schema: dict[str, Any]) -> None:
        schema["anyOf"] = [*schema["anyOf"], *schemas]

    return extend


# --- looking into a part ----------------------------------------------------------------------


@cache
def known_keys(kind: Kind) -> dict[str, str]:
    """The keys as the file spells them -> the fields."""
    if isinstance(kind, Shape):
        return {key: key for key in kind.descriptions}
    return {field.alias or name: name for name, field in kind.model_fields.items()}


@cache
def nested_model(kind: Kind, field: str) -> Kind | None:
    """What is known of a field that is itself a map with known keys."""
    shape = shape_of(kind, field)
    if isinstance(shape, Shape) or isinstance(kind, Shape):
        return shape if isinstance(shape, Shape) else None
    return next(filter(_is_model, _members(kind, field)), None)


@cache
def named_model(kind: Kind, field: str) -> Kind | None:
    """The model of the values of a field that is a map of names, such as `functions`."""
    return None if isinstance(kind, Shape) else _inside(dict, kind, field)


@cache
def item_model(kind: Kind, field: str) -> Kind | None:
    """What is known of the items of a field that is a list, such as `triggers`."""
    shape = shape_of(kind, field)
    if isinstance(shape, ListOf) or isinstance(kind, Shape):
        return shape.item if isinstance(shape, ListOf) else None
    return _inside(list, kind, field)


def shape_of(kind: Kind, field: str) -> Shape | ListOf | None:
    """The shape of a field that is never checked."""
    if isinstance(kind, Shape):
        return kind.below.get(field)
    marks = kind.model_fields[field].metadata
    return next((each for each in marks if isinstance(each, Shape | ListOf)), None)


def _inside(container: type, model: type[Model], field: str) -> type[Model] | None:
    holders = (each for each in _members(model, field) if get_origin(each) is container)
    return next((arg for each in holders for arg in get_args(each) if _is_model(arg)), None)


def _members(model: type[Model], field: str) -> tuple[Any, ...]:
    """The types that a field may have."""
    annotation = model.model_fields[field].annotation
    is_union = get_origin(annotation) in (Union, UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _is_model(annotation: Any) -> bool:
    return get_origin(annotation) is None and isclass(annotation) and issubclass(annotation, Model)
