"""Where the box listens, and what callers must show.

    loopback (the default)    everybody on this machine; with an access key, who signs with it
    any other address         who signs with the access key: without one it is not listened there

fcbox's own commands find a token in the registration of the box instead, which only the same user
can read; it is another one for every run.
"""

import ipaddress
import re
from typing import NamedTuple

__all__ = ["LOOPBACK", "AccessKey", "Door", "url_host"]

LOOPBACK = "127.0.0.1"

_PRINTABLE = re.compile(r"[!-~]+")
_LOOPBACK_NAMES = r"(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\]"
_ANY_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]"


class AccessKey(NamedTuple):
    """What callers sign with. It never shows its secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"AccessKey({self.id}:...)"

    @classmethod
    def parsed(cls, text: str) -> "AccessKey":
        """From `ID:SECRET`. Raises ValueError, whose text has nothing of it."""
        id, colon, secret = text.partition(":")
        if not (colon and _PRINTABLE.fullmatch(id) and _PRINTABLE.fullmatch(secret)):
            raise ValueError("an access key is ID:SECRET, both of printable ASCII characters")
        if "," in id:
            raise ValueError("the ID of an access key may have no comma")
        return cls(id, secret)


class Door(NamedTuple):
    """`address` is what is listened on, `name` what it was called. `token`: what fcbox's own
    commands show instead of a signature."""

    address: str = LOOPBACK
    name: str = LOOPBACK
    key: AccessKey | None = None
    token: str = ""

    def __repr__(self) -> str:
        return f"Door({self.address}, {self.key!r})"

    @property
    def is_loopback(self) -> bool:
        """Nobody on another machine can come here."""
        address = _address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    @property
    def reachable(self) -> str:
        """The address where this machine itself can call."""
        address = _address(self.address)
        if not address.is_unspecified:
            return self.address
        return LOOPBACK if address.version == 4 else "::1"

    def hosts(self) -> str:
        """A regular expression of what the `Host` header may be, lower case, without a port.

        No name but those that were asked for: any other can be made to mean this machine. An
        address cannot, so that all will do where all are listened on.
        """
        own = (re.escape(url_host(name)) for name in (self.address, self.name.lower()))
        names = [_LOOPBACK_NAMES, *own]
        if _address(self.address).is_unspecified:
            names.append(_ANY_ADDRESS)
        return f"(?:{'|'.join(names)})"


def url_host(address: str) -> str:
    """As it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])
