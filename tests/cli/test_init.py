"""`fcbox init`, as a process: each project that it writes runs as its README says."""

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pymysql
import pytest

from sandbox.cli.init import TEMPLATES, _write, function_name
from sandbox.config.props.models import NAME_PATTERN
from tests.boxes import ENDS, PYTHONS, environ_of
from tests.configs.commands import PYTHON, ROOT, Ran, fcbox
from tests.mariadb import Server

NAMES = ("event", "http", "mysql", "soak")
FILES = {".gitignore", "README.md", "event.json", "index.py", "s.yaml", "test_index.py"}
MORE_FILES = {"mysql": {"requirements.txt"}, "soak": {"soak.py"}}

_CONSOLE = re.compile(r"^```console\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_SHELL = re.compile(r"^```sh\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_COUNTS = re.compile(r"\d+(?= (?:ok|failed|killed|kills)\b)")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory for PATH: the commands that READMEs name, and the runtime of the templates."""
    folder = tmp_path / "programs"
    folder.mkdir()
    arguments = {"fcbox": "-m sandbox", "python": "", "python3.12": ""}
    for name, words in arguments.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {PYTHON} {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(params=NAMES)
def template(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def project(tmp_path: Path, template: str) -> Path:
    """A new project, its directory named after the template."""
    return written(tmp_path, f"my-{template}", template)


def written(folder: Path, name: str, template: str) -> Path:
    ran = fcbox(folder, "init", name, "--template", template, cwd=folder)
    assert (0, len(ran.lines)) == (ran.code, len(FILES | MORE_FILES.get(template, set()))), ran
    return folder / name


def shell(
    project: Path, programs: Path, command: str, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """A line of a README, typed in the project's directory."""
    usual = environ_of(project.parent)
    path = f"{programs}:{usual['PATH']}"
    return subprocess.run(
        ["sh", "-c", command], cwd=project, stdin=subprocess.DEVNULL, capture_output=True,
        env={**usual, "PYTHONPATH": str(ROOT), "PATH": path, **(environ or {})},
        text=True, timeout=50,
    )  # fmt: skip


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, and what is in it; folders too, so that empty ones are seen."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in folder.rglob("*")
    }


class TestProjects:
    def test_files(self, project: Path, template: str) -> None:
        """All of them, none that Python left in the package, and every placeholder filled in."""
        files = tree(project)

        assert set(files) == FILES | MORE_FILES.get(template, set())
        assert [name for name, data in files.items() if b"{{" in data] == []
        assert f'functionName: "my-{template}"' in files["s.yaml"].decode()

    def test_no_finding(self, project: Path, programs: Path, template: str) -> None:
        """Not even an advice."""
        done = shell(project, programs, "fcbox validate")

        said = f"{project}/s.yaml: fine; functions: my-{template}\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)

    def test_readme(self, project: Path, programs: Path) -> None:
        """Each command gives what is shown; kills hit when they hit, so they are not counted."""
        text = (project / "README.md").read_text(encoding="utf-8")
        shown = [pair for block in _CONSOLE.findall(text) for pair in _COMMAND.findall(block)]
        given = [(command, shell(project, programs, command)) for command, _ in shown]

        assert [("", 0)] * len(given) == [
            (done.stderr if done.returncode else "", done.returncode) for _, done in given
        ]
        assert [(command, _COUNTS.sub("N", output)) for command, output in shown] == [
            (command, _COUNTS.sub("N", done.stdout)) for command, done in given
        ]
        assert shown[0][0] == "fcbox run -f event.json"

    def test_its_own_test(self, project: Path, programs: Path) -> None:
        """The README's other commands: one of them is `python -m pytest`."""
        text = (project / "README.md").read_text(encoding="utf-8")
        (block,) = _SHELL.findall(text)
        commands = [line.partition("#")[0].strip() for line in block.splitlines()]
        given = [shell(project, programs, command) for command in commands]

        assert commands == ["fcbox validate", "python -m pytest"]
        assert [done.returncode for done in given] == [0, 0], given[1].stdout
        assert re.search(r"\b[2-9] passed\b", given[1].stdout)

    def test_its_own_test_can_fail(self, project: Path, programs: Path) -> None:
        """A handler that does something else is noticed."""
        code = project / "index.py"
        text = code.read_text(encoding="utf-8")
        first = "def handler(event, context):\n"
        assert first in text
        code.write_text(text.replace(first, first + "    return 'something else'\n"))
        done = shell(project, programs, "python -m pytest -x")

        assert (done.returncode, "1 failed" in done.stdout) == (1, True)

    def test_python_36_syntax(self, project: Path) -> None:
        """The function is read by its runtime."""
        ast.parse((project / "index.py").read_text(), feature_version=(3, 6))

    @pytest.mark.parametrize("version", ENDS)
    def test_runtimes(self, tmp_path: Path, project: Path, version: str) -> None:
        """The oldest and the newest runtime give the same answer."""
        arguments = ("run", "-f", "event.json", "-q", "--python")
        ours = fcbox(tmp_path, *arguments, PYTHON, cwd=project)

        assert fcbox(tmp_path, *arguments, PYTHONS[version], cwd=project) == ours
        assert ours.code == 0


class TestMysql:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        """With the driver beside the code, as the README's pip puts it there."""
        project = written(tmp_path, "visitors", "mysql")
        driver = Path(pymysql.__file__).parent
        shutil.copytree(driver, project / "python" / driver.name)
        return project

    @pytest.fixture
    def server(self, mariadb: Server) -> Iterator[Server]:
        drop(mariadb)
        yield mariadb
        drop(mariadb)

    @pytest.mark.parametrize("version", ENDS[-1:])
    def test_on_a_server(self, tmp_path: Path, project: Path, server: Server, version: str) -> None:
        """Rows that are really there, one connection, no complaint when PreStop closes it.

        The interpreter is a bare one: the driver comes from the folder of the project.
        """
        ran = fcbox(
            tmp_path, "run", "-e", '{"name": "world"}', "-e", '{"name": "世界"}',
            "--log-format", "fc", "--python", PYTHONS[version],
            cwd=project, environ={"DB_BACKEND": "mysql", **server.environment()},
        )  # fmt: skip

        assert (ran.code, ran.out.count(b'"backend": "mysql"')) == (0, 2), ran
        assert rows(server) == [("world",), ("世界",)]
        assert ran.err.count("connected to mysql") == 1
        assert ran.err.splitlines()[-2].endswith("[info] connection closed")

    def test_its_own_test_on_a_server(self, project: Path, programs: Path, server: Server) -> None:
        """The same file tests both backends."""
        environ = {"DB_BACKEND": "mysql", **server.environment()}
        done = shell(project, programs, "python -m pytest", environ)

        assert done.returncode == 0, done.stdout
        assert len(rows(server)) == 5

    def test_wrong_password(self, tmp_path: Path, project: Path, server: Server) -> None:
        """An instance without a connection serves nothing, and PreStop does not spoil it."""
        environ = {**server.environment(), "DB_BACKEND": "mysql", "MYSQL_PASSWORD": "wrong"}
        ran = fcbox(tmp_path, "run", "-e", "{}", "--python", PYTHON, cwd=project, environ=environ)

        assert (ran.code, json.loads(ran.out)["errorType"]) == (1, "OperationalError")


def drop(server: Server) -> None:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS visitors")


def rows(server: Server) -> list[tuple[object, ...]]:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM visitors")
        return list(cursor.fetchall())


class TestSoak:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        return written(tmp_path, "soak", "soak")

    @pytest.mark.parametrize(
        ("honest", "lying", "told"),
        [
            ("outcomes[result.request_id] -= 1", "pass", r"request 1-\S+: 2 outcomes"),
            ('["number"] != number', '["number"] == number', r"request \d+: the answer to another"),
            ("e in events.take()", "e in []", r"request 1-\S+: 0 outcomes"),
        ],
        ids=["two outcomes", "another's answer", "no outcome"],
    )
    def test_it_can_fail(
        self, project: Path, programs: Path, honest: str, lying: str, told: str
    ) -> None:
        """Break one of its ledgers, and it says so with exit code 1."""
        script = project / "soak.py"
        text = script.read_text(encoding="utf-8")
        assert honest in text
        script.write_text(text.replace(honest, lying))
        done = shell(project, programs, "python soak.py --invocations 20")

        assert (done.returncode, done.stderr) == (1, "")
        assert re.search(told, done.stdout)

    def test_seed_comes_first(self, project: Path, programs: Path) -> None:
        """It is there whatever happens later. Each run has another one, unless it is given."""
        command = "python soak.py --invocations 8"
        firsts = [
            shell(project, programs, f"{command} {seed}").stdout.splitlines()[0]
            for seed in ("", "", "--seed 5")
        ]

        assert re.fullmatch(r"seed \d+", firsts[0])
        assert firsts[0] != firsts[1]
        assert firsts[2] == "seed 5"


class TestWriting:
    def test_what_is_said(self, tmp_path: Path) -> None:
        """The files are data; what to type next is talk. The default is `event`."""
        ran = fcbox(tmp_path, "init", "new/my project", cwd=tmp_path)

        assert ran.lines == [f"new/my project/{name}" for name in sorted(FILES)]
        assert (ran.code, ran.err) == (
            0,
            "the function my-project is ready; next:\n\n"
            "  cd 'new/my project'\n  fcbox run -f event.json\n",
        )

    def test_current_directory(self, tmp_path: Path) -> None:
        """Its name is that of the function, and files that are there already are no obstacle."""
        folder = tmp_path / "greeter"
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        ran = fcbox(tmp_path, "init", cwd=folder)

        assert (ran.code, ran.lines) == (0, sorted(FILES))
        assert ran.err == "the function greeter is ready; next:\n\n  fcbox run -f event.json\n"
        assert set(tree(folder)) == FILES | {"notes.txt"}

    @pytest.mark.parametrize("target", [".", None])
    def test_never_overwrites(self, tmp_path: Path, target: str | None) -> None:
        """All that is there is named, a dangling link too; nothing at all is written."""
        folder = tmp_path / "here"
        folder.mkdir()
        (folder / "s.yaml").write_text("mine")
        (folder / "README.md").symlink_to("nowhere")
        before = tree(folder)
        ran = fcbox(tmp_path, *filter(None, ("init", target)), cwd=folder)

        assert ran == Ran(
            2,
            b"",
            "error: nothing was written, because these are there already: README.md, s.yaml\n\n"
            "hint: name another directory: fcbox init DIR\n",
        )
        assert tree(folder) == before

    def test_twice(self, tmp_path: Path) -> None:
        """The second time changes nothing, whatever was made of the first."""
        project = written(tmp_path, "once", "event")
        (project / "index.py").write_text("mine")
        before = tree(project)

        assert fcbox(tmp_path, "init", "once", "--template", "http", cwd=tmp_path).code == 2
        assert tree(project) == before

    def test_file_that_comes_meanwhile(self, tmp_path: Path) -> None:
        """What was not there a moment ago is not overwritten either."""
        (tmp_path / "b").write_text("mine")
        with pytest.raises(FileExistsError):
            _write(tmp_path, {"a": b"ours", "b": b"ours"})

        assert tree(tmp_path) == {"b": b"mine"}

    def test_takes_back_what_it_wrote(self, tmp_path: Path) -> None:
        """The disk is full after the first files: no file and no folder is left."""
        environ = {**environ_of(tmp_path), "PYTHONPATH": str(ROOT)}
        limited = f"trap '' XFSZ; ulimit -f 1; exec {PYTHON} -m sandbox init a/b --template http"
        before = tree(tmp_path)
        done = subprocess.run(
            ["bash", "-c", limited],
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

        told = "error: nothing was written: File too large: a/b\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
        assert tree(tmp_path) == before

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("shut", "Permission denied: shut/.gitignore"),
            ("shut/new", "Permission denied: shut/new"),
            ("file", "Not a directory: file/.gitignore"),
            ("file/new", "Not a directory: file/new"),
            ("x" * 300, f"File name too long: {'x' * 300}"),
            ("/proc/new", "No such file or directory: /proc/new"),
        ],
        ids=["read-only", "below read-only", "file", "below file", "too long", "no disk"],
    )
    def test_what_cannot_be_written(self, tmp_path: Path, target: str, said: str) -> None:
        """The system's reason in one line, nothing is left. Root is not let off here."""
        (tmp_path / "shut").mkdir(mode=0o555)
        (tmp_path / "file").touch()
        environ = {**environ_of(tmp_path), "PYTHONPATH": str(ROOT)}
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
        command = [PYTHON, "-m", "sandbox", "init", target]
        before = tree(tmp_path)
        done = subprocess.run(
            [*powerless, *command] if os.geteuid() == 0 else command,
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

        told = f"error: nothing was written: {said}\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
        assert tree(tmp_path) == before

    def test_unknown_template(self, tmp_path: Path) -> None:
        """Those that there are get named."""
        ran = fcbox(tmp_path, "init", "--template", "kafka", cwd=tmp_path)

        assert (ran.code, ran.out) == (2, b"")
        assert [name for name in NAMES if f"'{name}'" not in ran.err] == []

    def test_every_template_can_be_chosen(self) -> None:
        """A folder for each word of the command line, and a word for each folder."""
        assert sorted(path.name for path in TEMPLATES.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("plain", "plain"),
        ("Two  words", "Two-words"),
        ("snake_case", "snake_case"),
        ("中文", "event"),
        ("项目 one 二", "one"),
        ("2024", "event-2024"),
        ("-dash-", "dash"),
        ("_", "_"),
        ("true", "true"),
        ("a.b:c #d", "a-b-c-d"),
        ("'\"{{ name }}", "name"),
        ("line\nbreak", "line-break"),
        ("\udcff\udcfe", "event"),
        ("x" * 200, "x" * 64),
        ("9" * 200, "event-" + "9" * 58),
        ("x" * 63 + "-y", "x" * 63),
        ("", "event"),
    ],
)
def test_function_name(folder: str, name: str) -> None:
    assert function_name(folder, "event") == name
    assert re.fullmatch(NAME_PATTERN, name)


@pytest.mark.parametrize("folder", ["two words", "项目", "2024", "x" * 200, 'it\'s "q"', "\udcff"])
def test_odd_directories(tmp_path: Path, programs: Path, folder: str) -> None:
    """Any directory that there can be gives a project without findings, that runs."""
    ran = fcbox(tmp_path, "init", "--", folder, cwd=tmp_path)
    project = tmp_path / folder
    checked = shell(project, programs, "fcbox validate")

    assert (ran.code, ran.out.count(b"/s.yaml\n")) == (0, 1)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert shell(project, programs, "fcbox run -f event.json").stdout == "hello, world\n"
