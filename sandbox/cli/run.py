"""`fcbox run`: load the configuration, then serve, or invoke and exit."""

import os
import sys

from sandbox.cli import exits, talk
from sandbox.cli.hint import keep_hint
from sandbox.cli.options import RunOptions
from sandbox.config.cache import cached_load
from sandbox.config.result import Config, ConfigMissing
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.engine.launch import Launch
from sandbox.engine.leftovers import state_dir

__all__ = ["choose_function", "load_config", "run", "run_loaded", "with_options"]


def run(options: RunOptions, early: Launch | None = None) -> int:
    """Gives the exit code. `early`: a launch on a guess, used if the guess was right."""
    config = load_config(options)
    if isinstance(config, int):
        if early:
            early.abandon()
        return config
    return run_loaded(config, options, early)


def run_loaded(config: Config, options: RunOptions, early: Launch | None = None) -> int:
    """As `run`, of a configuration that was loaded, and whose findings were told."""
    settings = with_options(config.settings, options)
    spec = None
    if options.debugged and options.events is not None:
        talk.error("--debug is for a run that serves", "leave the events out, and use fcbox invoke")
        if early:
            early.abandon()
        return exits.USAGE
    if options.events is not None:
        spec = choose_function(config)
        if spec is None:
            if early:
                early.abandon()
            return exits.USAGE
    try:
        launch = _launch(config, options, settings.isolation, early)
    except OSError as exc:
        return talk.cannot_start(exc)
    if spec is not None:
        from sandbox.cli.oneshot import run_events  # while the zygotes come up

        return run_events(spec, settings, options, launch)
    from sandbox.cli.serve import serve

    return serve(config.specs, settings, options._replace(config=config.path), launch)


def _launch(config: Config, options: RunOptions, level: str, early: Launch | None) -> Launch:
    pythons = list(dict.fromkeys(spec.python for spec in config.specs))
    if early and list(early.started) == pythons and early.isolation == level:
        return early
    if early:
        early.abandon()
    launch = Launch(pythons, os.environ, level)
    if len(pythons) == 1:
        keep_hint(options._asdict(), os.environ, pythons[0], level)
    return launch


def choose_function(config: Config) -> FunctionSpec | None:
    """The one function that events can mean; None, after saying so, when there are several."""
    if len(config.specs) == 1:
        return config.specs[0]
    names = ", ".join(spec.name for spec in config.specs)
    talk.error(f"there are {len(config.specs)} functions: {names}", "name the one to invoke")
    return None


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
            env=options.env,
            values=options.values,
        )
    except ConfigMissing as missing:
        return talk.config_missing(missing)
    if config.diagnostics and not (options.is_quiet and config.ok):
        report(config)
    if not config.ok:
        return exits.CONFIG_INVALID
    if not config.specs:
        talk.error(f"{config.path} has no function that fcbox can run")
        return exits.CONFIG_INVALID
    return config


def report(config: Config) -> None:
    """All findings, to stderr."""
    from sandbox.config.messages.diagnostics import render
    from sandbox.config.messages.texts import language_of

    has_color, language = talk.has_color(2, os.environ), language_of(os.environ)
    for finding in config.diagnostics:
        print(render(finding, has_color, language), end="\n\n", file=sys.stderr)


def with_options(settings: BoxSettings, options: RunOptions) -> BoxSettings:
    """The settings of the file with those of the command line over them."""
    if options.port is not None:
        settings = settings._replace(port=options.port)
    if options.logger_layout is not None:
        settings = settings._replace(logger_layout=options.logger_layout)
    if options.isolation is not None:
        settings = settings._replace(isolation=options.isolation)
    if options.allows_degraded:
        settings = settings._replace(allows_degraded=True)
    return settings
