"""Records are used exactly as long as nothing they came from has changed."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.config import cache, compile
from sandbox.config.cache import cached_load
from sandbox.config.inputs import SETTLED_NS
from sandbox.config.result import Config, ConfigMissing
from tests.config.support import EXAMPLE, EXAMPLE_CODE, HANDLER, Project, with_props

SANDBOX = Path(cache.__file__).parents[1]


class Cached:
    """Loads through the cache and counts how often the loader had to work."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.state = project.directory / "state"
        self.misses = 0
        self.python: str | None = str(project.python)
        self._loader = compile.load_recorded
        monkeypatch.setattr(compile, "load_recorded", self._counted)

    def _counted(self, *arguments: Any, **named: Any) -> compile.Loaded:
        self.misses += 1
        return self._loader(*arguments, **named)

    def load(self, path: str | None = None, **changes: Any) -> Config:
        settle(self.project.directory)
        named: dict[str, Any] = {
            "cwd": str(self.project.directory),
            "environ": self.project.environ,
            "state_dir": str(self.state),
            "python": self.python,
        }
        return cached_load(path, **{**named, **changes})

    def records(self) -> list[Path]:
        return sorted((self.state / "cache").glob("*")) if self.state.exists() else []


def settle(directory: Path) -> None:
    """Young files are not believed to stay as they are: make them a little older."""
    for path in [directory, *directory.rglob("*")]:
        changed_ns = path.stat().st_mtime_ns
        if 0 < time.time_ns() - changed_ns < SETTLED_NS * 10:
            os.utime(path, ns=(changed_ns, changed_ns - SETTLED_NS * 100))


@pytest.fixture
def cached(project: Project, monkeypatch: pytest.MonkeyPatch) -> Cached:
    project.write("index.py", EXAMPLE_CODE)
    project.write("s.yaml", EXAMPLE)
    return Cached(project, monkeypatch)


def test_a_hit_is_equal_to_what_was_loaded(cached: Cached) -> None:
    project = cached.project
    project.write(
        "s.yaml", EXAMPLE.replace("fc3\n", "fc3\n    actions: {pre-deploy: [{run: x}]}\n")
    )

    first, second = cached.load(), cached.load()

    assert first == second
    assert [each.code for each in first.diagnostics] == ["FCB307"]
    assert type(first.specs[0].pre_stop) is type(second.specs[0].pre_stop)
    assert cached.misses == 1


EVERY_CALL = """
      asyncInvokeConfig: {destinationConfig: {onFailure: {destination: f}}}
      triggers:
      - {triggerName: h, triggerType: http, triggerConfig: {methods: [GET, PUT]}}
      - {triggerName: t, triggerType: timer, triggerConfig: {cronExpression: '@every 1m'}}
"""


def test_a_hit_has_the_types_of_what_was_loaded(cached: Cached) -> None:
    cached.project.write("s.yaml", EXAMPLE.rstrip() + EVERY_CALL)

    first, second = cached.load().specs[0], cached.load().specs[0]

    assert repr(first) == repr(second)
    assert first.http_triggers[0].methods == ("GET", "PUT")
    assert first.timers != ()
    assert first.asynchronous.on_failure == "f"
    assert cached.misses == 1


def replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


CHANGES: dict[str, Callable[[Cached], object]] = {
    "the file": lambda c: replace(c.project.directory / "s.yaml", "timeout: 30", "timeout: 31"),
    "the handler": lambda c: c.project.write("index.py", EXAMPLE_CODE + "\n"),
    "only the time": lambda c: os.utime(c.project.directory / "s.yaml", ns=(1, 1)),
    "only the inode": lambda c: replace_inode(c.project.directory / "index.py"),
    "the interpreter is gone": lambda c: c.project.python.chmod(0o644),
    "the version": lambda c: None,
}


def replace_inode(path: Path) -> None:
    status = path.stat()
    copy = path.with_suffix(".new")
    copy.write_bytes(path.read_bytes())
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.replace(path)


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_a_miss(
    cached: Cached, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached.load()
    CHANGES[change](cached)
    if change == "the version":
        monkeypatch.setattr(cache, "__version__", "9.9.9")

    cached.load()

    assert cached.misses == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"select": ["emojipy"]},
        {"python": None},
        {"path": "s.yaml"},
        {"environ": {"VIRTUAL_ENV": "/x"}},
        {"environ": {"PATH": "/x"}},
    ],
)
def test_each_other_question_is_a_miss(cached: Cached, changes: dict[str, Any]) -> None:
    cached.load()

    cached.load(**changes)

    assert cached.misses == 2


