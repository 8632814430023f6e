"""Streamed items: one output item while it is being made, its texts, and its call.

Not which item a piece belongs to (`accumulation`) nor the reading of whole items (`output_items`).
Source: API reference, Responses streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from shim.model import (
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from shim.wire.chat.vocabulary import arguments_of, text_of
from shim.wire.responses.output_items import call_id_of
from shim.wire.responses.vocabulary import dicts_in


class LateArgumentsError(Exception):
    """Arguments for a call that was complete; `stream` makes a protocol error of it."""


class Form(Struct, frozen=True):
    """Where a streamed text stands in its item: `key` of the blocks of type `block` in the item's list `field`."""

    kind: str
    field: str
    block: str
    key: str
    event: type[TextDelta | ReasoningDelta | RefusalDelta]


OUTPUT_TEXT = Form("message", "content", "output_text", "text", TextDelta)
REFUSAL = Form("message", "content", "refusal", "refusal", RefusalDelta)
REASONING_TEXT = Form("reasoning", "content", "reasoning_text", "text", ReasoningDelta)
SUMMARY_TEXT = Form("reasoning", "summary", "summary_text", "text", ReasoningDelta)
FORMS: dict[str, Form] = {form.block: form for form in (OUTPUT_TEXT, REFUSAL, REASONING_TEXT, SUMMARY_TEXT)}
# Type of a call's item -> its field that is streamed.
CALLS: dict[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}


class StreamedText:
    """One text being made. `pieces` may be appended to directly: it is the hot path."""

    __slots__ = ("annotations", "form", "index", "logprobs", "pieces", "position")

    def __init__(self, form: Form, position: int, *, index: int) -> None:
        self.form = form
        self.position = position
        self.index = index
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []

    def lay_over(self, blocks: list[dict[str, Any]], *, known: int) -> None:
        """Put the text into its block, one of the first `known`, or add one; what a block says beside its text counts."""
        told = {self.form.key: "".join(self.pieces), "annotations": self.annotations, "logprobs": self.logprobs}
        at = self.position
        if at < known and blocks[at].get("type") == self.form.block:
            block = blocks[at]
            blocks[at] = block | {
                name: value for name, value in told.items() if value and (name == self.form.key or not block.get(name))
            }
        elif self.pieces:
            blocks.append({"type": self.form.block} | {name: value for name, value in told.items() if value})


class Call:
    """One tool call being made."""

    __slots__ = ("complete", "done", "id", "index", "name", "pieces", "started")

    def __init__(self) -> None:
        self.index = -1
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.started = False
        self.complete = False
        self.done = False

    def know(self, item: dict[str, Any]) -> None:
        """Learn the call's id and name, unless both were told."""
        if not self.started:
            self.id = text_of(item.get("call_id")) or self.id
            self.name = text_of(item.get("name")) or self.name

    def add(self, arguments: str) -> Iterator[StreamEvent]:
        """Take a piece in; one that comes before the call's name is told with it."""
        if self.complete:
            raise LateArgumentsError(f"arguments for tool call {self.name!r} after it was complete")
        self.pieces.append(arguments)
        if self.started:
            yield ToolCallDelta(self.index, arguments)

    def add_rest(self, whole: str) -> Iterator[StreamEvent]:
        """Take the whole arguments in: what of them was not told yet, which is all of them from a server without deltas."""
        told = "".join(self.pieces)
        if not self.complete and len(whole) > len(told) and whole.startswith(told):
            yield from self.add(whole[len(told) :])
        self.complete = True

    def start(self, index: int) -> Iterator[StreamEvent]:
        """Tell that the call began, the `index`-th, and what of its arguments came before."""
        self.index = index
        self.started = True
        yield ToolCallStart(index, self.id, self.name)
        if self.pieces:
            yield ToolCallDelta(index, "".join(self.pieces))

    def finish(self) -> Iterator[StreamEvent]:
        """Tell that the call is complete."""
        self.done = True
        yield ToolCallDone(self.index, self.id, self.name, "".join(self.pieces))


class StreamedItem:
    """One output item being made: as its last whole form said it, with the pieces told since laid over."""

    __slots__ = ("added", "call", "item", "kind", "ordinal", "output_index", "texts", "told_reasoning")

    def __init__(self, kind: str, output_index: int, *, ordinal: int) -> None:
        self.kind = kind
        self.output_index = output_index
        self.ordinal = ordinal
        self.item: dict[str, Any] = {"type": kind}
        self.added = False  # by an event of its own, not by its first piece
        self.texts: dict[tuple[str, int], StreamedText] = {}
        self.told_reasoning: Form | None = None
        self.call = Call() if kind in CALLS else None

    def whole(self) -> dict[str, Any]:
        """The item as far as it has come."""
        item = dict(self.item)
        known = {field: len(dicts_in(item.get(field))) for field in ("content", "summary")}
        for text in sorted(self.texts.values(), key=lambda text: text.position):
            field = text.form.field
            item[field] = blocks = dicts_in(item.get(field))
            text.lay_over(blocks, known=known[field])
        if self.call is not None:
            self._lay_call_over(item, self.call)
        return item

    def _lay_call_over(self, item: dict[str, Any], call: Call) -> None:
        arguments, field = "".join(call.pieces), CALLS[self.kind]
        if (arguments or call.done) and arguments != arguments_of(item.get(field)):
            item[field] = arguments
        if call.started:
            item["name"] = call.name
            if call_id_of(item) != call.id:
                item["call_id"] = call.id
