"""Arguments: whether the JSON of a call's arguments is whole, told without parsing it.

Not whether it is valid, which is for who runs the tool. One pass, a piece at a time, no recursion: the text may be long and deep.
"""

from __future__ import annotations

import re

from shim.model import FinishReason, ToolCallPart
from shim.model.parts import ToolCallKind
from shim.wire.lenient import NO_ARGUMENTS

_MARKS = re.compile(r"[\\\"{}\[\]]")  # one class of characters: that is what `re` finds fastest
# Reasons for which an answer ends in the middle of what it was saying.
_CUTTING = frozenset({FinishReason.LENGTH, FinishReason.CONTENT_FILTER, FinishReason.ERROR, FinishReason.UNKNOWN})


class LateArgumentsError(Exception):
    """Arguments for a call that was complete; a codec makes a protocol error of it."""


class ArgumentsScan:
    """Scans the pieces of one call's arguments, each once."""

    __slots__ = ("_depth", "_escaped", "_in_string", "_opened", "size")

    def __init__(self) -> None:
        self.size = 0  # characters so far
        self._depth = 0
        self._opened = False
        self._in_string = False
        self._escaped = False  # the last character was a backslash in a string

    @property
    def whole(self) -> bool:
        """Whether an object or list was opened and every one of them is closed."""
        return self._opened and self._depth <= 0 and not self._in_string

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        self.size += len(piece)
        if self._escaped and piece:
            piece = piece[1:]
            self._escaped = False
        after_backslash = -1
        for found in _MARKS.finditer(piece):
            mark, at = found[0], found.start()
            if at == after_backslash:
                continue
            if mark == "\\":
                after_backslash = at + 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark in "{[" else -1
                self._opened = True
        if after_backslash == len(piece):
            self._escaped = True


class Placeholder:
    """An empty object that begins the arguments of a call: all there are, or what gateways before Anthropic say before them.

    Attributes:
        held: one came, and nothing after it; it is told when it is known to be all.
    """

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = False

    def take(self, arguments: str, *, begun: bool) -> str:
        """Take a piece; what of it, and of what was held, is to be told now. `begun`: whether others were told before."""
        if arguments == NO_ARGUMENTS and not begun:
            self.held = True
            return ""
        if not arguments or not self.held:
            return arguments
        self.held = False
        return arguments if arguments[0] == "{" else NO_ARGUMENTS + arguments

    def take_rest(self) -> str:
        """Take that no more comes; what was held."""
        held, self.held = self.held, False
        return NO_ARGUMENTS if held else ""


def is_whole(arguments: str) -> bool:
    """Whether arguments are a whole JSON object or list."""
    scan = ArgumentsScan()
    scan.feed(arguments)
    return scan.whole


def is_complete(call: ToolCallPart, reason: FinishReason | None, *, last: bool, said: bool) -> bool:
    """Whether a call is complete, given why its answer ended; None: it has not, or was cut.

    Where the token limit or a filter ended the answer, JSON tells by itself; of free text only the last call can be cut.

    Args:
        call: as far as it has come.
        reason: of the answer.
        last: whether nothing came after it.
        said: whether the server said why the answer ended; a stream may just end.
    """
    if reason is None:
        return False
    if said and reason not in _CUTTING:
        return True
    if _is_json(call.kind) and (call.arguments or last):
        return is_whole(call.arguments) or (not call.arguments and not said)
    return not last or not said


def _is_json(kind: ToolCallKind) -> bool:
    return kind != "custom"
