"""Frames of HTTP/2 as bytes, right or wrong: what no polite library would write.

Not what is sent when (`http2_ends`, `http2_forms`), nor the server (`http2_server`). RFC 9113 sections 4 and 6; headers are
RFC 7541 literals without indexing, so that the bytes of an answer do not depend on what was said before on the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD: Final = 9

# RFC 9113 7
NO_ERROR, PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 0, 1, 11
ERROR_CODES: Final = {
    "NO_ERROR": 0,
    "PROTOCOL_ERROR": 1,
    "INTERNAL_ERROR": 2,
    "FLOW_CONTROL_ERROR": 3,
    "SETTINGS_TIMEOUT": 4,
    "STREAM_CLOSED": 5,
    "FRAME_SIZE_ERROR": 6,
    "REFUSED_STREAM": 7,
    "CANCEL": 8,
    "COMPRESSION_ERROR": 9,
    "CONNECT_ERROR": 10,
    "ENHANCE_YOUR_CALM": 11,
    "INADEQUATE_SECURITY": 12,
    "HTTP_1_1_REQUIRED": 13,
    "a code nobody knows": 0xFFFF,
}

Header = tuple[bytes, bytes]


def frame(kind: int, stream: int, payload: bytes = b"", *, flags: int = 0, length: int | None = None) -> bytes:
    """A frame; `length` says another length than its payload's."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    """Part of a body; the last one ends the stream."""
    return frame(DATA, stream, payload, flags=END_STREAM if end else 0)


def block(*headers: Header) -> bytes:
    """A block of header fields."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def head(stream: int, *headers: Header, end: bool = False) -> bytes:
    """A head, or trailers, in one frame."""
    return frame(HEADERS, stream, block(*headers), flags=END_HEADERS | (END_STREAM if end else 0))


def reset(stream: int, code: int) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, stream, code.to_bytes(4, "big"))


def goaway(last: int, *, code: int = 0, words: bytes = b"") -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + words)


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, 0, b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in pairs))


def window(stream: int, by: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, stream, by.to_bytes(4, "big"))


def continued(stream: int, pieces: Sequence[bytes], *, ends: bool = True) -> bytes:
    """A block in pieces: HEADERS, and CONTINUATION for each further one; without an end the last does not say so."""
    kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
    last = len(pieces) - 1 if ends else len(pieces)
    return b"".join(
        frame(kind, stream, piece, flags=END_HEADERS if number == last else 0)
        for number, (kind, piece) in enumerate(zip(kinds, pieces, strict=True))
    )


def _text(text: bytes) -> bytes:
    return _integer(len(text)) + text


def _integer(value: int) -> bytes:
    """RFC 7541 5.1, with a prefix of seven bits; no Huffman coding."""
    if value < 127:
        return bytes([value])
    told, value = bytearray([127]), value - 127
    while value >= 128:
        told.append(value % 128 + 128)
        value //= 128
    return bytes(told) + bytes([value])
