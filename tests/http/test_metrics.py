"""/metrics and /healthz of a real `fcbox run`, read as Prometheus reads them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.boxes import wait_until
from tests.http.serving import Served, read_answer, serving, write_config

SOURCE = """
    import json, time

    def initialize(context):
        pass

    def preStop(context):
        pass

    def handler(event, context):
        wish = json.loads(event) if event else {}
        if "raise" in wish:
            raise ValueError("no")
        time.sleep(wish.get("sleep", 0))
"""
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    config = write_config(tmp_path, SOURCE, initializer="initialize", pre_stop="preStop")
    with serving(tmp_path, config) as served:
        yield served


def scrape(served: Served) -> Samples:
    page = served.ask("GET", "/metrics")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(page.body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted({"function": "f", **labels}.items()))]


def test_invocations_are_counted_by_outcome(served: Served) -> None:
    for event in (b"", b"", b'{"raise": 1}'):
        served.invoke(event)
    samples = scrape(served)

    assert value(samples, "fcbox_invocations_total", outcome="ok") == 2
    assert value(samples, "fcbox_invocations_total", outcome="error") == 1
    assert value(samples, "fcbox_invocations_total", outcome="oom") == 0
    assert value(samples, "fcbox_requests_total") == 3
    assert value(samples, "fcbox_cold_starts_total") == 1
    assert value(samples, "fcbox_instances_created_total") == 1


def test_durations_are_histograms_by_phase(served: Served) -> None:
    served.invoke(b'{"sleep": 0.03}')
    samples = scrape(served)
    name = "fcbox_phase_duration_seconds"

    for phase, count in (("initialize", 1), ("invoke", 1), ("prestop", 0)):
        assert value(samples, f"{name}_count", phase=phase) == count
        assert value(samples, f"{name}_bucket", phase=phase, le="+Inf") == count
    assert value(samples, f"{name}_bucket", phase="invoke", le="0.025") == 0
    assert 0.03 <= value(samples, f"{name}_sum", phase="invoke") < 5


def test_what_is_there_now(served: Served) -> None:
    served.invoke()
    samples = scrape(served)

    assert value(samples, "fcbox_instances", state="IDLE") == 1
    assert value(samples, "fcbox_instances", state="INVOKING") == 0
    assert value(samples, "fcbox_queued_requests") == 0
    assert value(samples, "fcbox_memory_limit_bytes") == 128 << 20
    peak = value(samples, "fcbox_memory_peak_bytes")
    assert 1 << 20 < peak < value(samples, "fcbox_memory_limit_bytes")
    assert value(samples, "fcbox_memory_resident_bytes") > 1 << 20
    assert samples["process_resident_memory_bytes", ()] > 1 << 20


def test_a_request_that_waits_is_in_the_queue(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    source = f"""
        import os, time

        def handler(event, context):
            while not os.path.exists("{gate}"):
                time.sleep(0.002)
    """
    box = {"functions": {"f": {"maxInstances": 1}}}
    config = write_config(tmp_path, source, box=box)
    with serving(tmp_path, config) as served:
        connections = [served.begin(), served.begin()]

        def is_one_of_two_waiting() -> bool:
            samples = scrape(served)
            busy = value(samples, "fcbox_instances", state="INVOKING")
            return busy == value(samples, "fcbox_queued_requests") == 1

        wait_until(is_one_of_two_waiting, "one request to run and one to wait")
        gate.touch()
        for connection in connections:
            assert read_answer(connection).status == 200
            connection.close()

        assert value(scrape(served), "fcbox_queued_requests") == 0


def test_openmetrics_for_who_asks_for_it(served: Served) -> None:
    served.invoke()
    page = served.ask("GET", "/metrics", None, OPENMETRICS)
    text = page.body.decode()
    families = openmetrics.text_string_to_metric_families(text)

    assert page.headers["content-type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert {"fcbox_invocations", "fcbox_phase_duration_seconds"} <= {f.name for f in families}


def test_names_follow_the_conventions(served: Served) -> None:
    """Base units, `_total` for counters and for nothing else, and a help for each."""
    families = text_string_to_metric_families(served.ask("GET", "/metrics").body.decode())
    ours = [family for family in families if family.name.startswith("fcbox_")]

    assert len(ours) >= 11
    for family in ours:
        assert family.documentation.endswith(".")
        names = {sample.name for sample in family.samples}
        assert (family.type == "counter") == any(name.endswith("_total") for name in names)
        assert not [word for word in family.name.split("_") if word in ("ms", "mb", "kb", "count")]


def test_health_starts_nothing(served: Served) -> None:
    answer = served.ask("GET", "/healthz")

    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "state": "serving",
        "functions": {"f": {"ready": True, "instances": 0, "idle": 0, "queued": 0}},
    }
    assert served.instances() == []


def test_health_shows_what_is_warm(served: Served) -> None:
    served.invoke()

    functions = served.ask("GET", "/healthz").json["functions"]
    assert functions == {"f": {"ready": True, "instances": 1, "idle": 1, "queued": 0}}
