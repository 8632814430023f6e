"""What the native provider would tell of a recorded answer: its own reader, with no transport under it.

Not the reading (`shim.calls.answer_reader`), the codecs (`shim.wire`) nor what is compared of it (`readings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shim.calls import AnswerFault, Call, StreamCall, reader_of
from shim.comparison.tee_rung.readings import Heard
from shim.comparison.tee_rung.shared_codec import RecallingCodec
from shim.model import ErrorCategory, StreamEvent
from shim.model.response import Api
from shim.provider import Completion, RequestHandle, Timing
from shim.recording.exchange import Headers, UnreadableExchangeError, api_of
from shim.recording.reading import Reading
from shim.recording.recorded_answer import REPLAY_KEY, Break, Presented, presented
from shim.wire import chat, responses
from shim.wire.masking import Secret

if TYPE_CHECKING:
    from shim.recording.exchange import Exchange

_CODECS: dict[Api, Any] = {"chat_completions": chat, "responses": responses}
_SECRET = Secret(REPLAY_KEY)  # what masks the key that stands in a replay


class CodecReader:
    """Reads by the codec of the exchange's API. Holds nothing; any number may share it."""

    name = "native"
    apis: tuple[Api, ...] = ("chat_completions", "responses")

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        return self.hear(exchange).reading()

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Heard]:
        """What a caller is told of many; raises as `hear` does."""
        return list(map(self.hear, exchanges))

    def hear(self, exchange: Exchange) -> Heard:
        """What a caller of the native provider would get: the answer is given to that provider's own reader, piece by piece.

        Raises:
            UnreadableExchangeError: the exchange speaks neither API, or was not kept whole.
        """
        return self._heard(exchange, None)

    def hear_beside(self, exchange: Exchange, other: Heard) -> Heard:
        """What `hear` tells, where another reader has told of the same exchange: what both hand to a codec is read once.

        Raises:
            UnreadableExchangeError: as `hear`.
        """
        return self._heard(exchange, other)

    def _heard(self, exchange: Exchange, other: Heard | None) -> Heard:
        api = api_of(exchange)
        if api is None:
            raise UnreadableExchangeError("it is neither Chat Completions nor Responses; only those are read")
        kept = None if other is None else other.answer
        # A reader may have told of another than the recorded one: what its library made of it.
        answer = kept[1] if kept is not None and kept[0] is exchange else presented(exchange)
        events: list[StreamEvent] | None = [] if answer.streamed else None
        codec, noted = _CODECS[api], None if other is None else other.noted
        if noted is not None and noted.codec is codec:
            codec = RecallingCodec(noted)
        return Heard(_completion(_call(codec, events), answer, pieces=answer.pieces), events, (exchange, answer))

    def hear_timed(self, exchange: Exchange) -> Completion:
        """What a caller would get, timed as recorded: from the request to the end, and to the first event of a stream.

        Raises:
            UnreadableExchangeError: as `hear`.
        """
        answer, api = presented(exchange), api_of(exchange)
        if api is None or not answer.streamed or answer.status < 200:
            return replace(self.hear(exchange).completion, timing=Timing(started=0.0, finished=exchange.finished))
        began: list[float] = []
        clock = _PieceClock(exchange, answer)
        call = StreamCall(
            RequestHandle(self.name, 0),
            _ignore,
            on_event=lambda _event: began.append(clock.now) if not began else None,
            codec=_CODECS[api],
            api_key=REPLAY_KEY,
        )
        completion = _completion(call, answer, pieces=clock.through(answer.pieces))
        first = began[0] if began else None
        return replace(completion, timing=Timing(started=0.0, first_event=first, finished=exchange.finished))

    def close(self) -> None:
        """Hold nothing."""


class _PieceClock:
    """When the piece being read had come, as recorded; the first one, where decompression has cut pieces anew."""

    def __init__(self, exchange: Exchange, answer: Presented) -> None:
        segments = () if exchange.response is None else exchange.response.segments
        self._times = [segment.at for segment in segments if segment.data]
        self._fits = len(self._times) == len(answer.pieces)
        self.now = self._times[0] if self._times else exchange.finished

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces, each at its time."""
        for number, piece in enumerate(pieces):
            if self._fits:
                self.now = self._times[number]
            yield piece


def _completion(call: Call, answer: Presented, *, pieces: Iterable[bytes]) -> Completion:
    """What a call comes to: its own reader is given the answer, piece by piece."""
    reader = reader_of(call)
    # http.client takes an interim answer for the final one; the native provider reads past it, or ends there.
    if 100 <= answer.status < 200:
        words = f"the server gave an interim answer ({answer.status}) for the final one"
        return reader.conclude(AnswerFault(ErrorCategory.PROTOCOL, words))
    reader.head(answer.status, _joined(answer.headers))
    for piece in pieces:
        if reader.feed((piece,)) == "nothing":
            break
    return reader.conclude(None if answer.broken is None else _fault(answer.broken))


def _call(codec: Any, events: list[StreamEvent] | None) -> Call:
    """A call that nobody waits for; its events go where they are wanted."""
    handle = RequestHandle(CodecReader.name, 0)
    if events is None:
        return Call(handle, _ignore, codec=codec, api_key=_SECRET)
    return StreamCall(handle, _ignore, on_event=events.append, on_events=events.extend, codec=codec, api_key=_SECRET)


def _fault(broken: Break) -> AnswerFault:
    words = broken.message or broken.kind or f"the answer broke off ({broken.family})"
    return AnswerFault(ErrorCategory(broken.family), words)


def _joined(headers: Headers) -> dict[str, str]:
    """The fields by name; the values of a repeated one are joined by a comma (RFC 9110 5.3)."""
    alone = {name.lower(): value for name, value in headers}
    if len(alone) == len(headers):  # nearly always
        return alone
    joined: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _ignore(_completion: Completion) -> None:
    """Stand in for `on_completion`; the completion is what `conclude` returns."""
