"""Tests of what listening relies on: every part of it is looked at, and whatever is out of the ordinary is left alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from shim.recording.exchange_builder import Recording
from shim.recording.recorder import Recorder
from shim.recording.sinks import CallableSink
from shim.recording.tap.socket_file import listens
from tests.recording.tap.tapping import IS_OLD, answering, chunked


@pytest.fixture
def answer() -> Iterator[Any]:
    """A response of urllib3, nothing read of it."""
    with answering(chunked(b"one")) as server:
        pool = urllib3.PoolManager()
        response = pool.request("POST", server.url, body=b"{}", preload_content=False)
        yield response
        response.close()
        pool.clear()


def recording() -> Recording:
    """One that nobody looks at."""
    begun = Recorder(CallableSink(lambda _exchange: None)).begin(method="POST", url="u", headers=(), body=b"")
    assert begun is not None
    return begun


def _read_some(response: Any) -> None:
    response.read(1)


def _close(response: Any) -> None:
    response.close()


def _replace_inner(response: Any) -> None:
    response._fp = io.BytesIO(b"one")


def _replace_file(response: Any) -> None:
    response._fp.fp = io.BufferedReader(response._fp.fp.detach(), 9)
    response._fp.fp = io.BytesIO(b"one")


def _subclass(response: Any) -> None:
    response.__class__ = type("Another", (urllib3.HTTPResponse,), {})


def _no_inner(response: Any) -> None:
    response._fp = None


def _no_length(response: Any) -> None:
    del response._fp.length


def _another_transfer_encoding(response: Any) -> None:
    response._fp.chunked = False


def _another_length(response: Any) -> None:
    response._fp.chunked = response.chunked = False
    response._fp.length = 7


def _in_a_chunk(response: Any) -> None:
    response._fp.chunk_left = 3


def _no_chunked(response: Any) -> None:
    del response.chunked


ODD: list[Callable[[Any], None]] = [
    _read_some,
    _close,
    _replace_inner,
    _replace_file,
    _subclass,
    _no_inner,
    _no_length,
    _another_transfer_encoding,
    _another_length,
    _in_a_chunk,
    _no_chunked,
]


@pytest.mark.parametrize("change", ODD, ids=lambda change: change.__name__)
def test_whatever_is_out_of_the_ordinary_is_left_alone(answer: Any, change: Callable[[Any], None]) -> None:
    """Where any of what it relies on is not as it is known, nothing is touched, nothing raised, and it says so."""
    change(answer)
    before = getattr(getattr(answer, "_fp", None), "fp", None)
    assert not listens(answer, recording(), encoding="")
    assert getattr(getattr(answer, "_fp", None), "fp", None) is before
    assert getattr(before, "closed", False) is False


@pytest.mark.parametrize("raw", [None, 7, io.BytesIO(b"one"), urllib3.HTTPResponse(b"one")])
def test_other_bodies_are_left_alone(raw: Any) -> None:
    """What is no response read from a socket is not listened to."""
    assert not listens(raw, recording(), encoding="")


def test_encodings_that_are_not_undone_here(answer: Any) -> None:
    """A body in an encoding that cannot be undone is left to the other road, where its reader's urllib3 undoes it."""
    assert not listens(answer, recording(), encoding="br")
    assert listens(answer, recording(), encoding="gzip")


def test_other_interpreters_take_the_other_road(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it could not be told that memory is being freed, nothing is touched."""
    monkeypatch.setattr("shim.recording.tap.socket_file._KNOWS_ITS_END", False)
    assert not listens(answer, recording(), encoding="")


def test_a_urllib3_without_shutdown_is_listened_to(answer: Any) -> None:
    """Where a response cannot be shut down from outside, it is listened to all the same."""
    if not IS_OLD:
        del answer._sock_shutdown
    assert listens(answer, recording(), encoding="")
    assert answer.read() == b"one"


def test_the_interpreter_marks_what_it_frees() -> None:
    """The mark by which the end of memory's freeing is known is there: an object of `io` closed by its finalizer has it."""
    seen: list[bool] = []

    class Marked(io.RawIOBase):
        def close(self) -> None:
            seen.append("_finalizing" in vars(self))
            super().close()

    made: Any = Marked()
    made.close()
    made = Marked()
    del made
    assert seen == [False, True]
