"""`fcbox config convert`: a file of FC 2.0, written in the form of 3.0.

The text goes to stdout or to a file, and the findings to stderr. Variables stay variables: only
their spelling changes.
"""

import os
from collections.abc import Mapping

from sandbox.cli import exits, talk
from sandbox.cli.output import may_write, write_output
from sandbox.config import ConfigMissing, render
from sandbox.config.fc2.conversion import EDITION, converted, is_fc2
from sandbox.config.files import Files, find_file
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings, RefusedError
from sandbox.config.messages.texts import language_of
from sandbox.config.text.document import MAX_FILE_BYTES
from sandbox.config.text.emit import yaml_text
from sandbox.config.text.source import Node, child

__all__ = ["convert"]

TOLD_BY_OTHERS = "FCB330"
"""The note that leads to this command."""


def convert(
    path: str | None,
    output: str | None = None,
    *,
    overwrite: bool = False,
    values: Mapping[str, str] = {},
) -> int:
    """Writes the 3.0 form of the file at `path`; gives the exit code."""
    if not may_write(output, overwrite):
        return exits.USAGE
    inputs = Inputs()
    try:
        found = find_file(path, os.getcwd(), inputs)
    except ConfigMissing as missing:
        return talk.config_missing(missing)
    findings = Findings(language_of(os.environ))
    text = _converted(found, values, inputs, findings)
    _show(findings, found)
    return exits.CONFIG_INVALID if text is None else write_output(text, output)


def _converted(
    path: str, values: Mapping[str, str], inputs: Inputs, findings: Findings
) -> bytes | None:
    """The text in the form of 3.0; None, and findings, when there is none."""
    files = Files(path, os.getcwd(), values, inputs, findings)
    try:
        root = files.tree(path)
        files.report_values()
        if root is None or _errors(findings):
            return None
        if not is_fc2(root):
            what = "already 3.0" if _edition(root) == EDITION else "no FC 2.0 file"
            talk.say(f"{files.shown(path)} is {what}: left as it is")
            return inputs.read(path, MAX_FILE_BYTES)
        text = yaml_text(converted(root, findings))
    except RefusedError as refusal:
        findings.close(refusal)
    if _errors(findings):
        return None
    talk.say("comments are not carried over")
    return text.encode()


def _edition(root: Node) -> object:
    edition = child(root, "edition")
    return edition.value if edition else None


def _errors(findings: Findings) -> bool:
    return any(each.severity == "error" for each in findings.items)


def _show(findings: Findings, path: str) -> None:
    has_color = talk.has_color(2, os.environ)
    for each in sorted(findings.items, key=lambda each: (each.line, each.column)):
        if each.code == TOLD_BY_OTHERS:
            continue
        placed = each if each.file else each._replace(file=path)
        talk.say(render(placed, has_color, findings.language) + "\n")
