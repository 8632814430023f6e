"""Responses that failed: a failed or cancelled response, and the error event of a stream, as a `ProviderError`.

Not error statuses (`shim.wire.failure`, which reads the error object here too) nor streams cut short (`stream`).
Source: OpenAI API reference, Responses, `error` and `status`; openai-python `types/responses/response_error.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.wire.failure import parse_error, says_anything
from shim.wire.lenient import text_of
from shim.wire.masking import masked_body

# Code or type of a response's error -> category: the words that no error status comes with.
_BY_CODE: dict[str, ErrorCategory] = {
    "invalid_prompt": ErrorCategory.INVALID_REQUEST,
    "invalid_image": ErrorCategory.INVALID_REQUEST,
    "invalid_image_format": ErrorCategory.INVALID_REQUEST,
    "invalid_base64_image": ErrorCategory.INVALID_REQUEST,
    "invalid_image_url": ErrorCategory.INVALID_REQUEST,
    "invalid_image_mode": ErrorCategory.INVALID_REQUEST,
    "image_too_large": ErrorCategory.INVALID_REQUEST,
    "image_too_small": ErrorCategory.INVALID_REQUEST,
    "image_parse_error": ErrorCategory.INVALID_REQUEST,
    "image_file_too_large": ErrorCategory.INVALID_REQUEST,
    "image_file_not_found": ErrorCategory.INVALID_REQUEST,
    "unsupported_image_media_type": ErrorCategory.INVALID_REQUEST,
    "empty_image_file": ErrorCategory.INVALID_REQUEST,
    "failed_to_download_image": ErrorCategory.INVALID_REQUEST,
    "image_content_policy_violation": ErrorCategory.CONTENT_FILTER,
    "too_many_requests": ErrorCategory.RATE_LIMIT,
    "vector_store_timeout": ErrorCategory.TIMEOUT,
}
_FAILED_STATUSES = frozenset({"failed", "cancelled"})


def has_failed(answer: dict[str, Any]) -> bool:
    """Whether a response is one that failed; in any other stands `error: null`, or an object whose fields are empty."""
    return says_anything(answer.get("error")) or text_of(answer.get("status")) in _FAILED_STATUSES


def failure_of(answer: dict[str, Any], *, partial: ModelResponse, body: bytes | None = None) -> ProviderError:
    """Read why a response failed.

    Args:
        answer: the response.
        partial: what had arrived of it.
        body: its exact bytes, where it is a body; the error object alone otherwise.
    """
    if says_anything(answer.get("error")):
        return read_error({"error": answer["error"]}, partial=partial, body=body)
    cancelled = answer.get("status") == "cancelled"
    return ProviderError(
        ErrorCategory.CANCELLED if cancelled else ErrorCategory.UNKNOWN,
        "the response was cancelled on the server"
        if cancelled
        else "the response failed, and the server did not say why",
        http_status=200,
        body=None if body is None else masked_body(body),
        partial=partial,
    )


def read_error(told: dict[str, Any], *, partial: ModelResponse, body: bytes | None = None) -> ProviderError:
    """Read an error object, `{"error": {…}}` or flat, as `failure_of` does."""
    error = parse_error(200, {}, msgspec.json.encode(told) if body is None else body, partial=partial)
    category = _BY_CODE.get(error.code or "") or _BY_CODE.get(error.type or "")
    if error.category is not ErrorCategory.UNKNOWN or category is None:
        return error
    return ProviderError(
        category,
        error.message,
        http_status=error.http_status,
        code=error.code,
        type=error.type,
        param=error.param,
        body=error.body,
        partial=partial,
    )
