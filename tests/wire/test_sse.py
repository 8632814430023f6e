"""Tests of `shim.wire.sse`: every rule of the event stream format, and that no split of the bytes matters."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shim.model.errors import ErrorCategory, ProtocolError, ProviderError
from shim.wire.sse import ServerSentEvent, SSEDecoder
from tests.helpers.feeding import Outcome, feed_pieces, feed_three_ways

TRAILING = b"data: of an event that has not ended"


def decode(stream: bytes) -> list[ServerSentEvent]:
    """The events of a whole stream, the same three ways."""
    return feed_three_ways(SSEDecoder, stream, trailing=TRAILING)


def message(data: str, *, event: str = "message", last_id: str = "") -> ServerSentEvent:
    """The event expected."""
    return ServerSentEvent(event, data.encode(), last_id)


def standard(stream: bytes) -> list[ServerSentEvent]:
    """The standard in its own words: decode the whole, split it into lines, interpret each; slow and plain."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[ServerSentEvent] = []
    data = event = last_id = ""
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(message(data.removesuffix("\n"), event=event or "message", last_id=last_id))
            data = event = ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


CASES = {
    "one event": (b"data: hello\n\n", [message("hello")]),
    "several events": (b"data: 1\n\ndata: 2\n\ndata: 3\n\n", [message("1"), message("2"), message("3")]),
    "named events": (
        b"event: open\ndata: 1\n\nevent: close\ndata: 2\n\n",
        [message("1", event="open"), message("2", event="close")],
    ),
    "name after the data": (b"data: 1\nevent: late\n\n", [message("1", event="late")]),
    "last name wins": (b"event: a\nevent: b\ndata: 1\n\n", [message("1", event="b")]),
    "name is forgotten": (b"event: a\ndata: 1\n\ndata: 2\n\n", [message("1", event="a"), message("2")]),
    "name is forgotten without data": (b"event: a\n\ndata: 2\n\n", [message("2")]),
    "empty name": (b"event: \ndata: 1\n\nevent: x\ndata: 2\n\n", [message("1"), message("2", event="x")]),
    "named, then plain, then named": (
        b"event: a\ndata: 1\n\ndata: 2\n\nevent: a\ndata: 3\n\n",
        [message("1", event="a"), message("2"), message("3", event="a")],
    ),
    "named with two data lines": (b"event: a\ndata: 1\ndata: 2\n\n", [message("1\n2", event="a")]),
    "name without data before one with": (b"event: a\n\nevent: b\ndata: 1\n\n", [message("1", event="b")]),
    "data lines are joined": (b"data: a\ndata: b\ndata:\ndata: c\n\n", [message("a\nb\n\nc")]),
    "joined among single ones": (
        b"data: a\n\ndata: b\ndata: c\n\ndata: d\n\n",
        [message("a"), message("b\nc"), message("d")],
    ),
    "one space is dropped": (
        b"data:  two\n\ndata:none\n\ndata:\ttab\n\n",
        [message(" two"), message("none"), message("\ttab")],
    ),
    "colons in the value": (b"data: a: b:c\n\n", [message("a: b:c")]),
    "empty data": (b"data\n\ndata:\n\ndata: \n\n", [message(""), message(""), message("")]),
    "two empty data lines": (b"data\ndata\n\n", [message("\n")]),
    "no data, no event": (b"id: 1\n\nevent: x\n\nretry: 5\n\n: note\n\n\n\n", []),
    "comments": (b": hello\n:\n:: \ndata: 1\n: data: 2\ndata: 3\n\n: bye\n\n", [message("1\n3")]),
    "unknown fields": (b"Data: 1\n data: 2\ndata : 3\nfoo\nda\ndatas: 4\ndata: 5\n\n", [message("5")]),
    "blank lines": (b"\n\n\ndata: 1\n\n\n\ndata: 2\n\n\n", [message("1"), message("2")]),
    "carriage returns": (b"data: 1\r\rdata: 2\rdata: 3\r\r", [message("1"), message("2\n3")]),
    "CRLF": (b"data: 1\r\n\r\nevent: x\r\ndata: 2\r\n\r\n", [message("1"), message("2", event="x")]),
    "line ends mixed": (b"data: 1\r\ndata: 2\rdata: 3\n\r\ndata: 4\r\n\n", [message("1\n2\n3"), message("4")]),
    "LF then CR are two ends": (b"data: 1\n\rdata: 2\n\r", [message("1"), message("2")]),
    "no other line ends": (
        "data: a\x0bb\x0cc\x1cd\x85e\u2028f\n\n".encode(),
        [message("a\x0bb\x0cc\x1cd\x85e\u2028f")],
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\ndata: 3\n\n", [message("1"), message("3")]),
    "only one byte order mark": (b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [message("2")]),
    "part of a byte order mark": (b"\xef\xbbdata: 1\n\ndata: 2\n\n", [message("2")]),
    "an id stays": (b"id: a\ndata: 1\n\ndata: 2\n\n", [message("1", last_id="a"), message("2", last_id="a")]),
    "an id of a block without data": (b"id: a\n\ndata: 1\n\n", [message("1", last_id="a")]),
    "an empty id": (b"id: a\ndata: 1\n\nid\ndata: 2\n\n", [message("1", last_id="a"), message("2")]),
    "an id with NUL": (b"id: a\n\nid: b\0c\ndata: 1\n\n", [message("1", last_id="a")]),
    "NUL elsewhere": (b"event: \0\ndata: \0\n\n", [message("\0", event="\0")]),
    "text beyond ASCII": ("event: é\nid: ü\ndata: 日本 🙂\n\n".encode(), [message("日本 🙂", event="é", last_id="ü")]),
    "invalid UTF-8": (
        b"data: a\xff\xe2\x82\n\nevent: \x80\ndata: \xed\xa0\x80\n\n",
        [message("a��"), message("���", event="�")],
    ),
    "invalid beside valid": ("data: é\n\ndata: ".encode() + b"\xc3\n\n", [message("é"), message("�")]),
    "unterminated": (b"data: 1\n\ndata: 2\n", [message("1")]),
    "unterminated line": (b"data: 1\n\ndata: 2", [message("1")]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES.keys())
def test_case(stream: bytes, expected: list[ServerSentEvent]) -> None:
    """Each rule of the standard holds, whole, byte by byte and with data behind it."""
    assert decode(stream) == expected


@pytest.mark.parametrize("stream", [stream for stream, _ in CASES.values()], ids=CASES.keys())
def test_the_plain_reading_agrees(stream: bytes) -> None:
    """The reference the property tests compare with reads every case as the case says."""
    assert standard(stream) == decode(stream)


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES.keys())
def test_case_cut_in_two(stream: bytes, expected: list[ServerSentEvent]) -> None:
    """Each rule holds wherever the stream is cut in two, at the ends of lines and events too."""
    for at in range(len(stream) + 1):
        assert feed_pieces(SSEDecoder(), [stream[:at], stream[at:]]).outputs == expected, f"cut at {at}"


def test_last_event_id_is_set_by_the_blank_line() -> None:
    """`last_event_id` is the one of the last block that ended, not of a block still open."""
    decoder = SSEDecoder()
    decoder.feed(b"id: 1\n\nid: 2\ndata: never ended\n")
    assert decoder.last_event_id == "1"


@pytest.mark.parametrize(
    ("stream", "retry"),
    [
        (b"retry: 1500\n", 1500),
        (b"retry:007\n\n", 7),
        (b"retry: 5\nretry: +6\nretry: 7_0\nretry:  8\nretry: 9.0\nretry\nretry: \xd9\xa1\n", 5),
        (b"data: 1\n\n", None),
        (b"retry: 5\nretry: " + b"9" * 5000 + b"\n", 5),
    ],
)
def test_retry_takes_digits_only(stream: bytes, retry: int | None) -> None:
    """`retry` is set as soon as its line ends, by ASCII digits alone, and by no number Python would refuse to read."""
    decoder = SSEDecoder()
    assert feed_pieces(decoder, [stream]).error is None
    assert decoder.retry == retry


def test_a_final_carriage_return_ends_the_event() -> None:
    """An event that ends in CR is handed over at once, and an LF that follows makes no second line end."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: 1\r\n\r") == [message("1")]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: 2\r\r") == [message("2")]


def test_unknown_fields_can_be_seen() -> None:
    """Fields the standard ignores are offered as received once their line ends; comments and known fields are not."""
    seen: list[tuple[bytes, bytes]] = []
    stream = b'data: 1\n\n: note\nerror: {"a": 1}\nid: \0\nbare\n \xff:\n'
    expected = [(b"error", b'{"a": 1}'), (b"bare", b""), (b" \xff", b"")]
    events = feed_three_ways(lambda: SSEDecoder(on_unknown_field=lambda *field: seen.append(field)), stream)
    assert events == [message("1")]
    assert seen == expected * 4, "each of the feeder's four decoders reports each field once"


def test_an_error_of_the_observer_is_not_swallowed() -> None:
    """What `on_unknown_field` raises reaches the caller, even when it looks like the decoder's own error."""

    def refuse(*_field: bytes) -> None:
        raise ProviderError(ErrorCategory.SERVER, "the observer's own")

    with pytest.raises(ProviderError, match="the observer's own"):
        SSEDecoder(on_unknown_field=refuse).feed(b"data: 1\n\nodd: 2\n\n")


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 123456789\n\n",
        b"data: 1234\ndata: 5678\n\n",
        b"data: 123456789",
        b"event: 12345678\n",
        b": 3456789abcdefgh",
        b"\n" + b"x" * 15,
    ],
)
def test_an_event_over_the_limit(stream: bytes) -> None:
    """Data, or a line, of more than `max_event_bytes` is a protocol error that names the limit, however it arrives."""
    with pytest.raises(ProtocolError, match="8 bytes: raise max_event_bytes") as caught:
        feed_three_ways(lambda: SSEDecoder(max_event_bytes=8), stream)
    assert caught.value.category is ErrorCategory.PROTOCOL


