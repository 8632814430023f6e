"""Tests of `shim.wire.failure_words`, by what `shim.wire.failure` makes of them: the codes of each server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.wire.failure import error_in, parse_error

# What a server sends, with which status, and what it means.
CODES: dict[str, tuple[int, dict[str, Any], str]] = {
    "Moonshot, no credit": (429, {"error": {"message": "no", "type": "exceeded_current_quota_error"}}, "quota"),
    "Moonshot, busy": (200, {"error": {"message": "no", "type": "engine_overloaded_error"}}, "server"),
    "new-api": (403, {"error": {"message": "no", "type": "new_api_error", "code": "insufficient_user_quota"}}, "quota"),
    "DashScope, no credit": (400, {"error": {"message": "no", "code": "Arrearage"}}, "quota"),
    "DashScope, filtered": (400, {"error": {"message": "no", "code": "data_inspection_failed"}}, "content_filter"),
    "DashScope, its own API": (400, {"code": "DataInspectionFailed", "message": "no"}, "content_filter"),
    "DashScope, limit": (200, {"code": "Throttling.RateQuota", "message": "no", "request_id": "1"}, "rate_limit"),
    "Zhipu, no credit": (429, {"error": {"code": "1113", "message": "no"}}, "quota"),
    "Zhipu, filtered": (400, {"error": {"code": "1301", "message": "no"}}, "content_filter"),
    "MiniMax, limit": (200, {"base_resp": {"status_code": 1002, "status_msg": "no"}}, "rate_limit"),
    "MiniMax, no credit": (200, {"base_resp": {"status_code": 1008, "status_msg": "no"}}, "quota"),
    "MiniMax, key": (200, {"base_resp": {"status_code": 1004, "status_msg": "no"}}, "auth"),
    "MiniMax, unknown": (200, {"base_resp": {"status_code": 9999, "status_msg": "no"}}, "unknown"),
    "LiteLLM": (400, {"error": {"message": "no", "type": "budget_exceeded", "code": "400"}}, "quota"),
    "watsonx": (403, {"errors": [{"code": "token_quota_reached", "message": "no"}], "status_code": 403}, "quota"),
    "GitHub": (200, {"error": {"code": "RateLimitReached", "message": "no"}}, "rate_limit"),
    "AWS": (200, {"message": "no", "__type": "com.amazon.coral#ThrottlingException"}, "rate_limit"),
    "NVIDIA": (200, {"title": "Unauthorized", "status": 401, "detail": "no"}, "auth"),
    "Azure's gateway": (200, {"statusCode": 429, "message": "no"}, "rate_limit"),
    "FastAPI around a server's": (
        400,
        {"detail": {"error": {"message": "no", "code": "model_not_found"}}},
        "not_found",
    ),
    "FastAPI around words": (422, {"detail": {"message": "no", "code": "x"}}, "invalid_request"),
    "words alone": (500, {"error": {"type": "api_error", "message": "no: insufficient balance (1008)"}}, "quota"),
    "Groq, too large for its limit": (
        413,
        {"error": {"message": "no", "code": "rate_limit_exceeded"}},
        "invalid_request",
    ),
}


@pytest.mark.parametrize("case", CODES)
def test_a_servers_own_code_has_a_category(case: str) -> None:
    """What no asking again helps against is not told as what it does, whatever status a server sends with its own code."""
    status, body, category = CODES[case]
    error = parse_error(status, {}, json.dumps(body).encode())
    assert (error.category, error.message[:2]) == (category, "no")


FAILURES: list[dict[str, Any]] = [
    {"code": 500, "message": "no"},
    {"status": 503, "message": "no"},
    {"code": "InternalError", "message": "no", "request_id": "1"},
    {"id": "1", "model": "m", "choices": None, "error_type": "BadRequestError", "error_message": "no"},
    {"error_code": 336100, "error_msg": "no"},
    {"choices": [], "errorCode": "ModelError", "errorMessage": "no"},
]
NO_FAILURES: list[dict[str, Any]] = [
    {"message": "in the queue", "id": "1"},
    {"status": "processing", "message": "hm"},
    {"status": 200, "message": "ok"},
    {"code": 0, "message": "success"},
    {"code": "200", "msg": "success", "choices": []},
    {"code": None, "message": "", "choices": []},
    {"type": "ping"},
    {"type": "step", "code": "run_tool", "message": "looking"},
]


@pytest.mark.parametrize("payload", FAILURES, ids=repr)
def test_a_failure_in_a_stream_is_known_by_its_code(payload: dict[str, Any]) -> None:
    """A payload that has words and a code that is no success is an error, though it calls nothing so."""
    assert error_in(payload, streamed=True)
    assert error_in(payload)


@pytest.mark.parametrize("payload", NO_FAILURES, ids=repr)
def test_what_a_stream_tells_of_its_progress_is_no_failure(payload: dict[str, Any]) -> None:
    """Words alone, and words with a code of success, end no stream."""
    assert not error_in(payload, streamed=True)


@pytest.mark.parametrize(
    "error", [{"message": "", "type": "", "param": "", "code": None}, {"code": 0, "message": ""}, {}, ""]
)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_an_error_whose_fields_are_empty_is_none(error: Any, streamed: bool) -> None:  # noqa: FBT001 - parametrized
    """An answer is not lost for the empty error that a gateway puts into every answer."""
    assert not error_in({"choices": [{}], "error": error}, streamed=streamed)


def test_an_answer_wrapped_by_a_gateway_is_not_its_own_failure() -> None:
    """What says of itself that it is a success is told as what it is not, an answer, and not as an error named success."""
    assert not error_in({"code": 200, "msg": "success", "data": {"choices": []}})
