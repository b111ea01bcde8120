"""Chinese for all that findings say: nothing missing, nothing left over, the same fields."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from types import ModuleType

import pytest

from sandbox.config.messages.catalogue import CATALOGUE
from sandbox.config.messages.chinese import MESSAGES, PHRASES
from sandbox.config.messages.diagnostics import Diagnostic, render
from sandbox.config.messages.findings import Findings
from sandbox.config.props import models, mounting, triggers
from sandbox.config.props.fields import Model
from sandbox.config.text.document import parse
from tests.config.support import Project, with_props
from tests.config.test_explanations import NOT_IN_A_SMALL_FILE, explained, findings_of
from tests.config.test_yaml_mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("sandbox/config/**/*.py"), *ROOT.glob("sandbox/cli/*.py")])
TRANSLATING = ("phrase", "translated")
"""What takes an English template."""

WITH_VARIABLES = {
    ("texts.py", "value.template"),  # a phrase's own template: found where it is made
    ("validate.py", "template"),  # a number of errors or warnings
    ("validation.py", "text"),  # what a model's field expects
    ("specs.py", "Props.model_fields['function_name'].description or ''"),
}
"""Where the template is no constant, and where its texts come from instead."""

COUNTS = ("{number} error", "{number} errors", "{number} warning", "{number} warnings")


def calls() -> Iterator[tuple[str, ast.expr]]:
    """(file, first argument) of each call that translates."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in TRANSLATING:
                yield path.name, node.args[0]


def constants() -> set[str]:
    return {
        node.value
        for _, node in calls()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def models_of(*modules: ModuleType) -> Iterator[type[Model]]:
    for module in modules:
        for each in vars(module).values():
            if inspect.isclass(each) and issubclass(each, Model):
                yield each


def descriptions() -> set[str]:
    """What the fields of models expect: a finding quotes it."""
    return {
        field.description or ""
        for model in models_of(models, triggers, mounting)
        for field in model.model_fields.values()
    } - {""}


ENGLISH = sorted(constants() | descriptions() | set(COUNTS) | {"another value"})


def fields_of(*templates: str) -> set[str]:
    return {name for each in templates for _, name, _, _ in Formatter().parse(each) if name}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_has_chinese_texts_with_the_same_fields(code: str) -> None:
    entry = CATALOGUE[code]
    assert code in MESSAGES, f"chinese.py: MESSAGES[{code!r}] for {entry.message!r}, {entry.hint!r}"
    message, hint = MESSAGES[code]

    assert fields_of(entry.message, entry.hint) == fields_of(message, hint)
    assert bool(entry.hint) == bool(hint)


@pytest.mark.parametrize("template", ENGLISH)
def test_every_phrase_has_a_chinese_one_with_the_same_fields(template: str) -> None:
    assert template in PHRASES, f"chinese_phrases.py: {template!r}"

    assert fields_of(template) == fields_of(PHRASES[template])


def test_nothing_is_left_over() -> None:
    assert sorted(set(PHRASES) - set(ENGLISH)) == []
    assert sorted(set(MESSAGES) - set(CATALOGUE)) == []


def test_templates_are_constants() -> None:
    """Else no test could find them."""
    others = {(name, ast.unparse(node)) for name, node in calls() if not is_text(node)}

    assert others <= WITH_VARIABLES


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


# --- what a reader sees -------------------------------------------------------------------------

FILES = {
    "values": "timeout: 0\nmemorySize: lots\ndiskSize: 3\ninstanceConcurrency: []\nlayers: {}\n",
    "keys": "memorySise: 1\ninitializer: index.handler\ngpuConfig: {gpuType: x}\n",
    "variables": "region: ${vars.nope}\ndescription: ${env('NOPE')}\nrole: ${nope()}\n",
    "expressions": "region: ${vars[0]}\ndescription: ${git()}\nrole: ${path('./no')} <% x %>\n",
    "calls": "region: ${json('{')}\ndescription: \"${yaml('a: [')}\"\n",
    "arguments": "region: ${env('A', 'b', 'c')}\ndescription: ${str()}\n",
    "environment": "environmentVariables: {A-B: 1, FC_X: 2, C: {}}\n",
    "timers": "triggers: [{triggerType: timer, triggerConfig: {cronExpression: 1 2 3}}]\n",
    "other timers": "triggers: [{triggerType: timer, triggerConfig: {cronExpression: '@every'}}]\n",
    "triggers": "triggers: [{triggerType: timr}, {triggerName: a, triggerType: oss}]\n",
    "hooks": "instanceLifecycleConfig: {preFreeze: {}, initializer: {command: [a]}}\n",
}
NAMES = re.compile(
    r"""'[^']*'|`[^`]*`|\$\{[^}]*\}|\S*[./:_$@(\\]\S*|\b[A-Z0-9]+\b|\bpython3?\b"""
    r"""|\b[a-z]+[A-Z]\w*|\bfc3?\b|[{}\[\]"',]"""
)
"""What stays as it is: what is quoted, paths, expressions, capitals, camelCase."""

WORDS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]+")
KNOWN = {
    "timeout", "edition", "region", "resources", "layers", "code", "fcbox", "runtime", "handler",
    "initializer", "git", "Python", "preStop", "cpu", "key", "value", "http", "timer", "oss",
    "every", "Markdown", "file", "function", "env", "config", "name", "role", "props", "path",
    "str", "json", "yaml", "base64", "Tab", "Shell", "set", "domain", "context", "src", "zip",
    "component", "custom", "command", "bootstrap",
}  # fmt: skip
"""Keys and names that stand in a text without quotes."""