def test_the_limit_itself_is_allowed() -> None:
    """Events of exactly `max_event_bytes` pass, any number of them."""
    stream = b"data: 12345678\n\ndata: 123\ndata: 4567\n\n" * 3
    assert len(feed_three_ways(lambda: SSEDecoder(max_event_bytes=8), stream)) == 6


def test_events_before_one_over_the_limit_are_kept() -> None:
    """A feed that completes events and then exceeds the limit returns them; each later call raises."""
    decoder = SSEDecoder(max_event_bytes=8)
    assert decoder.feed(b"data: 1\n\ndata: 123456789\n\ndata: 2\n\n") == [message("1")]
    for _ in range(2):
        with pytest.raises(ProtocolError):
            decoder.feed(b"data: 3\n\n")
    with pytest.raises(ProtocolError):
        decoder.finish()


def test_a_finished_stream_takes_no_more() -> None:
    """`finish` ends the decoder: to feed or finish it again is an error of the caller that says so."""
    decoder = SSEDecoder()
    assert decoder.finish() == []
    with pytest.raises(RuntimeError, match="was finished"):
        decoder.feed(b"data: 1\n\n")
    with pytest.raises(RuntimeError, match="was finished"):
        decoder.finish()


def test_wrong_arguments_are_named() -> None:
    """Text instead of bytes, and a limit below one, are refused with the name and the remedy."""
    with pytest.raises(TypeError, match=r"data as bytes, not str: pass the body as received"):
        SSEDecoder().feed("data: 1\n\n")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="max_event_bytes is 0: give a positive number"):
        SSEDecoder(max_event_bytes=0)


