"""Tests of the recorder: exchanges built from what is observed, bounded, handed over once, and nothing raised."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from shim.recording.exchange import PAIR_HEADER, Exchange
from shim.recording.exchange_builder import Recording
from shim.recording.recorder import Recorder
from shim.recording.sinks import CallableSink
from shim.transfer_observer import SentRequest
from tests.recording.tap.tapping import body_of, pieces_of

SENT = SentRequest(method="POST", url="http://h/v1", headers=(("Authorization", "Bearer sk-test-key"),), body=b"{}")


def recording(take: Callable[[Exchange], object], **settings: Any) -> tuple[Recorder, Recording]:
    """A recorder, and a recording with its head."""
    recorder = Recorder(CallableSink(take), **settings)
    begun = recorder.begin(method="POST", url="http://h/v1", headers=(), body=b"{}")
    assert begun is not None
    begun.head(200, reason="OK", headers=(("Content-Type", "text/plain"),))
    return recorder, begun


def test_segments_are_kept_as_they_came() -> None:
    """Pieces are kept as they were read, in order and with rising times; empty ones are none."""
    taken: list[Exchange] = []
    _, begun = recording(taken.append)
    for piece in (b"a", b"", b"bc"):
        begun.note(piece)
    begun.end("complete")
    (made,) = taken
    assert made.response is not None
    assert pieces_of(made) == [b"a", b"bc"]
    times = [made.response.headers_at, *(segment.at for segment in made.response.segments), made.finished]
    assert times == sorted(times)
    assert (made.client, made.role, made.ended) == ("tap", "control", "complete")


def test_an_exchange_ends_once() -> None:
    """Of many ends, from many threads, one counts, and what is read later is not kept."""
    taken: list[Exchange] = []
    recorder, begun = recording(taken.append)
    threads = [threading.Thread(target=begun.end, args=("aborted",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun.note(b"late")
    begun.end("complete")
    assert [each.ended for each in taken] == ["aborted"]
    assert recorder.tally.recorded == 1


@pytest.mark.parametrize("pieces", [[b"x" * 10], [b"x" * 3, b"x" * 3, b"x" * 3], [b"x" * 4, b"x", b"y"]])
def test_a_body_is_bounded(pieces: list[bytes]) -> None:
    """Of a body that is larger than is kept there is what fits, and the exchange says so."""
    taken: list[Exchange] = []
    _, begun = recording(taken.append, max_body=4)
    for piece in pieces:
        begun.note(piece)
    begun.end("complete")
    assert (taken[0].ended, body_of(taken[0])) == ("overflow", b"xxxx")


def test_the_pieces_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body in more pieces than are kept overflows, however short they are."""
    monkeypatch.setattr("shim.recording.exchange_builder.MOST_SEGMENTS", 3)
    taken: list[Exchange] = []
    _, begun = recording(taken.append)
    for _ in range(5):
        begun.note(b"x")
    begun.end("complete")
    assert (taken[0].ended, body_of(taken[0])) == ("overflow", b"xxx")


@pytest.mark.parametrize(
    ("body", "kept", "length"),
    [
        (b"{}", b"{}", 2),
        ("é", "é".encode(), 2),
        (bytearray(b"a"), b"a", 1),
        (None, b"", 0),
        (iter([b"a"]), None, -1),
        (b"x" * 9, None, 9),
    ],
)
def test_request_bodies(body: object, kept: bytes | None, length: int) -> None:
    """A request's body is kept as its bytes, unless it is longer than is kept, or reading it would consume it."""
    taken: list[Exchange] = []
    begun = Recorder(CallableSink(taken.append), max_body=8).begin(method="POST", url="u", headers=(), body=body)
    assert begun is not None
    begun.end("complete")
    assert (taken[0].request.body, taken[0].request.length) == (kept, length)
    assert (taken[0].request.sha256 is not None) is (length == 9)
    assert taken[0].redacted == (("request.body",) if length == 9 else ())


