"""Text -> tree of nodes with positions. YAML 1.2 scalars on PyYAML's event stream.

The tree is composed here and not by PyYAML, for three reasons: libyaml's composer recurses in C
and dies on deep nesting; positions of keys are needed; and aliases have to be counted before they
are written out. The events come one by one, so a limit stops the parse where it is passed.

Whatever the text, the answer is a tree, or findings, or both: never a traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from sandbox.config.messages.findings import Findings, RefusedError, whole_file
from sandbox.config.messages.texts import phrase
from sandbox.config.text import scalars
from sandbox.config.text.complaints import complaint_of
from sandbox.config.text.lookalikes import read_twice
from sandbox.config.text.mistakes import refusal
from sandbox.config.text.placeholders import Values, filled
from sandbox.config.text.source import Entry, Node, Source, Span, weighed

__all__ = ["MAX_DEPTH", "MAX_FILE_BYTES", "MAX_NODES", "parse", "text_is_usable"]

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 50_000
"""Nodes of the tree with every alias written out."""

MAX_TAG_DIRECTIVES = 16
"""libyaml compares each %TAG line with all before it: 65,000 of them took 5 seconds."""

_CONTROL = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_UNUSABLE = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")
_TAG_LINE = re.compile("(?:\\A|[\n\r\x85\u2028\u2029])%TAG")
"""At whatever libyaml takes for the end of a line."""

_BLANK_START = re.compile(r"(?m)^[ \t]+(?=\r?$|#)")

_TAGS = {
    "tag:yaml.org,2002:str": (str,),
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (int, float),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
    "!": (str,),
}
_COLLECTION_TAGS = {"tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "!"}

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(
    data: bytes,
    file: str,
    findings: Findings,
    directory: str = "",
    values: Values | None = None,
) -> Node | None:
    """The tree of one YAML document; None, and at least one finding, when there is none.

    `directory` is where the paths in the text begin; `values` fill its placeholders.
    """
    try:
        source = _guarded(data, file, directory, values or Values())
        try:
            return _composed(source, findings)
        except _TabError:
            return _composed_without_blank_tabs(source, findings)
    except RefusedError as refusal:
        findings.close(refusal)
        return None


def text_is_usable(text: str) -> bool:
    """False for text that no path, environment variable or terminal can take."""
    return _UNUSABLE.search(text) is None


# --- guards, before any YAML is read ---------------------------------------------------------


def _guarded(data: bytes, file: str, directory: str, values: Values) -> Source:
    if len(data) > MAX_FILE_BYTES:
        raise RefusedError("FCB102", None, limit=MAX_FILE_BYTES >> 20)
    source = filled(Source(file, _decoded(data, file), directory), values)
    _refuse_control_characters(source)
    if len(_TAG_LINE.findall(source.text)) > MAX_TAG_DIRECTIVES:
        raise RefusedError("FCB117", whole_file(source), limit=MAX_TAG_DIRECTIVES)
    return source


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from after the byte order mark.
        body = data.removeprefix(b"\xef\xbb\xbf")
        source = Source(file, body.decode("utf-8", "replace"))
        offset = len(body[: error.start].decode("utf-8", "replace"))
        at = Span(source, offset, offset + 1)
        raise RefusedError("FCB103", at, byte=f"0x{body[error.start]:02x}") from None


def _refuse_control_characters(source: Source) -> None:
    match = _CONTROL.search(source.text)
    if match:
        at = Span(source, match.start(), match.end())
        raise RefusedError("FCB104", at, character=f"U+{ord(match.group()):04X}")


# --- the parser's troubles, in our words ------------------------------------------------------


class _TabError(Exception):
    def __init__(self, at: Span) -> None:
        super().__init__()
        self.at = at


def _composed(source: Source, findings: Findings) -> Node:
    try:
        return _Composer(source, findings).document()
    except yaml.MarkedYAMLError as error:
        raise _trouble(source, error) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Without libyaml, escapes and version numbers beyond all bounds raise the last two.
        problem = phrase("the parser says: {problem}", problem=error)
        advice = phrase("check escapes in double quotes, and lines that begin with %")
        raise RefusedError("FCB101", whole_file(source), problem=problem, advice=advice) from None


def _trouble(source: Source, error: yaml.MarkedYAMLError) -> Exception:
    complaint = complaint_of(source, error)
    if complaint.char == "\t":
        return _TabError(Span(source, complaint.at, complaint.at + 1))
    return refusal(complaint)


def _composed_without_blank_tabs(source: Source, findings: Findings) -> Node:
    """Tabs before a comment or on an empty line are legal in YAML 1.2 and refused by libyaml."""
    text = _BLANK_START.sub(lambda match: " " * len(match.group()), source.text)
    try:
        return _composed(source.with_text(text), findings)
    except _TabError as tab:
        raise RefusedError("FCB109", tab.at) from None


# --- events -> nodes --------------------------------------------------------------------------


class _Composer:
    """Composes the only document of a stream. Recursion is bounded by MAX_DEPTH."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._events: Iterator[Any] = yaml.parse(source.text, Loader=_LOADER)
        self._anchors: dict[str, Node | None] = {}
        """None: the anchor's node is still being composed."""
        self._left = MAX_NODES

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise RefusedError("FCB115", whole_file(self._source))
        root = self._node(next(self._events), 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise RefusedError("FCB108", self._span(after))
        return root

    def _span(self, event: Any) -> Span:
        start: int = event.start_mark.index
        return Span(self._source, start, max(event.end_mark.index, start + 1))

    def _charge(self, weight: int, at: Span) -> None:
        self._left -= weight
        if self._left < 0:
            raise RefusedError("FCB106", at, limit=MAX_NODES)

    def _node(self, event: Any, depth: int) -> Node:
        at = self._span(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        if depth > MAX_DEPTH:
            raise RefusedError("FCB105", at, limit=MAX_DEPTH)
        self._charge(1, at)
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._content(event, at, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: Any, at: Span, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return weighed(self._scalar(event, at), at)
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            self._findings.add("FCB110", at, tag=event.tag)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at, depth)
        return self._mapping(at, depth)

    def _to_end(self, at: Span, end: Any) -> Span:
        """The span of a map or list, to its last character."""
        return at._replace(end=max(at.end, end.end_mark.index))

    def _alias(self, event: Any, at: Span) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._findings.add("FCB112" if event.anchor in self._anchors else "FCB113", at,
                         anchor=event.anchor)  # fmt: skip
            return Node(None, at)
        self._charge(node.weight, at)
        return node

    def _scalar(self, event: Any, at: Span) -> scalars.Scalar:
        text: str = event.value
        if not text_is_usable(text):
            self._findings.add("FCB104", at, character=f"U+{ord(_UNUSABLE.findall(text)[0]):04X}")
            return None
        if event.tag is not None:
            return self._tagged(text, event.tag, at)
        if not event.implicit[0]:
            return text
        slip = read_twice(text, at)
        if slip:
            part = at._replace(start=at.start + slip.start, end=at.start + slip.end)
            self._findings.add(slip.code, part, **slip.fields)
        return scalars.resolve(text)

    def _tagged(self, text: str, tag: str, at: Span) -> scalars.Scalar:
        types = _TAGS.get(tag)
        value = text if types == (str,) else scalars.resolve(text)
        if types is None or type(value) not in types:
            self._findings.add("FCB110", at, tag=tag)
        return value

    def _sequence(self, at: Span, depth: int) -> Node:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return weighed(tuple(items), self._to_end(at, event))

    def _mapping(self, at: Span, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth)
            node = self._node(next(self._events), depth + 1)
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                merged.append(node)
            elif key is not None:
                self._enter(entries, key, Entry(self._span(event), node))
        self._merge(entries, merged)
        return weighed(entries, self._to_end(at, event))

    def _key(self, event: Any, depth: int) -> str | None:
        """The key's text, or None (and a finding) when it is not a scalar."""
        node = self._node(event, depth + 1)
        if isinstance(event, yaml.ScalarEvent):
            return _key_text(node.value)
        if isinstance(node.value, str):  # an alias of a text
            return node.value
        self._findings.add("FCB114", self._span(event))
        return None

    def _enter(self, entries: dict[str, Entry], key: str, entry: Entry) -> None:
        if key in entries:
            first = entries[key].key
            line, column = first.source.position(first.start)
            self._findings.add("FCB107", entry.key, key=key, line=line, column=column)
        else:
            entries[key] = entry

    def _merge(self, entries: dict[str, Entry], merged: list[Node]) -> None:
        """`<<`: own keys win, then the first map that has the key."""
        for node in merged:
            maps = node.value if isinstance(node.value, tuple) else (node,)
            for each in maps:
                if isinstance(each.value, dict):
                    for key, entry in each.value.items():
                        entries.setdefault(key, entry)
                else:
                    self._findings.add("FCB116", each.span)


def _key_text(value: object) -> str:
    """A key as JavaScript makes a property name of it: `TRUE` is `true`, and `1.50` is `1.5`."""
    if isinstance(value, str | int | float):
        return scalars.js_text(value)
    return "null"
