"""How it goes, for programs that watch.

GET /metrics    what Prometheus scrapes
GET /healthz    200 while requests are taken, 503 while the box stops

Neither starts anything, and neither waits for an instance.
"""

from typing import TYPE_CHECKING

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.core.lifecycle import State
from sandbox.engine.pool import Pool
from sandbox.http.front import Front
from sandbox.metrics.tally import Tally

if TYPE_CHECKING:
    from sandbox.metrics.page import Page

__all__ = ["routes"]


def routes(front: Front) -> list[BaseRoute]:
    """The routes of this part of the front; counting begins with them."""
    supervisor = front.supervisor
    tally = Tally(supervisor.pools.keys())
    supervisor.outcome_listeners.append(tally.on_outcome)
    supervisor.listen(tally.on_event)
    pages: list[Page] = []

    async def metrics(http: HttpRequest) -> Response:
        if not pages:
            pages.append(_make_page(front, tally))
        body, content_type = pages[0].render(", ".join(http.headers.getlist("accept")))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(http: HttpRequest) -> Response:
        is_serving = not supervisor.is_draining
        body = {
            "status": "ok" if is_serving else "stopping",
            "state": "serving" if is_serving else "draining",
            "functions": {name: _health(front, pool) for name, pool in supervisor.pools.items()},
        }
        return JSONResponse(body, 200 if is_serving else 503)

    return [Route("/metrics", metrics), Route("/healthz", healthz)]


def _make_page(front: Front, tally: Tally) -> "Page":
    from sandbox.metrics.page import Page  # with prometheus-client, which a start does without

    return Page(front.supervisor, tally, front.queue.depth if front.queue else None)


def _health(front: Front, pool: Pool) -> dict[str, object]:
    """Ready: a request would be given to an instance, one that is there or a new one."""
    refusal = front.supervisor.host.walls.refusal_of(pool.spec.name)
    states = [shell.state for shell in pool.shells.values()]
    health: dict[str, object] = {
        "ready": not refusal,
        "instances": len(states),
        "idle": states.count(State.IDLE),
        "queued": pool.queue_length,
    }
    return {**health, "reason": refusal} if refusal else health
