"""Tests of what is heard of an answer: bounds, ends, the bytes before the events."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.compat.openai_v0.transport.answers import LineSplitter
from shim.compat.openai_v0.transport.heard import MAX_HELD, MAX_WAITING, Heard, LeftError, current, starting
from shim.model import ErrorCategory, ProviderError, StreamStart, TextDelta
from shim.provider import Completion, RequestHandle, Timing


def completion(error: ProviderError | None) -> Completion:
    """How a call ended."""
    return Completion(RequestHandle("p", 1), None, error, timing=Timing(started=0.0, finished=1.0))


def test_a_thread_waits_for_room() -> None:
    """A thread that brings more than may wait is held until the reader has taken, and is let go when the reader leaves."""
    heard = Heard(stream=True)
    heard.bring(b"x" * MAX_WAITING)
    outcomes: list[str] = []

    def bring() -> None:
        try:
            heard.bring(b"y")
            outcomes.append("brought")
            heard.bring(b"z" * MAX_WAITING)
        except LeftError:
            outcomes.append("left")

    thread = threading.Thread(target=bring)
    thread.start()
    assert heard.take()[0] == b"x" * MAX_WAITING
    thread.join(0.2)
    heard.leave()
    thread.join(5)
    assert not thread.is_alive()
    assert outcomes == ["brought", "left"]


def test_a_loop_is_not_made_to_wait_and_still_bounded() -> None:
    """Where the bringer cannot wait, a stream that nobody reads is given up."""
    heard = Heard(stream=True)
    heard.on_head(200, {"content-type": "text/event-stream"})
    for _ in range(3):
        heard.on_segments([b"x" * (MAX_HELD // 2)])
    assert heard.ended
    assert isinstance(heard.fault, ProviderError)
    assert heard.fault.category == ErrorCategory.ABORTED


def test_bytes_come_before_events() -> None:
    """Where the transport is listened to, its bytes count, and events are passed over."""
    heard = Heard(stream=True)
    heard.on_head(200, {"Content-Type": "text/event-stream"})
    heard.on_segments([b"data: {}\n\n"])
    heard.on_event(StreamStart("id", "m"))
    heard.on_completion(completion(ProviderError("truncated", "no end")))
    assert heard.take() == [b"data: {}\n\n"]
    assert heard.fault is None
    assert heard.ended


@pytest.mark.parametrize(
    ("heard_last", "is_whole", "is_fault"),
    [
        (b"data: [1]\n\n", False, True),
        (b"data: [1]\n\n", True, False),
        (b"data: [1]\n\ndata: [DONE]\n\n", False, False),
    ],
)
def test_a_stream_cut_at_a_payload_that_is_no_chunk_is_a_fault(
    *,
    heard_last: bytes,
    is_whole: bool,
    is_fault: bool,
) -> None:
    """Where a provider ends a stream at what it refuses to read, its rest is told to be missing, unless all had come by then."""
    heard = Heard(stream=True)
    heard.on_head(200, {"Content-Type": "text/event-stream"})
    heard.bring(heard_last)
    heard.is_whole = is_whole
    heard.on_completion(completion(ProviderError("protocol", "payload 1 is a list")))
    assert heard.ended
    assert (heard.fault is not None) is is_fault


def test_a_call_ended_from_here_is_a_fault() -> None:
    """That the call was cancelled is told, though the bytes say nothing of it."""
    heard = Heard(stream=True)
    heard.on_head(200, {"Content-Type": "text/event-stream"})
    heard.on_completion(completion(ProviderError("cancelled", "closed")))
    assert heard.fault is not None


def test_events_are_written_where_nothing_is_heard() -> None:
    """Events of a provider that cannot be listened to become the lines of a stream, and a failure is its fault."""
    heard = Heard(stream=True)
    heard.on_event(StreamStart("id", "m"))
    heard.on_event(TextDelta("x"))
    heard.on_completion(completion(ProviderError("network", "gone")))
    assert heard.is_event_stream
    assert [piece.startswith(b"data: {") for piece in heard.take()] == [True, True]
    assert str(heard.fault) == "network: gone"


def test_the_call_being_started_is_known_to_its_thread_alone() -> None:
    """What is being started is seen in this thread, until it has started."""
    heard = Heard(stream=False)
    seen: list[object] = []
    with starting(heard):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        seen.append(current())
    assert seen == [None, heard]
    assert current() is None


@given(st.lists(st.sampled_from([b"a", b"data: x", b"\n", b"\r", b"\r\n", b"\n\n"]), max_size=20), st.integers(1, 5))
def test_lines_do_not_depend_on_the_split(parts: list[bytes], size: int) -> None:
    """Any split of a body gives the same lines that hold something."""
    body = b"".join(parts)
    splitter = LineSplitter()
    lines = [line for at in range(0, len(body), size) for line in splitter.feed(body[at : at + size])]
    lines += splitter.finish()
    assert [line for line in lines if line] == [line for line in body.splitlines() if line]


def test_a_reader_that_has_left_is_brought_nothing() -> None:
    """After the reader has left, bringing is an error that ends the thread's work."""
    heard = Heard(stream=True)
    heard.leave()
    with pytest.raises(LeftError):
        heard.bring(b"x")
