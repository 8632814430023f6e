"""Plain messages: those of nothing but texts, calls of functions and their results, with no field beside them.

Not the checks (`shim.model.checks`), which look closer at any other message and say what is wrong with it, nor the wire forms
(`shim.wire`). Nearly every message of a conversation is plain. Nothing is wrong with such a one, both APIs can express it, and
all it says is strings: whoever goes through a conversation can pass it by after this one look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from operator import is_not
from typing import Any, TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import astuple

from shim.model.parts import AudioPart, FilePart, ImagePart, RefusalPart, TextPart, ToolCallPart, ToolCallResponsePart
from shim.model.request import Message

_Row = TypeVar("_Row")
_UNSET_ALONE = frozenset({UNSET})
_SPEAKERS = frozenset({"system", "developer", "user", "assistant"})
_OF_STRINGS = (ImagePart, AudioPart, FilePart)


class Look(Struct, frozen=True, kw_only=True, gc=False):
    """What a request's check has seen besides, so that who writes the request need not look again.

    Attributes:
        all_plain: all its messages are plain.
        says_no_more: it says nothing beside its model and messages.
    """

    all_plain: bool
    says_no_more: bool

    def with_fields(self) -> Look:
        """What is known of the request once fields of it were set, but for its messages."""
        return Look(all_plain=self.all_plain, says_no_more=False)


def all_unset(values: tuple[object, ...]) -> bool:
    """Whether values are all UNSET, by identity, since a value may compare oddly; several times as fast as a look at each."""
    try:
        return _UNSET_ALONE.issuperset(values)
    except TypeError:  # one that has no hash is something else
        return False


def said(rows: Iterable[_Row], values: tuple[object, ...]) -> Iterator[tuple[_Row, Any]]:
    """Those values that are not UNSET, each with its row: most of a request's fields are, and cost no step of Python."""
    return compress(zip(rows, values, strict=True), map(is_not, values, repeat(UNSET)))


def is_plain(message: object) -> bool:
    """Whether a message is made of strings alone, exactly of type str, each where its role has it; empty `extra`, no name."""
    if type(message) is not Message:
        return False
    role, parts, name, extra, _ = astuple(message)
    if name is not UNSET or type(extra) is not dict or extra or type(parts) is not tuple or type(role) is not str:
        return False
    if role == "tool":
        return bool(parts) and all(map(_is_plain_result, parts))
    if role not in _SPEAKERS:
        return False
    for part in parts:
        if type(part) is TextPart:
            extra = part.extra
            if type(part.text) is not str or type(extra) is not dict or extra:
                return False
        elif role != "assistant" or not _is_plain_call(part):
            return False
    return True


def holds_strings(message: Message) -> bool:
    """Whether a message that has passed the checks, plain or not, says nothing but strings and nulls."""
    return not message.extra and all(map(_holds_strings, message.parts))


def _holds_strings(part: object) -> bool:
    if isinstance(part, ToolCallResponsePart):
        return all(map(_holds_strings, part.parts))
    if isinstance(part, ToolCallPart):
        return not part.extra and part.data is None
    return isinstance(part, _OF_STRINGS) or (isinstance(part, (TextPart, RefusalPart)) and not part.extra)


def _is_plain_call(part: object) -> bool:
    if type(part) is not ToolCallPart:
        return False
    id_, name, arguments, kind, extra, _, data = astuple(part)
    strings = type(id_) is type(name) is type(arguments) is type(kind) is str
    return strings and kind == "function" and type(extra) is dict and not extra and data is None


def _is_plain_result(part: object) -> bool:
    if type(part) is not ToolCallResponsePart or type(part.id) is not str or part.is_error is not False:
        return False
    return type(part.parts) is tuple and all(map(_is_plain_text, part.parts))


def _is_plain_text(part: object) -> bool:
    return type(part) is TextPart and type(part.text) is str and type(part.extra) is dict and not part.extra
