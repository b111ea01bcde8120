"""Looks a handler up in the code by reading it; no user code runs.

`file.function` splits at its last dot; `pkg.sub.main.h` and `pkg/sub/main.h` are both
`pkg/sub/main.py`. A finding is made only where the absence is certain: names can come from star
imports, a module's `__getattr__`, exec and the like, and code may be written for a Python whose
syntax the running one does not know.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from _blake2 import blake2b
from collections.abc import Iterator

from sandbox.config.code.archives import Archive
from sandbox.config.code.trees import CodeTree, Fault
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import near
from sandbox.config.messages.texts import phrase
from sandbox.core.archive import MAX_MEMBERS

__all__ = ["Sources", "find_handler", "module_names", "split_handler"]

MAX_SOURCE_BYTES = 1 << 16
"""A syntax tree takes up to a thousand times the memory of what is written: 50 MB of this."""

MAX_SYNTAX_NODES = 50_000
"""Of all modules of one application: they are looked at one by one."""

MAX_TREES_LISTED = 20
"""Code directories and archives that names are suggested from."""

MAX_MEMBERS_IN_ALL = 60_000
"""Of all archives of one application: listing so many takes most of a second. One that is refused
may have taken as long as the largest."""

BYTES_PER_SYNTAX_NODE = 8
"""So much of ordinary source makes one."""

ENCODINGS = frozenset((
    "utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1", "cp1252", "windows-1252",
    "gbk", "cp936", "gb2312", "gb18030", "big5",
))  # fmt: skip
"""What a module's first lines may name. Any codec would do for Python, and some are no encodings,
or take their time (punycode)."""

_DYNAMIC_NAMES = {
    "exec", "eval", "globals", "locals", "vars", "setattr", "__import__", "import_module",
}  # fmt: skip
_DYNAMIC_ATTRIBUTES = {"__dict__", "modules", "import_module", "exec_module", "__setattr__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def split_handler(handler: str) -> tuple[str, str] | None:
    """("pkg/sub/main.py", "h") for "pkg.sub.main.h"; None when it has no such form."""
    module, dot, function = handler.rpartition(".")
    parts = module.replace("/", ".").split(".")
    if not dot or not function.isidentifier() or not all(parts) or "\0" in handler:
        return None
    return "/".join(parts) + ".py", function


def find_handler(handler: str, code: CodeTree, sources: Sources | None = None) -> Fault | None:
    """None when the handler is there, or may be."""
    sources = sources or Sources()
    split = split_handler(handler)
    if split is None:
        return Fault("FCB403", {"handler": handler})
    file, function = split
    if not code.has(file):
        files = sources.files(code)
        advice = near(file, files) if files else phrase("there is no Python file in the code")
        return Fault("FCB404", {"handler": handler, "file": file, "advice": advice})
    data = code.read(file, MAX_SOURCE_BYTES)
    if data is not None and len(data) > MAX_SOURCE_BYTES:
        limit = {"file": file, "function": function, "limit": MAX_SOURCE_BYTES >> 10}
        return Fault("FCB406", limit)
    names = sources.names(data) if data is not None else None
    line = sources.wrong_line(data) if data is not None else 0
    if line:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return Fault("FCB407", {"file": file, "line": line, "version": version})
    if names is None or function in names:
        return None
    advice = near(function, sorted(name for name in names if not name.startswith("__")))
    fields = {"handler": handler, "file": file, "function": function, "advice": advice}
    return Fault("FCB405", fields)


def module_names(source: bytes) -> frozenset[str] | None:
    """The names that a module binds at its top level; None when that cannot be told."""
    return Sources().names(source)


class Sources:
    """The code of one application: each archive is opened, each directory listed, and each module
    parsed once, whoever asks. What would take long in all is refused (archives), or nothing is
    told of it (modules)."""

    def __init__(self) -> None:
        self._known: dict[bytes, frozenset[str] | None] = {}
        self._wrong: dict[bytes, int] = {}
        self._left = MAX_SYNTAX_NODES
        self._listed: dict[str, list[str]] = {}
        self._archives: dict[str, Archive | Fault] = {}
        self._members_left = MAX_MEMBERS_IN_ALL

    def names(self, source: bytes) -> frozenset[str] | None:
        key = blake2b(source).digest()
        if key not in self._known:
            self._known[key] = self._parsed(source, key) if self._left > 0 else None
        return self._known[key]

    def wrong_line(self, source: bytes) -> int:
        """The line of a module, looked at before, that is no valid Python; 0 when there is none.
        It may be valid for a newer one than runs here."""
        return self._wrong.get(blake2b(source).digest(), 0)

    def archive(self, path: str, inputs: Inputs) -> Archive | Fault:
        """The archive at `path`, opened and checked once for all functions that name it."""
        if path not in self._archives:
            self._archives[path] = self._opened(path, inputs)
        return self._archives[path]

    def _opened(self, path: str, inputs: Inputs) -> Archive | Fault:
        if self._members_left <= 0:
            return Fault("FCB419", {"path": path, "most": MAX_MEMBERS_IN_ALL})
        archive = Archive.open(path, inputs)
        size = len(archive.names()) if isinstance(archive, Archive) else MAX_MEMBERS
        self._members_left -= size
        return archive

    def files(self, code: CodeTree) -> list[str]:
        if code.path not in self._listed:
            is_listed = len(self._listed) < MAX_TREES_LISTED
            self._listed[code.path] = code.python_files() if is_listed else []
        return self._listed[code.path]

    def _parsed(self, source: bytes, key: bytes) -> frozenset[str] | None:
        try:
            nodes = _syntax_nodes(source)
        except SyntaxError as error:
            nodes = []
            self._wrong[key] = error.lineno or 0
        self._left -= len(nodes) + len(source) // BYTES_PER_SYNTAX_NODE
        if not nodes or any(map(_is_dynamic, nodes)):
            return None
        names = {name for node in _module_level(nodes[0]) for name in _bound(node)}
        return None if "__getattr__" in names else frozenset(names | _declared_global(nodes))


def _syntax_nodes(source: bytes) -> list[ast.AST]:
    """All nodes, the module first; none when nothing can be told. Raises SyntaxError."""
    if not _is_decodable(source):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's escapes; not ours to print
            return list(ast.walk(ast.parse(source)))
    except (ValueError, RecursionError, MemoryError):
        return []


def _is_decodable(source: bytes) -> bool:
    try:
        return tokenize.detect_encoding(io.BytesIO(source).readline)[0] in ENCODINGS
    except SyntaxError:  # an encoding that nobody knows
        return False


def _is_dynamic(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" for alias in node.names)
    if isinstance(node, ast.Name):
        return node.id in _DYNAMIC_NAMES
    return isinstance(node, ast.Attribute) and node.attr in _DYNAMIC_ATTRIBUTES


def _module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes outside the bodies of functions and classes."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
        else:
            # Decorators and defaults run at module level, and may hold `:=`.
            waiting.extend(getattr(node, "decorator_list", []))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _declared_global(nodes: list[ast.AST]) -> set[str]:
    """What functions and classes declare global, they may bind."""
    return {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
