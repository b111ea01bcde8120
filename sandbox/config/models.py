"""The resource props of fc3 and the `fcbox:` key, as pydantic models.

A field's description says what is expected there; a finding quotes it. Null counts as absent.
Numbers may be given as text, since `${env('X')}` always gives text.
"""

from __future__ import annotations

from inspect import isclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "ACCEPTED_SILENTLY",
    "FC2_KEYS",
    "NAME_PATTERN",
    "WITHOUT_EFFECT",
    "Box",
    "BoxFunction",
    "Hook",
    "Model",
    "Props",
    "known_keys",
    "named_model",
    "nested_model",
]

ACCEPTED_SILENTLY = frozenset((
    "description", "tags", "internetAccess", "customDNS", "tracingConfig", "annotations",
    "role", "logConfig", "vpcConfig", "customRuntimeConfig", "customDomain", "aliases",
    "resourceGroupId", "endpoint", "asyncInvokeConfig",
))  # fmt: skip
"""What makes no difference to a function that runs locally."""

WITHOUT_EFFECT = frozenset((
    "gpuConfig", "sessionAffinity", "sessionAffinityConfig", "instanceIsolationMode",
    "enableLongLiving", "customContainerConfig", "vpcBinding", "disableOndemand",
    "microSandboxConfig", "layers", "nasConfig", "ossMountConfig", "polarFsConfig",
))  # fmt: skip
"""What could make a difference, and has none here: one warning each."""

FC2_KEYS = frozenset(("initializer", "initializationTimeout"))
"""Keys of FC 2.0 that are still found in 3.0 files, where the cloud ignores them."""

LOCAL_TRIGGERS = ("http", "timer")
DISK_SIZES_MB = (512, 10240)


def _no_bool(value: Any) -> Any:
    """`true` would count as 1."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _disk_size(value: int) -> int:
    if value not in DISK_SIZES_MB:
        raise ValueError("not a size that can be had")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
NAME_PATTERN = r"^[A-Za-z_$][A-Za-z0-9_$-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
DiskSize = Annotated[int, BeforeValidator(_no_bool), AfterValidator(_disk_size)]


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Hook(Model):
    """One of instanceLifecycleConfig: `initializer` or `preStop`."""

    handler: str | None = Field(default=None, description="a text of the form file.function")
    timeout: Number | None = Field(
        default=None, ge=1, le=300, description="a number of seconds from 1 to 300"
    )
    command: Any = None


class PreStop(Hook):
    timeout: Number | None = Field(
        default=None, ge=1, le=90, description="a number of seconds from 1 to 90"
    )


class Lifecycle(Model):
    initializer: Hook | None = Field(default=None, description="a map of handler and timeout")
    pre_stop: PreStop | None = Field(default=None, description="a map of handler and timeout")


class Concurrency(Model):
    reserved_concurrency: Whole | None = Field(
        default=None, ge=1, le=1000, description="a whole number from 1 to 1000"
    )


class Provision(Model):
    model_config = ConfigDict(extra="allow")
    default_target: Whole | None = Field(
        default=None, ge=0, le=1000, description="a whole number from 0 to 1000"
    )


class Scaling(Model):
    min_instances: Whole | None = Field(
        default=None, ge=0, le=1000, description="a whole number from 0 to 1000"
    )


class Trigger(Model):
    trigger_name: str | None = Field(default=None, description="a text")
    trigger_type: str | None = Field(default=None, description="a text such as http or timer")


class Props(Model):
    """What fcbox reads of a resource's props."""

    function_name: Name | None = Field(
        default=None,
        description="a text of 1 to 64 letters, digits, _, - and $, no digit or - at its beginning",
    )
    region: str = Field(default="cn-hangzhou", description="a text such as cn-hangzhou")
    runtime: str | None = Field(default=None, description="a text such as python3.10")
    handler: str | None = Field(default=None, description="a text of the form file.function")
    code: str | dict[str, Any] | None = Field(default=None, description="a directory")
    memory_size: Whole = Field(
        default=512,
        ge=128,
        le=32768,
        multiple_of=64,
        description="a multiple of 64 from 128 to 32768",
    )
    cpu: Number | None = Field(
        default=None, ge=0.05, le=16, description="a number of vCPUs from 0.05 to 16"
    )
    disk_size: DiskSize | None = Field(default=None, description="512 or 10240")
    timeout: Number = Field(
        default=3.0, ge=1, le=86400, description="a number of seconds from 1 to 86400"
    )
    environment_variables: dict[str, Any] | None = Field(default=None, description="a map of texts")
    instance_concurrency: Whole = Field(
        default=1, ge=1, le=200, description="a whole number from 1 to 200"
    )
    instance_lifecycle_config: Lifecycle | None = Field(
        default=None, description="a map of initializer and preStop"
    )
    concurrency_config: Concurrency | None = Field(
        default=None, description="a map with reservedConcurrency"
    )
    provision_config: Provision | None = Field(default=None, description="a map with defaultTarget")
    scaling_config: Scaling | None = Field(default=None, description="a map with minInstances")
    idle_timeout: Number | None = Field(
        default=None, ge=1, le=86400, description="a number of seconds from 1 to 86400"
    )
    triggers: list[Trigger] | None = Field(default=None, description="a list of triggers")
    initializer: str | None = Field(default=None, description="a text of the form file.function")
    initialization_timeout: Number | None = Field(
        default=None, ge=1, le=300, description="a number of seconds from 1 to 300"
    )


class BoxFunction(Model):
    """One of fcbox.functions."""

    max_instances: Whole | None = Field(
        default=None, ge=1, le=1000, description="a whole number from 1 to 1000"
    )
    min_instances: Whole | None = Field(
        default=None, ge=0, le=1000, description="a whole number from 0 to 1000"
    )
    idle_timeout: Number | None = Field(
        default=None, ge=1, le=86400, description="a number of seconds from 1 to 86400"
    )


class Box(Model):
    """The top-level key `fcbox`."""

    port: Whole = Field(default=9700, ge=0, le=65535, description="a port from 0 to 65535")
    spares: Whole = Field(default=0, ge=0, le=64, description="a whole number from 0 to 64")
    grace: Number = Field(
        default=2.0, ge=0, le=3600, description="a number of seconds from 0 to 3600"
    )
    dump_grace: Number = Field(
        default=0.5, ge=0, le=60, description="a number of seconds from 0 to 60"
    )
    logger_layout: Literal["doc", "runtime"] = Field(default="doc", description="doc or runtime")
    account_id: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None = Field(
        default=None, coerce_numbers_to_str=True, description="the digits of an account id"
    )
    python: str | None = Field(default=None, min_length=1, description="the path of an interpreter")
    functions: dict[str, BoxFunction] = Field(
        default_factory=dict, description="a map of function names"
    )


def known_keys(model: type[Model]) -> dict[str, str]:
    """The keys as the file spells them -> the fields of the model."""
    return {field.alias or name: name for name, field in model.model_fields.items()}


def nested_model(model: type[Model], field: str) -> type[Model] | None:
    """The model of a field that is itself a map with known keys."""
    annotation = model.model_fields[field].annotation
    return None if get_origin(annotation) is dict else _model_in(annotation)


def named_model(model: type[Model], field: str) -> type[Model] | None:
    """The model of the values of a field that is a map of names, such as `functions`."""
    annotation = model.model_fields[field].annotation
    return _model_in(annotation) if get_origin(annotation) is dict else None


def _model_in(annotation: object) -> type[Model] | None:
    classes = (each for each in get_args(annotation) if isclass(each))
    return next((each for each in classes if issubclass(each, Model)), None)
