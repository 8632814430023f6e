"""Event streams: bytes in, server-sent events out.

Not the meaning of an event's data (`shim.wire.chat` and `shim.wire.responses` read that), not the connection it came over, nor
what servers send against the standard (`json_events`).
Follows WHATWG HTML, "9.2.5 Parsing an event stream" and "9.2.6 Interpreting an event stream"
(https://html.spec.whatwg.org/multipage/server-sent-events.html), with one limit of our own: the size of an event.

Theory of operation. Line ends are made LF first: CR, LF and CRLF mean the same, so nothing is lost, and a CR ends its
line at once (to wait for a possible LF would hold back the last event of a quiet stream). Then two readers share the rules:

- `_read_lines` is the standard, a line at a time. It takes what is not yet a whole event, and whatever is unusual.
- `_usual_events` takes the whole events of a feed. Model servers send two shapes, `data: {json}` alone and after an
  `event: name`; either is cut out of the feed by a split. Any other event goes through the line reader.

The tests hold the two to the same answer for any stream and any split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from shim.model.errors import ErrorCategory, ProviderError
from shim.wire.event_shapes import (
    AFTER_DATA,
    AFTER_EVENT,
    AT_DATA,
    AT_END,
    BLANK_LINE,
    CR,
    DATA,
    DATA_LINE,
    EVENT,
    LF,
    NEXT_DATA,
    NEXT_EVENT,
    as_utf8,
    is_utf8,
    several_payloads,
    with_lf,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
"""The default limit: an image in base64 inside one Responses event fits several times over."""

_BOM: Final = b"\xef\xbb\xbf"

# CPython converts this many decimal digits whatever limit the process has set (sys.int_info.str_digits_check_threshold).
_MAX_RETRY_DIGITS: Final = 640


class _EventTooLargeError(Exception):
    """How the readers tell `feed`, which may have events to return first; it never leaves."""


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event.

    Attributes:
        event: its type, "message" where the stream named none.
        data: valid UTF-8; what was not is replaced by U+FFFD, as the standard decodes it.
        id: the last event ID at the time of dispatch, "" where there was none.
    """

    event: str
    data: bytes
    id: str