def test_a_forgotten_recording_is_aborted() -> None:
    """A recording that nobody ends any more is handed over as aborted, but not while memory is being freed."""
    taken: list[Exchange] = []
    recorder, begun = recording(taken.append)
    begun.note(b"a")
    cycle: list[Any] = [begun]
    cycle.append(cycle)
    del begun, cycle
    gc.collect()
    assert not taken
    recorder.collect()
    assert [(each.ended, body_of(each)) for each in taken] == [("aborted", b"a")]


def test_what_is_forgotten_is_bounded() -> None:
    """Of recordings that nobody ends only so many are kept until they can be handed over; the others are counted."""
    recorder = Recorder(CallableSink(lambda _exchange: None))
    for _ in range(150):
        recorder.begin(method="GET", url="u", headers=(), body=None)
    recorder.collect()
    assert (recorder.tally.recorded, recorder.tally.dropped) == (100, 50)


def test_failures_are_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """What a sink raises is counted and told each time, logged once without its words, and never raised."""
    told: list[Exception] = []

    def broken(exchange: Exchange) -> None:
        raise ValueError(f"secret words of {exchange.pair_id}")

    recorder, first = recording(broken, on_error=told.append)
    second = recorder.begin(method="GET", url="u", headers=(), body=None)
    assert second is not None
    with caplog.at_level(logging.DEBUG, "shim.recording"):
        first.end("complete")
        second.end("complete")
    assert (recorder.tally.failed, len(told), len(caplog.records)) == (2, 2, 1)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_a_request_that_cannot_be_recorded_is_told() -> None:
    """Where a recording cannot even begin there is none, and that is counted and told as any failure."""
    told: list[Exception] = []
    recorder = Recorder(CallableSink(lambda _exchange: None), on_error=told.append)
    assert recorder.begin(method="POST", url="u", headers=(), body="\ud800") is None
    assert recorder.tally.failed == 1
    assert [type(each) for each in told] == [UnicodeEncodeError]


def test_a_failing_teller_is_no_failure() -> None:
    """Even what `on_error` raises does not reach the caller."""

    def raise_again(error: Exception) -> None:
        raise error

    recorder, begun = recording(lambda _exchange: 1 / 0, on_error=raise_again)
    begun.end("complete")
    assert recorder.tally.failed == 1


@pytest.mark.parametrize("context", [lambda: 1 / 0, {"a": object()}, lambda: 7])
def test_a_failing_context_costs_itself_alone(context: Any) -> None:
    """A context that raises, or is no JSON, is told, and the exchange is recorded without it."""
    taken: list[Exchange] = []
    recorder, begun = recording(taken.append, context=context)
    begun.end("complete")
    assert (taken[0].context, recorder.tally.failed) == ({}, 1)


def test_a_context_is_asked_for_each_time() -> None:
    """A context may be a dict, or a function asked when each request is sent."""
    taken: list[Exchange] = []
    recording(taken.append, context={"release": 1})[1].end("complete")
    recording(taken.append, context=lambda: {"n": len(taken)})[1].end("complete")
    assert [each.context for each in taken] == [{"release": 1}, {"n": 1}]


@pytest.mark.parametrize(
    ("kind", "message", "has_head", "ended", "stage"),
    [
        ("complete", "", True, "complete", None),
        ("cancelled", "", True, "aborted", None),
        ("truncated", "transfer closed", True, "failed", "body"),
        ("timeout", "Operation timed out after 100 milliseconds", False, "failed", "headers"),
        ("network", "Failed to connect to 127.0.0.1 port 1", False, "failed", "connect"),
        ("network", "Could not resolve host: x", False, "failed", "connect"),
        ("network", "Recv failure: Connection reset by peer", False, "failed", "headers"),
    ],
)
def test_a_transport_tells_by_itself(
    kind: str,
    message: str,
    has_head: bool,  # noqa: FBT001 - pytest passes parameters so
    ended: str,
    stage: str | None,
) -> None:
    """What a native transport tells becomes the same exchange: head, segments, end, and where it broke."""
    taken: list[Exchange] = []
    observer = Recorder(CallableSink(taken.append)).observe(SENT)
    assert observer is not None
    if has_head:
        observer.on_head(200, {"X-Request-Id": "r"})
        observer.on_segments([b"a", b"b"])
    observer.on_end(kind, message)
    (made,) = taken
    assert made.ended == ended
    assert (made.fault.stage if made.fault else None) == stage
    assert made.request.headers == (("Authorization", "Bearer [removed]"),)
    assert (made.response is not None) is has_head
    if has_head:
        assert pieces_of(made) == [b"a", b"b"]


