"""Bodies of management requests: JSON objects, of any client, so bounded before they are held."""

import asyncio
import json
import math
from typing import Any

from starlette.requests import Request as HttpRequest

from sandbox.http.management.packages import MAX_ZIP_BYTES
from sandbox.http.refusals import Refused

__all__ = ["object_of", "read_object"]

MAX_BODY_BYTES = MAX_ZIP_BYTES * 4 // 3 + (1 << 20)
"""A package in base64, and the rest."""
MAX_VALUES = 20_000
MAX_LEVELS = 20
_QUICK_BYTES = 64 << 10
_INTEGER_BITS = 128
"""More than any integer here means; what has very many can be no float."""

_large = asyncio.Semaphore(2)
"""How many large bodies are held at a time."""


async def read_object(http: HttpRequest) -> dict[str, Any]:
    """The object in the body; an empty one when there is no body. Raises Refused."""
    declared = http.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else MAX_BODY_BYTES
    if size <= _QUICK_BYTES:
        return object_of(await _read(http))
    _check_size(0 if not declared else size)
    async with _large:
        data = await _read(http)
        return await asyncio.to_thread(object_of, data)


async def _read(http: HttpRequest) -> bytes:
    chunks, size = [], 0
    async for chunk in http.stream():
        size += len(chunk)
        _check_size(size)
        chunks.append(chunk)
    return b"".join(chunks)


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        text = f"payload size exceeds maximum allowed size ({MAX_BODY_BYTES} bytes)"
        raise Refused(413, "EntityTooLarge", text)


def object_of(data: bytes | str, what: str = "the body") -> dict[str, Any]:
    """The JSON object that `what` is; an empty one of nothing. Raises Refused."""
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(400, "InvalidArgument", f"{what} is no JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "InvalidArgument", f"{what} must be a JSON object")
    _check_values(found, what)
    return found


def _check_values(root: object, what: str) -> None:
    """Bounds what is walked over again and again later, and refuses what no answer could hold."""
    waiting, seen = [(root, 0)], 0
    while waiting:
        value, level = waiting.pop()
        seen += 1
        if seen > MAX_VALUES or level > MAX_LEVELS:
            raise Refused(400, "InvalidArgument", f"{what} has too many values or levels")
        if isinstance(value, dict):
            waiting += [(each, level + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, level + 1) for each in value]
        elif not _is_json(value):
            raise Refused(400, "InvalidArgument", f"{what} has what JSON cannot say, or a NUL")


def _is_json(value: object) -> bool:
    """Python reads more: numbers that are none or infinite, and halves of characters. A NUL is
    JSON, but no environment and no name can have one."""
    if isinstance(value, str):
        is_whole = value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
        return is_whole and "\0" not in value
    if isinstance(value, int):
        return value.bit_length() < _INTEGER_BITS
    return not isinstance(value, float) or math.isfinite(value)
