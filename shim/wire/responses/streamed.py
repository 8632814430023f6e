"""Streamed items: one output item while it is being made, its texts, its call, and what else of it grows.

Not which item a piece belongs to (`accumulation`) nor the reading of whole items (`output_items`).
Source: API reference, Responses streaming. An item's texts are told apart by `content_index`, but matched with the blocks of the
whole item by what they say and by their order: some servers count the index on from item to item (vLLM).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
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
from shim.wire.arguments import ArgumentsScan, LateArgumentsError, Placeholder
from shim.wire.lenient import NO_ARGUMENTS, arguments_of, dicts_in, text_of
from shim.wire.responses.output_items import call_id_of


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


def form_of(block: Any, *, kind: str, field: str) -> Form | None:
    """Find the form of a block in this list of an item of this kind: one of the four, or text under a name of the server's."""
    if not isinstance(block, dict):
        return None
    name = text_of(block.get("type"))
    form = FORMS.get(name)
    if form is not None:
        return form if (form.kind, form.field) == (kind, field) else None
    event = _WORDS.get(kind)
    return Form(kind, field, name, "text", event) if event and isinstance(block.get("text"), str) else None


# Kind of the item whose blocks hold words -> the event that tells them.
_WORDS: dict[str, type[TextDelta | ReasoningDelta]] = {"message": TextDelta, "reasoning": ReasoningDelta}
# Type of a call's item -> its field that is streamed.
CALLS: dict[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}


class StreamedText:
    """One text being made. `pieces` may be appended to directly: it is the hot path."""

    __slots__ = ("_counted", "_size", "annotations", "form", "index", "logprobs", "pieces", "position")

    def __init__(self, form: Form, position: int, *, index: int) -> None:
        self.form = form
        self.position = position
        self.index = index
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []
        self._counted = 0  # pieces
        self._size = 0

    @property
    def size(self) -> int:
        """Characters so far."""
        self._size += sum(map(len, self.pieces[self._counted :]))
        self._counted = len(self.pieces)
        return self._size

    @property
    def text(self) -> str:
        """What was told so far."""
        return "".join(self.pieces)

    def block(self) -> dict[str, Any]:
        """The block that was told."""
        return {"type": self.form.block} | {name: value for name, value in self._told().items() if value}

    def laid_over(self, block: dict[str, Any], *, words: bool) -> dict[str, Any]:
        """Lay what was told beside the text over a block that does not say it, and where `words`, the text too."""
        told = {name: value for name, value in self._told().items() if value and not block.get(name)}
        return block | told | ({self.form.key: self.text} if words and self.pieces else {})

    def _told(self) -> dict[str, Any]:
        return {self.form.key: self.text, "annotations": self.annotations, "logprobs": self.logprobs}


class ResponsesCall:
    """One tool call being made. `pieces` may be appended to directly while it `is_growing`: it is the hot path."""

    __slots__ = (
        "_free",
        "_placeholder",
        "_scan",
        "_scanned",
        "_settled",
        "done",
        "id",
        "index",
        "name",
        "pieces",
        "started",
    )

    def __init__(self, *, free: bool) -> None:
        self.index = -1
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.started = False
        self.done = False
        self._free = free  # its input is text of any form
        self._settled = False  # told whole
        self._placeholder = Placeholder()
        self._scan = ArgumentsScan()
        self._scanned = 0

    @property
    def is_growing(self) -> bool:
        """Whether one more piece of its arguments is an event, and no more."""
        return self.started and not self.done and not self._settled and not self._placeholder.held

    @property
    def arguments(self) -> str:
        """The arguments as far as they have come."""
        return "".join(self.pieces) or (NO_ARGUMENTS if self._placeholder.held else "")

    def know(self, item: dict[str, Any]) -> None:
        """Learn the call's id and name, unless both were told."""
        if not self.started:
            self.id = text_of(item.get("call_id")) or self.id
            self.name = text_of(item.get("name")) or self.name

    def add(self, arguments: str) -> Iterator[StreamEvent]:
        """Take a piece in; one that comes before the call's name is told with it, one after the whole says it again."""
        if self.done or (self._settled and (self._free or self._is_whole())):
            if arguments.strip() and arguments != self.arguments:
                raise LateArgumentsError(f"arguments for tool call {self.name!r} after it was complete")
            return
        if not self._free:
            arguments = self._placeholder.take(arguments, begun=bool(self.pieces))
            if not arguments:
                return
        self.pieces.append(arguments)
        if self.started:
            yield ToolCallDelta(self.index, arguments)

    def add_rest(self, whole: str) -> Iterator[StreamEvent]:
        """Take the whole arguments in: what of them was not told yet, which is all of them from a server without deltas."""
        told = "".join(self.pieces)
        if len(whole) > len(told) and whole.startswith(told) and not self.done:
            yield from self.add(whole[len(told) :])
        self._settled = self._settled or bool(whole)

    def start(self, index: int) -> Iterator[StreamEvent]:
        """Tell that the call began, the `index`-th, and what of its arguments came before."""
        self.index = index
        self.started = True
        yield ToolCallStart(index, self.id, self.name)
        if self.pieces:
            yield ToolCallDelta(index, "".join(self.pieces))

    def finish(self) -> Iterator[StreamEvent]:
        """Tell that the call is complete, once."""
        if not self.done:
            rest = self._placeholder.take_rest()
            if rest:
                self.pieces.append(rest)
                yield ToolCallDelta(self.index, rest)
            self.done = True
            yield ToolCallDone(self.index, self.id, self.name, "".join(self.pieces))

    def _is_whole(self) -> bool:
        if self._scanned < len(self.pieces):
            self._scan.feed("".join(self.pieces[self._scanned :]))
            self._scanned = len(self.pieces)
        return self._scan.whole or self._placeholder.held


