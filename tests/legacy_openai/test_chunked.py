"""Tests of legacy_openai/chunked.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_openai.chunked import ChunkDecoder, ChunkingError
from tests.helpers.raw_server import END, chunk


def decode(pieces: list[bytes]) -> tuple[bytes, ChunkDecoder]:
    """The body, and the decoder after it."""
    decoder = ChunkDecoder()
    body = b""
    for piece in pieces:
        body += decoder.feed(piece)
        if decoder.fault is not None:
            raise decoder.fault
    return body, decoder


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.integers(0, 200), st.integers(0, 200))
def test_any_chunks_in_any_split_give_the_body(chunks: list[bytes], one: int, two: int) -> None:
    """The body comes out whatever the chunks and however their bytes were split."""
    data = b"".join(map(chunk, chunks)) + END
    first, second = sorted((one, two))
    for pieces in ([data], [data[:first], data[first:second], data[second:]], [bytes([byte]) for byte in data]):
        body, decoder = decode(pieces)
        assert body == b"".join(chunks)
        assert decoder.finished
        assert not decoder.excess


@pytest.mark.parametrize("size", [b"5", b"05", b"5;a=b", b"5 ; x", b"5\t"])
def test_sizes_may_have_extensions(size: bytes) -> None:
    """Leading zeros and chunk extensions are read over."""
    assert decode([size + b"\r\nhello\r\n0\r\n\r\n"])[0] == b"hello"


def test_trailers_are_skipped_and_excess_is_seen() -> None:
    """Trailers are dropped, and bytes after the end are kept apart."""
    body, decoder = decode([b"1\r\na\r\n0\r\nX: y\r\n", b"Z: z\r\n\r\nHTTP"])
    assert (body, decoder.finished, decoder.excess) == (b"a", True, b"HTTP")


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\n",
        b"5_0\r\n",
        b"\r\n",
        b"1\r\nab\r\n",
        b"1\r\naXX",
        b"f" * 70000,
    ],
)
def test_bad_framing_is_an_error(data: bytes) -> None:
    """A malformed size line, or data that does not fill its chunk exactly, is an error and never a guess."""
    with pytest.raises(ChunkingError):
        decode([data])
    with pytest.raises(ChunkingError):
        decode([data[i : i + 1] for i in range(len(data))] if len(data) < 100 else [data[:9], data[9:]])


def test_the_end_may_lack_its_last_line_end() -> None:
    """A stream may stop right after the last chunk's size line, and nowhere else."""
    assert decode([b"1\r\na\r\n0\r\n"])[1].ends_well_here()
    for cut in (b"1\r\na\r\n", b"1\r\na", b"1\r\n", b"", b"5\r\nab"):
        assert not decode([cut])[1].ends_well_here()


def test_good_chunks_before_a_bad_one_are_not_lost() -> None:
    """What stands before broken framing is returned, and the fault is kept for the next call."""
    decoder = ChunkDecoder()
    assert decoder.feed(b"1\r\na\r\n1\r\nb\r\nzz\r\n") == b"ab"
    assert "zz" in str(decoder.fault)
