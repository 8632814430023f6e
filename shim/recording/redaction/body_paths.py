"""Places of a body, such as `request.body.messages[*].content`, and how what stands there is covered.

Not what else is taken out of a recording (`redaction`). Written over the bytes as they are, not decoded and encoded again:
what covers a value is as long as the value, so that splits, lengths and everything around it stay. A body cut off in
its middle is read as far as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shim.recording.redaction.key_mask import REMOVED, filling

Side: TypeAlias = Literal["request", "response"]

_PATH = re.compile(r"(request|response)\.body((?:\.[^.\[\]]+|\[(?:\*|\d+)\])*)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\*|\d+)\]")
_ANY: Final = "*"
_ITEM: Final = "[*]"

_TOKEN = re.compile(rb'("(?:[^"\\]+|\\.)*(?:"|\\?\Z))|([{\[])|([}\]])|([,:])|([^\s{}\[\],:"]+)', re.DOTALL)
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_VOCABULARY = re.compile(rb'"[a-z_.]{1,40}"')
_NUMBER = re.compile(rb"-?[0-9]")
_WORDS: Final = REMOVED.encode()


class BodyPath(Struct, frozen=True):
    """A pattern of places: names, `.*` for any name, `[*]` for any item, `[2]` for the third."""

    text: str
    side: Side
    steps: tuple[str | int, ...]

    @classmethod
    def of(cls, text: str) -> BodyPath:
        """Read a pattern.

        Raises:
            ValueError: it is none.
        """
        match = _PATH.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"body path {text!r} cannot be read; write it as request.body.user, request.body.messages[*].content or "
                "response.body.choices[*].message.content"
            )
        steps = tuple(_step(name, item) for name, item in _STEP.findall(match[2]))
        return cls(text, "request" if match[1] == "request" else "response", steps)

    def in_stream(self) -> BodyPath:
        """The same in the events of a stream: what a whole answer calls `message` comes there as `delta`."""
        return BodyPath(self.text, self.side, tuple("delta" if step == "message" else step for step in self.steps))


def _step(name: str, item: str) -> str | int:
    if name:
        return name
    return _ITEM if item == _ANY else int(item)


class UnreadableBodyError(ValueError):
    """The body is no JSON, so that its places cannot be told."""


def covered(body: bytes, paths: Sequence[BodyPath], *, is_stream: bool) -> tuple[bytes, list[str]]:
    """Cover what stands at the paths; give the body, and the paths that stood for something.

    Args:
        body: JSON, or an event stream of JSON; it may end early.
        paths: all of the body's side, each with at least one step.
        is_stream: whether it is an event stream.

    Raises:
        UnreadableBodyError: it is neither.
    """
    text = bytearray(body)
    hits: set[str] = set()
    if is_stream:
        root = _tree([*paths, *(path.in_stream() for path in paths)])
        for pieces in _payloads(body):
            _cover_payload(text, pieces, root=root, hits=hits)
    elif body.strip():
        _Walk(text, root=_tree(paths), hits=hits).run()
    return bytes(text), [path.text for path in paths if path.text in hits]


class _Node:
    """What the paths have in common up to a step: where they lead on, and those that end here."""

    __slots__ = ("next", "texts")

    def __init__(self) -> None:
        self.next: dict[str | int, _Node] = {}
        self.texts: list[str] = []

    def all_texts(self) -> Iterator[str]:
        yield from self.texts
        for node in self.next.values():
            yield from node.all_texts()


def _tree(paths: Iterable[BodyPath]) -> _Node:
    root = _Node()
    for path in paths:
        node = root
        for step in path.steps:
            node = node.next.setdefault(step, _Node())
        node.texts.append(path.text)
    return root


def _payloads(body: bytes) -> Iterator[list[tuple[int, int]]]:
    """The places of each event's data: one per `data` line."""
    pieces: list[tuple[int, int]] = []
    for match in _LINE.finditer(body):
        start, end = match.span(1)
        if start == end and pieces:
            yield pieces
            pieces = []
        line = match[1].removeprefix(b"\xef\xbb\xbf") if start == 0 else match[1]
        name, colon, _ = line.partition(b":")
        if colon and name in (b"data", b"error"):  # some servers put a failure into a field called `error`
            value = end - len(line) + len(name) + 1
            pieces.append((value + body.startswith(b" ", value), end))
    if pieces:
        yield pieces


