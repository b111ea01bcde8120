"""One request to the management API, taken apart."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request as HttpRequest

from sandbox.core.spec import FunctionSpec
from sandbox.http.front import Front
from sandbox.http.management.bodies import read_object
from sandbox.http.management.dialects import Dialect, OlderDialect, joined, split_name
from sandbox.http.management.registry import Record, Registry
from sandbox.http.refusals import Refused

__all__ = ["Call"]

MOST_LISTED, LISTED = 100, 20
"""FC's, of one page; more is asked for by nextToken."""


class Call:
    """What a handler has to know. `dialect` is the version of the API that was called."""

    def __init__(self, http: HttpRequest, registry: Registry, dialect: Dialect) -> None:
        self.http = http
        self.registry = registry
        self.dialect = dialect

    @property
    def front(self) -> Front:
        return self.registry.front

    @property
    def name(self) -> str:
        """The function that the path names. Raises Refused for another qualifier than LATEST."""
        self.check_qualifier()
        return self.dialect.function_name(self.http.path_params, self.registry)

    @property
    def spec(self) -> FunctionSpec:
        """The function that the path names. Raises Refused when there is none."""
        return self.front.spec_of(self.name)

    @property
    def record(self) -> Record:
        return self.registry.record(self.spec.name)

    def path(self, key: str) -> str:
        """A part of the path."""
        return str(self.http.path_params[key])

    def query(self, key: str) -> str:
        """A parameter of the query; empty when it is absent."""
        return self.http.query_params.get(key, "")

    async def body(self) -> dict[str, Any]:
        """The object in the body, nulls left out. Raises Refused."""
        found = await read_object(self.http)
        return {key: value for key, value in found.items() if value is not None}

    def check_qualifier(self) -> None:
        """There is nothing but LATEST. Raises Refused."""
        qualifier = self.query("qualifier") or self.dialect.qualifier(self.http.path_params)
        if qualifier not in ("", "LATEST"):
            kind = "version" if qualifier.isdecimal() else "alias"
            text = f"{kind} '{qualifier}' does not exist: only LATEST does locally"
            raise Refused(404, f"{kind.capitalize()}NotFound", text)

    def check_exists(self) -> None:
        """The function or service that the path means. Raises Refused."""
        if "function" in self.http.path_params:
            self.front.spec_of(self.name)
        else:
            self.service()

    def service(self) -> str:
        """The service that the path means. Raises Refused when there is none."""
        self.check_qualifier()
        assert isinstance(self.dialect, OlderDialect)
        name = self.dialect.service(self.http.path_params)
        if name not in self.registry.service_names():
            raise Refused(404, "ServiceNotFound", f"service '{name}' does not exist")
        return name

    def is_listed(self, name: str) -> bool:
        """Whether a list of functions that the path asks for has this one."""
        if not self.dialect.has_services:
            return True
        return split_name(name)[0] == self.service()

    def is_asked(self, name: str) -> bool:
        """Whether it is of the service in the query, if there is one."""
        wanted = self.query("serviceName")
        return not wanted or split_name(name)[0] == wanted

    def shown_name(self, name: str) -> str:
        """As lists of this version have it."""
        return split_name(name)[1] if self.dialect.has_services else name

    def new_name(self, given: str) -> str:
        """The name here of a function that is to be made. Raises Refused."""
        if not self.dialect.has_services:
            return given
        if "$" in given:
            raise Refused(400, "InvalidArgument", "functionName may not have a $")
        return joined(self.service(), given)

    def page(self, names: Sequence[str]) -> tuple[list[str], str]:
        """Those of the sorted names that prefix, nextToken, startKey and limit leave, and the
        next token. Raises Refused."""
        prefix = self.query("prefix")
        after, first = self.query("nextToken"), self.query("startKey")
        left = [each for each in sorted(names)
                if each.startswith(prefix) and each > after and each >= first]  # fmt: skip
        limit = self._limit()
        return left[:limit], left[limit - 1] if len(left) > limit else ""

    def _limit(self) -> int:
        text = self.query("limit")
        if not text:
            return LISTED
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST_LISTED:
            limits = f"limit must be a whole number from 1 to {MOST_LISTED}, not '{text[:40]}'"
            raise Refused(400, "InvalidArgument", limits)
        return int(text)
