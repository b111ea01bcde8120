"""`fcbox generate-event`: an event as a trigger of the cloud would send it, on stdout.

Into a pipe or a file go the very bytes that the function would get. A terminal gets JSON in lines
that can be read, and nothing that is binary.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sandbox.cli import exits, talk
from sandbox.event_kinds.filling import compact_json
from sandbox.event_kinds.kinds import BadParameter, Kind, kinds, load

__all__ = ["generate_event"]


def generate_event(
    name: str | None,
    parameters: Sequence[str],
    *,
    lists_parameters: bool,
    time: str | None,
    seed: int | None,
) -> int:
    """Prints the event, or what may be chosen of it, or all kinds; gives the exit code."""
    if name is None:
        talk.show(_table({each: load(each).summary for each in kinds()}))
        return 0
    if name not in kinds():
        talk.error(f"no kind of event: {name}", f"one of {', '.join(kinds())}")
        return exits.USAGE
    kind = load(name)
    if lists_parameters:
        talk.show(_describe(kind))
        return 0
    try:
        event = kind.make(_given(parameters), _time(time), seed)
    except BadParameter as exc:
        talk.error(str(exc), f"see fcbox generate-event {name} --help-params")
        return exits.USAGE
    return _print(event)


def _print(event: bytes) -> int:
    if not os.isatty(1):
        talk.write(event)
        return 0
    try:
        text = event.decode("utf-8")
    except UnicodeDecodeError:
        talk.error("this event is binary, and standard output a terminal", "send it to a file")
        return exits.USAGE
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        pass  # some events are plain text
    talk.show(text + "\n")
    return 0


def _given(parameters: Sequence[str]) -> dict[str, str]:
    """`--param NAME=VALUE`, the last one of a name counts."""
    given = {}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BadParameter(f"--param {text}: expected NAME=VALUE")
        given[name] = value
    return given


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadParameter(f"--time {text}: expected a time such as 2024-05-06T07:08:09Z") from None


def _describe(kind: Kind) -> str:
    rows = {}
    for parameter in kind.parameters:
        default = parameter.default
        shown = default if isinstance(default, str) else compact_json(default)
        choices = f"; one of {', '.join(parameter.choices)}" if parameter.choices else ""
        rows[parameter.name] = f"{parameter.help}{choices} [{shown}]"
    return f"{kind.name}: {kind.summary}\n\n{_table(rows)}\nformat: {kind.facts}\n"


def _table(rows: Mapping[str, str]) -> str:
    width = max(map(len, rows))
    return "".join(f"{name:{width}}  {text}\n" for name, text in rows.items())
