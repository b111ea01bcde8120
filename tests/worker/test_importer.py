"""What is imported from the code directory says `/code`, wherever the directory really is.

At level `none`, where no worker has a root of its own; on every interpreter. One instance each
runs all that can show a path, and all that needs the real one.
"""

import json
import subprocess
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import BoxSettings
from tests.boxes import PYTHONS, open_box, write_function

Answers = Callable[[str], dict[str, Any]]

RAISES = "def fail():\n    raise ValueError('here')\n"
FILES = {
    "plain.py": RAISES,
    "cached.py": RAISES,
    "sourceless.py": RAISES,
    "pkg/__init__.py": RAISES,
    "pkg/deep/__init__.py": "",
    "pkg/deep/mod.py": RAISES,
    "space/inner.py": RAISES,
    "lib/added.py": RAISES,
    "feed.py": "'''\f a page,\x0b and \x1c more '''\n" + RAISES,
    "data.txt": "data",
    "pkg/data.txt": "package data",
    "broken.py": "def broken(:\n",
    "broken_late.py": "x = 1\nreturn x  # too far out\n",
    "warns.py": "import warnings\ndef warn():\n    warnings.warn('careful')\n",
    "asks.py": """\
        import inspect
        def caller():
            return inspect.getmodule(inspect.stack()[1][0]).__name__
        """,
}
INDEX = """\
    import asks, importlib, inspect, json, linecache, logging, os, pickle, pkgutil, runpy, sys
    import threading, traceback, warnings
    import cached, feed, pkg, pkg.deep.mod, plain, sourceless, space.inner, warns
    HERE = os.path.dirname(__file__)
    sys.path.append(os.path.join(HERE, "lib"))
    sys.path.append(os.path.join(HERE, "zipped.zip"))
    import added, zipped
    CALLER = asks.caller()

    class Thing:
        def method(self):
            return 1

    def shown(function):
        try:
            function()
        except BaseException:
            return traceback.format_exc()

    def paths():
        modules = [cached, feed, pkg, pkg.deep.mod, plain, sourceless, space.inner, added, zipped]
        return {m.__name__: shown(m.fail) for m in modules}

    def handlers_own():
        return shown(lambda: 1 / 0)

    def logged():
        try:
            plain.fail()
        except ValueError:
            logging.exception("caught")
            traceback.print_exc()

    def in_thread():
        thread = threading.Thread(target=plain.fail)
        thread.start()
        thread.join()

    def warned():
        warnings.simplefilter("always")
        warns.warn()

    def import_fails():
        return [shown(lambda: __import__(name)) for name in ("broken", "broken_late", "nothing")]

    def real():
        with open(os.path.join(HERE, "data.txt")) as file:
            text = file.read()
        return [
            text, __file__, __spec__.origin, pkg.__path__[0], list(space.__path__)[0],
            plain.__file__, sourceless.__file__, os.getcwd(), sys.path[0],
            pkg.__loader__.get_filename("pkg"), pkgutil.get_data("pkg", "data.txt").decode(),
            inspect.getfile(plain), inspect.getfile(Thing), cached.__cached__,
        ]

    def inspected():
        inner = inspect.currentframe()
        return [
            inspect.getsource(shown).split("\\n")[0], inspect.getsource(Thing).split("\\n")[0],
            inspect.getsource(plain.fail), inspect.getsource(plain), inspect.getsource(pkg.fail),
            inspect.stack()[0].code_context[0].strip(), inspect.getmodule(inner).__name__,
            CALLER, asks.caller(),
        ]

    def tools():
        importlib.invalidate_caches()
        before = plain.fail
        importlib.reload(plain)
        with open(os.path.join(HERE, "lib", "later.py"), "w") as file:
            file.write("HERE = 1\\n")
        importlib.invalidate_caches()
        import later
        names = [module.name for module in pkgutil.iter_modules([HERE])]
        return [
            plain.fail is before, plain.fail.__code__.co_filename, later.HERE,
            "plain" in names and "pkg" in names,
            runpy.run_module("plain")["fail"].__code__.co_filename,
            type(pickle.loads(pickle.dumps(Thing()))) is Thing,
            pickle.loads(pickle.dumps(plain.fail)) is plain.fail,
            importlib.util.find_spec("pkg.deep").origin,
        ]

    def no_cache():
        linecache.clearcache()
        return shown(plain.fail)

    def handler(event, context):
        return json.dumps(globals()[event.decode()]())
"""
EVENTS = [
    "paths", "handlers_own", "logged", "in_thread", "warned", "import_fails", "real", "inspected",
    "tools", "no_cache",
]  # fmt: skip


