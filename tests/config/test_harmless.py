"""Nothing of a project is executed by looking at it: whatever could run leaves a mark, and no mark
is there afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.support import Project, with_props

ROOT = Path(__file__).resolve().parents[2]

TEXT = with_props(
    "\n".join(
        f"k{number}: {value}"
        for number, value in enumerate(
            [
                "'$(touch MARK)'", "'`touch MARK`'", "'; touch MARK #'", "'| touch MARK'",
                "'<% process.exit(1) %>'", '"${process.exit()}"', "\"${require('fs')}\"",
                "\"${__import__('os').system('touch MARK')}\"", "\"${git('x')}\"",
                "\"${env('A')}\"", "\"${file('base.yaml')}\"",
                "\"${constructor.constructor('return process')()}\"",
            ]
        )
    ),
    top="env: env.yaml\nname: '{{ a }}'\n"
    "actions: {pre-deploy: [{run: touch MARK}], 'post-${regex(\".\")}': [{run: touch MARK}]}\n",
)  # fmt: skip

TAGGED = 'a: !!python/object/apply:os.system ["touch MARK"]\n' + with_props("")
TEMPLATE = "{{ __import__('os').system('touch MARK') }}\n{% import os %}\n" + with_props("")
OLD = (
    "edition: 1.0.0\nservices:\n  a:\n    component: fc\n    actions: {pre-deploy: [{run: touch "
    "MARK}]}\n    props: {service: {name: '$(touch MARK)'}, function: {name: '`touch MARK`', "
    "runtime: python3.10, handler: index.handler, codeUri: ./, initializer: index.initialize}}\n"
)

PYTHON = "import os\nopen(os.path.join(os.path.dirname(__file__), 'MARK'), 'w')\n"
MODULES = ("index.py", "setup.py", "conftest.py", "sitecustomize.py", "usercustomize.py",
           "json.py", "yaml/__init__.py", "yaml.py", "ast.py", "pydantic.py", "dotenv.py",
           "sandbox/__init__.py", "encodings/__init__.py", "__main__.py")  # fmt: skip

COMMANDS = [
    ["validate"], ["validate", "--format", "json"], ["validate", "--format", "github"],
    ["validate", "--env", "prod"], ["validate", "--set", "a=$(touch MARK)"],
    ["config", "show"], ["config", "show", "--resolved"], ["config", "show", "--json"],
    ["config", "convert"], ["schema"], ["explain", "FCB102"],
]  # fmt: skip


@pytest.fixture
def hostile(project: Project) -> Path:
    for module in MODULES:
        project.write(module, PYTHON + "def handler(event, context): ...\n")
    project.write("base.yaml", TEXT.replace("env: env.yaml\n", ""))
    project.write("env.yaml", "environments: [{name: prod, overlays: {resources: "
                              "{hello: {description: '$(touch MARK)'}}}}]\n")  # fmt: skip
    project.write("publish.yaml", "Parameters: {properties: {a: {default: '$(touch MARK)'}}}\n")
    project.write(".env", "A=$(touch MARK)`touch MARK`\nB=${A}\nPATH=.\nPYTHONPATH=.\n")
    project.write("bin/python3.10", f"#!/bin/sh\ntouch {project.directory}/MARK\n").chmod(0o755)
    return project.directory


@pytest.mark.parametrize("text", [TEXT, TAGGED, TEMPLATE, OLD], ids=["3.0", "tags", "{{", "2.0"])
def test_nothing_is_executed(hostile: Path, text: str) -> None:
    (hostile / "s.yaml").write_text(text)
    for command in COMMANDS:
        run = subprocess.run(
            [sys.executable, "-P", "-m", "sandbox", *command],
            cwd=hostile, capture_output=True, text=True, timeout=60,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(hostile)},
        )  # fmt: skip

        assert "Traceback" not in run.stderr
        assert list(hostile.rglob("MARK")) == [], command
        assert list(hostile.rglob("__pycache__")) == [], command


def test_a_mark_would_be_seen(hostile: Path) -> None:
    subprocess.run([sys.executable, "index.py"], cwd=hostile, check=True, timeout=60)

    assert (hostile / "MARK").exists()
