"""The shapes that model servers give their events: a `data` line alone, or behind an `event` line; cut out by splits.

Not the reading of a stream (`sse`), which takes everything else line by line and holds what is not yet whole.
"""

from __future__ import annotations

from typing import Final

LF: Final = 0x0A  # as integers: `in` then is one memchr
CR: Final = 0x0D
BLANK_LINE: Final = b"\n\n"
DATA: Final = b"data: "
EVENT: Final = b"event: "
NEXT_DATA: Final = b"\n\ndata: "
NEXT_EVENT: Final = b"\n\nevent: "
DATA_LINE: Final = b"\ndata: "
AFTER_DATA: Final = slice(len(DATA), -len(BLANK_LINE))  # of one whole event
AFTER_EVENT: Final = slice(len(EVENT), -len(BLANK_LINE))


def several_payloads(text: bytes) -> list[bytes] | None:
    """Cut the data out of whole events of one of the usual shapes; None for any other."""
    if text.startswith(DATA):
        payloads = text[AFTER_DATA].split(NEXT_DATA)
        return None if LF in b"".join(payloads) else payloads
    if text.startswith(EVENT):
        return named_payloads(text[AFTER_EVENT])
    return None


def named_payloads(text: bytes) -> list[bytes] | None:
    """Cut the data out of events that are an event line and a data line each; None where any is not."""
    blocks = [block.partition(DATA_LINE) for block in text.split(NEXT_EVENT)]
    names_and_payloads = [piece for name, _, payload in blocks for piece in (name, payload)]
    usual = b"" not in [found for _, found, _ in blocks] and LF not in b"".join(names_and_payloads)
    return names_and_payloads[1::2] if usual else None


def is_utf8(text: bytes) -> bool:
    """Whether bytes are UTF-8."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def as_utf8(data: bytes) -> bytes:
    """Replace what is not UTF-8 as the standard's decoder does; line ends are ASCII, so a line can be decoded by itself."""
    return data if is_utf8(data) else data.decode("utf-8", "replace").encode()
