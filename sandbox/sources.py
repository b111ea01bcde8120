"""From a path to specs, for the APIs: findings become one exception."""

import os
from collections.abc import Mapping, Sequence

from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.errors import ConfigInvalid

__all__ = ["load_specs"]


def load_specs(
    path: str | None, environ: Mapping[str, str], functions: Sequence[str], python: str | None
) -> tuple[tuple[FunctionSpec, ...], BoxSettings]:
    """The functions and settings of an s.yaml.

    Raises ConfigInvalid with all findings, and FileNotFoundError when there is no such file.
    """
    from sandbox.config import load, render

    config = load(path, cwd=os.getcwd(), environ=environ, select=functions, python=python)
    if not config.ok:
        text = "\n\n".join(render(finding, color=False) for finding in config.diagnostics)
        raise ConfigInvalid(config.diagnostics, text)
    return config.specs, config.settings
