"""`fcbox config show`, as a process: values with their origins on stdout, findings on stderr."""

import json
from pathlib import Path

import pytest
import yaml

from tests.configs.commands import PYTHON, Ran, fcbox

CONFIG = f"""\
edition: 3.0.0
name: app
fcbox: {{python: {PYTHON}, spares: 1}}
vars:
  t: 30
  db: {{password: hunter2, host: "${{env('FCBOX_NO', 'localhost')}}"}}
template:
  base: {{runtime: python3.10, timeout: "${{vars.t}}"}}
resources:
  greeter:
    component: fc3
    extend: {{name: base}}
    props:
      functionName: hello
      region: cn-hangzhou
      handler: index.handler
      code: ./
      description: |
        两行
        text
      environmentVariables:
        DB_HOST: ${{vars.db.host}}
        DB_PASSWORD: ${{vars.db.password}}
        API_TOKEN: "${{env('FCBOX_NO', 'abc')}}"
        OTHER_TOKEN: ${{env('FCBOX_NO')}}
        URL: x-${{vars.t}}
  bucket:
    component: oss
    props: {{bucket: b, accessKeySecret: {{id: deep}}}}
"""
ENVIRONMENTS = """\
environments:
  - name: prod
    overlays:
      components:
        fc3: {timeout: 60, environmentVariables: {STAGE: "${this.name}"}}
"""
SECRETS = ("hunter2", "abc", "deep")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.yaml").write_text(
        CONFIG.replace("        OTHER_TOKEN: ${env('FCBOX_NO')}\n", "")
    )
    (tmp_path / "env.yaml").write_text(ENVIRONMENTS)
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return event\n")
    return tmp_path


def show(folder: Path, *arguments: str) -> Ran:
    return fcbox(folder, "config", "show", *arguments, cwd=folder)


def comments(ran: Ran) -> dict[str, str]:
    """The comment of each line that has one, by what stands before it."""
    lines = (line.partition("  # ") for line in ran.out.decode().splitlines()[1:])
    return {before.strip(): comment for before, mark, comment in lines if mark}


def test_the_files_merged_and_nothing_replaced(folder: Path) -> None:
    ran = show(folder, "s.yaml", "hello")

    assert ran.code == 0
    assert ran.out.startswith(f"# {folder}/s.yaml\nresources:\n  greeter:\n".encode())
    assert comments(ran) == {
        "component: fc3": "s.yaml:11:16",
        "name: base": "s.yaml:12:20",
        "runtime: python3.10": f"s.yaml:8:19, runs under {PYTHON}",
        "timeout: ${vars.t}": "s.yaml:8:40",
        "functionName: hello": "s.yaml:14:21",
        "region: cn-hangzhou": "s.yaml:15:15",
        "handler: index.handler": "s.yaml:16:16",
        "code: ./": "s.yaml:17:13",
        "description: |": "s.yaml:18:20",
        "DB_HOST: ${vars.db.host}": "s.yaml:22:18",
        "DB_PASSWORD: ${vars.db.password}": "s.yaml:23:22",
        "API_TOKEN: '******'": "s.yaml:24:20",
        "URL: x-${vars.t}": "s.yaml:25:14",
        f"python: {PYTHON}": "s.yaml:3:17",
        "spares: 1": f"s.yaml:3:{17 + len(str(PYTHON)) + 10}",
    }


def test_values_and_defaults(folder: Path) -> None:
    """Each value names where it is used, what stands there, and where that found it."""
    ran = show(folder, "s.yaml", "greeter", "--resolved")

    found = comments(ran)
    assert ran.code == 0
    assert found["timeout: 30"] == "s.yaml:8:40 ${vars.t} from s.yaml:5:6"
    assert found["DB_HOST: localhost"] == "s.yaml:22:18 ${vars.db.host} from s.yaml:6:33"
    assert found["DB_PASSWORD: '******'"] == "s.yaml:23:22 from s.yaml:6:18"
    assert found["API_TOKEN: '******'"] == "s.yaml:24:20"
    assert found["URL: x-30"] == "s.yaml:25:14 x-${vars.t} from s.yaml:5:6"
    assert found["memorySize: 512"] == "default"
    assert found["port: 9700"] == "default"


def test_the_output_is_yaml_with_the_values_of_the_function(folder: Path) -> None:
    data = yaml.safe_load(show(folder, "--resolved").out)

    props = data["resources"]["greeter"]["props"]
    assert (props["timeout"], props["description"]) == (30, "两行\ntext\n")
    assert data["resources"]["bucket"]["props"]["bucket"] == "b"
    assert data["fcbox"]["spares"] == 1


