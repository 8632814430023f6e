"""Pieces: the hot path of a stream, where each payload is one more piece of a text or of a call's arguments, no more.

Not the reading of any other payload (`stream`) nor of chunks with fields of a server's own (`repeated`). What may be anything
else is left alone: it is read as if there were no hot path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

import msgspec

from shim.model import StreamEvent, TextDelta, ToolCallDelta
from shim.wire.bodies import Listener
from shim.wire.chat.calls import ChatCall
from shim.wire.chat.chunk import ArgumentsChunk, decode_arguments_chunk, decode_text_chunk
from shim.wire.chat.frame import Frame, frame_of

_OTHER = (msgspec.DecodeError, UnicodeDecodeError)
_PIECES_BEFORE_FRAME = 3  # a short stream does not pay for a frame
_MOST_AT_ONCE = 64


class Pieces(Protocol):
    """A hot path."""

    @property
    def growing(self) -> Iterable[list[str]]:
        """Where the words go."""
        ...

    def piece(self, payload: bytes) -> StreamEvent | None:
        """The piece that a payload is; None where it may be anything else."""
        ...

    def piece_of_event(self, event: bytes) -> StreamEvent | None:
        """The piece that a whole event is, as it came; None where it may be anything else, one of another form included."""
        ...

    def tell(self, payloads: list[bytes], listener: Listener, *, most: int) -> None:
        """Take payloads from the end of a list, where the first stands, and tell the piece that each is.

        It ends before one that may be anything else, after `most` payloads, and as soon as the listener is over. What the
        listener raises leaves; the payload of that piece is taken.
        """
        ...


class _Framed(ABC):
    """What is known of the bytes around the words. Server, model and so on are the same in all, so these are, nearly always."""

    __slots__ = ("_at_once", "_frame", "_until_frame")

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._until_frame = _PIECES_BEFORE_FRAME
        self._at_once = _MOST_AT_ONCE  # how many are tried: fewer after each try in vain, more after each other

    @abstractmethod
    def piece(self, payload: bytes) -> StreamEvent | None:
        """The piece that a payload is; see `Pieces`."""

    @abstractmethod
    def piece_of_event(self, event: bytes) -> StreamEvent | None:
        """The piece that a whole event is; see `Pieces`."""

    @abstractmethod
    def _tell_words(self, words: list[str], payloads: list[bytes], *, listener: Listener) -> bool:
        """Tell words that are in the frame; whether that are all."""

    def tell(self, payloads: list[bytes], listener: Listener, *, most: int) -> None:
        """Tell pieces; see `Pieces`."""
        while payloads and most > 0 and not listener.over:
            if self._frame is not None:
                words = self._words_in_frame(self._frame, payloads, most=most)
                if words:
                    most -= len(words)
                    if not self._tell_words(words, payloads, listener=listener):
                        return
                    continue
            event = self.piece(payloads[-1])
            if event is None:
                return
            payloads.pop()
            listener.on_event(event)
            most -= 1

    def _words_in_frame(self, frame: Frame, payloads: list[bytes], *, most: int) -> list[str]:
        """The words of the first of these payloads, which stand last: of as many as are tried, if all are in the frame."""
        size = min(len(payloads), most, self._at_once) if frame.may_hold(payloads[-1]) else 0
        while size > 1 and not frame.may_hold(payloads[-size]):  # the end of the stream, which has something of its own
            size -= 1
        words = frame.words_of(payloads[-size:]) if size else []
        if words:
            self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
        else:
            self._tried_in_vain()
        return words

    def _tried_in_vain(self) -> None:
        self._at_once //= 2
        if not self._at_once:  # no two are alike: each has a padding of its own, or so
            self._frame = None

    def _look_for_frame(self, payload: bytes, words: str, *, name: bytes) -> bool:
        """Count a piece that was read; whether it has given the frame."""
        self._until_frame -= 1
        if not self._until_frame:
            self._frame = frame_of(payload, words, name=name)
        return self._frame is not None


class TextPieces(_Framed):
    """Pieces of text.

    Args:
        texts: choice -> where its text goes.
        tier, fingerprint: as the chunk before had them; a chunk with others says more than text.
    """

    __slots__ = ("_fingerprint", "_framed", "_texts", "_tier")

    def __init__(self, texts: dict[int, list[str]], *, tier: str | None, fingerprint: str | None) -> None:
        super().__init__()
        self._texts = texts
        self._tier = tier
        self._fingerprint = fingerprint
        self._framed = 0  # the choice of the frame

    @property
    def growing(self) -> Iterable[list[str]]:
        """Where the words go."""
        return self._texts.values()

    def piece(self, payload: bytes) -> TextDelta | None:
        """The piece that a payload is; see `Pieces`."""
        if self._frame is not None:
            text = self._frame.words_of_one(payload)
            if text:
                self._texts[self._framed].append(text)
                return TextDelta(text, 0, self._framed)
        try:
            chunk = decode_text_chunk(payload)
        except _OTHER:
            return None
        choice = chunk.choices[0]
        text = choice.delta.content or ""
        known = self._texts.get(choice.index)
        if (
            known is None
            or not text
            or chunk.service_tier != self._tier
            or chunk.system_fingerprint != self._fingerprint
        ):
            return None
        if self._until_frame and self._look_for_frame(payload, text, name=b"content"):
            self._framed = choice.index
        known.append(text)
        return TextDelta(text, 0, choice.index)

    def piece_of_event(self, event: bytes) -> TextDelta | None:
        """The piece that a whole event is; see `Pieces`."""
        # What its frame's `words_of_event` does, without the call: nearly every event is such a one.
        frame = self._frame
        if (
            frame is None
            or event[frame.event_begins] != frame.event_before
            or event[frame.event_ends] != frame.event_after
        ):
            return None
        try:
            text = frame.words_in(event[frame.event_words])
        except _OTHER:
            return None
        if not text:
            return None
        self._texts[self._framed].append(text)
        return TextDelta(text, 0, self._framed)

    def _tell_words(self, words: list[str], payloads: list[bytes], *, listener: Listener) -> bool:
        choice, on_event, on_events = self._framed, listener.on_event, listener.on_events
        pieces, take = self._texts[choice], payloads.pop
        if on_events is not None and "" not in words:
            words.reverse()
            pieces += words
            del payloads[-len(words) :]
            on_events([TextDelta(text, 0, choice) for text in words])
            return True
        for text in reversed(words):
            if not text:
                return False
            take()
            pieces.append(text)
            on_event(TextDelta(text, 0, choice))
            if listener.over:
                return False
        return True


class CallPieces(_Framed):
    """Pieces of the arguments of calls.

    Args:
        calls: choice and the server's index -> the call.
        tier, fingerprint: as for texts.
    """

    __slots__ = ("_calls", "_fingerprint", "_framed", "_tier")

    def __init__(self, calls: dict[tuple[int, int], ChatCall], *, tier: str | None, fingerprint: str | None) -> None:
        super().__init__()
        self._calls = calls
        self._tier = tier
        self._fingerprint = fingerprint
        self._framed = (0, 0)  # the choice, and the index of the call, of the frame

    @property
    def growing(self) -> Iterable[list[str]]:
        """Where the words go."""
        return [call.pieces for call in self._calls.values()]

    def piece(self, payload: bytes) -> ToolCallDelta | None:
        """The piece that a payload is; see `Pieces`."""
        if self._frame is not None:
            call, arguments = self._calls[self._framed], self._frame.words_of_one(payload)
            if arguments and arguments[0] != "{":
                call.pieces.append(arguments)
                return ToolCallDelta(call.index, arguments, self._framed[0])
        try:
            chunk = decode_arguments_chunk(payload)
        except _OTHER:
            return None
        return self._piece_of(chunk, payload)

    def piece_of_event(self, event: bytes) -> ToolCallDelta | None:
        """The piece that a whole event is; see `Pieces`."""
        arguments = "" if self._frame is None else self._frame.words_of_event(event)
        if not arguments or arguments[0] == "{":
            return None
        call = self._calls[self._framed]
        call.pieces.append(arguments)
        return ToolCallDelta(call.index, arguments, self._framed[0])

    def _piece_of(self, chunk: ArgumentsChunk, payload: bytes) -> ToolCallDelta | None:
        choice = chunk.choices[0]
        piece = choice.delta.tool_calls[0]
        call = self._calls.get((choice.index, piece.index))
        arguments = piece.function.arguments
        if (
            call is None
            or not arguments
            or arguments[0] == "{"  # it may be the whole once more, or only stand where the whole will
            or chunk.service_tier != self._tier
            or chunk.system_fingerprint != self._fingerprint
        ):
            return None
        if self._until_frame and self._look_for_frame(payload, arguments, name=b"arguments"):
            self._framed = (choice.index, piece.index)
        call.pieces.append(arguments)
        return ToolCallDelta(call.index, arguments, choice.index)

    def _tell_words(self, words: list[str], payloads: list[bytes], *, listener: Listener) -> bool:
        choice, on_event, call = self._framed[0], listener.on_event, self._calls[self._framed]
        pieces, take, index = call.pieces, payloads.pop, call.index
        for arguments in reversed(words):
            if not arguments or arguments[0] == "{":
                return False
            take()
            pieces.append(arguments)
            on_event(ToolCallDelta(index, arguments, choice))
            if listener.over:
                return False
        return True