@pytest.mark.parametrize("language", ["zh", "en"])
def test_another_language_is_a_miss(cached: Cached, language: str) -> None:
    """Findings that are kept are in the language that was asked for."""
    old, new = {"LC_ALL": {"en": "zh_CN", "zh": "en_US"}[language]}, {"FCBOX_LANG": language}
    cached.project.write(
        "s.yaml", EXAMPLE.replace("fc3\n", "fc3\n    actions: {pre-deploy: [{run: x}]}\n")
    )
    (before,) = cached.load(environ=old).diagnostics
    (after,) = cached.load(environ={**old, **new}).diagnostics

    assert before.message != after.message
    assert cached.misses == 2


PUBLISH = "Parameters: {properties: {region: {default: #}}}\n"
ENVIRONMENT = "environments: [{name: prod, overlays: {components: {fc3: {region: #}}}}]\n"
ONE, TWO = "cn-a", "cn-bb"

SOURCES: dict[str, tuple[dict[str, str], str, dict[str, Any]]] = {
    "a base file": (
        {"s.yaml": "extend: base.yaml\n" + with_props("")},
        "base.yaml = resources: {hello: {props: {region: #}}}", {}),
    "an environment": ({"s.yaml": with_props("")}, f"env.yaml = {ENVIRONMENT}", {"env": "prod"}),
    "an environment elsewhere": (
        {"s.yaml": "env: envs/all.yaml\n" + with_props("")},
        f"envs/all.yaml = {ENVIRONMENT}", {"env": "prod"}),
    "defaults": (
        {"s.yaml": with_props("region: '{{ region }}'")}, f"publish.yaml = {PUBLISH}", {}),
    "defaults above src": (
        {"src/s.yaml": with_props("region: '{{ region }}'"), "src/index.py": HANDLER},
        f"publish.yaml = {PUBLISH}", {"path": "src"}),
    "a .env file": (
        {"s.yaml": with_props("region: ${env('TEXT', 'cn-c')}")}, ".env = TEXT=#", {}),
}  # fmt: skip
"""Files, one more with the region in it (`name = text`), and the question."""


@pytest.mark.parametrize("row", SOURCES)
def test_what_else_a_configuration_comes_from(cached: Cached, row: str) -> None:
    """It appears, it changes, it is as it was, it goes: the answer is never an old one."""
    files, source, question = SOURCES[row]
    name, _, pattern = source.partition(" = ")
    (cached.project.directory / "s.yaml").unlink()
    for each, text in files.items():
        cached.project.write(each, text)

    def region() -> str:
        config = cached.load(**question)
        return config.specs[0].region if config.ok else ""

    before = region()
    for text in (ONE, TWO, TWO):
        cached.project.write(name, pattern.replace("#", text))
        assert region() == text
    (cached.project.directory / name).unlink()
    assert region() == before


@pytest.mark.parametrize(("top", "env"), [("extend: base.yaml\n", None), ("", "prod")])
def test_a_hit_with_all_of_them(cached: Cached, top: str, env: str | None) -> None:
    """Else the test above would pass without a cache."""
    cached.project.write("s.yaml", top + with_props("region: '{{ region }}'"))
    cached.project.write("base.yaml", "resources: {hello: {props: {timeout: 7}}}")
    cached.project.write("publish.yaml", PUBLISH.replace("#", ONE))
    cached.project.write("env.yaml", ENVIRONMENT.replace("#", ONE))

    first, second = (cached.load(env=env) for _ in range(2))

    assert first.specs == second.specs
    assert cached.misses == 1


def test_a_mount_directory_that_goes_is_a_miss(cached: Cached) -> None:
    top = "fcbox: {mounts: {/mnt/nas: ./nas}}\n"
    points = "nasConfig: {mountPoints: [{mountDir: /mnt/nas, serverAddr: a.b:/c}]}"
    cached.project.write("s.yaml", with_props(points, top=top))
    nas = cached.project.directory / "nas"
    nas.mkdir()
    assert cached.load().ok
    assert [cached.load().ok, cached.misses] == [True, 1]

    nas.rmdir()

    assert [each.code for each in cached.load().diagnostics] == ["FCB343"]


