"""Keeps loaded Configs, so that a second start needs neither yaml nor pydantic.

    <state dir>/cache/<hash of what was asked>.json = {"inputs": [[path, kind, fingerprint], ...],
                                                       "config": {...}}

A record is used when every file that was read or looked for is as it was. It is not written when
there were errors, and never when the result drew on the environment or on values from the command
line: what comes from there must not reach the disk. Whatever is wrong with a record, it is as if
there were none.

This module is all that a start imports on a hit: keep it light.
"""

import json
import os
import sys
from _blake2 import blake2b
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.config.inputs import INTERPRETER_VARIABLES, Inputs, fingerprint
from sandbox.config.messages.diagnostics import Diagnostic, Place
from sandbox.config.messages.texts import language_of
from sandbox.config.result import Choice, Config
from sandbox.core.spec import (
    AsyncSettings,
    BoxSettings,
    Callback,
    CustomRuntime,
    FunctionSpec,
    HealthCheck,
    HttpTrigger,
    Mount,
    TimerTrigger,
)
from sandbox.version import __version__

__all__ = ["cached_load"]

MAX_RECORD_BYTES = 1 << 20
MAX_RECORDS = 64

_SOURCES = ("", "../core")
"""Where the code stands that decides a result, seen from here."""


def cached_load(
    path: str | None = None,
    *,
    cwd: str,
    environ: Mapping[str, str],
    state_dir: str,
    select: Sequence[str] = (),
    python: str | None = None,
    env: str | None = None,
    values: Mapping[str, str] = {},
) -> Config:
    """Like `load`, from the record under `state_dir` when nothing has changed since."""
    variables = [environ.get(name) for name in INTERPRETER_VARIABLES]
    key = _key([path, cwd, variables, language_of(environ), list(select), python, env])
    record = os.path.join(state_dir, "cache", f"{key}.json")
    config = None if values else _read(record)
    if config is not None:
        return config
    from sandbox.config.compile import load_recorded

    choice = Choice(tuple(select), python, env, values)
    loaded = load_recorded(path, cwd=cwd, environ=environ, choice=choice)
    is_private = bool(values) or loaded.drew_on_environment
    if loaded.config.ok and loaded.inputs.settled and not is_private:
        _write(record, loaded.config, loaded.inputs)
    return loaded.config


def _key(question: list[Any]) -> str:
    base = getattr(sys, "_base_executable", sys.executable)
    text = json.dumps([__version__, _code_stamp(), base, list(sys.version_info[:2]), *question])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _code_stamp() -> int:
    """Changes with the source: a checkout keeps its version between commits."""
    here = os.path.dirname(__file__)
    try:
        return max(stamp for each in _SOURCES for stamp in _stamps(os.path.join(here, each)))
    except (OSError, ValueError):
        return 0


def _stamps(directory: str) -> Iterator[int]:
    with os.scandir(directory) as entries:
        for each in entries:
            if each.name.endswith(".py"):
                yield each.stat().st_mtime_ns
            elif each.is_dir() and each.name != "__pycache__":
                yield from _stamps(each.path)


# --- reading ----------------------------------------------------------------------------------


def _read(record: str) -> Config | None:
    """The Config of a record that is whole, ours and up to date."""
    try:
        data = _read_own(record)
        content = json.loads(data)
        if all(fingerprint(path, kind) == was for path, kind, was in content["inputs"]):
            return _config(content["config"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return None


def _read_own(record: str) -> bytes:
    """Only what nobody else can have written is believed: a record names a program to run."""
    descriptor = os.open(record, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(record)
        return os.read(descriptor, MAX_RECORD_BYTES + 1)
    finally:
        os.close(descriptor)


def _config(data: dict[str, Any]) -> Config:
    return Config(
        data["path"],
        tuple(_spec(each) for each in data["specs"]),
        BoxSettings(**data["settings"]),
        tuple(_diagnostic(each) for each in data["diagnostics"]),
    )


def _diagnostic(data: dict[str, Any]) -> Diagnostic:
    return Diagnostic(**{**data, "related": tuple(Place(*each) for each in data["related"])})


def _spec(data: dict[str, Any]) -> FunctionSpec:
    data = {name: _tuples(value) for name, value in data.items()}
    custom = data["custom"]
    parts = {
        "initializer": data["initializer"] and Callback(*data["initializer"]),
        "pre_stop": data["pre_stop"] and Callback(*data["pre_stop"]),
        "mounts": tuple(Mount(*each) for each in data["mounts"]),
        "http_triggers": tuple(HttpTrigger(*each) for each in data["http_triggers"]),
        "timers": tuple(TimerTrigger(*each) for each in data["timers"]),
        "asynchronous": AsyncSettings(*data["asynchronous"]),
        "custom": custom and _custom(CustomRuntime(*custom)),
    }
    return FunctionSpec(**{**data, **parts})


def _custom(custom: CustomRuntime) -> CustomRuntime:
    check = custom.health_check
    return custom._replace(health_check=check and HealthCheck(*check))


def _tuples(value: Any) -> Any:
    """What JSON made lists of."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


# --- writing ----------------------------------------------------------------------------------


def _write(record: str, config: Config, inputs: Inputs) -> None:
    """Writes a record whole or not at all. A cache that cannot be written is no trouble."""
    seen = [[path, kind, was] for (path, kind), was in inputs.seen.items()]
    text = json.dumps({"inputs": seen, "config": _data(config)})
    temporary = f"{record}.{os.getpid()}"
    if len(text) > MAX_RECORD_BYTES:
        return
    try:
        _make_private(os.path.dirname(record))
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(temporary, record)
        _prune(os.path.dirname(record))
    except OSError:
        pass


def _data(config: Config) -> dict[str, Any]:
    return {
        "path": config.path,
        "specs": [_spec_data(spec) for spec in config.specs],
        "settings": config.settings._asdict(),
        "diagnostics": [each._asdict() for each in config.diagnostics],
    }


def _spec_data(spec: FunctionSpec) -> dict[str, Any]:
    return {**spec._asdict(), "environment": dict(spec.environment)}


def _make_private(directory: str) -> None:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    status = os.stat(directory)
    if status.st_uid != os.geteuid():
        raise PermissionError(directory)
    if status.st_mode & 0o077:
        os.chmod(directory, 0o700)


def _prune(directory: str) -> None:
    """Removes the oldest records (and what a killed writer left) when there are too many."""
    with os.scandir(directory) as entries:
        files = sorted((each.stat().st_mtime_ns, each.path) for each in entries)
    for _, path in files[:-MAX_RECORDS]:
        os.unlink(path)
