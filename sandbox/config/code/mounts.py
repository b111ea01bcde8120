"""fcbox.mounts: local directories for layers, NAS and OSS mount points.

    fcbox:
      mounts:
        acs:fc:cn-hangzhou:official:layers/Python3-Flask2x/versions/2: ./layers/flask
        /mnt/nas: {path: ./data/nas, readOnly: true}

A key is a layer as `layers` names it, or the mountDir of a mount point. Both are things of the
cloud that are not there on this machine: what is not mapped is told, once, with the line to write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.config.inputs import Inputs
from sandbox.config.messages.findings import Findings, near, shown
from sandbox.config.messages.texts import Phrase, phrase
from sandbox.config.props.models import MountPath
from sandbox.config.props.validation import validated
from sandbox.config.text.source import Node, Span, child, is_broken, items
from sandbox.core.spec import FunctionSpec, Mount

__all__ = ["MountTable"]

MAX_MOUNTS = 64
"""Most layers and mount points of one function. The cloud has 5 of each kind."""

SYSTEM_DIRS = (
    "/bin", "/boot", "/code", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc",
    "/sbin", "/sys", "/usr",
)  # fmt: skip
"""Nothing may be mounted there, or below: programs and the function's own code need them."""

SHARED_DIRS = ("/", "/home", "/root", "/run", "/tmp", "/var")
"""Something may be mounted below them only."""


class _Place(NamedTuple):
    """An entry of the table. `path` is empty when it was wrong, which is reported."""

    key: Span
    path: str
    at: Node
    is_read_only: bool


class _Wanted(NamedTuple):
    """A mount point of the props."""

    target: str
    at: Node
    is_read_only: bool


