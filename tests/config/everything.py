"""All that fcbox does with a configuration without running it, each step with its CPU time."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.cli.findings_output import as_github, as_json
from sandbox.cli.show import _as_json, _as_yaml
from sandbox.config import ConfigMissing
from sandbox.config.compile import Loaded, load_recorded
from sandbox.config.effective import effective, written
from sandbox.config.fc2.conversion import converted, is_fc2
from sandbox.config.messages.diagnostics import Diagnostic, render
from sandbox.config.messages.findings import Findings, RefusedError
from sandbox.config.result import Choice
from sandbox.config.text.document import parse
from sandbox.config.text.emit import yaml_text

__all__ = ["Outcome", "everything"]


class Outcome(NamedTuple):
    """`check_s`: of the slowest step of a check; `writing_s`: of the slowest that writes a whole
    configuration out."""

    codes: list[str]
    is_ok: bool
    check_s: float
    writing_s: float


class _Steps:
    def __init__(self) -> None:
        self.longest_s = 0.0

    def run(self, step: Callable[[], Any]) -> Any:
        begun_s = time.process_time()
        try:
            return step()
        finally:
            self.longest_s = max(self.longest_s, time.process_time() - begun_s)


def everything(
    directory: Path,
    environ: Mapping[str, str] = {},
    env: str | None = None,
    values: Mapping[str, str] = {},
) -> Outcome:
    """Loads the s.yaml in `directory`, shows its findings in all ways, writes it in all ways."""
    checks, writing = _Steps(), _Steps()
    choice = Choice(python=str(directory / "bin" / "python3.10"), env=env, values=values)
    codes, is_ok = [], False
    for language in ("en", "zh"):
        where = {**environ, "FCBOX_LANG": language}
        loaded = checks.run(lambda: _loaded(directory, where, choice))  # noqa: B023
        if loaded is None:
            return Outcome([], False, checks.longest_s, 0)
        findings = loaded.config.diagnostics
        _show_findings(findings, language, checks)
        codes, is_ok = [each.code for each in findings], loaded.config.ok
        assert is_ok or findings
    _write(loaded, writing)
    writing.run(lambda: _converted(directory / "s.yaml"))
    return Outcome(codes, is_ok, checks.longest_s, writing.longest_s)


def _loaded(directory: Path, environ: Mapping[str, str], choice: Choice) -> Loaded | None:
    try:
        return load_recorded(None, cwd=str(directory), environ=environ, choice=choice)
    except ConfigMissing:
        return None


def _show_findings(findings: tuple[Diagnostic, ...], language: str, checks: _Steps) -> None:
    for each in findings:
        text = checks.run(lambda: render(each, True, language))  # noqa: B023
        assert "\0" not in text
    checks.run(lambda: as_json("s.yaml", False, [], findings))
    checks.run(lambda: as_github(findings))


def _write(loaded: Loaded, writing: _Steps) -> None:
    if loaded.project is None:
        return
    for make in (written, effective):
        try:
            tree = writing.run(lambda: make(loaded))  # noqa: B023
        except RefusedError:
            continue
        writing.run(lambda: _as_yaml(tree, loaded))  # noqa: B023
        writing.run(lambda: _as_json(tree, loaded))  # noqa: B023


def _converted(path: Path) -> None:
    """The steps of `fcbox config convert`."""
    findings = Findings()
    if not path.is_file() or os.path.getsize(path) > 2 << 20:
        return
    try:
        root = parse(path.read_bytes(), "s.yaml", findings)
        if root is not None and is_fc2(root):
            yaml_text(converted(root, findings))
    except RefusedError:
        pass
