"""Fills a template: JSON in which these mean something, and all else is as it stands.

    "${name}"                        the value of that name, with its type
    "text ${name} text"              the value, as text
    "${name|filter}"                 the value through one of FILTERS
    {"$choose": "name", "a": ..}     the branch that the value of `name` names
    {"$repeat": "name", "each": ..}  a list of so many; ${index} counts them from 0
    {"$text": ..}, {"$cbor": ..}     the value as JSON in a string, or as the bytes of CBOR
    {"$http": {..}}                  the event of the HTTP request that this describes
    {"$use": "name"}                 one of the template's definitions

A name is a parameter or one of `Fresh`: ids and times. Each is looked up once, so that a name
which stands in two places has one value; in a list, what is fresh is fresh for each.
"""

import base64
import hashlib
import json
import random
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from sandbox.event_kinds import cbor
from sandbox.event_kinds.requests import request_event

__all__ = ["FILTERS", "Filling", "Fresh", "compact_json"]

_NAME = re.compile(r"\$\{([a-z_.0-9]+)(?:\|([a-z0-9]+))?\}")
_CHINA = timezone(timedelta(hours=8))


def _bytes(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogateescape")


FILTERS: dict[str, Callable[[Any], Any]] = {
    "base64": lambda value: base64.b64encode(_bytes(value)).decode(),
    "lower": lambda value: str(value).lower(),
    "md5": lambda value: hashlib.md5(_bytes(value)).hexdigest().upper(),
    "quote": lambda value: urllib.parse.quote(str(value)),
    "text": str,
}


class Fresh:
    """Ids and times: `now`, and what comes of `source`, which may have a seed."""

    def __init__(self, now: datetime, source: random.Random) -> None:
        self._now = now
        self._source = source

    def value(self, name: str) -> Any:
        """The value of that name. Raises KeyError."""
        kind, _, rest = name.partition(".")
        if kind == "time":
            return _TIMES[rest](self._now)
        if name == "new.uuid":
            return str(uuid.UUID(int=self._source.getrandbits(128), version=4))
        if name == "new.request":
            seconds = int(self._now.timestamp())
            return f"1-{seconds:08x}-{self._hex(8)}-{self._hex(12)}"
        if name == "new.number":
            return self._source.randrange(10**9, 2 * 10**9)
        if rest.startswith("hex"):
            return self._hex(int(rest[3:])).upper()
        raise KeyError(name)

    def _hex(self, digits: int) -> str:
        return f"{self._source.getrandbits(4 * digits):0{digits}x}"


_TIMES: dict[str, Callable[[datetime], Any]] = {
    "iso": lambda now: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso_ms": lambda now: now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
    "china": lambda now: now.astimezone(_CHINA).strftime("%Y-%m-%dT%H:%M:%S+08:00"),
    "day": lambda now: now.strftime("%Y_%m_%d"),
    "s": lambda now: int(now.timestamp()),
    "ms": lambda now: int(now.timestamp() * 1000),
    "us": lambda now: int(now.timestamp()) * 10**6 + now.microsecond,
    "five_minutes_ago_s": lambda now: int(now.timestamp()) - 300,
}


class Filling:
    """One event from one template."""

    def __init__(
        self,
        given: Mapping[str, Any],
        defaults: Mapping[str, Any],
        definitions: Mapping[str, Any],
        fresh: Fresh,
    ) -> None:
        self._defaults = defaults
        self._definitions = definitions
        self._fresh = fresh
        self._known: dict[str, Any] = dict(given)

    def fill(self, template: Any) -> Any:
        """The template with every name replaced."""
        if isinstance(template, str):
            return self._text(template)
        if isinstance(template, list):
            return [self.fill(item) for item in template]
        if not isinstance(template, dict):
            return template
        if "$choose" in template:
            return self.fill(template[self._value(template["$choose"])])
        if "$repeat" in template:
            return self._repeat(template)
        if "$text" in template:
            return compact_json(self.fill(template["$text"]))
        if "$cbor" in template:
            return cbor.encode(self.fill(template["$cbor"]))
        if "$http" in template:
            return request_event(self.fill(template["$http"]))
        if "$use" in template:
            return self.fill(self._definitions[template["$use"]])
        return {key: self.fill(item) for key, item in template.items()}

    def _repeat(self, template: Mapping[str, Any]) -> list[Any]:
        count = self._value(template["$repeat"])
        items, known = [], dict(self._known)
        for index in range(count):
            self._known = {**known, "index": index}
            items.append(self.fill(template["each"]))
        return items

    def _text(self, text: str) -> Any:
        whole = _NAME.fullmatch(text)
        if whole:
            return self._filtered(whole)
        return _NAME.sub(lambda found: str(self._filtered(found)), text)

    def _filtered(self, found: "re.Match[str]") -> Any:
        value = self._value(found[1])
        return FILTERS[found[2]](value) if found[2] else value

    def _value(self, name: str) -> Any:
        if name not in self._known:
            if name in self._defaults:
                self._known[name] = self.fill(self._defaults[name])
            else:
                self._known[name] = self._fresh.value(name)
        return self._known[name]


def compact_json(value: Any) -> str:
    """JSON as services send it: no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
