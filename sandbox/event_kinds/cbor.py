"""Concise Binary Object Representation (RFC 8949), as far as JSON values need it."""

import struct
from typing import Any

__all__ = ["encode"]

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_SIMPLE = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}


def encode(value: Any) -> bytes:
    """The value's bytes. Raises TypeError for what has none here, OverflowError over 64 bits."""
    if value is None or isinstance(value, bool):
        return _SIMPLE[value]
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(_TEXT, len(data)) + data
    if isinstance(value, list):
        return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = (encode(key) + encode(item) for key, item in value.items())
        return _head(_MAP, len(value)) + b"".join(pairs)
    raise TypeError(f"no CBOR for {type(value).__name__}")


def _head(major: int, argument: int) -> bytes:
    """The major type, and its argument in as few bytes as it needs (RFC 8949, section 3)."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, form, bits in ((24, ">BB", 8), (25, ">BH", 16), (26, ">BI", 32), (27, ">BQ", 64)):
        if argument < 1 << bits:
            return struct.pack(form, major << 5 | info, argument)
    raise OverflowError(f"{argument} has more than 64 bits")
