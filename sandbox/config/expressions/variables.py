"""Resolves `${...}` in a tree of nodes.

Resolution is lazy and remembered: a node is resolved when somebody asks for it, once for each
resource that `this` can stand for. Each broken text makes one finding, at the expression that
broke it; its value is BROKEN, which whoever refers to it passes on in silence.

References make trees out of small files (`b: [${vars.a}, ${vars.a}]`, `c: [${vars.b}, ...`), so
all that is resolved is charged against one budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sandbox.config.expressions.functions import (
    FUNCTIONS,
    UNSUPPORTED,
    CallError,
    Function,
    FunctionCall,
    Surroundings,
)
from sandbox.config.expressions.grammar import (
    FORMS,
    Argument,
    Call,
    Expression,
    GrammarError,
    Literal,
    parse_template,
)
from sandbox.config.messages.findings import Near, RefusedError, near
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text import scalars
from sandbox.config.text.source import (
    BROKEN,
    CHARS_PER_NODE,
    Broken,
    Entry,
    Node,
    Span,
    Value,
    child,
    weighed,
)

__all__ = ["Budget", "Variables"]

MAX_LEVELS = 80
"""Levels of containers, references and calls in each other while one value is resolved."""

MAX_HEIGHT = 128
"""Levels of a tree that is made of variables: whoever walks over it needs a stack."""

MAX_RESOLVED = 50_000
"""Expressions of one application, and nodes that they give."""

PARSED_CHARS_PER_NODE = 8

Arguments = Sequence[Callable[[], Value]]

_INDEX = re.compile(r"[0-9]{1,6}")
_AFTER_DEPLOY = ("output", "info")
"""`${resources.x.output.y}` is known only once x is deployed: such text stays as it is."""


class _Settled(str):
    """A text that came out of an expression: `${` in it is text, and is not looked at again."""


class _FaultError(Exception):
    """The expression at hand has no value. No `code`: the finding is made elsewhere already."""

    def __init__(self, code: str = "", **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class Budget:
    """How much may still be resolved; all parts of one application share it."""

    def __init__(self) -> None:
        self._left = MAX_RESOLVED

    def charge(self, amount: int, at: Span) -> None:
        self._left -= amount
        if self._left < 0:
            raise RefusedError("FCB106", at, limit=MAX_RESOLVED)


class Variables:
    """Resolves nodes of the tree under `root`. References begin with one of the `names` in it;
    what stands below those in `finished` is resolved already."""

    def __init__(
        self,
        root: Node,
        around: Surroundings,
        names: Sequence[str] = ("vars", "resources"),
        finished: Sequence[str] = (),
        budget: Budget | None = None,
    ) -> None:
        self.names = names
        self._finished = finished
        self._root = root
        self._around = around
        self._done: dict[tuple[int, str], tuple[Node, Node]] = {}
        """With the node itself: its id must not become another one's."""
        self._active: list[str] = []
        """The references being resolved, outermost first: where one returns is a cycle."""
        self._level = 0
        self._budget = budget or Budget()

    def resolve(self, node: Node, resource: str = "") -> Node:
        """`node` with all expressions replaced; `this` stands for `resource`."""
        if _is_final(node.value):
            return node
        key = (id(node), resource)
        if key not in self._done:
            self._level += 1
            try:
                self._done[key] = node, self._resolved(node, resource)
            finally:
                self._level -= 1
        return self._done[key][1]

    def _resolved(self, node: Node, resource: str) -> Node:
        value = node.value
        if isinstance(value, str):
            return self._text(node, value, resource)
        if self._level > MAX_LEVELS:
            self._around.findings.add("FCB210", node.span, limit=MAX_LEVELS)
            return node._replace(value=BROKEN, weight=1)
        if isinstance(value, dict):
            entries = {
                name: Entry(entry.key, self.resolve(entry.node, resource))
                for name, entry in value.items()
            }
            return weighed(entries, node.span)
        if isinstance(value, tuple):
            return weighed(tuple(self.resolve(item, resource) for item in value), node.span)
        return node

    # --- texts --------------------------------------------------------------------------------

    def _text(self, node: Node, text: str, resource: str) -> Node:
        self._budget.charge(text.count("${") + len(text) // CHARS_PER_NODE, node.span)
        try:
            parts = parse_template(text)
        except GrammarError as error:
            at = _part_of(node.span, text[error.offset :][:1], error.offset)
            self._around.findings.add("FCB205", at, problem=error.problem, advice=error.hint)
            return node._replace(value=BROKEN)
        evaluation = _Evaluation(self, node.span, resource)
        if len(parts) == 1 and isinstance(parts[0], Expression):
            found = evaluation.whole(parts[0])
            return found._replace(span=node.span, origin=_written_at(found, node.span))
        joined = evaluation.joined(parts)
        is_template = isinstance(joined, str) and _is_template(joined)
        value = _Settled(joined) if is_template else joined
        return node._replace(value=value, origin=evaluation.origin)

    def charge(self, node: Node, at: Span) -> None:
        chars = len(node.value) if isinstance(node.value, str) else 0
        self._budget.charge(node.weight + chars // CHARS_PER_NODE, at)
        if self._level + node.height > MAX_HEIGHT:
            raise _FaultError("FCB210", limit=MAX_HEIGHT)

    # --- references ---------------------------------------------------------------------------

    def reference(self, path: tuple[str, ...], resource: str) -> Node | None:
        """The resolved node at `path`, whose first name is a root; None when there is none."""
        name = ".".join(path)
        if name in self._active:
            cycle = [*self._active[self._active.index(name) :], name]
            raise _FaultError("FCB202", cycle=" -> ".join(cycle))
        if self._level > MAX_LEVELS:
            raise _FaultError("FCB210", limit=MAX_LEVELS)
        self._active.append(name)
        try:
            return self._walked(path, _this_at(path, resource))
        finally:
            self._active.pop()

    def _walked(self, path: tuple[str, ...], resource: str) -> Node | None:
        node, resolved = self._root, path[0] in self._finished
        for segment in path:
            if isinstance(node.value, str) and not resolved:
                node, resolved = self.resolve(node, resource), True
            child = _child(node, segment)
            if child is None:
                return None
            node = child
        # What came out of an expression is not searched for expressions again.
        return node if resolved else self.resolve(node, resource)

    def call(self, call: Call, arguments: Arguments, at: Span) -> Node:
        function = FUNCTIONS.get(call.name)
        if call.name in UNSUPPORTED:
            raise _FaultError("FCB204", what=f"{call.name}()", reason=UNSUPPORTED[call.name])
        if function is None:
            raise _FaultError("FCB211", name=call.name, advice=near(call.name, FUNCTIONS))
        if not function.least <= len(arguments) <= function.most:
            count = len(arguments)
            problem = phrase("{name}() with {count} arguments", name=call.name, count=count)
            advice = phrase("write {text}", text=function.example)
            raise _FaultError("FCB207", problem=problem, advice=advice)
        made = FunctionCall(arguments, at, self._around, _file_in(call))
        whole = weighed(self._run(function, made), at)
        node: Node | None = whole
        if node and call.tail:  # the whole has been made, however little of it is wanted
            self.charge(node, at)
        for segment in call.tail:
            node = node and _child(node, segment)
        if node is None or node.value is None:
            path = (f"{call.name}(...)", *call.tail)
            raise _FaultError("FCB201", what=".".join(path), advice=_advice_below(whole, path, 1))
        return node

    def _run(self, function: Function, call: FunctionCall) -> Value:
        if self._level > MAX_LEVELS:
            raise _FaultError("FCB210", limit=MAX_LEVELS)
        if function.is_parser:
            arguments = [self._paid(argument, call.at) for argument in call.arguments]
            call = call._replace(arguments=arguments)
        self._level += 1
        try:
            return function.run(call)
        except CallError as failure:
            raise _FaultError(failure.code, **failure.fields) from None
        finally:
            self._level -= 1

    def _paid(self, argument: Callable[[], Value], at: Span) -> Callable[[], Value]:
        """Parsing costs more than what comes of it: one value of a large file may be wanted."""

        def paid() -> Value:
            value = argument()
            if isinstance(value, str):
                self._budget.charge(len(value) // PARSED_CHARS_PER_NODE, at)
            return value

        return paid

    def warn_literal(self, what: str, at: Span) -> None:
        self._around.findings.add("FCB208", at, what=what)

    def report(self, fault: _FaultError, at: Span) -> None:
        if fault.code:
            self._around.findings.add(fault.code, at, **fault.fields)

    def advice(self, path: tuple[str, ...], resource: str) -> Near | Phrase:
        """What could be meant by a path that leads nowhere. Nothing is resolved for it, which
        could lead back here: what the way there has resolved is known."""
        top = _child(self._root, path[0])
        if top is None:
            return phrase("write `{name}:` at the top level of the file", name=path[0])
        return _advice_below(top, path, 1, lambda node: self._known(node, path, resource))

    def resource_names(self) -> list[str]:
        resources = child(self._root, "resources")
        return list(resources.value) if resources and isinstance(resources.value, dict) else []

    def _known(self, node: Node, path: tuple[str, ...], resource: str) -> Node:
        key = (id(node), _this_at(path, resource))
        return self._done[key][1] if key in self._done else node


class _Evaluation:
    """The evaluation of the expressions of one text."""

    def __init__(self, variables: Variables, span: Span, resource: str) -> None:
        self._variables = variables
        self._span = span
        self._resource = resource
        self._at = span
        self.origin: Span | None = None
        """Where the first value of a joined text was written."""

    def whole(self, expression: Expression) -> Node:
        """The value of a text that is one expression: its type is kept."""
        self._at = _part_of(self._span, expression.text)
        try:
            return self._expression(expression)
        except _FaultError as fault:
            self._variables.report(fault, self._at)
            return Node(BROKEN, self._span)

    def joined(self, parts: list[str | Expression]) -> Value:
        """The text of all parts. The first broken one ends it."""
        texts: list[str] = []
        at, is_escaped = self._span, False
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            self._at = at if is_escaped else _part_of(at, part.text)
            if self._at.text != part.text:  # then none that follows can be found either
                is_escaped, self._at = True, self._span
            at = at._replace(start=min(self._at.start + len(part.text), at.end))
            try:
                texts.append(self._as_text(part))
            except _FaultError as fault:
                self._variables.report(fault, self._at)
                return BROKEN
        return "".join(texts)

    def _as_text(self, part: Expression) -> str:
        node = self._expression(part)
        value, self.origin = node.value, self.origin or _written_at(node, self._span)
        if not isinstance(value, str | int | float):
            raise _FaultError("FCB206", what=part.text)
        return scalars.js_text(value)

    def _expression(self, expression: Expression) -> Node:
        root = expression.root
        if isinstance(root, Call):
            return self._call(root)
        if _stays_literal(root.path):
            self._variables.warn_literal(expression.text, self._at)
            return Node(expression.text, self._at)
        return self._reference(root.path)

    def _call(self, call: Call) -> Node:
        arguments = [lambda each=each: self._argument(each) for each in call.arguments]
        node = _settled(self._variables.call(call, arguments, self._at))
        self._variables.charge(node, self._at)
        return node

    def _argument(self, argument: Argument) -> Value:
        if isinstance(argument, Literal):
            return argument.value
        if isinstance(argument, Call):
            return self._call(argument).value
        if len(argument.path) == 1:
            return scalars.resolve(argument.path[0])  # env(X) is env('X'), and true is true
        return self._reference(argument.path).value

    def _reference(self, path: tuple[str, ...]) -> Node:
        if path[0] == "that" and self._resource:
            path = ("this", *path[1:])
        if path == ("this", "name") and self._resource:
            return Node(self._resource, self._at)
        full = self._from_root(path)
        node = self._variables.reference(full, self._resource)
        if node is None and path == ("this", "access"):
            node = self._variables.reference(("access",), self._resource)
        if node is None or node.value is None:
            advice = self._variables.advice(full, self._resource)
            raise _FaultError("FCB201", what=_written(path), advice=advice)
        if isinstance(node.value, Broken):
            raise _FaultError
        self._variables.charge(node, self._at)
        return node

    def _from_root(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """`path` from the root of the file, with `this` written out."""
        if path[0] == "this" and self._resource:
            return ("resources", self._resource, *path[1:])
        if path[0] in self._variables.names:
            return path
        if path[0] == "this":
            raise _FaultError(
                "FCB201", what=_written(path), advice=phrase("`this` is known below a resource")
            )
        raise self._strange(path)

    def _strange(self, path: tuple[str, ...]) -> _FaultError:
        """What begins with no root: what was meant can be told from its form."""
        what: Phrase | str = _written(path)
        names = self._variables.resource_names()
        if path[1:2] == ("props",) and names:
            advice: Phrase | Near = near(path[0], names)
            what = phrase("the service or resource '{name}' in {text}", name=path[0], text=what)
            if path[0] in names:
                advice = phrase("write {text}", text=_written(("resources", *path)))
        elif path[0] == "env" or (len(path) == 1 and path[0].isupper()):
            name = ".".join(path[1:] or path)
            advice = phrase("an environment variable is written ${{env('{name}')}}", name=name)
        else:
            advice = FORMS
        return _FaultError("FCB201", what=what, advice=advice)


def _is_final(value: Value) -> bool:
    """A number, or a text without expressions: most of a file."""
    if isinstance(value, str):
        return not _is_template(value)
    return not isinstance(value, dict | tuple)


def _is_template(text: str) -> bool:
    return ("${" in text or "<%" in text) and not isinstance(text, _Settled)


def _settled(node: Node) -> Node:
    """What a call gave (nothing deeper than a file may be), its texts no templates any more."""
    value = node.value
    if isinstance(value, str):
        return node._replace(value=_Settled(value)) if _is_template(value) else node
    if isinstance(value, dict):
        return node._replace(
            value={key: entry._replace(node=_settled(entry.node)) for key, entry in value.items()}
        )
    if isinstance(value, tuple):
        return node._replace(value=tuple(map(_settled, value)))
    return node


def _written_at(node: Node, use: Span) -> Span | None:
    """Where a value used at `use` was written; None when it was made there, by a call."""
    at = node.origin or node.span
    is_own = at.source is use.source and use.start <= at.start < use.end
    return None if is_own else at


def _written(path: tuple[str, ...]) -> str:
    return "${" + ".".join(path) + "}"


def _this_at(path: tuple[str, ...], resource: str) -> str:
    """What `this` stands for at `path`: below another resource that one, in `vars` nothing."""
    if path[0] == "resources" and len(path) > 1:
        return path[1]
    return "" if path[0] == "vars" else resource


def _stays_literal(path: tuple[str, ...]) -> bool:
    """What only the platform knows: the official tool leaves it as well."""
    if path[0] in ("components", "self", "shared"):
        return True
    later = len(path) > 2 and path[2] in _AFTER_DEPLOY
    return path[0] == "resources" and later


def _child(node: Node, segment: str) -> Node | None:
    value = node.value
    if isinstance(value, Broken):
        return node
    if isinstance(value, dict):
        return value[segment].node if segment in value else None
    if isinstance(value, tuple) and _INDEX.fullmatch(segment) and int(segment) < len(value):
        item: Node = value[int(segment)]
        return item
    return None


def _advice_below(
    node: Node, path: tuple[str, ...], first: int, known: Callable[[Node], Node] = lambda node: node
) -> Near | Phrase:
    """Why nothing is found at `path`, of which `node` stands before the step `first`."""
    for number in range(first, len(path)):
        node = known(node)
        found = _child(node, path[number])
        if found is None:
            return _advice_at(node, ".".join(path[:number]), path[number])
        node = found
    return phrase("{name} is null, which counts as missing: write a value", name=".".join(path))


def _advice_at(node: Node, name: str, segment: str) -> Near | Phrase:
    """What to say of a node that has nothing at `segment`."""
    value = node.value
    if isinstance(value, dict):
        return near(segment, value)
    if isinstance(value, tuple):
        count = len(value)
        return phrase("{name} is a list of {count} items, counted from 0", name=name, count=count)
    if value is None:
        return phrase("{name} is null: write a map there", name=name)
    kind = phrase("a text") if isinstance(value, str) else phrase("a number, true or false")
    return phrase("{name} is {kind}: it has no parts", name=name, kind=kind)


def _file_in(call: Call) -> str:
    """The name in `file('...')`, when that is the call's first argument."""
    inner = call.arguments[0] if call.arguments else None
    if not isinstance(inner, Call) or inner.name != "file" or not inner.arguments:
        return ""
    name = inner.arguments[0]
    return str(name.value) if isinstance(name, Literal) else ""


def _part_of(span: Span, text: str, offset: int = 0) -> Span:
    """Where `text` stands in `span`; all of `span` when it is written with escapes there."""
    start = span.find(text, span.start + offset) if text else -1
    return span if start < 0 else Span(span.source, start, start + len(text))
