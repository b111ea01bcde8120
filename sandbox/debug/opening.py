"""What there must be for debugging, found out before anything is started."""

import os
import socket
from collections.abc import Sequence
from importlib.util import find_spec

from sandbox.cli import exits, talk
from sandbox.cli.options import RunOptions
from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.core.walls import network_of
from sandbox.debug.debugging import Debugging

__all__ = ["open_debugging"]

_HOST = "127.0.0.1"


def open_debugging(
    specs: Sequence[FunctionSpec], settings: BoxSettings, options: RunOptions
) -> Debugging | int:
    """For the function that `options` name; or the exit code, after saying why not."""
    spec = next((spec for spec in specs if spec.name == options.debugged), None)
    if spec is None:
        names = ", ".join(each.name for each in specs)
        return _refuse(f"there is no function {options.debugged} to debug", f"there is: {names}")
    if spec.custom:
        text = f"{spec.name} has a custom runtime, and no Python of fcbox's to debug"
        return _refuse(text, "start its server with a debugger of its own")
    if network_of(spec.network, settings.isolation) == "off":
        text = f"{spec.name} has no network, and a debugger reaches it over loopback"
        return _refuse(text, "debug with --isolation process, and without `network: off`")
    found = find_spec("debugpy")
    if found is None or found.origin is None:
        return _refuse("debugpy is not installed", "pip install 'fcbox[debug]'")
    package = os.path.dirname(os.path.realpath(found.origin))
    try:
        listener = socket.create_server((_HOST, options.debug_port))
    except OSError as exc:
        text = f"cannot listen for the debugger on {_HOST}:{options.debug_port}: {exc.strerror}"
        talk.error(text, "choose another one with --debug-port")
        return exits.UNAVAILABLE
    listener.setblocking(False)
    return Debugging(spec.name, package, listener, settings.isolation)


def _refuse(text: str, hint: str) -> int:
    talk.error(text, hint)
    return exits.USAGE
