"""Tests of `http.faults`, `http.player` and `choosing`: each behaviour as a client meets it on the wire."""

import time
from pathlib import Path

import h11
import pytest

from shim.testing.fake_openai import (
    Burst,
    Cut,
    Drip,
    FakeOpenAI,
    Garbage,
    JsonToStream,
    Paced,
    RawResponse,
    RecordedRequest,
    Replay,
    Reset,
    Respond,
    Slow,
    Stall,
    Status,
    Where,
    json_answer,
    overloaded,
    quota_exceeded,
    rate_limited,
    server_error,
    stream_answer,
)
from shim.testing.fixtures import load
from tests.testing.fake_openai.asking import Exchange, ask, chat, exchange

STREAM = chat("Count to 6", stream=True)
CASES = Path(__file__).parents[4] / "fixtures" / "chat"


def body_of(got: Exchange) -> bytes:
    """The body bytes of a response that may be unfinished, as h11 reads them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(got.data)
    body = b""
    while isinstance(event := client.next_event(), (h11.Response, h11.Data)):
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    return body


def test_a_status_has_the_error_body_of_the_api(server: FakeOpenAI) -> None:
    """A planned status is answered once, with the API's error shape and the headers given."""
    server.plan(Status(418), Status(500, headers=(("X-Should-Retry", "false"),)), Status(400, body={"error": "custom"}))
    assert ask(server, chat()).error["type"] == "invalid_request_error"
    broken = ask(server, chat())
    assert (broken.status, broken.headers["x-should-retry"], broken.error["type"]) == (500, "false", "server_error")
    assert ask(server, chat()).json == {"error": "custom"}
    assert ask(server, chat()).status == 200


def test_the_usual_failures_have_names(server: FakeOpenAI) -> None:
    """Rate limit, quota, server error and overload come with their codes and `retry-after`."""
    server.plan(rate_limited(retry_after=2.5), quota_exceeded(), server_error(), overloaded(retry_after=4))
    limited, quota, broken, busy = (ask(server, chat()) for _ in range(4))
    assert (limited.status, limited.headers["retry-after"], limited.error["code"]) == (
        429,
        "2.5",
        "rate_limit_exceeded",
    )
    assert (quota.status, quota.error["code"]) == (429, "insufficient_quota")
    assert (broken.status, busy.status, busy.headers["retry-after"]) == (500, 503, "4")


def test_a_stream_cut_after_events_has_exactly_those(server: FakeOpenAI) -> None:
    """A cut after three events sends three whole events and then FIN, without the end of the message."""
    server.plan(Cut(after_events=3))
    got = exchange(server, STREAM)
    assert got.ending == "fin"
    assert got.data.count(b"data: ") == 3
    assert not got.data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("count", [0, 1, 50, 300])
def test_a_cut_after_bytes_has_exactly_those(server: FakeOpenAI, count: int) -> None:
    """A cut after so many body bytes sends that many, wherever that is in an event."""
    server.plan(Cut(after_bytes=count))
    assert len(body_of(exchange(server, STREAM))) == count


def test_a_cut_json_body_is_short_of_its_length(server: FakeOpenAI) -> None:
    """A JSON answer cut in mid-body keeps its announced length."""
    server.plan(Cut(after_bytes=10))
    head, _, body = exchange(server, chat()).data.partition(b"\r\n\r\n")
    assert b"content-length: " in head
    assert len(body) == 10


def test_a_cut_beyond_the_end_takes_the_terminal_chunk(server: FakeOpenAI) -> None:
    """A count larger than the stream leaves all events and no end of the message."""
    server.plan(Cut(after_events=1000))
    got = exchange(server, STREAM)
    assert got.data.endswith(b"data: [DONE]\n\n\r\n")


