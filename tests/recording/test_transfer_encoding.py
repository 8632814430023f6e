"""Tests of undoing the framing: the bytes http.client reads, in the pieces they came in, and how the body ended."""

from __future__ import annotations

import http.client
import io
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.transfer_encoding import Framing, State, Unframed, unframed
from tests.helpers.raw_server import chunk

CHUNKED = Framing(chunked=True)
END = b"0\r\n\r\n"
BODY = chunk(b"one") + chunk(b"two\r\n") + END


def taken_off(*pieces: bytes, framing: Framing = CHUNKED, at_eof: bool = False) -> Unframed:
    """The pieces without their framing, each at the time of its number."""
    return unframed([(data, float(number)) for number, data in enumerate(pieces)], framing, at_eof=at_eof)


def body_in(made: Unframed) -> bytes:
    """All of the body."""
    return b"".join(data for data, _ in made.pieces)


def test_pieces_stay_pieces() -> None:
    """What was read together stays together with its time, and what held only framing is left out."""
    made = taken_off(b"3\r\non", b"e\r\n", b"5\r", b"\n", b"two\r\n\r\n1\r\n.\r\n0\r\n\r\n")
    assert made == Unframed(((b"on", 0.0), (b"e", 1.0), (b"two\r\n.", 4.0)), "whole")


@pytest.mark.parametrize(
    ("data", "at_eof", "body", "state", "excess"),
    [
        (BODY, False, b"onetwo\r\n", "whole", 0),
        (BODY + b"HTTP/1.1", False, b"onetwo\r\n", "whole", 8),
        (b"3;a=b;c\r\none\r\n0;last\r\nx: 1\r\ny: 2\r\n\r\n", False, b"one", "whole", 0),
        (b"0003 \r\none\r\n00\r\n\r\n", False, b"one", "whole", 0),
        (b"A\r\n0123456789\r\n0\n\n", False, b"0123456789", "whole", 0),
        (END, False, b"", "whole", 0),
        (b"", True, b"", "short", 0),
        (chunk(b"one"), True, b"one", "short", 0),
        (b"ff\r\none", True, b"one", "short", 0),
        (b"3\r\none\r", True, b"one", "short", 0),
        (chunk(b"one") + b"5", True, b"one", "short", 0),
        (chunk(b"one") + b"0\r\n", True, b"one", "whole", 0),
        (chunk(b"one") + b"0\r\n", False, b"one", "short", 0),
        (chunk(b"one") + b"0\r\nx: y", True, b"one", "whole", 0),
        (b"zz\r\ndata", False, b"", "broken", 4),
        (b"data", True, b"", "broken", 0),
        (b"data", False, b"", "short", 0),
        (b"-1\r\n", False, b"", "broken", 0),
        (b"\r\n", False, b"", "broken", 0),
        (b"3\r\none more\r\n", False, b"one", "broken", 5),
        (b"f" * 70_000, False, b"", "broken", 0),
        (b"0\r\nx: " + b"y" * 70_000, False, b"", "broken", 0),
    ],
)
def test_chunks(data: bytes, at_eof: bool, body: bytes, *, state: State, excess: int) -> None:  # noqa: FBT001 - pytest passes parameters so
    """Chunks are read as their framing says, whole or one byte at a time, up to where they end or break."""
    for pieces in ([data], [data[start : start + 1] for start in range(len(data))]):
        made = taken_off(*pieces, at_eof=at_eof)
        assert (body_in(made), made.state) == (body, state)
        assert made.excess == excess or len(pieces) > 1
        assert bool(made.words) is (state == "broken")


@pytest.mark.parametrize(
    ("length", "pieces", "kept", "state", "excess"),
    [
        (6, [b"one", b"two"], [b"one", b"two"], "whole", 0),
        (5, [b"one", b"two", b"more"], [b"one", b"tw"], "whole", 5),
        (7, [b"one", b"two"], [b"one", b"two"], "short", 0),
        (0, [], [], "whole", 0),
        (None, [b"one", b"two"], [b"one", b"two"], "until close", 0),
    ],
)
def test_lengths(length: int | None, pieces: list[bytes], kept: list[bytes], *, state: State, excess: int) -> None:
    """A body of a known length ends there; one of none with its connection."""
    made = taken_off(*pieces, framing=Framing(chunked=False, length=length))
    assert ([data for data, _ in made.pieces], made.state, made.excess) == (kept, state, excess)


def test_nothing_stands_behind_a_break() -> None:
    """What follows broken framing is no body, even where a read begins with a well-formed chunk."""
    made = taken_off(b"3\r\nabc\r\nno size\r\n", chunk(b"more") + END, at_eof=True)
    assert (body_in(made), made.state) == (b"abc", "broken")


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=6),
    st.lists(st.integers(0, 300), max_size=8),
    st.binary(max_size=8),
)
def test_any_split_is_the_same_body(sent: list[bytes], cuts: list[int], more: bytes) -> None:
    """However a chunked body is split, with whatever behind it, it is what was sent, and whole."""
    data = b"".join(map(chunk, sent)) + END + more
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    made = taken_off(*(data[start:end] for start, end in pairwise(places)))
    assert (body_in(made), made.state, made.excess) == (b"".join(sent), "whole", len(more))


@given(
    st.lists(st.sampled_from([b"3", b"a", b"\r\n", b"\n", b";x", b"one", b"0\r\n\r\n", b"-", b" ", b"z"]), max_size=12)
)
def test_garbage_gives_what_http_client_reads(parts: list[bytes]) -> None:
    """Of anything at all it gives no byte that http.client would not give, and calls whole what http.client reads whole."""
    data = b"".join(parts)
    made = taken_off(data, at_eof=True)
    plain: Any = http.client.HTTPResponse(_Socket(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data))  # type: ignore[arg-type]  # enough of one
    plain.begin()
    read, is_whole = _read(plain)
    assert read.startswith(body_in(made)) or (not is_whole and body_in(made).startswith(read))
    if is_whole:
        assert made.state == "broken" or body_in(made) == read  # what stands between two chunks it does not look at
    else:
        assert made.state != "whole"


def _read(response: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """What can be read of a body, and whether that is all."""
    try:
        return response.read(), True
    except http.client.IncompleteRead as error:
        return error.partial, False


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@pytest.mark.slow
def test_a_long_body_takes_its_length() -> None:
    """Ten times the chunks, or one endless line in small pieces, takes about ten times the time, not a hundred times."""

    def seconds(count: int) -> float:
        pieces = [(chunk(b"x" * 20), 0.0)] * count
        line = [(b"f", 0.0)] * count
        begun = time.process_time()
        unframed(pieces, CHUNKED, at_eof=True)
        unframed(line, CHUNKED, at_eof=True)
        return time.process_time() - begun

    seconds(2000)
    assert min(seconds(60_000) for _ in range(2)) < 40 * max(seconds(6000), 1e-3)


def test_the_room_for_framing() -> None:
    """Of a chunked body more is kept than its bytes, of others no more."""
    assert CHUNKED.most(100) > 200
    assert Framing(chunked=False).most(100) == 100
