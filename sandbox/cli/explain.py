"""`fcbox explain`: what a finding means, or a table of all findings."""

import json
import os
import re
from string import Formatter
from textwrap import indent

from sandbox.cli import exits, talk
from sandbox.config.messages.catalogue import CATALOGUE
from sandbox.config.messages.diagnostics import severity_word
from sandbox.config.messages.explanations import Example, explanation
from sandbox.config.messages.findings import texts_of
from sandbox.config.messages.texts import language_of, translated

__all__ = ["explain", "shown_template"]

NEAR_CODES = 3
"""So many are named for a code that does not exist."""


def explain(code: str | None, is_json: bool = False) -> int:
    """Prints on stdout; gives the exit code."""
    language = language_of(os.environ)
    if code is None:
        _print_all(language, is_json)
        return 0
    known = _known_code(code)
    if known is None:
        talk.error(f"no finding has the code {code}", _near_codes(code))
        return exits.USAGE
    if is_json:
        talk.show(json.dumps(_data(known, language), indent=2) + "\n")
    else:
        talk.show(_text(known, language) + "\n")
    return 0


def _known_code(code: str) -> str | None:
    """FCB102 for `FCB102`, `fcb102` and `102`."""
    found = re.fullmatch(r"(?:FCB)?(\d{3})", code.strip(), re.ASCII | re.IGNORECASE)
    name = f"FCB{found[1]}" if found else ""
    return name if name in CATALOGUE else None


def _near_codes(code: str) -> str:
    digits = re.search(r"\d{1,6}", code, re.ASCII)
    if digits is None:
        return "`fcbox explain` lists all codes"
    near = sorted(CATALOGUE, key=lambda each: abs(int(each[3:]) - int(digits[0])))[:NEAR_CODES]
    return f"there are {', '.join(sorted(near))}; `fcbox explain` lists all"


def shown_template(template: str, mark: str = "<{}>") -> str:
    """A template for people: `{key}` as <key>."""
    fields = {name: mark.format(name) for _, name, _, _ in Formatter().parse(template) if name}
    return template.format(**fields)


def _print_all(language: str, is_json: bool) -> None:
    if is_json:
        summaries = [_summary(code, language) for code in sorted(CATALOGUE)]
        talk.show(json.dumps(summaries) + "\n")
        return
    for code in sorted(CATALOGUE):
        message = shown_template(texts_of(code, language)[0])
        severity = severity_word(CATALOGUE[code].severity, language).rstrip(":")
        talk.show(f"{code}  {severity:<8} {message}\n")


def _summary(code: str, language: str) -> dict[str, object]:
    message, hint = texts_of(code, language)
    return {
        "code": code,
        "severity": CATALOGUE[code].severity,
        "message": shown_template(message),
        "hint": shown_template(hint),
    }


def _data(code: str, language: str) -> dict[str, object]:
    found = explanation(code, language)
    data = _summary(code, language) | {"explanation": found.text if found else ""}
    for side, example in (("wrong", found and found.wrong), ("right", found and found.right)):
        data[side] = example._asdict() if example else None
    return data


def _text(code: str, language: str) -> str:
    message = shown_template(texts_of(code, language)[0])
    blocks = [f"{code} {severity_word(CATALOGUE[code].severity, language)} {message}"]
    found = explanation(code, language)
    if found is None:
        return blocks[0]
    blocks.append(found.text)
    if found.wrong:
        blocks += [translated("wrong:", language), *_example(found.wrong)]
    if found.right:
        blocks += [translated("right:", language), *_example(found.right)]
    return "\n\n".join(blocks)


def _example(example: Example) -> list[str]:
    """The text, and each file beside it under its name."""
    blocks = [indent(example.text.rstrip("\n"), "    ")]
    for name, text in example.files.items():
        blocks += [f"  {name}:", indent(text.rstrip("\n"), "    ")]
    return blocks
