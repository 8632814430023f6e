"""Tests of content-encodings of recorded bodies: undone segment by segment, or left as they came."""

from __future__ import annotations

import gzip
import zlib

import pytest

from shim.recording.content_encoding import is_undone_here, undone, undone_bytes
from shim.recording.exchange import Segment, UnreadableExchangeError

TEXT = b"Oslo is the capital of Norway. " * 20


def segments_of(data: bytes, *, size: int) -> list[Segment]:
    """The data in segments, the time of each its place."""
    return [Segment.of(data[at : at + size], float(at)) for at in range(0, len(data), size)]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT) + b"a tail that urllib3 leaves out"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("identity", TEXT),
        ("", TEXT),
        ("gzip", TEXT),
    ],
    ids=["gzip", "members", "tail", "zlib", "raw deflate", "identity", "none", "misnamed"],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_body_is_what_its_bytes_are(encoding: str, body: bytes, size: int) -> None:
    """A body is undone by what it is, however it was split, in several members too."""
    plain = undone(segments_of(body, size=size), encoding, limit=len(TEXT))
    assert b"".join(each.data or b"" for each in plain.segments) == TEXT
    assert (plain.damage, plain.was_encoded) == ("", body != TEXT)


def test_segments_keep_their_times() -> None:
    """Each segment has the time of the bytes that completed it, and none is empty."""
    plain = undone(segments_of(gzip.compress(b"hello"), size=1), "gzip", limit=100)
    assert all(each.length for each in plain.segments)
    assert plain.segments[0].at > 10


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    """An encoding that is not undone here, or one upon another, is an error that names it."""
    with pytest.raises(UnreadableExchangeError, match=encoding):
        undone([], encoding, limit=1)
    assert not is_undone_here(encoding)
    assert is_undone_here("x-gzip")


@pytest.mark.slow
def test_a_bomb_is_refused() -> None:
    """A body that grows beyond the limit, or beyond its ratio, is an error and not as much memory."""
    for body, limit in ((gzip.compress(TEXT), 100), (gzip.compress(b"\n" * (32 << 20)), 64 << 20)):
        with pytest.raises(UnreadableExchangeError, match=r"longer than|more than"):
            undone(segments_of(body, size=1 << 16), "gzip", limit=limit)


def test_of_a_damaged_body_the_beginning_stays() -> None:
    """What stands before the damage is there, and the damage is told; a body that ends early is just shorter."""
    body = gzip.compress(TEXT, 0)
    damaged = undone(segments_of(body[:-8] + bytes(8), size=50), "gzip", limit=10_000)
    assert TEXT.startswith(b"".join(each.data or b"" for each in damaged.segments))
    assert damaged.segments
    assert "incorrect data check" in damaged.damage
    short = undone(segments_of(body[:-100], size=50), "gzip", limit=10_000)
    assert short.damage == ""
    with pytest.raises(UnreadableExchangeError, match="incorrect data check"):
        undone_bytes(body[:-8] + bytes(8), "gzip", limit=10_000)
