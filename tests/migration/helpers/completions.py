"""Completions made by hand: how a request ended, without a request."""

from __future__ import annotations

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.provider import Completion, RequestHandle, Timing


def answered(seconds: float = 0.1, *, streamed: bool = False) -> Completion:
    """A request with a response: whole after `seconds`, or a stream whose first event came then."""
    timing = (
        Timing(started=10.0, first_event=10.0 + seconds, finished=99.0)
        if streamed
        else Timing(started=10.0, finished=10.0 + seconds)
    )
    return Completion(RequestHandle("test", 1), ModelResponse(), None, http_status=200, timing=timing)


def failed(category: ErrorCategory = ErrorCategory.SERVER) -> Completion:
    """A request that failed."""
    error = ProviderError(category, "made up")
    return Completion(RequestHandle("test", 1), None, error, timing=Timing(started=10.0, finished=10.1))