def _cover_payload(text: bytearray, pieces: list[tuple[int, int]], *, root: _Node, hits: set[str]) -> None:
    payload = bytearray(b"\n".join(text[start:end] for start, end in pieces))
    if payload.strip() == b"[DONE]":
        return
    try:
        _Walk(payload, root=root, hits=hits).run()
    except UnreadableBodyError:
        payload[:] = filling(len(payload), _WORDS)
        hits.update(root.all_texts())
    offset = 0
    for start, end in pieces:
        text[start:end] = payload[offset : offset + end - start]
        offset += end - start + 1


class _Frame:
    """An object or array that is open: how the paths lead on from it, and where in it we are."""

    __slots__ = ("covers", "index", "is_object", "key", "nodes", "wants_key")

    def __init__(self, nodes: list[_Node], *, is_object: bool, covers: bool) -> None:
        self.nodes = nodes
        self.is_object = is_object
        self.wants_key = is_object
        self.covers = covers
        self.key = ""
        self.index = 0


class _Walk:
    """One pass over JSON text, token by token, that covers values as it meets them."""

    def __init__(self, text: bytearray, *, root: _Node, hits: set[str]) -> None:
        self._text = text
        self._root = root
        self._hits = hits
        self._open: list[_Frame] = []

    def run(self) -> None:
        """Go over the text."""
        for match in _TOKEN.finditer(bytes(self._text)):
            string, opening, closing, mark, word = match.groups()
            if mark:
                self._go_on(mark)
            elif opening:
                self._enter(opening)
            elif closing:
                self._leave(closing)
            else:
                self._value(string or word, match.start())

    def _go_on(self, mark: bytes) -> None:
        if not self._open:
            raise UnreadableBodyError
        frame = self._open[-1]
        if mark == b",":
            frame.wants_key = frame.is_object
            frame.index += 1
        else:
            frame.wants_key = False

    def _enter(self, opening: bytes) -> None:
        nodes, covers = self._led_to()
        self._open.append(_Frame(nodes, is_object=opening == b"{", covers=covers))

    def _leave(self, closing: bytes) -> None:
        if not self._open or self._open.pop().is_object != (closing == b"}"):
            raise UnreadableBodyError

    def _value(self, token: bytes, start: int) -> None:
        if not self._open:
            raise UnreadableBodyError  # a body of one bare word is no request and no answer
        frame = self._open[-1]
        if frame.wants_key:
            frame.key = _name(token)
            return
        _, covers = self._led_to()
        # What kind of part it is stays told, where the whole part is covered: no reader could read it otherwise.
        if covers and not (frame.covers and frame.key == "type" and _VOCABULARY.fullmatch(token)):
            self._text[start : start + len(token)] = _cover(token)

    def _led_to(self) -> tuple[list[_Node], bool]:
        """How the paths lead on into the value that begins here, and whether it is covered."""
        if not self._open:
            return [self._root], False
        frame = self._open[-1]
        if frame.covers or not frame.nodes:
            return [], frame.covers
        steps = (frame.key, _ANY) if frame.is_object else (frame.index, _ITEM)
        nodes = [found for node in frame.nodes for step in steps if (found := node.next.get(step))]
        covers = False
        for node in nodes:
            if node.texts:
                covers = True
                self._hits.update(node.texts)
        return nodes, covers


def _name(token: bytes) -> str:
    if b"\\" not in token:
        return token[1:-1].decode("utf-8", "replace")
    try:
        return str(json.loads(token))
    except ValueError:
        return ""


def _cover(token: bytes) -> bytes:
    """As many bytes that say nothing; null, true and false stay."""
    if token.startswith(b'"'):
        closed = len(token) > 1 and token.endswith(b'"')
        return b'"' + filling(len(token) - 1 - closed, _WORDS) + b'"' * closed
    if _NUMBER.match(token):
        return b"1".ljust(len(token), b"0")
    return token if token in (b"null", b"true", b"false") else b"*" * len(token)
