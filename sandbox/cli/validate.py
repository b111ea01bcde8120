"""`fcbox validate`: the findings of a configuration, all at once."""

import os
from collections.abc import Mapping, Sequence

from sandbox.cli import exits, talk
from sandbox.cli.findings_output import as_github, as_json
from sandbox.config import Config, ConfigMissing, load, render
from sandbox.config.messages.diagnostics import harmless
from sandbox.config.messages.texts import language_of, translated

__all__ = ["validate"]


def validate(
    path: str | None,
    functions: Sequence[str] = (),
    *,
    is_strict: bool = False,
    format: str = "text",
    env: str | None = None,
    values: Mapping[str, str] = {},
) -> int:
    """Prints the findings on stdout; gives the exit code."""
    try:
        config = load(
            path, cwd=os.getcwd(), environ=os.environ, select=functions, env=env, values=values
        )
    except ConfigMissing as missing:
        return talk.config_missing(missing)
    is_ok = config.ok and not (is_strict and _count(config, "warning"))
    talk.show(_formatted(config, is_ok, format))
    if format == "text":
        language = language_of(os.environ)
        talk.say(_verdict(config, is_strict, language))
        if config.diagnostics:
            talk.say(_more(config, language))
    return 0 if is_ok else exits.CONFIG_INVALID


def _formatted(config: Config, is_ok: bool, format: str) -> str:
    if format == "json":
        names = [spec.name for spec in config.specs]
        return as_json(config.path, is_ok, names, config.diagnostics) + "\n"
    if format == "github":
        return as_github(config.diagnostics)
    has_color, language = talk.has_color(1, os.environ), language_of(os.environ)
    return "".join(render(each, has_color, language) + "\n\n" for each in config.diagnostics)


def _count(config: Config, severity: str) -> int:
    return sum(finding.severity == severity for finding in config.diagnostics)


def _verdict(config: Config, is_strict: bool, language: str) -> str:
    errors, warnings = _count(config, "error"), _count(config, "warning")
    counted = (_counted(errors, "error", language), _counted(warnings, "warning", language))
    verdict = translated("{errors}, {warnings}", language)
    if is_strict and warnings:
        verdict = translated("{errors}, {warnings} (with --strict, errors too)", language)
    if not errors and not warnings:
        verdict = translated("fine", language)
    text = f"{harmless(config.path)}: {verdict.format(errors=counted[0], warnings=counted[1])}"
    names = ", ".join(spec.name for spec in config.specs)
    return text + translated("; functions: {names}", language).format(names=names) * config.ok


def _counted(number: int, what: str, language: str) -> str:
    words = {"error": "{number} errors", "warning": "{number} warnings"}
    template = f"{{number}} {what}" if number == 1 else words[what]
    return translated(template, language).format(number=number)


def _more(config: Config, language: str) -> str:
    """Names the first error, else the first finding."""
    order = sorted(config.diagnostics, key=lambda each: each.severity != "error")
    template = translated("`fcbox explain {code}` says more about a finding", language)
    return template.format(code=order[0].code)
