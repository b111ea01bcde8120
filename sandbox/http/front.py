"""What all routes share."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sandbox.core.effects import Request
from sandbox.core.outcome import Cause, Outcome
from sandbox.core.spec import FunctionSpec
from sandbox.engine.box import Box
from sandbox.http.door import Door
from sandbox.http.invocations import Invocations
from sandbox.http.limits import Limits
from sandbox.http.refusals import Refused

if TYPE_CHECKING:
    from starlette.types import Scope

    from sandbox.asynchronous.queue import AsyncQueue

__all__ = ["Front"]


class Front:
    """One box, seen from HTTP. It lives in the supervisor's own loop."""

    def __init__(self, box: Box, limits: Limits | None = None, door: Door | None = None) -> None:
        self.box = box
        self.supervisor = box.supervisor
        self.limits = limits or Limits()
        self.door = door or Door()
        self.open_doors: list[Callable[[Scope], bool]] = []
        """What says which requests need no signature though there is an access key."""
        self.page_doors: list[Callable[[Scope], bool]] = []
        """What says which requests a web page may make."""
        self.checksum_of: Callable[[str, bool], Awaitable[str]] | None = None
        """The CRC-64 of a function's code package, if it can be told, or (True) told quickly."""
        self.invocations = Invocations(self.supervisor, self.limits)
        self.queue: AsyncQueue | None = None
        """Asynchronous invocations; None where none are taken."""

    def new_request_id(self) -> str:
        """A fresh one."""
        return self.supervisor.host.ids.request_id()

    def spec_of(self, name: str) -> FunctionSpec:
        """The function of that name. Raises Refused."""
        pool = self.supervisor.pools.get(name)
        if pool is None:
            raise Refused(404, "FunctionNotFound", f"function '{name}' does not exist")
        return pool.spec

    def check_ran(self, name: str, request: Request, outcome: Outcome) -> None:
        """Raises Refused when the function did not run."""
        if outcome.cause is Cause.NOT_CREATED:
            text = json.loads(outcome.body)["errorMessage"]
            raise Refused(503, "ServiceUnavailable", text, request.id)
        if outcome.instance_id:
            return
        # It waited for an instance and was sent away. Its caller is gone and does not read this,
        # or the supervisor or the function was.
        if self.supervisor.is_draining:
            text = "the function did not run: the supervisor is stopping"
            raise Refused(503, "ServiceUnavailable", text, request.id)
        text = f"function '{name}' does not exist: it was deleted before the request began to run"
        raise Refused(404, "FunctionNotFound", text, request.id)

    def name_of(self, service: str, function: str) -> str:
        """The function of a service of FC 2.0. Raises Refused.

        It is `service$function` here; one without a service is found below `default`.
        """
        pools = self.supervisor.pools
        name = f"{service}${function}"
        if name in pools:
            return name
        if service == "default":
            if function in pools and "$" not in function:
                return function
        elif not any(each.startswith(f"{service}$") for each in pools):
            raise Refused(404, "ServiceNotFound", f"service '{service}' does not exist")
        text = f"function '{function}' does not exist in service '{service}'"
        raise Refused(404, "FunctionNotFound", text)