def test_another_environment_is_a_miss(cached: Cached) -> None:
    """The one that `--env` names, and none."""
    both = "environments: [{name: a, infraStack: {region: cn-a}}, {name: b}]\n"
    cached.project.write("env.yaml", both)
    cached.project.write("s.yaml", with_props("region: cn-c"))

    regions = [cached.load(env=env).specs[0].region for env in ("a", "b", None, "a")]

    assert regions == ["cn-a", "cn-c", "cn-c", "cn-a"]
    assert cached.misses == 3


def test_values_of_the_command_line_do_not_reach_the_disk(cached: Cached) -> None:
    """Nor does a record that was made without them answer for them."""
    cached.project.write("publish.yaml", PUBLISH.replace("#", "shown"))
    cached.project.write("s.yaml", with_props("region: '{{ region }}'"))

    seen = [
        cached.load(values=values).specs[0].region
        for values in ({"region": "hunter2"}, {"region": "hunter3"}, {}, {"region": "hunter2"}, {})
    ]

    assert seen == ["hunter2", "hunter3", "shown", "hunter2", "shown"]
    assert cached.misses == 4
    assert [b"hunter" in record.read_bytes() for record in cached.records()] == [False]


def test_another_directory_is_a_miss(cached: Cached) -> None:
    cached.project.write("other/s.yaml", EXAMPLE.replace("./", "../"))
    cached.load()

    other = cached.load(cwd=str(cached.project.directory / "other"))

    assert other.path.endswith("other/s.yaml")
    assert cached.misses == 2


def test_a_file_that_appears_is_a_miss(cached: Cached) -> None:
    (cached.project.directory / "s.yaml").rename(cached.project.directory / "s.yml")
    assert cached.load().path.endswith("s.yml")

    cached.project.write("s.yaml", EXAMPLE)

    assert cached.load().path.endswith("s.yaml")


def test_an_interpreter_that_appears_earlier_on_the_path_is_a_miss(cached: Cached) -> None:
    directory = cached.project.directory
    cached.python = None
    cached.project.environ = {"PATH": f"{directory}/early:{directory}/late"}
    for name in ("late", "early"):
        program = cached.project.write(f"{name}/python3.6", "#!/bin/sh\n")
        program.chmod(0o755)

        assert cached.load().specs[0].python == str(program)


def test_files_read_by_variables_count(cached: Cached) -> None:
    cached.project.write("region.txt", "cn-a")
    text = with_props("region: ${file('region.txt')}\ndescription: ${path('x')}")
    cached.project.write("x", "")
    cached.project.write("s.yaml", text)
    assert cached.load().specs[0].region == "cn-a"

    cached.project.write("region.txt", "cn-bb")
    assert cached.load().specs[0].region == "cn-bb"

    (cached.project.directory / "x").unlink()
    assert not cached.load().ok


def test_a_file_of_the_same_time_and_size_is_another_one(cached: Cached) -> None:
    region = cached.project.write("region.txt", "cn-a")
    cached.project.write("s.yaml", with_props("region: ${file('region.txt')}"))
    cached.load()

    replace_inode(region)
    cached.load()

    assert cached.misses == 2


def test_what_python_writes_into_the_code_directory_is_no_change(cached: Cached) -> None:
    cached.load()
    cached.project.write("__pycache__/index.pyc", "")

    cached.load()

    assert cached.misses == 1


@pytest.mark.parametrize(
    "value",
    ["${env('SECRET')}", "${env('NO', 'd')}", "${str(env('SECRET'))}", "${config('AccountID')}"],
)
def test_nothing_from_the_environment_reaches_the_disk(cached: Cached, value: str) -> None:
    cached.project.environ = {"SECRET": "hunter2", "AccountID": "4711"}
    cached.project.write("s.yaml", with_props(f"description: {value}"))

    assert cached.load().ok
    assert cached.load().ok

    assert cached.misses == 2
    assert cached.records() == []


def test_errors_are_not_kept(cached: Cached) -> None:
    cached.project.write("s.yaml", with_props("timeout: 0"))

    assert not cached.load().ok
    assert cached.records() == []


