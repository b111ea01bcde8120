"""The operations of 2021-04-06 and of 2016-08-15, which are the same but for a few addresses."""

from sandbox.http.management import functions, services, settings, tasks, triggers
from sandbox.http.management.calls import Call
from sandbox.http.management.operations import Answer, Operation

__all__ = ["OPERATIONS"]

S = "/services/{service}"
F = f"{S}/functions/{{function}}"
TASKS = "stateful-async-invocations"


async def _no_versions(call: Call) -> Answer:
    call.check_exists()
    return {"versions": [], "direction": "BACKWARD", "nextToken": ""}


async def _no_aliases(call: Call) -> Answer:
    call.check_exists()
    return {"aliases": [], "nextToken": ""}


OPERATIONS = (
    Operation("ListServices", "GET", "/services", services.list_services),
    Operation("CreateService", "POST", "/services", services.create_service),
    Operation("GetService", "GET", S, services.get_service),
    Operation("UpdateService", "PUT", S, services.update_service),
    Operation("DeleteService", "DELETE", S, services.delete_service),
    Operation("ListFunctions", "GET", f"{S}/functions", functions.list_functions),
    Operation("CreateFunction", "POST", f"{S}/functions", functions.create_function),
    Operation("GetFunction", "GET", F, functions.get_function),
    Operation("UpdateFunction", "PUT", F, functions.update_function),
    Operation("DeleteFunction", "DELETE", F, functions.delete_function),
    Operation("GetFunctionCode", "GET", f"{F}/code", functions.get_code),
    Operation("ListInstances", "GET", f"{F}/instances", functions.list_instances),
    Operation("InstanceExec", "GET", f"{F}/instances/{{instance}}/exec",
              why="a shell inside an instance is"),
    Operation("ListTriggers", "GET", f"{F}/triggers", triggers.list_triggers),
    Operation("CreateTrigger", "POST", f"{F}/triggers", triggers.create_trigger),
    Operation("GetTrigger", "GET", f"{F}/triggers/{{trigger}}", triggers.get_trigger),
    Operation("UpdateTrigger", "PUT", f"{F}/triggers/{{trigger}}", triggers.update_trigger),
    Operation("DeleteTrigger", "DELETE", f"{F}/triggers/{{trigger}}", triggers.delete_trigger),
    Operation("ListServiceVersions", "GET", f"{S}/versions", _no_versions),
    Operation("PublishServiceVersion", "POST", f"{S}/versions", why="published versions are"),
    Operation("DeleteServiceVersion", "DELETE", f"{S}/versions/{{version}}",
              functions.no_version),
    Operation("ListAliases", "GET", f"{S}/aliases", _no_aliases),
    Operation("CreateAlias", "POST", f"{S}/aliases", why="aliases are"),
    Operation("GetAlias", "GET", f"{S}/aliases/{{alias}}", functions.no_alias),
    Operation("UpdateAlias", "PUT", f"{S}/aliases/{{alias}}", functions.no_alias),
    Operation("DeleteAlias", "DELETE", f"{S}/aliases/{{alias}}", functions.no_alias),
    Operation("GetFunctionAsyncInvokeConfig", "GET", f"{F}/async-invoke-config",
              settings.get_async_config),
    Operation("PutFunctionAsyncInvokeConfig", "PUT", f"{F}/async-invoke-config",
              settings.put_async_config),
    Operation("DeleteFunctionAsyncInvokeConfig", "DELETE", f"{F}/async-invoke-config",
              settings.delete_async_config),
    Operation("ListFunctionAsyncInvokeConfigs", "GET", f"{F}/async-invoke-configs",
              settings.list_function_async_configs),
    Operation("ListStatefulAsyncInvocations", "GET", f"{F}/{TASKS}", tasks.list_tasks),
    Operation("GetStatefulAsyncInvocation", "GET", f"{F}/{TASKS}/{{task}}", tasks.get_task),
    Operation("StopStatefulAsyncInvocation", "PUT", f"{F}/{TASKS}/{{task}}", tasks.stop_task),
    Operation("ListStatefulAsyncInvocationFunctions", "GET",
              "/stateful-async-invocation-functions", tasks.list_task_functions),
    Operation("GetProvisionConfig", "GET", f"{F}/provision-config", settings.get_provision),
    Operation("PutProvisionConfig", "PUT", f"{F}/provision-config", settings.put_provision),
    Operation("ListProvisionConfigs", "GET", "/provision-configs", settings.list_provision),
    Operation("GetFunctionOnDemandConfig", "GET", f"{F}/on-demand-config",
              settings.get_on_demand),
    Operation("PutFunctionOnDemandConfig", "PUT", f"{F}/on-demand-config",
              settings.put_on_demand),
    Operation("DeleteFunctionOnDemandConfig", "DELETE", f"{F}/on-demand-config",
              settings.delete_on_demand),
    Operation("ListOnDemandConfigs", "GET", "/on-demand-configs", settings.list_on_demand),
    Operation("ListEventSources", "GET", f"{F}/event-sources", why="event sources are"),
    Operation("RegisterEventSource", "POST", f"{F}/event-sources", why="event sources are"),
    Operation("DeregisterEventSource", "DELETE", f"{F}/event-sources/{{source:path}}",
              why="event sources are"),
    Operation("ListVpcBindings", "GET", f"{S}/bindings", why="VPCs are"),
    Operation("CreateVpcBinding", "POST", f"{S}/bindings", why="VPCs are"),
    Operation("DeleteVpcBinding", "DELETE", f"{S}/bindings/{{vpc}}", why="VPCs are"),
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
    Operation("GetResourceTags", "GET", "/tag", why="tags are"),
    Operation("TagResource", "POST", "/tag", why="tags are"),
    Operation("UntagResource", "PUT", "/tag", why="tags are"),
    Operation("UntagResource", "DELETE", "/tag", why="tags are"),
    Operation("ListTaggedResources", "GET", "/tags", why="tags are"),
    Operation("ListReservedCapacities", "GET", "/reserved-capacities",
              why="reserved capacities are"),
    Operation("ListReservedCapacities", "GET", "/reservedCapacities",
              why="reserved capacities are"),
    Operation("GetAccountSettings", "GET", "/account-settings", why="accounts are"),
    Operation("ClaimGPUInstance", "POST", "/gpuInstances", why="GPU instances are"),
    Operation("ReleaseGPUInstance", "DELETE", "/gpuInstances/{instance}", why="GPU instances are"),
)  # fmt: skip