class MountTable:
    """The mapping. `node` is fcbox.mounts, resolved; `directory` where its paths
    begin."""

    def __init__(
        self, node: Node | None, directory: str, inputs: Inputs, findings: Findings
    ) -> None:
        self._directory = directory
        self._inputs = inputs
        self._findings = findings
        self._wanted: dict[str, None] = {}
        self._told: set[str] = set()
        entries = node.value if node is not None and isinstance(node.value, dict) else {}
        self._places = {
            _key(name): self._place(name, entry.key, entry.node) for name, entry in entries.items()
        }

    def applied(self, spec: FunctionSpec, props: Node) -> FunctionSpec:
        """The spec with its layers and mounts; what is wrong with them is reported."""
        layers = [self._layer(each) for each in items(child(props, "layers"))[:MAX_MOUNTS]]
        mounts: dict[str, Mount] = {}
        for wanted in list(self._mount_points(spec, props))[:MAX_MOUNTS]:
            if wanted.target in mounts:
                self._findings.add("FCB347", wanted.at, target=wanted.target)
                continue
            mount = self._mount(wanted, spec)
            if mount is not None:
                mounts[wanted.target] = mount
        return spec._replace(layers=tuple(filter(None, layers)), mounts=tuple(mounts.values()))

    def report_unused(self) -> None:
        """Mappings for what no function has."""
        for name, place in self._places.items():
            if name not in self._wanted:
                advice = near(name, self._wanted)
                self._findings.add("FCB342", place.key, name=name, advice=advice)

    # --- what the props ask for ---------------------------------------------------------------

    def _layer(self, node: Node) -> str:
        if not isinstance(node.value, str):
            return ""  # reported with the props
        self._wanted[node.value] = None
        if node.value not in self._places:
            self._tell_missing("FCB340", node, node.value, f"./layers/{_short(node.value)}")
        return self._source(node.value)

    def _mount_points(self, spec: FunctionSpec, props: Node) -> Iterator[_Wanted]:
        for key in ("nasConfig", "ossMountConfig"):
            config = child(props, key)
            if config is None:
                continue
            if isinstance(config.value, str) and config.value.lower() == "auto":
                yield from self._automatic(key, config, spec)
            for point in items(child(config, "mountPoints")):
                target = child(point, "mountDir")
                if target is not None and isinstance(target.value, str):
                    read_only = child(point, "readOnly")
                    is_read_only = read_only is not None and read_only.value in (True, "true")
                    yield _Wanted(_key(target.value), target, is_read_only)

    def _automatic(self, key: str, config: Node, spec: FunctionSpec) -> Iterator[_Wanted]:
        """The official tool makes a file system, and mounts it at a directory of its choice."""
        if key == "nasConfig":
            yield _Wanted(f"/mnt/{spec.name}", config, False)
        else:
            self._findings.add("FCB346", config)

    def _mount(self, wanted: _Wanted, spec: FunctionSpec) -> Mount | None:
        target = wanted.target
        self._wanted[target] = None
        if target not in self._places:
            self._tell_missing("FCB341", wanted.at, target, f"./data/{_short(target)}")
            return None
        if not self._may_be_at(wanted, spec):
            return None
        source = self._source(target)
        is_read_only = wanted.is_read_only or self._places[target].is_read_only
        return Mount(target, source, is_read_only) if source else None

    def _may_be_at(self, wanted: _Wanted, spec: FunctionSpec) -> bool:
        target = wanted.target
        if not target.startswith("/") or "\0" in target:
            self._findings.add("FCB344", wanted.at, target=target)
            return False
        needed = [path for path in (spec.code_dir, self._directory) if path]
        hidden = next((path for path in needed if _is_below(path, target)), "")
        system = next((path for path in SYSTEM_DIRS if _is_below(target, path)), "")
        what = hidden or system or (target if target in SHARED_DIRS else "")
        if what:
            self._findings.add("FCB345", wanted.at, target=target, what=what)
        return not what

    def _tell_missing(self, code: str, at: Node, name: str, example: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._findings.add(code, at, name=name, line=f"{name}: {example}")

    # --- the table ----------------------------------------------------------------------------

    def _place(self, name: str, key: Span, node: Node) -> _Place:
        if isinstance(node.value, dict):
            long = validated(node, MountPath, f"fcbox.mounts.{name}", self._findings)
            at = child(node, "path")
            if at is None:
                self._report_wrong(f"{name}.path", node, phrase("nothing"))
            return _Place(key, long.path or "", at or node, bool(long.read_only))
        path = node.value if isinstance(node.value, str) else ""
        if not path and not is_broken(node):
            self._report_wrong(name, node, shown(node))
        return _Place(key, path, node, False)

    def _report_wrong(self, name: str, at: Node, found: Phrase | str) -> None:
        expected = phrase("the path of a directory, or a map of path and readOnly")
        key = f"fcbox.mounts.{name}"
        self._findings.add("FCB312", at, key=key, found=found, expected=expected)

    def _source(self, name: str) -> str:
        """The absolute directory that `name` is mapped to; empty when there is none."""
        place = self._places.get(name)
        if place is None or not place.path:
            return ""
        found = os.path.normpath(os.path.join(self._directory, place.path))
        if self._inputs.is_directory(found):
            return found
        advice = phrase("make it, or name another; paths begin at the directory of the s.yaml")
        if self._inputs.is_file(found):
            advice = phrase("it is a file: unpack it, and name the directory")
        self._findings.add("FCB343", place.at, name=name, path=found, advice=advice)
        return ""


def _key(name: str) -> str:
    """A mountDir in one spelling; the name of a layer as it is."""
    return "/" + os.path.normpath(name).lstrip("/") if name.startswith("/") else name


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _short(name: str) -> str:
    """`Flask2x` for `acs:...:layers/Flask2x/versions/2`, `nas` for `/mnt/nas`."""
    parts = [part for part in name.split("/") if part]
    if "versions" in parts[1:]:
        return parts[parts.index("versions", 1) - 1]
    return parts[-1] if parts else "directory"
