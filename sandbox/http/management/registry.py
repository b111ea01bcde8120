"""What the management API knows of the functions beside their specs, and the one way to change
them.

A change is made in two steps: in a thread the code is unpacked and everything is checked, then on
the loop the box takes the new spec. One change at a time, each against what is there when it is
its turn. A function that somebody else has changed meanwhile (a reload of its s.yaml) keeps that:
a change only sets the fields that its keys stand for.
"""

import asyncio
import os
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sandbox.core.spec import FunctionSpec
from sandbox.http.front import Front
from sandbox.http.management.dialects import DEFAULT_SERVICE, split_name
from sandbox.http.management.drafts import FIELDS, Draft, draft, props_of
from sandbox.http.management.operations import not_local
from sandbox.http.management.packages import (
    MAX_QUICK_BYTES,
    MAX_ZIP_BYTES,
    Package,
    Packages,
)
from sandbox.http.management.slowly import Slowly
from sandbox.http.refusals import Refused

__all__ = ["Record", "Registry", "Service"]

MAX_FUNCTIONS = 1000
NEEDS_DIRECTORIES = ("layers", "nasConfig", "ossMountConfig")
"""Keys whose meaning lies in `fcbox.mounts` of the s.yaml: here there would be nothing behind."""
ELSEWHERE = frozenset(("customContainerConfig", "gpuConfig"))


@dataclass
class Record:
    """One function, beside its spec. `changes`: the keys that were changed here, in the form of
    an s.yaml, None for what was taken away; `replaces`: the resource of a function that was deleted
    and made again; `others`: keys that only the cloud reads, told again
    as they were given."""

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_s: float = field(default_factory=time.time)
    modified_s: float = field(default_factory=time.time)
    is_new: bool = False
    replaces: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, "Record"] = field(default_factory=dict)


@dataclass
class Service:
    """A service of FC 2.0 that was created here; others are there because functions name them."""

    details: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_s: float = field(default_factory=time.time)
    modified_s: float = field(default_factory=time.time)


