"""The models of triggers. What `triggerConfig` holds depends on `triggerType`.

Only http and timer exist here, so only theirs are checked; the others are for editors.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from sandbox.config.props.cron import CRON_PATTERN
from sandbox.config.props.fields import Flag, Kind, Model, Shape, told

__all__ = ["LOCAL_TRIGGERS", "TRIGGER_CONFIGS", "HttpConfig", "TimerConfig", "Trigger"]

Method = Literal["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
Cron = Annotated[str, WithJsonSchema({"type": "string", "pattern": CRON_PATTERN})]


class HttpConfig(Model):
    methods: list[Method] | None = Field(
        default=None, description="a list of GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH"
    )
    auth_type: Literal["anonymous", "function", "jwt"] | None = Field(
        default=None, description="anonymous, function or jwt"
    )
    disable_url_internet: Flag | None = Field(
        default=None, alias="disableURLInternet", description="true or false"
    )
    auth_config: Any = told("what jwt needs: jwks, tokenLookup, claimPassBy")


class TimerConfig(Model):
    cron_expression: Cron | None = Field(
        default=None, description="a text such as 0 0 4 * * * or @every 5m"
    )
    enable: Flag | None = Field(default=None, description="true or false")
    payload: str | None = Field(default=None, description="a text")


OSS_KEY = Shape(
    {
        "prefix": "what an object's name begins with",
        "suffix": "what an object's name ends with",
    }
)

OSS_FILTER = Shape(
    {
        "key": ("a map of prefix and suffix", OSS_KEY),
    }
)

OSS_CONFIG = Shape(
    {
        "events": "a list of events such as oss:ObjectCreated:*",
        "filter": ("a map with key", OSS_FILTER),
    }
)

LOG_JOB = Shape(
    {
        "maxRetryTime": "how often a failed call is tried again, 0 to 100",
        "triggerInterval": "seconds between two calls, 3 to 600",
    }
)

LOG_STORE = Shape(
    {
        "project": "the name of a log project",
        "logstore": "the name of a log store",
    }
)

LOG_SOURCE = Shape(
    {
        "logstore": "the log store whose records call the function",
    }
)

LOG_TRIGGER_CONFIG = Shape(
    {
        "enable": "true or false",
        "functionParameter": "a map that the event carries as its parameter",
        "jobConfig": ("a map of maxRetryTime and triggerInterval", LOG_JOB),
        "logConfig": ("where the trigger writes its own log", LOG_STORE),
        "sourceConfig": ("a map with logstore", LOG_SOURCE),
    }
)

MNS_CONFIG = Shape(
    {
        "filterTag": "only messages with this tag, at most 16 characters",
        "notifyContentFormat": "STREAM or JSON",
        "notifyStrategy": "BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY",
    }
)

CDN_FILTER = Shape(
    {
        "domain": "a list of domain names",
    }
)

CDN_CONFIG = Shape(
    {
        "eventName": "a text such as LogFileCreated",
        "eventVersion": "a text such as 1.0.0",
        "notes": "a text",
        "filter": ("a map with domain", CDN_FILTER),
    }
)

TABLESTORE_CONFIG = Shape({})

EVENT_SOURCE = Shape(
    {
        "eventSourceType": "Default, MNS, RocketMQ, RabbitMQ, Kafka or DTS",
        "eventSourceParameters": "a map that depends on the type",
    }
)

EVENT_SINK = Shape(
    {
        "deliveryOption": "a map of mode and eventSchema",
    }
)

EVENT_BRIDGE_CONFIG = Shape(
    {
        "triggerEnable": "true or false",
        "asyncInvocationType": "true or false",
        "eventRuleFilterPattern": "a pattern of events, as JSON text",
        "eventSourceConfig": ("a map of eventSourceType and its parameters", EVENT_SOURCE),
        "eventSinkConfig": ("a map with deliveryOption", EVENT_SINK),
        "runOptions": "a map of mode, batchWindow, retryStrategy and more",
    }
)


TRIGGER_CONFIGS: dict[str, Kind] = {
    "http": HttpConfig,
    "timer": TimerConfig,
    "oss": OSS_CONFIG,
    "log": LOG_TRIGGER_CONFIG,
    "mns_topic": MNS_CONFIG,
    "cdn_events": CDN_CONFIG,
    "tablestore": TABLESTORE_CONFIG,
    "eventbridge": EVENT_BRIDGE_CONFIG,
}
"""What `triggerConfig` holds, for each `triggerType`."""

LOCAL_TRIGGERS = ("http", "timer")


class Trigger(Model):
    trigger_name: str | None = Field(default=None, description="a text")
    trigger_type: str | None = Field(
        default=None,
        description="a text such as http or timer",
        json_schema_extra={"examples": list(TRIGGER_CONFIGS)},
    )
    trigger_config: dict[str, Any] | None = Field(
        default=None, description="a map that depends on triggerType"
    )
    description: Any = told("what the trigger is for")
    qualifier: Any = told("the version or alias that is called, such as LATEST")
    source_arn: Any = told("the ARN of the source of events")
    invocation_role: Any = told("the ARN of the role that may call the function")