def test_events_are_values() -> None:
    """Events are immutable and equal by value."""
    (event,) = decode(b"data: 1\n\n")
    with pytest.raises(AttributeError):
        event.data = b""  # type: ignore[misc]  # the mistake under test
    assert event == message("1")


def cpu_of(size: int) -> float:
    """CPU seconds of this thread to read an event of `size` bytes in pieces of 1 KiB; the best of five."""
    body = b"data: " + b"x" * size + b"\n\n"
    pieces = [body[at : at + 1024] for at in range(0, len(body), 1024)]
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        outcome = feed_pieces(SSEDecoder(), pieces)
        best = min(best, time.thread_time() - started)
        assert [len(event.data) for event in outcome.outputs] == [size]
    return best


def test_a_long_event_costs_linear_time() -> None:
    """An event of 16 MiB in pieces of 1 KiB costs about sixteen times one of 1 MiB, where quadratic reading would cost 256."""
    ratio = cpu_of(16 << 20) / cpu_of(1 << 20)
    assert ratio < 80, f"sixteen times the bytes cost {ratio:.0f} times the CPU"  # caches and page faults add some


FRAGMENTS = [
    *(
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b":",
        b" ",
        b"data",
        b"data: ",
        b"data:",
        b"event: ",
        b"event: a\ndata: ",
        b"id: ",
        b"retry: ",
    ),
    *(
        b"x",
        b"1",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3",
        "é".encode(),
        "日".encode(),
        b"\x85",
        b"{}",
        b"data: 1\n\n",
        b"data: 2\n\n",
    ),
]
streams = st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join), st.binary(max_size=60))
cuts = st.lists(st.integers(0, 100), max_size=8).map(sorted)


