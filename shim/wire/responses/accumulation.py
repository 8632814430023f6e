"""Accumulation: the pieces of a streamed response, gathered into its output items, and the events each piece is.

Not the reading of payloads (`item_events`, `stream`), which item a piece belongs to (`item_index`) nor what one item is made of
(`streamed`). Source: API reference, Responses streaming. What was told in pieces is also told whole, up to three times: by the
`.done` of the piece, by that of the item, and by the response that ends the stream. Each may add what was not told yet;
nothing told is taken back, and nothing is told twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from shim.model import (
    FinishReason,
    ItemDelta,
    ReasoningDelta,
    StreamEvent,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.wire.capping import passed
from shim.wire.lenient import TooManyCallsError, arguments_of, dicts_in, text_of
from shim.wire.responses.awaited import answered_in, awaited_call, is_awaited, is_call_complete, runs_on_server
from shim.wire.responses.item_index import ItemIndex, Place
from shim.wire.responses.output_items import call_id_of, read_item, with_blocks
from shim.wire.responses.streamed import (
    CALLS,
    Form,
    Growth,
    ResponsesCall,
    StreamedItem,
    StreamedText,
    form_of,
    places_of,
)

_BREAK = "\n\n"  # told between the parts of one reasoning, which the API tells apart by their index alone


class OutputAccumulator:
    """The output of one response, being made."""

    def __init__(self, *, caps: Caps = DEFAULT_CAPS) -> None:
        self._caps = caps
        self._index = ItemIndex()
        self._counts: dict[object, int] = defaultdict(int)  # texts of a form, calls told
        self._order: list[StreamedItem] | None = None  # of the finished response
        self.last_text: StreamedText | None = None  # that a piece was added to

    def output(self) -> list[dict[str, Any]]:
        """The items as far as they have come, in order."""
        items = self._index.in_order() if self._order is None else self._order
        return [made.whole() for made in items]

    def text(self, place: Place, form: Form) -> StreamedText:
        """Find the text a piece belongs to, or begin it."""
        return self._text_of(self._index.find(form.kind, place), form, position=place.position)

    def add_item(self, place: Place, item: dict[str, Any]) -> Iterator[StreamEvent]:
        """Take an item in as it began."""
        made = self._index.add(text_of(item.get("type")), place)
        made.added = True
        made.item = item
        _leave_to_server(made)
        if made.call is not None:
            made.call.know(item)
            yield from self._start_known(made.call)

    def settle_item(self, place: Place, item: dict[str, Any]) -> Iterator[StreamEvent]:
        """Take an item in as it ended; a call of it is told as done where it surely is."""
        made = self._index.find(text_of(item.get("type")), place, settled=True)
        yield from self._settle(made, item)
        made.closed = True
        if made.call is not None and text_of(item.get("status")) == "completed":
            yield from self._finish_call(made, None, last=False)

    def add_text(self, place: Place, piece: str, *, form: Form) -> Iterator[StreamEvent]:
        """Take a piece of a text in."""
        made = self._index.find(form.kind, place)
        yield from self._tell(made, self._text_of(made, form, position=place.position), piece=piece)

    def settle_text(self, place: Place, whole: str, *, form: Form) -> Iterator[StreamEvent]:
        """Take a whole text in: what of it was not told yet."""
        made = self._index.find(form.kind, place, settled=True)
        text = made.texts.get((form.block, place.position))
        if text is None:  # under another index than its pieces had
            text = next((each for each in made.of_form(form) if each.pieces and whole.startswith(each.text)), None)
        text = text or self._text_of(made, form, position=place.position)
        if len(whole) > text.size and whole.startswith(text.text):
            yield from self._tell(made, text, piece=whole[text.size :])

    def add_arguments(self, place: Place, piece: str, *, kind: str) -> Iterator[StreamEvent]:
        """Take a piece of a call's arguments in."""
        call = self._index.find(kind, place).call
        if call is None:
            yield from self.grow(place, piece, kind=kind, path=(CALLS[kind],), whole=False)
        else:
            yield from call.add(piece)

    def growing_call(self, place: Place, *, kind: str) -> ResponsesCall | None:
        """The call of the item that an event names, where one more such event is a piece of its arguments and no more."""
        made = self._index.known(kind, place)
        return made.call if made is not None and made.call is not None and made.call.is_growing else None

    def settle_arguments(self, place: Place, whole: str, *, kind: str) -> Iterator[StreamEvent]:
        """Take the whole arguments of a call in; without any, they come with the item."""
        call = self._index.find(kind, place, settled=True).call
        if call is None:
            yield from self.grow(place, whole, kind=kind, path=(CALLS[kind],), whole=True)
        elif whole:
            yield from call.add_rest(whole)
            yield from self._start_known(call)

    def grow(self, place: Place, piece: str, *, kind: str, path: tuple[str, ...], whole: bool) -> Iterator[StreamEvent]:
        """Take a piece in of anything else that grows in an item of this kind, or `whole` of it, and tell what is new."""
        made = self._index.find(kind, place, settled=whole)
        number = place.position if path and path[-1] == "commands" else None
        key = path if number is None else (*path, str(number))
        growth = made.growths.get(key)
        if growth is None:
            growth = made.growths[key] = Growth(path, number)
        piece = growth.rest_of(piece) if whole else piece
        if piece:
            growth.pieces.append(piece)
            yield ItemDelta(kind, piece, made.ordinal)

    def show(self, place: Place, piece: str, *, kind: str) -> ItemDelta:
        """Tell a piece of what no item keeps: a partial image, output of a command."""
        return ItemDelta(kind, piece, self._index.find(kind, place).ordinal)

    def kind_at(self, place: Place) -> str:
        """The type of the item an event names, "" where none is known."""
        return self._index.kind_at(place)

    def finish(self, items: list[dict[str, Any]], reason: FinishReason | None) -> Iterator[StreamEvent]:
        """Take the output of the finished response in; it has the last word on all that was not told in pieces.

        An item is the one streamed with the same id, or else the next of its type: some servers change ids, some leave an
        item out of the stream, and some send a finished response without its output, which is then as it was streamed.

        Args:
            items: the output.
            reason: why the response ended.
        """
        settled = self._index.matched(items)
        for made, item in zip(settled, items, strict=True):
            yield from self._settle(made, item)
        self._order = settled = self._index.with_the_others(settled)
        answered = answered_in(made.item for made in settled)
        for position, made in enumerate(settled):
            last = position == len(settled) - 1
            if made.call is not None:
                yield from self._finish_call(made, reason, last=last)
            elif is_awaited(made.item):
                part = awaited_call(made.whole())
                if part.id not in answered:
                    yield from self._tell_awaited(part, reason, last=last)

    def _text_of(self, made: StreamedItem, form: Form, *, position: int) -> StreamedText:
        text = made.texts.get((form.block, position))
        if text is None:
            index = made.ordinal if form.event is ReasoningDelta else self._count(form.event)
            text = made.texts[form.block, position] = StreamedText(form, position, index=index)
        return text

    def _count(self, kind: object) -> int:
        """Number the things of a kind in order of appearance."""
        self._counts[kind] += 1
        if kind is ResponsesCall and self._counts[kind] > self._caps.tool_calls:
            raise TooManyCallsError(passed("tool_calls", self._caps))
        return self._counts[kind] - 1

    def _tell(self, made: StreamedItem, text: StreamedText, *, piece: str) -> Iterator[StreamEvent]:
        """Take a piece of a text in; of reasoning that is told as text and as a summary, only the one that came first is told."""
        text.pieces.append(piece)
        self.last_text = text
        form = text.form
        if form.event is ReasoningDelta:
            made.told_reasoning = made.told_reasoning or form
            if made.told_reasoning != form:
                return
            if made.last_reasoning not in (None, text):
                piece = _BREAK + piece
            made.last_reasoning = text
        yield form.event(piece, text.index)

    def _settle(self, made: StreamedItem, item: dict[str, Any]) -> Iterator[StreamEvent]:
        made.added = True
        made.item = with_blocks(item)
        _leave_to_server(made)
        for field in ("content", "summary"):
            blocks = dicts_in(made.item.get(field))
            for form in dict.fromkeys(form_of(block, kind=made.kind, field=field) for block in blocks):
                if form is not None:
                    yield from self._settle_blocks(made, form, blocks=blocks)
        if made.call is not None:
            made.call.know(item)
            yield from made.call.add_rest(arguments_of(item.get(CALLS[made.kind])))
            yield from self._start_known(made.call)

    def _settle_blocks(self, made: StreamedItem, form: Form, *, blocks: list[dict[str, Any]]) -> Iterator[StreamEvent]:
        """Tell what the blocks of a form say beyond the texts told; where they say otherwise, what was told stays.

        Told and said are compared as one text each, so that it does not matter how a server numbered the pieces.
        """
        places = places_of(blocks, form)
        said = [text_of(blocks[at].get(form.key)) for at in places]
        texts = made.of_form(form)
        told = sum(text.size for text in texts)
        if sum(map(len, said)) <= told:
            return
        if not "".join(said).startswith("".join(text.text for text in texts)):
            told = sum(map(len, said[: len(texts)]))  # block by block then: only those nobody told of are told
        for number, (at, words) in enumerate(zip(places, said, strict=True)):
            rest = words[told:]
            begun = bool(told) and bool(rest)
            told = max(0, told - len(words))
            if rest:
                text = self._text_for(made, form, texts=texts, at=at if not begun else None, number=number)
                yield from self._tell(made, text, piece=rest)

    def _text_for(
        self, made: StreamedItem, form: Form, *, texts: list[StreamedText], at: int | None, number: int
    ) -> StreamedText:
        """Find the text a block goes on with: the last one told (`at` is None), the one that was announced, or a new one."""
        if at is None:
            return next(text for text in reversed(texts) if text.pieces)
        if number < len(texts) and not texts[number].pieces:
            return texts[number]
        taken = made.texts.get((form.block, at))
        return self._text_of(made, form, position=at if taken is None else texts[-1].position + number + 1)

    def _start_known(self, call: ResponsesCall) -> Iterator[StreamEvent]:
        """Tell that a call began once its id and name are known."""
        if not call.started and call.id and call.name:
            yield from call.start(self._count(ResponsesCall))

    def _finish_call(self, made: StreamedItem, reason: FinishReason | None, *, last: bool) -> Iterator[StreamEvent]:
        """Tell the end of a call that is complete, and its start if that was not told for want of an id or a name."""
        call = made.call
        if call is None or call.done:
            return
        if not call.started:
            call.id = call.id or call_id_of(made.item)
            yield from call.start(self._count(ResponsesCall))
        part = read_item(made.whole())
        if isinstance(part, ToolCallPart) and is_call_complete(part, reason, last=last):
            yield from call.finish()

    def _tell_awaited(self, part: ToolCallPart, reason: FinishReason | None, *, last: bool) -> Iterator[StreamEvent]:
        index = self._count(ResponsesCall)
        yield ToolCallStart(index, part.id, part.name)
        if part.arguments:
            yield ToolCallDelta(index, part.arguments)
        if is_call_complete(part, reason, last=last):
            yield ToolCallDone(index, part.id, part.name, part.arguments)


def _leave_to_server(made: StreamedItem) -> None:
    """Tell no call of an item that its server runs itself; what of it grows is told as of any other item."""
    if made.call is not None and runs_on_server(made.item):
        made.call = None
