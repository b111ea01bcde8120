"""`fcbox config show`: what a configuration comes to, each value with where it was written.

The output is YAML (or JSON) on stdout: the origins are comments in it.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.cli import exits, talk
from sandbox.cli.run import report
from sandbox.config.compile import Loaded, load_recorded
from sandbox.config.effective import Origin, Path, effective, origins, written
from sandbox.config.messages.diagnostics import harmless
from sandbox.config.messages.findings import Findings, RefusedError, advice_on, near
from sandbox.config.messages.texts import in_words, language_of
from sandbox.config.result import Choice, ConfigMissing
from sandbox.config.text.document import parse
from sandbox.config.text.emit import yaml_text
from sandbox.config.text.scalars import js_text
from sandbox.config.text.source import Broken, Node, Span, node_at

__all__ = ["show"]

_IN_NEED_OF_QUOTES = re.compile(r'[.\[\]"]')

COMMENT_COLUMN = 44
"""Where the comments begin, unless the line is longer."""


def show(
    path: str | None,
    names: Sequence[str] = (),
    *,
    is_resolved: bool = False,
    is_json: bool = False,
    env: str | None = None,
    values: Mapping[str, str] = {},
) -> int:
    """Prints the configuration; gives the exit code."""
    choice = Choice(env=env, values=values)
    try:
        loaded = load_recorded(path, cwd=os.getcwd(), environ=os.environ, choice=choice)
    except ConfigMissing as missing:
        return talk.config_missing(missing)
    report(loaded.config)
    if loaded.project is None:
        return exits.CONFIG_INVALID
    if not _are_known(names, loaded):
        return exits.USAGE
    try:
        tree = effective(loaded, names) if is_resolved else written(loaded, names)
    except RefusedError as refusal:  # there is more to look at than for a check
        _report_refusal(refusal, loaded)
        return exits.CONFIG_INVALID
    text = _as_json(tree, loaded) if is_json else _as_yaml(tree, loaded)
    talk.write(text.encode("utf-8", "backslashreplace"))
    return 0 if loaded.config.ok else exits.CONFIG_INVALID


def _report_refusal(refusal: RefusedError, loaded: Loaded) -> None:
    """What ended the loading has been told with the other findings."""
    if loaded.config.ok:
        findings = Findings(language_of(os.environ))
        findings.close(refusal)
        report(loaded.config._replace(diagnostics=tuple(findings.items)))


def _are_known(names: Sequence[str], loaded: Loaded) -> bool:
    assert loaded.project is not None
    known = [*loaded.project.resources(), *(spec.name for spec in loaded.config.specs)]
    unknown = [name for name in names if name not in known]
    for name in unknown:
        hint = in_words(advice_on(near(name, known)), language_of(os.environ))
        talk.error(f"no function or resource is called '{name}'", hint)
    return not unknown


# --- YAML -----------------------------------------------------------------------------------------


def _as_yaml(tree: Node, loaded: Loaded) -> str:
    """The text is read again to learn in which line each value came to stand."""
    text = yaml_text(tree)
    again = parse(text.encode(), "", Findings())
    lines = text.removesuffix("\n").split("\n")
    pythons = {spec.resource: spec.python for spec in loaded.config.specs}
    for path, origin in origins(tree) if again else ():
        at = node_at(again, path).span if again else None
        if at is not None:
            line, _ = at.source.position(at.start)
            comment = harmless(_in_words(origin) + _interpreter(path, pythons))
            lines[line - 1] = f"{lines[line - 1]:<{COMMENT_COLUMN}}  # {comment}"
    return f"# {harmless(loaded.config.path)}\n" + "\n".join(lines) + "\n"


def _in_words(origin: Origin) -> str:
    if origin.is_default:
        return "default"
    text = _place(origin.place)
    if origin.expression:
        text += f" {origin.expression}"
    if origin.definition:
        text += f" from {_place(origin.definition)}"
    return text


def _place(span: Span) -> str:
    line, column = span.source.position(span.start)
    return f"{span.source.file}:{line}:{column}"


def _interpreter(path: Path, pythons: Mapping[str, str]) -> str:
    """The runtime's line says what runs it here."""
    is_runtime = path[:1] == ("resources",) and path[2:] == ("props", "runtime")
    python = pythons.get(str(path[1])) if is_runtime else None
    return f", runs under {python}" if python else ""


# --- JSON -----------------------------------------------------------------------------------------


def _as_json(tree: Node, loaded: Loaded) -> str:
    found = {_joined(path): _data_of(origin) for path, origin in origins(tree)}
    content = {"path": loaded.config.path, **_plain(tree), "origins": found}
    return json.dumps(content, allow_nan=False, indent=2) + "\n"


def _joined(path: Path) -> str:
    """`a.b.0`; a key that could be taken for several stands in brackets, as in `a["b.c"]`."""
    text = ""
    for part in path:
        if _IN_NEED_OF_QUOTES.search(str(part)) or part == "":
            text += f"[{json.dumps(part)}]"
        else:
            text += f".{part}"
    return text.removeprefix(".")


def _data_of(origin: Origin) -> dict[str, Any]:
    if origin.is_default:
        return {"default": True}
    data: dict[str, Any] = _position(origin.place)
    if origin.expression:
        data["expression"] = origin.expression
    if origin.definition:
        data["from"] = _position(origin.definition)
    return data


def _position(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    return {"file": span.source.file, "line": line, "column": column}


def _plain(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _plain(entry.node) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return js_text(value)  # JSON has no such numbers
    return None if isinstance(value, Broken) else value
