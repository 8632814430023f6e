"""Tests over HTTP/2 of windows overrun, of fewer streams while requests wait, and of connections that are silent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shim.model import ErrorCategory, ModelRequest, user
from shim.native import NativeProvider
from shim.provider import CallOptions, Deadlines
from tests.faults.http2_answers import DONE, EVENTS, FIRST, REST, Http2Cell, Windows, whole
from tests.faults.http2_frames import PING, data, frame, head, settings
from tests.faults.http2_matrix import Http2Matrix
from tests.faults.http2_windows import MAX_CONCURRENT_STREAMS
from tests.helpers.driving import Heard, drive

_OUR_WINDOW = 10 * 2**20  # bytes that libcurl lets a server send of one stream, unread
_SILENCE = 0.6  # seconds of it that end a request
_LONG_SILENCE = 3.0  # those that end the stream which stays open on that connection
_COMMENT = b": " + b"x" * 16_000 + b"\n\n"


@pytest.fixture
def matrix() -> Iterator[Http2Matrix]:
    """A server of frames, and what talks to it."""
    with Http2Matrix().running() as running:
        yield running


def start(provider: NativeProvider, words: str, *, stream: bool = False, silence: float = 10.0) -> Heard:
    """Ask."""
    heard, request = Heard(), ModelRequest("m", (user(words),))
    options = CallOptions(deadlines=Deadlines(read=silence))
    if stream:
        heard.handle = provider.start_stream(request, heard.on_event, heard.on_completion, options=options)
    else:
        heard.handle = provider.start_request(request, heard.on_completion, options=options)
    return heard


def begin_beside(provider: NativeProvider, *, silence: float = 10.0) -> Heard:
    """A stream that has begun, on a connection that is the next request's too."""
    beside = start(provider, "BESIDE mark-1", stream=True, silence=silence)
    drive(provider, lambda: beside.text)
    return beside


@pytest.mark.slow
def test_a_server_that_overruns_the_window_of_a_held_stream_loses_its_connection(matrix: Http2Matrix) -> None:
    """What is held back in memory ends at our window: more is a breach of the protocol, told to all on the connection."""

    def overrun(sid: int) -> bytes:
        comments = data(sid, _COMMENT) * (2 * _OUR_WINDOW // len(_COMMENT))
        return head(sid, *EVENTS) + data(sid, FIRST) + comments + data(sid, REST + DONE, end=True)

    provider = matrix.play_by_hand(Http2Cell(phase="", name="", stream=True, sent=overrun))
    beside = begin_beside(provider)
    held = start(provider, "FAULTY mark-2", stream=True)
    drive(provider, lambda: held.text)
    assert held.handle is not None
    provider.pause(held.handle)
    drive(provider, lambda: beside.done)
    provider.resume(held.handle)
    drive(provider, lambda: held.done)
    assert (beside.error.category, held.error.category) == (ErrorCategory.PROTOCOL, ErrorCategory.PROTOCOL)
    assert held.error.partial is not None
    assert held.error.partial.text == held.text == "ab"
    matrix.follow()
    assert matrix.connections == 2


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 0])
def test_requests_that_wait_for_a_stream_go_out_when_one_has_ended(matrix: Http2Matrix, most: int) -> None:
    """Where a server allows fewer streams and there may be one connection, the others wait for the one, and are answered."""
    fewer = Windows(before=settings((MAX_CONCURRENT_STREAMS, most)))
    cell = Http2Cell(phase="", name="", stream=False, sent=lambda sid: whole(sid, stream=False), windows=fewer)
    provider = matrix.play_by_hand(cell, max_connections=1)
    beside = begin_beside(provider, silence=_SILENCE)
    waiting = [start(provider, f"mark-{number}") for number in (2, 3, 4)]
    drive(provider, lambda: all(each.done for each in waiting))
    assert beside.error.category is ErrorCategory.TIMEOUT  # nobody went on with it
    assert [each.response.text for each in waiting] == ["mark-2", "mark-3", "mark-4"]


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", frame(PING, 0, bytes(8)) * 3], ids=["no frame", "PING alone"])
def test_new_requests_leave_a_connection_that_is_silent(matrix: Http2Matrix, said: bytes) -> None:
    """The next ones are answered on one other connection, and the stream that stays on the old one has its own limit."""
    silent = Http2Cell(phase="", name="", stream=False, sent=lambda _sid: said, end="silence", silent=True)
    provider = matrix.play_by_hand(silent)
    beside = begin_beside(provider, silence=_LONG_SILENCE)
    lost = start(provider, "FAULTY mark-2", silence=_SILENCE)
    drive(provider, lambda: lost.done)
    assert lost.error.category is ErrorCategory.TIMEOUT
    for mark in ("mark-3", "mark-4", "mark-5"):
        following = start(provider, mark)
        drive(provider, lambda following=following: following.done)  # type: ignore[misc]  # this one
        assert following.response.text == mark
    assert not beside.done
    drive(provider, lambda: beside.done)
    assert beside.error.category is ErrorCategory.TIMEOUT
    matrix.follow()
    assert matrix.connections == 2
    assert not len(provider._multi._shared), "streams that have ended are still counted"