class SSEDecoder:
    """Decodes one event stream, fed in pieces of any size; linear in the bytes fed.

    Attributes:
        last_event_id: what `Last-Event-ID` would carry on a reconnection.
        retry: the reconnection time in milliseconds the stream asked for, None where it did not.
        is_between_events: whether surely nothing is held, so that the next byte begins an event.
        lines: how many lines were read one by one, blank ones and comments too: what the stream cost besides its events.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_ended",
        "_event",
        "_held",
        "_id",
        "_in_event",
        "_line",
        "_max_event_bytes",
        "_on_unknown_field",
        "_start",
        "is_between_events",
        "last_event_id",
        "lines",
        "retry",
    )

    def __init__(
        self,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        on_unknown_field: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        """Start at the beginning of a stream.

        Args:
            max_event_bytes: limit for the data of one event, and for a line that is still being read.
            on_unknown_field: called with the name and value, as received, of each field the standard says to ignore, never of
                a comment; some servers put a failure into a field called `error`. It must not raise.

        Raises:
            ValueError: `max_event_bytes` is not positive.
        """
        if max_event_bytes < 1:
            raise ValueError(f"max_event_bytes is {max_event_bytes}: give a positive number of bytes")
        self.last_event_id = ""
        self.retry: int | None = None
        self.lines = 0
        self._max_event_bytes = max_event_bytes
        self._on_unknown_field = on_unknown_field
        self._start = True  # nothing but a possible byte order mark has been seen
        self._held = b""  # its bytes so far
        self._after_cr = False  # the last line ended in CR: an LF that follows belongs to it
        self._in_event = False  # the line reader has read some lines of an event
        self.is_between_events = False
        self._line = bytearray()  # the unfinished line
        self._data: bytes | bytearray | None = None  # lines joined by LF; None: no data field yet
        self._event = ""
        self._id = ""
        self._ended: Exception | None = None  # what any further call raises

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take the next bytes of the stream and return the events they complete.

        Raises:
            ProviderError: (protocol) an event exceeds the limit. If this feed completed others before it, they are returned
                and the next call raises; once raised, every call does.
            TypeError: `data` is not bytes.
            RuntimeError: the stream was finished.
        """
        if self._ended is not None:
            raise self._ended
        if not isinstance(data, bytes):
            raise TypeError(f"feed() takes data as bytes, not {type(data).__name__}: pass the body as received")
        self.is_between_events = False
        if self._start:
            data = self._skip_bom(data)
        if self._after_cr or CR in data:
            data, self._after_cr = with_lf(data, after_cr=self._after_cr)
        if not self._in_event and not self._line and data.endswith(BLANK_LINE) and len(data) <= self._max_event_bytes:
            usual = self._usual_events(
                data, len(data) - len(BLANK_LINE)
            )  # a feed of whole events, as servers flush them
            if usual is not None:
                return usual
        events: list[ServerSentEvent] = []
        try:
            self._read(data, events)
        except _EventTooLargeError:
            error = self._too_large()
            if not events:
                raise error from None
        return events

    def payloads(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the data of the events they complete: what `feed` would, at a fraction of its cost."""
        usual = self.usual_payloads(data)
        return [event.data for event in self.feed(data)] if usual is None else usual

    def usual_payloads(self, data: bytes) -> list[bytes] | None:
        """Do what `payloads` does with whole events of one `data` line each, and the beginning of one, as they are received.

        Returns:
            None where `data` may be anything else; nothing is taken then.
        """
        if self._in_event or self._after_cr or self._start or self._ended or not isinstance(data, bytes) or CR in data:
            return None
        if self._line:
            if BLANK_LINE not in data:
                return None  # joined once a line, so a long line costs linear time
            data = b"".join((self._line, data))
        whole, rest = data, b""
        if not data.endswith(BLANK_LINE):
            end = data.rfind(BLANK_LINE) + len(BLANK_LINE)
            whole, rest = data[:end], data[end:]
        if len(data) > self._max_event_bytes or LF in rest or not (whole.isascii() or is_utf8(whole)):
            return None
        payloads = several_payloads(whole)
        if payloads is not None:
            if rest or self._line:
                self._line[:] = rest
            self.is_between_events = not rest
        return payloads

    def usual_payload(self, data: bytes) -> bytes | None:
        """Do what `payloads` does with one whole event of one `data` line, perhaps named, as a server sends a lone one.

        Returns:
            None where `data` may be anything else; nothing is taken then.
        """
        if not self.is_between_events or data[AT_END] != BLANK_LINE or len(data) > self._max_event_bytes:
            return None
        if data[AT_DATA] == DATA:
            payload = data[AFTER_DATA]
        elif data.startswith(EVENT):
            name, _, payload = data[AFTER_EVENT].partition(DATA_LINE)
            if LF in name or not payload:
                return None
        else:
            return None
        return None if LF in payload or CR in data or not (data.isascii() or is_utf8(data)) else payload

    def finish(self) -> list[ServerSentEvent]:
        """End the stream; an event without its blank line is dropped, as the standard says, so the list is empty.

        Raises:
            ProviderError: (protocol) an event exceeded the limit.
            RuntimeError: the stream was finished already.
        """
        if self._ended is not None:
            raise self._ended
        self._end(RuntimeError("this event stream was finished: a new stream needs a new SSEDecoder"))
        return []

    def _skip_bom(self, data: bytes) -> bytes:
        """Drop one byte order mark at the start of the stream, however it is split."""
        data = self._held + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._held = data
            return b""
        self._start = False
        return data.removeprefix(_BOM)

    def _read(self, text: bytes, events: list[ServerSentEvent]) -> None:
        """Read `text` (LF only): the event that is open, then whole events, then the beginning of one."""
        if self._line:
            text = self._with_unfinished_line(text)
        if len(text) > self._max_event_bytes:
            self._read_lines(text, events)  # one of its events may be too large: the line reader measures
            return
        if self._in_event:
            text = self._read_open_event(text, events)
        end = text.rfind(BLANK_LINE)
        if end >= 0:
            usual = self._usual_events(text, end)
            if usual is None:
                self._read_lines(text[: end + len(BLANK_LINE)], events)
            else:
                events += usual
            text = text[end + len(BLANK_LINE) :]
        if text:
            self._read_lines(text, events)

    def _with_unfinished_line(self, text: bytes) -> bytes:
        """Put the unfinished line before the text that ends it; joined once a line, so a long line costs linear time."""
        if LF not in text:
            self._keep(text)
            return b""
        text = b"".join((self._line, text))
        self._line.clear()
        return text

    def _read_open_event(self, text: bytes, events: list[ServerSentEvent]) -> bytes:
        """Read the event some lines of which were in an earlier feed; return what follows it."""
        if text.startswith(b"\n"):
            self._dispatch(events)
            return text[1:]
        found = text.find(BLANK_LINE)
        end = len(text) if found < 0 else found + len(BLANK_LINE)
        self._read_lines(text[:end], events)
        return text[end:]

    def _usual_events(self, text: bytes, end: int) -> list[ServerSentEvent] | None:
        """Cut whole events of one of the usual shapes out of `text`, up to its last blank line at `end`; None for any other."""
        if text.startswith(DATA):
            first = text[len(DATA) : end]
            if not (first.isascii() or is_utf8(first)):
                return None
            if LF not in first:
                return [ServerSentEvent("message", first, self._id)]
            return self._unnamed_events(first)
        if text.startswith(EVENT):
            return self._named_events(text[len(EVENT) : end])
        return None

    def _unnamed_events(self, text: bytes) -> list[ServerSentEvent] | None:
        """Cut events that are one data line each, without the first field name; None where any is not."""
        payloads = text.split(NEXT_DATA)
        if LF in b"".join(payloads):
            return None
        last_id = self._id
        return [ServerSentEvent("message", payload, last_id) for payload in payloads]

    def _named_events(self, text: bytes) -> list[ServerSentEvent] | None:
        """Cut events that are an event line and a data line each, without the first field name; None where any is not."""
        if not (text.isascii() or is_utf8(text)):
            return None
        last_id = self._id
        name, found, data = text.partition(DATA_LINE)
        if found and LF not in data and LF not in name:
            return [ServerSentEvent(name.decode() or "message", data, last_id)]
        events = []
        for block in text.split(NEXT_EVENT):
            name, found, data = block.partition(DATA_LINE)
            if not found or LF in data or LF in name:
                return None
            events.append(ServerSentEvent(name.decode() or "message", data, last_id))
        return events

    def _read_lines(self, text: bytes, events: list[ServerSentEvent]) -> None:
        """Read the lines of `text`, and keep the last one if it is unfinished; no other unfinished line is kept."""
        *lines, rest = text.split(b"\n")
        self.lines += len(lines)
        for line in lines:
            if line:
                if self._data is not None and self._begins_another(line):
                    self._dispatch(events)
                self._read_line(line)
            elif self._in_event:  # else there is nothing to end: blank lines alone may come in any number
                self._dispatch(events)
        self._keep(rest)

    def _begins_another(self, _line: bytes) -> bool:
        """Whether a line begins the next event, though no blank line came: never, by the standard."""
        return False

    def _keep(self, part: bytes) -> None:
        """Keep part of a line until its end comes."""
        self._line += part
        self._check_line(len(self._line))

    def _read_line(self, line: bytes) -> None:
        """Apply one line that is not blank: a comment starts with a colon, any other is a field."""
        self._in_event = True
        self._check_line(len(line))
        name, _, value = line.partition(b":")
        if name:
            self._read_field(name, value.removeprefix(b" "))

    def _read_field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._add_data(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry":
            if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                self.retry = int(value)
        elif self._on_unknown_field is not None:
            self._on_unknown_field(name, value)

    def _add_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value  # nearly always the only line: no copy
        else:
            if not isinstance(self._data, bytearray):
                self._data = bytearray(self._data)
            self._data += b"\n"
            self._data += value
        if len(self._data) > self._max_event_bytes:
            raise _EventTooLargeError

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        """End the event: hand it over if it has data, and reset everything but the last event ID."""
        self.last_event_id = self._id
        if self._data is not None:
            events.append(ServerSentEvent(self._event or "message", as_utf8(bytes(self._data)), self._id))
        self._data = None
        self._event = ""
        self._in_event = False

    def _check_line(self, length: int) -> None:
        """Bound what is kept of an event: its data so far, and a line of `length` bytes, field name included."""
        kept = length if self._data is None else length + len(self._data)
        if kept > self._max_event_bytes + len(DATA):
            raise _EventTooLargeError

    def _too_large(self) -> ProviderError:
        error = ProviderError(
            ErrorCategory.PROTOCOL,
            f"an event of the stream exceeds {self._max_event_bytes} bytes: raise max_event_bytes if the server means it",
        )
        self._end(error)
        return error

    def _end(self, reason: Exception) -> None:
        """Let every later call raise `reason`, and drop the event that will not be dispatched."""
        self._ended = reason
        self.is_between_events = False
        self._data = None
        self._line = bytearray()
