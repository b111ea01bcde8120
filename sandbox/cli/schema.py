"""`fcbox schema`: the JSON Schema of an s.yaml, for editors."""

import json

from sandbox.cli import exits, talk
from sandbox.cli.output import may_write, write_output
from sandbox.config.props.schema import json_schema

__all__ = ["schema"]

EXAMPLE_FILE = "s.schema.json"
MODELINE = "# yaml-language-server: $schema={path}"
"""A comment that VS Code's YAML extension, and every editor with yaml-language-server, obeys."""


def schema(output: str | None = None, *, overwrite: bool = False) -> int:
    """Writes the schema to `output` or stdout, and says how to use it; gives the exit code."""
    if not may_write(output, overwrite):
        return exits.USAGE
    data = json.dumps(json_schema(), indent=2).encode() + b"\n"
    code = write_output(data, output)
    if code:
        return code
    if output is None:
        talk.say(f"save it beside the s.yaml (-o {EXAMPLE_FILE}), and begin the s.yaml with")
    else:
        talk.say("begin the s.yaml with")
    talk.say(MODELINE.format(path=_shown(output or EXAMPLE_FILE)))
    return 0


def _shown(path: str) -> str:
    """A path that is not absolute counts from the s.yaml, and begins with a dot."""
    return path if path.startswith(("/", "./", "../")) else f"./{path}"
