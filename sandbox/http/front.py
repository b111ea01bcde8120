"""What all routes share."""

from typing import TYPE_CHECKING

from sandbox.core.spec import FunctionSpec
from sandbox.engine.box import Box
from sandbox.http.invocations import Invocations
from sandbox.http.limits import Limits
from sandbox.http.refusals import Refused

if TYPE_CHECKING:
    from sandbox.asynchronous.queue import AsyncQueue

__all__ = ["Front"]


class Front:
    """One box, seen from HTTP. It lives in the supervisor's own loop."""

    def __init__(self, box: Box, limits: Limits | None = None) -> None:
        self.box = box
        self.supervisor = box.supervisor
        self.limits = limits or Limits()
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
