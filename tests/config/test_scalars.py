"""YAML 1.2 core scalars, and numbers as JavaScript prints them."""

import math

import pytest

from sandbox.config.text.scalars import Scalar, js_text, resolve
from tests.config.support import data_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("True", True), ("FALSE", False), ("tRue", "tRue"),
        ("", None), ("~", None), ("null", None), ("Null", None), ("nUll", "nUll"),
        ("010", 10), ("0o10", 8), ("0o8", "0o8"), ("0x1F", 31), ("-0x1F", -31),
        ("0b11", 3), ("+0o7", 7), ("0b2", "0b2"), ("0x", "0x"),
        ("12:30", "12:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0), ("1.10", 1.1), (".5", 0.5), ("5.", 5.0), ("+5", 5), ("-3", -3),
        (".inf", math.inf), ("-.INF", -math.inf), ("1e999", "1e999"), (".", "."), ("-", "-"),
        ("3.0.0", "3.0.0"), ("9007199254740993", 9007199254740992), ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text: str, value: Scalar) -> None:
    resolved = resolve(text)

    assert (type(value), value) == (type(resolved), resolved)


def test_nan_is_a_number() -> None:
    assert js_text(resolve(".nan") or "") == "NaN"


@pytest.mark.parametrize("text", ["1" * 5000, "0x" + "f" * 5000, "0o" + "7" * 5000])
def test_numbers_beyond_all_bounds_are_infinite(text: str) -> None:
    assert resolve(text) == math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (False, "false"), ("x", "x"), (1.1, "1.1"), (1.0, "1"), (1e3, "1000"),
        (0, "0"), (-0.0, "0"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"), (-12.5, "-12.5"), (123456789012345680000, "123456789012345680000"),
        (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (math.inf, "Infinity"), (-math.inf, "-Infinity"), (100, "100"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_numbers_print_as_in_javascript(value: str | int | float | bool, text: str) -> None:
    assert text == js_text(value)


def test_quotes_and_block_styles_make_text() -> None:
    assert data_of("{a: '1', b: \"true\", c: ''}") == {"a": "1", "b": "true", "c": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!str 1", "1"), ("!!int '7'", 7), ("!!float 1", 1), ("!!bool 'true'", True), ("! 3", "3")],
)
def test_core_tags_decide_the_type(text: str, value: Scalar) -> None:
    assert data_of(f"a: {text}\n") == {"a": value}
