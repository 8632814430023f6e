"""The wrapped callbacks: what the legacy client calls back with, told to a `shim.calls.Call`.

Not what becomes of it (`shim.calls`) nor the driving (`provider`).
"""

from __future__ import annotations

from collections.abc import Callable

from legacy_openai import CompletionType, HttpCompletion
from shim.calls import Ending, StreamCall
from shim.legacy_adapter.transport_faults import category_of

_CUT_DONE = frozenset(b"[DONE]"[:length] for length in range(1, 6))


class StreamEndedSignal(Exception):  # noqa: N818 - a signal to the legacy client, nobody's error
    """Raised in `stream_cb` after a `StreamError`: nothing more of this stream is wanted."""


def stream_callback(call: StreamCall) -> Callable[[bytes], None]:
    """Make the legacy client's `stream_cb`: one payload in, its events out. Raising ends this request alone."""
    feed = call.feed

    def on_payload(payload: bytes) -> None:
        if payload in _CUT_DONE:
            return  # the client hands on a line that was not ended; what it was is told by the end of the stream
        feed(payload)
        if call.failed:
            raise StreamEndedSignal

    return on_payload


def ending_of(http: HttpCompletion) -> Ending:
    """Transform the legacy completion."""
    failed = http.type is CompletionType.NETWORK_ERROR
    return Ending(
        status=http.http_code,
        headers=http.headers,
        body=http.body,
        fault=(category_of(http), http.error_message) if failed else None,
        raised=http.exception,
    )
