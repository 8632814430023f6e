"""Makes a picture: a PNG of one colour, of any size, and reads the size of one that was uploaded.

PNG, third edition (W3C): signature, IHDR, PLTE, IDAT, IEND; one bit a pixel, so that the largest picture is a few hundred bytes.
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(width: int, height: int, *, colour: bytes) -> bytes:
    """A PNG of one colour, given as red, green and blue in three bytes."""
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    row = bytes(1 + (width + 7) // 8)
    chunks = ((b"IHDR", header), (b"PLTE", colour), (b"IDAT", zlib.compress(row * height, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels, None for what is none."""
    if not data.startswith(SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
