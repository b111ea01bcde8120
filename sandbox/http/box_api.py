"""fcbox's own routes, for its command line.

GET /fcbox/instances, /fcbox/statistics
"""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.engine.supervisor import InstanceRecord
from sandbox.http.front import Front

__all__ = ["routes"]


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front."""

    async def instances(request: HttpRequest) -> Response:
        return JSONResponse([_describe(record) for record in front.supervisor.instances()])

    async def statistics(request: HttpRequest) -> Response:
        return JSONResponse(front.supervisor.statistics())

    return [Route("/fcbox/instances", instances), Route("/fcbox/statistics", statistics)]


def _describe(record: InstanceRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "function": record.function,
        "state": record.state,
        "pid": record.pid,
        "age_s": round(record.age_s, 3),
        "invocations": record.invocations,
        "memory_mb": round(record.max_rss_kb / 1024, 2),
        "request_id": record.request_id,
    }
