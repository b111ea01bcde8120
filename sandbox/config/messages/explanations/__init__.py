"""What each finding means, at more length than a message has room for: `fcbox explain`.

The texts are in `en.md` and `zh.md`, a section for each code; the examples, which are the same in
every language, only in `en.md`. An example is fenced, and the line of its fence says what it is:

    ```props wrong              lines below `props:` of a function
    ```yaml right               a whole s.yaml
    ```text wrong env.yaml      another file that the wrong example needs
    ```text both index.py       another file that both need
    ```console wrong            a command line

Nothing here is read before somebody asks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["Example", "Explanation", "explanation"]

_SECTION = re.compile(r"^## (FCB\d{3})\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(
    r"^```(\w+) (wrong|right|both)(?: (\S+))?\n(.*?)^```\n", re.DOTALL | re.MULTILINE
)


class Example(NamedTuple):
    """`text` of the `kind` props, yaml or console, and the files that it needs beside it."""

    kind: str
    text: str
    files: dict[str, str]


class Explanation(NamedTuple):
    text: str
    wrong: Example | None
    right: Example | None


def explanation(code: str, language: str) -> Explanation | None:
    """None when nobody has written one."""
    english = _section(code, "en")
    if not english:
        return None
    fences = _FENCE.findall(english)
    text = (_section(code, language) if language != "en" else "") or english
    return Explanation(_FENCE.sub("", text).strip(), _example(fences, "wrong"),
                       _example(fences, "right"))  # fmt: skip


def _section(code: str, language: str) -> str:
    text = Path(__file__).with_name(f"{language}.md").read_text(encoding="utf-8")
    return next((body for name, body in _SECTION.findall(text) if name == code), "")


def _example(fences: list[tuple[str, str, str, str]], side: str) -> Example | None:
    files = {name: text for _, of, name, text in fences if name and of in (side, "both")}
    main = ((kind, text) for kind, of, name, text in fences if not name and of == side)
    kind, text = next(main, ("", ""))
    return Example(kind, text, files) if kind else None
