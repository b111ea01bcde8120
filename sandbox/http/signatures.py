"""Who signed a request: the two published algorithms of the official SDKs.

    Authorization: FC <id>:<base64 of an HMAC-SHA256>                  aliyun-fc2, and HTTP triggers
    Authorization: ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<names>,Signature=<hex of it>

What the first one signs, as lines: the method; Content-MD5; Content-Type; Date; every header that
begins with x-fc-, sorted; the path, decoded. The query is a part of it only for HTTP triggers.
What the second one signs is the SHA-256 of: the method; the path as it was sent; the query, sorted;
the headers that it names; their names; the SHA-256 of the body.

A signature is good for a quarter of an hour on either side of its date. Within that time a request
that was overheard can be sent again: neither algorithm rules that out, only TLS would.
"""

import base64
import binascii
import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from email.utils import mktime_tz, parsedate_tz
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl, quote, unquote

from sandbox.http.door import AccessKey
from sandbox.http.refusals import Refused

__all__ = ["CLOCK_SKEW_S", "Head", "SignedBody", "check_signature"]

CLOCK_SKEW_S = 15 * 60
"""How far a request's date may be from ours."""

_FC = re.compile(r"FC ([^\s:,]+):([A-Za-z0-9+/=]+)")
_ACS3 = re.compile(
    r"ACS3-HMAC-SHA256 Credential=([^\s,]+), ?SignedHeaders=([^\s,]+), ?Signature=([0-9a-f]{64})"
)
_NEEDED = ("host", "x-acs-date", "x-acs-content-sha256")


class Head:
    """The head of a request. `path` is decoded, `raw_path` and `query` are as they were sent."""

    def __init__(
        self,
        method: str,
        path: str,
        raw_path: str,
        query: str,
        headers: Iterable[tuple[str, str]],
    ) -> None:
        self.method = method
        self.path = path
        self.raw_path = raw_path
        self.query = query
        self._headers: dict[str, list[str]] = {}
        for name, value in headers:
            self._headers.setdefault(name.lower(), []).append(value.strip(" \t"))

    def names(self) -> list[str]:
        """Of all headers, in lower case, sorted."""
        return sorted(self._headers)

    def values(self, name: str) -> list[str]:
        """Of all headers of that name."""
        return self._headers.get(name, [])

    def value(self, name: str) -> str:
        """Of the header of that name; empty when there is none. Raises Refused for several."""
        values = self.values(name)
        if len(values) > 1:
            _deny(f"there are {len(values)} headers {name}")
        return values[0] if values else ""


class SignedBody(NamedTuple):
    """What the body must be: a hash of hashlib's, and the digest."""

    hash: str
    digest: bytes

    def check(self, found: bytes) -> None:
        """Raises Refused when the body has another digest."""
        if not hmac.compare_digest(self.digest, found):
            _mismatch("the body is not the one that was signed")


def check_signature(head: Head, key: AccessKey, now_s: float) -> SignedBody | None:
    """Raises Refused unless this key signed the request; gives what the body must be then, None
    when the signature says nothing about it."""
    text = head.value("authorization")
    if not text:
        _deny("the request is not signed: this fcbox asks for an access key")
    if found := _FC.fullmatch(text):
        return _check_fc(head, key, now_s, found[1], found[2])
    if found := _ACS3.fullmatch(text):
        return _check_acs3(head, key, now_s, found[1], found[2], found[3])
    _deny("the Authorization header must be of FC or ACS3-HMAC-SHA256")


def _deny(text: str) -> NoReturn:
    raise Refused(403, "AccessDenied", text)


def _mismatch(text: str) -> NoReturn:
    raise Refused(403, "SignatureNotMatch", text)


def _check_signer(id: str, key: AccessKey, date_s: float | None, now_s: float) -> None:
    if not hmac.compare_digest(id.encode("latin-1"), key.id.encode("ascii")):
        _deny("the AccessKey ID is not the one of this fcbox")
    if date_s is None:
        _deny("the request has no date that can be read")
    if abs(now_s - date_s) > CLOCK_SKEW_S:
        _deny(f"the date of the request is more than {CLOCK_SKEW_S // 60} minutes away from ours")


