"""One line of a recording: an exchange as JSON, schema "shim.exchange/1.0", written and read.

Not the files (`files`) nor the exchange itself (`exchange`). docs/recording_format.md is the schema for people. Within major
version 1 fields are only added, and kinds of ending: a reader takes what it knows and leaves the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast, get_args

import msgspec

from shim.recording.exchange import (
    Ended,
    Exchange,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Role,
    Segment,
    TransportFault,
)
from shim.recording.reading import Reading

SCHEMA: Final = "shim.exchange/1.0"

_NAME, _, _VERSION = SCHEMA.partition("/")
_MAJOR: Final = int(_VERSION.partition(".")[0])


class RecordError(ValueError):
    """A line is no recorded exchange; the message says where, why, and what to do.

    Attributes:
        path, line: its file, and its number there from 1; None where they are not known.
    """

    path: str | None = None
    line: int | None = None

    def at(self, path: str, line: int) -> RecordError:
        """The same error with its place."""
        placed = type(self)(f"{path}:{line}: {self}")
        placed.path, placed.line = path, line
        return placed


class NewerRecordError(RecordError):
    """Written by a newer major version, which this one cannot read."""


class TruncatedRecordError(RecordError):
    """The file ends in the middle of a line: its recorder ended before it was done, or is still writing."""


class _Segment(msgspec.Struct, array_like=True):
    """`[at, text]`, `[at, null, base64]`, or `[at, null, null, length]`."""

    at: float
    text: str | None = None
    binary: bytes | None = None
    length: int = 0


class _Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    method: str
    url: str
    headers: Headers = ()
    body: str | None = None
    body_base64: bytes | None = None
    length: int = -1
    sha256: str | None = None


class _Response(msgspec.Struct, kw_only=True, omit_defaults=True):
    status: int
    reason: str = ""
    headers: Headers = ()
    headers_at: float = 0.0
    decoded: bool = True
    sha256: str | None = None
    segments: list[_Segment] = []


class _Fault(msgspec.Struct, kw_only=True):
    stage: str
    kind: str
    message: str = ""
    at: float = 0.0


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    # `schema` is never left out, so it has no default.
    schema: str
    pair_id: str
    role: str = "control"
    client: str = ""
    started_at: float = 0.0
    request: _Request
    response: _Response | None = None
    ended: str = "complete"
    finished: float = 0.0
    fault: _Fault | None = None
    made: msgspec.Raw = msgspec.Raw()  # empty where there is none
    context: dict[str, Any] = {}
    redacted: tuple[str, ...] = ()


class _Head(msgspec.Struct):
    schema: str = ""


class _WrittenResponse(_Response, kw_only=True, omit_defaults=True):
    segments: list[Any] = []  # as short as each may be


class _WrittenLine(_Line, kw_only=True, omit_defaults=True):
    made: Reading | None = None  # type: ignore[assignment]  # as it is; a reader looks whether it knows the words


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)
_head_decoder = msgspec.json.Decoder(_Head)
_reading_decoder = msgspec.json.Decoder(Reading)


def encode_exchange(exchange: Exchange) -> bytes:
    """Write an exchange as one line, its end of line included.

    Raises:
        TypeError: its context is no plain JSON.
        UnicodeEncodeError: a text in it cannot be written as UTF-8.
    """
    fault = exchange.fault
    line = _WrittenLine(
        schema=SCHEMA,
        pair_id=exchange.pair_id,
        role=exchange.role,
        client=exchange.client,
        started_at=exchange.started_at,
        request=_request_line(exchange.request),
        response=None if exchange.response is None else _response_line(exchange.response),
        ended=exchange.ended,
        finished=exchange.finished,
        fault=None if fault is None else _Fault(stage=fault.stage, kind=fault.kind, message=fault.message, at=fault.at),
        made=exchange.made,
        context=exchange.context,
        redacted=exchange.redacted,
    )
    return _encoder.encode(line) + b"\n"


def _request_line(request: RecordedRequest) -> _Request:
    text = None if request.body is None else _as_text(request.body)
    return _Request(
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=text,
        body_base64=request.body if text is None else None,
        length=request.length,
        sha256=request.sha256,
    )


def _response_line(response: RecordedResponse) -> _WrittenResponse:
    return _WrittenResponse(
        status=response.status,
        reason=response.reason,
        headers=response.headers,
        headers_at=response.headers_at,
        decoded=response.decoded,
        sha256=response.sha256,
        segments=_segment_lines(response.segments),
    )


def _segment_lines(segments: Sequence[Segment]) -> list[Any]:
    try:
        return [(segment.at, segment.data.decode()) for segment in segments]  # type: ignore[union-attr]  # caught below
    except (UnicodeDecodeError, AttributeError):  # some of them end inside a letter, or were left out
        return [_segment_line(segment) for segment in segments]


def _segment_line(segment: Segment) -> tuple[Any, ...]:
    if segment.data is None:
        return (segment.at, None, None, segment.length)
    text = _as_text(segment.data)
    return (segment.at, None, segment.data) if text is None else (segment.at, text)


def _as_text(data: bytes) -> str | None:
    """The bytes as text where they are UTF-8 by themselves; a segment may end inside a letter."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def decode_exchange(line: bytes | str) -> Exchange:
    """Read one line.

    Raises:
        NewerRecordError: it is of a newer major version.
        RecordError: it is no recorded exchange.
    """
    try:
        read = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refusal(line, error) from None
    except RecursionError:
        raise RecordError("it is nested too deeply to be read; take this line out") from None
    is_ours = read.schema == SCHEMA
    if not is_ours:
        _check_schema(read.schema)
    response = read.response
    return Exchange(
        pair_id=read.pair_id,
        # What a newer version calls otherwise claims the least: not to be the control, not to be complete.
        role=cast("Role", read.role if read.role in _ROLES else "candidate"),
        started_at=read.started_at,
        request=_request_of(read.request),
        response=None if response is None else _response_of(response),
        ended=cast("Ended", read.ended if read.ended in _ENDINGS else "aborted"),
        fault=None if read.fault is None else _fault_of(read.fault),
        finished=read.finished,
        made=_made_of(read.made, is_ours=is_ours) if read.made not in _NOTHING else None,
        client=read.client,
        context=read.context,
        redacted=read.redacted,
    )