def split(stream: bytes, at: list[int]) -> list[bytes]:
    """The stream in pieces cut at the given places, some of them empty."""
    return [stream[start:end] for start, end in zip([0, *at], [*at, len(stream)], strict=True)]


@given(streams, cuts)
@example(b"data: 1\r\n\r\ndata: 2\n\n", [8])
def test_any_stream_in_any_pieces(stream: bytes, at: list[int]) -> None:
    """Any bytes, cut anywhere, give the events that a plain reading of the standard gives, and no error."""
    outcome = feed_pieces(SSEDecoder(), split(stream, at))
    assert outcome.error is None
    assert outcome.outputs == standard(stream)


@given(streams, cuts, st.integers(1, 12))
def test_the_limit_in_any_pieces(stream: bytes, at: list[int], limit: int) -> None:
    """Any bytes, cut anywhere, under any limit give the same events and the same end; an error is ours."""
    whole = feed_pieces(SSEDecoder(max_event_bytes=limit), [stream])
    pieces = feed_pieces(SSEDecoder(max_event_bytes=limit), split(stream, at))
    assert pieces.same_as(whole)
    assert whole.error is None or isinstance(whole.error, ProtocolError)


class DataAlone:
    """A decoder asked for nothing but the data of each event."""

    def __init__(self, limit: int) -> None:
        decoder = SSEDecoder(max_event_bytes=limit)
        self.feed, self.finish = decoder.payloads, lambda: [event.data for event in decoder.finish()]


@given(streams, cuts, st.sampled_from([5, 12, 1000]))
@example(b"event: a\ndata: 1\n\nevent: b\n\ndata: 2\n\n", [], 1000)
@example(b"event: a\ndata: \n\nevent: b\ndata: 2\nid: 1\n\n", [], 1000)
def test_the_data_alone_is_that_of_the_events(stream: bytes, at: list[int], limit: int) -> None:
    """Who asks for the data alone gets that of every event, in the same pieces and with the same end."""
    pieces = split(b"data: 0\n\n" + stream, [each + len(b"data: 0\n\n") for each in [0, *at]])
    events = feed_pieces(SSEDecoder(max_event_bytes=limit), pieces)
    assert feed_pieces(DataAlone(limit), pieces).same_as(
        Outcome([event.data for event in events.outputs], events.error)
    )


words = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
sent = st.lists(
    st.builds(
        ServerSentEvent,
        words.map(lambda word: word or "message"),
        st.lists(words).map(lambda lines: "\n".join(lines).encode()),
        words,
    )
)


@given(sent, st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_what_was_encoded_comes_back(events: list[ServerSentEvent], line_end: bytes) -> None:
    """Events written as fields with any line end are read back equal."""
    lines: list[bytes] = []
    for event in events:
        lines += [b"event: " + event.event.encode(), b"id: " + event.id.encode()]
        lines += [b"data: " + line for line in event.data.split(b"\n")]
        lines.append(b"")
    stream = b"".join(line + line_end for line in lines)
    assert feed_pieces(SSEDecoder(), [stream]).outputs == events
