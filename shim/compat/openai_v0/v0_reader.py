"""`V0Reader`: the real openai 0.28 reading recorded answers, the control of the tee rung for code written for it.

Not ours reading, which is never passed off as it, and nothing is sent. The library gets a session whose connection is the
recording; what it gives its caller is then read by the codecs, so that a reading compares with every other: where the library
gave out all there was, from the recorded bytes; where it gave out something else, from that. A stream that ends without its
end is a normal end to 0.28, and so it is here. Where its caller closed the answer nothing was raised to anybody.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from msgspec.structs import replace

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.readings import Heard
from shim.compat.openai_v0.beside.real_library import RealLibrary, real_library, replaying
from shim.model import ErrorCategory, ModelResponse, ProviderError, StreamDone, StreamError
from shim.model.response import Api
from shim.recording.exchange import Exchange, RecordedResponse, Segment, UnreadableExchangeError, api_of, is_streamed
from shim.recording.reading import Reading
from shim.recording.recorded_answer import REPLAY_KEY
from shim.recording.replay_adapter import ReplayAdapter
from shim.wire.failure import parse_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.model import StreamEvent

_BASE = "http://replay.invalid/v1"  # RFC 2606: resolves nowhere, should the session not be used
_DONE = b"data: [DONE]\n\n"


class V0Reader:
    """Reads by the real openai 0.28, on the calling thread. One reader for one thread at a time.

    The program's own calls, on other threads, are left alone: a `LiveComparison` may read so while they run.

    Raises:
        UnsupportedFeatureError: the real openai 0.28 cannot be imported here.
    """

    name = "openai-0.28"
    apis: tuple[Api, ...] = ("chat_completions",)
    at_once = 64

    def __init__(self) -> None:
        self._real = real_library()
        self._codecs = CodecReader()

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        return self.read_all([exchange])[0]

    def read_all(self, exchanges: Sequence[Exchange]) -> list[Reading]:
        """Read many, in their order.

        Raises:
            UnreadableExchangeError: one cannot be replayed, or is no chat.
        """
        return [heard.reading() for heard in self.hear_all(exchanges)]

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Heard]:
        """What a caller of the library is told, in the vocabulary of a provider; raises as `read_all` does."""
        return [self._heard(exchange) for exchange in exchanges]

    def close(self) -> None:
        """Hold nothing."""

    def _heard(self, exchange: Exchange) -> Heard:
        if api_of(exchange) != "chat_completions":
            raise UnreadableExchangeError("it is no Chat Completions; openai 0.28 reads nothing else as chat")
        given: list[Any] = []
        streamed = is_streamed(exchange)
        try:
            with _replaying(self._real, exchange):
                answer = self._real.openai.ChatCompletion.create(
                    model="replay", messages=[], stream=streamed, api_key=REPLAY_KEY, api_base=_BASE, api_type="open_ai"
                )
                given.extend(answer if streamed else (answer,))  # what came before an error stays in it
        except UnreadableExchangeError:
            raise
        except Exception as raised:  # noqa: BLE001 - whatever its caller is raised is what it made of the answer
            return self._failed(exchange, given, raised, streamed=streamed)
        return self._told(_with_body(exchange, _body_told(exchange, given, streamed=streamed)))

    def _failed(self, exchange: Exchange, given: list[Any], raised: Exception, *, streamed: bool) -> Heard:
        """What was told until the error, and the error as a provider would name it."""
        heard = self._told(exchange)
        is_told = (
            heard.completion.error is not None or exchange.ended == "aborted"
        )  # which a caller did, not a connection
        if isinstance(raised, self._transport_errors()) and is_told:
            return heard  # the same end, in the words of the one reader of such faults
        partial = None
        events: list[StreamEvent] = []
        if streamed and given:
            before = self._told(_with_body(exchange, b"".join(_lines(given))))
            events = [each for each in before.events or () if not isinstance(each, StreamDone | StreamError)]
            failed = before.completion.error
            partial = before.completion.response if failed is None else failed.partial
        error = _error_of(raised, partial)
        completion = replace(heard.completion, response=None, error=error)
        return Heard(completion, [*events, StreamError(error)] if streamed else None)

    def _transport_errors(self) -> tuple[type[BaseException], ...]:
        real = self._real.error
        return (requests.exceptions.RequestException, real.APIConnectionError, real.Timeout)

    def _told(self, exchange: Exchange) -> Heard:
        return self._codecs.hear_all([exchange])[0]


@contextmanager
def _replaying(real: RealLibrary, exchange: Exchange) -> Iterator[None]:
    """Have the library's calls on this thread get this exchange for an answer; those of other threads go out as ever."""
    context = real.api_requestor._thread_context  # noqa: SLF001 - where it keeps the session of each thread
    before = dict(vars(context))
    with replaying(), requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, ReplayAdapter(exchange))
        vars(context).clear()
        vars(context).update(session=session, session_create_time=math.inf)  # never too old for it
        try:
            yield
        finally:
            vars(context).clear()
            vars(context).update(before)


def _body_told(exchange: Exchange, given: list[Any], *, streamed: bool) -> bytes | None:
    """The body that tells what the library gave out; None where that is what was recorded, whole and with its end."""
    recorded = (exchange.response.body if exchange.response is not None else None) or b""
    if not streamed:
        return None if _is_json(recorded, given[0]) else json.dumps(given[0]).encode()
    payloads = [line[len(b"data:") :].strip() for line in recorded.splitlines() if line.startswith(b"data:")]
    chunks = [each for each in payloads if each != b"[DONE]"]
    alike = len(chunks) == len(given) and all(map(_is_json, chunks, given))
    return None if alike and len(chunks) < len(payloads) else b"".join([*_lines(given), _DONE])


def _is_json(text: bytes, value: Any) -> bool:
    try:
        return bool(json.loads(text) == value)
    except ValueError:
        return False


def _lines(chunks: list[Any]) -> list[bytes]:
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]


def _with_body(exchange: Exchange, body: bytes | None) -> Exchange:
    """The exchange with another body, which is whole."""
    if body is None:
        return exchange
    response = exchange.response or RecordedResponse(status=200)
    plain = replace(response, segments=(Segment.of(body, 0.0),), decoded=True)
    return replace(exchange, response=plain, ended="complete", fault=None)


def _error_of(raised: Exception, partial: ModelResponse | None) -> ProviderError:
    """What the library raised: from the body it had, where it had one, as a provider reads it."""
    status, body = getattr(raised, "http_status", None), getattr(raised, "http_body", None)
    told = isinstance(getattr(raised, "json_body", None), dict)
    if status is not None and body and (status >= 400 or told):
        data = body if isinstance(body, bytes) else str(body).encode()
        return parse_error(status, dict(getattr(raised, "headers", None) or {}), data, partial=partial)
    words = f"openai 0.28 raised {type(raised).__name__}"
    return ProviderError(ErrorCategory.PROTOCOL, words, http_status=status, partial=partial)
