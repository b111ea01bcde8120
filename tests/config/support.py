"""What the tests of this package share: a project directory and short ways to load it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.config.compile import load
from sandbox.config.messages.findings import Findings
from sandbox.config.props.validation import plain
from sandbox.config.result import Config
from sandbox.config.text.document import parse
from sandbox.config.text.source import Node

HANDLER = "def handler(event, context):\n    return event\n"

EXAMPLE = """\
edition: 3.0.0
name: fcDeployApp
access: "default"
vars:
  region: "cn-hangzhou"
resources:
  hello_world:
    component: fc3
    props:
      region: ${vars.region}
      functionName: "emojipy"
      description: 'hello world by serverless devs'
      runtime: "python3"
      code: ./
      handler: index.handler
      memorySize: 128
      timeout: 30
      environmentVariables:
        PYTHONPATH: /code:/code/python:/opt/python
      instanceLifecycleConfig:
        preStop:
          handler: index.preStop
          timeout: 60
        initializer:
          handler: index.initialize
          timeout: 60
      # initializer: index.initialize
      # initializationTimeout: 60
"""

EXAMPLE_CODE = """\
def initialize(context):
    pass

def handler(event, context):
    return event

def preStop(context):
    pass
"""


def tree(text: str | bytes) -> tuple[Node | None, list[str]]:
    """The parsed document and the codes of its findings."""
    findings = Findings()
    data = text.encode() if isinstance(text, str) else text
    return parse(data, "s.yaml", findings), [each.code for each in findings.items]


def data_of(text: str | bytes) -> object:
    node, codes = tree(text)
    assert codes == []
    assert node is not None
    return plain(node)


def with_props(props: str, *, top: str = "") -> str:
    """An s.yaml with one function; `props` are lines without indentation."""
    lines = "".join(f"      {line}\n" for line in props.splitlines())
    return (
        f"edition: 3.0.0\n{top}resources:\n  hello:\n    component: fc3\n    props:\n"
        "      functionName: hello\n      runtime: python3.10\n      handler: index.handler\n"
        f"      code: ./\n{lines}"
    )


class Project:
    """A directory with an s.yaml and code; the environment is empty but for what a test sets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ: dict[str, str] = {}
        self.write("index.py", HANDLER)
        self.python: Path | None = self.write("bin/python3.10", "#!/bin/sh\n")
        self.python.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(
        self,
        text: str,
        *,
        select: Sequence[str] = (),
        env: str | None = None,
        values: Mapping[str, str] = {},
    ) -> Config:
        self.write("s.yaml", text)
        return load(
            cwd=str(self.directory),
            environ=self.environ,
            select=select,
            python=str(self.python) if self.python else None,
            env=env,
            values=values,
        )

    def codes(self, text: str, *, select: Sequence[str] = ()) -> list[str]:
        return [each.code for each in self.load(text, select=select).diagnostics]