def test_a_missing_file_stays_missing(cached: Cached) -> None:
    with pytest.raises(ConfigMissing):
        cached.load("none.yaml")


def test_young_files_are_not_believed(cached: Cached) -> None:
    cached.load()
    path = cached.project.directory / "s.yaml"
    later = time.time_ns() + 10**10
    os.utime(path, ns=(later, later))
    record = cached.records()[0].read_bytes()

    cached.load()

    assert cached.misses == 2
    assert record == cached.records()[0].read_bytes()


def test_records_are_private(cached: Cached) -> None:
    cached.load()

    (record,) = cached.records()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700


def test_a_directory_that_is_open_to_others_is_closed(cached: Cached) -> None:
    (cached.state / "cache").mkdir(parents=True)
    (cached.state / "cache").chmod(0o777)

    cached.load()

    assert stat.S_IMODE((cached.state / "cache").stat().st_mode) == 0o700


SPOILED: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "binary": lambda path: path.write_bytes(b"\xff\0\x80"),
    "a list": lambda path: path.write_text("[]"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "other inputs": lambda path: edit(path, lambda data: data.update(inputs=[[1]])),
    "no inputs": lambda path: edit(path, lambda data: data.pop("inputs")),
    "other fields": lambda path: edit(path, lambda data: data["config"]["specs"][0].update(x=1)),
    "no specs": lambda path: edit(path, lambda data: data["config"].update(specs=[1])),
    "open to others": lambda path: path.chmod(0o644),
    "a directory": lambda path: [path.unlink(), path.mkdir()],
    "a link": lambda path: path.symlink_to(path.rename(path.with_suffix(".x"))),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path, 0o600)),
}  # fmt: skip


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_record_is_ignored(cached: Cached, how: str) -> None:
    first = cached.load()
    SPOILED[how](cached.records()[0])

    assert first == cached.load()
    assert cached.misses == 2


def test_a_place_that_cannot_be_written_is_no_trouble(cached: Cached) -> None:
    cached.project.write("state", "a file, no directory")

    assert cached.load().ok
    assert cached.load().ok


def test_old_records_go(cached: Cached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_RECORDS", 3)
    for number in range(6):
        cached.load(environ={"PATH": f"/{number}"})

    assert len(cached.records()) == 3
    cached.load(environ={"PATH": "/5"})
    assert cached.misses == 6


@pytest.mark.parametrize("room", ["config", "config/code", "core"])
def test_other_code_is_another_question(tmp_path: Path, room: str) -> None:
    """A checkout keeps its version between commits; its files tell."""
    shutil.copytree(SANDBOX, tmp_path / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", "from sandbox.config.cache import _key; print(_key([]))"]

    def key() -> bytes:
        return subprocess.check_output(command, cwd=tmp_path, env={})

    before = key()
    assert key() == before
    changed_ns = time.time_ns() + 10**9
    os.utime(tmp_path / "sandbox" / room / "__init__.py", ns=(changed_ns, changed_ns))

    assert key() != before


HIT = """
import sys
from sandbox.config import cached_load
cwd, python = sys.argv[1:]
config = cached_load(cwd=cwd, environ={}, state_dir=cwd + "/state", python=python)
assert config.ok and config.specs
print(sorted({name.partition(".")[0] for name in sys.modules}))
print(sorted(name for name in sys.modules if name.startswith("sandbox.config.")))
"""


def test_a_hit_imports_neither_yaml_nor_pydantic(cached: Cached) -> None:
    project = cached.project
    settle(project.directory)
    command = [sys.executable, "-c", HIT, str(project.directory), str(project.python)]

    miss = subprocess.check_output(command, text=True)
    modules, own = subprocess.check_output(command, text=True).splitlines()

    heavy = {"yaml", "_yaml", "pydantic", "dotenv", "dataclasses", "pathlib", "inspect", "ast",
             "subprocess", "hashlib", "difflib", "logging"}  # fmt: skip
    assert "'yaml'" in miss
    assert heavy.isdisjoint(json.loads(modules.replace("'", '"')))
    light = "cache", "inputs", "messages", "messages.diagnostics", "messages.texts", "result"
    assert own == str([f"sandbox.config.{name}" for name in light])
