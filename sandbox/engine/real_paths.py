"""The directories that functions are shown, by their real paths: links are followed once, at start.

Later nobody follows any: an instance opens each of these paths without links (`worker.mounts`).
What a function can write to may hold links of its own making, to any place of the host. They
outlive the box: so links that are found inside a writable mount are not followed here either, but
left in the path, where they make the instance fail. At the level `none` there is nothing to lose.
"""

import os
from collections.abc import Iterable

from sandbox.core.spec import FunctionSpec

__all__ = ["with_real_paths"]

_MOST_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""


def with_real_paths(specs: Iterable[FunctionSpec], trusts_functions: bool) -> list[FunctionSpec]:
    """The specs with real paths of code, layers and mounts."""
    listed = list(specs)
    mounts = [mount for spec in listed for mount in spec.mounts if not mount.is_read_only]
    writable = set() if trusts_functions else {os.path.realpath(each.source) for each in mounts}
    return [_resolved(spec, writable) for spec in listed]


def _resolved(spec: FunctionSpec, writable: set[str]) -> FunctionSpec:
    return spec._replace(
        code_dir=_real(spec.code_dir, writable),
        layers=tuple(_real(path, writable) for path in spec.layers),
        mounts=tuple(each._replace(source=_real(each.source, writable)) for each in spec.mounts),
    )


def _real(path: str, writable: set[str]) -> str:
    """Like os.path.realpath, but for links in what is below `writable`."""
    found, left, links = "/", path.split("/")[::-1], 0
    while left:
        below = os.path.normpath(os.path.join(found, left.pop()))
        if links < _MOST_LINKS and os.path.islink(below) and not _is_within(found, writable):
            links += 1
            target = os.readlink(below)
            left += target.split("/")[::-1]
            below = "/" if target.startswith("/") else found
        found = below
    return found


def _is_within(path: str, folders: set[str]) -> bool:
    return any(os.path.commonpath((path, folder)) == folder for folder in folders)
