"""A JSON Schema of s.yaml for editors, made from the models.

Draft-07, which is what editors' YAML support reads best. It describes more than it forbids: an
editor cannot resolve variables, does not know components other than fc3, and must never underline
what `fcbox validate` accepts. So

- any value may be a text with `${...}` or `{{ }}` in it, numbers may be texts, null is fine;
- types are lists (`type: [integer, string, null]`), so that limits keep their plain messages,
  where alternatives (`anyOf`) would give one message for all of them;
- unknown keys pass, except below `fcbox`, which nobody but fcbox reads.
"""

from __future__ import annotations

from typing import Any

from sandbox.config.props.fields import (
    Kind,
    ListOf,
    Model,
    Shape,
    item_model,
    known_keys,
    named_model,
    nested_model,
    shape_of,
)
from sandbox.config.props.models import Box, Props
from sandbox.config.props.triggers import TRIGGER_CONFIGS, Trigger

__all__ = ["json_schema"]

Schema = dict[str, Any]

VARIABLE = r"\$\{|\{\{"
NUMBER = rf"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$|{VARIABLE}"
BOOLEAN = rf"^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|[Nn]o|[Oo]n|[Oo]ff|[01])$|{VARIABLE}"
COMPONENT = r"^(devsapp/)?fc3(@.*)?$"

REFERENCE = "#/definitions/{model}"
_TOLD = ("description", "examples")
TEXT_PATTERNS = {"integer": NUMBER, "number": NUMBER, "boolean": BOOLEAN}


