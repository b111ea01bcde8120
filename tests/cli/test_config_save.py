"""`fcbox config save`: what was changed over the API goes into the s.yaml, on request only."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cli.save_code import Staging
from sandbox.cli.save_edits import Edit, Trouble, apply_edits
from sandbox.config.compile import load
from tests.http.managing import code_of, new_function, send, zip_of
from tests.http.serving import ROOT, Served, serving

FILE = """\
# The application.
edition: 3.0.0
name: app # its name
access: default
vars:
  timeout: 20
fcbox:
  python: PYTHON
resources:
  first:
    component: fc3
    props:
      # what it is called
      functionName: "f"
      region: cn-hangzhou
      runtime: python3.10
      code: ./code
      handler: index.handler
      memorySize: 128 # MB
      timeout: ${vars.timeout}
      instanceLifecycleConfig:
        # before the first request
        initializer:
          handler: index.initialize
          timeout: 10 # seconds
      triggers:
        - triggerName: t # every minute
          triggerType: timer
          triggerConfig:
            cronExpression: '@every 1m'
            enable: true
"""
SOURCE = """\
def initialize(context): pass
def stop(context): pass
def handler(event, context): return "one"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(SOURCE)
    path = tmp_path / "s.yaml"
    path.write_text(FILE.replace("PYTHON", sys.executable))
    return path


@pytest.fixture
def served(tmp_path: Path, config: Path) -> Iterator[Served]:
    with serving(tmp_path, config) as served:
        yield served


def _save(served: Served, config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sandbox", "config", "save", str(config), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=served.environ, capture_output=True, text=True, check=False
    )


def test_changed_values_are_written_and_all_else_stays(served: Served, config: Path) -> None:
    before = config.read_text()
    hooks = {
        "initializer": {"handler": "index.initialize", "timeout": 30},
        "preStop": {"handler": "index.stop", "timeout": 5},
    }
    send(served, "PUT", "/functions/f", {"memorySize": 256, "instanceLifecycleConfig": hooks})

    done = _save(served, config)

    assert (done.returncode, done.stdout) == (0, "")
    assert "-      memorySize: 128 # MB" in done.stderr
    expected = before.replace("memorySize: 128 # MB", "memorySize: 256 # MB").replace(
        "          timeout: 10 # seconds\n",
        "          timeout: 30 # seconds\n"
        "        preStop:\n"
        "          handler: index.stop\n"
        "          timeout: 5\n",
    )
    assert config.read_text() == expected
    assert _save(served, config).stderr == "nothing to write\n"


def test_nothing_is_written_without_being_asked_for(served: Served, config: Path) -> None:
    before = config.read_text()
    send(served, "PUT", "/functions/f", {"memorySize": 256})

    done = _save(served, config, "--dry-run")

    assert done.returncode == 0
    assert "+      memorySize: 256 # MB" in done.stderr
    assert config.read_text() == before


def test_a_variable_is_told_and_not_overwritten(served: Served, config: Path) -> None:
    send(served, "PUT", "/functions/f", {"timeout": 25})
    before = config.read_text()

    done = _save(served, config)

    assert "not written: f.timeout: ${...} stands there" in done.stderr
    assert config.read_text() == before


def test_a_trigger_is_changed_where_it_stands(served: Served, config: Path) -> None:
    body = {"triggerConfig": json.dumps({"cronExpression": "@every 2m", "enable": True})}
    send(served, "PUT", "/functions/f/triggers/t", body)

    _save(served, config)

    assert "- triggerName: t # every minute" in config.read_text()
    assert "cronExpression: '@every 2m'" in config.read_text() or (
        'cronExpression: "@every 2m"' in config.read_text()
    )


