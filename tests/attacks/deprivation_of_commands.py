"""A program: the commands of fcbox on a machine from which something was taken away.

python -m tests.attacks.deprivation_of_commands '{"without": ["container"], "error": 1, ...}'
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.attacks.refusals import take_away

CONFIGURATION = """
edition: 3.0.0
name: deprived
access: default
resources:
  f:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: f
      runtime: python3.10
      handler: index.handler
      code: ./code
      timeout: 10
"""
CODE = """
print("user code has run")

def handler(event, context):
    return "an answer"
"""


def prepare(folder: Path) -> None:
    """A project with one function."""
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(CODE)
    (folder / "s.yaml").write_text(CONFIGURATION)


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    """One command."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], cwd=folder, capture_output=True,
        text=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def main() -> None:
    options = json.loads(sys.argv[1])
    folder = Path(options["folder"], "project")
    folder.mkdir()
    prepare(folder)
    for name in options["without"]:
        take_away(name, options["error"])
    python = ["--python", options["function_python"]]
    invoke = ["invoke", "-e", "{}", *python]
    told = {
        "text": run(folder, "doctor", "--isolation", "strict", *python),
        "doctor": run(folder, "doctor", "--json", "--isolation", "strict", *python),
        "process": run(folder, *invoke),
        "strict": run(folder, *invoke, "--isolation", "strict"),
        "degraded": run(folder, *invoke, "--isolation", "strict", "--allow-degraded"),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
