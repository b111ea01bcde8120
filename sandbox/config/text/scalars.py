"""Scalars of YAML 1.2 (core schema), and their text as JavaScript prints it.

PyYAML follows YAML 1.1, where `no` is false, `010` is 8 and `12:30` is 750. The official tool
reads 1.2, so here a plain scalar is resolved by hand. Numbers are JavaScript's: a whole number
beyond 2**53 loses digits there, and has to lose the same ones here.
"""

import math
import re

__all__ = ["Scalar", "js_text", "resolve"]

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASES = (
    (2, re.compile(r"([-+]?)0b([01]+)")),
    (8, re.compile(r"([-+]?)0o([0-7]+)")),
    (16, re.compile(r"([-+]?)0x([0-9a-fA-F]+)")),
)
"""A sign and base 2 are js-yaml's addition to the core schema."""

_FLOAT = re.compile(r"(\.[0-9]+|[-+]?[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
"""Without a digit before the point there is no sign, as for js-yaml."""

_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")

_EXACT_BITS = 53
_EXACT_DIGITS = 15
"""Whole numbers of so few digits are exact as a double."""


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    return _number(text)


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _EXACT_DIGITS else _whole(float(text))
    for base, pattern in _BASES:
        if match := pattern.fullmatch(text):
            return -_from_base(match[2], base) if match[1] == "-" else _from_base(match[2], base)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _INFINITY.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text


def _finite(text: str) -> float | str:
    """A number beyond all doubles stays text, as for js-yaml."""
    number = float(text)
    return text if math.isinf(number) else number


def _from_base(digits: str, base: int) -> int | float:
    number = int(digits, base)
    if number.bit_length() <= _EXACT_BITS:
        return number
    return _whole(float(number)) if number.bit_length() <= 1023 else math.inf


def _whole(number: float) -> int | float:
    return int(number) if abs(number) < 1e21 else number


def js_text(value: str | int | float | bool) -> str:
    """`String(value)` in JavaScript."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number_text(float(value))


def _number_text(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "-Infinity" if number < 0 else "Infinity"
    sign = "-" if number < 0 else ""
    return sign + _placed(*_digits(abs(number)))


def _digits(number: float) -> tuple[str, int]:
    """The shortest digits of `number` (Python and JavaScript agree on them), and where the
    decimal point goes: ("15", 1) is 1.5."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0"), point


def _placed(digits: str, point: int) -> str:
    """ECMAScript's Number::toString: an exponent only for what is far from 1."""
    if not digits:
        return "0"
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{mantissa}e{point - 1:+d}"
