"""Files made to crash fcbox, to keep it busy or to fill the memory: each is refused, or read, soon.

A row runs in a child process. `MAX_CPU_S` bounds each step of a check, and `WRITING_S` what writes
a whole configuration out, which takes longer since the YAML is written in Python. Both grow with
what a busy machine makes of them.
"""

import os
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tests.archives import HOSTILE
from tests.config.bounded import (
    MAX_CPU_S,
    MAX_MEMORY_MB,
    Bounded,
    run_bounded,
    run_until_quiet,
)
from tests.config.everything import everything
from tests.config.support import Project, with_props

MIB = 1 << 20
ROOM = MIB - 2000
WRITING_S = 4

Content = str | bytes | Callable[[Path], object]
Files = dict[str, Content]


def s(text: str | bytes) -> Files:
    return {"s.yaml": text}


def prop(value: str, top: str = "") -> Files:
    return s(with_props(f"description: {value}", top=top))


def listed(items: list[str]) -> str:
    return '["' + '", "'.join(items) + '"]'


def numbered(count: int, pattern: str) -> str:
    return "".join(pattern.replace("#", str(number)) for number in range(count))


def resources(count: int, pattern: str, top: str = "") -> Files:
    return s(f"edition: 3.0.0\n{top}resources:\n" + numbered(count, f"  r#: {{{pattern}}}\n"))


def words(count: int, length: int) -> list[str]:
    source = random.Random(7)
    return ["".join(source.choices("abcd", k=length)) for _ in range(count)]


def deep_variables(this: str) -> str:
    """40 shallow variables that would make one tree of 2000 levels."""
    step = "  v{}: " + "{{a: " * 50 + '"${{{}.v{}}}"' + "}}" * 50 + "\n"
    return "  v0: 1\n" + "".join(step.format(n + 1, this, n) for n in range(40))


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2 << 30)


