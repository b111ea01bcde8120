"""The user's files may have the names of ours, and of the standard library's, and still work."""

import textwrap
from pathlib import Path

import pytest

from sandbox import Callback
from tests.boxes import PYTHONS, open_box, write_function

VERSIONS = [version for version in ("3.6", "3.9", "3.12", "3.13") if version in PYTHONS]
OURS = ["worker", "sandbox", "wire", "records", "runtime", "zygote", "clone", "output", "logs",
        "results", "loader", "failures", "context", "environment"]  # fmt: skip
USES_THEM = """
import {names}

def handler(event, _):
    return [module.MINE for module in ({names},)]
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_names_of_ours(tmp_path: Path, version: str) -> None:
    """Each is the user's own file, and none of ours is to be seen."""
    source = USES_THEM.format(names=", ".join(OURS))
    source += "\nimport sys\nHIDDEN = [n for n in sys.modules if n.startswith('worker.')]\n"
    source += "\ndef hidden(event, context): return HIDDEN\n"
    spec = write_function(tmp_path, source, python=PYTHONS[version])
    for name in OURS:
        (Path(spec.code_dir) / f"{name}.py").write_text(f"MINE = {name!r}\n")
    hidden = spec._replace(name="hidden", handler="index.hidden")
    with open_box(tmp_path, [spec, hidden]) as box:
        result = box.invoke("f")

        assert result.error is None
        assert sorted(result.body.decode().split('"')[1::2]) == sorted(OURS)
        assert box.invoke("hidden").body == b"[]"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["worker", "wire", "sandbox", "json", "logging", "records"])
def test_handler_in_a_file_of_that_name(tmp_path: Path, version: str, name: str) -> None:
    """As the handler's own module, with hooks in it; logging and results go on as ever."""
    source = """
    state = []

    def initialize(context):
        state.append("initialized")

    def handler(event, context):
        import logging as real
        real.getLogger().info("a record")
        return {"state": state, "name": __name__}
    """
    spec = write_function(tmp_path, "", python=PYTHONS[version], handler=f"{name}.handler")
    spec = spec._replace(initializer=Callback(f"{name}.initialize"))
    (Path(spec.code_dir) / f"{name}.py").write_text(textwrap.dedent(source))
    with open_box(tmp_path, spec) as box:
        result = box.invoke("f")

        assert result.error is None, result.log
        assert f'"name": "{name}"' in result.body.decode()
        assert "initialized" in result.body.decode()
        if name != "logging":
            assert result.log.count("[info] a record") == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_package_of_that_name(tmp_path: Path, version: str) -> None:
    """A package called worker, and a module in it called wire."""
    spec = write_function(tmp_path, "", python=PYTHONS[version], handler="worker.wire.handler")
    package = Path(spec.code_dir) / "worker"
    package.mkdir()
    (package / "__init__.py").write_text("WHOSE = 'the user'\n")
    (package / "wire.py").write_text(
        "import worker\ndef handler(event, context): return worker.WHOSE\n"
    )
    with open_box(tmp_path, spec) as box:
        assert box.invoke("f").body == b"the user"


@pytest.mark.parametrize("version", VERSIONS)
def test_runtime_goes_on_beside_them(tmp_path: Path, version: str) -> None:
    """Errors, stacks and PreStop still work beside files that would break them.

    What the runtime has loaded is found before them, by the user's code too.
    """
    source = """
    import json, traceback, linecache, tokenize, token

    def handler(event, context):
        if event:
            raise ValueError("on purpose")
        return {"fine": hasattr(tokenize, "generate_tokens")}

    def pre_stop(context):
        print("stopping")
    """
    spec = write_function(tmp_path, source, python=PYTHONS[version], pre_stop="pre_stop")
    names = ("json", "traceback", "linecache", "tokenize", "token", "struct", "signal", "resource")
    for name in names:
        (Path(spec.code_dir) / f"{name}.py").write_text("raise RuntimeError('should not load')\n")
    with open_box(tmp_path, spec) as box:
        fine, failed = box.invoke("f"), box.invoke("f", b"x")

        assert fine.body == b'{\n    "fine": true\n}'
        assert failed.error is not None
        assert failed.error["errorType"] == "ValueError"
        assert failed.error["stackTrace"][0] == [
            'File "/code/index.py"', "line 6", "in handler", 'raise ValueError("on purpose")',
        ]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["tokenize", "token", "linecache", "traceback"])
def test_handler_in_a_file_that_makes_stacks(tmp_path: Path, version: str, name: str) -> None:
    """The file is the handler's own, and the stack is still whole."""
    source = "def handler(event, context):\n    raise ValueError('on purpose')\n"
    spec = write_function(tmp_path, "", python=PYTHONS[version], handler=f"{name}.handler")
    (Path(spec.code_dir) / f"{name}.py").write_text(source)
    with open_box(tmp_path, spec) as box:
        error = box.invoke("f").error

    assert error is not None
    assert error["stackTrace"] == [
        [f'File "/code/{name}.py"', "line 2", "in handler", "raise ValueError('on purpose')"],
    ]
