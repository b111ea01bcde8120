"""Checks of props that go beyond one value: triggers, and what must fit together."""

from __future__ import annotations

from sandbox.config.messages.findings import Findings, near
from sandbox.config.messages.texts import phrase
from sandbox.config.props.cron import cron_problem
from sandbox.config.props.fields import Shape
from sandbox.config.props.models import Props
from sandbox.config.props.triggers import LOCAL_TRIGGERS, TRIGGER_CONFIGS, TimerConfig
from sandbox.config.props.validation import report_keys, validated
from sandbox.config.text.source import Node, child, is_broken, items

__all__ = ["report_checks"]

MB_PER_GB = 1024
MAX_GB_PER_CPU = 4
ROUNDING = 1e-9


def report_checks(node: Node, props: Props, findings: Findings) -> None:
    """`node` are the resolved props as they stand in the file, `props` what became of them."""
    _report_triggers(child(node, "triggers"), findings)
    _report_ratio(node, props, findings)
    _report_pre_freeze(child(node, "instanceLifecycleConfig"), findings)


def _report_pre_freeze(lifecycle: Node | None, findings: Findings) -> None:
    hooks = lifecycle.value if lifecycle is not None else None
    if isinstance(hooks, dict) and child(lifecycle, "preFreeze") is not None:
        findings.add("FCB356", hooks["preFreeze"].key)


# --- triggers ---------------------------------------------------------------------------------


def _report_triggers(triggers: Node | None, findings: Findings) -> None:
    lines: dict[str, int] = {}
    for number, trigger in enumerate(items(triggers)):
        if isinstance(trigger.value, dict):
            _report_trigger(f"triggers.{number}", trigger, findings)
            _report_same_name(trigger, lines, findings)


def _report_same_name(trigger: Node, lines: dict[str, int], findings: Findings) -> None:
    name = child(trigger, "triggerName")
    if name is None or not isinstance(name.value, str):
        return
    if name.value in lines:
        findings.add("FCB351", name, name=name.value, line=lines[name.value])
    lines.setdefault(name.value, name.span.source.position(name.span.start)[0])


def _report_trigger(path: str, trigger: Node, findings: Findings) -> None:
    missing = [key for key in ("triggerName", "triggerType") if child(trigger, key) is None]
    kind = child(trigger, "triggerType")
    if kind is None or kind.value in LOCAL_TRIGGERS:
        for key in missing:
            findings.add("FCB354", trigger, trigger=path, key=key)
    if kind is None or not isinstance(kind.value, str):
        return  # another value than a text has its finding
    if kind.value not in TRIGGER_CONFIGS and findings.is_slip(kind.value, TRIGGER_CONFIGS):
        findings.add("FCB355", kind, kind=kind.value, advice=near(kind.value, TRIGGER_CONFIGS))
    elif kind.value not in LOCAL_TRIGGERS:
        what = phrase("a trigger of type {kind}", kind=kind.value)
        findings.add("FCB314", kind, key=what)
    _report_config(path, kind.value, trigger, findings)


def _report_config(path: str, kind: str, trigger: Node, findings: Findings) -> None:
    config, expected = child(trigger, "triggerConfig"), TRIGGER_CONFIGS.get(kind)
    if config is not None and isinstance(config.value, dict):
        if isinstance(expected, Shape):
            report_keys(config, expected, findings)
        elif expected is not None:
            validated(config, expected, f"{path}.triggerConfig", findings)
    if expected is TimerConfig and not is_broken(config):
        _report_cron(path, trigger, child(config, "cronExpression"), findings)


def _report_cron(path: str, trigger: Node, cron: Node | None, findings: Findings) -> None:
    if cron is None:
        findings.add("FCB353", trigger, trigger=path)
    elif isinstance(cron.value, str):
        problem = cron_problem(cron.value)
        if problem is not None:
            findings.add("FCB350", cron, text=cron.value, problem=problem)


# --- cpu and memory ---------------------------------------------------------------------------


def _report_ratio(node: Node, props: Props, findings: Findings) -> None:
    """Only when both are given: without one of them the cloud takes one that fits. A GPU function
    has limits of its own."""
    cpu, memory = child(node, "cpu"), child(node, "memorySize")
    if cpu is None or memory is None or props.cpu is None or child(node, "gpuConfig"):
        return
    most = props.memory_size / MB_PER_GB
    least = most / MAX_GB_PER_CPU
    if not least - ROUNDING <= props.cpu <= most + ROUNDING:
        findings.add("FCB352", cpu, cpu=f"{props.cpu:g}", memory=props.memory_size,
                     least=f"{least:.4g}", most=f"{most:.4g}")  # fmt: skip
