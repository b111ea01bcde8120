"""The fast lane: the common forms of `fcbox run`, read without importing typer.

Typer and rich take longer to import than a whole run takes. So the plain forms are read here,
and everything else (other commands, abbreviations, `--help`, mistakes) is typer's: `read_run`
gives None. A test holds the two readers against each other.

This module imports nothing: what it reads decides what to import.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["read_run"]

_VALUES = {
    "--log-format": "log_format",
    "--logger-layout": "logger_layout",
    "--log-file": "log_file",
    "--python": "python",
    "--env": "env",
    "--isolation": "isolation",
}
_CHOICES = {
    "--log-format": ("console", "fc", "json"),
    "--logger-layout": ("doc", "runtime"),
    "--isolation": ("none", "process", "strict"),
}
_FLAGS = {"-q": "is_quiet", "--allow-degraded": "allows_degraded"}


def read_run(arguments: list[str]) -> "dict[str, Any] | None":
    """The fields of RunOptions for the plain forms of `run`; None for all else."""
    if not arguments or arguments[0] != "run":
        return None
    fields: dict[str, str | int] = {}
    words: list[str] = []
    events: list[bytes] = []
    rest = iter(arguments[1:])
    for word in rest:
        if word in _FLAGS:
            fields[_FLAGS[word]] = True
        elif word in ("-e", "--port") or word in _VALUES:
            value = next(rest, None)
            if value is None or not _is_plain(word, value):
                return None
            if word == "-e":
                events.append(value.encode("utf-8", "surrogateescape"))
            elif word == "--port":
                fields["port"] = int(value)
            else:
                fields[_VALUES[word]] = value
        elif word.startswith("-"):
            return None
        else:
            words.append(word)
    return {
        "config": words[0] if words else None,
        "functions": tuple(words[1:]),
        "events": tuple(events) if events else None,
        **fields,
    }


def _is_plain(option: str, value: str) -> bool:
    if option == "-e":
        return not value.startswith(("@", "-"))
    if option == "--port":
        return len(value) <= 5 and value.isascii() and value.isdecimal() and int(value) <= 65535
    return value in _CHOICES.get(option, (value,)) and not value.startswith("-")
