"""From a handler string to the function in the user's code.

    "index.handler"       index.py                 module "index"
    "pkg.sub.main.h"      pkg/sub/main.py          module "pkg.sub.main"
    "pkg/sub/main.h"      pkg/sub/main.py          module "pkg/sub/main"     slash stays in the name

The string is split at its last dot. The file is looked up in the code directory and nowhere
else, and executed alone: as in the cloud, the `__init__.py` of the folders above it runs only
when the user's code imports the package.

The module stands in `sys.modules` under its name, so that `import index`, pickle and inspect
find the same one, and a handler and its hooks share it. A name that something else has already
taken there (a handler in `json.py`, say) is left to its owner, or every library that imports it
would break; the file is then loaded beside it.

A load that fails leaves nothing behind: the next request tries again. SystemExit is not a
failure to load: the process ends, as in the cloud.
"""

import os
import sys
from importlib import _bootstrap, _bootstrap_external
from importlib.machinery import FileFinder

from worker.failures import Failure, flat_stack, message_of, sanitise_path, type_name
from worker.importer import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple, Type

    Function = Callable[..., Any]

__all__ = ["LoadFailed", "Loader", "split_handler"]

# These two live in importlib.util under the same names; importing that costs 5 ms on the
# versions where it brings typing along.
_module_from_spec = _bootstrap.module_from_spec
_spec_from_file_location = _bootstrap_external.spec_from_file_location


class LoadFailed(Exception):
    """The handler cannot be had. `failure` is what the caller reads, `hint` is for the log."""

    def __init__(self, failure: Failure, hint: str = "") -> None:
        Exception.__init__(self, failure.message)
        self.failure = failure
        self.hint = hint


def split_handler(handler: str) -> "Tuple[str, str, str]":
    """(module name, file below the code directory, function name)."""
    module, dot, function = handler.rpartition(".")
    if not dot:
        text = "ValueError: not enough values to unpack (expected 2, got 1)"
        raise LoadFailed(_invalid_name(handler, text))
    folder, slash, tail = module.rpartition("/")
    return module, folder + slash + tail.replace(".", "/") + ".py", function


class Loader(object):
    """Loads handlers and hooks from one code directory, each of them once."""

    __slots__ = ("_code_dir", "_functions", "_modules")

    def __init__(self, code_dir: str) -> None:
        self._code_dir = os.path.abspath(code_dir)
        self._functions: "Dict[str, Function]" = {}
        self._modules: "Dict[str, ModuleType]" = {}

    def load(self, handler: str) -> "Function":
        """The function that `handler` names, or LoadFailed."""
        function = self._functions.get(handler)
        if function is None:
            function = self._functions[handler] = self._look_up(handler)
        return function

    def _look_up(self, handler: str) -> "Function":
        name, _, function = split_handler(handler)
        try:
            module = self._modules.get(name)
            if module is None:
                module = self._modules[name] = self._import(name)
            return self._function_in(module, name, function)
        except (LoadFailed, SystemExit):
            raise
        except BaseException as exc:
            raise LoadFailed(_load_failure(exc, name, self._code_dir)) from None

    def _function_in(self, module: "ModuleType", name: str, function: str) -> "Function":
        try:
            found: "Function" = getattr(module, function)
            return found
        except AttributeError:
            # Our own words: 3.12 and 3.13 add advice to the text of the AttributeError.
            text = "AttributeError: module '{}' has no attribute '{}'".format(name, function)
            message = "Handler '{}' is missing on module '{}'".format(function, name)
            failure = Failure("HandlerNotFound", message, flat_stack(text))
            raise LoadFailed(failure, _functions_of(module, name)) from None

    def _import(self, name: str) -> "ModuleType":
        spec = self._find(name)
        present = sys.modules.get(name)
        if present is None:
            return _execute(spec, registered=True)
        if _comes_from(present, spec.origin):
            return present  # the user's own code has imported it already
        return _execute(spec, registered=False)

    def _find(self, name: str) -> "ModuleSpec":
        prefix, slash, tail = name.rpartition("/")
        folder, segments = os.path.join(self._code_dir, prefix), tail.split(".")
        if "" in segments or (slash and not _is_inside(prefix)):
            _no_module(segments[-1])
        for segment in segments[:-1]:
            folder = os.path.join(folder, segment)
            if not os.path.isdir(folder):
                _no_module(segment)
        # A new finder each time: a used one does not see a file made within the same clock tick.
        found = FileFinder(folder, *KINDS).find_spec(segments[-1])
        if found is None or found.loader is None or found.origin is None:
            _no_module(segments[-1])
        # The finder knows the file by the last part of its name; the module has the whole one.
        loader = type(found.loader)(name, found.origin)  # type: ignore[call-arg]
        spec = _spec_from_file_location(name, found.origin, loader=loader)
        assert spec is not None  # only without a loader
        return spec


