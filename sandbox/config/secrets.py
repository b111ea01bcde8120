"""Takes secrets out of a tree that is to be shown.

What stands below a key that sounds like a secret is one, and so is the same text anywhere else, and
the password in a URL. In files as written a reference stays: it says where a secret is to be found,
and holds none itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sandbox.config.text.source import Node, Span

__all__ = ["MASK", "Masking"]

MASK = "******"
MIN_SECRET_CHARS = 4
"""A shorter text is found in too many others; it is masked in its own place only."""
MAX_SECRETS = 200
MAX_EXPRESSION_CHARS = 1000

_KEY = re.compile(
    r"secret|passw(or)?d|passphrase|token|credential|authorization"
    r"|(access|private|api|encryption|signing)[_-]?key|(^|[_-])(pass|pwd|pw|ak|sk|auth|key|cookie|dsn)($|[_-])",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_IN_URL = re.compile(r"(://[^/\s:@]{0,256}:)[^/\s@]{1,256}(?=@)")
_PURE_REFERENCE = re.compile(r"\$\{[\w.-]+\}|\$\{env\(\s*['\"]?\w+['\"]?\s*\)\}")


class Masking:
    """Masks trees. `known` are trees whose secrets are masked wherever they turn up."""

    def __init__(self, known: Iterable[Node], is_written: bool) -> None:
        self._is_written = is_written
        found = {text for node in known for text in _secrets(node, False)}
        longest_first = sorted(found, key=lambda text: (-len(text), text))[:MAX_SECRETS]
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def masked(self, node: Node, is_secret: bool = False) -> Node:
        value = node.value
        if isinstance(value, dict):
            entries = {
                key: entry._replace(node=self.masked(entry.node, is_secret or _sounds(key)))
                for key, entry in value.items()
            }
            return node._replace(value=entries)
        if isinstance(value, tuple):
            return node._replace(value=tuple(self.masked(each, is_secret) for each in value))
        if value is not None and (is_secret or _names_secret(node.span)):
            return node if self._is_reference(value) else node._replace(value=MASK)
        return node._replace(value=self.text(value)) if isinstance(value, str) else node

    def text(self, text: str) -> str:
        """A text without the secrets in it."""
        return self._known.sub(MASK, _IN_URL.sub(rf"\g<1>{MASK}", text))

    def _is_reference(self, value: object) -> bool:
        is_text = self._is_written and isinstance(value, str)
        return is_text and _PURE_REFERENCE.fullmatch(str(value)) is not None


def _names_secret(at: Span) -> bool:
    """Whether the value came out of an expression that sounds like one: `${env('API_TOKEN')}`."""
    text = at.text if at.end - at.start <= MAX_EXPRESSION_CHARS else ""
    return "${" in text and any(map(_sounds, _WORD.findall(text)))


def _sounds(key: str) -> bool:
    return _KEY.search(key) is not None


def _secrets(node: Node, is_secret: bool) -> Iterator[str]:
    value = node.value
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _secrets(entry.node, is_secret or _sounds(key))
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item, is_secret)
    elif isinstance(value, str) and is_secret and "${" not in value:
        yield from (value,) if len(value) >= MIN_SECRET_CHARS else ()
