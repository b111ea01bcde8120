"""Resolves `${...}` in a tree of nodes.

Resolution is lazy and remembered: a node is resolved when somebody asks for it, once for each
resource that `this` can stand for. Each broken text makes one finding, at the expression that
broke it; its value is BROKEN, which whoever refers to it passes on in silence.

References make trees out of small files (`b: [${vars.a}, ${vars.a}]`, `c: [${vars.b}, ...`), so
all that is resolved is charged against one budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.config.expressions.evaluation import Evaluation
from sandbox.config.expressions.functions import (
    FUNCTIONS,
    UNSUPPORTED,
    CallError,
    Function,
    FunctionCall,
    Surroundings,
)
from sandbox.config.expressions.grammar import Call, Expression, GrammarError, parse_template
from sandbox.config.expressions.values import (
    FaultError,
    Settled,
    advice_below,
    child_at,
    file_in,
    is_final,
    is_template,
    part_of,
    this_at,
    written_at,
)
from sandbox.config.messages.findings import Near, RefusedError, near
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.text.source import (
    BROKEN,
    CHARS_PER_NODE,
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
        if is_final(node.value):
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
            at = part_of(node.span, text[error.offset :][:1], error.offset)
            self._around.findings.add("FCB205", at, problem=error.problem, advice=error.hint)
            return node._replace(value=BROKEN)
        evaluation = Evaluation(self, node.span, resource)
        if len(parts) == 1 and isinstance(parts[0], Expression):
            found = evaluation.whole(parts[0])
            return found._replace(span=node.span, origin=written_at(found, node.span))
        joined = evaluation.joined(parts)
        has_more = isinstance(joined, str) and is_template(joined)
        value = Settled(joined) if has_more else joined
        return node._replace(value=value, origin=evaluation.origin)

    def charge(self, node: Node, at: Span) -> None:
        chars = len(node.value) if isinstance(node.value, str) else 0
        self._budget.charge(node.weight + chars // CHARS_PER_NODE, at)
        if self._level + node.height > MAX_HEIGHT:
            raise FaultError("FCB210", limit=MAX_HEIGHT)

    # --- references ---------------------------------------------------------------------------

    def reference(self, path: tuple[str, ...], resource: str) -> Node | None:
        """The resolved node at `path`, whose first name is a root; None when there is none."""
        name = ".".join(path)
        if name in self._active:
            cycle = [*self._active[self._active.index(name) :], name]
            raise FaultError("FCB202", cycle=" -> ".join(cycle))
        if self._level > MAX_LEVELS:
            raise FaultError("FCB210", limit=MAX_LEVELS)
        self._active.append(name)
        try:
            return self._walked(path, this_at(path, resource))
        finally:
            self._active.pop()

    def _walked(self, path: tuple[str, ...], resource: str) -> Node | None:
        node, resolved = self._root, path[0] in self._finished
        for segment in path:
            if isinstance(node.value, str) and not resolved:
                node, resolved = self.resolve(node, resource), True
            child = child_at(node, segment)
            if child is None:
                return None
            node = child
        # What came out of an expression is not searched for expressions again.
        return node if resolved else self.resolve(node, resource)

    def call(self, call: Call, arguments: Arguments, at: Span) -> Node:
        function = FUNCTIONS.get(call.name)
        if call.name in UNSUPPORTED:
            raise FaultError("FCB204", what=f"{call.name}()", reason=UNSUPPORTED[call.name])
        if function is None:
            raise FaultError("FCB211", name=call.name, advice=near(call.name, FUNCTIONS))
        if not function.least <= len(arguments) <= function.most:
            count = len(arguments)
            problem = phrase("{name}() with {count} arguments", name=call.name, count=count)
            advice = phrase("write {text}", text=function.example)
            raise FaultError("FCB207", problem=problem, advice=advice)
        made = FunctionCall(arguments, at, self._around, file_in(call))
        whole = weighed(self._run(function, made), at)
        node: Node | None = whole
        if node and call.tail:  # the whole has been made, however little of it is wanted
            self.charge(node, at)
        for segment in call.tail:
            node = node and child_at(node, segment)
        if node is None or node.value is None:
            path = (f"{call.name}(...)", *call.tail)
            raise FaultError("FCB201", what=".".join(path), advice=advice_below(whole, path, 1))
        return node

    def _run(self, function: Function, call: FunctionCall) -> Value:
        if self._level > MAX_LEVELS:
            raise FaultError("FCB210", limit=MAX_LEVELS)
        if function.is_parser:
            arguments = [self._paid(argument, call.at) for argument in call.arguments]
            call = call._replace(arguments=arguments)
        self._level += 1
        try:
            return function.run(call)
        except CallError as failure:
            raise FaultError(failure.code, **failure.fields) from None
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

    def report(self, fault: FaultError, at: Span) -> None:
        if fault.code:
            self._around.findings.add(fault.code, at, **fault.fields)

    def advice(self, path: tuple[str, ...], resource: str) -> Near | Phrase:
        """What could be meant by a path that leads nowhere. Nothing is resolved for it, which
        could lead back here: what the way there has resolved is known."""
        top = child_at(self._root, path[0])
        if top is None:
            return phrase("write `{name}:` at the top level of the file", name=path[0])
        return advice_below(top, path, 1, lambda node: self._known(node, path, resource))

    def resource_names(self) -> list[str]:
        resources = child(self._root, "resources")
        return list(resources.value) if resources and isinstance(resources.value, dict) else []

    def _known(self, node: Node, path: tuple[str, ...], resource: str) -> Node:
        key = (id(node), this_at(path, resource))
        return self._done[key][1] if key in self._done else node
