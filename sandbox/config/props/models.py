"""The resource props of fc3 and the `fcbox:` key, as pydantic models.

What fcbox reads is checked; what only the cloud reads is known, described, and never wrong. See
`fields` for the two kinds, and `triggers`, `mounting` and `cloud` for what is inside.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from sandbox.config.code.interpreters import CUSTOM_RUNTIMES, RUNTIMES
from sandbox.config.props import cloud
from sandbox.config.props.fields import (
    Auto,
    Flag,
    ListOf,
    Model,
    Number,
    Shape,
    Whole,
    also,
    item_model,
    known_keys,
    named_model,
    nested_model,
    told,
)
from sandbox.config.props.mounting import POLAR_FS_CONFIG, NasConfig, OssMountConfig
from sandbox.config.props.triggers import LOCAL_TRIGGERS, Trigger

__all__ = [
    "ACCEPTED_SILENTLY",
    "FC2_KEYS",
    "LOCAL_TRIGGERS",
    "NAME_PATTERN",
    "WITHOUT_EFFECT",
    "Box",
    "BoxFunction",
    "Hook",
    "Model",
    "MountPath",
    "Props",
    "Trigger",
    "item_model",
    "known_keys",
    "named_model",
    "nested_model",
]

ACCEPTED_SILENTLY = frozenset((
    "tags", "internetAccess", "customDNS", "tracingConfig", "annotations",
    "role", "logConfig", "vpcConfig", "customDomain", "aliases",
    "resourceGroupId", "endpoint", "supplement",
))  # fmt: skip
"""What makes no difference to a function that runs locally."""

WITHOUT_EFFECT = frozenset((
    "gpuConfig", "sessionAffinity", "sessionAffinityConfig", "instanceIsolationMode",
    "enableLongLiving", "customContainerConfig", "vpcBinding", "disableOndemand",
    "microSandboxConfig", "polarFsConfig", "juiceFsConfig", "artifact",
))  # fmt: skip
"""What could make a difference, and has none here: one warning each."""

FC2_KEYS = frozenset(("initializer", "initializationTimeout"))
"""Keys of FC 2.0 that are still found in 3.0 files, where the cloud ignores them."""

DISK_SIZES_MB = (512, 10240)

OTHER_RUNTIMES = (
    "custom-container",
    "nodejs20", "nodejs18", "nodejs16", "nodejs14", "nodejs12", "nodejs10", "nodejs8",
    "java11", "java8", "go1", "php7.2", "dotnetcore3.1", "dotnetcore2.1", "python2.7",
)  # fmt: skip
"""The cloud's, which do not run here."""

REGIONS = (
    "cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-chengdu", "cn-hongkong",
    "cn-zhangjiakou", "cn-qingdao", "cn-huhehaote", "cn-wulanchabu", "ap-southeast-1",
    "ap-southeast-3", "ap-southeast-5", "ap-southeast-7", "ap-northeast-1", "ap-northeast-2",
    "eu-central-1", "eu-west-1", "us-east-1", "us-west-1", "me-central-1",
)  # fmt: skip
"""Regions that an editor offers; any text is one."""


def _disk_size(value: int) -> int:
    if value not in DISK_SIZES_MB:
        raise ValueError("not a size that can be had")
    return value


NAME_PATTERN = r"^[A-Za-z_](\$?[A-Za-z0-9_-]){0,63}$"
"""A dollar sign stands between a service and its function, and never at an end."""
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]
DiskSize = Annotated[
    Whole, AfterValidator(_disk_size), WithJsonSchema({"enum": list(DISK_SIZES_MB)})
]
Environment = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }
    ),
]

Level = Literal["none", "process", "strict"]
Network = Literal["host", "off"]

PORT = "a port from 1 to 65535"
TEXTS = "a list of texts"
FILE_FUNCTION = "a text of the form file.function"
SECONDS = "a number of seconds from 1 to 86400"
TRUE_OR_FALSE = "true or false"
HOST_OR_OFF = "host or off"


class Hook(Model):
    """One of instanceLifecycleConfig: `initializer`, `preStop` or `preFreeze`."""

    handler: str | None = Field(default=None, description=FILE_FUNCTION)
    timeout: Number | None = Field(
        default=None, ge=1, le=300, description="a number of seconds from 1 to 300"
    )
    command: list[str] | None = Field(
        default=None, description="a list of texts, for custom runtimes"
    )


class PreStop(Hook):
    timeout: Number | None = Field(
        default=None, ge=1, le=90, description="a number of seconds from 1 to 90"
    )


class PreFreeze(PreStop):
    """A hook of FC 2.0."""


HOOK = "a map of handler and timeout"