def json_schema() -> Schema:
    """The schema of a whole s.yaml."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "s.yaml",
        "description": "An application of Serverless Devs, as fcbox reads it",
        "type": "object",
        "properties": _top_level(),
        "anyOf": [
            {"required": ["edition", "resources"]},
            {"required": ["extend"]},
            {"required": ["services"]},
        ],
        "definitions": _definitions(),
    }


# --- the file ---------------------------------------------------------------------------------


def _top_level() -> Schema:
    return {
        "edition": {
            "description": "the text 3.0.0 (1.0.0 in files of FC 2.0)",
            "enum": ["3.0.0", "1.0.0"],
            "default": "3.0.0",
        },
        "name": {"description": "the name of the application", "type": ["string", "null"]},
        "access": {"description": "the alias of a credential", "type": ["string", "null"]},
        "vars": {"description": "what ${vars.name} stands for", "type": ["object", "null"]},
        "resources": _map("the resources, by name", {"$ref": _reference("Resource")}),
        "template": _map("fragments of props that resources extend", _loose(_reference("Props"))),
        "extend": {"description": "the path of a base file", "type": ["string", "null"]},
        "env": {"description": "the path of the environments file", "type": ["string", "null"]},
        "flow": {"description": "the order of deployment; nothing here runs it"},
        "actions": {"description": "shell hooks of the application; nothing here runs them"},
        "fcbox": {"description": "settings of fcbox", "allOf": [{"$ref": _reference("Box")}]},
    }


def _map(description: str, values: Schema) -> Schema:
    return {
        "description": description, "type": ["object", "null"], "additionalProperties": values,
    }  # fmt: skip


def _resource() -> Schema:
    """Only the props of fc3 are known."""
    is_fc3 = {"properties": {"component": {"pattern": COMPONENT}}, "required": ["component"]}
    return {
        "type": "object",
        "properties": {
            "component": {
                "description": "fc3 for a function",
                "type": "string",
                "examples": ["fc3"],
            },
            "props": {"description": "what the component is told"},
            "extend": {
                "description": "the template that the props extend",
                "type": ["object", "string", "null"],
                "properties": {
                    "name": {"description": "a name below `template`", "type": "string"},
                    "ignore": {"description": "paths that are left out", "type": ["array", "null"]},
                },
            },
            "actions": {"description": "shell hooks; nothing here runs them"},
        },
        "required": ["component"],
        "if": is_fc3,
        "then": {"properties": {"props": _props()}},
    }


def _props() -> Schema:
    """What does not run here is not looked at when the file is loaded, so nothing is wrong in it:
    a container with a GPU may have more memory than a Python function."""
    runs_elsewhere = {
        "properties": {"runtime": {"type": "string", "not": {"pattern": r"^python3|\$\{"}}},
        "required": ["runtime"],
    }
    props = _reference("Props")
    return {"if": runs_elsewhere, "then": _loose(props), "else": {"$ref": props}}


# --- models -----------------------------------------------------------------------------------


def _definitions() -> Schema:
    definitions = {model.__name__: _model(model) for model in _models()}
    definitions["Resource"] = _resource()
    definitions[Trigger.__name__]["allOf"] = _trigger_configs()
    for name in ("Box", "BoxFunction"):
        definitions[name]["additionalProperties"] = False
    return dict(sorted(definitions.items()))


def _models() -> list[type[Model]]:
    """All models that can be reached."""
    found: list[type[Model]] = []
    waiting: list[Kind | None] = [Props, Box, *TRIGGER_CONFIGS.values()]
    while waiting:
        kind = waiting.pop()
        if kind is None or isinstance(kind, Shape) or kind in found:
            continue
        found.append(kind)
        for field in known_keys(kind).values():
            waiting += [look(kind, field) for look in (nested_model, named_model, item_model)]
    return found


def _model(model: type[Model]) -> Schema:
    made = model.model_json_schema(ref_template=REFERENCE)["properties"]
    properties = {
        key: _field(made[key], shape_of(model, field)) for key, field in known_keys(model).items()
    }
    return {"type": ["object", "string", "null"], "pattern": VARIABLE, "properties": properties}


def _trigger_configs() -> list[Schema]:
    """What triggerConfig may hold, for each triggerType."""
    return [
        {
            "if": {"properties": {"triggerType": {"const": kind}}, "required": ["triggerType"]},
            "then": {"properties": {"triggerConfig": _config(config)}},
        }
        for kind, config in TRIGGER_CONFIGS.items()
    ]


def _config(config: Kind) -> Schema:
    return (
        _loose_shape(config) if isinstance(config, Shape) else {"$ref": _reference(config.__name__)}
    )


def _reference(name: str) -> str:
    return REFERENCE.format(model=name)


# --- fields -----------------------------------------------------------------------------------


def _field(made: Schema, shape: Shape | ListOf | None) -> Schema:
    """A field as pydantic describes it, made lenient."""
    told: Schema = {key: made[key] for key in _TOLD if key in made}
    if made.get("default") not in (None, {}):
        told["default"] = _plain(made["default"])
    types = made.get("anyOf", [{} if _is_any(made) else made])
    branches = [_branch(each, shape) for each in types if each.get("type") != "null"]
    lenient = branches[0] if len(branches) == 1 else {"anyOf": branches}
    if "pattern" in lenient:
        told["patternErrorMessage"] = f"Expected {made['description']}."
    return {**told, **lenient}


def _is_any(made: Schema) -> bool:
    return not {"type", "enum", "const", "$ref"} & set(made)


def _plain(default: Any) -> Any:
    return int(default) if isinstance(default, float) and default.is_integer() else default


def _branch(made: Schema, shape: Shape | ListOf | None) -> Schema:
    """One type of a field, without what an editor could not know better than the file."""
    if "$ref" in made:
        return {"allOf": [{"$ref": made["$ref"]}]}
    if "anyOf" in made:
        return {"anyOf": [_branch(each, shape) for each in made["anyOf"]]}
    if "const" in made or "enum" in made:
        return _choice(made.get("enum") or [made["const"]])
    kind = made.get("type")
    if kind is None:
        return {} if shape is None else _loose_shape(shape)
    if kind == "string":
        pattern = {"pattern": f"{made['pattern']}|{VARIABLE}"} if "pattern" in made else {}
        return {"type": ["string", "null"], **pattern}
    lenient = {"type": [kind, "string", "null"], "pattern": TEXT_PATTERNS.get(kind, VARIABLE)}
    return {**lenient, **_limits(made), **_contents(made, shape)}


def _choice(values: list[Any]) -> Schema:
    pattern = VARIABLE if all(isinstance(each, str) for each in values) else NUMBER
    return {"anyOf": [{"enum": values}, {"type": ["string", "null"], "pattern": pattern}]}


def _limits(made: Schema) -> Schema:
    """pydantic writes `ge` and `le` where a number is one of several types."""
    names = {"minimum": "ge", "maximum": "le", "multipleOf": "multiple_of"}
    found = {name: made.get(name, made.get(other)) for name, other in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _contents(made: Schema, shape: Shape | ListOf | None) -> Schema:
    if isinstance(shape, Shape):
        return {"properties": _properties(shape)}
    if "items" in made:
        return {"items": _branch(made["items"], None)}
    if "properties" in made:
        return {
            "properties": {key: _branch(each, None) for key, each in made["properties"].items()}
        }
    values = made.get("additionalProperties")
    return {"additionalProperties": _values(values)} if isinstance(values, dict) else {}


def _values(made: Schema) -> Schema:
    """What stands below the names of a map; a list of types is lenient already."""
    return made if isinstance(made.get("type"), list) else _branch(made, None)


# --- shapes -----------------------------------------------------------------------------------


def _loose_shape(shape: Shape | ListOf) -> Schema:
    """The keys are offered, and nothing is wrong."""
    if isinstance(shape, ListOf):
        return {"anyOf": [{"type": "array", "items": _loose_shape(shape.item)}, {}]}
    return {"anyOf": [{"type": "object", "properties": _properties(shape)}, {}]}


def _loose(reference: str) -> Schema:
    return {"anyOf": [{"$ref": reference}, {}]}


def _properties(shape: Shape) -> Schema:
    properties = {}
    for key, description in shape.descriptions.items():
        below = shape.below[key]
        properties[key] = {"description": description, **(_loose_shape(below) if below else {})}
    return properties
