"""What becomes of the values of FC 2.0 that 3.0 writes in another way.

A change takes an entry of the tree and gives the value for 3.0, or None when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.config.messages.findings import Findings
from sandbox.config.messages.texts import phrase
from sandbox.config.text.scalars import js_text
from sandbox.config.text.source import Entry, Node, child, weighed

__all__ = ["CHANGES", "component_of", "joined"]

MAX_JOINED_CHARS = 4096
"""Longest text that is put together; names and addresses are much shorter."""

_COMPONENTS = ("fc", "devsapp/fc")
_GPU = {"g1": "fc.gpu.tesla.1"}
_FUNCTION_ARN = re.compile(r"services/((?:\$\{[^{}]*\}|[^/.$])+)(?:\.[^/]*)?/functions/")

Change = Callable[[Entry, Findings], Node | None]


def component_of(node: Node | None) -> str:
    """The name of a component, without its version."""
    return node.value.partition("@")[0] if node and isinstance(node.value, str) else ""


def joined(*parts: Node | str) -> str:
    """The texts and numbers of `parts` as one text; other values add nothing."""
    values = [part.value if isinstance(part, Node) else part for part in parts]
    texts = [js_text(value) for value in values if isinstance(value, str | int | float)]
    return "".join(texts)[:MAX_JOINED_CHARS]


def _component(entry: Entry, findings: Findings) -> Node | None:
    """`devsapp/fc@dev` -> `fc3`; the component of an action is a command: `fc build`."""
    node = entry.node
    first, blank, rest = node.value.partition(" ") if isinstance(node.value, str) else ("", "", "")
    if first.partition("@")[0] not in _COMPONENTS:
        return node
    return node._replace(value=f"fc3{blank}{rest}")


def _arn(entry: Entry, findings: Findings) -> Node | None:
    """A function's address without a service: its name is `service$name` now."""
    node = entry.node
    if not isinstance(node.value, str) or not node.value.startswith("acs:fc"):
        return node
    text = _FUNCTION_ARN.sub(r"functions/\1$", node.value)
    return node._replace(value=text.replace("acs:fc:::", "acs:fc:${this.props.region}::"))


def _instance_type(entry: Entry, findings: Findings) -> Node | None:
    """Instances with a GPU have a type in 3.0; all others have none."""
    value = entry.node.value
    if isinstance(value, str) and (value in _GPU or value.startswith("fc.gpu.")):
        return entry.node._replace(value=_GPU.get(value, value))
    reason = phrase("in 3.0 cpu and memorySize say how large an instance is")
    findings.add("FCB331", entry.key, key="instanceType", reason=reason)
    return None


def _local(entry: Entry, findings: Findings) -> Node | None:
    findings.add("FCB356", entry.key)
    return entry.node


def _mount(entry: Entry, findings: Findings) -> Node | None:
    """3.0 has the server and its directory in one text."""
    node = entry.node
    address, directory = child(node, "serverAddr"), child(node, "nasDir")
    if not isinstance(node.value, dict) or address is None or directory is None:
        return node
    whole = address._replace(value=joined(address, ":", directory))
    return weighed({**node.value, "serverAddr": Entry(node.value["serverAddr"].key, whole)},
                   node.span)  # fmt: skip


def _nas(entry: Entry, findings: Findings) -> Node | None:
    """The tool of 3.0 makes a file system as well, and mounts it elsewhere."""
    value = entry.node.value
    if isinstance(value, str) and value.lower() == "auto":
        findings.add("FCB367", entry.node)
    return entry.node


def _role(entry: Entry, findings: Findings) -> Node | None:
    """A role with its policies is made on deployment by 2.0; 3.0 names one that is there."""
    node = entry.node
    if not isinstance(node.value, dict):
        return node
    findings.add("FCB331", entry.key, key="role.policies",
                 reason=phrase("3.0 makes no role on deployment"))  # fmt: skip
    return child(node, "name")


def _trigger(entry: Entry, findings: Findings) -> Node | None:
    """The bucket of an OSS trigger is its source in 3.0."""
    node = entry.node
    config = child(node, "config")
    bucket = child(config, "bucketName")
    if bucket is None or not isinstance(node.value, dict):
        return node
    assert config is not None
    assert isinstance(config.value, dict)
    text = joined("acs:oss:${this.props.region}:${config('AccountID')}:", bucket)
    rest = {key: each for key, each in config.value.items() if key != "bucketName"}
    entries = {**node.value, "config": Entry(node.value["config"].key, weighed(rest, config.span))}
    entries.setdefault(
        "sourceArn", Entry(config.value["bucketName"].key, bucket._replace(value=text))
    )
    return weighed(entries, node.span)


CHANGES: dict[str, Change] = {
    "arn": _arn,
    "component": _component,
    "instance type": _instance_type,
    "local": _local,
    "mount": _mount,
    "nas": _nas,
    "role": _role,
    "trigger": _trigger,
}
