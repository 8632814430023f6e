"""Accumulation: the pieces of one choice, gathered into its parts, and the events each piece is.

Not the reading of payloads (`chunk`), its tool calls (`calls`), how further fields are joined (`joining`) nor the stream's
beginning and end (`stream`). Source: API reference, Chat Completions streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shim.model import (
    Choice,
    FinishReason,
    ItemDelta,
    Part,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamEvent,
    TextDelta,
    TextPart,
)
from shim.wire.chat.calls import CallsAccumulator
from shim.wire.chat.chunk import Piece
from shim.wire.chat.content import read_block
from shim.wire.chat.joining import CHOICE, MESSAGE, Blocks, Fields, Lists
from shim.wire.chat.vocabulary import finish_reason, joined_details, last_index
from shim.wire.lenient import text_of

# Reasons that say of calls that they are complete, as far as they are; "stop" is what some say with a forced tool.
_ENDS_CALLS = ("tool_calls", "function_call", "stop")
# What of a message grows as sound and what is said in it -> the kind of its events.
_SPOKEN = {"data": "audio", "transcript": "audio_transcript"}


class _Text:
    """A text of the content, in one piece whatever it came in."""

    __slots__ = ("extra", "index", "pieces")

    def __init__(self, pieces: list[str], extra: dict[str, Any], *, index: int) -> None:
        self.pieces = pieces
        self.extra = extra
        self.index = index

    def parts(self) -> Iterator[Part]:
        text = "".join(self.pieces)
        if text or self.extra:
            yield TextPart(text, self.extra)


class _Other:
    """Blocks of one type that stand side by side in the content; the pieces of one block are joined."""

    __slots__ = ("_blocks", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._blocks = Blocks()

    def add(self, blocks: list[dict[str, Any]]) -> None:
        self._blocks.add(blocks)

    def parts(self) -> Iterator[Part]:
        return (read_block(block) for block in self._blocks.value())


class ChoiceAccumulator:
    """One choice being made. `texts`, its first text, may be appended to directly while `plain`: it is the hot path."""

    __slots__ = (
        "_content",
        "_detail",
        "_extra",
        "_logprobs",
        "_message_extra",
        "_reasoning",
        "_reasoning_field",
        "_refusals",
        "_texts_begun",
        "calls",
        "finish",
        "index",
        "texts",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.texts: list[str] = []
        self.finish: str | None = None
        self.calls = CallsAccumulator(index)
        self._reasoning: list[str] = []
        self._detail: Any = None  # index of the last reasoning detail that had words
        self._reasoning_field = "reasoning_content"
        self._refusals: list[str] = []
        self._content: list[_Text | _Other] = [_Text(self.texts, {}, index=0)]
        self._texts_begun = 1
        self._logprobs: Lists | None = None
        self._extra = Fields(CHOICE)
        self._message_extra = Fields(MESSAGE)

    @property
    def finished(self) -> bool:
        """Whether the server said why this choice ended."""
        return self.finish is not None

    @property
    def plain(self) -> bool:
        """Whether its content is one text so far."""
        return len(self._content) == 1

    def add(self, piece: Piece) -> Iterator[StreamEvent]:
        """Take a piece in; yield the events it is.

        Raises:
            TooManyCallsError: a tool call too many.
        """
        if piece.whole:
            self._leave_out_what_was_told(piece)
        if piece.reasoning:
            yield self._reason(piece)
        if piece.text:
            yield self._write(piece.text, {})
        for block in piece.blocks:
            yield from self._add_block(block)
        if piece.refusal:
            self._refusals.append(piece.refusal)
            yield RefusalDelta(piece.refusal, 0, self.index)
        for call in piece.calls:
            yield from self.calls.add(call)
        yield from self._keep(piece)
        if piece.finish_reason in _ENDS_CALLS:
            yield from self.calls.finish_whole()

    def end(self) -> Iterator[StreamEvent]:
        """End the choice, since the stream has: tell the calls that are complete."""
        said = bool(self.finish)
        self.finish = self.finish or ""
        yield from self.calls.finish(self._reason_to_finish(), last=True, said=said)

    def choice(self) -> Choice:
        """The choice as far as it has come."""
        return Choice(
            self.index,
            tuple(self._parts()),
            finish_reason=None if self.finish is None else self._reason_to_finish(),
            raw_finish_reason=self.finish or None,
            logprobs=None if self._logprobs is None else self._logprobs.value(),
            extra=self._extra.value(),
            message_extra=self._message_extra.value(),
        )

    def _reason_to_finish(self) -> FinishReason:
        return finish_reason(self.finish, calls=bool(self.calls))

    def _parts(self) -> Iterator[Part]:
        if self._reasoning:
            yield ReasoningPart("".join(self._reasoning), wire_field=self._reasoning_field)
        for each in self._content:
            yield from each.parts()
        if self._refusals:
            yield RefusalPart("".join(self._refusals))
        yield from self.calls.parts()

    def _reason(self, piece: Piece) -> ReasoningDelta:
        text, details = piece.reasoning, piece.message_extra.get("reasoning_details")
        if details is not None and text == joined_details(details):  # from them alone: other parts may have come before
            text = joined_details(details, before=self._detail)
            self._detail = last_index(details)
        self._reasoning.append(text)
        self._reasoning_field = piece.reasoning_field
        return ReasoningDelta(text, 0, self.index)

    def _write(self, text: str, extra: dict[str, Any]) -> TextDelta:
        """Go on with the last text, or begin another where a block of another kind, or with other fields, came between."""
        last = self._content[-1]
        if not isinstance(last, _Text) or (last.extra != extra and (last.pieces or last.extra or last.index)):
            last = _Text([], extra, index=self._texts_begun)
            self._texts_begun += 1
            self._content.append(last)
        elif last.extra != extra:
            last.extra = extra
        last.pieces.append(text)
        return TextDelta(text, last.index, self.index)

    def _add_block(self, block: str | dict[str, Any]) -> Iterator[StreamEvent]:
        part = TextPart(block) if isinstance(block, str) else read_block(block)
        if isinstance(part, TextPart):
            if part.text or part.extra:
                yield self._write(part.text, part.extra)
        elif isinstance(part, RefusalPart):
            self._refusals.append(part.text)
            yield RefusalDelta(part.text, 0, self.index)
        elif isinstance(block, dict):
            self._add_other(block)
            if isinstance(part, ReasoningPart) and part.text:
                yield ReasoningDelta(part.text, 0, self.index)

    def _add_other(self, block: dict[str, Any]) -> None:
        kind = text_of(block.get("type"))
        last = self._content[-1]
        if not isinstance(last, _Other) or last.kind != kind:
            last = _Other(kind)
            self._content.append(last)
        last.add([block])

    def _keep(self, piece: Piece) -> Iterator[StreamEvent]:
        if piece.logprobs:
            self._logprobs = self._logprobs or Lists()
            self._logprobs.add(piece.logprobs)
        if piece.extra:
            self._extra.add(piece.extra)
        if piece.message_extra:
            self._message_extra.add(piece.message_extra)
            yield from self._spoken(piece.message_extra.get("audio"))
        # "" is Snowflake's way of saying not yet; a gateway's "stop" after every chunk takes back nothing more telling.
        if piece.finish_reason and not (self.finish and piece.finish_reason == "stop"):
            self.finish = piece.finish_reason

    def _spoken(self, audio: Any) -> Iterator[StreamEvent]:
        if isinstance(audio, dict):
            for field, kind in _SPOKEN.items():
                if text_of(audio.get(field)):
                    yield ItemDelta(kind, audio[field], 0, self.index)

    def _leave_out_what_was_told(self, piece: Piece) -> None:
        """Make a message said whole, after its pieces, what of it was not told yet."""
        piece.text = _rest(piece.text, self.texts)
        piece.reasoning = _rest(piece.reasoning, self._reasoning)
        piece.refusal = _rest(piece.refusal, self._refusals)
        if not self.plain:
            piece.blocks = []


def _rest(whole: str, told: list[str]) -> str:
    """What of a text was not told yet; one that does not begin with what was told is a piece of its own."""
    before = "".join(told)
    return whole.removeprefix(before)
