"""Changed props -> the new text of an s.yaml, everything else left as it is written."""

import io
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

__all__ = ["Edit", "Edited", "Trouble", "apply_edits"]

_WIDTH = 1 << 16
"""No line is broken that was not."""
_LASTING = ("functionName", "region")
"""What a function that was deleted and made again has in common with the old one."""


class Trouble(Exception):
    """The file is not one that can be edited."""


class Edit(NamedTuple):
    """What was changed of a function. `props`: key -> value, None for a key that goes away.
    `package`: where its code can be had, empty if the code was not changed; `code`: the path that
    it will have, empty if it is not to be written. `replaces`: the resource of a function that was
    deleted and made again."""

    function: str
    resource: str
    is_new: bool
    props: Mapping[str, Any]
    package: str = ""
    code: str = ""
    replaces: str = ""


class Edited(NamedTuple):
    """The new text, what could not be written, and the edits that were entered."""

    text: str
    untold: list[str]
    entered: list[Edit]


def apply_edits(text: str, edits: Iterable[Edit]) -> Edited:
    """Raises Trouble."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    _indent_as(yaml, text)
    try:
        tree = yaml.load(text)
    except YAMLError as exc:
        raise Trouble(f"it cannot be read: {exc}") from None
    resources = tree.get("resources") if isinstance(tree, dict) else None
    if not isinstance(resources, dict):
        raise Trouble("it has no resources of 3.0 to write to")
    writing = _Writing(resources)
    entered = [edit for edit in edits if writing.enter(edit)]
    if not writing.is_changed:
        return Edited(text, writing.untold, entered)
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return Edited(_ended_as(text, stream.getvalue()), writing.untold, entered)


class _Writing:
    """Enters edits into the tree, and remembers what it could not enter."""

    def __init__(self, resources: dict[str, Any]) -> None:
        self._resources = resources
        self.untold: list[str] = []
        self.is_changed = False

    def enter(self, edit: Edit) -> bool:
        """Whether anything of it could be entered."""
        # Without its code the rest is not written either: a running box that sees the file
        # change would go back to the code that the file names.
        if edit.package and not edit.code:
            text = f"{edit.function}: its code came over the API; --code-dir DIR says where it goes"
            self.untold.append(text)
            return False
        key = self._key_of(edit)
        if key is None:
            self._append(edit)
            return True
        resource = self._resources.get(key)
        props = resource.get("props") if isinstance(resource, dict) else None
        if not isinstance(props, dict):
            self.untold.append(f"{edit.function}: its props are not in this file")
            return False
        if edit.code and _has_variable(props.get("code")):
            self.untold.append(f"{edit.function}: ${{...}} stands for its code")
            return False
        code = {"code": edit.code} if edit.code else {}
        gone = dict.fromkeys(each for each in props if each not in _LASTING) if edit.is_new else {}
        self._merge(edit.function, props, {**gone, **edit.props, **code})
        return True

    def _key_of(self, edit: Edit) -> str | None:
        """The resource of the function; None for one that is to be made. The key of a new one is
        the name of its function, which in this file may be that of another one's resource."""
        if not edit.is_new:
            return edit.resource
        if edit.replaces in self._resources:
            return edit.replaces
        for key, resource in self._resources.items():
            props = resource.get("props") if isinstance(resource, dict) else None
            if isinstance(props, dict) and props.get("functionName") == edit.function:
                return str(key)
        return None

    def _append(self, edit: Edit) -> None:
        props = {key: value for key, value in edit.props.items() if value not in (None, {}, [])}
        for key in [key for key, value in props.items() if _has_variable(value)]:
            self.untold.append(f"{edit.function}.{key}: it has a ${{, a variable in this file")
            del props[key]
        key = edit.resource
        while key in self._resources:
            key += "_"
        self._resources[key] = {
            "component": "fc3",
            "props": {"functionName": edit.function, "code": edit.code, **props},
        }
        self.is_changed = True

    def _merge(self, where: str, old: dict[str, Any], new: Mapping[str, Any]) -> None:
        """Maps key by key, so that comments inside of them stay; all else as a whole."""
        for key, value in new.items():
            there, path = old.get(key), f"{where}.{key}"
            if there == value:
                continue
            if _has_variable(there) and not (isinstance(there, dict) and isinstance(value, dict)):
                self.untold.append(f"{path}: ${{...}} stands there")
            elif _has_variable(value):
                self.untold.append(f"{path}: it has a ${{, a variable in this file")
            elif value is None or (value in ({}, []) and key in old):
                if old.pop(key, None) is not None:
                    self.is_changed = True
            elif isinstance(there, dict) and isinstance(value, dict):
                gone = {each: None for each in there if each not in value}
                self._merge(path, there, {**value, **gone})
            elif isinstance(there, list) and _are_named(there) and _are_named(value):
                self._merge_triggers(path, there, value)
            elif value not in (None, {}, []):
                old[key] = value
                self.is_changed = True

    def _merge_triggers(self, where: str, old: list[Any], new: list[Any]) -> None:
        wanted = {each["triggerName"]: each for each in new}
        for index in reversed(range(len(old))):
            if old[index]["triggerName"] not in wanted:
                del old[index]
                self.is_changed = True
        for each in old:
            name = each["triggerName"]
            self._merge(f"{where}.{name}", each, wanted.pop(name))
        for each in wanted.values():
            old.append(each)
            self.is_changed = True


def _are_named(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("triggerName"), str) for each in value
    )


def _has_variable(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_variable, value.values()))
    if isinstance(value, list):
        return any(map(_has_variable, value))
    return isinstance(value, str) and "${" in value


def _indent_as(yaml: Any, text: str) -> None:
    """Lists stand as they do in the file: below their key, or further in."""
    lines = text.splitlines()
    for above, line in pairwise(lines):
        if above.rstrip().endswith(":") and line.lstrip().startswith("- "):
            dash = len(line) - len(line.lstrip()) - (len(above) - len(above.lstrip()))
            if dash >= 0:
                yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
            return


def _ended_as(old: str, new: str) -> str:
    """With the line ends of the file, and its BOM."""
    if "\r\n" in old:
        new = new.replace("\r\n", "\n").replace("\n", "\r\n")
    return "\ufeff" + new if old.startswith("\ufeff") and not new.startswith("\ufeff") else new
