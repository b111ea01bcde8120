"""`fcbox init --vscode`: the file by which VS Code attaches to `fcbox run --debug`."""

import json
import os
from pathlib import Path

__all__ = ["LAUNCH_FILE", "launch_file"]

LAUNCH_FILE = Path(".vscode") / "launch.json"
_PORT = 5678
"""The default of --debug-port."""


def launch_file(project: Path) -> bytes:
    """For the s.yaml of a project: one entry, or one for each function where their code differs."""
    folders = _code_folders(project)
    places = dict.fromkeys(folders.values())
    if len(places) < 2:
        entries = [_entry("fcbox", next(iter(places), "."))]
    else:
        entries = [_entry(f"fcbox: {name}", folder) for name, folder in folders.items()]
    document = {"version": "0.2.0", "configurations": entries}
    return (json.dumps(document, indent=4, ensure_ascii=False) + "\n").encode("utf-8")


def _code_folders(project: Path) -> dict[str, str]:
    """By function, relative to the project. A file with errors has those that can be found."""
    from sandbox.config.compile import load
    from sandbox.config.result import ConfigMissing

    try:
        config = load(str(project), cwd=os.getcwd(), environ=os.environ)
    except ConfigMissing:
        return {}
    root = os.path.abspath(project)
    return {
        spec.name: os.path.relpath(spec.code_dir, root) for spec in config.specs if spec.code_dir
    }


def _entry(name: str, folder: str) -> dict[str, object]:
    local = "${workspaceFolder}" + ("" if folder == os.curdir else f"/{folder}")
    return {
        "name": name,
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "127.0.0.1", "port": _PORT},
        "pathMappings": [{"localRoot": local, "remoteRoot": "/code"}],
        "justMyCode": True,
    }
