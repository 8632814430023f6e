"""What the legacy client is documented to read otherwise than the standard: told beside a mismatch, no reason to hide it.

Not rules that ignore (`rules`): by path and rule alone none of these can be told from a real loss, so none is offered. One of
them, an event that a cut left without its end, meets every stream that is cut on purpose; there it can be proven (`unended`).
"""

from __future__ import annotations

import re

from msgspec import Struct

from shim.comparison.rules import IgnoreRule
from shim.recording.exchange import Exchange

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"
_BLANK_LINE = re.compile(_LINE_END + _LINE_END)
_LAST_LINE_END = re.compile(rb".*[\r\n]", re.DOTALL)
_DATA_LINE = re.compile(rb"(?:\A|[\r\n])data(?:[:\r\n]|\Z)")
_TWO_DATA_LINES = re.compile(rb"(?:\A|[\r\n])data:[^\r\n]*" + _LINE_END + rb"data:")
_ERROR_FIELD = re.compile(rb"(?:\A|[\r\n])error:")

UNENDED = IgnoreRule(
    path="*",
    rung="tee",
    owner="legacy_openai",
    reason=(
        "of a stream cut inside an event the legacy client hands on that last, unended event, which the standard drops: a"
        " documented quirk of it, proven at each such cut by reading the stream with that event ended, and without it"
    ),
)


class Unended(Struct, frozen=True):
    """A cut inside an event: the bytes as a reader of lines takes them, and as the standard does, which drops that event."""

    by_lines: bytes
    by_events: bytes


def unended(prefix: bytes, *, reset: bool) -> Unended | None:
    """The two ways to read a stream cut inside an event, None where the cut leaves no event without its end.

    Args:
        prefix: the bytes up to the cut.
        reset: whether the connection was reset there; a last line without its end is then handed on by nobody.
    """
    start = max((match.end() for match in _BLANK_LINE.finditer(prefix)), default=0)
    if _DATA_LINE.search(prefix[start:]) is None:
        return None
    lines = _LAST_LINE_END.match(prefix)
    whole_lines = lines[0] if lines is not None else b""
    return Unended(by_lines=(whole_lines if reset else prefix) + b"\n\n", by_events=prefix[:start])


def hints(exchange: Exchange) -> list[str]:
    """What in a recorded stream the legacy client is documented to read otherwise, in sentences."""
    response = exchange.response
    if response is None or "event-stream" not in (response.header("content-type") or ""):
        return []
    body = response.body or b""
    found = (
        (
            _TWO_DATA_LINES.search(body),
            "the stream has an event of several data lines; each is one payload to the legacy client",
        ),
        (
            body.lstrip()[:1] in (b"{", b"["),
            "the body is JSON that is called an event stream; the legacy client finds no data line in it",
        ),
        (_ERROR_FIELD.search(body), "the stream has a field called `error`; the legacy client reads data lines only"),
        (
            not _is_utf8(body),
            "the stream is not all UTF-8; the legacy client hands on its bytes, the standard replaces them",
        ),
        (
            unended(body, reset=False),
            "the stream's last event lacks its blank line; the legacy client hands it on, the standard drops it",
        ),
    )
    return [words for is_there, words in found if is_there]


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