def _hmac(secret: str, text: str) -> bytes:
    return hmac.digest(secret.encode("ascii"), text.encode("utf-8", "surrogateescape"), "sha256")


def _same(found: bytes, wanted: Iterable[bytes]) -> None:
    if not any(hmac.compare_digest(found, each) for each in wanted):
        _mismatch(
            "the signature is not the one that was calculated here: check the secret of the "
            "access key, and the signing method"
        )


# -- FC ------------------------------------------------------------------------------------------


def _rfc_date(text: str) -> float | None:
    """Unix time; None for what is no date."""
    try:
        date = parsedate_tz(text)
        return mktime_tz(date) if date else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _check_fc(
    head: Head, key: AccessKey, now_s: float, id: str, signature: str
) -> SignedBody | None:
    _check_signer(id, key, _rfc_date(head.value("date")), now_s)
    lines = [head.method, *map(head.value, ("content-md5", "content-type", "date"))]
    for name in head.names():
        lines += [f"{name}:{value}" for value in head.values(name) if name.startswith("x-fc-")]
    text = "\n".join(lines)
    wanted = [_hmac(key.secret, f"{text}\n{resource}") for resource in _resources(head)]
    try:
        found = base64.b64decode(signature, validate=True)
    except binascii.Error:
        _mismatch("the signature is no base64")
    _same(found, wanted)
    return _md5(head.value("content-md5"))


def _resources(head: Head) -> list[str]:
    """What can stand for path and query: the SDKs differ in it. Without the query it is an API's;
    a trigger's has it, sorted by one and as it was sent by another."""
    if head.path.startswith("/2016-08-15/") and not head.path.startswith("/2016-08-15/proxy/"):
        return [head.path]
    pairs = parse_qsl(head.query, keep_blank_values=True)
    params = sorted(f"{name}={value}" for name, value in pairs)
    decoded = unquote(head.query).split("&")
    sent = [f"{head.path}\n" + "\n".join(each) for each in (params, decoded)]
    return sent if head.query else [*sent, head.path]


def _md5(text: str) -> SignedBody | None:
    if not text:
        return None
    try:
        is_hex = re.fullmatch("[0-9a-fA-F]{32}", text)
        digest = bytes.fromhex(text) if is_hex else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.md5(usedforsecurity=False).digest_size:
        _deny("Content-MD5 is no MD5")
    return SignedBody("md5", digest)


# -- ACS3 ----------------------------------------------------------------------------------------


def _check_acs3(
    head: Head, key: AccessKey, now_s: float, id: str, signed: str, signature: str
) -> SignedBody:
    _check_signer(id, key, _iso_date(head.value("x-acs-date")), now_s)
    names = signed.split(";")
    needed = {*_NEEDED, *(name for name in head.names() if name.startswith("x-acs-"))}
    if missing := sorted(needed - set(names)):
        _deny(f"these headers must be signed: {', '.join(missing)}")
    if names != sorted(set(names)):
        _deny("SignedHeaders must be sorted, in lower case, each once")
    body_hash = head.value("x-acs-content-sha256")
    if not re.fullmatch("[0-9a-f]{64}", body_hash):
        _deny("x-acs-content-sha256 is no SHA-256 in hexadecimal")
    headers = "".join(f"{name}:{','.join(sorted(head.values(name)))}\n" for name in names)
    request = "\n".join(
        (head.method, head.raw_path or "/", _canonical(head.query), headers, signed, body_hash)
    )
    digest = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    wanted = _hmac(key.secret, f"ACS3-HMAC-SHA256\n{digest}")
    _same(bytes.fromhex(signature), [wanted])
    return SignedBody("sha256", bytes.fromhex(body_hash))


def _iso_date(text: str) -> float | None:
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None


def _canonical(query: str) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
