"""The targets of fuzzing: each takes any bytes, reads them as a program would, and raises where a promise is broken.

Not the driver (`driver`) nor the inputs to begin with (`seeds`). A target lets only errors pass that are documented; what it
asserts beyond that is said in its docstring. `TARGETS` is what `make fuzz` runs, and what the tests run over every finding.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final

from shim.calls import Call, StreamCall, reader_of
from shim.model import InvalidRequestError, ModelRequest, ModelResponse, ProviderError, StreamEvent, user
from shim.provider import RequestHandle
from shim.recording.exchange_json import RecordError, decode_exchange, encode_exchange
from shim.recording.transfer_encoding import Framing, unframed
from shim.wire import chat, responses
from shim.wire.content_encoding import MAX_RATIO, ContentDecoder
from shim.wire.failure import parse_error
from shim.wire.sse import SSEDecoder
from tests.fuzz.inputs import FuzzInput
from tests.fuzz.messages import request_told, response_told
from tests.helpers.events import assert_well_formed
from tests.helpers.feeding import feed_pieces

_CODECS: Final = (chat, responses)
_LIMITS: Final = (None, 32, 4096)
_ROOM: Final = 1024 * 1024  # decoded bytes that are allowed whatever the ratio


def sse(raw: bytes) -> None:
    """Any split gives the same events and the same error, which is ours; no event is larger than what was sent."""
    given = FuzzInput(raw)
    limit = given.chosen(_LIMITS)

    def decoder() -> SSEDecoder:
        return SSEDecoder() if limit is None else SSEDecoder(max_event_bytes=limit)

    whole = feed_pieces(decoder(), [given.data])
    split = feed_pieces(decoder(), given.pieces())
    assert whole.error is None or isinstance(whole.error, ProviderError), repr(whole.error)
    assert split.same_as(whole), f"split: {split}; whole: {whole}"
    # A byte that is no UTF-8 becomes U+FFFD, of three bytes.
    assert sum(len(event.data) for event in whole.outputs) <= 3 * len(given.data)


def chat_stream(raw: bytes) -> None:
    """Any payloads are a stream in good order, whose message can be sent again."""
    _stream(raw, codec=chat)


def responses_stream(raw: bytes) -> None:
    """Any payloads are a stream in good order."""
    _stream(raw, codec=responses)


def _stream(raw: bytes, *, codec: ModuleType) -> None:
    decoder: Any = codec.StreamDecoder()
    events: list[StreamEvent] = []
    for payload in FuzzInput(raw).data.split(b"\n"):
        events += decoder.feed(payload)
    assert isinstance(decoder.response, ModelResponse)
    events += decoder.finish()
    assert_well_formed(events)
    assert decoder.feed(b"[DONE]") == decoder.finish() == []
    _send_again(decoder.response)


def chat_answer(raw: bytes) -> None:
    """Any bytes are an answer whose events are in good order and whose message can be sent again, or a ProviderError."""
    _answer(raw, codec=chat)


def responses_answer(raw: bytes) -> None:
    """Any bytes are an answer whose events are in good order, or a ProviderError."""
    _answer(raw, codec=responses)


def _answer(raw: bytes, *, codec: Any) -> None:
    body = FuzzInput(raw).data
    try:
        response = codec.parse_response(body)
    except ProviderError as error:
        assert str(error)  # noqa: PT017 - that it can be shown is what is asserted
        return
    assert isinstance(response, ModelResponse)
    assert_well_formed(codec.events_of(response))
    _send_again(response)


def _send_again(response: ModelResponse) -> None:
    """Write the message of an answer into the next request, to either API: JSON, or an error that names the field."""
    if not response.choices:
        return
    request = ModelRequest("gpt-4o-mini", (user("hi"), response.message))
    for codec in _CODECS:
        with suppress(InvalidRequestError):
            assert isinstance(json.loads(codec.serialize(request, stream=False)), dict)


def answer_reader(raw: bytes) -> None:
    """However the body of an answer is split, a caller is told the same events and the same end."""
    given = FuzzInput(raw)
    head, _, body = given.data.partition(b"\n")
    status, kind = (given.chosen((200, 200, 200, 201, 429, 500)), head.decode("latin-1"))
    told = [
        _read(pieces, status=status, kind=kind, codec=_CODECS[given.flag()]) for pieces in ([body], given.pieces(body))
    ]
    assert told[0] == told[1], f"whole: {told[0]}; split: {told[1]}"


def _read(pieces: list[bytes], *, status: int, kind: str, codec: Any) -> tuple[object, ...]:
    events: list[StreamEvent] = []
    handle = RequestHandle("fuzz", 0)
    call = StreamCall(handle, _ignore, on_event=events.append, codec=codec, api_key="sk-fuzz")
    reader = reader_of(call)
    reader.head(status, {"content-type": kind})
    for piece in pieces:
        if reader.feed((piece,)) == "nothing":
            break
    completion = reader.conclude()
    assert (completion.error is None) != (completion.response is None)
    error = completion.error
    ended = None if error is None else (error.category, error.message, error.partial)
    return (list(map(repr, events)), ended, completion.response)


def whole_answer_reader(raw: bytes) -> None:
    """However the body of a whole answer is split, it is the same response or the same error."""
    given = FuzzInput(raw)
    told: list[object] = []
    for pieces in ([given.data], given.pieces()):
        reader = reader_of(Call(RequestHandle("fuzz", 0), _ignore, codec=_CODECS[given.flag()], api_key="sk-fuzz"))
        reader.head(given.chosen((200, 204, 404, 503)), {})
        for piece in pieces:
            reader.feed((piece,))
        completion = reader.conclude()
        error = completion.error
        told.append(completion.response if error is None else (error.category, error.message, error.body))
    assert told[0] == told[1]


def _ignore(_completion: object) -> None:
    """Stand in for a callback."""


def error_body(raw: bytes) -> None:
    """Any bytes under any status and headers are an error that can be shown."""
    given = FuzzInput(raw)
    line, _, body = given.data.partition(b"\n")
    names = ("retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "date", "location", "x-should-retry")
    headers = {name: line.decode("latin-1") for name in names}
    error = parse_error(given.chosen((400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 529, 200)), headers, body)
    assert str(error)
    assert error.retry_after_ms is None or error.retry_after_ms > 0


def chat_request(raw: bytes) -> None:
    """Any body that is taken is written again as the same JSON; what is refused is refused by name."""
    body = FuzzInput(raw).data
    try:
        request = chat.parse_request(body)
        written = chat.serialize(request, stream=_wants_stream(body))
    except InvalidRequestError as error:
        assert error.field  # noqa: PT017 - that it names its place is what is asserted
        return
    assert _canonical(written) == _canonical(body)
    assert chat.parse_request(written) == request


def responses_request(raw: bytes) -> None:
    """Any body that is taken can be written, and read again as the same request; what is refused is refused by name."""
    body = FuzzInput(raw).data
    try:
        request = responses.parse_request(body)
        written = responses.serialize(request, stream=_wants_stream(body))
    except InvalidRequestError as error:
        assert error.field  # noqa: PT017 - that it names its place is what is asserted
        return
    assert responses.parse_request(written) == request


def _wants_stream(body: bytes) -> bool:
    return json.loads(body).get("stream") is True


def _canonical(body: bytes) -> str:
    return json.dumps(json.loads(body), sort_keys=True)


def content_encoding(raw: bytes) -> None:
    """Any split gives the same bytes and the same kind of error, and none more than the bound allows."""
    given = FuzzInput(raw)
    encoding = given.chosen(("gzip", "deflate", "x-gzip"))
    data = given.data
    if given.flag():  # what a fuzzer would hardly come upon: a right encoding of what it made, and a tail
        data = (gzip.compress(data, mtime=0) if "gzip" in encoding else zlib.compress(data)) + data[:3]
    whole = _decoded([data], encoding, most=None)
    split = _decoded(given.pieces(data), encoding, most=None)
    stepwise = _decoded([data], encoding, most=7)
    assert whole == split, f"whole: {whole}; split: {split}"
    assert whole == stepwise, f"whole: {whole}; stepwise: {stepwise}"
    assert len(whole[0]) <= max(_ROOM, MAX_RATIO * len(data))


def _decoded(pieces: list[bytes], encoding: str, *, most: int | None) -> tuple[bytes, str]:
    decoder = ContentDecoder(encoding)
    plain = b""
    try:
        for piece in pieces:
            plain += decoder.feed(piece, most=most)
            while decoder.has_more and decoder.fault is None:
                plain += decoder.feed(b"", most=most)
        plain += decoder.finish()
    except ProviderError as error:
        return plain, str(error.category)
    return plain, ""


def transfer_encoding(raw: bytes) -> None:
    """Any split gives the same body, state and excess, and nothing is raised."""
    given = FuzzInput(raw)
    framing = given.chosen((Framing(chunked=True), Framing(chunked=False), Framing(chunked=False, length=9)))
    told = []
    for pieces in ([given.data], given.pieces()):
        made = unframed([(piece, 0.0) for piece in pieces], framing, at_eof=given.flag())
        body = b"".join(data for data, _ in made.pieces)
        # Where it is broken, how much stands behind the break depends on what was read together.
        told.append((body, made.state, made.excess if made.state != "broken" else 0))
    assert told[0] == told[1], f"whole: {told[0]}; split: {told[1]}"
    assert len(told[0][0]) <= len(given.data)


def recording_line(raw: bytes) -> None:
    """A line is an exchange that can be written and read again as the same, or a RecordError that says why."""
    line = FuzzInput(raw).data
    try:
        exchange = decode_exchange(line)
    except RecordError as error:
        assert str(error)  # noqa: PT017 - that it says why is what is asserted
        return
    assert decode_exchange(encode_exchange(exchange)) == exchange


def proxy_message(raw: bytes) -> None:
    """However a message is split, its heads, its body and its end are the same, and every byte is told once."""
    given = FuzzInput(raw)
    pieces = given.pieces()
    told = request_told if given.flag() else response_told
    whole, split = told([given.data] if given.data else []), told(pieces)
    assert whole == split, f"whole: {whole}; split: {split}"


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    each.__name__: each
    for each in (
        sse,
        chat_stream,
        responses_stream,
        answer_reader,
        chat_answer,
        responses_answer,
        whole_answer_reader,
        error_body,
        chat_request,
        responses_request,
        content_encoding,
        transfer_encoding,
        recording_line,
        proxy_message,
    )
}
