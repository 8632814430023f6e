"""Places of a body, such as `request.body.messages[*].content`, and how what stands there is covered.

Not what else is taken out of a recording (`redaction`), nor the quick way over payloads of a known shape (`body_cover`), which
gives what is given here. Written over the bytes as they are, not decoded and encoded again: what covers a value is as long as the
value, so that splits, lengths and everything around it stay. A body cut off in its middle is read as far as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from shim.recording.redaction.key_mask import REMOVED, filling
from shim.wire.credentials import Span

Side: TypeAlias = Literal["request", "response"]

MOST_VALUES: Final = 64
"""Values that a walk notes: what has more is no event of a stream, and is not walked over again and again."""

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
    """Cover what stands at the paths, token by token; give the body, and the paths that stood for something.

    Args:
        body: JSON, or an event stream of JSON; it may end early.
        paths: all of the body's side, each with at least one step.
        is_stream: whether it is an event stream.

    Raises:
        UnreadableBodyError: it is neither.
    """
    text = bytearray(body)
    hits: set[str] = set()
    root = path_tree(paths, is_stream=is_stream)
    if is_stream:
        position = 0
        while position < len(body):
            event, position = next_event(body, position)
            cover_event(text, event, root=root, hits=hits)
    elif body.strip():
        Walk(text, root=root, hits=hits).run()
    return bytes(text), [path.text for path in paths if path.text in hits]


class PathNode:
    """What the paths have in common up to a step: where they lead on, and those that end here."""

    __slots__ = ("next", "texts")

    def __init__(self) -> None:
        self.next: dict[str | int, PathNode] = {}
        self.texts: list[str] = []

    def all_texts(self) -> Iterator[str]:
        """The paths that end here or further on."""
        yield from self.texts
        for node in self.next.values():
            yield from node.all_texts()


def path_tree(paths: Sequence[BodyPath], *, is_stream: bool) -> PathNode:
    """The paths as a tree, from the root of a body, or of each event's data."""
    root = PathNode()
    for path in (*paths, *(path.in_stream() for path in paths if is_stream)):
        node = root
        for step in path.steps:
            node = node.next.setdefault(step, PathNode())
        node.texts.append(path.text)
    return root


def next_event(body: bytes, position: int) -> tuple[list[Span], int]:
    """The places of the data of the event that begins here, one per `data` line; and where it ends."""
    pieces: list[Span] = []
    while position < len(body) and (match := _LINE.match(body, position)):
        position = match.end()
        start, end = match.span(1)
        if start == end and pieces:
            break
        line = match[1].removeprefix(b"\xef\xbb\xbf") if start == 0 else match[1]
        name, colon, _ = line.partition(b":")
        if colon and name in (b"data", b"error"):  # some servers put a failure into a field called `error`
            value = end - len(line) + len(name) + 1
            pieces.append((value + body.startswith(b" ", value), end))
    return pieces, position


def cover_event(text: bytearray, pieces: Sequence[Span], *, root: PathNode, hits: set[str]) -> Walk | None:
    """Cover what stands at the paths in one event's data; the walk over it, None where that was none."""
    payload = bytearray(b"\n".join(text[start:end] for start, end in pieces))
    if not pieces or payload.strip() == b"[DONE]":
        return None
    walk: Walk | None = None
    try:
        walk = Walk(payload, root=root, hits=hits).run()
    except UnreadableBodyError:
        payload[:] = filling(len(payload), _WORDS)
        hits.update(root.all_texts())
    offset = 0
    for start, end in pieces:
        text[start:end] = payload[offset : offset + end - start]
        offset += end - start + 1
    return walk


class _Frame:
    """An object or array that is open: how the paths lead on from it, and where in it we are."""

    __slots__ = ("covers", "index", "is_object", "key", "nodes", "wants_key")

    def __init__(self, nodes: list[PathNode], *, is_object: bool, covers: bool) -> None:
        self.nodes = nodes
        self.is_object = is_object
        self.wants_key = is_object
        self.covers = covers
        self.key = ""
        self.index = 0


class Value(NamedTuple):
    """A value that was met: where its token stands, whether it is to be covered, and whether a word of the API's stays there."""

    start: int
    end: int
    covers: bool
    keeps_words: bool


class Walk:
    """One pass over JSON text, token by token, that covers values as it meets them.

    What is covered follows from the marks, the names of fields and where values stand alone, not from what the values are; but
    for a value that is the `type` of a covered part.

    Attributes:
        values: the tokens that are no names and no marks, in order; where there are more than `MOST_VALUES`, not all.
    """

    def __init__(self, text: bytearray, *, root: PathNode, hits: set[str]) -> None:
        self.values: list[Value] = []
        self._text = text
        self._root = root
        self._hits = hits
        self._open: list[_Frame] = []

    @property
    def is_whole(self) -> bool:
        """Whether all that was opened was closed."""
        return not self._open

    def run(self) -> Walk:
        """Go over the text; the same walk.

        Raises:
            UnreadableBodyError: it is no JSON.
        """
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
        return self

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
        end = start + len(token)
        keeps_words = frame.covers and frame.key == "type"
        if len(self.values) <= MOST_VALUES:
            self.values.append(Value(start, end, covers, keeps_words))
        if covers:
            self._text[start:end] = cover_of(token, keeps_words=keeps_words)

    def _led_to(self) -> tuple[list[PathNode], bool]:
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


def cover_of(token: bytes, *, keeps_words: bool) -> bytes:
    """As many bytes that say nothing; null, true and false stay.

    What kind of part it is stays told (`keeps_words`), where the whole part is covered: no reader could read it otherwise.
    """
    if keeps_words and _VOCABULARY.fullmatch(token):
        return token
    if token.startswith(b'"'):
        closed = len(token) > 1 and token.endswith(b'"')
        return b'"' + filling(len(token) - 1 - closed, _WORDS) + b'"' * closed
    if _NUMBER.match(token):
        return b"1".ljust(len(token), b"0")
    return token if token in (b"null", b"true", b"false") else b"*" * len(token)