def write_files(code: Path, python: str) -> None:
    code.mkdir()
    for name, text in FILES.items():
        path = code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    script = "import py_compile, sys; py_compile.compile(*sys.argv[1:])"
    for name, arguments in (("cached.py", ()), ("sourceless.py", (str(code / "sourceless.pyc"),))):
        subprocess.run([python, "-c", script, str(code / name), *arguments], check=True)
    (code / "sourceless.py").unlink()
    with zipfile.ZipFile(code / "zipped.zip", "w") as archive:
        archive.writestr("zipped.py", RAISES)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What one instance of an interpreter answers to each event, and its log; run only once."""
    known: dict[str, dict[str, Any]] = {}

    def answers_of(version: str) -> dict[str, Any]:
        if version not in known:
            folder = tmp_path_factory.mktemp("importer")
            write_files(folder / "code-f", PYTHONS[version])
            spec = write_function(folder, INDEX, python=PYTHONS[version])
            settings = BoxSettings(isolation="none")
            found: dict[str, Any] = {"code": spec.code_dir}
            with open_box(folder, spec, settings) as box:
                for event in EVENTS:
                    result = box.invoke("f", event.encode())
                    assert result.ok, result.error
                    found[event] = json.loads(result.body)
                    found[event + " log"] = result.log
            known[version] = found
        return known[version]

    return answers_of


each = pytest.mark.parametrize("version", PYTHONS)


@each
def test_tracebacks_say_code(answers: Answers, version: str) -> None:
    """Modules, packages, namespaces, bytecode with and without source; with the source's lines."""
    found = answers(version)
    paths = found["paths"]
    zipped = paths.pop("zipped")

    assert f'File "{found["code"]}/zipped.zip' in zipped
    expected = {
        "cached": "cached.py", "feed": "feed.py", "pkg": "pkg/__init__.py", "plain": "plain.py",
        "pkg.deep.mod": "pkg/deep/mod.py", "space.inner": "space/inner.py", "added": "lib/added.py",
    }  # fmt: skip
    for name, file in expected.items():
        line = 3 if name == "feed" else 2
        frame = f"  File \"/code/{file}\", line {line}, in fail\n    raise ValueError('here')\n"
        assert frame in paths[name], paths[name]
    assert 'File "/code/sourceless.py", line 2, in fail\n' in paths["sourceless"]
    assert found["code"] not in str(paths) + found["handlers_own"]
    assert 'File "/code/index.py", line 16, in shown\n    function()\n' in found["handlers_own"]


@each
def test_log_says_code(answers: Answers, version: str) -> None:
    """logging.exception, print_exc, an exception that ends a thread; in C until 3.13."""
    found = answers(version)

    frame = "  File \"/code/plain.py\", line 2, in fail\n    raise ValueError('here')\n"
    assert found["logged log"].count(frame) == 2
    assert frame in found["in_thread log"]
    assert found["code"] not in found["logged log"] + found["in_thread log"]


@each
def test_warnings_say_code(answers: Answers, version: str) -> None:
    """Since 3.8 a warning has the code's path; before that it has the module's."""
    found = answers(version)
    path = found["code"] if version in ("3.6", "3.7") else "/code"

    assert f"{path}/warns.py:3: UserWarning: careful\n" in found["warned log"]
    assert "warnings.warn('careful')" in found["warned log"]


@each
def test_import_that_fails(answers: Answers, version: str) -> None:
    """A SyntaxError says where with its line, and there are no frames of ours in between."""
    found = answers(version)
    early, late, missing = found["import_fails"]

    assert '  File "/code/broken.py", line 1\n    def broken(:\n' in early
    assert '  File "/code/broken_late.py", line 2\n    return x  # too far out\n' in late
    for text in (early, late, missing):
        frames = [line for line in text.split("\n") if line.startswith("  File") and "in " in line]
        assert [frame.split('"')[1] for frame in frames] == ["/code/index.py"] * 2, text
        assert "importlib" not in text