def test_what_is_written_loads_as_what_runs(served: Served, config: Path) -> None:
    from tests.boxes import environ_of

    source = 'def handler(event, context): return "two"'
    send(served, "POST", "/functions", new_function("g", source, timeout=9))
    send(served, "PUT", "/functions/g/async-invoke-config", {"maxAsyncRetryAttempts": 1})
    send(served, "PUT", "/functions/f", {"code": code_of(SOURCE), "memorySize": 192})

    refused = _save(served, config)
    done = _save(served, config, "--code-dir", "uploaded")

    for name in ("f", "g"):
        assert f"not written: {name}: its code came over the API; --code-dir" in refused.stderr
    assert "nothing to write" in refused.stderr
    assert done.returncode == 0, done.stderr
    loaded = load(str(config), cwd="/", environ=environ_of(config.parent))
    assert loaded.ok, loaded.diagnostics
    specs = {spec.name: spec for spec in loaded.specs}
    assert specs["g"].timeout_s == 9
    assert specs["g"].asynchronous.max_retries == 1
    assert specs["f"].memory_mb == 192
    assert specs["f"].code_dir == str(config.parent / "uploaded" / "f")
    assert (config.parent / "uploaded" / "g" / "index.py").read_text() == source
    assert sorted(path.name for path in (config.parent / "uploaded").iterdir()) == ["f", "g"]


def test_a_function_that_was_made_again_replaces_the_old_one(tmp_path: Path, config: Path) -> None:
    """Its resource stays, with its comments; what the new one does not have goes."""
    text = config.read_text().replace("${vars.timeout}", "20")
    text = text.replace('functionName: "f"', "functionName: ${vars.name}")
    config.write_text(text.replace("vars:\n", "vars:\n  name: f\n"))
    with serving(tmp_path, config) as served:
        for _ in range(2):
            send(served, "DELETE", "/functions/f")
            send(served, "POST", "/functions", new_function("f", memorySize=256))
        done = _save(served, config, "--code-dir", "uploaded")
        again = _save(served, config, "--code-dir", "uploaded")

    text = config.read_text()
    assert "deleted" not in done.stderr
    assert "memorySize: 256 # MB" in text
    assert "${vars.name}" in text
    assert text.count("component:") == 1
    for key in ("triggers", "initializer", "timeout: 20 "):
        assert key not in text.partition("resources:")[2]
    assert "code: ./uploaded/f" in text
    assert again.stderr == "nothing to write\n"


def test_code_of_several_functions_is_written_as_a_whole_or_not_at_all(
    served: Served, config: Path
) -> None:
    for name in ("a", "g", "h"):
        send(served, "POST", "/functions", new_function(name))
    before, uploaded = config.read_text(), config.parent / "uploaded"
    for name in ("g", "h"):
        (uploaded / name).mkdir(parents=True)

    refused = _save(served, config, "--code-dir", "uploaded")

    assert refused.returncode == 2
    for name in ("g", "h"):
        assert f"cannot write {uploaded / name}: it is there already" in refused.stderr
    assert config.read_text() == before
    assert sorted(path.name for path in uploaded.iterdir()) == ["g", "h"]


def test_code_that_stands_there_already_is_not_in_the_way(served: Served, config: Path) -> None:
    """It is of the last time."""
    send(served, "PUT", "/functions/f", {"code": code_of(SOURCE)})
    assert _save(served, config, "--code-dir", "uploaded").returncode == 0
    (config.parent / "uploaded" / "f" / "__pycache__").mkdir()
    send(served, "PUT", "/functions/f", {"memorySize": 256})

    done = _save(served, config, "--code-dir", "uploaded")

    assert done.returncode == 0, done.stderr
    assert "memorySize: 256" in config.read_text()


def test_code_is_taken_back_when_the_file_cannot_be_written(tmp_path: Path) -> None:
    target, package = tmp_path / "new" / "f", zip_of("pass")

    def fail() -> None:
        with Staging(str(target.parent)) as staging:
            staging.add(str(target), package)
            staging.check()
            staging.place()
            assert (target / "index.py").exists()
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_code_is_never_written_over_what_is_there(served: Served, config: Path) -> None:
    send(served, "PUT", "/functions/f", {"code": code_of(SOURCE)})
    before = config.read_text()
    (config.parent / "uploaded" / "f").mkdir(parents=True)

    done = _save(served, config, "--code-dir", "uploaded")

    assert done.returncode != 0
    assert "it is there already" in done.stderr
    assert config.read_text() == before