class Growth(Struct):
    """What else of an item grows: the pieces of the text at `path` in it; `number` where several stand there in a list."""

    path: tuple[str, ...]
    number: int | None = None
    pieces: list[str] = []

    def rest_of(self, whole: str) -> str:
        """What of a whole text was not told yet."""
        told = "".join(self.pieces) if len(whole) > sum(map(len, self.pieces)) else whole
        return whole[len(told) :] if whole.startswith(told) else ""

    def laid_into(self, fields: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        """Lay it into an item that does not say it itself."""
        name, *inner = path
        value = fields.get(name)
        if inner:
            laid = self.laid_into(value if isinstance(value, dict) else {}, tuple(inner))
            return fields | {name: laid}
        text = "".join(self.pieces)
        if self.number is None:
            return fields if value or not text else fields | {name: text}
        listed = list(value) if isinstance(value, list) else []
        if self.number >= len(listed):
            listed.append(text)
        elif not listed[self.number]:
            listed[self.number] = text
        return fields | {name: listed}


class StreamedItem:
    """One output item being made: as its last whole form said it, with the pieces told since laid over."""

    __slots__ = (
        "added",
        "call",
        "closed",
        "growths",
        "item",
        "kind",
        "last_reasoning",
        "ordinal",
        "output_index",
        "texts",
        "told_reasoning",
    )

    def __init__(self, kind: str, output_index: int, *, ordinal: int) -> None:
        self.kind = kind
        self.output_index = output_index
        self.ordinal = ordinal
        self.item: dict[str, Any] = {"type": kind}
        self.added = False  # by an event of its own, not by its first piece
        self.closed = False  # by an event of its own
        self.texts: dict[tuple[str, int], StreamedText] = {}
        self.growths: dict[tuple[str, ...], Growth] = {}
        self.told_reasoning: Form | None = None
        self.last_reasoning: StreamedText | None = None
        self.call = ResponsesCall(free=kind == "custom_tool_call") if kind in CALLS else None

    @property
    def untouched(self) -> bool:
        """Whether it was added and no piece of it has come."""
        called = self.call is not None and self.call.pieces
        return self.added and not (self.closed or self.texts or self.growths or called)

    def of_form(self, form: Form) -> list[StreamedText]:
        """Its texts of a form, in order."""
        return sorted((text for text in self.texts.values() if text.form == form), key=lambda text: text.position)

    def whole(self) -> dict[str, Any]:
        """The item as far as it has come."""
        item = dict(self.item)
        alone: list[StreamedText] = []  # texts that no block of the item says
        for form in dict.fromkeys(text.form for text in self.texts.values()):
            item[form.field] = blocks = dicts_in(item.get(form.field))
            alone += _lay(self.of_form(form), blocks, form=form)
        for text in sorted(alone, key=lambda text: text.position):
            item[text.form.field].append(text.block())
        for growth in self.growths.values():
            item = growth.laid_into(item, growth.path)
        if self.call is not None:
            self._lay_call_over(item, self.call)
        return item

    def _lay_call_over(self, item: dict[str, Any], call: ResponsesCall) -> None:
        arguments, field = call.arguments, CALLS[self.kind]
        if (arguments or call.done) and arguments != arguments_of(item.get(field)):
            item[field] = arguments
        if call.started:
            item["name"] = call.name
            if call_id_of(item) != call.id:
                item["call_id"] = call.id


def places_of(blocks: list[dict[str, Any]], form: Form) -> list[int]:
    """Where in a list the blocks of a form stand."""
    return [at for at, block in enumerate(blocks) if block.get("type") == form.block]


def _lay(texts: list[StreamedText], blocks: list[dict[str, Any]], *, form: Form) -> list[StreamedText]:
    """Lay the texts of one form over the blocks of a whole item; return those without a block of their own."""
    own = places_of(blocks, form)
    said = [text_of(blocks[at].get(form.key)) for at in own]
    alike = bool(own) and sum(map(len, said)) == sum(text.size for text in texts)
    if alike and "".join(said) == "".join(text.text for text in texts):
        _lay_beside(texts, blocks, own=own, said=said)
        return []
    alone = []
    free = dict.fromkeys(own)
    for text in texts:
        at = text.position if text.position in free else next(iter(free), None)
        if at is not None:
            del free[at]
            blocks[at] = text.laid_over(blocks[at], words=True)
        elif text.pieces:
            alone.append(text)
    return alone


def _lay_beside(texts: list[StreamedText], blocks: list[dict[str, Any]], *, own: list[int], said: list[str]) -> None:
    """Lay what came beside texts over the blocks that say them, however those are cut: each belongs where its text ends."""
    ends = list(accumulate(map(len, said)))
    block = told = 0
    for text in texts:
        told += text.size
        while ends[block] < told:
            block += 1
        blocks[own[block]] = text.laid_over(blocks[own[block]], words=False)