@each
def test_real_paths_stay(answers: Answers, version: str) -> None:
    """Whoever opens a file beside the module finds it."""
    found = answers(version)
    code = found["code"]
    cached = f"{code}/__pycache__/cached.cpython-{version.replace('.', '')}.pyc"

    assert found["real"] == [
        "data", f"{code}/index.py", f"{code}/index.py", f"{code}/pkg", f"{code}/space",
        f"{code}/plain.py", f"{code}/sourceless.pyc", code, code,
        f"{code}/pkg/__init__.py", "package data", f"{code}/plain.py", f"{code}/index.py", cached,
    ]  # fmt: skip


@each
def test_inspect_finds_sources(answers: Answers, version: str) -> None:
    """Of functions, classes, modules and frames; and the module of a frame."""
    assert answers(version)["inspected"] == [
        "def shown(function):", "class Thing:", RAISES, RAISES, RAISES,
        "inspect.stack()[0].code_context[0].strip(), inspect.getmodule(inner).__name__,", "index",
        "index", "index",
    ]  # fmt: skip


@each
def test_import_tools_work(answers: Answers, version: str) -> None:
    """reload, invalidate_caches, iter_modules, runpy, pickle, find_spec; an emptied linecache."""
    found = answers(version)

    assert found["tools"] == [
        False, "/code/plain.py", 1, True, "/code/plain.py", True, True,
        f"{found['code']}/pkg/deep/__init__.py",
    ]  # fmt: skip
    assert '"/code/plain.py", line 2, in fail\n    raise ValueError(' in found["no_cache"]


@each
def test_handler_in_a_folder_and_links(tmp_path: Path, version: str) -> None:
    """What it imports from its own folder, found by a path without the link to the code."""
    source = """
    import os, sys, traceback
    sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
    import beside
    def handler(event, context):
        try:
            beside.fail()
        except ValueError:
            return traceback.format_exc()
    """
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "code-f").symlink_to("real")
    (tmp_path / "real" / "sub" / "beside.py").write_text(RAISES)
    spec = write_function(tmp_path, "", handler="sub/main.handler", python=PYTHONS[version])
    (tmp_path / "real" / "sub" / "main.py").write_text(textwrap.dedent(source))
    with open_box(tmp_path, spec, BoxSettings(isolation="none")) as box:
        result = box.invoke("f", b"")

    assert result.ok, result.error
    assert 'File "/code/sub/main.py", line 7, in handler' in result.body.decode()
    assert 'File "/code/sub/beside.py", line 2, in fail' in result.body.decode()
    assert str(tmp_path) not in result.body.decode()


@each
def test_hosts_own_code_directory_is_not_quoted(tmp_path: Path, version: str) -> None:
    """Where the host has a /code with a file of that name, its lines are not shown for ours."""
    script = """
    import os, sys, traceback
    sys.path.insert(0, sys.argv[1])
    from worker import importer
    exists = os.path.exists
    importer.os.path.exists = lambda path: True if path == "/code/plain.py" else exists(path)
    importer.install(sys.argv[2], sys.argv[2])
    sys.path.insert(0, sys.argv[2])
    import linecache, plain
    print(len(linecache.cache["/code/plain.py"]))
    try:
        plain.fail()
    except ValueError:
        print(traceback.format_exc())
    """
    (tmp_path / "plain.py").write_text(RAISES)
    repository = str(Path(__file__).resolve().parents[2])
    argv = [PYTHONS[version], "-c", textwrap.dedent(script), repository, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.stdout.startswith("4\n"), done.stderr
    assert "raise ValueError('here')" in done.stdout


def test_real_code_directory_is_left_alone() -> None:
    """Where the code is at /code already, Python's import system is as it was."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); before = list(sys.path_hooks)\n"
    script += "from worker import importer; importer.install('/code/', '/code')\n"
    script += "print(sys.path_hooks == before)"
    repository = str(Path(__file__).resolve().parents[2])
    for python in PYTHONS.values():
        argv = [python, "-c", script, repository]
        assert subprocess.run(argv, capture_output=True, text=True).stdout == "True\n"
