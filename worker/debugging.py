"""The debugger of an instance: debugpy, inside the walls, before any user code runs.

It listens on a port of loopback, which the WALLS message tells; the supervisor leads clients
there. debugpy is the one that belongs to fcbox: nothing but the standard library is imported
along with it, and that before the function's code directory is on `sys.path`. So a `json.py` of
the function's is not taken for Python's.
"""

import os
import sys

from worker.failures import CODE_ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

__all__ = ["OLDEST", "listen", "map_code", "wait_attached"]

OLDEST = (3, 8)
"""The oldest Python that debugpy runs on."""
_QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"
"""Else pydevd warns of Python's own frozen modules: nobody sets a breakpoint there."""


def listen(setup):
    # type: (Dict[str, Any]) -> int
    """Gives the port. Raises OSError, or ValueError with words."""
    if sys.version_info < OLDEST:
        raise ValueError("debugpy needs Python %d.%d or later" % OLDEST)
    package = setup["debug"]["package"]
    for target, source, _ in setup["mounts"]:  # those that are not in place
        package = source if target == package else package
    os.environ[_QUIET] = "1"
    try:
        debugpy = _import_from(package)
        debugpy.configure(subProcess=False)
        # Without its adapter, a process of its own that would count as the function's.
        port = debugpy.listen(("127.0.0.1", 0), in_process_debug_adapter=True)[1]
    except (ImportError, RuntimeError, SyntaxError) as exc:
        raise ValueError("debugpy: %s" % exc) from None
    finally:
        del os.environ[_QUIET]
    if not port:
        raise ValueError("debugpy is too old to tell its port: update it")
    return int(port)


def wait_attached():
    # type: () -> None
    """Returns when a client has set its breakpoints."""
    sys.modules["debugpy"].wait_for_client()


def map_code(code_dir):
    # type: (str) -> None
    """For who has no root of its own: clients know the code as /code, and here it is elsewhere.

    debugpy has no option for that: what a client says of its paths replaces all that was set.
    """
    files = sys.modules["pydevd_file_utils"]
    set_paths = files.setup_client_server_paths

    def set_real_paths(paths):
        # type: (List[Tuple[str, str]]) -> None
        set_paths([(local, _real(remote, code_dir)) for local, remote in paths])

    files.setup_client_server_paths = set_real_paths  # type: ignore[attr-defined]


def _import_from(package):
    # type: (str) -> Any
    """debugpy from its own folder: what lies beside it is none of the function's."""
    from importlib import util

    path = os.path.join(package, "__init__.py")
    spec = util.spec_from_file_location("debugpy", path, submodule_search_locations=[package])
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["debugpy"] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _real(path, code_dir):
    # type: (str, str) -> str
    if path == CODE_ROOT or path.startswith(CODE_ROOT + "/"):
        return code_dir.rstrip("/") + path[len(CODE_ROOT) :]
    return path
