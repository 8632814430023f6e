"""Accumulation: the pieces of a streamed response, gathered into its output items, and the events each piece is.

Not the reading of payloads (`item_events`, `stream`) nor what one item is made of (`streamed`). Source: API reference, Responses
streaming. What was told in pieces is also told whole, up to three times: by the `.done` of the piece, by that of the item, and
by the response that ends the stream. Each may add what was not told yet; nothing told is taken back.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from shim.model import ReasoningDelta, StreamEvent
from shim.wire.chat.vocabulary import arguments_of, text_of
from shim.wire.responses.output_items import blocks_of, call_id_of
from shim.wire.responses.streamed import CALLS, FORMS, Call, Form, StreamedItem, StreamedText
from shim.wire.responses.vocabulary import dicts_in


class Place(Struct, frozen=True):
    """Which item an event is about, and which of its texts."""

    output_index: int
    item_id: str = ""
    position: int = 0


class OutputAccumulator:
    """The output of one response, being made."""

    def __init__(self) -> None:
        self._items: list[StreamedItem] = []
        self._by_index: dict[int, StreamedItem] = {}
        self._by_id: dict[str, StreamedItem] = {}
        self.last_text: StreamedText | None = None  # that a piece was added to
        self._counts: dict[object, int] = defaultdict(int)  # items of a kind, texts of a form, calls told

    def output(self) -> list[dict[str, Any]]:
        """The items as far as they have come, in order."""
        return [made.whole() for made in self._items]

    def text(self, place: Place, form: Form) -> StreamedText:
        """Find the text a piece belongs to, or begin it."""
        return self._text_of(self._find(form.kind, place), form, position=place.position)

    def add_item(self, place: Place, item: dict[str, Any]) -> Iterator[StreamEvent]:
        """Take an item in as it began."""
        kind = text_of(item.get("type"))
        made = self._known(kind, place)
        if made is None or (made.added and self._by_id.get(place.item_id) is not made):
            made = self._begin(kind, place)
        made.added = True
        made.item = item
        if made.call is not None:
            made.call.know(item)
            yield from self._advance(made.call)

    def settle_item(self, place: Place, item: dict[str, Any]) -> Iterator[StreamEvent]:
        """Take an item in as it ended."""
        made = self._find(text_of(item.get("type")), place)
        yield from self._settle(made, item)
        yield from self._finish_call(made)

    def add_text(self, place: Place, piece: str, *, form: Form) -> Iterator[StreamEvent]:
        """Take a piece of a text in."""
        made = self._find(form.kind, place)
        text = self._text_of(made, form, position=place.position)
        yield from self._tell(made, text, piece=piece)

    def settle_text(self, place: Place, whole: str, *, form: Form) -> Iterator[StreamEvent]:
        """Take a whole text in: what of it was not told yet."""
        made = self._find(form.kind, place)
        text = self._text_of(made, form, position=place.position)
        yield from self._settle_text(made, text, whole=whole)

    def add_arguments(self, place: Place, piece: str, *, kind: str) -> Iterator[StreamEvent]:
        """Take a piece of a call's arguments in."""
        call = self._find(kind, place).call
        if call is not None:
            yield from call.add(piece)

    def settle_arguments(self, place: Place, whole: str, *, kind: str) -> Iterator[StreamEvent]:
        """Take the whole arguments of a call in."""
        call = self._find(kind, place).call
        if call is not None and (
            whole or call.pieces
        ):  # nothing at all is said by a server that tells them with the item
            yield from call.add_rest(whole)
            yield from self._advance(call)

    def finish(self, items: list[dict[str, Any]]) -> Iterator[StreamEvent]:
        """Take the output of the finished response in; it has the last word on all that was not told in pieces.

        An item is the one streamed with the same id, or else the next of its type: some servers change ids, some leave an
        item out of the stream, and some send a finished response without its output, which is then as it was streamed.
        """
        settled = self._matched(items)
        for made, item in zip(settled, items, strict=True):
            yield from self._settle(made, item)
        matched = {id(made) for made in settled}
        for made in self._items:
            if id(made) not in matched:
                settled.insert(min(made.output_index, len(settled)), made)
                yield from self._settle(made, made.item)
        self._items = settled
        for made in settled:
            yield from self._finish_call(made)

    def _matched(self, items: list[dict[str, Any]]) -> list[StreamedItem]:
        streamed = {(made.kind, text_of(made.item.get("id"))): made for made in self._items if made.item.get("id")}
        same = [streamed.pop((text_of(item.get("type")), text_of(item.get("id"))), None) for item in items]
        free: dict[str, deque[StreamedItem]] = defaultdict(deque)
        for made in self._items:
            if not any(made is other for other in same):
                free[made.kind].append(made)
        return [made or self._next(item, free, at=at) for at, (item, made) in enumerate(zip(items, same, strict=True))]

    def _next(self, item: dict[str, Any], free: dict[str, deque[StreamedItem]], *, at: int) -> StreamedItem:
        kind = text_of(item.get("type"))
        return free[kind].popleft() if free[kind] else self._new(kind, at)

    def _known(self, kind: str, place: Place) -> StreamedItem | None:
        """Find the item an event is about: by its id where that is known, for indexes may shift; else by its index."""
        for made in (self._by_id.get(place.item_id), self._by_index.get(place.output_index)):
            if made is not None and made.kind == kind:
                return made
        return None

    def _find(self, kind: str, place: Place) -> StreamedItem:
        return self._known(kind, place) or self._begin(kind, place)

    def _begin(self, kind: str, place: Place) -> StreamedItem:
        made = self._by_index[place.output_index] = self._new(kind, place.output_index)
        if place.item_id:
            self._by_id[place.item_id] = made
        return made

    def _new(self, kind: str, output_index: int) -> StreamedItem:
        made = StreamedItem(kind, output_index, ordinal=self._count(kind))
        self._items.append(made)
        return made

    def _count(self, kind: object) -> int:
        """Number the things of a kind in order of appearance."""
        self._counts[kind] += 1
        return self._counts[kind] - 1

    def _text_of(self, made: StreamedItem, form: Form, *, position: int) -> StreamedText:
        text = made.texts.get((form.block, position))
        if text is None:
            index = made.ordinal if form.event is ReasoningDelta else self._count(form)
            text = made.texts[form.block, position] = StreamedText(form, position, index=index)
        return text

    def _tell(self, made: StreamedItem, text: StreamedText, *, piece: str) -> Iterator[StreamEvent]:
        """Take a piece of a text in; of reasoning that is told as text and as a summary, only the one that came first is told."""
        text.pieces.append(piece)
        self.last_text = text
        form = text.form
        if form.event is ReasoningDelta:
            made.told_reasoning = made.told_reasoning or form
            if made.told_reasoning is not form:
                return
        yield form.event(piece, text.index)

    def _settle(self, made: StreamedItem, item: dict[str, Any]) -> Iterator[StreamEvent]:
        made.added = True
        made.item = item | {"content": blocks_of(item)} if isinstance(item.get("content"), str) else item
        for field in ("content", "summary"):
            for position, block in enumerate(dicts_in(made.item.get(field))):
                form = FORMS.get(text_of(block.get("type")))
                if form is not None and form.kind == made.kind and text_of(block.get(form.key)):
                    text = self._text_of(made, form, position=position)
                    yield from self._settle_text(made, text, whole=block[form.key])
        if made.call is not None:
            made.call.know(item)
            yield from made.call.add_rest(arguments_of(item.get(CALLS[made.kind])))

    def _settle_text(self, made: StreamedItem, text: StreamedText, *, whole: str) -> Iterator[StreamEvent]:
        told = "".join(text.pieces)
        if len(whole) > len(told) and whole.startswith(told):
            yield from self._tell(made, text, piece=whole[len(told) :])

    def _advance(self, call: Call) -> Iterator[StreamEvent]:
        """Tell what can be told of a call: its start once its id and name are known, its end once it is complete."""
        if not call.started and call.id and call.name:
            yield from call.start(self._count(Call))
        if call.started and call.complete and not call.done:
            yield from call.finish()

    def _finish_call(self, made: StreamedItem) -> Iterator[StreamEvent]:
        """Tell the end of a call, and its start if that was not told for want of an id or a name."""
        call = made.call
        if call is None:
            return
        call.complete = True
        if not call.started:
            call.id = call.id or call_id_of(made.item)
            yield from call.start(self._count(Call))
        yield from self._advance(call)
