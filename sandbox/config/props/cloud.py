"""The shapes of the props that only the cloud reads. No value in them can be wrong here; they exist
for slips in the keys, and for editors."""

from __future__ import annotations

from sandbox.config.props.fields import ListOf, Shape

__all__ = [
    "ANNOTATIONS",
    "CODE_LOCATION",
    "CUSTOM_CONTAINER",
    "CUSTOM_DNS",
    "CUSTOM_DOMAIN",
    "GPU",
    "HEALTH_CHECK",
    "LOGS",
    "SCALING_POLICY",
    "SCHEDULED_ACTION",
    "SCHEDULED_POLICY",
    "SESSION_AFFINITY",
    "TAG",
    "TARGET_TRACKING",
    "TRACING",
    "VPC",
    "VPC_BINDING",
]

START = "when it begins, such as 2025-01-01T00:00:00Z"
END = "when it ends, such as 2025-12-31T00:00:00Z"
ZONE = "a time zone such as Asia/Shanghai"
SCHEDULE = "a text such as cron(0 0 4 * * *) or at(2025-01-01T00:00:00)"
METRIC = "a metric such as CPUUtilization"

CODE_LOCATION = Shape(
    {
        "src": "a directory or a .zip file",
        "ossBucketName": "the bucket that holds the code",
        "ossObjectName": "the object in the bucket",
    }
)

HEALTH_CHECK = Shape(
    {
        "httpGetUrl": "the path that is asked, such as /ready",
        "initialDelaySeconds": "seconds before the first check, 0 to 120",
        "periodSeconds": "seconds between two checks, 1 to 120",
        "timeoutSeconds": "seconds that a check may take, 1 to 3",
        "failureThreshold": "failures in a row that count, 1 to 120",
        "successThreshold": "successes in a row that count, 1 to 120",
    }
)

REGISTRY_AUTH = Shape(
    {
        "userName": "the name to log in with",
        "password": "the password to log in with",
    }
)

REGISTRY_CERT = Shape(
    {
        "insecure": "true: certificates are not verified",
        "rootCaCertBase64": "a root certificate, in base64",
    }
)

REGISTRY_NETWORK = Shape(
    {
        "vpcId": "the VPC of the registry",
        "vSwitchId": "a vSwitch of the VPC",
        "securityGroupId": "a security group of the VPC",
    }
)

REGISTRY = Shape(
    {
        "authConfig": ("a map of userName and password", REGISTRY_AUTH),
        "certConfig": ("a map of insecure and rootCaCertBase64", REGISTRY_CERT),
        "networkConfig": ("a map of vpcId, vSwitchId, securityGroupId", REGISTRY_NETWORK),
    }
)

CUSTOM_CONTAINER = Shape(
    {
        "image": "the address of an image",
        "port": "the port that the server listens on",
        "entrypoint": "a list of texts",
        "command": "a list of texts",
        "acrInstanceId": "the id of an instance of ACR",
        "accelerationType": "Default or None",
        "healthCheckConfig": ("how the server is checked", HEALTH_CHECK),
        "registryConfig": ("how an image of another registry is got", REGISTRY),
    }
)

LOGS = Shape(
    {
        "project": "the name of a log project",
        "logstore": "the name of a log store",
        "enableRequestMetrics": "true or false",
        "enableInstanceMetrics": "true or false",
        "logBeginRule": "DefaultRegex or None",
    }
)

VPC = Shape(
    {
        "vpcId": "the id of a VPC, or auto",
        "vSwitchIds": "a list of vSwitches, or auto",
        "securityGroupId": "the id of a security group",
        "role": "the ARN of a role",
    }
)

VPC_BINDING = Shape(
    {
        "vpcIds": "a list of VPCs that may call the function",
    }
)

GPU = Shape(
    {
        "gpuType": "a type such as fc.gpu.tesla.1 or fc.gpu.ampere.1",
        "gpuMemorySize": "MB of GPU memory, in steps of 1024",
    }
)

JAEGER = Shape(
    {
        "endpoint": "the address of Jaeger",
    }
)

TRACING = Shape(
    {
        "type": "Jaeger",
        "params": "parameters of the tracer",
        "jaegerConfig": ("a map with endpoint", JAEGER),
    }
)

DNS_OPTION = Shape(
    {
        "name": "an option of resolv.conf",
        "value": "its value",
    }
)

CUSTOM_DNS = Shape(
    {
        "nameServers": "a list of name servers",
        "searches": "a list of search domains",
        "dnsOptions": ("a list of maps of name and value", ListOf(DNS_OPTION)),
    }
)

TAG = Shape(
    {
        "key": "the name of the tag",
        "value": "its value",
    }
)

ANNOTATIONS = Shape(
    {
        "headers": "a map of headers",
    }
)

SESSION_AFFINITY = Shape(
    {
        "affinityHeaderFieldName": "the header that carries the session",
        "sessionConcurrencyPerInstance": "sessions of an instance at a time",
        "sessionIdleTimeoutInSeconds": "seconds that a session may be idle",
        "sessionTTLInSeconds": "seconds that a session lives",
        "sseEndpointPath": "the path of server-sent events",
    }
)

CUSTOM_DOMAIN = Shape(
    {
        "domainName": "a domain name, or auto",
        "protocol": "HTTP, HTTPS, or HTTP,HTTPS",
        "route": "a map of path, qualifier, methods and rewriteConfig",
        "authConfig": "a map of authType and authInfo",
        "certConfig": "a map of certName, certificate and privateKey",
        "tlsConfig": "a map of cipherSuites, minVersion and maxVersion",
        "wafConfig": "a map with enableWAF",
    }
)

SCHEDULED_ACTION = Shape(
    {
        "name": "the name of the action",
        "startTime": START,
        "endTime": END,
        "target": "how many instances",
        "scheduleExpression": SCHEDULE,
        "timeZone": ZONE,
    }
)

TARGET_TRACKING = Shape(
    {
        "name": "the name of the policy",
        "startTime": START,
        "endTime": END,
        "metricType": METRIC,
        "metricTarget": "the value to be kept",
        "minCapacity": "the fewest instances",
        "maxCapacity": "the most instances",
        "timeZone": ZONE,
    }
)

SCALING_POLICY = Shape(
    {
        "name": "the name of the policy",
        "startTime": START,
        "endTime": END,
        "metricType": METRIC,
        "metricTarget": "the value to be kept",
        "minInstances": "the fewest instances",
        "maxInstances": "the most instances",
        "timeZone": ZONE,
    }
)

SCHEDULED_POLICY = Shape(
    {
        "name": "the name of the policy",
        "startTime": START,
        "endTime": END,
        "target": "how many instances",
        "scheduleExpression": SCHEDULE,
        "timeZone": ZONE,
    }
)
