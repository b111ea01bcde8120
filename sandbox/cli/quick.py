"""`fcbox invoke` in its plain form, on a supervisor that runs: it imports next to nothing.

    fcbox invoke [FUNCTION] [-c CONFIG] [-e EVENT] [-q]

Reading the configuration, and what that imports, takes many times longer than the invocation. None
of it is needed where a supervisor serves this file: it knows its functions, and has told what is
wrong in the file. Whatever is not plain here gives None, and is left to the whole command.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # not from typing: this module is on the path of a start
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from typing import Any

__all__ = ["invoke_quickly"]

_FILE_NAMES = ("s.yaml", "s.yml")
_WAIT_S = 1.0
_READ_BYTES = 1 << 16
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"


class Asked:
    """What the command line asks for."""

    def __init__(self, function: str, config: str, event: str, is_quiet: bool) -> None:
        self.function = function
        self.config = config or "."
        self.event = event.encode("utf-8", "surrogateescape")
        self.is_quiet = is_quiet


def invoke_quickly(arguments: list[str], environ: Mapping[str, str]) -> int | None:
    """The exit code; None when nothing was asked of anybody, and the whole command must do it."""
    asked = _read(arguments)
    record = asked and _find(asked, environ)
    if not asked or not record:
        return None
    import socket

    name = asked.function or record["functions"][0]
    try:
        connection = socket.create_connection((record["host"], record["port"]))
    except OSError:  # it has ended meanwhile, and has not had the request
        return None
    with connection:
        try:
            connection.sendall(_request(record, name, asked))
            status, headers, body = _receive(connection, record, name, asked.is_quiet)
        except (OSError, ValueError) as exc:
            return _tell_gone(record, exc)
    return _finish(status, headers, body)


def _read(arguments: list[str]) -> Asked | None:
    if not arguments or arguments[0] != "invoke":
        return None
    found = {"-c": "", "-e": "", "-q": "", "": ""}
    rest = iter(arguments[1:])
    for word in rest:
        option = word if word.startswith("-") else ""
        if option not in found or found[option]:
            return None
        value = next(rest, "") if option in ("-c", "-e") else word
        if not value or (option and option != "-q" and value.startswith(("-", "@"))):
            return None
        found[option] = value
    return Asked(found[""], found["-c"], found["-e"], bool(found["-q"]))


def _find(asked: Asked, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The newest supervisor of this configuration; None also when it is not clear whose it is."""
    from sandbox.engine.leftovers import live_records, state_dir

    path = os.path.realpath(asked.config)
    if os.path.isdir(path):
        names = [os.path.join(path, name) for name in _FILE_NAMES]
        path = os.path.realpath(next(filter(os.path.exists, names), ""))
    found = [
        record for record in live_records(state_dir(environ))
        if record.get("config") == path and "token" in record and _serves(record, asked.function)
    ]  # fmt: skip
    return max(found, key=lambda record: float(record["started_s"]), default=None)


def _serves(record: dict[str, Any], function: str) -> bool:
    names = record["functions"]
    return function in names if function else len(names) == 1


def _request(record: dict[str, Any], name: str, asked: Asked) -> bytes:
    # HTTP/1.0: the answer is not chunked, and the connection's end is the answer's.
    quoted = "".join(chr(c) if c in _UNRESERVED else f"%{c:02X}" for c in name.encode())
    host = f"[{record['host']}]" if ":" in record["host"] else record["host"]
    lines = (
        f"POST /2023-03-30/functions/{quoted}/invocations HTTP/1.0",
        f"Host: {host}",
        f"Content-Length: {len(asked.event)}",
        f"X-Fc-Log-Type: {'None' if asked.is_quiet else 'Tail'}",
        f"X-Fcbox-Token: {record['token']}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + asked.event


def _receive(
    connection: socket.socket, record: dict[str, Any], name: str, is_quiet: bool
) -> tuple[int, dict[str, str], bytes]:
    """Raises OSError, and ValueError for an answer that is cut."""
    answer, waited_s = bytearray(), 0.0
    connection.settimeout(_WAIT_S)
    while True:
        try:
            more = connection.recv(_READ_BYTES)
        except TimeoutError:
            waited_s += _WAIT_S
            if not is_quiet:
                what = f"waiting for the supervisor (pid {record['pid']}): function {name}"
                os.write(2, f"{what}, {waited_s:.0f} s\n".encode())
            continue
        if not more:
            break
        answer += more
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if len(body) != int(headers.get("content-length", "-1")):
        raise ValueError("the answer is cut")
    return int(first.split()[1]), headers, body


def _finish(status: int, headers: dict[str, str], body: bytes) -> int:
    if status != 200 or "x-fc-error-type" in headers:
        from sandbox.cli.invoke import print_answers
        from sandbox.cli.remote import RemoteAnswer

        return print_answers(iter([RemoteAnswer(status, headers, body)]))
    from binascii import a2b_base64

    log = a2b_base64(headers.get("x-fc-log-result", ""))
    _write(2, log + b"\n" if log else b"")
    _write(1, body if body.endswith(b"\n") else body + b"\n")
    return 0


def _write(fd: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        if fd == 1:  # a full disk is told, and a reader that has seen enough ends the command
            from sandbox.cli import talk

            talk.write(data)


def _tell_gone(record: dict[str, Any], exc: Exception) -> int:
    from sandbox.cli import exits, talk

    text = f"the supervisor (pid {record['pid']}) has ended: {exc}"
    talk.error(text, "see what it said; start it again with fcbox run")
    return exits.UNAVAILABLE
