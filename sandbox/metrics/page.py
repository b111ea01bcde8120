"""The page that Prometheus scrapes, in the format that it asks for.

Imported with the first scrape. A registry of its own: what else uses prometheus-client in this
process does not show on the page. What is a state and no count is looked at while the page is made.
"""

import platform
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from sandbox.core.lifecycle import State
from sandbox.core.outcome import Cause
from sandbox.engine.memory import rss_kb
from sandbox.metrics.tally import BOUNDS_S, Durations, Tally
from sandbox.version import __version__

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from sandbox.engine.pool import Pool
    from sandbox.engine.supervisor import Supervisor

__all__ = ["Page"]

_STATES = [state.value for state in State if state is not State.DEAD]


class Page:
    """The page of one box. `async_lengths` gives the queued asynchronous requests by function."""

    def __init__(
        self,
        supervisor: "Supervisor",
        tally: Tally,
        async_lengths: Callable[[], dict[str, int]] | None = None,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BoxCollector(supervisor, tally, async_lengths))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type; OpenMetrics for who accepts that."""
        encode, content_type = choose_encoder(accept)
        page: bytes = encode(self._registry)
        return page, content_type


class _BoxCollector(Collector):
    def __init__(
        self,
        supervisor: "Supervisor",
        tally: Tally,
        async_lengths: Callable[[], dict[str, int]] | None,
    ) -> None:
        self._supervisor = supervisor
        self._tally = tally
        self._async_lengths = async_lengths

    def describe(self) -> list[Any]:
        """Nothing: to register it must not cost a look at all instances."""
        return []

    def collect(self) -> Iterator["Metric"]:
        pools = self._supervisor.pools
        yield _build_info()
        yield _invocations(self._tally, pools)
        for name, text, key in _COUNTED:
            family = CounterMetricFamily(name, text, labels=["function"])
            for function, pool in pools.items():
                family.add_metric([function], pool.counts[key])
            yield family
        yield _durations(self._tally, pools)
        yield _instances(pools)
        for name, text, value in _GAUGES:
            yield _gauge(name, text, {each: value(pool) for each, pool in pools.items()})
        peaks = {each: self._tally.of(each).peak_kb * 1024 for each in pools}
        yield _gauge("fcbox_memory_peak_bytes", "The most that one instance has used.", peaks)
        if self._async_lengths:
            text = "Accepted asynchronous requests that wait or run."
            yield _gauge("fcbox_async_requests", text, self._async_lengths())


_COUNTED = (
    ("fcbox_requests", "Requests that were taken.", "invocations"),
    ("fcbox_cold_starts", "Instances that were started for a request.", "cold_starts"),
    ("fcbox_instances_created", "Instances that were started at all.", "created"),
)


def _resident_bytes(pool: "Pool") -> int:
    return sum(rss_kb(shell.pid) for shell in pool.shells.values() if shell.pid) * 1024


_GAUGES: tuple[tuple[str, str, "Callable[[Pool], float]"], ...] = (
    ("fcbox_queued_requests", "Requests that wait for an instance.", lambda p: p.queue_length),
    ("fcbox_memory_resident_bytes", "Resident memory of all workers.", _resident_bytes),
    ("fcbox_memory_limit_bytes", "memorySize of one instance.", lambda p: p.spec.memory_mb << 20),
)


def _build_info() -> "Metric":
    labels = {"version": __version__, "python": platform.python_version()}
    family = GaugeMetricFamily("fcbox_build_info", "Always 1.", labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _gauge(name: str, text: str, values: dict[str, float] | dict[str, int]) -> "Metric":
    family = GaugeMetricFamily(name, text, labels=["function"])
    for function, value in values.items():
        family.add_metric([function], value)
    return family


def _invocations(tally: Tally, pools: dict[str, "Pool"]) -> "Metric":
    text = "Requests by what became of them."
    family = CounterMetricFamily("fcbox_invocations", text, labels=["function", "outcome"])
    for function in pools:
        for cause in Cause:
            family.add_metric([function, cause.value], tally.of(function).outcomes[cause])
    return family


def _durations(tally: Tally, pools: dict[str, "Pool"]) -> "Metric":
    text = "How long callbacks ran."
    labels = ["function", "phase"]
    family = HistogramMetricFamily("fcbox_phase_duration_seconds", text, labels=labels)
    for function in pools:
        for phase, durations in tally.of(function).durations.items():
            family.add_metric([function, phase], _buckets(durations), durations.sum_s)
    return family


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    return list(zip(bounds, map(float, accumulate(durations.counts)), strict=True))


def _instances(pools: dict[str, "Pool"]) -> "Metric":
    text = "Instances by state of their lifecycle."
    family = GaugeMetricFamily("fcbox_instances", text, labels=["function", "state"])
    for function, pool in pools.items():
        states = [shell.state.value for shell in pool.shells.values()]
        for state in _STATES:
            family.add_metric([function, state], states.count(state))
    return family
