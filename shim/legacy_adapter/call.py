"""The wrapped callbacks: what the legacy client calls back with, told to a `shim.calls.Call`.

Not what becomes of it (`shim.calls`) nor the driving (`provider`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from requests.structures import CaseInsensitiveDict

from legacy_openai import CompletionType, HttpCompletion
from legacy_openai.transport_errors import causes
from shim.calls import AnswerReader, Call, Ending, StreamCall, reader_of
from shim.descriptors import current_shortage, is_exhausted, shortage
from shim.legacy_adapter.transport_faults import category_of
from shim.model.headers import Headers
from shim.provider import Completion
from shim.wire.bodies import body_kind

_PIECE: Final = 16 * 1024  # of a stream that came as a whole body, read at a time
_TELLING: Final = 256 * 1024  # bytes that tell whether it is one
_DONE_BYTES: Final = len(b"[DONE]")
_CUT_DONE: Final = frozenset(b"[DONE]"[:length] for length in range(1, _DONE_BYTES))


class StreamEndedSignal(Exception):  # noqa: N818 - a signal to the legacy client, nobody's error
    """Raised in `stream_cb` after a `StreamError`: nothing more of this stream is wanted."""


def stream_callback(call: StreamCall) -> Callable[[bytes], None]:
    """Make the legacy client's `stream_cb`: one payload in, its events out. Raising ends this request alone."""
    feed = call.feed

    def on_payload(payload: bytes) -> None:
        if len(payload) < _DONE_BYTES and payload in _CUT_DONE:
            return  # the client hands on a line that was not ended; what it was is told by the end of the stream
        # Where it is over, its caller has ended it in that very event, and the client knows.
        if feed(payload) and call.failed and not call.over:
            raise StreamEndedSignal

    return on_payload


def letter_callback(call: StreamCall) -> Callable[[list[bytes]], None]:
    """Make the same of payloads that came together, for a call whose events are only kept: they are read as a whole."""

    def on_payloads(payloads: list[bytes]) -> None:
        if min(map(len, payloads)) < _DONE_BYTES:
            payloads = [each for each in payloads if each not in _CUT_DONE]
        call.feed_all(payloads[::-1])
        if call.failed and not call.over:
            raise StreamEndedSignal

    return on_payloads


def ending_of(http: HttpCompletion) -> Ending:
    """Transform the legacy completion."""
    fault = (category_of(http), _message_of(http)) if http.type is CompletionType.NETWORK_ERROR else None
    headers = http.headers
    return Ending(
        status=http.http_code,
        headers=headers if type(headers) is CaseInsensitiveDict else Headers(headers),
        body=http.body,
        fault=fault,
        raised=http.exception,
    )


class EndedCall:
    """A call whose exchange has ended. A stream that came as a whole body, since it was called something else, is read in pieces.

    Attributes:
        call: which.
    """

    def __init__(self, call: Call, http: HttpCompletion) -> None:
        self.call = call
        self._http = http
        self._position = 0
        self._reader: AnswerReader | None = None
        if (
            http.body
            and isinstance(call, StreamCall)
            and http.type is CompletionType.SUCCESS
            and _is_event_stream(http)
        ):
            self._reader = reader_of(call)
            self._reader.head(http.http_code, {name.lower(): value for name, value in http.headers.items()})

    def conclude(self) -> tuple[Completion | None, int]:
        """Read how it ended, or on towards it; the completion once it is known, and what that took (`shim.calls.turn`).

        Only an interrupt leaves; call it again then.
        """
        reader, body = self._reader, self._http.body
        if reader is None:
            return self.call.conclude(ending_of(self._http)), len(body)
        piece = body[self._position : self._position + _PIECE]
        self._position += len(piece)
        if reader.feed([piece] if piece else []) == "more" and self._position < len(body):
            return None, reader.fed
        return reader.conclude(), reader.fed


def _message_of(http: HttpCompletion) -> str:
    """The legacy client's words, and what to do where the process has run out of file descriptors."""
    chain = () if http.exception is None else tuple(causes(http.exception))
    short = next((link for link in chain if isinstance(link, OSError) and is_exhausted(link)), None)
    if short is None and any(isinstance(link, socket.gaierror) for link in chain):
        short = current_shortage()  # the system's resolver does not tell
    return http.error_message if short is None else f"{http.error_message}: {shortage(short)}"


def _is_event_stream(http: HttpCompletion) -> bool:
    content_type = http.headers.get("content-type", "")
    return body_kind(http.body[:_TELLING], content_type=content_type, ended=True) == "event_stream"