def english_of(text: str) -> list[str]:
    return [word for word in WORDS.findall(NAMES.sub(" ", text)) if word not in KNOWN]


def texts(found: Diagnostic) -> str:
    return "\n".join([found.message, found.hint, *(place.text for place in found.related)])


@pytest.mark.parametrize("props", FILES.values(), ids=list(FILES))
def test_no_english_is_left_in_findings(props: str, project: Project) -> None:
    project.environ = {"FCBOX_LANG": "zh"}
    found = project.load(with_props(props)).diagnostics

    assert found
    for each in found:
        assert english_of(texts(each)) == [], texts(each)


@pytest.mark.parametrize("name", MISTAKES)
def test_no_english_is_left_about_yaml(name: str) -> None:
    text = MISTAKES[name][0]
    findings = Findings("zh")
    parse(text.encode(), "s.yaml", findings)
    own = set(WORDS.findall(text))
    for each in findings.items:
        assert set(english_of(texts(each))) <= own, texts(each)


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - NOT_IN_A_SMALL_FILE))
def test_no_english_is_left_about_the_examples(code: str, tmp_path: Path) -> None:
    example = explained(code).wrong
    assert example is not None
    files = (text for pair in example.files.items() for text in pair)
    own = set(WORDS.findall("\n".join([example.text, *files, str(tmp_path)])))
    for each in findings_of(example, tmp_path, "zh"):
        assert set(english_of(texts(each))) <= own, texts(each)


def test_the_check_sees_english() -> None:
    """Else the two tests above would pass on anything."""
    assert english_of("timeout is 0: expected a number") == ["is", "expected", "number"]
    assert english_of("timeout 的值不正确（0），应为：1 到 3 之间的秒数") == []


def test_carets_stand_under_chinese_text(project: Project) -> None:
    project.environ = {"FCBOX_LANG": "zh"}
    (found,) = project.load(with_props("description: 说明：${vars.地区}。")).diagnostics

    assert render(found._replace(hint=""), language="zh") == (
        "s.yaml:10:23: 错误: 找不到 ${vars.地区} [FCB201]\n"
        "      description: 说明：${vars.地区}。\n"
        "                         ^^^^^^^^^^^^"
    )


def test_related_places_and_hints_are_chinese(project: Project) -> None:
    project.environ = {"FCBOX_LANG": "zh"}
    text = with_props("timeout: ${vars.t}\nmemorySise: 1", top="vars: {t: 0}\n")
    wrong, unknown = project.load(text).diagnostics

    assert "s.yaml:2:11: 说明: 值来自这里\n" in render(wrong, language="zh")
    assert render(unknown, language="zh").endswith("\n提示: 是不是 memorySize？")


FILLING = {"add", "RefusedError", "_FaultError", "CallError", "Fault", "phrase"}
"""What takes the fields of a finding by name."""


def plain_words() -> Iterator[str]:
    """Texts of several words that fill a template as they are."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in FILLING:
                for value in (keyword.value for keyword in node.keywords):
                    if is_text(value) and re.search("[a-z] [a-z]", ast.literal_eval(value)):
                        yield f"{path.name}: {ast.unparse(value)}"


def test_words_that_fill_a_text_are_phrases() -> None:
    """Else they would stay English."""
    assert list(plain_words()) == []