class Lifecycle(Model):
    initializer: Hook | None = Field(default=None, description=HOOK)
    pre_stop: PreStop | None = Field(default=None, description=HOOK)
    pre_freeze: PreFreeze | None = Field(default=None, description=HOOK)


DESTINATION = Shape(
    {
        "destination": "the ARN of a function, a queue or a topic",
    }
)

DESTINATIONS = Shape(
    {
        "onSuccess": ("a map with destination", DESTINATION),
        "onFailure": ("a map with destination", DESTINATION),
    }
)


class AsyncInvoke(Model):
    max_async_retry_attempts: Whole | None = Field(
        default=None, ge=0, le=8, description="a whole number from 0 to 8"
    )
    max_async_event_age_in_seconds: Whole | None = Field(
        default=None, ge=1, le=2592000, description="a whole number of seconds from 1 to 2592000"
    )
    destination_config: Annotated[Any, DESTINATIONS] = told("a map of onSuccess and onFailure")
    async_task: Any = told("true or false")
    qualifier: Any = told("a version or alias, such as LATEST")


class Concurrency(Model):
    reserved_concurrency: Whole | None = Field(
        default=None, ge=1, le=1000, description="a whole number from 1 to 1000"
    )


class Provision(Model):
    default_target: Whole | None = Field(
        default=None, ge=0, le=1000, description="a whole number from 0 to 1000"
    )
    always_allocate_cpu: Any = told("true or false", alias="alwaysAllocateCPU")
    always_allocate_gpu: Any = told("true or false", alias="alwaysAllocateGPU")
    scheduled_actions: Annotated[Any, ListOf(cloud.SCHEDULED_ACTION)] = told("a list of actions")
    target_tracking_policies: Annotated[Any, ListOf(cloud.TARGET_TRACKING)] = told(
        "a list of policies"
    )
    qualifier: Any = told("a version or alias, such as LATEST")


class Scaling(Model):
    min_instances: Whole | None = Field(
        default=None, ge=0, le=1000, description="a whole number from 0 to 1000"
    )
    resident_pool_id: Any = told("the id of a pool of instances")
    horizontal_scaling_policies: Annotated[Any, ListOf(cloud.SCALING_POLICY)] = told(
        "a list of policies"
    )
    scheduled_policies: Annotated[Any, ListOf(cloud.SCHEDULED_POLICY)] = told("a list of policies")
    enable_on_demand_scaling: Any = told("true or false")


class HealthCheck(Model):
    """customRuntimeConfig.healthCheckConfig."""

    http_get_url: str | None = Field(default=None, description="a path such as /ready")
    initial_delay_seconds: Number = Field(
        default=0.0, ge=0, le=120, description="a number of seconds from 0 to 120"
    )
    period_seconds: Number = Field(
        default=3.0, ge=1, le=120, description="a number of seconds from 1 to 120"
    )
    timeout_seconds: Number = Field(
        default=1.0, ge=1, le=3, description="a number of seconds from 1 to 3"
    )
    failure_threshold: Whole = Field(
        default=3, ge=1, le=120, description="a whole number from 1 to 120"
    )
    success_threshold: Whole = Field(
        default=1, ge=1, le=120, description="a whole number from 1 to 120"
    )


class CustomRuntime(Model):
    command: list[str] | None = Field(default=None, description=TEXTS)
    args: list[str] | None = Field(default=None, description=TEXTS)
    port: Whole | None = Field(default=None, ge=1, le=65535, description=PORT)
    health_check_config: HealthCheck | None = Field(
        default=None, description="a map with httpGetUrl"
    )


