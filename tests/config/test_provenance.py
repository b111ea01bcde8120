"""A finding about a value that came from elsewhere names both places."""

import pytest

from sandbox.config import Config, render
from tests.config.support import Project, with_props


def places(config: Config) -> list[tuple[str, int, int]]:
    """Each finding's own position, then that of each related place."""
    (finding,) = config.diagnostics
    own = (finding.code, finding.line, finding.column)
    return [own, *((place.text, place.line, place.column) for place in finding.related)]


FROM = "the value comes from here"
USED = "it is used here"


@pytest.mark.parametrize(
    ("top", "props", "expected"),
    [
        ("vars: {t: 0}\n", "timeout: ${vars.t}", [("FCB312", 11, 16), (FROM, 2, 11)]),
        ("vars: {a: '${vars.t}', t: 0}\n", "timeout: ${vars.a}",
         [("FCB312", 11, 16), (FROM, 2, 27)]),
        ("vars: {n: -}\n", "region: cn\ntimeout: 1${vars.n}", [("FCB312", 12, 16), (FROM, 2, 11)]),
        ("", "timeout: 0", [("FCB312", 10, 16)]),
        ("", "timeout: ${env('X', '0')}", [("FCB312", 10, 16)]),
        ("vars:\n  c:\n    reservedConcurrency: -1\n", "concurrencyConfig: ${vars.c}",
         [("FCB312", 4, 26), (USED, 6, 3)]),
    ],
)  # fmt: skip
def test_a_value_from_a_variable(
    project: Project, top: str, props: str, expected: list[tuple[str, int, int]]
) -> None:
    assert expected == places(project.load(with_props(props, top=top)))


def test_a_value_from_a_template_names_the_resource(project: Project) -> None:
    text = """\
edition: 3.0.0
template:
  base: {runtime: python3.10, handler: index.handler, code: ./, timeout: 0}
resources:
  hello:
    component: fc3
    extend: {name: base}
    props: {functionName: hello}
"""

    assert places(project.load(text)) == [("FCB312", 3, 74), (USED, 5, 3)]


def test_both_places_are_shown_with_their_lines(project: Project) -> None:
    (finding,) = project.load(with_props("timeout: ${vars.t}", top="vars: {t: 0}\n")).diagnostics

    assert (
        render(finding)
        == """\
s.yaml:11:16: error: timeout is 0: expected a number of seconds from 1 to 86400 [FCB312]
      timeout: ${vars.t}
               ^^^^^^^^^
s.yaml:2:11: note: the value comes from here
vars: {t: 0}
          ^"""
    )


def test_the_same_trouble_in_two_resources_is_told_once(project: Project) -> None:
    """What both share is one mistake, though it is met twice."""
    text = """\
edition: 3.0.0
template:
  base: {runtime: python3.10, handler: index.handler, code: ./, timeout: 0}
resources:
  a: {component: fc3, extend: {name: base}, props: {functionName: a}}
  b: {component: fc3, extend: {name: base}, props: {functionName: b}}
"""

    assert places(project.load(text)) == [("FCB312", 3, 74), (USED, 5, 3)]
