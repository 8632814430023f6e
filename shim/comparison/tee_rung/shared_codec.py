"""A codec that notes what it makes of what, and one that recalls it: what both sides give to a codec is read once.

Not a codec (`shim.wire`), nor what gives it bodies and payloads (`shim.calls`), which both sides run, each for itself.

Theory of operation. What a codec makes of a body is a function of the body; what a stream's decoder makes of a payload, one of
its caps and of the payloads so far: it knows no time and no chance. So where the second side gives the very bytes that the first
one gave, it gets what was made of those. Where it gives anything else, the codec itself is given all that this side gave so far,
and goes on from there, as if there were no other side. What comes of an error is not recalled: its objects are filled in later.
The first side only keeps what it is told, so what it has at hand is read as a whole before any of it is told.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from shim.model import StreamError, TextDelta, ToolCallDelta
from shim.model.caps import DEFAULT_CAPS, Caps

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.calls import CallDecoder, Codec
    from shim.model import ModelResponse, StreamEvent
    from shim.wire.bodies import Listener

_PIECES = frozenset({TextDelta, ToolCallDelta})  # which need nothing noted, and after which nothing is over
_AT_ONCE = 64  # payloads that are read as a whole


class Noted(Struct, kw_only=True):
    """What a codec was given of one answer by one side, and what it made of it.

    Attributes:
        codec: which.
        body: of an answer that was read whole, and no error; None where there was none.
        response: what was made of the body.
        caps: of the stream.
        payloads: of the stream, as far as they were read.
        told: what was made of each: the one event of a mere piece, or a list of events.
        others: the places of those lists.
    """

    codec: Codec
    body: bytes | None = None
    response: ModelResponse | None = None
    caps: Caps = DEFAULT_CAPS
    payloads: list[bytes] = field(default_factory=list)
    told: list[StreamEvent | list[StreamEvent]] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    def without_error(self) -> int:
        """How many payloads come before the error that ended the stream; nothing was made of those behind it."""
        last = next((place for place in reversed(range(len(self.told))) if self.told[place]), 0)
        events = self.told[last] if self.told else None
        return last if isinstance(events, list) and events and isinstance(events[-1], StreamError) else len(self.told)


class NotingCodec:
    """The codec itself, for one answer. What it makes is noted as it leaves the codec, before anybody has it."""

    def __init__(self, codec: Codec) -> None:
        self.noted = Noted(codec=codec)

    def parse_response(self, body: bytes) -> ModelResponse:
        """Read a whole answer; raises as the codec does."""
        noted = self.noted
        response = noted.codec.parse_response(body)
        noted.body, noted.response = body, response
        return response

    def events_of(self, response: ModelResponse) -> list[StreamEvent]:
        """Tell a whole answer as a stream would have."""
        return self.noted.codec.events_of(response)

    def StreamDecoder(self, *, caps: Caps = DEFAULT_CAPS) -> CallDecoder:  # noqa: N802 - as the codec's class is called
        """Make the reader of the stream."""
        noted = self.noted = Noted(codec=self.noted.codec, caps=caps)  # of the last stream alone
        return _NotingDecoder(noted)


class RecallingCodec:
    """Stands for the codec on the other side of the same answer."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted

    def parse_response(self, body: bytes) -> ModelResponse:
        """Read a whole answer; raises as the codec does."""
        noted = self._noted
        if noted.response is not None and noted.body == body:
            return noted.response
        return noted.codec.parse_response(body)

    def events_of(self, response: ModelResponse) -> list[StreamEvent]:
        """Tell a whole answer as a stream would have."""
        return self._noted.codec.events_of(response)

    def StreamDecoder(self, *, caps: Caps = DEFAULT_CAPS) -> CallDecoder:  # noqa: N802 - as the codec's class is called
        """Make the reader of the stream; under other caps it is the codec's."""
        noted = self._noted
        return _RecallingDecoder(noted) if noted.told and noted.caps == caps else noted.codec.StreamDecoder(caps=caps)


