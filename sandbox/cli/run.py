"""`fcbox run`: load the configuration, then serve, or invoke and exit."""

import os
import sys

from sandbox.cli import exits
from sandbox.cli.options import RunOptions
from sandbox.config.cache import cached_load
from sandbox.config.result import Config, ConfigMissing
from sandbox.core.spec import BoxSettings
from sandbox.engine.leftovers import state_dir

__all__ = ["load_config", "run"]


def run(options: RunOptions) -> int:
    """Gives the exit code."""
    config = load_config(options)
    if isinstance(config, int):
        return config
    settings = _with_options(config.settings, options)
    if options.events is not None:
        from sandbox.cli.oneshot import run_events

        return run_events(config.specs, settings, options)
    from sandbox.cli.serve import serve

    return serve(config.specs, settings, options._replace(config=config.path))


def load_config(options: RunOptions) -> Config | int:
    """The configuration, its findings told; or the exit code when there is none to run."""
    try:
        config = cached_load(
            options.config,
            cwd=os.getcwd(),
            environ=os.environ,
            state_dir=state_dir(os.environ),
            select=options.functions,
            python=options.python,
        )
    except ConfigMissing as missing:
        from sandbox.cli import talk

        talk.error(f"no configuration: {missing.path}", missing.hint)
        return exits.CONFIG_MISSING
    if config.diagnostics and not (options.is_quiet and config.ok):
        report(config)
    if not config.ok:
        return exits.CONFIG_INVALID
    if not config.specs:
        from sandbox.cli import talk

        talk.error(f"{config.path} has no function that fcbox can run")
        return exits.CONFIG_INVALID
    return config


def report(config: Config) -> None:
    """All findings, to stderr."""
    from sandbox.cli import talk
    from sandbox.config.diagnostics import render

    has_color = talk.has_color(2, os.environ)
    for finding in config.diagnostics:
        print(render(finding, has_color), end="\n\n", file=sys.stderr)


def _with_options(settings: BoxSettings, options: RunOptions) -> BoxSettings:
    if options.port is not None:
        settings = settings._replace(port=options.port)
    if options.logger_layout is not None:
        settings = settings._replace(logger_layout=options.logger_layout)
    return settings
