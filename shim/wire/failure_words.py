"""Failure words: the codes and types of error that servers send, each with its category.

Not where in a body they stand, nor what a status or a message says (`failure`). Source: OpenAI's API reference, error codes; the
error tables of Azure, AWS, Google, Anthropic, Moonshot, DashScope, Zhipu, MiniMax and watsonx; LiteLLM and new-api as seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from shim.model import ErrorCategory

_MARKS = re.compile(r"[^a-z0-9]")


def bare(word: str) -> str:
    """A word without its marks and AWS's namespace: one server writes `rate_limit_reached`, another `RateLimitReached`."""
    return _MARKS.sub("", word.rpartition("#")[2].lower())


def _table(words: dict[ErrorCategory, tuple[str, ...]]) -> Mapping[str, ErrorCategory]:
    return {bare(word): category for category, those in words.items() for word in those}


BY_WORD: Final = _table(
    {
        ErrorCategory.AUTH: (
            *("invalid_api_key", "incorrect_api_key", "invalid_authentication", "authentication_error"),
            *("account_deactivated", "UnrecognizedClientException"),
        ),
        ErrorCategory.PERMISSION: (
            *("permission_denied", "permission_error", "insufficient_permissions", "AccessDeniedException"),
            "unsupported_country_region_territory",
        ),
        ErrorCategory.QUOTA: (
            *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"),
            *("exceeded_current_quota_error", "insufficient_balance_error"),  # Moonshot, MiniMax: with 429
            *("insufficient_user_quota", "pre_consume_token_quota_failed"),  # new-api: with 403
            *("Arrearage", "budget_exceeded"),  # DashScope, LiteLLM: with 400
            *("billing_error", "token_quota_reached", "1113"),  # Anthropic; watsonx with 403; Zhipu with 429
        ),
        ErrorCategory.RATE_LIMIT: (
            *("rate_limit_exceeded", "rate_limit_error", "rate_limit_reached", "rate_limit_reached_error", "requests"),
            *("tokens", "slow_down", "too_many_requests", "TooManyRequestsException", "RESOURCE_EXHAUSTED"),
            *("ThrottlingException", "Throttling", "Throttling.RateQuota", "Throttling.AllocationQuota"),
            *("limit_requests", "limit_burst_rate", "REQUEST_LIMIT_EXCEEDED", "1302", "1303"),
        ),
        ErrorCategory.NOT_FOUND: (
            *("model_not_found", "DeploymentNotFound", "not_found_error", "not_found", "ResourceNotFoundException"),
            "resource_not_found_error",
        ),
        ErrorCategory.CONTENT_FILTER: (
            *("content_filter", "content_policy_violation", "moderation_blocked", "ResponsibleAIPolicyViolation"),
            *("data_inspection_failed", "sensitive_words_detected", "1301"),  # DashScope, new-api, Zhipu
        ),
        ErrorCategory.SERVER: (
            *("server_error", "internal_error", "internal_server_error", "overloaded_error", "service_unavailable"),
            *("engine_overloaded", "engine_overloaded_error", "ServiceUnavailableException"),
            "InternalServerException",
        ),
        ErrorCategory.TIMEOUT: ("timeout", "request_timeout", "ModelTimeoutException"),
    }
)
"""Word in `code` or `type`, bare -> category. The first that is found decides, code before type, before the status does."""

BY_VAGUE_WORD: Final = _table(
    {
        ErrorCategory.INVALID_REQUEST: (
            *("invalid_request_error", "BadRequestError", "bad_request", "context_length_exceeded", "invalid_value"),
            *("tool_use_failed", "ValidationException"),  # Groq, in a stream; AWS
        ),
        ErrorCategory.SERVER: ("api_error",),
    }
)
"""Words that say little more than the status does: they decide only where the status says nothing (an error under 200)."""

BY_BASE_RESP: Final[Mapping[object, ErrorCategory]] = {
    1000: ErrorCategory.SERVER,
    1001: ErrorCategory.TIMEOUT,
    1002: ErrorCategory.RATE_LIMIT,
    1004: ErrorCategory.AUTH,
    1008: ErrorCategory.QUOTA,
    1024: ErrorCategory.SERVER,
    1026: ErrorCategory.CONTENT_FILTER,
    1027: ErrorCategory.CONTENT_FILTER,
    1033: ErrorCategory.SERVER,
    1039: ErrorCategory.RATE_LIMIT,
    2013: ErrorCategory.INVALID_REQUEST,
    2049: ErrorCategory.AUTH,
}
"""MiniMax's numbers, which come with a status of success -> category."""
