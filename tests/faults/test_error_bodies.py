"""Tests of error answers through the adapter: every shape of body and every status seen in traffic has its category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from shim.model import ErrorCategory, StreamError
from shim.testing.fake_openai import FakeOpenAI, Respond, Status, json_answer, stream_answer
from tests.helpers.driving import arrive, ask, drive, start
from tests.helpers.events import assert_well_formed
from tests.helpers.providers import AnyProvider

AUTH, PERMISSION, QUOTA = ErrorCategory.AUTH, ErrorCategory.PERMISSION, ErrorCategory.QUOTA
LIMITED, INVALID, MISSING = ErrorCategory.RATE_LIMIT, ErrorCategory.INVALID_REQUEST, ErrorCategory.NOT_FOUND
SERVER, TIMEOUT, FILTER = ErrorCategory.SERVER, ErrorCategory.TIMEOUT, ErrorCategory.CONTENT_FILTER
UNKNOWN = ErrorCategory.UNKNOWN
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@dataclass(frozen=True)
class Case:
    """An error answer, and what is to be read from it."""

    name: str
    status: int
    body: Any
    category: ErrorCategory
    message: str = ""
    code: str | None = None


def openai(message: str, kind: str, code: Any = None) -> dict[str, Any]:
    """OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


CASES = [
    Case(
        "OpenAI, wrong key",
        401,
        openai("Incorrect API key.", "invalid_request_error", "invalid_api_key"),
        AUTH,
        "Incorrect",
        "invalid_api_key",
    ),
    Case(
        "OpenAI, no such model",
        404,
        openai("No such model.", "invalid_request_error", "model_not_found"),
        MISSING,
        "No such",
    ),
    Case(
        "OpenAI, no such model on Responses",
        400,
        openai("No such model.", "invalid_request_error", "model_not_found"),
        MISSING,
    ),
    Case("OpenAI, rate limit", 429, openai("Slow down.", "requests", "rate_limit_exceeded"), LIMITED, "Slow down."),
    Case("OpenAI, quota", 429, openai("No credit.", "insufficient_quota", "insufficient_quota"), QUOTA, "No credit."),
    Case("OpenAI, too long", 400, openai("Too long.", "invalid_request_error", "context_length_exceeded"), INVALID),
    Case("OpenAI, filtered", 400, openai("Filtered.", "invalid_request_error", "content_filter"), FILTER),
    Case(
        "OpenAI, region",
        403,
        openai("Not here.", "request_forbidden", "unsupported_country_region_territory"),
        PERMISSION,
    ),
    Case("OpenAI, server", 500, openai("Sorry.", "server_error"), SERVER, "Sorry."),
    Case("OpenAI, overloaded", 503, openai("Overloaded.", "server_error"), SERVER, "Overloaded."),
    Case(
        "OpenRouter, int code",
        429,
        {"error": {"message": "Busy.", "code": 429, "metadata": {"raw": "x"}}, "user_id": "u"},
        LIMITED,
        "Busy.",
        "429",
    ),
    Case("Perplexity, int code", 401, {"error": {"message": "Bad.", "type": "x", "code": 401}}, AUTH, "Bad.", "401"),
    Case(
        "xAI, string error", 400, {"code": "invalid-argument", "error": "Incorrect API key provided"}, AUTH, "Incorrect"
    ),
    Case("Mistral, detail", 401, {"detail": "Invalid API Key"}, AUTH, "Invalid API Key"),
    Case("Mistral, object error", 422, {"object": "error", "message": "Bad.", "type": "invalid"}, INVALID, "Bad."),
    Case("FastAPI, list", 422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, INVALID, "field required"),
    Case("Azure, string code", 401, {"error": {"code": "401", "message": "Denied."}}, AUTH, "Denied.", "401"),
    Case("Azure, deployment", 404, {"error": {"code": "DeploymentNotFound", "message": "None."}}, MISSING, "None."),
    Case("Azure, string 404", 404, {"error": {"code": "404", "message": "Resource not found"}}, MISSING, "", "404"),
    Case(
        "Groq, failed generation",
        400,
        {
            "error": {
                "message": "Failed.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": "{",
            }
        },
        INVALID,
    ),
    Case(
        "Ollama, null code", 404, {"error": {"message": "No model.", "type": "not_found_error", "code": None}}, MISSING
    ),
    Case("Ollama, string", 500, {"error": "out of memory"}, SERVER, "out of memory"),
    Case("empty", 500, b"", SERVER, "500"),
    Case("empty object", 400, {}, INVALID, "400"),
    Case("null error", 400, {"error": None}, INVALID),
    Case("array", 502, [], SERVER, "502"),
    Case("html", 502, b"<html><h1>Bad gateway</h1></html>", SERVER, "Bad gateway"),
    Case("cut JSON", 503, b'{"error": {"mess', SERVER, "503"),
    Case("not UTF-8", 500, b"\xff\xfe\x00", SERVER, "500"),
    Case("padded", 400, b"\n  \n" + b'{"error":{"message":"Bad."}}', INVALID, "Bad."),
    *(
        Case(f"status {status}", status, b"", category)
        for status, category in {
            400: INVALID,
            402: QUOTA,
            403: PERMISSION,
            404: MISSING,
            405: INVALID,
            408: TIMEOUT,
            409: UNKNOWN,
            413: INVALID,
            415: INVALID,
            418: INVALID,
            422: INVALID,
            429: LIMITED,
            500: SERVER,
            502: SERVER,
            503: SERVER,
            504: TIMEOUT,
            529: SERVER,
        }.items()
    ),
]


