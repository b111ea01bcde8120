"""The props of a custom runtime -> what its instances need."""

from __future__ import annotations

from sandbox.config.code.archives import Archive
from sandbox.config.code.trees import CodeDirectory
from sandbox.config.messages.findings import Findings
from sandbox.config.props.models import HealthCheck as Checked
from sandbox.config.props.models import Hook, Props
from sandbox.config.text.source import Node, child
from sandbox.core import spec as core
from sandbox.core.spec import Callback, CustomRuntime

__all__ = ["custom_runtime", "hook_of_server"]

BOOTSTRAP = "bootstrap"
DEFAULT = CustomRuntime()


def custom_runtime(
    props: Props, node: Node, code: CodeDirectory | Archive | None, findings: Findings
) -> CustomRuntime:
    """What is not written is as in the cloud. `node` has the props."""
    given = props.custom_runtime_config
    command = tuple(given.command or ()) if given else ()
    if not command and code is not None and not code.has(BOOTSTRAP):
        findings.add("FCB324", child(node, "customRuntimeConfig") or child(node, "runtime") or node)
    arguments = tuple(given.args or ()) if given else ()
    port = given.port if given else None
    check = given.health_check_config if given else None
    return CustomRuntime(
        (command or DEFAULT.command) + arguments,
        port or DEFAULT.port,
        _health_check(check) if check and check.http_get_url else None,
    )


def _health_check(check: Checked) -> core.HealthCheck:
    return core.HealthCheck(
        check.http_get_url or "/",
        check.initial_delay_seconds,
        check.period_seconds,
        check.timeout_seconds,
        check.failure_threshold,
        check.success_threshold,
    )


def hook_of_server(hook: Hook | None, node: Node | None, findings: Findings) -> Callback | None:
    """Any handler means that the server is asked; a command is run beside it."""
    if hook is None or not (hook.handler or hook.command):
        return None
    if hook.handler and hook.command and node is not None:
        findings.add("FCB325", child(node, "command") or node)
    return Callback(hook.handler or "", hook.timeout or 3.0, tuple(hook.command or ()))