TEXTS: dict[str, tuple[Files, str]] = {
    "brackets": (s("[" * MIB), "FCB105"),
    "braces": (s("{" * MIB), "FCB105"),
    "dashes": (s("- " * (MIB // 2)), "FCB105"),
    "question marks": (s("? " * (MIB // 2)), "FCB105"),
    "nested blocks": (s("".join(" " * n + "a:\n" for n in range(1400))), "FCB105"),
    "single quotes": (s("'" * MIB), ""),
    "double quotes": (s('"' * MIB), "FCB101"),
    "anchors": (s("a:\n" + numbered(45_000, "- &a# 1\n")), ""),
    "anchors in a row": (s("&a " * (MIB // 3)), "FCB101"),
    "aliases in a row": (s("*a " * (MIB // 3)), "FCB101"),
    "unknown aliases": (s("a:\n" + numbered(50_000, "- *a#\n")), "FCB113"),
    "bomb of aliases": (
        s("a: &a [" + "x," * 20 + "]\n" + "".join(
            f"{new}: &{new} [" + f"*{old}," * 20 + "]\n" for old, new in pairwise("abcdefg"))),
        "FCB106"),
    "bomb of text": (s('a: &a "' + "x" * 900_000 + '"\nb: [' + "*a," * 30_000 + "]"), "FCB106"),
    "merge keys": (s("x: &a {k: 1}\na:\n" + "  <<: *a\n" * 80_000), "FCB106"),
    "tag directives": (s(numbered(60_000, "%TAG !#! x\n") + "--- a"), "FCB117"),
    "tag directives, CR": (s(numbered(50_000, "%TAG !#! x\r") + "--- a"), "FCB117"),
    "tag directives, NEL": (s(numbered(50_000, "%TAG !#! x\x85") + "\n--- a"), "FCB117"),
    "tag directives, LS": (s(numbered(50_000, "%TAG !#! x\u2028") + "\n--- a"), "FCB117"),
    "one long line": (s("a" * MIB), "FCB300"),
    "a long key": (s("a" * (MIB - 9) + ": 1"), "FCB101"),
    "a long value": (prop("a" * ROOM), ""),
    "100,000 keys": (s(numbered(90_000, "k#: 1\n")), "FCB106"),
    "keys like known ones": (s(numbered(20_000, "resource#: 1\n")), "FCB306"),
    "the same key": (s("k: 1\n" * 90_000), "FCB107"),
    "NUL": (s(b"\0" * MIB), "FCB104"),
    "not UTF-8": (s(b"a" * ROOM + b"\xff"), "FCB103"),
    "UTF-16": (s("a: 1\n".encode("utf-16")), "FCB103"),
    "a surrogate": (s(b"a: \xed\xa0\x80\n"), "FCB103"),
    "an escaped surrogate": (s('a: "\\ud800"\n'), "FCB101"),
    "byte order marks": (s(b"\xef\xbb\xbf" * 300_000), "FCB104"),
    "tabs": (s("a: 1\n" + "\t#\n" * (ROOM // 3)), ""),
    "blanks before a slip": (s("x:\n  a" + " " * 900_000 + "b=b"), ""),
    "huge numbers": (
        s(with_props("timeout: " + "9" * 400_000 + "\nmemorySize: 0x" + "f" * 400_000)), "FCB312"),
    "placeholders": (s("{{a}}" * (MIB // 5)), "FCB111"),
    "lines of placeholders": (s("{{ \n" * (MIB // 4)), "FCB105"),
}  # fmt: skip

VARIABLES: dict[str, tuple[Files, str]] = {
    "openings": (prop('"' + "${" * (ROOM // 2) + '"'), ""),
    "openings and a closing": (prop('"' + "${" * (ROOM // 2) + '}"'), "FCB106"),
    "empty ones": (prop('"' + "${}" * 30_000 + '"'), "FCB205"),
    "in one text": (prop('"' + "${vars.a}" * (ROOM // 9) + '"', "vars: {a: x}\n"), "FCB106"),
    "with escapes": (prop('"' + "\\x24{vars.a}" * 24_000 + '"', "vars: {a: x}\n"), "FCB106"),
    "missing": (prop(listed([f"${{vars.a{n}}}" for n in range(20_000)])), "FCB119"),
    "a chain of 10,000": (
        s(with_props("", top="vars:\n" + "".join(
            f"  v{n}: ${{vars.v{n + 1}}}\n" for n in range(10_000)))), "FCB210"),
    "a cycle in lists": (
        s(with_props("", top="vars:\n" + numbered(
            60, "  v#: " + listed([f"${{vars.v{n}}}" for n in range(60)]) + "\n"))), "FCB119"),
    "a tall tree": (prop("${vars.v40}", "vars:\n" + deep_variables("vars")), "FCB210"),
    "a tall tree over a base": (
        {"s.yaml": "extend: base.yaml\n" + with_props("customDNS: ${vars.v40}"),
         "base.yaml": "vars:\n" + deep_variables("vars")
                      + "resources: {hello: {props: {customDNS: '${vars.v40}'}}}\n"}, "FCB210"),
    "a shared text": (
        resources(3000, "component: fc3, props: {a: *x}",
                  'x-: &x "' + "${vars.a}" * 50_000 + '"\n'), "FCB106"),
    "names like long ones": (
        prop(listed([f"${{vars.{word}}}" for word in words(2000, 115)]),
             "vars: {" + ", ".join(f"{word}: 1" for word in words(3000, 114)) + "}\n"), "FCB119"),
    "a name like 300 others, 3000 times": (
        resources(3000, "component: fc3, props: {a: *x}",
                  "vars: {" + ", ".join(f"{word}: 1" for word in words(300, 115)) + "}\n"
                  "flow: &x '${vars." + "ab" * 57 + "}'\n"), "FCB201"),
    "a wide json, often": (
        {**prop(listed(["${json(file('a.json')).0}"] * 3000)),
         "a.json": "[" + "1," * 90_000 + "1]"},
        "FCB207"),
    "a wide yaml, often": (
        {**prop(listed(["${yaml(file('a.yaml')).0}"] * 3000)),
         "a.yaml": "[" + "1," * 90_000 + "1]"},
        "FCB106"),
    "a deep json": ({**prop("${json(file('a.json'))}"), "a.json": "[" * 200_000}, "FCB207"),
    "a deep yaml": ({**prop("${yaml(file('a.yaml'))}"), "a.yaml": "[" * 200_000}, "FCB207"),
    "json's own numbers": (
        {**s(with_props("timeout: ${json(file('a.json')).a}")),
         "a.json": '{"a": 1, "a": NaN, "b": ' + "9" * 200_000 + "}"}, "FCB312"),
    "base64 of base64": (
        {**prop(listed(["${" + "base64(" * 9 + "file('a')" + ")" * 9 + "}"] * 300)),
         "a": "x" * MIB}, "FCB106"),
    "paths": (prop(listed(["${path('./')}"] * 40_000)), "FCB106"),
    "the file itself": (prop("${file('s.yaml')}"), ""),
    "the file itself as YAML": (
        prop("${yaml(file('s.yaml')).resources.hello.props.description}"), ""),
}  # fmt: skip

PARTS: dict[str, tuple[Files, str]] = {
    "1000 resources": (
        resources(1000, "component: fc3, props: {functionName: f#, runtime: python3.10, "
                        "handler: index.handler, code: ./}"), ""),
    "10,000 resources": (resources(10_000, "component: fc3, props: {a: 1}"), "FCB106"),
    "10,000 findings": (
        resources(2500, "component: fc3, props: {functionName: f#, timeout: 0}"), "FCB119"),
    "10,000 templates": (
        s("edition: 3.0.0\ntemplate:\n" + numbered(10_000, "  t#: {a: 1}\n") + "resources:\n"
          + numbered(1000, "  r#: {component: fc3, extend: {name: t#}}\n")), "FCB119"),
    "templates like long ones": (
        resources(2000, "component: fc3, extend: {name: " + "abb" * 30 + "#}",
                  "template: {" + numbered(1000, "ab" * 45 + "#: {a: 1}, ") + "}\n"), "FCB119"),
    "a multiplied template": (
        resources(9000, "component: fc3, extend: {name: t}",
                  "template: {t: {" + numbered(5000, "k#: 1, ") + "}}\n"), "FCB106"),
    "1000 ignored paths": (
        resources(9, "component: fc3, extend: *e",
                  "template: {t: {" + numbered(4000, "k#: 1, ") + "}}\n"
                  "x-: &e {name: t, ignore: [" + numbered(1000, "k#, ") + "]}\n"), "FCB311"),
    "a long ignored path": (
        s("edition: 3.0.0\ntemplate: {t: {a: 1}}\nresources:\n  r:\n    component: fc3\n"
          "    extend: {name: t, ignore: ['" + "a." * 400_000 + "']}\n"), "FCB311"),
    "keys like props": (s(with_props(numbered(5000, "runtme#: 1\n"))), "FCB306"),
    "keys like those of the cloud": (
        s(with_props("logConfig: {" + numbered(5000, "rojec#: 1, ") + "}")), ""),
    "wrong values": (s(with_props("layers: [" + "{}, " * 20_000 + "]")), "FCB312"),
    "triggers": (
        s(with_props("triggers: [" + "{triggerType: http, triggerName: a}, " * 3000 + "]")),
        "FCB351"),
    "a base file that is itself": (s("extend: s.yaml\n" + with_props("")), "FCB360"),
    "a base file of the base file": (
        {"s.yaml": "extend: b.yaml\n" + with_props(""), "b.yaml": "extend: s.yaml\n"}, "FCB363"),
    "a defaults file of brackets": (
        {"s.yaml": "name: '{{ a }}'\n" + with_props(""), "publish.yaml": "[" * MIB}, "FCB105"),
    "a long default in many places": (
        {"s.yaml": 'x: "' + "{{a}}" * 9000 + '"',
         "publish.yaml": "Parameters: {properties: {a: {default: " + "x" * 900_000 + "}}}"},
        "FCB102"),
    "a default that ends the text": (
        {"s.yaml": 'name: "{{ a }}"\n' + with_props(""),
         "publish.yaml": 'Parameters: {properties: {a: {default: "\\"\\nevil: [[[["}}}'}, "FCB101"),
    "services that share a text": (
        s("edition: 1.0.0\nx: &x '" + "x" * 900_000 + "'\nservices:\n"
          + numbered(1500, "  s#: {component: fc, props: {region: *x, function: {name: f}}}\n")),
        "FCB106"),
    "services that share variables": (
        s("edition: 1.0.0\nx: &x '" + "${env(A)}" * 50_000 + "'\nservices:\n"
          + numbered(500, "  s#: {component: fc, props: {region: *x, function: {name: f}}}\n")),
        "FCB106"),
}  # fmt: skip

DOTENV: dict[str, Content] = {
    "blanks": "A=x" + " " * 250_000 + "x\n",
    "doubled values": "A0=xxxxxxxx\n"
    + "".join(f"A{n + 1}=${{A{n}}}${{A{n}}}\n" for n in range(99)),
    "defaults of defaults": "A=" + "${A:-" * 50_000 + "}" * 50_000,
    "open quotes": "A='x\n" * 50_000,
    "lines without a sign": "A\n" * 120_000,
    "comments": "#\n" * 120_000,
    "a sparse file": sparse,
    "a pipe": os.mkfifo,
    "any bytes": bytes(range(256)) * 1000,
}

SOURCES: dict[str, Content] = {
    "brackets": "(" * 120_000,
    "signs": "-" * 120_000 + "1",
    "attributes": "a" + ".a" * 60_000,
    "calls": "a" + "()" * 60_000,
    "subscripts": "a" + "[0]" * 40_000,
    "a sum": "1" + "+1" * 60_000,
    "lines": "x=1\n" * 30_000,
    "a list": "[" + "1," * 60_000 + "]",
    "a format": 'x=f"' + "{a}" * 40_000 + '"',
    "decorators": "@a\n" * 40_000 + "def f(): ...",
    "4 MiB": "x=1\n" * MIB,
    "NUL": "\0",
    "an unknown encoding": "# coding: foo\n",
    "no text encoding": "# coding: zlib\n",
    "a huge number": "x=" + "9" * 120_000,
    "a pipe": os.mkfifo,
    "a directory": os.mkdir,
}

ODD_FILES = ["/dev/zero", "/dev/urandom", "/proc/self/mem", "/dev/tty", ".", "fifo", "huge", "loop"]


def many_files(path: Path) -> None:
    for number in range(20_000):
        path.joinpath(f"f{number}.txt").touch()


def many_folders(path: Path) -> None:
    for number in range(3000):
        path.joinpath(f"a{number % 50}", f"b{number}").mkdir(parents=True)


def loops(path: Path) -> None:
    for name, target in (("self", "."), ("root", "/"), ("up", ".."), ("nowhere", "nowhere")):
        path.joinpath(name).symlink_to(target)


CODE = {"files": many_files, "folders": many_folders, "loops": loops}


ARCHIVE = s(with_props("").replace("code: ./\n", "code: ./app.zip\n"))


def ends_soon(measured: Bounded) -> bool:
    outcome = measured.result
    bounds = MAX_CPU_S * measured.slowness, WRITING_S * measured.slowness
    return outcome.check_s < bounds[0] and outcome.writing_s < bounds[1]


def check(
    project: Project, files: Files, code: str = "", env: str | None = None,
    values: Mapping[str, str] = {},
) -> None:  # fmt: skip
    for name, content in files.items():
        path = project.directory / name
        path.unlink(missing_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    measured = run_until_quiet(
        lambda: everything(project.directory, env=env, values=values), ends_soon
    )

    assert measured.failure == ""
    outcome = measured.result
    assert not code or code in outcome.codes
    assert ends_soon(measured), measured
    assert measured.memory_mb < MAX_MEMORY_MB


@pytest.mark.parametrize("row", TEXTS)
def test_texts(project: Project, row: str) -> None:
    check(project, *TEXTS[row])


@pytest.mark.parametrize("row", VARIABLES)
def test_variables(project: Project, row: str) -> None:
    check(project, *VARIABLES[row])


@pytest.mark.parametrize("row", PARTS)
def test_parts(project: Project, row: str) -> None:
    check(project, *PARTS[row])


@pytest.mark.parametrize("row", DOTENV)
def test_dotenv_files(project: Project, row: str) -> None:
    check(project, {**prop("${env('NO', 'd')}"), ".env": DOTENV[row]})


def test_many_dotenv_files(project: Project) -> None:
    for number in range(100):
        project.write(f"c{number}/.env", numbered(5000, f"V#x{number}=1\n"))

    check(project, resources(100, "component: fc3, props: {region: \"${env('NO')}\", code: ./c#}"),
          "FCB203")  # fmt: skip


@pytest.mark.parametrize("row", SOURCES)
def test_handlers(project: Project, row: str) -> None:
    check(project, {**s(with_props("")), "index.py": SOURCES[row]})


def test_many_handlers(project: Project) -> None:
    for number in range(60):
        project.write(f"c{number}/index.py", "x=1\n" * 15_000 + f"y={number}\n")

    check(project, resources(60, "component: fc3, props: {functionName: f#, runtime: python3.10, "
                                 "handler: index.handler, code: ./c#}"), "FCB405")  # fmt: skip


@pytest.mark.parametrize("row", CODE)
def test_directories_of_code(project: Project, row: str) -> None:
    (project.directory / "code").mkdir()
    CODE[row](project.directory / "code")

    check(project, resources(100, "component: fc3, props: {functionName: f#, runtime: python3.10, "
                                  "handler: inde#.handler, code: ./code}"), "FCB404")  # fmt: skip


@pytest.mark.parametrize("row", HOSTILE)
def test_archives(project: Project, row: str) -> None:
    code, write = HOSTILE[row]

    check(project, {**ARCHIVE, "app.zip": write}, code)


@pytest.mark.parametrize("path", ODD_FILES)
@pytest.mark.parametrize("use", ["file", "path", "extend", "env", "code"])
def test_odd_files(project: Project, path: str, use: str) -> None:
    files: Files = {"fifo": os.mkfifo, "huge": sparse, "loop": lambda path: path.symlink_to("loop")}
    for name in tuple(files):
        files[f"{name}.yaml"] = files[name]
    text = with_props(f"description: ${{{use}('{path}')}}")
    if use in ("extend", "env"):
        text = f"{use}: {path}.yaml\n" + with_props("")
    if use == "code":
        text = with_props("").replace("code: ./", f"code: {path}")

    check(project, {**files, "s.yaml": text}, env="e" if use == "env" else None)


@pytest.mark.parametrize(
    "env", ["", "x" * MIB, "\0", "\n", "../../etc/passwd", "${vars.a}", "{{a}}", "\ud800"]
)
def test_odd_environments(project: Project, env: str) -> None:
    check(project, {**s(with_props("")), "env.yaml": "environments: [{name: prod}]"}, env=env)


@pytest.mark.parametrize(
    "value", ["\0", "x" * (2 * MIB), "\ud800", "{{ a }}", '"\n[[[[', "${vars.a}", "\n\t- :"]
)
def test_odd_values(project: Project, value: str) -> None:
    check(project, s('name: "{{ a }}"\n' + with_props("")), values={"a": value, value: "1"})


def test_an_environment_of_tall_trees(project: Project) -> None:
    text = "environments:\n- name: e\n" + deep_variables("this")
    text += "  overlays: {resources: {hello: {customDNS: '${this.v40}'}}}\n"

    check(project, {**s(with_props("")), "env.yaml": text}, "FCB210", env="e")


def test_a_crash_and_a_hang_are_seen() -> None:
    """The measure itself can fail."""
    assert "status -11" in run_bounded(lambda: os.kill(os.getpid(), 11)).failure
    assert "KeyError" in run_bounded(lambda: os.environ["NO SUCH"]).failure
    assert run_bounded(lambda: len(bytearray(b"x" * (300 << 20)))).memory_mb > MAX_MEMORY_MB
