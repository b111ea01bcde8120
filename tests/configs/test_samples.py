"""The samples are valid for the oldest runtime, complete, and do what their files say."""

import ast
import base64
import importlib.util
import json
import types
from pathlib import Path

import pytest
import yaml

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SAMPLES = sorted(path.parent.name for path in CONFIGS.glob("*/s.yaml"))
MODULES = sorted(path for path in CONFIGS.rglob("*.py") if "python" not in path.parts[:-1])


def load(sample: str, name: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The sample's module as a function's runtime imports it, with no trace left in sys.modules."""
    monkeypatch.syspath_prepend(str(CONFIGS / sample))
    spec = importlib.util.spec_from_file_location(f"sample_{name}", CONFIGS / sample / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_samples_are_here() -> None:
    assert {"crashy", "flask-custom", "hello", "http-wsgi", "mysql", "slow-init"} <= set(SAMPLES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_python_36_syntax(path: Path) -> None:
    ast.parse(path.read_text(), str(path), feature_version=(3, 6))


@pytest.mark.parametrize("sample", SAMPLES)
def test_configuration_names_functions_that_exist(sample: str) -> None:
    """Read with a plain YAML parser, so that this does not lean on what it is an example for."""
    document = yaml.safe_load((CONFIGS / sample / "s.yaml").read_text())

    assert document["edition"] == "3.0.0"
    for resource in document["resources"].values():
        props = resource["props"]
        if props["runtime"].startswith("custom"):
            _, file = props["customRuntimeConfig"]["command"]
            assert (CONFIGS / sample / props["code"] / file).is_file()
            continue
        hooks = props.get("instanceLifecycleConfig", {})
        for handler in [props["handler"], *(hook["handler"] for hook in hooks.values())]:
            module, _, function = handler.rpartition(".")
            tree = ast.parse((CONFIGS / sample / props["code"] / f"{module}.py").read_text())
            assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize("sample", SAMPLES)
def test_says_how_to_run_it(sample: str) -> None:
    readme = CONFIGS / sample / "README.md"
    text = readme.read_text() if readme.exists() else (CONFIGS / sample / "s.yaml").read_text()

    assert f"fcbox run configs/{sample}/s.yaml" in text


def test_hello_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("hello", "index", monkeypatch)

    assert module.handler(b'{"name": "world"}', None) == "hello, world"


def test_slow_init_takes_the_time_it_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLOW_INIT_SECONDS", "0.01")
    module = load("slow-init", "index", monkeypatch)
    module.initialize(None)

    assert capsys.readouterr().out.splitlines()[-1] == "loading: 100%"
    assert module.handler(b"", None) == {"initialized_s": 0.0}


def test_crashy_knows_every_way_of_its_events_file(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("crashy", "index", monkeypatch)
    events = (CONFIGS / "crashy" / "events.jsonl").read_text().split()

    assert set(module.WAYS) == set(events)
    assert module.handler(b"ok", None) == "ok"
    with pytest.raises(RuntimeError, match="on purpose"):
        module.handler(b"raise", None)
    with pytest.raises(ValueError, match="unknown event 'nap': give one of exit, hang"):
        module.handler(b"nap", None)


class TestHttpWsgi:
    @pytest.fixture
    def module(self, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
        monkeypatch.syspath_prepend(str(CONFIGS / "http-wsgi"))
        monkeypatch.delitem(importlib.sys.modules, "app", raising=False)  # type: ignore[attr-defined]
        return load("http-wsgi", "index", monkeypatch)

    @pytest.fixture
    def event(self) -> dict[str, object]:
        loaded: dict[str, object] = json.loads((CONFIGS / "http-wsgi" / "event.json").read_text())
        return loaded

    def test_event_file(self, module: types.ModuleType) -> None:
        answer = module.handler((CONFIGS / "http-wsgi" / "event.json").read_bytes(), None)

        assert answer == {
            "statusCode": 200,
            "headers": {"Content-Type": "text/plain; charset=utf-8"},
            "body": "hello, world",
            "isBase64Encoded": False,
        }

    def test_query_in_chinese(self, module: types.ModuleType, event: dict[str, object]) -> None:
        event["queryParameters"] = {"name": "世界 & co"}

        assert module.handler(json.dumps(event), None)["body"] == "hello, 世界 & co"

    def test_binary_both_ways(self, module: types.ModuleType, event: dict[str, object]) -> None:
        body = base64.b64encode(b"\x00\xff\x80").decode()
        event.update(rawPath="/echo", body=body, isBase64Encoded=True)
        event["requestContext"]["http"]["method"] = "POST"  # type: ignore[index]
        event["headers"] = {"Content-Type": "application/x-demo"}

        assert module.handler(json.dumps(event), None) == {
            "statusCode": 200,
            "headers": {"Content-Type": "application/x-demo"},
            "body": body,
            "isBase64Encoded": True,
        }

    def test_unknown_path(self, module: types.ModuleType, event: dict[str, object]) -> None:
        event["rawPath"] = "/nowhere"

        assert module.handler(json.dumps(event), None)["statusCode"] == 404
