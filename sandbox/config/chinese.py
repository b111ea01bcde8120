"""The texts of findings in Chinese: those of each code, and those of the phrases in them."""

from __future__ import annotations

__all__ = ["MESSAGES", "PHRASES"]

MESSAGES: dict[str, tuple[str, str]] = {}
"""Code -> message and hint, with the fields of the English ones."""

PHRASES: dict[str, str] = {}
"""English template -> Chinese template."""
