"""`fcbox validate`: the findings of a configuration, all at once."""

import os
import sys

from sandbox.cli import exits, talk
from sandbox.config import ConfigMissing, load, render
from sandbox.config.texts import language_of

__all__ = ["validate"]


def validate(path: str | None) -> int:
    """Prints the findings on stdout; gives the exit code."""
    try:
        config = load(path, cwd=os.getcwd(), environ=os.environ)
    except ConfigMissing as missing:
        talk.error(f"no configuration: {missing.path}", missing.hint)
        return exits.CONFIG_MISSING
    has_color, language = talk.has_color(1, os.environ), language_of(os.environ)
    for finding in config.diagnostics:
        print(render(finding, has_color, language), end="\n\n")
    sys.stdout.flush()
    errors = sum(finding.severity == "error" for finding in config.diagnostics)
    warnings = sum(finding.severity == "warning" for finding in config.diagnostics)
    names = ", ".join(spec.name for spec in config.specs)
    counted = (_count(errors, "error"), _count(warnings, "warning"))
    verdict = ", ".join(counted) if errors or warnings else "fine"
    talk.say(f"{config.path}: {verdict}" + (f"; functions: {names}" if config.ok else ""))
    return 0 if config.ok else exits.CONFIG_INVALID


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
