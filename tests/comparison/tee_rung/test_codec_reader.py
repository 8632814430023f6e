"""Tests that reading by the codecs alone tells exactly what the native provider tells for the same bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.readings import reading_of
from shim.native import NativeProvider
from shim.recording.exchange import Exchange, TransportFault, UnreadableExchangeError
from shim.recording.reading import Reading
from shim.testing.fake_openai import FakeOpenAI, RawResponse, Replay
from shim.wire import chat, responses
from shim.wire.json_events import JsonEventDecoder
from shim.wire.json_text import encode_body
from tests.comparison.recorded_cases import CHAT, RESPONSES, exchange_of
from tests.helpers.driving import ask
from tests.helpers.exchanges import ANSWER, CHUNKS, exchange, sse, streamed
from tests.helpers.providers import KEY
from tests.helpers.raw_server import END, SSE, chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.model import ModelRequest
    from shim.testing.fixtures import Fixture

FINISHED = sse(*CHUNKS)
BODIES: dict[str, bytes] = {
    "as usual": FINISHED,
    "nothing after the end": FINISHED + b"data: {nonsense\n\n",
    "comments and names": b": hi\n\nevent: x\nid: 1\nretry: 5\n\n" + FINISHED,
    "a byte order mark": b"\xef\xbb\xbf" + FINISHED,
    "carriage returns": FINISHED.replace(b"\n", b"\r"),
    "invalid UTF-8": FINISHED.replace("🌍".encode(), b"\xf0\x9f"),
    "data in two lines": FINISHED.replace(b', "choices"', b',\ndata: "choices"'),
    "a field called error": sse(CHUNKS[1], done=False) + b'error: {"error":{"message":"No.","code":"x"}}\n\n',
    "an error, then more": sse({"error": {"message": "No."}}, *CHUNKS),
    "no DONE": sse(*CHUNKS, done=False),
    "no finish": sse(*CHUNKS[:2], done=False),
    "an event without its end": sse(*CHUNKS[:3], done=False).rstrip(b"\n"),
    "half a payload": sse(*CHUNKS[:2], done=False) + b'data: {"id"',
    "a payload that is no JSON": sse(CHUNKS[1], done=False) + b"data: nonsense\n\n" + FINISHED,
    "nothing": b"",
    "only a comment": b": hi\n\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """A fake OpenAI on loopback."""
    with FakeOpenAI() as running:
        yield running


def by_native(server: FakeOpenAI, request: ModelRequest, *, api: Any = "chat_completions", stream: bool) -> Reading:
    """What the native provider tells of the server's next answer."""
    with NativeProvider(api_key=KEY, base_url=server.base_url, api=api) as provider:
        heard = ask(provider, request, stream=stream)
    return reading_of(heard.completion, heard.events if stream else None)


def check_case(server: FakeOpenAI, case: Fixture, *, codec: Any) -> None:
    """Both read a case the same."""
    server.plan(Replay(case))
    stream = case.request.get("stream") is True
    native = by_native(server, codec.parse_request(encode_body(case.request)), api=case.api, stream=stream)
    assert CodecReader().read(exchange_of(case)) == native


@pytest.mark.parametrize("name", CHAT)
def test_a_case_of_chat_completions_is_read_as_the_native_provider_does(name: str, server: FakeOpenAI) -> None:
    """Every recorded case of Chat Completions has the same outcome, status, response, error and events."""
    check_case(server, CHAT[name], codec=chat)


@pytest.mark.parametrize("name", RESPONSES)
def test_a_case_of_responses_is_read_as_the_native_provider_does(name: str, server: FakeOpenAI) -> None:
    """Every recorded case of the Responses API has the same outcome, status, response, error and events."""
    check_case(server, RESPONSES[name], codec=responses)


@pytest.mark.parametrize("name", BODIES)
def test_an_unusual_stream_is_read_as_the_native_provider_does(name: str, server: FakeOpenAI) -> None:
    """Line ends, comments, wrong bytes, errors and early ends are read the same."""
    body = BODIES[name]
    server.plan(RawResponse((SSE, *((chunk(body),) if body else ()), END)))
    recorded = streamed(*((body,) if body else (b"",)))
    native = by_native(server, chat.parse_request(recorded.request.body or b""), stream=True)
    assert told_without_head(CodecReader().read(recorded)) == told_without_head(native)


