"""The official parser: where it is found, and what it answers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from compare.answers import ENVIRONMENT, Answer, arguments_of, normal

__all__ = ["HINT", "Missing", "find_node", "find_package", "official_answers"]

PACKAGE = "@serverless-devs/parse-spec"
VERSION = "0.0.29"
HINT = f"npm install --prefix DIR {PACKAGE}@{VERSION}, then --package DIR"

QUESTIONS = Path(__file__).with_name("parse_spec.js")
NODE_TIMEOUT_S = 120
NPM_TIMEOUT_S = 300


class Missing(Exception):
    """Node or the package is not there, and cannot be had."""


def find_node() -> str:
    node = shutil.which("node")
    if node is None:
        raise Missing("there is no `node` on the PATH")
    return node


def find_package(given: Path | None, stack: ExitStack) -> Path:
    """The directory that has the package in its node_modules."""
    places = [given] if given else [Path(root).parent for root in _npm_roots()]
    for place in places:
        if (place / "node_modules" / PACKAGE / "package.json").is_file():
            return place
    if given is None and os.environ.get("CI") == "true" and shutil.which("npm"):
        return _install(Path(stack.enter_context(tempfile.TemporaryDirectory())))
    raise Missing(f"{PACKAGE} is not installed in {given}" if given else f"there is no {PACKAGE}")


def _npm_roots() -> Iterator[str]:
    if shutil.which("npm"):
        for option in ([], ["--global"]):
            argv = ["npm", "root", *option]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)
            yield from done.stdout.split("\n")[:1]


def _install(directory: Path) -> Path:
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    argv = ["npm", "install", "--prefix", str(directory), *options, f"{PACKAGE}@{VERSION}"]
    try:
        subprocess.run(argv, stdout=sys.stderr, timeout=NPM_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as exc:  # no registry, or one that is slow
        raise Missing(f"{PACKAGE} could not be installed: {exc}") from exc
    return directory


def official_answers(projects: Sequence[Path], node: str, package: Path) -> list[Answer]:
    with tempfile.TemporaryDirectory() as home:
        # It keeps credentials and defaults in the home directory; nobody's may play a part.
        environment = {"PATH": os.defpath, "HOME": home, "serverless_devs_config_home": home}
        questions = [
            {
                "file": str(project / "s.yaml"),
                "argv": ["deploy", *arguments_of(project)],
                "env": environment | ENVIRONMENT,
            }
            for project in projects
        ]
        done = subprocess.run(
            [node, str(QUESTIONS), str(package)],
            input=json.dumps(questions),
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            timeout=NODE_TIMEOUT_S,
            check=True,
        )
    answers = [_with_headline(answer) for answer in json.loads(done.stdout)]
    return [normal(answer, each.parent) for each, answer in zip(projects, answers, strict=True)]


def _with_headline(answer: Answer) -> Answer:
    """Of an error only the line that says what is wrong; the rest is an excerpt of the text."""
    if "error" not in answer:
        return answer
    lines = answer["error"].strip().splitlines() or ["no message"]
    return {"error": next((line for line in lines if "Error: " in line), lines[0])}
