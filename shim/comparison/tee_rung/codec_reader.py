"""What the native provider would tell of a recorded answer: its own reader, with no transport under it.

Not the reading (`shim.calls.answer_reader`), the codecs (`shim.wire`) nor what is compared of it (`readings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shim.calls import AnswerFault, Call, StreamCall, reader_of
from shim.comparison.tee_rung.readings import Heard, reading_of
from shim.model import ErrorCategory, StreamEvent
from shim.model.response import Api
from shim.provider import Completion, RequestHandle
from shim.recording.exchange import Headers, UnreadableExchangeError, api_of
from shim.recording.reading import Reading
from shim.recording.recorded_answer import REPLAY_KEY, Break, Presented, presented
from shim.wire import chat, responses

if TYPE_CHECKING:
    from shim.recording.exchange import Exchange

_CODECS: dict[Api, Any] = {"chat_completions": chat, "responses": responses}


class CodecReader:
    """Reads by the codec of the exchange's API. Holds nothing; any number may share it."""

    name = "native"
    apis: tuple[Api, ...] = ("chat_completions", "responses")

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        completion, events = self.hear(exchange)
        return reading_of(completion, events)

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Heard]:
        """What a caller is told of many."""
        return [Heard(*self.hear(exchange)) for exchange in exchanges]

    def hear(self, exchange: Exchange) -> tuple[Completion, list[StreamEvent] | None]:
        """What a caller of the native provider would get: the completion, and the events where it asked for a stream.

        Raises:
            UnreadableExchangeError: the exchange speaks neither API, or was not kept whole.
        """
        api = api_of(exchange)
        if api is None:
            raise UnreadableExchangeError("it is neither Chat Completions nor Responses; only those are read")
        answer = presented(exchange)
        handle = RequestHandle(self.name, 0)
        if not answer.streamed:
            return _read(answer, Call(handle, _ignore, codec=_CODECS[api], api_key=REPLAY_KEY)), None
        events: list[StreamEvent] = []
        call = StreamCall(handle, _ignore, on_event=events.append, codec=_CODECS[api], api_key=REPLAY_KEY)
        return _read(answer, call), events

    def close(self) -> None:
        """Hold nothing."""


def _read(answer: Presented, call: Call) -> Completion:
    """Give an answer to the reader that the native provider has, piece by piece."""
    reader = reader_of(call)
    if (
        100 <= answer.status < 200
    ):  # http.client takes one for the final answer; the native provider reads past it, or ends there
        words = f"the server gave an interim answer ({answer.status}) for the final one"
        return reader.conclude(AnswerFault(ErrorCategory.PROTOCOL, words))
    reader.head(answer.status, _joined(answer.headers))
    for piece in answer.pieces:
        if reader.feed((piece,)) == "nothing":
            break
    return reader.conclude(None if answer.broken is None else _fault(answer.broken))


def _fault(broken: Break) -> AnswerFault:
    words = broken.message or broken.kind or f"the answer broke off ({broken.family})"
    return AnswerFault(ErrorCategory(broken.family), words)


def _joined(headers: Headers) -> dict[str, str]:
    """The fields by name; the values of a repeated one are joined by a comma (RFC 9110 5.3)."""
    joined: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _ignore(_completion: Completion) -> None:
    """Stand in for `on_completion`; the completion is what `conclude` returns."""
