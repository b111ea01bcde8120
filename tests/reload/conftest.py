"""Projects that are served while their files change."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.boxes import wait_until
from tests.http.serving import Served, serving, write_config

__all__ = ["SOURCE", "Project"]

SOURCE = """
def initialize(context):
    print("initialized one")

def handler(event, context):
    return "one"

def preStop(context):
    print("stopped one")
"""


class Project:
    """A directory with an s.yaml of one function `f`, and the run that serves it."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.config = folder / "s.yaml"
        self.served = served

    def save(self, word: str, name: str = "index.py") -> None:
        """Saves the source again, with another word in it."""
        (self.code / name).write_text(SOURCE.replace("one", word), encoding="utf-8")

    def said(self, text: str) -> int:
        """How often the run said that."""
        return self.served.talk().count(text)

    def wait_said(self, text: str, times: int = 1) -> None:
        wait_until(lambda: self.said(text) >= times, f"{times} times {text!r}")

    def answer(self) -> bytes:
        return self.served.invoke().body


@pytest.fixture
def open_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Serves SOURCE, or another one, until the end of the test."""
    with ExitStack() as stack:

        def open_it(*arguments: str, source: str = SOURCE) -> Project:
            config = write_config(tmp_path, source, initializer="initialize", pre_stop="preStop")
            served = stack.enter_context(serving(tmp_path, config, *arguments))
            return Project(tmp_path, served)

        yield open_it
