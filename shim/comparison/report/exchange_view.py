"""A recorded exchange as it is shown on the page: request, response, segments with their times, all cut to a bounded size.

Not the record itself (`shim.recording.exchange`) nor its form in a file (`files`). JSON is indented token by token, so that
duplicate keys, the spelling of numbers and escapes stay as they were recorded. API keys were taken out when it was recorded;
what looks like one is masked here again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone

from msgspec import Struct

from shim.comparison.report.plots import duration
from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment
from shim.wire.masking import mask_keys

LONGEST_BODY = 12_000  # characters; a few screens, the whole stands in the recording
MOST_SEGMENTS = 60
LONGEST_SEGMENT = 400  # characters
LONGEST_LINE = 400  # characters of a header's value, a URL, a message

_AHEAD = 4  # times as much is read as is shown: white space between tokens goes, and a key must be seen whole
# A string may lack its end where a text was cut.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{},:]|[^\s\[\]{},:"]+')


class Text(Struct, frozen=True):
    """A text cut to size; `more` is the number of characters left out, "" where none are."""

    text: str
    more: str = ""


class SegmentRow(Struct, frozen=True):
    """One segment: when it came, its size, its text; `text` is None where the body was left out."""

    at: str
    length: str
    text: Text | None


class ShownMessage(Struct, frozen=True, kw_only=True):
    """A request or response.

    Attributes:
        line: the request line or status line.
        headers: as recorded.
        body: None where there is none to show as a whole; `note` says why.
        note: what is to be said of the body: its size and time, or why it is not there.
        segments: of a body that came in events; `more_segments` are not shown.
    """

    line: str
    headers: tuple[tuple[str, str], ...]
    body: Text | None
    note: str
    segments: tuple[SegmentRow, ...] = ()
    more_segments: int = 0


class Recorded(Struct, frozen=True, kw_only=True):
    """An exchange: its two messages, and what else is known of it as (name, value)."""

    request: ShownMessage
    response: ShownMessage | None
    facts: tuple[tuple[str, str], ...]


def recorded(exchange: Exchange) -> Recorded:
    """Give the view of an exchange."""
    return Recorded(
        request=_request(exchange.request),
        response=None if exchange.response is None else _response(exchange.response),
        facts=tuple(_facts(exchange)),
    )


def cut(text: str, limit: int) -> Text:
    """A text of at most `limit` characters, what looks like a key masked, and how many are left out."""
    # Masked before it is cut, so that no key loses its end and with it its looks; but not all of a long text.
    return _shortened(mask_keys(text[: _AHEAD * limit]), limit, left_out=len(text) - limit)


def body_text(body: bytes, *, limit: int = LONGEST_BODY) -> Text:
    """A body as text, JSON indented; bytes that are no UTF-8 are shown as escapes."""
    text = body.decode("utf-8", "backslashreplace")
    if not _is_json(text):
        return cut(text, limit)
    pieces: list[str] = []
    length = taken = 0
    for gap, sign in _indented(mask_keys(text[: _AHEAD * limit])):
        pieces += (gap, sign)
        length += len(gap) + len(sign)
        taken += len(sign)
        if length > limit:
            return _shortened("".join(pieces), limit, left_out=max(len(text) - taken, 0) + length - limit)
    return _shortened("".join(pieces), limit, left_out=len(text) - _AHEAD * limit)


def _shortened(text: str, limit: int, *, left_out: int) -> Text:
    more = f"{left_out:,} more character{'' if left_out == 1 else 's'}" if left_out > 0 else ""
    return Text(text[:limit], more)


def counted(number: int, what: str) -> str:
    """A number of things: `1 key`, `1,200 keys`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """A text for one line, what looks like a key masked, cut with an ellipsis."""
    shown = cut(text, LONGEST_LINE)
    return f"{shown.text}…" if shown.more else shown.text


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False  # shown as it stands
    return True


def _indented(text: str) -> Iterator[tuple[str, str]]:
    """The tokens of JSON, each with what is to stand before it."""
    depth, before = 0, ""
    for match in _TOKEN.finditer(text):
        sign = match[0]
        if sign in "}]":
            depth -= 1
        yield _gap(before, sign, depth=depth), sign
        if sign in "{[":
            depth += 1
        before = sign


def _gap(before: str, sign: str, *, depth: int) -> str:
    """What stands between two tokens. Beyond some depth the indentation stays, or it would outgrow the text."""
    if before == ":":
        return " "
    empty = (before, sign) in (("{", "}"), ("[", "]"))
    if before and not empty and (before in "{[," or sign in "}]"):
        return "\n" + "  " * min(depth, 20)
    return ""


def _request(request: RecordedRequest) -> ShownMessage:
    size = f"{request.length:,} bytes" if request.length >= 0 else "of unknown length"
    note = size if request.body is not None else f"Body {size}, left out of the recording."
    return ShownMessage(
        line=one_line(f"{request.method} {request.url}"),
        headers=_headers(request.headers),
        body=body_text(request.body) if request.body is not None else None,
        note=note,
    )


def _response(response: RecordedResponse) -> ShownMessage:
    body = response.body
    streamed = response.is_event_stream
    return ShownMessage(
        line=one_line(f"{response.status} {response.reason}".rstrip()),
        headers=_headers(response.headers),
        body=None if body is None or streamed else body_text(body),
        note=_response_note(response),
        segments=_segments(response.segments) if streamed or body is None else (),
        more_segments=max(len(response.segments) - MOST_SEGMENTS, 0) if streamed or body is None else 0,
    )


def _response_note(response: RecordedResponse) -> str:
    count = len(response.segments)
    if not count:
        return f"No body; head after {duration(response.headers_at)}."
    when = f"first after {duration(response.segments[0].at)}, last after {duration(response.segments[-1].at)}"
    left_out = "" if response.body is not None else " The body was left out of the recording."
    encoded = "" if response.decoded else " Shown as sent, with its content-encoding."
    size = f"{response.length:,} bytes in {count:,} segment{'' if count == 1 else 's'}"
    return f"{size}; head after {duration(response.headers_at)}, {when}.{left_out}{encoded}"


def _segments(segments: tuple[Segment, ...]) -> tuple[SegmentRow, ...]:
    return tuple(
        SegmentRow(duration(each.at), f"{each.length:,}", None if each.data is None else _segment_text(each.data))
        for each in segments[:MOST_SEGMENTS]
    )


def _segment_text(data: bytes) -> Text:
    """The text of a segment, its line feeds shown: where one is cut is what segments are looked at for."""
    text = data.decode("utf-8", "backslashreplace")
    return cut(text.replace("\n", "⏎\n").rstrip("\n"), LONGEST_SEGMENT)


def _headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((one_line(name), one_line(value)) for name, value in headers[:40])


def _facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    if exchange.started_at > 0:
        yield "Sent", moment(exchange.started_at)
    yield "Took", duration(exchange.finished)
    yield "Ended", exchange.ended
    if exchange.fault is not None:
        fault = exchange.fault
        yield "Fault", one_line(f"{fault.kind} at {fault.stage} after {duration(fault.at)}: {fault.message}")
    if exchange.client:
        yield "Recorded by", one_line(exchange.client)
    if exchange.redacted:
        yield "Taken out", one_line(", ".join(exchange.redacted))
    if exchange.context:
        yield "Context", one_line(json.dumps(exchange.context, ensure_ascii=False, default=str))


def moment(seconds: float) -> str:
    """A time since the epoch, as date and time in UTC; the number itself where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s since the epoch"
