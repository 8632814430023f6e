"""Tests of `endpoints.png`: pictures that another reader can read."""

import struct
import zlib

import pytest

from shim.testing.fake_openai.endpoints.png import SIGNATURE, picture, size_of


@pytest.mark.parametrize(("width", "height"), [(1, 1), (256, 256), (1792, 1024)])
def test_a_picture_is_a_whole_png(width: int, height: int) -> None:
    """Chunks have their checksums, and the rows are as many and as long as the header says."""
    data = picture(width, height, colour=b"\x01\x02\x03")
    assert size_of(data) == (width, height)
    chunks: dict[bytes, bytes] = {}
    rest = data.removeprefix(SIGNATURE)
    while rest:
        (length,), kind = struct.unpack(">I", rest[:4]), rest[4:8]
        chunks[kind] = rest[8 : 8 + length]
        assert struct.unpack(">I", rest[8 + length : 12 + length]) == (zlib.crc32(kind + chunks[kind]),)
        rest = rest[12 + length :]
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert chunks[b"PLTE"] == b"\x01\x02\x03"
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + (width + 7) // 8)


@pytest.mark.parametrize("data", [b"", b"JFIF", SIGNATURE, SIGNATURE + bytes(30), picture(2, 2, colour=b"xyz")[:20]])
def test_what_is_no_picture_has_no_size(data: bytes) -> None:
    """Anything but the beginning of a PNG has no size."""
    assert size_of(data) is None
