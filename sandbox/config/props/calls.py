"""How a function may be called: its triggers, asyncInvokeConfig and concurrency -> FunctionSpec.

The values were checked by `models` and `checks`. What was wrong there has its finding, and counts
as absent here.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from sandbox.config.props.fields import Model
from sandbox.config.props.models import AsyncInvoke, Props
from sandbox.config.props.triggers import HttpConfig, TimerConfig, Trigger
from sandbox.core.spec import AsyncSettings, FunctionSpec, HttpTrigger, TimerTrigger

__all__ = ["with_calls"]

ModelT = TypeVar("ModelT", bound=Model)


def with_calls(spec: FunctionSpec, props: Props) -> FunctionSpec:
    """The spec with what calls the function, and what it is called like."""
    triggers = props.triggers or []
    concurrency = props.concurrency_config
    return spec._replace(
        http_triggers=tuple(_http(each) for each in triggers if each.trigger_type == "http"),
        timers=tuple(_timer(each) for each in triggers if each.trigger_type == "timer"),
        asynchronous=_asynchronous(props.async_invoke_config),
        reserved_concurrency=(concurrency and concurrency.reserved_concurrency) or 0,
        description=props.description if isinstance(props.description, str) else "",
    )


def _http(trigger: Trigger) -> HttpTrigger:
    config = _config(trigger, HttpConfig)
    default = HttpTrigger()
    return HttpTrigger(
        trigger.trigger_name or default.name,
        tuple(dict.fromkeys(config.methods or ())),
        config.auth_type or default.auth_type,
    )


def _timer(trigger: Trigger) -> TimerTrigger:
    config = _config(trigger, TimerConfig)
    return TimerTrigger(
        trigger.trigger_name or "timer",
        config.cron_expression or "",
        config.payload or "",
        config.enable is not False,
    )


def _config(trigger: Trigger, model: type[ModelT]) -> ModelT:
    try:
        return model.model_validate(trigger.trigger_config or {})
    except ValidationError:  # an error of the file: nothing of it runs
        return model()


def _asynchronous(given: AsyncInvoke | None) -> AsyncSettings:
    default = AsyncSettings()
    if given is None:
        return default
    retries, age_s = given.max_async_retry_attempts, given.max_async_event_age_in_seconds
    return AsyncSettings(
        default.max_retries if retries is None else retries,
        float(age_s or default.max_age_s),
        _destination(given.destination_config, "onSuccess"),
        _destination(given.destination_config, "onFailure"),
        given.async_task in (True, "true"),
    )


def _destination(given: Any, key: str) -> str:
    """As it is written; the cloud's own check is not repeated here."""
    found = given.get(key) if isinstance(given, dict) else None
    text = found.get("destination") if isinstance(found, dict) else None
    return text if isinstance(text, str) else ""
