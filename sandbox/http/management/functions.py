"""Functions, their code and their instances."""

import hmac
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from sandbox.http.management.calls import Call
from sandbox.http.management.operations import Answer
from sandbox.http.refusals import Refused

__all__ = [
    "create_function",
    "delete_function",
    "download",
    "get_code",
    "get_function",
    "list_functions",
    "list_instances",
    "no_alias",
    "no_aliases",
    "no_version",
    "no_versions",
    "update_function",
]

PATIENCE_S = 2.0
"""How long GetFunction waits for the checksum of large code; later it is known."""


async def list_functions(call: Call) -> Answer:
    names = [name for name in call.registry.names() if call.is_listed(name)]
    shown = {call.shown_name(name): name for name in names}
    page, token = call.page(list(shown))
    found = [await _described_if_there(call, shown[each]) for each in page]
    return {"functions": [each for each in found if each], "nextToken": token}


async def create_function(call: Call) -> Answer:
    body = await call.body()
    given = body.pop("functionName", None)
    if not isinstance(given, str) or not given:
        raise Refused(400, "InvalidArgument", "functionName is missing, or no text")
    name = call.new_name(given)
    await call.registry.create(name, call.dialect.props(body, None))
    return await _described(call, name)


async def get_function(call: Call) -> Answer:
    return await _described(call, call.spec.name, PATIENCE_S)


async def update_function(call: Call) -> Answer:
    name = call.spec.name
    body = await call.body()
    body.pop("functionName", None)
    await call.registry.change(name, lambda old: call.dialect.props(body, old))
    return await _described(call, name)


async def delete_function(call: Call) -> Answer:
    await call.registry.remove(call.spec.name)
    return None


async def get_code(call: Call) -> Answer:
    """The package is made now, so that the download begins at once."""
    name = call.spec.name
    package = await call.registry.package(name)
    assert package
    host = call.http.headers.get("host", "")
    path = f"/fcbox/packages/{call.registry.token}/{quote(name, safe='')}.zip"
    return {"url": f"http://{host}{path}", "checksum": package.checksum}


async def download(call: Call) -> Response:
    """Unsigned, as the cloud's address of the package is: the token stands for the signature."""
    if not hmac.compare_digest(call.path("token").encode(), call.registry.token.encode()):
        raise Refused(403, "AccessDenied", "the address of the package is of another run")
    name = call.path("function")
    package = await call.registry.package(name)
    assert package
    return FileResponse(package.path, media_type="application/zip", filename=f"{name}.zip")


async def list_instances(call: Call) -> Answer:
    name = call.spec.name
    wanted = set(call.http.query_params.getlist("instanceIds"))
    found = []
    for record in call.front.supervisor.instances():
        if record.function == name and (not wanted or record.id in wanted):
            # The first group of an id is the second in which the instance was made.
            made_s = int(record.id.split("-")[1], 16)
            found.append(
                {
                    "instanceId": record.id,
                    "versionId": "0",
                    "qualifier": "LATEST",
                    "resourceType": "",
                    "status": record.state,
                    "createdTimeMs": made_s * 1000,
                }
            )
    return {"instances": found}


async def no_versions(call: Call) -> Answer:
    call.check_exists()
    return {"versions": [], "direction": "BACKWARD", "nextToken": ""}


async def no_aliases(call: Call) -> Answer:
    call.check_exists()
    return {"aliases": [], "nextToken": ""}


async def no_version(call: Call) -> Answer:
    call.check_exists()
    text = f"version '{call.path('version')}' does not exist: only LATEST does locally"
    raise Refused(404, "VersionNotFound", text)


async def no_alias(call: Call) -> Answer:
    call.check_exists()
    text = f"alias '{call.path('alias')}' does not exist: only LATEST does locally"
    raise Refused(404, "AliasNotFound", text)


async def _described_if_there(call: Call, name: str) -> dict[str, object] | None:
    """None when it was deleted while the others of a list were looked at."""
    try:
        return await _described(call, name)
    except Refused as refused:
        if refused.code != "FunctionNotFound":
            raise
        return None


async def _described(call: Call, name: str, patience_s: float = 0) -> dict[str, object]:
    registry = call.registry
    try:
        package = await registry.package(name, patience_s)
    except Refused as refused:
        if refused.code != "CodeNotFound":
            raise
        package = None  # its directory is gone; all else can still be told
    spec = call.front.spec_of(name)
    return call.dialect.function(spec, registry.record(name), package)
