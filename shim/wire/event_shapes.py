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
# Of one whole event. A slice that is compared costs less than `startswith` and `endswith`, which read their arguments first.
AT_DATA: Final = slice(len(DATA))
AT_END: Final = slice(-len(BLANK_LINE), None)
AFTER_DATA: Final = slice(len(DATA), -len(BLANK_LINE))
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


def with_lf(text: bytes, *, after_cr: bool) -> tuple[bytes, bool]:
    """End every line of `text` in LF alone.

    Args:
        text: some of a stream.
        after_cr: what came before ended in CR, whose LF may be the first byte here.

    Returns:
        The text, and whether the LF of its last line may be yet to come.
    """
    if after_cr and text:
        text = text.removeprefix(b"\n")
        after_cr = False
    lines = text.splitlines()  # of bytes: at CR, LF and CRLF, and nothing else
    if text.endswith((b"\r", b"\n")):
        after_cr = text.endswith(b"\r")
        lines.append(b"")
    return b"\n".join(lines), after_cr


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
