"""Code in a .zip: checked and searched without being unpacked."""

import os
import time
from pathlib import Path

import pytest

from sandbox.config.cache import cached_load
from sandbox.config.code.archives import Archive
from sandbox.config.code.trees import Fault
from sandbox.config.inputs import Inputs
from sandbox.core.archive import MAX_MEMBERS
from tests.archives import DAMAGED, HOSTILE, write_zip
from tests.config.support import HANDLER, Project, with_props

ZIP = with_props("").replace("code: ./\n", "code: ./app.zip\n")
SRC = with_props("").replace("code: ./\n", "code: {src: ./app.zip}\n")


def opened(path: Path) -> Archive:
    archive = Archive.open(str(path), Inputs())
    assert isinstance(archive, Archive), archive
    return archive


@pytest.mark.parametrize("text", [ZIP, SRC], ids=["path", "src"])
def test_the_spec_names_the_archive(project: Project, text: str) -> None:
    path = write_zip(project.directory / "app.zip", {"index.py": HANDLER})

    config = project.load(text)

    assert config.diagnostics == ()
    assert (config.specs[0].code_archive, config.specs[0].code_dir) == (path, "")


@pytest.mark.parametrize(
    ("files", "handler", "code", "words"),
    [
        ({"index.py": HANDLER}, "index.handlr", "FCB405", "did you mean handler?"),
        ({"src/index.py": HANDLER}, "src.indx.handler", "FCB404", "did you mean src/index.py?"),
        ({}, "index.handler", "FCB404", "there is no Python file in the code"),
        ({".venv/x.py": ""}, "index.handler", "FCB404", "there is no Python file in the code"),
    ],
)
def test_the_handler_is_looked_up_in_it(
    project: Project, files: dict[str, str], handler: str, code: str, words: str
) -> None:
    write_zip(project.directory / "app.zip", files)

    (finding,) = project.load(ZIP.replace("index.handler", handler)).diagnostics

    assert (finding.code, finding.hint) == (code, words)


def test_hooks_are_looked_up_too(project: Project) -> None:
    write_zip(project.directory / "app.zip", {"index.py": HANDLER})
    hooks = "instanceLifecycleConfig: {initializer: {handler: index.nothing}}"

    text = with_props(hooks).replace("code: ./\n", "code: ./app.zip\n")

    assert project.codes(text) == ["FCB405"]


def test_a_handler_behind_a_link_may_be_there(tmp_path: Path) -> None:
    """Links are not followed: nothing is certain there."""
    path = tmp_path / "a.zip"
    write_zip(path, {"real/main.py": HANDLER}, {"pkg": "real", "index.py": "real/main.py"})
    archive = opened(path)

    assert archive.has("pkg/main.py")
    assert archive.has("index.py")
    assert (archive.read("index.py", 100), archive.read("pkg/main.py", 100)) == (None, None)
    assert not archive.has("pkgs/main.py")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(project: Project, name: str) -> None:
    """Each has its own finding, at the path, soon, and nothing is written."""
    code, write = HOSTILE[name]
    write(project.directory / "app.zip")
    before = sorted(os.listdir(project.directory))
    begun_s = time.process_time()

    (finding,) = project.load(ZIP).diagnostics

    assert finding.code == code, finding.message
    assert finding.source_line.strip() == "code: ./app.zip"
    assert sorted({*before, "s.yaml"}) == sorted(os.listdir(project.directory))
    assert time.process_time() - begun_s < 1


@pytest.mark.parametrize("name", DAMAGED)
def test_what_only_unpacking_can_find(project: Project, name: str) -> None:
    """No finding, and no traceback either: the start will say it."""
    DAMAGED[name](project.directory / "app.zip")

    assert project.codes(ZIP) == []


@pytest.mark.parametrize("cut", [1, 10, 22, 30, 60, 100])
def test_cut_archives(tmp_path: Path, cut: int) -> None:
    """Wherever it ends, it is told."""
    path = tmp_path / "a.zip"
    write_zip(path, {"index.py": HANDLER, "b": "b"})
    path.write_bytes(path.read_bytes()[:-cut])

    fault = Archive.open(str(path), Inputs())

    assert isinstance(fault, Fault)
    assert fault.code == "FCB411"


@pytest.mark.parametrize("seed", range(300))
def test_mutated_archives(tmp_path: Path, seed: int) -> None:
    """Any byte changed: an archive or a fault, never an exception."""
    path = tmp_path / "a.zip"
    write_zip(path, {"index.py": HANDLER, "b/c": "b"}, {"l": "b"})
    data = bytearray(path.read_bytes())
    data[(seed * 7919) % len(data)] ^= 1 << seed % 8
    path.write_bytes(data)

    archive = Archive.open(str(path), Inputs())

    if isinstance(archive, Archive):
        for name in archive.names():
            archive.read(name, 1000)


def test_what_is_no_file(project: Project) -> None:
    assert project.codes(ZIP) == ["FCB410"]
    os.mkfifo(project.directory / "app.zip")
    assert project.codes(ZIP) == ["FCB410"]


@pytest.mark.parametrize("name", ["app.jar", "app.war"])
def test_java_is_not_supported(project: Project, name: str) -> None:
    write_zip(project.directory / name, {"index.py": HANDLER})

    assert project.codes(ZIP.replace("app.zip", name)) == ["FCB402"]


def test_a_directory_may_be_called_so(project: Project) -> None:
    project.write("app.zip/index.py", HANDLER)

    (spec,) = project.load(ZIP).specs

    assert (spec.code_dir, spec.code_archive) == (str(project.directory / "app.zip"), "")


def test_the_limit_of_a_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip(path, {"big": bytes(1 << 20)})

    archive = opened(path)

    for limit in (1000, 10, 1000):
        assert archive.read("big", limit) == bytes(limit + 1)


def test_as_many_members_as_allowed(tmp_path: Path) -> None:
    """The bound itself is inside."""
    path = tmp_path / "a.zip"
    write_zip(path, {f"m{number}": b"" for number in range(MAX_MEMBERS)})

    assert len(opened(path).names()) == MAX_MEMBERS


def test_the_cache_sees_a_new_archive(project: Project) -> None:
    """Its content counts: another archive is looked at again."""
    path = project.directory / "app.zip"
    write_zip(path, {"index.py": HANDLER})
    project.write("s.yaml", ZIP)
    os.utime(path, (1, 1))
    state = str(project.directory / "state")

    def codes() -> list[str]:
        config = cached_load(
            cwd=str(project.directory), environ={}, state_dir=state, python=str(project.python)
        )
        return [each.code for each in config.diagnostics]

    assert codes() == codes() == []
    write_zip(path, {"other.py": ""})
    assert codes() == ["FCB404"]
