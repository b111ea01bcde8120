"""The operations of 2023-03-30."""

from sandbox.http.management import functions, settings, tasks, triggers
from sandbox.http.management.calls import Call
from sandbox.http.management.operations import Answer, Operation

__all__ = ["OPERATIONS"]

F = "/functions/{function}"


async def _no_versions(call: Call) -> Answer:
    call.check_exists()
    return {"versions": [], "direction": "BACKWARD", "nextToken": ""}


async def _no_aliases(call: Call) -> Answer:
    call.check_exists()
    return {"aliases": [], "nextToken": ""}


OPERATIONS = (
    Operation("ListFunctions", "GET", "/functions", functions.list_functions),
    Operation("CreateFunction", "POST", "/functions", functions.create_function),
    Operation("GetFunction", "GET", F, functions.get_function),
    Operation("UpdateFunction", "PUT", F, functions.update_function),
    Operation("DeleteFunction", "DELETE", F, functions.delete_function),
    Operation("GetFunctionCode", "GET", f"{F}/code", functions.get_code),
    Operation("ListInstances", "GET", f"{F}/instances", functions.list_instances),
    Operation("ListTriggers", "GET", f"{F}/triggers", triggers.list_triggers),
    Operation("CreateTrigger", "POST", f"{F}/triggers", triggers.create_trigger),
    Operation("GetTrigger", "GET", f"{F}/triggers/{{trigger}}", triggers.get_trigger),
    Operation("UpdateTrigger", "PUT", f"{F}/triggers/{{trigger}}", triggers.update_trigger),
    Operation("DeleteTrigger", "DELETE", f"{F}/triggers/{{trigger}}", triggers.delete_trigger),
    Operation("ListFunctionVersions", "GET", f"{F}/versions", _no_versions),
    Operation("PublishFunctionVersion", "POST", f"{F}/versions", why="published versions are"),
    Operation("DeleteFunctionVersion", "DELETE", f"{F}/versions/{{version}}",
              functions.no_version),
    Operation("ListAliases", "GET", f"{F}/aliases", _no_aliases),
    Operation("CreateAlias", "POST", f"{F}/aliases", why="aliases are"),
    Operation("GetAlias", "GET", f"{F}/aliases/{{alias}}", functions.no_alias),
    Operation("UpdateAlias", "PUT", f"{F}/aliases/{{alias}}", functions.no_alias),
    Operation("DeleteAlias", "DELETE", f"{F}/aliases/{{alias}}", functions.no_alias),
    Operation("GetAsyncInvokeConfig", "GET", f"{F}/async-invoke-config",
              settings.get_async_config),
    Operation("PutAsyncInvokeConfig", "PUT", f"{F}/async-invoke-config",
              settings.put_async_config),
    Operation("DeleteAsyncInvokeConfig", "DELETE", f"{F}/async-invoke-config",
              settings.delete_async_config),
    Operation("ListAsyncInvokeConfigs", "GET", "/async-invoke-configs",
              settings.list_async_configs),
    Operation("ListAsyncTasks", "GET", f"{F}/async-tasks", tasks.list_tasks),
    Operation("GetAsyncTask", "GET", f"{F}/async-tasks/{{task}}", tasks.get_task),
    Operation("StopAsyncTask", "PUT", f"{F}/async-tasks/{{task}}/stop", tasks.stop_task),
    Operation("GetConcurrencyConfig", "GET", f"{F}/concurrency", settings.get_concurrency),
    Operation("PutConcurrencyConfig", "PUT", f"{F}/concurrency", settings.put_concurrency),
    Operation("DeleteConcurrencyConfig", "DELETE", f"{F}/concurrency",
              settings.delete_concurrency),
    Operation("ListConcurrencyConfigs", "GET", "/concurrency-configs", settings.list_concurrency),
    Operation("GetProvisionConfig", "GET", f"{F}/provision-config", settings.get_provision),
    Operation("PutProvisionConfig", "PUT", f"{F}/provision-config", settings.put_provision),
    Operation("DeleteProvisionConfig", "DELETE", f"{F}/provision-config",
              settings.delete_provision),
    Operation("ListProvisionConfigs", "GET", "/provision-configs", settings.list_provision),
    Operation("GetScalingConfig", "GET", f"{F}/scaling-config", settings.get_scaling),
    Operation("PutScalingConfig", "PUT", f"{F}/scaling-config", settings.put_scaling),
    Operation("DeleteScalingConfig", "DELETE", f"{F}/scaling-config", settings.delete_provision),
    Operation("ListScalingConfigs", "GET", "/scaling-configs", settings.list_scaling),
    Operation("DisableFunctionInvocation", "POST", f"{F}/invoke/disable",
              why="stopping invocations is"),
    Operation("EnableFunctionInvocation", "POST", f"{F}/invoke/enable",
              why="stopping invocations is"),
    Operation("ListVpcBindings", "GET", f"{F}/vpc-bindings", why="VPCs are"),
    Operation("CreateVpcBinding", "POST", f"{F}/vpc-bindings", why="VPCs are"),
    Operation("DeleteVpcBinding", "DELETE", f"{F}/vpc-bindings/{{vpc}}", why="VPCs are"),
    Operation("ListSessions", "GET", f"{F}/sessions", why="sessions are"),
    Operation("CreateSession", "POST", f"{F}/sessions", why="sessions are"),
    Operation("GetSession", "GET", f"{F}/sessions/{{session}}", why="sessions are"),
    Operation("UpdateSession", "PUT", f"{F}/sessions/{{session}}", why="sessions are"),
    Operation("DeleteSession", "DELETE", f"{F}/sessions/{{session}}", why="sessions are"),
    Operation("PauseSession", "PUT", f"{F}/sessions/{{session}}/pause", why="sessions are"),
    Operation("ResumeSession", "PUT", f"{F}/sessions/{{session}}/resume", why="sessions are"),
    Operation("ListSnapshots", "GET", "/snapshots", why="snapshots are"),
    Operation("CreateSnapshot", "POST", f"{F}/snapshots", why="snapshots are"),
    Operation("GetSnapshot", "GET", f"{F}/snapshots/{{snapshot}}", why="snapshots are"),
    Operation("DeleteSnapshot", "DELETE", f"{F}/snapshots/{{snapshot}}", why="snapshots are"),
    Operation("ListCustomDomains", "GET", "/custom-domains", why="custom domains are"),
    Operation("CreateCustomDomain", "POST", "/custom-domains", why="custom domains are"),
    Operation("GetCustomDomain", "GET", "/custom-domains/{domain}", why="custom domains are"),
    Operation("UpdateCustomDomain", "PUT", "/custom-domains/{domain}", why="custom domains are"),
    Operation("DeleteCustomDomain", "DELETE", "/custom-domains/{domain}",
              why="custom domains are"),
    Operation("ListLayers", "GET", "/layers", why="layers in the cloud are"),
    Operation("ListLayerVersions", "GET", "/layers/{layer}/versions",
              why="layers in the cloud are"),
    Operation("CreateLayerVersion", "POST", "/layers/{layer}/versions",
              why="layers in the cloud are"),
    Operation("GetLayerVersion", "GET", "/layers/{layer}/versions/{version}",
              why="layers in the cloud are"),
    Operation("DeleteLayerVersion", "DELETE", "/layers/{layer}/versions/{version}",
              why="layers in the cloud are"),
    Operation("PutLayerACL", "PUT", "/layers/{layer}/acl", why="layers in the cloud are"),
    Operation("GetLayerVersionByArn", "GET", "/layerarn/{arn:path}",
              why="layers in the cloud are"),
    Operation("ListTagResources", "GET", "/tags-v2", why="tags are"),
    Operation("TagResources", "POST", "/tags-v2", why="tags are"),
    Operation("UntagResources", "DELETE", "/tags-v2", why="tags are"),
    Operation("ChangeResourceGroup", "PUT", "/resource-groups", why="resource groups are"),
    Operation("DescribeRegions", "GET", "/regions", why="regions are"),
)  # fmt: skip