@pytest.mark.parametrize("where", list(Where))
@pytest.mark.parametrize(("kind", "ending"), [(Cut, "fin"), (Reset, "reset"), (Stall, "open")])
def test_a_fault_strikes_in_its_phase(
    server: FakeOpenAI, where: Where, kind: type[Cut] | type[Reset] | type[Stall], ending: str
) -> None:
    """Cut, reset and stall strike at accept, before the headers or after them, and send nothing beyond."""
    server.plan(kind(where))
    got = exchange(server, STREAM, patience=0.15 if kind is Stall else 5)
    # A request sent to a closed socket may be answered by a reset: FIN at accept leaves that to the kernel.
    assert got.ending == ending or (where is Where.ACCEPT and (ending, got.ending) == ("fin", "reset"))
    assert got.data.startswith(b"HTTP/1.1 200 ") == (where is Where.AFTER_HEADERS)
    assert b"data: " not in got.data
    assert ask(server, chat()).status == 200


def test_a_reset_follows_the_events_before_it(server: FakeOpenAI) -> None:
    """A reset after two events lets the client read these two."""
    server.plan(Reset(after_events=2))
    got = exchange(server, STREAM)
    assert (got.ending, got.data.count(b"data: ")) == ("reset", 2)


def test_a_stall_follows_the_events_before_it_and_ends_with_the_client(server: FakeOpenAI) -> None:
    """A stall after two events keeps the connection until the client leaves it."""
    server.plan(Stall(after_events=2))
    got = exchange(server, STREAM, patience=0.15)
    assert (got.ending, got.data.count(b"data: ")) == ("open", 2)
    server.wait_for_open_connections(0)


def test_garbage_before_the_headers_is_no_http(server: FakeOpenAI) -> None:
    """Garbage at the start stands where the status line should be."""
    server.plan(Garbage(where=Where.BEFORE_HEADERS, data=b"\x16\x03\x01 hm\r\n"))
    assert exchange(server, STREAM).data.startswith(b"\x16\x03\x01 hm\r\nHTTP/1.1 200 ")


def test_garbage_at_accept_comes_unasked(server: FakeOpenAI) -> None:
    """Garbage at accept is sent before any request, and nothing else is."""
    server.plan(Garbage(Where.ACCEPT, data=b"SSH-2.0-x\r\n"))
    assert exchange(server, STREAM).data in {b"SSH-2.0-x\r\n", b""}
    assert server.requests == []


def test_garbage_in_the_body_breaks_the_framing(server: FakeOpenAI) -> None:
    """Bare garbage after an event is an illegal chunk; the events after it are still sent."""
    server.plan(Garbage(after_events=1, data=b"zzz\r\n"))
    got = exchange(server, STREAM)
    with pytest.raises(h11.RemoteProtocolError):
        body_of(got)
    assert got.data.count(b"data: ") == 9
    assert got.ending == "fin"


def test_framed_garbage_is_a_bad_payload_in_good_http(server: FakeOpenAI) -> None:
    """Framed garbage is one more chunk of the body, between the events."""
    server.plan(Garbage(after_events=2, data=b"data: {oops\n\n", framed=True))
    events = body_of(exchange(server, STREAM)).split(b"\n\n")
    assert events[2] == b"data: {oops"
    assert len(events) == 11


def test_a_drip_is_complete_and_in_small_pieces(server: FakeOpenAI) -> None:
    """A dripped answer arrives whole, in more pieces than events."""
    server.plan(Drip(size=50, delay=0.002))
    got = exchange(server, STREAM, patience=0.5)
    assert body_of(got).endswith(b"data: [DONE]\n\n")
    assert len(got.pieces) > 12


def test_slow_waits_before_the_first_byte(server: FakeOpenAI) -> None:
    """A slow answer takes at least its delay, and is whole."""
    server.plan(Slow(0.1))
    began = time.monotonic()
    assert ask(server, STREAM).chunks
    assert time.monotonic() - began >= 0.1


def test_faults_combine_with_answers(server: FakeOpenAI) -> None:
    """A tuple is one request's combination, in whatever order it is given."""
    server.plan((Drip(size=200), Cut(after_events=2), Burst(5)), (Status(500), Slow(0.01)))
    assert exchange(server, STREAM).data.count(b"data: ") == 2
    assert ask(server, chat()).status == 500


