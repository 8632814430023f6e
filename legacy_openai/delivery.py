"""What the client keeps for the caller of one request, and the completion made from a transfer that has ended.

Not when it is delivered: that is multi_client.py. Everything here runs on the caller's thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from legacy_openai.completion import CompletionType, HttpCompletion, server_message
from legacy_openai.transport_errors import describe, redacted

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from legacy_openai.transfer import Transfer


class Entry:
    """The callbacks of one request; dropped with its completion, so nothing of the caller's outlives it."""

    __slots__ = ("completion_cb", "ended", "logger", "started", "stream_cb", "transfer")

    def __init__(
        self,
        transfer: Transfer,
        *,
        stream_cb: Callable[[bytes], object] | None,
        completion_cb: Callable[[HttpCompletion], object] | None,
        logger: logging.Logger | None,
    ) -> None:
        self.transfer = transfer
        self.stream_cb = stream_cb
        self.completion_cb = completion_cb
        self.logger = logger
        self.started = time.monotonic()
        self.ended = False

    def log_start(self) -> None:
        """One line at DEBUG; neither key nor content."""
        if self.logger is not None:
            request = self.transfer.request
            kind = "stream" if request.streaming else "request"
            size = len(request.body)
            self.logger.debug("%s %d: POST %s (%d bytes)", kind, self.transfer.request_id, request.url, size)

    def log_end(self, outcome: str) -> None:
        """One line at DEBUG; neither key nor content."""
        if self.logger is not None:
            kind = "stream" if self.transfer.request.streaming else "request"
            seconds = time.monotonic() - self.started
            remark = f"; {self.transfer.remark}" if self.transfer.remark else ""
            self.logger.debug("%s %d: %s after %.3f s%s", kind, self.transfer.request_id, outcome, seconds, remark)


def completion_of(transfer: Transfer) -> HttpCompletion:
    """The completion of a transfer that has ended by itself."""
    return HttpCompletion(
        type=transfer.type,
        http_code=transfer.http_code,
        headers=transfer.headers,
        body=transfer.body,
        error_message=_error_message(transfer),
        exception=transfer.exception,
        request_id=transfer.request_id,
        noted_payloads=transfer.noted_payloads,
    )


def aborted_completion(transfer: Transfer, error: Exception) -> HttpCompletion:
    """The completion of a stream whose callback raised `error`."""
    text = f"stream_cb aborted the request: {type(error).__name__}: {error}"
    return HttpCompletion(
        type=CompletionType.NETWORK_ERROR,
        http_code=transfer.http_code,
        headers=transfer.headers,
        error_message=redacted(text, transfer.request.api_key),
        exception=error,
        request_id=transfer.request_id,
    )


def _error_message(transfer: Transfer) -> str:
    if transfer.exception is not None:
        return describe(transfer.exception, transfer.request)
    if transfer.type is CompletionType.SUCCESS:
        return ""
    if 300 <= transfer.http_code < 400:
        place = transfer.headers.get("location", "an unnamed place")
        text = f"HTTP {transfer.http_code}: the server redirects to {place}, which is not followed: set openai_base_url"
    else:
        text = server_message(transfer.http_code, reason=transfer.reason, body=transfer.body)
    return redacted(text, transfer.request.api_key)
