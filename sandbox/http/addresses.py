"""Where the HTTP triggers of a function are.

    http://127.0.0.1:9700/NAME/any/path             below the address of the box
    http://NAME.localhost:9700/any/path             at a host name of its own, as in the cloud
    http://127.0.0.1:9700/2016-08-15/proxy/SERVICE/NAME/any/path         as FC 2.0 has it

Browsers and curl take every name below localhost for this machine; elsewhere it may be unknown.
This module is needed at each start: keep it light.
"""

from collections.abc import Iterable

from sandbox.core.spec import FunctionSpec

__all__ = [
    "RESERVED",
    "TOP",
    "host_label",
    "trigger_addresses",
    "trigger_methods",
    "unchecked_triggers",
]

TOP = ".localhost"
RESERVED = frozenset(("fcbox", "metrics", "healthz"))
"""What fcbox itself has below its address. (The API's versions begin with a digit, and no function
does.) Functions of these names are reached by host name only."""


def host_label(name: str) -> str:
    """The function's name in a host name. Those of 2.0 have a $, which may not stand there."""
    return name.replace("$", "--").lower()


def trigger_addresses(name: str, host: str, port: int) -> tuple[str, ...]:
    """The addresses of a function that has an HTTP trigger. `host` as in a URL."""
    by_path = f"http://{host}:{port}/{name}/"
    by_host = f"http://{host_label(name)}{TOP}:{port}/"
    return (by_host,) if name in RESERVED else (by_path, by_host)


def trigger_methods(spec: FunctionSpec) -> tuple[str, ...]:
    """The methods that the HTTP triggers allow together; none means all of them."""
    each = [trigger.methods for trigger in spec.http_triggers]
    return () if not all(each) else tuple(dict.fromkeys(_flat(each)))


def unchecked_triggers(specs: Iterable[FunctionSpec], has_key: bool) -> str:
    """One warning of the HTTP triggers that check less here than in the cloud; empty without."""
    kinds = ("jwt",) if has_key else ("function", "jwt")
    found = {
        spec.name: trigger.auth_type
        for spec in specs
        for trigger in spec.http_triggers
        if trigger.auth_type in kinds
    }
    if not found:
        return ""
    what = ", ".join(f"authType {kind} of {name}" for name, kind in found.items())
    if has_key:
        return f"tokens are not looked at ({what}): requests must be signed instead"
    return f"anybody on this machine can call ({what}); with --access-key requests must be signed"


def _flat(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (item for each in lists for item in each)
