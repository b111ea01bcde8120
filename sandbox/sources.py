"""From a path to specs, for the APIs: findings become one exception."""

import os
from collections.abc import Mapping, Sequence

from sandbox.config.result import Choice
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.errors import ConfigInvalid, ConfigMissing

__all__ = ["load_specs", "with_interpreters"]


def load_specs(
    path: str | None, environ: Mapping[str, str], choice: Choice
) -> tuple[tuple[FunctionSpec, ...], BoxSettings]:
    """The functions and settings of an s.yaml.

    Raises ConfigInvalid with all findings, and ConfigMissing when there is no such file.
    """
    from sandbox.config import load, render
    from sandbox.config.messages.texts import language_of
    from sandbox.config.result import ConfigMissing as Missing

    try:
        config = load(path, cwd=os.getcwd(), environ=environ, **choice._asdict())
    except Missing as missing:
        raise ConfigMissing(f"{missing}; {missing.hint}") from None
    if not config.ok:
        language = language_of(environ)
        text = "\n\n".join(render(finding, False, language) for finding in config.diagnostics)
        raise ConfigInvalid(config.diagnostics, text)
    return config.specs, config.settings


def with_interpreters(
    specs: Sequence[FunctionSpec], environ: Mapping[str, str]
) -> list[FunctionSpec]:
    """The specs, each with an interpreter: one made by hand may leave it to its runtime.

    Raises TypeError for a variable of the environment that is not text.
    """
    for spec in specs:
        for key, value in spec.environment.items():
            kind = type(value).__name__
            if kind != "str":
                raise TypeError(f"{spec.name}: the variable {key} is {kind}, and must be str")
    from sandbox.config.code.interpreters import find_interpreter

    return [
        spec
        if spec.python
        else spec._replace(python=find_interpreter(spec.runtime, None, environ).path)
        for spec in specs
    ]
