"""Tests of undoing a content-encoding."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import ErrorCategory, ProviderError
from shim.wire.content_encoding import MAX_RATIO, ContentDecoder, decoder_of, is_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

DENSE = random.Random(5).randbytes(40_000)  # noqa: S311 - a text that does not shrink, of several copies of the state
TEXT = b'data: {"choices":[{"delta":{"content":"Oslo"}}]}\n\n' * 40


def raw_deflate(data: bytes) -> bytes:
    """RFC 1951, with no header around it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data in pieces of a size."""
    return (data[start : start + size] for start in range(0, len(data), size))


def read(body: bytes, encoding: str, *, size: int = 1 << 16, limit: int | None = None) -> bytes:
    """What a body gives, fed in pieces."""
    decoder = decoder_of(encoding, limit=limit)
    assert decoder is not None
    return b"".join([decoder.feed(piece) for piece in pieces(body, size)]) + decoder.finish()


BODIES = {
    "gzip": ("gzip", gzip.compress(TEXT), TEXT),
    "x-gzip, in capitals": ("X-GZip", gzip.compress(TEXT), TEXT),
    "two members": ("gzip", gzip.compress(TEXT) + gzip.compress(b"more"), TEXT + b"more"),
    "a member for every byte": ("gzip", b"".join(gzip.compress(b"%c" % each) for each in b"Oslo"), b"Oslo"),
    "padded with zeros": ("gzip", gzip.compress(TEXT) + bytes(100), TEXT),
    "deflate": ("deflate", zlib.compress(TEXT), TEXT),
    "raw deflate": ("deflate", raw_deflate(TEXT), TEXT),
    "raw deflate of nearly nothing": ("deflate", raw_deflate(b"x"), b"x"),
    "gzip that is called deflate": ("deflate", gzip.compress(TEXT), TEXT),
    "text that is called gzip": ("gzip", TEXT, TEXT),
    "text that is called deflate": ("deflate", TEXT, TEXT),
    "one byte that is called gzip": ("gzip", b"{", b"{"),
    "nothing": ("gzip", b"", b""),
    "identity beside it": ("identity, gzip", gzip.compress(TEXT), TEXT),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 16])
def test_bodies_are_what_their_bytes_are(name: str, size: int) -> None:
    """A body is read by what it is, however it is split, whatever its header calls it."""
    encoding, body, plain = BODIES[name]
    assert read(body, encoding, size=size) == plain


@pytest.mark.parametrize("encoding", [None, "", "identity", " , identity", "none"])
def test_nothing_to_undo(encoding: str | None) -> None:
    """Where nothing was done to a body there is no decoder to pay for."""
    assert decoder_of(encoding) is None
    assert is_identity(encoding)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, br", "compress"])
def test_other_encodings_are_named(encoding: str) -> None:
    """An encoding that is not undone here is an error that names the header and the encoding."""
    with pytest.raises(ProviderError) as caught:
        decoder_of(encoding)
    assert caught.value.category is ErrorCategory.PROTOCOL
    assert f"Content-Encoding says {encoding!r}" in caught.value.message
    assert not is_identity(encoding)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4096, 1 << 20])
def test_bombs_are_stopped_as_they_arrive(size: int) -> None:
    """A body that grows beyond the ratio ends as an error long before its end, at no more memory than a piece."""
    bomb = gzip.compress(b"\n" * (64 << 20))
    decoder = decoder_of("gzip")
    assert decoder is not None
    lengths: list[int] = []
    with pytest.raises(ProviderError, match=f"more than {MAX_RATIO} times"):
        lengths += (len(decoder.feed(piece)) for piece in pieces(bomb, size))
    assert sum(lengths) < 4 << 20
    assert len(lengths) * size < len(bomb)


def test_the_limit_counts_decoded_bytes() -> None:
    """A body kept whole may be so long decoded, and no longer; one that was not encoded too."""
    noise = random.Random(0).randbytes(50_000)  # noqa: S311 - a body that does not shrink
    assert read(gzip.compress(noise), "gzip", limit=50_000) == noise
    for body in (gzip.compress(noise), noise):
        with pytest.raises(ProviderError, match="longer than 49999 bytes"):
            read(body, "gzip", limit=49_999)


def test_a_body_that_was_too_long_stays_so() -> None:
    """Once a body has passed its limit every further byte is refused in the same words."""
    decoder = decoder_of("gzip", limit=9)
    assert decoder is not None
    for piece in (gzip.compress(b"0123456789"), b"", b"more"):
        with pytest.raises(ProviderError, match="longer than 9 bytes"):
            decoder.feed(piece)


def test_repetitive_bodies_are_read() -> None:
    """A megabyte of the same word, as a model that loops would say it, is no bomb."""
    looping = b"Oslo " * 200_000
    assert read(gzip.compress(looping), "gzip") == looping


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize(
    ("body", "category", "words"),
    [
        (gzip.compress(TEXT)[:-4], ErrorCategory.TRUNCATED, "ends inside its content encoding"),
        (gzip.compress(TEXT) + gzip.compress(TEXT)[:-4], ErrorCategory.TRUNCATED, "ends inside"),
        (gzip.compress(TEXT) + gzip.compress(TEXT)[:10] + b"noise", ErrorCategory.PROTOCOL, "is not what the header"),
        (gzip.compress(TEXT)[:20] + bytes(30), ErrorCategory.PROTOCOL, "is not what the header Content-Encoding says"),
    ],
    ids=["cut", "cut in a second member", "noise in a second member", "noise"],  # gzip's bytes tell the time
)
def test_damage_is_told(body: bytes, category: ErrorCategory, words: str, size: int) -> None:
    """A body that is cut, damaged or followed by something else is an error of the right category, in plain words."""
    with pytest.raises(ProviderError, match=words) as caught:
        read(body, "gzip", size=size)
    assert caught.value.category is category


@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_tail_is_left_out(size: int) -> None:
    """What stands behind the end is left out, as gzip(1) and urllib3 do, even where that looks like a member later."""
    decoder = decoder_of("gzip")
    assert decoder is not None
    given = gzip.compress(TEXT) + b"tail" + gzip.compress(b"more")
    assert b"".join(decoder.feed(piece) for piece in pieces(given, size)) + decoder.finish() == TEXT
    assert not decoder.is_plain


@given(body=st.binary(max_size=400), encoding=st.sampled_from(["gzip", "deflate"]), size=st.integers(1, 64))
def test_only_our_errors_leave(body: bytes, encoding: str, size: int) -> None:
    """Whatever a body is, it gives bytes or one of our errors, the same however it is split."""

    def outcome(size: int) -> object:
        try:
            return read(body, encoding, size=size)
        except ProviderError as error:
            return error.category

    assert outcome(size) == outcome(len(body) or 1)


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 16])
@pytest.mark.parametrize("tail", [b"tail", b"\x1f", b"\x1f\x1f\x8b", b"\0\0x\x1f\x8b", bytes(100), b"\0\x1f"])
def test_what_stands_behind_the_last_member_is_left_out(tail: bytes, size: int) -> None:
    """Noise, padding, and what only begins as a member would, add nothing and are no error, however they are split."""
    assert read(gzip.compress(TEXT) + tail, "gzip", size=size) == TEXT


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_members_may_have_padding_between_them(size: int) -> None:
    """Zeros between two members are left out, however they are split, and the second is read."""
    assert read(gzip.compress(TEXT) + bytes(9) + gzip.compress(b"more"), "gzip", size=size) == TEXT + b"more"


def test_what_came_before_the_damage_is_not_lost() -> None:
    """Bytes that were undone before a fault are returned; the fault is at hand, and raised at the next call."""
    decoder = decoder_of("gzip")
    assert decoder is not None
    assert decoder.feed(gzip.compress(TEXT) + gzip.compress(TEXT)[:10] + b"\xff\xff\xff") == TEXT
    assert decoder.fault is not None
    with pytest.raises(ProviderError) as caught:
        decoder.feed(b"")
    assert caught.value is decoder.fault
    with pytest.raises(ProviderError, match="is not what the header"):
        decoder.finish()


@pytest.mark.parametrize("form", ["gzip", "deflate"])
@pytest.mark.parametrize("most", [None, 5, 3000])
@pytest.mark.parametrize("size", [1, 100, 5000, 1 << 20])
def test_what_stands_before_the_damage_does_not_depend_on_the_split(size: int, most: int | None, form: str) -> None:
    """Of a damaged body all that stands before the damage is returned, in whatever pieces it comes and is asked for."""
    text = DENSE + TEXT
    body = (gzip.compress(text)[:-8] if form == "gzip" else zlib.compress(text)[:-4]) + bytes(8)
    decoder = ContentDecoder(form)
    told = b""
    with suppress(ProviderError):  # where the damage gives nothing, it is raised at once
        for piece in pieces(body, size):
            told += decoder.feed(piece, most=most)
            while decoder.has_more and decoder.fault is None:
                told += decoder.feed(b"", most=most)
    assert decoder.is_damaged
    assert told == text


@pytest.mark.parametrize("most", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("form", ["gzip", "members", "deflate"])
def test_a_body_may_be_undone_a_piece_at_a_time(form: str, most: int) -> None:
    """However few bytes are asked for at a time, no call gives more, `has_more` tells of the rest, and all of it comes."""
    plain = bytes(range(256)) * 20 + b"\n" * 5000
    body = {
        "gzip": gzip.compress(plain),
        "members": gzip.compress(plain[:9]) + gzip.compress(plain[9:]),
        "deflate": zlib.compress(plain),
    }
    decoder = ContentDecoder("deflate" if form == "deflate" else "gzip")
    told = [decoder.feed(body[form], most=most)]
    while decoder.has_more:
        told.append(decoder.feed(b"", most=most))
    told.append(decoder.finish())
    assert b"".join(told) == plain
    assert max(map(len, told)) <= most


def test_an_open_stream_holds_one_state_of_zlib() -> None:
    """A compressed stream of some hundred events holds its inflater and what came, and no second inflater of 40 KiB."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    words = random.Random(7)  # noqa: S311 - texts that differ
    sent = []
    for _ in range(400):
        event = b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % words.getrandbits(40)
        sent.append(compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH))
    decoders = [ContentDecoder("gzip") for _ in range(10)]
    tracemalloc.start()
    try:
        for decoder in decoders:
            for piece in sent:
                decoder.feed(piece)
        held = tracemalloc.get_traced_memory()[0] / len(decoders)
    finally:
        tracemalloc.stop()
    assert sum(map(len, sent)) < 12 * 1024
    assert held < 60 * 1024
