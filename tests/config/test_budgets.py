"""What costs little once and much many times over: each reader has a budget for all of a load.

Before they had one, each of these took from five seconds to a minute.
"""

import os
from collections.abc import Callable

import pytest

from sandbox.config import load
from sandbox.config.text.emit import yaml_text
from tests.config.bounded import MAX_CPU_S, MAX_MEMORY_MB, run_bounded, run_until_quiet
from tests.config.everything import everything
from tests.config.support import Project, tree, with_props

RESOURCE = (
    "  r#: {component: fc3, props: {functionName: r#, runtime: python3.10, handler: index.h}}\n"
)


def resources(count: int, one: str = RESOURCE) -> str:
    lines = (one.replace("#", str(number)) for number in range(count))
    return "edition: 3.0.0\nresources:\n" + "".join(lines)


def large_environment(project: Project) -> str:
    items = ", ".join("1" for _ in range(40_000))
    project.write("env.yaml", f"environments: [{{name: e, x: [{items}]}}]\n")
    return resources(6000, "  r#: {component: fc3}\n")


def large_environment_with_source(project: Project) -> str:
    items = ", ".join("1" for _ in range(40_000))
    source = 'overlays: {resources: {r1: {region: "${source.a}"}}}'
    project.write("env.yaml", f"environments: [{{name: e, x: [{items}], {source}}}]\n")
    return resources(6000, "  r#: {component: fc3}\n")


def many_dotenv_files(project: Project) -> str:
    text = 'A="' + "\n" * 65_000 + '"\n'
    first = project.write("d0/.env", text)
    for number in range(1, 2400):
        (project.directory / f"d{number}").mkdir()
        os.link(first, project.directory / f"d{number}" / ".env")
    one = "  r#: {component: fc3, props: {code: d#, region: \"${env('NOPE', 'd')}\"}}\n"
    return resources(2400, one)


def odd_encodings(project: Project) -> str:
    for number in range(9):
        project.write(f"c{number}/index.py", "# coding: punycode\n" + f"x{number}" * 10_000)
    return resources(9, RESOURCE.replace("index.h", "index.h, code: ./c#"))


def large_code_trees(project: Project) -> str:
    for folder in range(100):
        for file in range(100):
            project.write(f"code/f{folder}/m{file}.py", "")
    for number in range(99):
        (project.directory / f"c{number}").symlink_to("code")
    return resources(99, RESOURCE.replace("index.h", "inde.h, code: ./c#"))


def many_lines(project: Project) -> str:
    text = "\n" * ((1 << 20) - 100)
    project.write("base.yaml", f"x: {{{{ a }}}}\n{text}")
    return f"extend: base.yaml\nx: {{{{ a }}}}\n{text[:-20]}\t# y\n"


MAKERS = [
    large_environment, large_environment_with_source, many_dotenv_files, odd_encodings,
    large_code_trees, many_lines,
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_it_ends_soon(project: Project, make: Callable[[Project], str]) -> None:
    project.write("s.yaml", make(project))

    measured = run_until_quiet(
        lambda: everything(project.directory, env="e" if "env" in make.__name__ else None,
                           values={"a": "1"} if make is many_lines else {}),
        lambda measured: measured.result.check_s < MAX_CPU_S * measured.slowness,
    )  # fmt: skip

    assert measured.failure == ""
    assert measured.result.check_s < MAX_CPU_S * measured.slowness
    assert measured.memory_mb < MAX_MEMORY_MB


def test_a_text_of_many_lines_is_written_soon(project: Project) -> None:
    node, codes = tree('description: "a' + "\\n" * 200_000 + '\\t"\n')
    assert codes == []
    assert node is not None

    measured = run_bounded(lambda: len(yaml_text(node)))

    assert measured.failure == ""  # it is ended after ten seconds
    assert measured.result > 200_000


def test_a_value_from_the_environment_is_not_quoted(project: Project) -> None:
    """It may be a secret, and findings go to logs."""
    project.environ["API_TOKEN"] = "hunter2"
    text = with_props("timeout: ${vars.t}\nmemorySize: ${env('API_TOKEN')}",
                      top="vars: {t: \"${env('API_TOKEN')}\"}\n")  # fmt: skip
    project.write("s.yaml", text)

    found = load(cwd=str(project.directory), environ=project.environ).diagnostics

    assert [each.code for each in found if each.severity == "error"] == ["FCB312", "FCB312"]
    assert not any("hunter2" in str(each) for each in found)
