"""The props of one resource -> FunctionSpec."""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple

from sandbox.config.code.archives import Archive
from sandbox.config.code.handlers import Sources, find_handler
from sandbox.config.code.interpreters import CUSTOM_RUNTIMES, RUNTIMES
from sandbox.config.code.trees import CodeDirectory
from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings
from sandbox.config.messages.texts import phrase
from sandbox.config.props.calls import with_calls
from sandbox.config.props.checks import report_checks
from sandbox.config.props.custom import custom_runtime, hook_of_server
from sandbox.config.props.models import FC2_KEYS, NAME_PATTERN, Box, BoxFunction, Hook, Props
from sandbox.config.props.validation import validated
from sandbox.config.text import scalars
from sandbox.config.text.source import BROKEN, Entry, Node, Span, child, is_broken
from sandbox.core.spec import Callback, FunctionSpec

__all__ = ["Resource", "make_spec"]

NO_PYTHON = "FCB407"
DEFAULT_HOOK_TIMEOUT_S = 3.0
DEFAULT_IDLE_TIMEOUT_S = 180.0
MAX_ENVIRONMENT_BYTES = 4096
RESERVED_PREFIX = "FC_"

_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


Code = CodeDirectory | Archive


class Resource(NamedTuple):
    """One fc3 resource with a Python runtime. `props` is resolved; `key_at` is where its key is,
    `region` all that stands below it."""

    key: str
    key_at: Span
    region: Span
    props: Node


def make_spec(
    resource: Resource,
    box: Box,
    directory: str,
    inputs: Inputs,
    findings: Findings,
    sources: Sources | None = None,
) -> FunctionSpec:
    """The spec, complete but for its interpreter. All that is wrong is reported; the caller
    uses the spec only when nothing was."""
    return _Maker(resource, directory, inputs, findings, sources or Sources()).spec(box)