@both_kinds
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_error_answer_has_its_category(
    *, provider: AnyProvider, server: FakeOpenAI, case: Case, stream: bool
) -> None:
    """Streamed or not, the error says category, status, message and code, and nothing is raised out of the loop."""
    server.plan(Status(case.status, body=case.body))
    heard = ask(provider, stream=stream)
    error = heard.error
    assert (error.category, error.http_status) == (case.category, case.status)
    assert case.message in error.message
    assert case.code in (None, error.code)
    assert error.partial is None
    assert heard.events == ([StreamError(error)] if stream else [])


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "text/plain", "text/event-stream", "application/problem+json"]
)
@both_kinds
def test_the_content_type_of_an_error_does_not_matter(
    *, provider: AnyProvider, server: FakeOpenAI, kind: str, stream: bool
) -> None:
    """An error body is read whatever type its server says it is."""
    body = openai("Bad.", "invalid_request_error", "invalid_value")
    server.plan(Status(400, body=body, headers=(("content-type", kind),)))
    assert ask(provider, stream=stream).error.code == "invalid_value"


IN_SUCCESS = {
    "OpenAI's shape": (openai("Sorry.", "server_error"), SERVER),
    "int code": ({"error": {"message": "Upstream.", "code": 502}}, SERVER),
    "int code 429": ({"error": {"message": "Busy.", "code": 429}}, LIMITED),
    "Groq, status code": (
        {"error": {"message": "x", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400}},
        INVALID,
    ),
    "string": ({"error": "out of memory"}, UNKNOWN),
}


@both_kinds
@pytest.mark.parametrize("name", IN_SUCCESS)
def test_an_error_under_success_has_its_category(
    *, provider: AnyProvider, server: FakeOpenAI, name: str, stream: bool
) -> None:
    """An error object under status 200, as the body or in a stream, is an error of its own category."""
    body, category = IN_SUCCESS[name]
    server.plan(Respond(lambda _: stream_answer([body], done=False) if stream else json_answer(body)))
    heard = ask(provider, stream=stream)
    assert heard.error.category is category
    assert heard.error.http_status == 200
    if stream:
        assert_well_formed(heard.events)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "2"}, 2000),
        ({"retry-after-ms": "150", "retry-after": "9"}, 150),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1000),
        ({"x-ratelimit-reset-requests": "1.5s", "x-ratelimit-remaining-requests": "0"}, 1500),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_told(
    provider: AnyProvider, server: FakeOpenAI, headers: dict[str, str], wait: int | None
) -> None:
    """What a 429 says of when to come back is in the error, in milliseconds."""
    absent = {"x-ratelimit-reset-requests": ""}
    server.plan(Status(429, headers=tuple({**absent, **headers}.items())))
    assert ask(provider).error.retry_after_ms == wait


def test_errors_do_not_touch_the_streams_beside_them(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Forty error answers and ten streams on one provider: each request ends as its own answer says."""
    server.plan(*[Status(case.status, body=case.body) for case in CASES[:40]])
    failing = []
    for number in range(40):
        failing.append(start(provider, stream=number % 2 == 0))
        arrive(provider, server, number + 1)
    going = [start(provider, stream=True) for _ in range(10)]
    drive(provider, lambda: all(each.done for each in failing + going))
    assert [each.error.category for each in failing] == [case.category for case in CASES[:40]]
    assert len({each.response.text for each in going}) == 1