_NOTHING = (msgspec.Raw(), msgspec.Raw(b"null"))
_ROLES = frozenset(get_args(Role))
_ENDINGS = frozenset(get_args(Ended))
_STAGES = ("connect", "headers", "body")


def _request_of(read: _Request) -> RecordedRequest:
    return RecordedRequest(
        method=read.method,
        url=read.url,
        headers=read.headers,
        body=read.body_base64 if read.body is None else read.body.encode(),
        length=read.length,
        sha256=read.sha256,
    )


def _response_of(read: _Response) -> RecordedResponse:
    return RecordedResponse(
        status=read.status,
        reason=read.reason,
        headers=read.headers,
        headers_at=read.headers_at,
        decoded=read.decoded,
        sha256=read.sha256,
        segments=tuple(
            [
                _segment_of(each) if each.text is None else Segment(data := each.text.encode(), each.at, len(data))
                for each in read.segments
            ]
        ),
    )


def _segment_of(read: _Segment) -> Segment:
    """One that is no text."""
    return Segment(None, read.at, read.length) if read.binary is None else Segment.of(read.binary, read.at)


def _fault_of(read: _Fault) -> TransportFault:
    stage: Any = read.stage if read.stage in _STAGES else "body"
    return TransportFault(stage=stage, kind=read.kind, message=read.message, at=read.at)


def _made_of(raw: msgspec.Raw, *, is_ours: bool) -> Reading | None:
    try:
        return _reading_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        if is_ours:
            raise RecordError(f"made: {error}; record it anew, or take this line out") from None
        return None  # told in words of a newer version


def _check_schema(schema: str) -> None:
    name, _, version = schema.partition("/")
    major = version.partition(".")[0]
    if name != _NAME or not (major.isascii() and major.isdigit()):
        raise RecordError(f"its schema is {schema!r}, not {SCHEMA!r}; is this a file of recorded exchanges?")
    if int(major) > _MAJOR:
        raise NewerRecordError(f"its schema is {schema!r} and this version reads {_NAME}/{_MAJOR}.x; update the reader")


def _refusal(line: bytes | str, error: Exception) -> RecordError:
    """Why a line cannot be read; of a newer major version that is the reason, whatever else is odd."""
    try:
        schema = _head_decoder.decode(line).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return RecordError(f"it is no JSON object ({error}); give a file of recorded exchanges, or take this line out")
    try:
        _check_schema(schema)
    except RecordError as refusal:
        return refusal
    return RecordError(f"it is no exchange: {error}; record it anew, or take this line out")
