"""The management API: what the SDKs do with functions, for the time that the box lives.

    api3, api2      the tables of operations: each works, or says that it is not local
    calls           one request;  dialects: what the versions of the API call things
    functions, triggers, settings, tasks, services      what the operations do
    registry        the one way to change a function;  drafts: JSON -> spec, by the s.yaml's rules
    packages        code that is uploaded and downloaded;  saving: what `fcbox config save` asks for

Nothing that is done here touches the s.yaml or the code directories: code lives in the state
directory of the box, and changes end with it, unless somebody asks for them to be saved.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from sandbox.http.addresses import TOP
from sandbox.http.front import Front
from sandbox.http.management import api2, api3
from sandbox.http.management.calls import Call
from sandbox.http.management.dialects import Dialect, OlderDialect
from sandbox.http.management.functions import download
from sandbox.http.management.operations import Operation, not_local
from sandbox.http.management.registry import Registry
from sandbox.http.management.saving import changes_of

__all__ = ["APIS", "routes"]

APIS = (
    (Dialect(), api3.OPERATIONS),
    (OlderDialect("2021-04-06"), api2.OPERATIONS),
    (OlderDialect("2016-08-15"), api2.OPERATIONS),
)


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front."""
    registry = Registry(front)
    packages = f"/fcbox/packages/{registry.token}/"  # the token stands for a signature
    front.open_doors.append(lambda scope: _is_package(scope, packages))
    front.checksum_of = registry.checksum

    async def changes(http: HttpRequest) -> Response:
        return JSONResponse(changes_of(registry))

    async def package(http: HttpRequest) -> Response:
        return await download(Call(http, registry, Dialect()))

    own: list[BaseRoute] = [
        Route("/fcbox/changes", changes),
        Route("/fcbox/packages/{token}/{function}.zip", package),
    ]
    return own + [
        Route(f"/{dialect.version}{each.path}", _endpoint(each, dialect, registry),
              methods=[each.method])
        for dialect, operations in APIS for each in operations
    ]  # fmt: skip


def _endpoint(
    operation: Operation, dialect: Dialect, registry: Registry
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        if operation.handle is None:
            raise not_local(operation.why)
        try:
            found = await operation.handle(Call(http, registry, dialect))
        except ClientDisconnect:
            return Response()  # nobody is there to read it
        headers = {"X-Fc-Request-Id": registry.front.new_request_id()}
        if found is None:
            return Response(status_code=204, headers=headers)
        return JSONResponse(found, headers=headers)

    return endpoint


def _is_package(scope: Scope, packages: str) -> bool:
    """Whether it is a package that is asked for: at a function's own host it is the function."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    is_function = any(TOP.encode("ascii") in host.lower() for host in hosts)
    is_reading = scope["method"] in ("GET", "HEAD")
    return is_reading and not is_function and str(scope["path"]).startswith(packages)
