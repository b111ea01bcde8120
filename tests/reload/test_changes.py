"""What a new configuration changes: only what the file says of a function counts."""

import json
from collections.abc import Callable

from sandbox.core.spec import BoxSettings, FunctionSpec
from sandbox.reload.changes import changed_settings, changes_between
from tests.reload.conftest import Project
from tests.reload.test_reload import edit

F, G = FunctionSpec("f", "index.handler", "/f"), FunctionSpec("g", "index.handler", "/g")


def test_functions_are_told_apart_by_name() -> None:
    changes = changes_between([F, G], [F._replace(timeout_s=9), G._replace(name="h")])

    assert changes.added == (G._replace(name="h"),)
    assert changes.updated == (F._replace(timeout_s=9),)
    assert changes.removed == ("g",)


def test_the_same_is_no_change() -> None:
    assert changes_between([F, G], [G, F]) == ((), (), ())


def test_settings_are_named_as_in_the_file() -> None:
    old = BoxSettings()

    assert changed_settings(old, old._replace(port=1, grace_s=9)) == ["fcbox.port", "fcbox.grace"]


def test_what_came_over_the_api_stays_until_the_file_says_something_else(
    open_project: Callable[..., Project],
) -> None:
    project = open_project()
    path = "/2023-03-30/functions/f"
    changed = project.served.ask("PUT", path, json.dumps({"timeout": 17}).encode())
    assert changed.status == 200, changed.body
    edit(project.config, lambda document: document["fcbox"].update(grace=3))
    project.wait_said("no function is concerned")
    assert project.served.ask("GET", path).json["timeout"] == 17
    edit(project.config, lambda doc: doc["resources"]["f"]["props"].update(timeout=9))
    project.wait_said("f updated")

    assert project.served.ask("GET", path).json["timeout"] == 9