def _is_inside(folder: str) -> bool:
    # A handler is a place in the code directory: neither an absolute path nor one that leaves it.
    return not {"", ".."}.intersection(folder.split("/"))


def _comes_from(module: "ModuleType", origin: "Optional[str]") -> bool:
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or origin is None:
        return False
    return os.path.realpath(path) == os.path.realpath(origin)


def _no_module(name: str) -> "NoReturn":
    # Not ModuleNotFoundError: that is what the user's own imports raise.
    raise ImportError("No module named '{}'".format(name))


def _execute(spec: "ModuleSpec", registered: bool) -> "ModuleType":
    assert spec.loader is not None
    module = _module_from_spec(spec)
    if registered:
        sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if registered:
            sys.modules.pop(spec.name, None)
        raise
    # A module may put something else in its own place.
    return sys.modules.get(spec.name, module) if registered else module


def _functions_of(module: "ModuleType", name: str) -> str:
    attributes = getattr(module, "__dict__", {})
    names = [key for key, value in list(attributes.items()) if _is_own(value, name)]
    return "functions in module '{}': {}".format(name, ", ".join(names)) if names else ""


def _is_own(value: object, name: str) -> bool:
    return type(value) is _Function and getattr(value, "__module__", None) == name


_Function = type(_is_own)


def _invalid_name(name: str, text: str) -> Failure:
    return Failure("InvalidHandleName", "Invalid handler '{}'".format(name), flat_stack(text))


def _load_failure(exc: BaseException, name: str, code_dir: str) -> Failure:
    """The row of the contract's table for what came out of the module."""
    # Of the type, as `except` does it: isinstance() would ask the exception's own __class__ too.
    kind, text = type(exc), message_of(exc)
    if issubclass(kind, SyntaxError) or _is_null_byte(kind, text):
        message = "Syntax error in module '{}'".format(name)
        return Failure("UserCodeSyntaxError", message, _syntax_stack(exc, text, code_dir))
    line = _exception_line(exc, text)
    if issubclass(kind, ImportError):
        message = "Unable to import module '{}'".format(name)
        return Failure("ImportModuleError", message, flat_stack(line))
    if issubclass(kind, ValueError):
        return _invalid_name(name, line)  # sic: the cloud's runtime takes it for a bad name
    message = "Module initialization error: '{}'".format(text)
    return Failure("UserCodeError", message, flat_stack(line))


def _is_null_byte(kind: "Type[BaseException]", text: str) -> bool:
    # A SyntaxError since 3.12; 3.6 says the same in a ValueError.
    return kind is ValueError and text.endswith("cannot contain null bytes")


def _exception_line(exc: BaseException, text: str) -> str:
    """The last line of a traceback, without the advice that new versions add to it."""
    name = type_name(exc)
    module = type.__dict__["__module__"].__get__(type(exc))
    if isinstance(module, str) and module not in ("builtins", "__main__"):
        name = module + "." + name
    return name + ": " + text if text else name


def _syntax_stack(exc: BaseException, text: str, code_dir: str) -> "List[str]":
    """File, line, offending text, error: no caret, and commas in the source stay."""
    path, line, source, reason = (_attribute(exc, key) for key in _SYNTAX_FIELDS)
    stack = []
    if line is not None:
        shown = sanitise_path(path if isinstance(path, str) else "<string>", code_dir)
        stack = flat_stack('File "{}", line {}'.format(shown, line))
    if isinstance(source, str) and source.strip():
        stack.append(source.strip())
    name = "SyntaxError" if type(exc) is ValueError else type_name(exc)
    stack.append("{}: {}".format(name, reason if isinstance(reason, str) else text))
    return stack


_SYNTAX_FIELDS = ("filename", "lineno", "text", "msg")


def _attribute(exc: BaseException, name: str) -> "Optional[Any]":
    try:
        return getattr(exc, name, None)
    except BaseException:  # a subclass of the user's own
        return None