def test_a_raw_response_is_sent_as_it_is(server: FakeOpenAI) -> None:
    """A raw response is exactly these bytes, then FIN."""
    segments = (b"HTTP/1.0 200 Fine\r\nX: ", b"y\r\n\r\nbody")
    server.plan(RawResponse(segments, gap=0.05))
    got = exchange(server, chat())
    assert (got.data, got.ending) == (b"".join(segments), "fin")
    assert tuple(got.pieces) == segments


def test_json_can_answer_a_stream_request(server: FakeOpenAI) -> None:
    """A stream request may get one JSON body."""
    server.plan(JsonToStream())
    got = ask(server, STREAM)
    assert got.headers["content-type"] == "application/json"
    assert got.json["object"] == "chat.completion"


def test_a_function_can_answer(server: FakeOpenAI) -> None:
    """A planned function makes the answer from the request."""

    def answer(request: RecordedRequest) -> object:
        return {"model": request.json["model"]}

    server.plan(
        Respond(lambda request: json_answer(answer(request), status=202)),
        Respond(lambda request: stream_answer([{"a": 1}], done=False)),
        Respond(lambda request: json_answer(b"", status=204, headers=(("content-length", "0"),))),
    )
    first = ask(server, chat())
    assert (first.status, first.json) == (202, {"model": "gpt-4o"})
    assert ask(server, chat()).body == b'data: {"a":1}\n\n'
    assert ask(server, chat()).status == 204


def test_a_burst_has_its_events(server: FakeOpenAI) -> None:
    """A burst is an opener, so many text events, a finish and `[DONE]`, each in a chunk of its own of about 250 bytes."""
    server.plan(Burst(7, text=" tick"))
    got = exchange(server, STREAM, patience=0.2)
    chunks = got.data.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert sum(b'"content":" tick"' in chunk for chunk in chunks) == 7
    assert len([chunk for chunk in chunks if chunk.startswith(b"data: ")]) == 10
    assert 200 < len(chunks[3]) < 330


def test_a_paced_stream_keeps_its_schedule(server: FakeOpenAI) -> None:
    """Paced events come one at a time and no sooner than their rate allows."""
    server.plan(Paced(5, per_second=50))
    began = time.monotonic()
    got = exchange(server, STREAM, patience=0.5)
    assert time.monotonic() - began >= 7 / 50
    assert len(got.pieces) >= 5


def test_a_delay_spaces_the_default_stream() -> None:
    """A server with a delay sends the events of every stream apart."""
    with FakeOpenAI(delay=0.01) as server:
        assert len(exchange(server, STREAM, patience=0.3).pieces) >= 5


@pytest.mark.parametrize("case", ["stream_basic", "json_basic", "json_error_429_retry_after", "empty_stream_body"])
def test_a_fixture_is_replayed_byte_for_byte(server: FakeOpenAI, case: str) -> None:
    """A replay has the fixture's status, headers and body."""
    fixture = load(CASES / case)
    server.plan(Replay(fixture))
    got = ask(server, fixture.request)
    assert (got.status, got.body) == (fixture.status, fixture.body)
    for name, value in fixture.headers:
        assert got.headers[name.lower()] == value


def test_a_timed_replay_has_the_recorded_segments(server: FakeOpenAI) -> None:
    """A timed replay arrives in the recorded segments, in the recorded time."""
    fixture = load(CASES / "stream_basic")
    server.plan((Replay(fixture, timed=True), Slow(0.05)))
    began = time.monotonic()
    got = exchange(server, fixture.request, patience=0.3)
    assert time.monotonic() - began >= fixture.segments[-1].at
    sizes = [b"%x" % len(segment.data) for segment in fixture.segments]
    assert [line for line in got.data.split(b"\r\n") if line in sizes] == sizes
    assert len(got.pieces) > 3