def told_without_head(reading: Reading) -> Any:
    """A reading without the request id: the exchanges made by hand have one, the raw answers of the server none."""
    response = None if reading.response is None else {**reading.response, "request_id": None}
    error = None if reading.error is None else {**reading.error, "request_id": None}
    return reading.outcome, reading.http_status, response, error, reading.events


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("timeout", "timeout"),
        ("network", "network"),
        ("truncated", "truncated"),
        ("protocol", "protocol"),
        ("requests.exceptions.ReadTimeout", "timeout"),
        ("urllib3.exceptions.IncompleteRead", "truncated"),
        ("builtins.ConnectionResetError", "network"),
        ("requests.exceptions.SSLError", "network"),
        ("urllib3.exceptions.DecodeError", "protocol"),
        ("requests.exceptions.ChunkedEncodingError", "truncated"),
    ],
)
def test_a_transport_fault_has_the_category_the_native_provider_gives_it(kind: str, category: str) -> None:
    """Whichever library named the fault, its category is that of libcurl's for it, and what had arrived is kept."""
    fault = TransportFault(stage="body", kind=kind)
    reading = CodecReader().read(streamed(sse(*CHUNKS[:2], done=False), ended="failed", fault=fault))
    assert reading.error is not None
    assert reading.error["category"] == category
    assert reading.error["partial"]["choices"][0]["text"] == "Hel"


def test_a_fault_after_the_last_event_changes_nothing() -> None:
    """A stream that said it was done is a response, however its connection ended."""
    fault = TransportFault(stage="body", kind="network")
    assert CodecReader().read(streamed(ended="failed", fault=fault)).outcome == "response"


def test_a_fault_before_the_head_has_no_status() -> None:
    """Where no head came there is no status, and the stream's one event is its error."""
    fault = TransportFault(stage="headers", kind="timeout", message="too long")
    reading = CodecReader().read(streamed(response=None, ended="failed", fault=fault))
    assert (reading.http_status, reading.events) == (None, ({"event": "StreamError"},))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ended": "overflow"}, "larger than was kept"),
        ({"response": None}, "neither a response nor a fault"),
        ({"ended": "failed"}, "does not say how"),
    ],
)
def test_an_exchange_that_was_not_kept_whole_is_refused(fields: dict[str, Any], words: str) -> None:
    """What cannot be read as it was is an error that says what is missing, never a reading."""
    recorded = Exchange(**{name: getattr(exchange(), name) for name in Exchange.__struct_fields__} | fields)
    with pytest.raises(UnreadableExchangeError, match=words):
        CodecReader().read(recorded)


def test_another_path_is_refused() -> None:
    """What is neither of the two APIs is not read."""
    with pytest.raises(UnreadableExchangeError, match="neither Chat Completions nor Responses"):
        CodecReader().read(exchange(url="https://api.openai.com/v1/embeddings"))


def test_an_answer_of_another_type_is_read_whole() -> None:
    """JSON answered to a stream is told as events, as the native provider does."""
    reading = CodecReader().read(exchange({"model": "m", "messages": [], "stream": True}, sse(), encode_body(ANSWER)))
    assert reading.events is not None
    assert reading.outcome == "response"  # an event stream that is called JSON is an event stream
    whole = CodecReader().read(exchange({"model": "m", "messages": [], "stream": True}))
    assert [event["event"] for event in whole.events or ()] == ["StreamStart", "TextDelta", "StreamDone"]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_an_event_too_large_counts_where_the_stream_has_not_ended(
    monkeypatch: pytest.MonkeyPatch, *, ended: bool, together: bool
) -> None:
    """After the last event nothing matters; before it an event too large is an error that keeps what had arrived."""
    monkeypatch.setattr("shim.calls.answer_reader.JsonEventDecoder", partial(JsonEventDecoder, max_event_bytes=400))
    pieces = [
        sse(*CHUNKS[:3], done=False),
        *([b"data: [DONE]\n\n"] if ended else []),
        b"data: " + b"x" * 1000 + b"\n\n",
    ]
    reading = CodecReader().read(streamed(*([b"".join(pieces)] if together else pieces)))
    told: Any = reading.response if ended else (reading.error or {})["partial"]
    assert reading.outcome == ("response" if ended else "error")
    assert told["choices"][0]["text"] == "Hello 🌍"
    assert ended or (reading.error or {})["category"] == "protocol"
