"""Imports from the code directory, with tracebacks that say `/code/...` as in the cloud.

Where the worker has a root of its own the code lies at `/code`, and nothing is done here. Where
it has none, the code lies where its owner keeps it, and Python would print that path wherever a
function prints a stack: `traceback.print_exc()`, `logging.exception()`, a warning. So the modules
of the code directory are read by Python's own loaders with one difference: their code objects
are named after the cloud's path.

    co_filename                                  /code/index.py
    __file__, __path__, __spec__, open()         the real path

The handler's module is read so by `worker.loader`, all others by an entry of `sys.path_hooks`
that is responsible for the directories below the code directory and makes plain FileFinders: to
pkgutil, importlib.resources and the rest nothing is new. A path that a .pyc without source brings
along from another place stays, as in the cloud. Extension modules, zip files and what the
function reads and compiles by itself are left alone.

No file has the new name, so whoever looks for source lines must be told where they are:

- linecache, which everything asks that shows a line, gets an entry that reads the real file when
  a line is wanted. It must not look at the disk: the host may have a `/code` of its own.
- inspect finds the module of a frame by comparing file names; once the function has imported it,
  it is told them.

Two things only a root of its own can give: the path of a code object can not be opened, and what
a function starts as a new interpreter (a subprocess, multiprocessing's spawn) sees real paths.
"""

import linecache
import os
import sys
from _imp import _fix_co_filename  # type: ignore[attr-defined] # not in typeshed; 3.6 to 3.13
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

from worker.failures import CODE_ROOT, is_below, sanitise_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["KINDS", "install"]

_IMPORT_SYSTEM = SourceFileLoader.get_code.__code__.co_filename
_NOT_NEWLINES = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
"""Where `str.splitlines`, by which linecache counts lines, ends one and Python does not."""

_roots = []  # type: List[str]
_untold = {}  # type: Dict[str, str]
"""Names of modules by their new paths, until inspect knows them."""


def install(code_dir, real_dir):
    # type: (str, str) -> None
    """From here on what is imported from the code directory says `/code`. Once in a process.

    `real_dir` is the same directory without links: code that extends sys.path often resolves its
    own `__file__` first. It is not looked up here: in a fresh process every function that runs
    for the first time copies the page that it is in, and os.path.realpath is many.
    """
    if CODE_ROOT in (code_dir.rstrip("/"), real_dir):
        return
    _roots.append(code_dir)
    if real_dir != code_dir:
        _roots.append(real_dir)
    sys.path_hooks.insert(0, _finder)
    sys.path_importer_cache.pop(code_dir, None)


class _SourceLoader(SourceFileLoader):
    """A module with source, from the source or from its bytecode in `__pycache__`."""

    def get_code(self, fullname):
        # type: (str) -> Optional[CodeType]
        name = _shown(self.path)
        if name == self.path:
            return SourceFileLoader.get_code(self, fullname)
        _untold[name] = self.name
        _tell_linecache(name, self)
        code = SourceFileLoader.get_code(self, fullname)
        if code is not None:
            _fix_co_filename(code, name)  # bytecode gets the real path
        return code

    def source_to_code(self, data, path, **options):  # type: ignore[no-untyped-def,override]
        # Compiled under the new name, so that the compiler's warnings and errors have it too.
        name = _shown(path)
        try:
            return SourceFileLoader.source_to_code(self, data, name, **options)
        except SyntaxError as exc:
            # For some errors the compiler reads the line itself, from a file that is not there.
            if exc.text is None and exc.filename == name and exc.lineno:
                exc.text = linecache.getline(name, exc.lineno) or None
            raise

    def exec_module(self, module):
        # type: (ModuleType) -> None
        SourceFileLoader.exec_module(self, module)
        _tell_inspect()

    def source_text(self):
        # type: () -> str
        """The source for linecache, line by line as Python counts them; empty without one."""
        try:
            text = self.get_source(self.name) or ""
        except (ImportError, OSError, SyntaxError):  # it was readable when it was compiled
            return ""
        return text.translate(_NOT_NEWLINES)


class _BytecodeLoader(SourcelessFileLoader):
    """A module without source."""

    def get_code(self, fullname):
        # type: (str) -> Optional[CodeType]
        code = SourcelessFileLoader.get_code(self, fullname)
        if code is not None:
            _fix_co_filename(code, _shown(code.co_filename))
        return code


KINDS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (_SourceLoader, SOURCE_SUFFIXES),
    (_BytecodeLoader, BYTECODE_SUFFIXES),
)  # type: Tuple[Tuple[Any, List[str]], ...]
"""The loaders for a FileFinder, in Python's own order. They rename nothing before `install`."""


def _finder(path):
    # type: (str) -> FileFinder
    """The entry of `sys.path_hooks`."""
    if isinstance(path, str):  # bytes are allowed too
        folder = path + "/" if path.startswith("/") else os.getcwd() + "/"
        for root in _roots:
            if is_below(folder, root) and os.path.isdir(path):
                return FileFinder(path, *KINDS)
    raise ImportError("not a folder of the code directory")


def _shown(path):
    # type: (str) -> str
    """The path as the function sees it in the cloud; the same one outside the code directory."""
    for root in _roots:
        if is_below(path, root):
            return sanitise_path(path, root)
    return path


def _tell_linecache(name, loader):
    # type: (str, _SourceLoader) -> None
    if os.path.exists(name):
        # Another file: linecache prefers one that is there to a loader, but not to known lines.
        text = loader.source_text()
        lines = [line + "\n" for line in text.splitlines()]
        linecache.cache[name] = (len(text), None, lines, name)
    else:
        linecache.cache[name] = (loader.source_text,)


def _tell_inspect():
    # type: () -> None
    inspect = sys.modules.get("inspect")
    known = getattr(inspect, "modulesbyfile", None)
    if known is not None:
        known.update(_untold)
        _untold.clear()


# Python cuts the import system's frames out of the tracebacks of what it imports: ours are such.
for _method in (
    _SourceLoader.get_code,
    _SourceLoader.source_to_code,
    _SourceLoader.exec_module,
    _BytecodeLoader.get_code,
):
    _fix_co_filename(_method.__code__, _IMPORT_SYSTEM)
