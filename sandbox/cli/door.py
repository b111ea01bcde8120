"""`--host` and `--access-key`: where `fcbox run` listens, and what callers must show."""

import os
import socket
from collections.abc import Mapping

from sandbox.cli import exits, talk
from sandbox.cli.options import RunOptions
from sandbox.http.door import LOOPBACK, AccessKey, Door

__all__ = ["open_door"]

_TOKEN_BYTES = 16


def open_door(options: RunOptions, environ: Mapping[str, str]) -> Door | int:
    """The door; or the exit code, after saying why, when it must stay shut."""
    text = options.access_key or environ.get("FCBOX_ACCESS_KEY")
    name = options.host or LOOPBACK
    try:
        key = AccessKey.parsed(text) if text else None
    except ValueError as exc:
        talk.error(f"--access-key: {exc}", "for example --access-key local:$(openssl rand -hex 16)")
        return exits.USAGE
    try:
        address = _resolved(name)
    except (OSError, UnicodeError):
        talk.error(f"--host {name}: there is no such address", "for example --host 0.0.0.0")
        return exits.USAGE
    door = Door(address, name, key, os.urandom(_TOKEN_BYTES).hex())
    if not door.is_loopback and key is None:
        talk.error(
            f"--host {name} is not loopback: whoever can reach it could run code as you",
            "let callers sign: --access-key ID:SECRET, or FCBOX_ACCESS_KEY in the environment",
        )
        return exits.USAGE
    return door


def _resolved(name: str) -> str:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])
