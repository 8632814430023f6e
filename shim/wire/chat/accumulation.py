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
    ToolCallDelta,
)
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.wire.chat.calls import CallsAccumulator
from shim.wire.chat.chunk import Piece
from shim.wire.chat.content import read_block
from shim.wire.chat.joining import CHOICE, MESSAGE, Blocks, Fields, Lists, growing
from shim.wire.chat.vocabulary import details_told, finish_reason, has_ended
from shim.wire.lenient import text_of

# Reasons that say of calls that they are complete, as far as they are; "stop" is what some say with a forced tool.
_ENDS_CALLS = ("tool_calls", "function_call", "stop")
# What of a message grows as sound and what is said in it -> the kind of its events.
_SPOKEN = {"data": "audio", "transcript": "audio_transcript"}
_GROWING_IN_CHOICES, _GROWING_IN_MESSAGES = growing(CHOICE), growing(MESSAGE)


class _Text:
    """A text of the content, in one piece whatever it came in; `extra` None where nothing more is said of it."""

    __slots__ = ("extra", "index", "pieces")

    def __init__(self, pieces: list[str], extra: dict[str, Any] | None = None, *, index: int) -> None:
        self.pieces = pieces
        self.extra = extra
        self.index = index

    def parts(self) -> Iterator[Part]:
        text = "".join(self.pieces)
        if text or self.extra:
            yield TextPart(text, self.extra or {})


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
    """One choice being made. `texts`, its first text, while `plain`, and `reasoning` may be appended to directly: hot paths."""

    __slots__ = (
        "_calls",
        "_caps",
        "_content",
        "_detail",
        "_extra",
        "_logprobs",
        "_message_extra",
        "_reasoning_field",
        "_refusals",
        "_texts_begun",
        "_without_reasoning",
        "finish",
        "index",
        "reasoning",
        "texts",
    )

    def __init__(self, index: int, *, caps: Caps = DEFAULT_CAPS) -> None:
        self.index = index
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.finish: str | None = None
        self._caps = caps
        self._calls: CallsAccumulator | None = None  # most choices make none
        self._detail: Any = None  # index of the last reasoning detail that had words
        self._reasoning_field = "reasoning_content"
        self._without_reasoning = False
        self._refusals: list[str] = []
        self._content: list[_Text | _Other] = [_Text(self.texts, index=0)]
        self._texts_begun = 1
        self._logprobs: Lists | None = None
        self._extra = Fields(CHOICE)
        self._message_extra = Fields(MESSAGE)

    @property
    def finished(self) -> bool:
        """Whether the server said why this choice ended."""
        return self.finish is not None

    @property
    def calls(self) -> CallsAccumulator:
        """Its calls."""
        if self._calls is None:
            self._calls = CallsAccumulator(self.index, caps=self._caps)
        return self._calls

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
        elif piece.without_reasoning:
            self._without_reasoning = True
        if piece.text:
            yield self._write(piece.text)
        for block in piece.blocks:
            yield from self._add_block(block)
        if piece.refusal:
            self._refusals.append(piece.refusal)
            yield RefusalDelta(piece.refusal, 0, self.index)
        for call in piece.calls:
            yield from self.calls.add(call)
        if piece.message_extra:
            yield from self._add_fields(piece.message_extra, whole=piece.whole)
        self._keep(piece)
        if self._calls and piece.finish_reason in _ENDS_CALLS:
            yield from self._calls.finish_whole()

    def targets(self, piece: Piece, event: StreamEvent) -> tuple[list[str], ...]:
        """Where the words of a piece go that says the same as this one in other words; none where more than words would change.

        Args:
            piece: which was just taken in.
            event: the one it was.
        """
        if piece.finish_reason or piece.whole or piece.blocks or piece.logprobs:
            return ()
        grow = _GROWING_IN_MESSAGES.intersection(piece.message_extra)
        if not _GROWING_IN_CHOICES.isdisjoint(piece.extra) or grow - {"reasoning_details"}:
            return ()
        if isinstance(event, ReasoningDelta) and not piece.calls:
            return self._targets_of_reasoning(piece) if grow else (self.reasoning,)
        if grow:
            return ()
        if isinstance(event, ToolCallDelta):
            return self.calls.targets(piece.calls)
        return (self.texts,) if isinstance(event, TextDelta) and self.plain and not piece.calls else ()

    def _targets_of_reasoning(self, piece: Piece) -> tuple[list[str], ...]:
        details, blocks = piece.message_extra["reasoning_details"], self._message_extra.joined("reasoning_details")
        texts = blocks.texts_of(details) if isinstance(blocks, Blocks) else None
        is_the_same = texts is not None and details_told(details)[0] == piece.reasoning
        return (self.reasoning, texts) if texts is not None and is_the_same else ()

    def end(self) -> Iterator[StreamEvent]:
        """End the choice, since the stream has: tell the calls that are complete."""
        said = bool(self.finish)
        self.finish = self.finish or ""
        if self._calls:
            yield from self._calls.finish(self._reason_to_finish(), last=True, said=said)

    def choice(self) -> Choice:
        """The choice as far as it has come."""
        further = self._message_extra.value()
        if self._without_reasoning and not self.reasoning:
            further["reasoning_content"] = ""
        return Choice(
            self.index,
            tuple(self._parts()),
            finish_reason=None if self.finish is None else self._reason_to_finish(),
            raw_finish_reason=self.finish or None,
            logprobs=None if self._logprobs is None else self._logprobs.value(),
            extra=self._extra.value(),
            message_extra=further,
        )

    def _reason_to_finish(self) -> FinishReason:
        return finish_reason(self.finish, calls=bool(self._calls))

    def _parts(self) -> Iterator[Part]:
        if self.reasoning:
            yield ReasoningPart("".join(self.reasoning), wire_field=self._reasoning_field)
        for each in self._content:
            yield from each.parts()
        if self._refusals:
            yield RefusalPart("".join(self._refusals))
        if self._calls:
            yield from self._calls.parts()

    def _reason(self, piece: Piece) -> ReasoningDelta:
        text, details = piece.reasoning, piece.message_extra.get("reasoning_details")
        if details is not None:
            words, first, last = details_told(details)
            if text == words:  # from them alone: other parts may have come before
                goes_on = self._detail is None or first is None or first == self._detail
                text, self._detail = text if goes_on else f"\n\n{text}", last
        self.reasoning.append(text)
        self._reasoning_field = piece.reasoning_field
        return ReasoningDelta(text, 0, self.index)

    def _write(self, text: str, extra: dict[str, Any] | None = None) -> TextDelta:
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
                yield self._write(part.text, part.extra or None)
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

    def _keep(self, piece: Piece) -> None:
        if piece.extra:
            self._extra.add(piece.extra)
        if piece.logprobs:
            self._logprobs = self._logprobs or Lists()
            self._logprobs.add(piece.logprobs)
        # "" is Snowflake's way of saying not yet; a gateway's "stop" after every chunk takes back nothing more telling.
        reason = piece.finish_reason
        if reason and has_ended(reason) and not (self.finish and reason == "stop"):
            self.finish = reason

    def _add_fields(self, fields: dict[str, Any], *, whole: bool) -> Iterator[StreamEvent]:
        """Keep the further fields of a message; of these, what is spoken is told as it grows."""
        if whole:
            self._message_extra.replace(fields)
            return
        self._message_extra.add(fields)
        audio = fields.get("audio")
        if isinstance(audio, dict):
            for field, kind in _SPOKEN.items():
                if text_of(audio.get(field)):
                    yield ItemDelta(kind, audio[field], 0, self.index)

    def _leave_out_what_was_told(self, piece: Piece) -> None:
        """Make a message said whole, after its pieces, what of it was not told yet."""
        piece.text = _rest(piece.text, self.texts)
        piece.reasoning = _rest(piece.reasoning, self.reasoning)
        piece.refusal = _rest(piece.refusal, self._refusals)
        if not self.plain:
            piece.blocks = []


def _rest(whole: str, told: list[str]) -> str:
    """What of a text was not told yet; one that does not begin with what was told is a piece of its own."""
    before = "".join(told)
    return whole.removeprefix(before)
