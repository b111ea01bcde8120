"""What a command says while it waits: `waiting for preStop of c-...: 12/60 s`."""

from sandbox.core.instance import Instance
from sandbox.core.lifecycle import State
from sandbox.core.runs import START_TIMEOUT_S
from sandbox.engine.supervisor import Supervisor

__all__ = ["progress_lines"]

_LEAST_S = 0.9
"""Younger waits are not worth a line; a little under a second, since timers are not exact."""
_MOST_LINES = 8


def progress_lines(supervisor: Supervisor, now: float) -> list[str]:
    """One line for each instance that has been in its state for a second; the first few only."""
    grace_s = supervisor.host.settings.grace_s
    lines = [_line(shell.machine, grace_s, shell.clock_s(now)) for shell in supervisor.shells()]
    told = [line for line in lines if line]
    if len(told) > _MOST_LINES:
        told[_MOST_LINES:] = [f"and for {len(told) - _MOST_LINES} more"]
    return told


def _line(machine: Instance, grace_s: float, now: float) -> str:
    if machine.deadline_s is None:
        return ""  # nothing has to happen
    if machine.state is State.KILLING:
        return f"waiting for the end of {machine.id}"
    what, timeout_s = _phase(machine, grace_s)
    elapsed_s = timeout_s - (machine.deadline_s - now)
    if elapsed_s < _LEAST_S:
        return ""
    return f"waiting for {what} of {machine.id}: {elapsed_s:.0f}/{timeout_s:g} s"


def _phase(machine: Instance, grace_s: float) -> tuple[str, float]:
    spec = machine.spec
    if machine.state is State.PRESTOPPING and spec.pre_stop:
        return "preStop", spec.pre_stop.timeout_s
    if machine.state is State.INITIALIZING and spec.initializer:
        return "initializer", spec.initializer.timeout_s
    if machine.state in (State.INVOKING, State.DRAINING):
        return "handler", spec.timeout_s
    if machine.state is State.TERMINATING:
        return "exit", grace_s
    return "start", START_TIMEOUT_S