class _Maker:
    def __init__(
        self,
        resource: Resource,
        directory: str,
        inputs: Inputs,
        findings: Findings,
        sources: Sources,
    ) -> None:
        self._resource = resource
        self._node = resource.props
        self._props = validated(resource.props, Props, "", findings)
        self._directory = directory
        self._inputs = inputs
        self._findings = findings
        self._sources = sources

    @property
    def _is_custom(self) -> bool:
        return self._props.runtime in CUSTOM_RUNTIMES

    def spec(self, box: Box) -> FunctionSpec:
        props, name = self._props, self._name()
        code = self._code()
        spec = FunctionSpec(
            name=name,
            handler=(self._props.handler or "") if self._is_custom else self._handler(code),
            code_dir=code.path if isinstance(code, CodeDirectory) else "",
            code_archive=code.path if isinstance(code, Archive) else "",
            runtime=props.runtime or "",
            resource=self._resource.key,
            timeout_s=props.timeout,
            memory_mb=props.memory_size,
            cpu=props.cpu or 0.0,
            disk_mb=props.disk_size,
            environment=self._environment(),
            initializer=self._initializer(code),
            pre_stop=self._pre_stop(code),
            region=props.region,
        )
        spec = with_calls(spec, props)
        if self._is_custom:
            custom = custom_runtime(props, self._node, code, self._findings)
            spec = spec._replace(custom=custom, concurrency=props.instance_concurrency)
        self._warn_without_effect()
        report_checks(self._node, props, self._findings)
        own = box.functions.get(name) or box.functions.get(self._resource.key) or BoxFunction()
        return self._with_instances(_with_walls(spec, box, own), own)

    def _name(self) -> str:
        key = self._resource.key
        if self._props.function_name is None and child(self._node, "functionName") is None:
            self._findings.add("FCB313", self._resource.key_at, name=key)
            self._check_key_as_name(key)
        return self._props.function_name or key

    def _check_key_as_name(self, key: str) -> None:
        """A resource's key may be any text; the name of a function may not."""
        if not re.fullmatch(NAME_PATTERN, key):
            expected = phrase(Props.model_fields["function_name"].description or "")
            self._findings.add("FCB312", self._resource.key_at, key=phrase("the resource's key"),
                               found=f"'{key}'", expected=expected)  # fmt: skip

    # --- code and handlers --------------------------------------------------------------------

    def _code(self) -> Code | None:
        """The code, or None (and a finding) when there is none."""
        node = child(self._node, "code")
        at = child(node, "src") or node
        if at is None or is_broken(at):
            self._report_missing("code", node)
            return None
        if not isinstance(at.value, str):
            is_map = isinstance(at.value, dict)
            what = phrase("without src (in OSS)") if is_map else phrase("of this kind")
            self._findings.add("FCB402", at, what=what)
            return None
        return self._existing_code(at.value, at)

    def _existing_code(self, given: str, at: Node) -> Code | None:
        path = os.path.normpath(os.path.join(self._directory, given))
        if self._inputs.is_directory(path):
            return CodeDirectory(path, self._inputs)
        if given.lower().endswith((".jar", ".war")):
            self._findings.add("FCB402", at, what=phrase("as an archive for Java"))
            return None
        if not given.lower().endswith(".zip"):
            self._findings.add("FCB401", at, path=path)
            return None
        archive = self._sources.archive(path, self._inputs)
        if isinstance(archive, Archive):
            return archive
        self._findings.add(archive.code, at, **archive.fields)
        return None

    def _handler(self, code: Code | None) -> str:
        node = child(self._node, "handler")
        if node is None:
            self._report_missing("handler", None)
        self._check_handler(node, code)
        return self._props.handler or ""

    def _check_handler(self, node: Node | None, code: Code | None) -> None:
        """Without code only the form could be checked; that finding comes first."""
        if node is None or not isinstance(node.value, str) or code is None:
            return
        fault = find_handler(node.value, code, self._sources)
        if fault and not (fault.code == NO_PYTHON and self._is_newer()):
            self._findings.add(fault.code, node, **fault.fields)

    def _is_newer(self) -> bool:
        """The function's Python may know what the one that runs here does not."""
        return RUNTIMES.get(self._props.runtime or "", (0, 0)) > sys.version_info[:2]

    def _report_missing(self, key: str, node: Node | None) -> None:
        if node is None:
            example = "./" if key == "code" else "index.handler"
            self._findings.add("FCB311", self._resource.key_at, name=self._resource.key, key=key,
                               advice=phrase("for example {key}: {value}", key=key, value=example)
                               )  # fmt: skip

    # --- hooks --------------------------------------------------------------------------------

    def _initializer(self, code: Code | None) -> Callback | None:
        lifecycle = self._props.instance_lifecycle_config
        current = lifecycle.initializer if lifecycle else None
        old = self._old_initializer(code)
        return self._hook("initializer", current, code) or old

    def _old_initializer(self, code: Code | None) -> Callback | None:
        """The keys of FC 2.0: the user of such a file means an Initializer, so it gets one."""
        for key in sorted(FC2_KEYS):
            self._warn_old_key(key)
        handler = self._props.initializer
        if handler is None:
            return None
        if not self._is_custom:
            self._check_handler(child(self._node, "initializer"), code)
        return Callback(handler, self._props.initialization_timeout or DEFAULT_HOOK_TIMEOUT_S)

    def _warn_old_key(self, key: str) -> None:
        if child(self._node, key) is not None and isinstance(self._node.value, dict):
            at = self._node.value[key].key
            if child(child(self._node, "instanceLifecycleConfig"), "initializer") is not None:
                what = phrase("{key} beside instanceLifecycleConfig.initializer", key=key)
                self._findings.add("FCB314", at, key=what)
                return
            leaf = "handler" if key == "initializer" else "timeout"
            meant = f"instanceLifecycleConfig.initializer.{leaf}"
            self._findings.add("FCB315", at, key=key, meant=meant)

    def _pre_stop(self, code: Code | None) -> Callback | None:
        lifecycle = self._props.instance_lifecycle_config
        return self._hook("preStop", lifecycle.pre_stop if lifecycle else None, code)

    def _hook(self, key: str, hook: Hook | None, code: Code | None) -> Callback | None:
        node = child(child(self._node, "instanceLifecycleConfig"), key)
        command = child(node, "command")
        if self._is_custom:
            return hook_of_server(hook, node, self._findings)
        if command is not None:
            self._findings.add("FCB319", command)
        if hook is None or not hook.handler:
            return None
        self._check_handler(child(node, "handler"), code)
        return Callback(hook.handler, hook.timeout or DEFAULT_HOOK_TIMEOUT_S)

    # --- environment --------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        node = child(self._node, "environmentVariables")
        if node is None or not isinstance(node.value, dict):
            return {}
        values = self._variables(node.value)
        # What env() gives may be no UTF-8: then each odd byte counts as what stands for it.
        text = "".join(name + value for name, value in values.items())
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_ENVIRONMENT_BYTES:
            self._findings.add("FCB323", node, size=size, limit=MAX_ENVIRONMENT_BYTES)
        return values

    def _variables(self, entries: dict[str, Entry]) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, entry in entries.items():
            value = entry.node.value
            if not _VARIABLE.fullmatch(name):
                self._findings.add("FCB318", entry.key, name=name)
            elif name.startswith(RESERVED_PREFIX):
                self._findings.add("FCB322", entry.key, name=name)
            elif isinstance(value, str | int | float):
                values[name] = scalars.js_text(value)
            elif value is not None and value is not BROKEN:
                self._findings.add("FCB317", entry.node, name=name)
        return values

    # --- instances ----------------------------------------------------------------------------

    def _with_instances(self, spec: FunctionSpec, own: BoxFunction) -> FunctionSpec:
        """fcbox.functions wins over the props, which were written for the cloud."""
        props = self._props
        concurrency = props.concurrency_config
        reserved = concurrency.reserved_concurrency if concurrency else None
        most = _first(own.max_instances, reserved, 0)
        least = _first(own.min_instances, self._provisioned(), 0)
        idle_s = own.idle_timeout or props.idle_timeout or DEFAULT_IDLE_TIMEOUT_S
        if most and least > most:
            self._findings.add("FCB316", self._resource.key_at, least=least, most=most)
        return spec._replace(max_instances=most, min_instances=least, idle_timeout_s=idle_s)

    def _provisioned(self) -> int | None:
        provision, scaling = self._props.provision_config, self._props.scaling_config
        targets = (
            provision.default_target if provision else None,
            scaling.min_instances if scaling else None,
        )
        return max((each for each in targets if each is not None), default=None)

    def _warn_without_effect(self) -> None:
        concurrency = child(self._node, "instanceConcurrency")
        if concurrency is not None and self._props.instance_concurrency > 1 and not self._is_custom:
            self._findings.add(
                "FCB314", concurrency.span, key=phrase("instanceConcurrency above 1")
            )


def _with_walls(spec: FunctionSpec, box: Box, own: BoxFunction) -> FunctionSpec:
    """What stands at the function wins over what stands at the box. A network that neither of them
    names is left to the isolation level, which the command line may change."""
    return spec._replace(
        network=own.network or box.network or "",
        is_frozen_when_idle=box.freeze if own.freeze is None else own.freeze,
    )


def _first(*choices: int | None) -> int:
    return next(each for each in choices if each is not None)
