"""What was changed over the API and stands in no s.yaml yet: `fcbox config save` asks for it."""

from typing import Any

from sandbox.http.management.registry import Registry

__all__ = ["changes_of"]


def changes_of(registry: Registry) -> dict[str, Any]:
    """The functions that were changed, each with its changed props in the form of an s.yaml (null:
    the key goes away), and the names of those that were deleted."""
    functions, names = [], registry.names()
    for name in names:
        record, spec = registry.record(name), registry.front.spec_of(name)
        if not record.changes:
            continue
        props = {key: value for key, value in record.changes.items() if key != "code"}
        functions.append(
            {
                "function": name,
                "resource": spec.resource,
                "isNew": record.is_new,
                "replaces": record.replaces,
                "hasCode": "code" in record.changes,
                "package": f"/fcbox/packages/{registry.token}/{name}.zip",
                "props": props,
            }
        )
    removed = [name for name in registry.removed if name not in names]  # others are back
    return {"functions": functions, "removed": removed}