class Registry:
    """The functions of one box, as the management API sees them."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.packages = Packages(
            os.path.join(os.path.dirname(front.box.registration.code), "packages")
        )
        self.token = secrets.token_urlsafe(16)
        """Part of the addresses that packages are downloaded from."""
        self.services: dict[str, Service] = {}
        self.unmade_service = Service({})
        """What is told of every service that was not made here."""
        self.removed: dict[str, str] = {}
        """The functions of the s.yaml that were deleted, and their resources."""
        self._records: dict[str, Record] = {}
        self._lock = asyncio.Lock()
        self._slowly: Slowly[Package | None] = Slowly()

    def names(self) -> list[str]:
        """All functions, sorted."""
        return sorted(self.front.supervisor.pools)

    def service_names(self) -> list[str]:
        """All services of FC 2.0, sorted: those of functions, those made here, and `default`."""
        used = {split_name(name)[0] for name in self.front.supervisor.pools}
        return sorted({DEFAULT_SERVICE, *used, *self.services})

    def now_s(self) -> float:
        """By the wall clock."""
        return time.time()

    def record(self, name: str) -> Record:
        """Of a function that is there."""
        return self._records.setdefault(name, Record())

    async def package(
        self, name: str, patience_s: float | None = None, most_bytes: int | None = None
    ) -> Package | None:
        """The code of a function, as a package. Large code is packed in the background: None if
        that takes longer than `patience_s`, or it has more than `most_bytes`. Raises Refused."""
        spec = self.front.spec_of(name)
        found = await asyncio.to_thread(self.packages.of, spec, MAX_QUICK_BYTES)
        if found or patience_s == 0 or self.front.supervisor.is_draining:
            return found
        folder = spec.code_archive or spec.code_dir
        packing = self._slowly.begin(folder, partial(self.packages.of, spec, most_bytes))
        try:
            return await asyncio.wait_for(asyncio.shield(packing), patience_s)
        except TimeoutError:
            return None

    async def checksum(self, name: str, is_quick: bool) -> str:
        """Of a function's code package; empty when it cannot be told, or not quickly."""
        try:
            package = await self.package(name, 0 if is_quick else None, MAX_ZIP_BYTES)
        except Refused:
            return ""
        return package.checksum if package else ""

    async def create(self, name: str, props: Mapping[str, Any]) -> None:
        """A function more. Raises Refused."""
        async with self._lock:
            self._check_running()
            pools = self.front.supervisor.pools
            if name in pools:
                text = f"function '{name}' already exists"
                raise Refused(409, "FunctionAlreadyExists", text)
            if len(pools) >= MAX_FUNCTIONS:
                raise Refused(429, "ResourceExhausted", f"there are {MAX_FUNCTIONS} functions")
            if not props.get("code"):
                raise Refused(400, "InvalidArgument", "code is missing: code.zipFile holds it")
            made = await asyncio.to_thread(self._drafted, name, {}, props)
            self._take(made.spec, is_new=True)
            self._register()
            self._remember(name, props, is_new=True)
            self._tell(name, made)

    async def change(
        self,
        name: str,
        made_of: Mapping[str, Any] | Callable[[FunctionSpec], Mapping[str, Any]],
        is_wsgi: Callable[[FunctionSpec], bool] | None = None,
    ) -> None:
        """Sets some keys of a function; None takes one away. Its instances are recycled if that
        concerns them. `made_of` is called with the spec that the change is against: one that was
        looked at before may be another's change ago. Raises Refused."""
        async with self._lock:
            self._check_running()
            old = self.front.spec_of(name)
            changes = made_of(old) if callable(made_of) else made_of
            made = await asyncio.to_thread(self._drafted, name, props_of(old), changes)
            current = self.front.spec_of(name)
            self._take(_merged(current, made.spec, changes, is_wsgi), is_new=False)
            self._remember(name, changes)
            self._tell(name, made)
            if changes.get("code"):
                await self._sweep()

    async def set_fields(self, name: str, **fields: Any) -> None:
        """Sets what no key of an s.yaml stands for."""
        async with self._lock:
            self._check_running()
            self._take(self.front.spec_of(name)._replace(**fields), is_new=False)

    async def remove(self, name: str) -> None:
        """A function less: its instances end in good order. Raises Refused."""
        async with self._lock:
            spec = self.front.spec_of(name)
            self.front.supervisor.remove(name)
            self._register()
            record = self._records.pop(name, Record())
            if resource := record.replaces if record.is_new else spec.resource:
                self.removed[name] = resource
            await self._sweep()

    # -- making ----------------------------------------------------------------------------------

    def _drafted(self, name: str, old: Mapping[str, Any], changes: Mapping[str, Any]) -> Draft:
        """In a thread. What was uploaded for a change that is refused is removed again."""
        _check_local(changes)
        upload = ""
        props = {key: value for key, value in {**old, **changes}.items() if value is not None}
        if changes.get("code"):
            upload = props["code"] = self._uploaded(changes["code"])
        try:
            box = [pool.spec for pool in list(self.front.supervisor.pools.values())]
            made = draft(name, props, box)
            if upload:
                made = made._replace(spec=self.packages.unpack(made.spec))
        except BaseException as exc:
            if upload:
                self.packages.forget(upload)
            if isinstance(exc, OSError):
                raise Refused(400, "InvalidArgument", f"code: {exc.strerror or exc}") from exc
            raise
        return made

    def _uploaded(self, code: object) -> str:
        if not isinstance(code, dict):
            raise Refused(400, "InvalidArgument", "code must be a map with zipFile")
        if code.get("ossBucketName") or code.get("ossObjectName"):
            raise not_local("code in OSS is")
        return self.packages.upload(code.get("zipFile"), code.get("checksum"))

    def _take(self, spec: FunctionSpec, is_new: bool) -> None:
        box = self.front.box
        try:
            if is_new:
                box.add(spec)
            else:
                box.update(spec)
        except (OSError, ValueError) as exc:
            raise Refused(400, "InvalidArgument", str(exc)) from exc

    def _remember(self, name: str, changes: Mapping[str, Any], is_new: bool = False) -> None:
        if is_new:
            replaces = self.removed.pop(name, "")
            self._records[name] = Record(is_new=True, replaces=replaces)
        record = self.record(name)
        record.modified_s = max(time.time(), record.modified_s)
        for key, value in changes.items():
            if key in FIELDS:
                record.changes[key] = value if key != "code" else {}
            elif key not in ("functionName", "region"):
                record.others[key] = value

    def _register(self) -> None:
        """Has `fcbox invoke` find the functions that are there now."""
        with suppress(OSError):  # of a full disk: they can be invoked all the same
            self.front.box.registration.renew({"functions": self.names()})

    def _tell(self, name: str, made: Draft) -> None:
        for warning in made.warnings:
            self.front.box.hub.notice(name, "", warning)

    async def _sweep(self) -> None:
        supervisor = self.front.supervisor
        specs = [pool.spec for pool in supervisor.pools.values()]
        specs += [shell.machine.spec for shell in supervisor.shells()]
        in_use = {os.path.realpath(spec.code_dir) for spec in specs}
        await asyncio.to_thread(self.packages.sweep, in_use)

    def _check_running(self) -> None:
        if self.front.supervisor.is_draining:
            raise Refused(503, "ServiceUnavailable", "the supervisor is stopping")


def _merged(
    current: FunctionSpec,
    made: FunctionSpec,
    changes: Mapping[str, Any],
    is_wsgi: Callable[[FunctionSpec], bool] | None,
) -> FunctionSpec:
    fields = {field for key in changes for field in FIELDS.get(key, ())}
    spec = current._replace(**{field: getattr(made, field) for field in fields})
    return spec if is_wsgi is None else spec._replace(is_wsgi=is_wsgi(spec))


def _check_local(changes: Mapping[str, Any]) -> None:
    for key in NEEDS_DIRECTORIES:
        if changes.get(key) and changes[key] not in ("auto", {"mountPoints": []}):
            raise not_local(f"what '{key}' names is")
    for key in ELSEWHERE:
        if changes.get(key):
            raise not_local(f"what '{key}' asks for is")
