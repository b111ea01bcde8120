"""Where fcbox differs from the official parser on purpose, and why.

The documentation shows this table. Each row names the project of the corpus that shows the
difference, so that a row that is no longer true is found.
"""

from typing import NamedTuple

__all__ = ["DELIBERATE", "Deliberate", "table"]


class Deliberate(NamedTuple):
    """A difference that is meant. `project` and `path` say where the corpus shows it."""

    project: str
    path: str
    written: str
    official: str
    fcbox: str
    reason: str


DELIBERATE = (
    Deliberate(
        "differs-maps-in-texts", "resources.a.props.description",
        "`x${vars.o}`, a map or a list in a text", "`x[object Object]`", "error",
        "nobody means that text",
    ),
    Deliberate(
        "differs-javascript", "*",
        "`${1+1}`, `${vars.s.length}`, `<%= 1 %>`", "runs it as JavaScript", "error with a hint",
        "nothing of a file may make fcbox execute it",
    ),
    Deliberate(
        "differs-dates", "resources.a.props.*",
        "`2024-01-01` without quotes", "an empty map, `[object Object]` in a text",
        "the text as written", "the date would be lost",
    ),
    Deliberate(
        "differs-references", "",
        "`${this.props.a}` where `a` is itself `${this...}`", "error: not found", "the value",
        "references are followed, 80 levels deep",
    ),
    Deliberate(
        "differs-cycle", "resources.a.props.description",
        "variables that need each other", "one of the two texts as it stands",
        "error that shows the cycle", "the value is not what anybody wrote",
    ),
    Deliberate(
        "differs-expanded-twice", "resources.a.props.tags.*",
        "`${...}` in the value of an environment variable or in a file", "expanded once more",
        "left alone", "what comes from outside is data; a password may hold any characters",
    ),
    Deliberate(
        "differs-base64-of-reference", "resources.a.props.description",
        "`${base64(vars.s)}`", "the code of the text `vars.s`", "the code of the value",
        "`str(vars.s)` and `env('X', vars.s)` take the value too",
    ),
    Deliberate(
        "differs-complex-keys", "resources.a.props.tags*",
        "`? [a, b]`, a list or a map as a key", "the key `a,b` or `[object Object]`", "error",
        "nobody means that text",
    ),
    Deliberate(
        "differs-environment-later", "resources.*",
        "`${resources.b.props.x}` of a later resource that `--env` or a fragment changes; "
        "`fc3@0.1.3` in `overlays.components`", "the unchanged value; no effect",
        "the value that counts", "the order of resources is of no meaning",
    ),
    Deliberate(
        "differs-environment-paths", "resources.a.props.description",
        "`path()` and `file()` in `env.yaml`", "relative to where the command is started",
        "relative to that file", "a project gives the same everywhere",
    ),
    Deliberate(
        "differs-extend-paths", "resources.a.props.environmentVariables.DATA",
        "`path()` and `file()` in `vars` of a base file",
        "relative to the file that uses the variable",
        "relative to the file that it is written in", "a variable has one value",
    ),
    Deliberate(
        "differs-dotenv-extend", "resources.a.props.environmentVariables.A",
        "a `.env` file beside a file with `extend`", "read too late to have an effect", "read",
        "it is meant to have one",
    ),
    Deliberate(
        "differs-dotenv-code", "resources.a.props.environmentVariables.A",
        "a `.env` file in the directory of `code: {src: ...}`", "not read", "read",
        "it is the code directory",
    ),
    Deliberate(
        "differs-dotenv", "resources.a.props.environmentVariables.*",
        "in `.env`: `A=a#b`, ``A=`x` ``, `A: x`, escapes other than line ends in double quotes",
        "`a`, `x`, `x`, as written", "`a#b`, the quotes too, no variable, expanded",
        "python-dotenv reads these files",
    ),
)  # fmt: skip


def table() -> str:
    """For the documentation."""
    lines = ["| what is written | the official tool | fcbox | because |", "|---|---|---|---|"]
    lines += [f"| {e.written} | {e.official} | {e.fcbox} | {e.reason} |" for e in DELIBERATE]
    return "\n".join(lines)
