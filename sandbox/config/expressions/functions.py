"""The functions of `${name(...)}`: one table. A function gets values and gives a node's value.

To add one: write it below, enter it in FUNCTIONS. What the official tool has and fcbox has not is
in UNSUPPORTED, with the reason, so that nobody takes it for a typing error.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sandbox.config.expressions.dotenv import Environment
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text import scalars
from sandbox.config.text.document import MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, parse, text_is_usable
from sandbox.config.text.source import Entry, Node, Span, Value, weighed

__all__ = [
    "FUNCTIONS",
    "UNSUPPORTED",
    "CallError",
    "Function",
    "FunctionCall",
    "Surroundings",
]

PLACEHOLDER_ACCOUNT_ID = "1234567890123456"
ACCOUNT_ID_VARIABLES = ("FC_ACCOUNT_ID", "ALIBABA_CLOUD_ACCOUNT_ID", "AccountID")

_UNUSABLE_TEXT = phrase("the text holds a NUL or half a character")
_TAKE_IT_OUT = phrase("take it out of the text; data of programs belongs into the code directory")
_PATHS = phrase("a path begins at the directory of the file that it is written in")
_JSON = phrase("JSON has double quotes around texts and keys, and no comma behind the last item")
_SMALLER = phrase("data of this size belongs into a file of the code directory")

UNSUPPORTED = {
    "regex": phrase("it is for the keys of actions only"),
    "git": phrase("it would run a program"),
}


class CallError(Exception):
    """A call has no value; `code` and `fields` make the finding."""

    def __init__(self, code: str, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Surroundings(NamedTuple):
    """What functions may look at. `account_id` is the value of `fcbox.accountId`, or empty."""

    account_id: str
    environment: Environment
    inputs: Inputs
    findings: Findings


class FunctionCall(NamedTuple):
    """One call, at `at`. Arguments are resolved when they are asked for: a default that cannot
    be resolved does no harm while it is not needed."""

    arguments: Sequence[Callable[[], Value]]
    at: Span
    around: Surroundings
    file: str = ""
    """What the first argument is the text of, when it is `file('...')`."""

    def text(self) -> str:
        """The first argument as text, as JavaScript would print it."""
        value = self.arguments[0]()
        if isinstance(value, str | int | float):
            return scalars.js_text(value)
        raise _no_value(phrase("the argument must be a text"),
                        phrase("write a text in quotes, or a variable that is a text"))  # fmt: skip

    def path(self) -> str:
        """The path from the file's directory. A slash at its end stays, since `path('./')` may be
        followed by a name: `${path('./')}src`."""
        text = self.text()
        if not text:
            raise _no_value(phrase("the path is empty"), _PATHS)
        path = os.path.normpath(os.path.join(self.at.source.directory, text))
        return path + "/" if text.endswith("/") and path != "/" else path

    def unreadable(self, problem: Phrase, advice: Phrase) -> CallError:
        """What is wrong with the text that is parsed, and in which file."""
        if self.file:
            problem = phrase("{file}: {problem}", file=self.file, problem=problem)
        return _no_value(problem, advice)


def _no_value(problem: Phrase, advice: Phrase) -> CallError:
    return CallError("FCB207", problem=problem, advice=advice)


def _env(call: FunctionCall) -> Value:
    name = call.text()
    value = call.around.environment.get(name)
    if value:
        return value
    if len(call.arguments) < 2:
        raise CallError("FCB203", name=name)
    return call.arguments[1]()


def _config(call: FunctionCall) -> Value:
    name = call.text()
    if name != "AccountID":
        raise CallError(
            "FCB204", what=f"config('{name}')", reason=phrase("credentials are never read")
        )
    if call.around.account_id:
        return call.around.account_id
    found = (call.around.environment.get(name) for name in ACCOUNT_ID_VARIABLES)
    account_id = next(filter(None, found), "")
    if not account_id and name in call.at.text:  # not what the conversion of FC 2.0 asks for
        call.around.findings.add("FCB209", call.at, account_id=PLACEHOLDER_ACCOUNT_ID)
    return account_id or PLACEHOLDER_ACCOUNT_ID


def _file(call: FunctionCall) -> Value:
    path = call.path()
    data = call.around.inputs.read(path, MAX_FILE_BYTES)
    if data is None:
        raise _no_value(phrase("there is no readable file {path}", path=path), _PATHS)
    if len(data) > MAX_FILE_BYTES:
        problem = phrase("{path} is larger than {limit} MB", path=path, limit=MAX_FILE_BYTES >> 20)
        raise _no_value(problem, _SMALLER)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_value(phrase("{path} is not UTF-8", path=path),
                        phrase("save it as UTF-8"))  from None  # fmt: skip


def _path(call: FunctionCall) -> Value:
    path = call.path()
    if call.around.inputs.is_directory(path) or call.around.inputs.is_file(path):
        return path
    raise _no_value(phrase("{path} does not exist", path=path), _PATHS)


def _str(call: FunctionCall) -> Value:
    return call.text()


def _base64(call: FunctionCall) -> Value:
    return base64.b64encode(call.text().encode("utf-8", "surrogateescape")).decode("ascii")


class _UnusableError(Exception):
    """Data that could be parsed, and cannot be used."""

    def __init__(self, problem: Phrase, advice: Phrase = _SMALLER) -> None:
        super().__init__(problem.template)
        self.problem = problem
        self.advice = advice


def _json(call: FunctionCall) -> Value:
    try:
        plain = json.loads(call.text(), parse_int=scalars.resolve)
        return _value_of(plain, call.at, MAX_DEPTH, iter(range(MAX_NODES)))
    except _UnusableError as error:
        raise call.unreadable(error.problem, error.advice) from None
    except json.JSONDecodeError as error:
        problem = phrase("not valid JSON in line {line}, column {column}",
                         line=error.lineno, column=error.colno)  # fmt: skip
        raise call.unreadable(problem, _JSON) from None
    except (ValueError, RecursionError):
        raise call.unreadable(phrase("not valid JSON"), _JSON) from None


def _value_of(plain: object, at: Span, levels: int, left: Iterator[int]) -> Value:
    """A node's value of JSON data; every node in it stands where the call stands. `left` has an
    item for each node that may still be made."""
    if next(left, None) is None:
        raise _UnusableError(phrase("more than {limit} values", limit=MAX_NODES))
    if isinstance(plain, dict | list) and not levels:
        raise _UnusableError(phrase("nested deeper than {limit} levels", limit=MAX_DEPTH))
    if isinstance(plain, dict):
        return {str(k): Entry(at, _node_of(v, at, levels - 1, left)) for k, v in plain.items()}
    if isinstance(plain, list):
        return tuple(_node_of(item, at, levels - 1, left) for item in plain)
    if isinstance(plain, str) and not text_is_usable(plain):
        raise _UnusableError(_UNUSABLE_TEXT, _TAKE_IT_OUT)
    return plain if isinstance(plain, str | int | float) else None


def _node_of(plain: object, at: Span, levels: int, left: Iterator[int]) -> Node:
    return weighed(_value_of(plain, at, levels, left), at)


def _yaml(call: FunctionCall) -> Value:
    inner = Findings(call.around.findings.language)
    node = parse(call.text().encode("utf-8", "replace"), "", inner)
    errors = [each for each in inner.items if each.severity == "error"]
    if node is None or errors:
        first = errors[0]
        problem = phrase("line {line}: {message}", line=first.line, message=first.message)
        raise call.unreadable(problem, phrase("{advice}", advice=first.hint))
    return node.value


def _usable(function: Callable[[FunctionCall], Value]) -> Callable[[FunctionCall], Value]:
    """Text from outside may hold what no path and no environment variable can take."""

    def checked(call: FunctionCall) -> Value:
        value = function(call)
        if isinstance(value, str) and not text_is_usable(value):
            raise _no_value(_UNUSABLE_TEXT, _TAKE_IT_OUT)
        return value

    return checked


class Function(NamedTuple):
    run: Callable[[FunctionCall], Value]
    example: str
    least: int = 1
    most: int = 1
    is_parser: bool = False


FUNCTIONS: dict[str, Function] = {
    "env": Function(_usable(_env), "env('NAME', 'default')", most=2),
    "config": Function(_usable(_config), "config('AccountID')"),
    "file": Function(_usable(_file), "file('./name.txt')"),
    "path": Function(_path, "path('./name')"),
    "str": Function(_str, "str(vars.name)"),
    "base64": Function(_base64, "base64(vars.name)"),
    "json": Function(_json, "json(file('./name.json'))", is_parser=True),
    "yaml": Function(_yaml, "yaml(file('./name.yaml'))", is_parser=True),
}