def test_the_run_takes_what_is_written_for_no_change(served: Served, config: Path) -> None:
    send(served, "PUT", "/functions/f", {"memorySize": 192})
    served.invoke(b"")
    before = [each["id"] for each in served.instances()]

    assert _save(served, config).returncode == 0
    served.wait_talk("s.yaml changed")
    served.invoke(b"")

    assert [each["id"] for each in served.instances()] == before
    assert send(served, "GET", "/functions/f").json["memorySize"] == 192


def test_a_deleted_function_stays_in_the_file(served: Served, config: Path) -> None:
    send(served, "DELETE", "/functions/f")
    before = config.read_text()

    done = _save(served, config)

    assert "f was deleted over the API; it stays in the file" in done.stderr
    assert config.read_text() == before


def test_only_the_functions_that_are_named(served: Served, config: Path) -> None:
    send(served, "PUT", "/functions/f", {"memorySize": 256})

    assert _save(served, config, "nope").returncode == 2
    assert "256" in _save(served, config, "f").stderr


def test_without_a_supervisor_there_is_nothing_to_ask(tmp_path: Path, config: Path) -> None:
    from tests.boxes import environ_of

    command = [sys.executable, "-m", "sandbox", "config", "save", str(config)]
    done = subprocess.run(
        command, cwd=ROOT, env=environ_of(tmp_path), capture_output=True, text=True, check=False
    )

    assert done.returncode == 69
    assert "no supervisor serves" in done.stderr


# --- the edits ------------------------------------------------------------------------------------


def _edit(**props: object) -> Edit:
    return Edit("f", "first", False, props)


def test_line_ends_and_the_bom_stay() -> None:
    text = "\ufeff" + FILE.replace("\n", "\r\n")

    after = apply_edits(text, [_edit(memorySize=256)]).text

    assert after == text.replace("memorySize: 128", "memorySize: 256")


def test_no_edit_is_no_change_of_a_single_byte() -> None:
    odd = FILE.replace("  name", "   name") + "\n\n# the end\n\n"

    assert apply_edits(odd, [_edit(memorySize=128)])[:2] == (odd, [])


def test_a_key_goes_away() -> None:
    after = apply_edits(FILE, [_edit(triggers=[], memorySize=None)]).text

    assert "triggers" not in after
    assert "memorySize" not in after


def test_a_function_whose_code_is_a_variable_is_left_alone() -> None:
    text = FILE.replace("./code", "${vars.code}")
    edit = Edit("f", "first", False, {"memorySize": 256}, package="/p", code="./g")

    after, untold, entered = apply_edits(text, [edit])

    assert (after, untold, entered) == (text, ["f: ${...} stands for its code"], [])


def test_a_file_of_2_0_is_not_edited() -> None:
    with pytest.raises(Trouble):
        apply_edits("edition: 1.0.0\nservices: {}\n", [_edit(memorySize=256)])


def test_a_new_function_never_takes_the_resource_of_another_one() -> None:
    text = "resources:\n  g:\n    props:\n      functionName: f\n      timeout: 3\n"
    edit = Edit("g", "g", True, {"timeout": 9}, package="/p", code="./g")

    once, untold, entered = apply_edits(text, [edit])
    twice = apply_edits(once, [edit]).text

    assert once.startswith(text)
    assert "  g_:\n" in once
    assert "functionName: g\n" in once
    assert (twice, untold, entered) == (once, [], [edit])


def test_what_would_become_a_variable_is_told_and_not_written() -> None:
    text = "resources:\n  f:\n    props:\n      functionName: f\n      timeout: 3\n"
    props = {"environmentVariables": {"A": "${HOME}"}}
    old = Edit("f", "f", False, props)
    new = Edit("g", "g", True, props, package="/p", code="./g")

    after, untold, _ = apply_edits(text, [old, new])

    assert "${" not in after
    assert [each.partition(":")[0] for each in untold] == [
        "f.environmentVariables", "g.environmentVariables"
    ]  # fmt: skip