def test_a_pair_id_may_come_with_the_request() -> None:
    """The header that names a pair gives the exchange its id, and is not kept."""
    taken: list[Exchange] = []
    sent = SentRequest(method="POST", url="u", headers=((PAIR_HEADER.lower(), "p1"),), body=b"")
    observer = Recorder(CallableSink(taken.append)).observe(sent)
    assert observer is not None
    observer.on_end("complete")
    assert (taken[0].pair_id, taken[0].request.headers) == ("p1", ())


def test_an_exchange_has_an_id_of_its_own() -> None:
    """Where no header names a pair, each exchange gets a random UUID, by the version and the variant it says it is."""
    taken: list[Exchange] = []
    recorder = Recorder(CallableSink(taken.append))
    for _ in range(64):
        observer = recorder.observe(SentRequest(method="POST", url="u", headers=(), body=b""))
        assert observer is not None
        observer.on_end("complete")
    ids = [UUID(hex=made.pair_id) for made in taken]
    assert len(set(ids)) == 64
    assert {(each.version, each.variant) for each in ids} == {(4, RFC_4122)}
    assert [each.hex for each in ids] == [made.pair_id for made in taken]


def test_pieces_that_are_told_together_have_one_time() -> None:
    """Pieces shown together come to stand as they are, at one time, in whole microseconds; those shown later at a later one."""
    taken: list[Exchange] = []
    recorder = Recorder(CallableSink(taken.append))
    observer = recorder.observe(SentRequest(method="POST", url="u", headers=(), body=b""))
    assert observer is not None
    observer.on_head(200, {})
    observer.on_segments([b"a", b"", b"bc"])
    time.sleep(0.002)
    observer.on_segments([b"d"])
    observer.on_segments([])
    observer.on_end("complete")
    (made,) = taken
    assert pieces_of(made) == [b"a", b"bc", b"d"]
    assert made.response is not None
    first, second, third = [segment.at for segment in made.response.segments]
    assert 0 <= first == second
    assert first + 0.002 <= third + 1e-6
    assert third <= made.finished + 1e-6
    assert [first, third] == [round(first, 6), round(third, 6)]


@pytest.mark.parametrize("max_body", [1, 3, 5, 6])
def test_pieces_that_are_told_together_are_bounded(max_body: int) -> None:
    """Of pieces shown together no more is kept than may be, as of pieces shown one by one."""
    found = []
    for calls in ([[b"ab", b"cd", b"e"], [b"f"]], [[b"ab"], [b"cd"], [b"e"], [b"f"]]):
        taken: list[Exchange] = []
        observer = Recorder(CallableSink(taken.append), max_body=max_body).observe(
            SentRequest(method="POST", url="u", headers=(), body=b"")
        )
        assert observer is not None
        observer.on_head(200, {})
        for segments in calls:
            observer.on_segments(segments)
        observer.on_end("complete")
        found.append((pieces_of(taken[0]), taken[0].ended))
    assert found[0] == found[1]
    assert found[0][1] == ("complete" if max_body == 6 else "overflow")
    assert b"".join(found[0][0]) == b"abcdef"[:max_body]


@pytest.mark.parametrize("max_body", [0, -1, True, 1.5, None])
def test_a_bad_limit_is_refused(max_body: Any) -> None:
    """A limit that is no positive number is refused."""
    with pytest.raises(ValueError, match="max_body"):
        Recorder(CallableSink(print), max_body=max_body)
