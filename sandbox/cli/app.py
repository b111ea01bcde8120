"""The whole grammar of the command line, by typer. Commands do their work in modules of their own,
imported when they run: `fcbox ps` needs no configuration, `fcbox validate` no engine.
"""

import os
import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer

from sandbox.cli import exits, talk
from sandbox.cli.events import EventError, read_events
from sandbox.cli.options import RunOptions
from sandbox.version import __version__

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="fcbox",
    help="Runs Function Compute functions on this machine, with true instance lifecycles.",
    epilog="Exit codes: 0 fine; 1 the function failed; 2 usage; 66 no configuration; "
    "69 no supervisor, or port busy; 70 a bug of fcbox; 78 configuration invalid; 124 a time "
    "limit; 125 no instance could be created; 128+n ended by signal n (130 Ctrl-C).",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

config_app = typer.Typer(
    help="Look at a configuration, or convert it; nothing is run.", no_args_is_help=True
)
app.add_typer(config_app, name="config")


class LogFormat(StrEnum):
    """How log lines look."""

    console = "console"
    fc = "fc"
    json = "json"


class LoggerLayout(StrEnum):
    """How logger records look."""

    doc = "doc"
    runtime = "runtime"


class IsolationLevel(StrEnum):
    """What stands around a function; sandbox.core.spec has the same words."""

    none = "none"
    process = "process"
    strict = "strict"


class ExaminedLevel(StrEnum):
    """The levels that promise something."""

    process = "process"
    strict = "strict"


class FindingsFormat(StrEnum):
    """How `fcbox validate` prints findings."""

    text = "text"
    json = "json"
    github = "github"


class Template(StrEnum):
    """What a new project is an example of; each is a folder of sandbox/templates."""

    event = "event"
    http = "http"
    mysql = "mysql"
    soak = "soak"


Text = Annotated[
    list[str] | None,
    typer.Option("-e", "--event", help="An event: TEXT, @FILE, or - for stdin.", metavar="TEXT"),
]
Files = Annotated[
    list[str] | None, typer.Option("-f", "--event-file", help="A file that is one event.")
]
Lines = Annotated[
    str | None, typer.Option("--events", help="A file with one event a line.", metavar="FILE")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, help="How many events at a time.", metavar="N")
]
Format = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
Layout = Annotated[
    LoggerLayout | None, typer.Option("--logger-layout", help="How logger records look.")
]
LogFile = Annotated[
    str | None, typer.Option("--log-file", help="The log goes here.", metavar="PATH")
]
Python = Annotated[
    str | None,
    typer.Option("--python", help="The interpreter to run functions with.", metavar="PATH"),
]
Isolation = Annotated[
    IsolationLevel | None,
    typer.Option("--isolation", help="The walls around functions."),
]
AllowDegraded = Annotated[
    bool, typer.Option("--allow-degraded", help="Run at strict also where it does not hold.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No log on stderr.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more.")]
Env = Annotated[
    str | None,
    typer.Option("--env", help="An environment of env.yaml, laid over the file.", metavar="NAME"),
]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", help="A value for a placeholder {{ name }}.", metavar="NAME=VALUE"),
]
ConfigOption = Annotated[
    str | None, typer.Option("-c", "--config", help="The s.yaml.", metavar="CONFIG")
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(f"fcbox {__version__}")
        raise typer.Exit


@app.command()
def run(
    config: Annotated[
        str | None, typer.Argument(help="The s.yaml. Default: in this directory.")
    ] = None,
    functions: Annotated[
        list[str] | None, typer.Argument(help="Functions to run. Default: all.")
    ] = None,
    event: Text = None,
    event_file: Files = None,
    events: Lines = None,
    concurrency: Concurrency = 1,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Where to serve; 0 picks one."),
    ] = None,
    log_format: Format = LogFormat.console,
    logger_layout: Layout = None,
    log_file: LogFile = None,
    python: Python = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    env: Env = None,
    values: Values = None,
    isolation: Isolation = None,
    allow_degraded: AllowDegraded = False,
    host: Annotated[
        str | None,
        typer.Option("--host", help="Where to serve; needs --access-key if not loopback."),
    ] = None,
    access_key: Annotated[
        str | None,
        typer.Option(
            "--access-key",
            envvar="FCBOX_ACCESS_KEY",
            metavar="ID:SECRET",
            help="Callers must sign with this key.",
        ),
    ] = None,
    timers: Annotated[bool, typer.Option("--timers", help="Let timer triggers fire.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Recycle instances when code changes.")
    ] = True,
    debug: Annotated[
        str | None, typer.Option("--debug", help="Debug this function.", metavar="FUNCTION")
    ] = None,
    debug_port: Annotated[
        int, typer.Option("--debug-port", min=1, max=65535, help="Where the debugger attaches.")
    ] = 5678,
    metrics_log: Annotated[
        str | None,
        typer.Option("--metrics-log", help="One JSON line an invocation.", metavar="PATH"),
    ] = None,
) -> None:
    """Run functions: serve until Ctrl-C, or invoke with the given events and exit."""
    from sandbox.cli.run import run as run_options

    options = RunOptions(
        config,
        tuple(functions or ()),
        _events(event, event_file, events),
        concurrency,
        port,
        log_format.value,
        logger_layout.value if logger_layout else None,
        log_file,
        python,
        quiet,
        verbose,
        env,
        _values(values),
        isolation.value if isolation else None,
        allow_degraded,
        host,
        access_key,
        timers,
        watch,
        debug,
        debug_port,
        metrics_log,
    )
    raise typer.Exit(run_options(options))


