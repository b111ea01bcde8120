"""Findings for programs: one JSON document, or commands of a GitHub Actions workflow.

GitHub reads the commands from the log and shows each finding at its line. Its escapes are those of
the page "Workflow commands for GitHub Actions".
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from sandbox.config.messages.diagnostics import Diagnostic, Place

__all__ = ["as_github", "as_json"]

_GITHUB_WORDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_json(path: str, is_ok: bool, functions: Sequence[str], found: Sequence[Diagnostic]) -> str:
    """All of it, in ASCII: no terminal or pipe can spoil that."""
    document = {
        "path": path,
        "ok": is_ok,
        "functions": list(functions),
        "findings": [_data(finding) for finding in found],
    }
    return json.dumps(document, indent=2)


def _data(finding: Diagnostic) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "hint": finding.hint,
        **_place(finding),
        "related": [{"text": place.text, **_place(place)} for place in finding.related],
    }


def _place(place: Diagnostic | Place) -> dict[str, Any]:
    """Lines and columns count from 1, in characters; `endColumn` is behind the last one. All are
    null for what has no place in the text."""
    if not place.line:
        return {"file": _shown(place.file), "line": None, "column": None, "endColumn": None}
    return {
        "file": _shown(place.file),
        "line": place.line,
        "column": place.column,
        "endColumn": place.column + place.length,
    }


def _shown(file: str) -> str:
    """Relative to the current directory for what is in it."""
    inside = file.startswith(os.path.join(os.getcwd(), ""))
    return os.path.relpath(file) if inside else file


def as_github(found: Sequence[Diagnostic]) -> str:
    """A line for each finding."""
    return "".join(f"{_command(finding)}\n" for finding in found)


def _command(finding: Diagnostic) -> str:
    place = _place(finding)
    properties = {"file": place["file"], "line": place["line"], "col": place["column"],
                  "endColumn": place["endColumn"], "title": finding.code}  # fmt: skip
    text = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    message = "\n".join(filter(None, (finding.message, finding.hint)))
    return f"::{_GITHUB_WORDS[finding.severity]} {text}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _escaped(str(value)).replace(":", "%3A").replace(",", "%2C")