class Props(Model):
    """The props of fc3. The first part is what fcbox reads."""

    function_name: Name | None = Field(
        default=None,
        description="1 to 64 letters, digits, _, - and $, no digit, - or $ first, no $ last",
    )
    region: str = Field(
        default="cn-hangzhou",
        description="a text such as cn-hangzhou",
        json_schema_extra={"examples": list(REGIONS)},
    )
    runtime: str | None = Field(
        default=None,
        description="a text such as python3.10",
        json_schema_extra={"examples": [*RUNTIMES, *CUSTOM_RUNTIMES, *OTHER_RUNTIMES]},
    )
    handler: str | None = Field(default=None, description=FILE_FUNCTION)
    code: Annotated[str | dict[str, Any] | None, cloud.CODE_LOCATION] = Field(
        default=None, description="a directory"
    )
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
    disk_size: DiskSize = Field(default=512, description="512 or 10240")
    timeout: Number = Field(default=3.0, ge=1, le=86400, description=SECONDS)
    environment_variables: Environment | None = Field(default=None, description="a map of texts")
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
    idle_timeout: Number | None = Field(default=None, ge=1, le=86400, description=SECONDS)
    triggers: list[Trigger] | None = Field(default=None, description="a list of triggers")
    async_invoke_config: AsyncInvoke | None = Field(
        default=None, description="a map with maxAsyncRetryAttempts"
    )
    custom_runtime_config: CustomRuntime | None = Field(
        default=None, description="a map of command, args and port"
    )
    layers: list[str] | None = Field(default=None, description="a list of the ARNs of layers")
    nas_config: Annotated[NasConfig | None, Auto] = Field(
        default=None,
        description="a map with mountPoints, or auto",
        json_schema_extra=also({"const": "auto"}),
    )
    oss_mount_config: Annotated[OssMountConfig | None, Auto] = Field(
        default=None,
        description="a map with mountPoints, or auto",
        json_schema_extra=also({"const": "auto"}),
    )
    initializer: str | None = Field(default=None, description=FILE_FUNCTION)
    initialization_timeout: Number | None = Field(
        default=None, ge=1, le=300, description="a number of seconds from 1 to 300"
    )

    description: Any = told("what the function is for")
    role: Any = told("the ARN of a role, or auto")
    internet_access: Any = told("true or false")
    log_config: Annotated[Any, cloud.LOGS] = told("a map of project and logstore, or auto")
    vpc_config: Annotated[Any, cloud.VPC] = told(
        "a map of vpcId, vSwitchIds, securityGroupId, or auto"
    )
    vpc_binding: Annotated[Any, cloud.VPC_BINDING] = told("a map with vpcIds")
    custom_container_config: Annotated[Any, cloud.CUSTOM_CONTAINER] = told("a map with image")
    custom_dns: Annotated[Any, cloud.CUSTOM_DNS] = told("a map with nameServers", alias="customDNS")
    custom_domain: Annotated[Any, cloud.CUSTOM_DOMAIN] = told("a map with domainName")
    gpu_config: Annotated[Any, cloud.GPU] = told("a map of gpuType and gpuMemorySize")
    tracing_config: Annotated[Any, cloud.TRACING] = told("a map of type and params")
    polar_fs_config: Annotated[Any, POLAR_FS_CONFIG] = told("a map with mountPoints")
    juice_fs_config: Any = told("a map with mountPoints")
    session_affinity: Any = told("NONE, MCP_SSE, MCP_STREAMABLE, HEADER_FIELD or a cookie's kind")
    session_affinity_config: Annotated[Any, cloud.SESSION_AFFINITY] = told(
        "a map, or a text of JSON"
    )
    instance_isolation_mode: Any = told("SHARE, SESSION_EXCLUSIVE or REQUEST_EXCLUSIVE")
    enable_long_living: Any = told("true or false")
    disable_ondemand: Any = told("true or false")
    micro_sandbox_config: Any = told("a map")
    tags: Annotated[Any, ListOf(cloud.TAG)] = told("a list of maps of key and value")
    annotations: Annotated[Any, cloud.ANNOTATIONS] = told("a map with headers")
    aliases: Any = told("a list of aliases")
    resource_group_id: Any = told("the id of a resource group")
    artifact: Any = told("the name of an artifact that holds the code")
    endpoint: Any = told("the address of the API")
    supplement: Any = told("more, for later releases of the component")


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
    network: Network | None = Field(default=None, description=HOST_OR_OFF)
    freeze: Flag | None = Field(default=None, description=TRUE_OR_FALSE)


class MountPath(Model):
    """The longer form of one of fcbox.mounts."""

    path: str | None = Field(default=None, min_length=1, description="the path of a directory")
    read_only: Flag | None = Field(default=None, description=TRUE_OR_FALSE)


Mounts = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string"},
                            "readOnly": {"type": "boolean"},
                        },
                        "required": ["path"],
                    },
                ]
            },
        }
    ),
]
"""`sandbox.config.code.mounts` checks the entries."""


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
    isolation: Level = Field(default="process", description="none, process or strict")
    network: Network | None = Field(default=None, description=HOST_OR_OFF)
    freeze: Flag = Field(default=False, description=TRUE_OR_FALSE)
    timers: Flag = Field(default=False, description=TRUE_OR_FALSE)
    account_id: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None = Field(
        default=None,
        coerce_numbers_to_str=True,
        description="the digits of an account id",
        json_schema_extra=also({"type": "integer"}),
    )
    python: str | None = Field(default=None, min_length=1, description="the path of an interpreter")
    functions: dict[str, BoxFunction] = Field(
        default_factory=dict, description="a map of function names"
    )
    mounts: Mounts = Field(
        default={},
        description="a map of layers and mount points to directories of this machine",
    )