@app.command()
def invoke(
    function: Annotated[
        str | None, typer.Argument(help="The function. Default: the only one.")
    ] = None,
    config: ConfigOption = None,
    event: Text = None,
    event_file: Files = None,
    events: Lines = None,
    concurrency: Concurrency = 1,
    log_format: Format = LogFormat.console,
    logger_layout: Layout = None,
    log_file: LogFile = None,
    python: Python = None,
    quiet: Quiet = False,
    env: Env = None,
    values: Values = None,
    isolation: Isolation = None,
    allow_degraded: AllowDegraded = False,
) -> None:
    """Invoke a function: on the running supervisor of this configuration, else one-shot."""
    from sandbox.cli.invoke import invoke as invoke_options

    options = RunOptions(
        config,
        (function,) if function else (),
        _events(event, event_file, events) or (b"",),
        concurrency,
        None,
        log_format.value,
        logger_layout.value if logger_layout else None,
        log_file,
        python,
        quiet,
        env=env,
        values=_values(values),
        isolation=isolation.value if isolation else None,
        allows_degraded=allow_degraded,
    )
    raise typer.Exit(invoke_options(options))


@app.command()
def ps(
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """List the instances of all running supervisors."""
    from sandbox.cli.ps import ps as list_instances

    raise typer.Exit(list_instances(os.environ, is_json))


@app.command()
def tasks(
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """List the asynchronous invocations of all running supervisors."""
    from sandbox.cli.tasks import list_tasks

    raise typer.Exit(list_tasks(os.environ, is_json))


@app.command()
def doctor(
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
    isolation: Annotated[
        ExaminedLevel, typer.Option("--isolation", help="The level whose promises are looked at.")
    ] = ExaminedLevel.process,
    python: Python = None,
) -> None:
    """Show which promises of an isolation level this machine keeps, and how to mend the others."""
    from sandbox.cli.doctor import doctor as examine

    raise typer.Exit(examine(isolation.value, python, is_json))


@app.command()
def validate(
    config: Annotated[
        str | None, typer.Argument(help="The s.yaml. Default: in this directory.")
    ] = None,
    functions: Annotated[
        list[str] | None, typer.Argument(help="Functions to check. Default: all.")
    ] = None,
    is_strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    format: Annotated[
        FindingsFormat, typer.Option("--format", help="How findings are printed.")
    ] = FindingsFormat.text,
    env: Env = None,
    values: Values = None,
) -> None:
    """Check a configuration: all findings at once, nothing is run."""
    from sandbox.cli.validate import validate as check

    code = check(
        config,
        tuple(functions or ()),
        is_strict=is_strict,
        format=format.value,
        env=env,
        values=_values(values),
    )
    raise typer.Exit(code)


@app.command()
def explain(
    code: Annotated[
        str | None, typer.Argument(help="A code such as FCB102. Default: a table of all.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """Explain a finding: what it means, and an example that is wrong and one that is right."""
    from sandbox.cli.explain import explain as explain_code

    raise typer.Exit(explain_code(code, is_json))


@app.command()
def init(
    directory: Annotated[
        str | None, typer.Argument(help="Where to. Default: the current directory.", metavar="DIR")
    ] = None,
    template: Annotated[
        Template, typer.Option("--template", help="What it is an example of.")
    ] = Template.event,
    vscode: Annotated[
        bool,
        typer.Option(
            "--vscode", help="Write .vscode/launch.json; into a project that is there, that alone."
        ),
    ] = False,
) -> None:
    """Write a small project that runs at once; no file is ever overwritten."""
    from sandbox.cli.init import init as write_project

    raise typer.Exit(write_project(directory, template.value, vscode))


@config_app.command("show")
def config_show(
    config: Annotated[
        str | None, typer.Argument(help="The s.yaml. Default: in this directory.")
    ] = None,
    functions: Annotated[
        list[str] | None, typer.Argument(help="Functions or resources. Default: all.")
    ] = None,
    is_resolved: Annotated[
        bool, typer.Option("--resolved", help="Replace variables, and add defaults.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,
    env: Env = None,
    values: Values = None,
) -> None:
    """Show what a configuration comes to, and where each value was written."""
    from sandbox.cli.show import show

    code = show(
        config,
        tuple(functions or ()),
        is_resolved=is_resolved,
        is_json=is_json,
        env=env,
        values=_values(values),
    )
    raise typer.Exit(code)


@config_app.command("convert")
def config_convert(
    config: Annotated[
        str | None, typer.Argument(help="The s.yaml. Default: in this directory.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The text goes here.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    values: Values = None,
) -> None:
    """Write a file of FC 2.0 in the form of 3.0."""
    from sandbox.cli.convert import convert

    raise typer.Exit(convert(config, output, overwrite=force, values=_values(values)))


@config_app.command("save")
def config_save(
    config: Annotated[
        str | None, typer.Argument(help="The s.yaml. Default: in this directory.")
    ] = None,
    functions: Annotated[
        list[str] | None, typer.Argument(help="Functions. Default: all that were changed.")
    ] = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Show the diff only.")] = False,
    code_dir: Annotated[
        str | None,
        typer.Option("--code-dir", help="Where uploaded code goes.", metavar="DIR"),
    ] = None,
) -> None:
    """Write what was changed over the management API into the s.yaml."""
    from sandbox.cli.save import save

    code = save(config, tuple(functions or ()), os.environ, is_dry=is_dry, code_dir=code_dir)
    raise typer.Exit(code)


@app.command("generate-event")
def generate_event(
    kind: Annotated[
        str | None, typer.Argument(help="Such as oss or timer. Default: a list of all.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", help="Something of the event.", metavar="NAME=VALUE"),
    ] = None,
    lists_parameters: Annotated[
        bool, typer.Option("--help-params", help="Show what --param can name.")
    ] = False,
    time: Annotated[
        str | None, typer.Option("--time", help="When it happens. Default: now.", metavar="TIME")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="For the same ids each time.", metavar="N")
    ] = None,
) -> None:
    """Print an event as a trigger of the cloud sends it."""
    from sandbox.cli.generate_event import generate_event as generate

    code = generate(kind, parameters or (), lists_parameters=lists_parameters, time=time, seed=seed)
    raise typer.Exit(code)


@app.command()
def schema(
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The schema goes here.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Print the JSON Schema of an s.yaml, for editors."""
    from sandbox.cli.schema import schema as print_schema

    raise typer.Exit(print_schema(output, overwrite=force))


def run_app() -> int:
    """Reads sys.argv; gives the exit code."""
    try:
        try:
            code = app(standalone_mode=True)
        except SystemExit as exit:
            code = exit.code
        sys.stdout.flush()
    except OSError as exc:
        if not _has_stdout_failed():
            raise
        talk.error(f"cannot write the output: {exc.strerror}")
        return exits.SIGNALLED + signal.SIGPIPE
    return code if isinstance(code, int) else exits.INTERNAL if code else 0


def _has_stdout_failed() -> bool:
    """What could not be written, of a help text, is still in the buffer, and fails again. It is
    given up then: the interpreter would complain of it once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
        return True
    return False


def _values(given: list[str] | None) -> dict[str, str]:
    """`--set NAME=VALUE`, each as often as it is needed; the last one of a name counts."""
    values = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not name.strip() or not equals:
            talk.error(f"--set {name}: expected NAME=VALUE", "for example --set region=cn-hangzhou")
            sys.exit(exits.USAGE)
        values[name.strip()] = value
    return values


def _events(
    texts: list[str] | None, files: list[str] | None, lines_file: str | None
) -> tuple[bytes, ...] | None:
    try:
        return read_events(texts or [], files or [], lines_file)
    except EventError as exc:
        talk.error(str(exc))
        sys.exit(exits.USAGE)
