"""Isolation level, network, freezing and the limits of an instance: from the file into the spec."""

from typing import get_args

import pytest

from sandbox.config.cache import cached_load
from sandbox.config.messages.diagnostics import render
from sandbox.config.props import models
from sandbox.core.spec import ISOLATION_LEVELS, BoxSettings, FunctionSpec
from tests.config.support import Project, with_props


def spec_of(project: Project, box: str, props: str = "") -> FunctionSpec:
    """The function `hello` with these entries of `fcbox`; nothing is wrong with the file."""
    config = project.load(with_props(props, top=f"fcbox: {{{box}}}\n"))
    assert config.diagnostics == ()
    return config.specs[0]


def test_the_file_knows_the_levels_of_the_core() -> None:
    assert get_args(models.Level) == ISOLATION_LEVELS


@pytest.mark.parametrize("level", ["none", "process", "strict", "'none'"])
def test_isolation(project: Project, level: str) -> None:
    """`none` is a text, not an absent value."""
    config = project.load(with_props("", top=f"fcbox: {{isolation: {level}}}\n"))

    assert config.diagnostics == ()
    assert config.settings.isolation == level.strip("'")


@pytest.mark.parametrize("top", ["", "fcbox: {port: 1}\n", "fcbox: {isolation: }\n"])
def test_isolation_is_process(project: Project, top: str) -> None:
    assert project.load(with_props("", top=top)).settings.isolation == "process"


def test_the_file_cannot_allow_degraded_walls(project: Project) -> None:
    """Who writes the file is not who runs it: that is for the command line."""
    config = project.load(with_props("", top="fcbox: {allowDegraded: true}\n"))

    assert [each.code for each in config.diagnostics] == ["FCB306"]
    assert not config.settings.allows_degraded


@pytest.mark.parametrize(
    ("box", "network"),
    [
        ("", ""),
        ("network: host", "host"),
        ("network: off", "off"),
        ("network: 'off'", "off"),
        ('network: "off"', "off"),
        ("network: ", ""),
        ("functions: {hello: {network: off}}", "off"),
        ("network: off, functions: {hello: {network: host}}", "host"),
        ("network: off, functions: {hello: {maxInstances: 1}}", "off"),
        ("network: host, functions: {hello: {network: off}}", "off"),
        ("network: off, functions: {hello: {network: }}", "off"),
        ("isolation: strict", ""),
    ],
)
def test_network(project: Project, box: str, network: str) -> None:
    """Without a word about it, it is the level that decides, and the command line the level."""
    assert spec_of(project, box).network == network


@pytest.mark.parametrize(
    ("box", "is_frozen"),
    [
        ("", False),
        ("freeze: true", True),
        ("freeze: 'true'", True),
        ("functions: {hello: {freeze: true}}", True),
        ("freeze: true, functions: {hello: {freeze: false}}", False),
        ("freeze: true, functions: {hello: {}}", True),
    ],
)
def test_freeze(project: Project, box: str, is_frozen: bool) -> None:
    assert spec_of(project, box).is_frozen_when_idle is is_frozen


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ("", (512, 0.0, 512)),
        ("memorySize: 128", (128, 0.0, 512)),
        ("cpu: 0.5", (512, 0.5, 512)),
        ("cpu: '0.35'", (512, 0.35, 512)),
        ("diskSize: 10240", (512, 0.0, 10240)),
        ("diskSize: ", (512, 0.0, 512)),
    ],
)
def test_limits(project: Project, props: str, expected: tuple[int, float, int]) -> None:
    spec = spec_of(project, "", props)

    assert (spec.memory_mb, spec.cpu, spec.disk_mb) == expected


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("network: false", "fcbox.network is false: expected host or off"),
        ("network: no", "fcbox.network is 'no': expected host or off"),
        ("network: Off", "fcbox.network is 'Off': expected host or off"),
        ("network: 0", "fcbox.network is 0: expected host or off"),
        ("functions: {hello: {network: false}}",
         "fcbox.functions.hello.network is false: expected host or off"),
        ("isolation: strikt", "fcbox.isolation is 'strikt': expected none, process or strict"),
        ("isolation: true", "fcbox.isolation is true: expected none, process or strict"),
        ("freeze: 1", "fcbox.freeze is 1: expected true or false"),
        ("freeze: off and on", "fcbox.freeze is 'off and on': expected true or false"),
        ("functions: {hello: {freeze: [a]}}",
         "fcbox.functions.hello.freeze is a list: expected true or false"),
    ],
)  # fmt: skip
def test_what_may_not_stand_there(project: Project, box: str, message: str) -> None:
    config = project.load(with_props("", top=f"fcbox: {{{box}}}\n"))

    assert [each.message for each in config.diagnostics] == [message]
    assert not config.ok


def test_what_may_not_stand_there_in_chinese(project: Project) -> None:
    project.environ = {"FCBOX_LANG": "zh"}
    top = "fcbox: {isolation: x, network: false}\n"

    isolation, network = project.load(with_props("", top=top)).diagnostics

    assert "none、process 或 strict" in render(isolation, language="zh")
    assert "host 或 off" in render(network, language="zh")


def test_a_record_of_the_cache_keeps_it_all(project: Project) -> None:
    top = "fcbox: {isolation: strict, network: off, freeze: true}\n"
    loaded = project.load(with_props("cpu: 0.5\ndiskSize: 10240", top=top))
    state = str(project.directory / "state")
    first, second = (
        cached_load(
            cwd=str(project.directory), environ={}, state_dir=state, python=str(project.python)
        )
        for _ in range(2)
    )

    assert first == second == loaded
    assert second.settings == BoxSettings(isolation="strict")