@pytest.mark.parametrize("arguments", [(), ("--resolved",), ("--json",), ("--resolved", "--json")])
def test_no_secret_is_shown(folder: Path, arguments: tuple[str, ...]) -> None:
    text = show(folder, *arguments).out.decode()

    assert [secret for secret in SECRETS if secret in text] == []
    assert text.count("******") >= 2


def test_a_secret_is_masked_wherever_it_turns_up(folder: Path) -> None:
    more = """\
        COPY: ${vars.db.password}
        LINK: mysql://user:${vars.db.password}@host/db
        OTHER_LINK: mysql://user:hidden@host/db
        DB_PASS: abc
        PASSAGE: kept
"""
    (folder / "s.yaml").write_text(
        CONFIG.replace("        OTHER_TOKEN: ${env('FCBOX_NO')}\n", more)
    )

    for arguments in ((), ("--resolved",), ("--json",), ("--json", "--resolved")):
        text = show(folder, *arguments).out.decode()
        assert [each for each in (*SECRETS, "hidden") if each in text] == []
        assert "kept" in text


def test_where_a_secret_is_to_be_found_is_no_secret(folder: Path) -> None:
    (folder / "s.yaml").write_text(CONFIG)

    ran = show(folder)

    assert ran.code == 78
    assert b"OTHER_TOKEN: ${env('FCBOX_NO')}" in ran.out
    assert "FCB203" in ran.err


def test_json(folder: Path) -> None:
    data = json.loads(show(folder, "s.yaml", "hello", "--resolved", "--json", "--env", "prod").out)

    assert data["path"] == str(folder / "s.yaml")
    assert list(data["resources"]) == ["greeter"]
    assert data["resources"]["greeter"]["props"]["timeout"] == 60
    origins = data["origins"]
    assert origins["resources.greeter.props.timeout"] == {
        "file": "env.yaml", "line": 5, "column": 24,
    }  # fmt: skip
    assert origins["resources.greeter.props.environmentVariables.URL"] == {
        "file": "s.yaml", "line": 25, "column": 14, "expression": "x-${vars.t}",
        "from": {"file": "s.yaml", "line": 5, "column": 6},
    }  # fmt: skip
    assert origins["resources.greeter.props.memorySize"] == {"default": True}


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize("arguments", [(), ("--resolved",)], ids=["written", "resolved"])
def test_json_has_no_numbers_that_json_lacks(folder: Path, arguments: tuple[str, ...]) -> None:
    """Their JavaScript names stand for them, as in an environment variable."""
    odd = "{bucket: .inf, b: -.inf, c: [.NaN, 5], accessKeySecret"
    (folder / "s.yaml").write_text(
        (folder / "s.yaml").read_text().replace("{bucket: b, accessKeySecret", odd)
    )
    out = show(folder, "--json", *arguments).out
    props = json.loads(out, parse_constant=no_constant)["resources"]["bucket"]["props"]

    assert (props["bucket"], props["b"]) == ("Infinity", "-Infinity")
    assert props["c"] == ["NaN", 5]


def test_origins_of_keys_with_dots(folder: Path) -> None:
    """Each path can be taken apart again, and no two are the same."""
    odd = """{"a.b": {c: 1}, a: {"b.c": 2, "": 3, '"': 4, "x[0]": [5]}, accessKeySecret"""
    (folder / "s.yaml").write_text(
        (folder / "s.yaml").read_text().replace("{bucket: b, accessKeySecret", odd)
    )
    origins = json.loads(show(folder, "--json").out)["origins"]
    below = "resources.bucket.props"

    assert [path.removeprefix(below) for path in origins if path.startswith(f"{below}.a[")] == [
        '.a["b.c"]', '.a[""]', '.a["\\""]', '.a["x[0]"].0',
    ]  # fmt: skip
    assert f'{below}["a.b"].c' in origins


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("no.yaml",), 66, "no configuration"),
        (("s.yaml", "helo"), 2, "did you mean hello?"),
        (("s.yaml", "--env", "pord"), 78, "did you mean prod?"),
        (("s.yaml", "--set", "x"), 2, "expected NAME=VALUE"),
    ],
)
def test_refusals(folder: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    ran = show(folder, *arguments)

    assert ran.code == code
    assert says in ran.err


def test_what_is_broken_shows_the_rest(folder: Path) -> None:
    """A mistake in one value is no reason to hide the others."""
    text = (folder / "s.yaml").read_text().replace("cn-hangzhou", "${vars.no}")
    (folder / "s.yaml").write_text(text)

    ran = show(folder, "--resolved")

    assert ran.code == 78
    assert b"region: null" in ran.out
    assert b"timeout: 30 " in ran.out
    assert "${vars.no} not found" in ran.err


def test_what_is_no_yaml_shows_nothing(folder: Path) -> None:
    (folder / "s.yaml").write_text("[")

    ran = show(folder)

    assert (ran.code, ran.out) == (78, b"")
    assert "FCB101" in ran.err