class _NotingDecoder:
    """The codec's decoder, whose payloads and events are noted."""

    __slots__ = ("_decoder", "_noted")

    def __init__(self, noted: Noted) -> None:
        self._decoder = noted.codec.StreamDecoder(caps=noted.caps)
        self._noted = noted

    def feed(self, payload: bytes) -> list[StreamEvent]:
        events, noted = self._decoder.feed(payload), self._noted
        noted.payloads.append(payload)
        if len(events) == 1 and type(events[0]) in _PIECES:
            noted.told.append(events[0])
        else:
            noted.others.append(len(noted.told))
            noted.told.append(events)
        return events

    def piece(self, payload: bytes) -> StreamEvent | None:
        event = self._decoder.piece(payload)
        if event is not None:
            self._noted.payloads.append(payload)
            self._noted.told.append(event)
        return event

    def piece_of_event(self, event: bytes) -> None:
        """Nothing: payloads are noted, and not events."""

    def tell_pieces(self, payloads: list[bytes], listener: Listener) -> None:
        ahead = _Ahead()
        at_hand = payloads[-_AT_ONCE:]
        self._decoder.tell_pieces(at_hand, ahead)
        if not ahead.events:
            return
        taken = len(ahead.events)
        self._noted.payloads += reversed(payloads[len(payloads) - taken :])
        self._noted.told += ahead.events
        del payloads[len(payloads) - taken :]
        if listener.on_events is not None:
            listener.on_events(ahead.events)
            return
        for event in ahead.events:
            listener.on_event(event)

    def finish(self) -> list[StreamEvent]:
        return self._decoder.finish()

    @property
    def response(self) -> ModelResponse:
        return self._decoder.response

    @property
    def ended(self) -> bool:
        return self._decoder.ended


class _Ahead:
    """Keeps what a decoder tells."""

    over = False

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.on_event, self.on_events = self.events.append, self.events.extend


class _RecallingDecoder:
    """Gives what was noted for as long as it is given what was noted; then it is the codec's decoder."""

    __slots__ = ("_decoder", "_end", "_noted", "_payloads", "_reached", "_run_ends", "_told")

    def __init__(self, noted: Noted) -> None:
        self._noted = noted
        self._payloads = noted.payloads
        self._told = noted.told
        self._end = noted.without_error()
        self._reached = 0  # payloads that both have given
        self._run_ends = 0  # where pieces in a row end; what comes before this place are pieces
        self._decoder: CallDecoder | None = None

    def feed(self, payload: bytes) -> list[StreamEvent]:
        reached = self._reached
        if self._decoder is None and reached < self._end and self._payloads[reached] == payload:
            self._reached = reached + 1
            told = self._told[reached]
            return told if isinstance(told, list) else [told]
        return self._own().feed(payload)

    def piece(self, payload: bytes) -> StreamEvent | None:
        if self._decoder is not None:
            return self._decoder.piece(payload)
        reached = self._reached
        if reached < self._end and self._payloads[reached] == payload:
            told = self._told[reached]
            if not isinstance(told, list):
                self._reached = reached + 1
                return told
        return None

    def piece_of_event(self, event: bytes) -> None:
        """Nothing: payloads are recalled, and not events."""

    def tell_pieces(self, payloads: list[bytes], listener: Listener) -> None:
        if self._decoder is not None:
            self._decoder.tell_pieces(payloads, listener)
            return
        if listener.on_events is not None and self._recall(payloads, listener.on_events):
            return
        on_event, noted, made = listener.on_event, self._payloads, self._told
        for reached in range(self._reached, min(self._end, self._reached + len(payloads))):
            told = made[reached]
            if isinstance(told, list) or noted[reached] != payloads[-1] or listener.over:
                return
            payloads.pop()
            self._reached = reached + 1
            on_event(told)

    def _recall(self, payloads: list[bytes], on_events: Callable[[list[Any]], object]) -> bool:
        """Tell as many pieces as were noted in a row; whether these payloads are those."""
        reached = self._reached
        end = reached + len(payloads)
        if end > self._run_ends:
            others = self._noted.others
            place = bisect_left(others, reached)
            self._run_ends = min(others[place] if place < len(others) else self._end, self._end)
            end = min(end, self._run_ends)
        if end == reached:
            return True
        given = payloads[reached - end :]
        given.reverse()
        if given != self._payloads[reached:end]:
            return False
        del payloads[reached - end :]
        self._reached = end
        on_events(self._told[reached:end])
        return True

    def finish(self) -> list[StreamEvent]:
        return self._own().finish()

    @property
    def response(self) -> ModelResponse:
        return self._own().response

    @property
    def ended(self) -> bool:
        return self._own().ended

    def _own(self) -> CallDecoder:
        """The codec's decoder, which has read what both have given."""
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = self._noted.codec.StreamDecoder(caps=self._noted.caps)
            for payload in self._payloads[: self._reached]:
                decoder.feed(payload)
        return decoder
