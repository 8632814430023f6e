"""Tests of `shim.wire.failure`: every shape of error body seen, and its category; keys in it are in `test_failure_keys`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.wire.failure import error_in, parse_error


def read(status: int, body: Any, **headers: str) -> ProviderError:
    """The error an answer with this JSON body is."""
    return parse_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


def openai(message: str = "It failed", **fields: Any) -> dict[str, Any]:
    """An error as OpenAI words it."""
    return {"error": {"message": message, "type": None, "param": None, "code": None} | fields}


STATUSES = {
    400: "invalid_request",
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "unknown",
    413: "invalid_request",
    415: "invalid_request",
    422: "invalid_request",
    429: "rate_limit",
    500: "server",
    502: "server",
    503: "server",
    504: "timeout",
    529: "server",
}


@pytest.mark.parametrize("status", range(400, 600))
def test_the_category_of_a_status(status: int) -> None:
    """Every error status has a category even if its body says nothing."""
    expected = STATUSES.get(status, "invalid_request" if status < 500 else "server")
    for body in (b"", b"{}", b'{"error": null}', b"oops", b"[]"):
        assert parse_error(status, {}, body).category == expected


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [
        (401, "invalid_api_key", "auth"),
        (400, "invalid_api_key", "auth"),
        (429, "insufficient_quota", "quota"),
        (429, "billing_hard_limit_reached", "quota"),
        (403, "billing_not_active", "quota"),
        (429, "rate_limit_exceeded", "rate_limit"),
        (400, "rate_limit_exceeded", "rate_limit"),
        (404, "model_not_found", "not_found"),
        (400, "model_not_found", "not_found"),
        (404, "DeploymentNotFound", "not_found"),
        (400, "content_filter", "content_filter"),
        (400, "content_policy_violation", "content_filter"),
        (403, "unsupported_country_region_territory", "permission"),
        (400, "context_length_exceeded", "invalid_request"),
        (500, "context_length_exceeded", "server"),
        (400, "something_new", "invalid_request"),
        (200, "server_error", "server"),
        (200, "context_length_exceeded", "invalid_request"),
        (200, "something_new", "unknown"),
    ],
)
def test_the_category_of_a_code(status: int, code: str, category: str) -> None:
    """A code that says more than the status decides the category, as a type does without a code."""
    assert read(status, openai(code=code)).category == category
    assert read(status, openai(type=code)).category == category


def test_a_code_goes_before_a_type() -> None:
    """Where code and type disagree the code, which is the narrower word, decides."""
    assert read(429, openai(code="insufficient_quota", type="rate_limit_error")).category == "quota"


SHAPES: dict[str, tuple[int, Any, dict[str, Any]]] = {
    "OpenAI": (
        404,
        openai("No such model", type="invalid_request_error", param="model", code="model_not_found"),
        {
            "category": "not_found",
            "message": "No such model",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        },
    ),
    "unknown model on Responses": (
        400,
        openai("No such model", type="invalid_request_error", param="model", code="model_not_found"),
        {"category": "not_found"},
    ),
    "code null": (
        400,
        openai("Bad", type="invalid_request_error"),
        {"category": "invalid_request", "code": None, "param": None},
    ),
    "OpenRouter": (
        429,
        {
            "error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "slow down"}},
            "user_id": "u",
        },
        {"category": "rate_limit", "message": "Provider returned error", "code": "429", "type": None},
    ),
    "OpenRouter under success": (
        200,
        {"error": {"message": "Overloaded", "code": 502}},
        {"category": "server", "code": "502"},
    ),
    "OpenRouter without credit": (200, {"error": {"message": "No credit", "code": 402}}, {"category": "quota"}),
    "Perplexity": (
        401,
        {"error": {"message": "Invalid", "type": "invalid_api_key", "code": 401}},
        {"category": "auth"},
    ),
    "xAI": (
        400,
        {"code": "invalid-argument", "error": "Incorrect API key provided: xa***cd."},
        {"category": "auth", "message": "Incorrect API key provided: xa***cd.", "code": "invalid-argument"},
    ),
    "xAI otherwise": (400, {"code": "invalid-argument", "error": "Unknown field"}, {"category": "invalid_request"}),
    "Ollama": (404, {"error": "model 'x' not found"}, {"category": "not_found", "message": "model 'x' not found"}),
    "Mistral": (401, {"detail": "Invalid API Key"}, {"category": "auth", "message": "Invalid API Key"}),
    "Mistral otherwise": (
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "param": None, "code": "1500"},
        {"category": "invalid_request", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
    ),
    "FastAPI": (
        422,
        {
            "detail": [
                {"loc": ["body", "n"], "msg": "value is not an integer"},
                {"loc": ["body"], "msg": "field required"},
            ]
        },
        {"category": "invalid_request", "message": "value is not an integer; field required"},
    ),
    "Azure": (
        401,
        {"error": {"code": "401", "message": "Access denied"}},
        {"category": "auth", "message": "Access denied", "code": "401", "type": None},
    ),
    "Azure without a deployment": (
        404,
        {"error": {"code": "404", "message": "Resource not found"}},
        {"category": "not_found", "code": "404"},
    ),
    "Azure's filter": (
        400,
        openai("Filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        {"category": "content_filter"},
    ),
    "Groq in a stream": (
        200,
        {
            "error": {
                "message": "Failed to call a function",
                "code": "tool_use_failed",
                "status_code": 400,
                "failed_generation": "<f>",
            }
        },
        {"category": "invalid_request", "code": "tool_use_failed"},
    ),
    "status_code alone": (200, {"error": {"message": "Busy", "status_code": 503}}, {"category": "server"}),
    "a message in another language": (
        500,
        {"error": {"message": "内部错误"}},
        {"category": "server", "message": "内部错误"},
    ),
    "a message as an object": (400, {"error": {"message": {"reason": "bad"}}}, {"category": "invalid_request"}),
    "Baidu": (
        400,
        {"error_code": 17, "error_msg": "Open api daily request limit reached"},
        {"message": "Open api daily request limit reached", "code": "17"},
    ),
    "an error inside an error": (
        400,
        {"error": {"error": {"message": "Too long", "code": "context_length_exceeded"}}},
        {"message": "Too long", "code": "context_length_exceeded"},
    ),
    "an error inside one that has words": (
        400,
        {"error": {"message": "Upstream failed", "error": {"message": "Too long"}}},
        {"message": "Upstream failed"},
    ),
    "a list of errors under error": (
        400,
        {"error": [{"message": "Too long", "code": "x"}, {"message": "Too many"}]},
        {"message": "Too long; Too many", "code": "x"},
    ),
    "a proxy's message": (502, {"message": "Bad gateway"}, {"category": "server", "message": "Bad gateway"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_error_bodies(shape: str) -> None:
    """Each shape of error body gives its message, code, type and param, and its category."""
    status, body, expected = SHAPES[shape]
    error = read(status, body)
    assert {name: getattr(error, name) for name in expected} == expected
    assert (error.http_status, error.body) == (status, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (502, b"", "the server answered 502 with an empty body"),
        (502, b"<html>Bad Gateway</html>", "the server answered 502: <html>Bad Gateway</html>"),
        (404, b"404 page not found\n", "the server answered 404: 404 page not found"),
        (500, b"\xff\xfe", "the server answered 500: \ufffd\ufffd"),
        (500, b"{}", "the server answered 500: {}"),
    ],
)
def test_bodies_that_say_nothing_are_quoted(status: int, body: bytes, words: str) -> None:
    """A body without a message is quoted, so that a proxy's page is recognised."""
    assert parse_error(status, {}, body).message == words


@pytest.mark.parametrize("body", [b"x" * 1_000_000, json.dumps(openai("x" * 1_000_000)).encode()], ids=["text", "JSON"])
def test_huge_bodies_are_bounded(body: bytes) -> None:
    """A body of any size leaves an error of bounded size."""
    error = parse_error(500, {}, body)
    assert error.body is not None
    assert len(error.body) <= 64 * 1024
    assert len(error.message) <= 64 * 1024


@pytest.mark.parametrize("name", ["x-request-id", "X-Request-ID", "request-id", "apim-request-id"])
def test_request_ids(name: str) -> None:
    """The request's id is found under each of its names, in any case."""
    assert parse_error(500, {name: "req_1"}, b"").request_id == "req_1"


def test_no_request_id() -> None:
    """Without a request id there is none."""
    assert parse_error(500, {}, b"").request_id is None


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"Retry-After-Ms": "1500", "Retry-After": "9"}, 1500),
        (429, {"Retry-After": "2"}, 2000),
        (429, {"retry-after-ms": "0", "retry-after": "1"}, 1000),
        (429, {"x-ratelimit-reset-requests": "6m0s"}, 360_000),
        (503, {"Retry-After": "2"}, 2000),
        (503, {"x-ratelimit-reset-requests": "6m0s"}, None),
        (200, {"Retry-After": "30"}, None),
        (429, {}, None),
    ],
)
def test_how_long_to_wait(status: int, headers: dict[str, str], expected: int | None) -> None:
    """The wait a server asks for is in the error, and a success asks for none."""
    assert parse_error(status, headers, b"").retry_after_ms == expected


def test_the_partial_response_is_kept() -> None:
    """What had arrived before the error is in it."""
    partial = ModelResponse(id="chatcmpl-1")
    assert parse_error(200, {}, b"{}", partial=partial).partial is partial


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"detail": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"error": {"code": "' + b"1" * 5000 + b'"}}',
        b'{"error": {"code": ' + b"1" * 200 + b"}}",
        '{"error": {"code": "²"}}'.encode(),
        b'{"error": {"code": [1], "type": {"a": 1}, "param": ["messages", 0], "message": [[1], null, true]}}',
        b'{"error": {"code": true, "status_code": "400"}}',
        b'{"error": [1, 2]}',
        b'{"error": {"message": "\\ud800"}}',
    ],
    ids=["lists", "objects", "digits", "integer", "superscript", "kinds", "bool", "list", "surrogate"],
)
def test_strange_bodies_are_read(body: bytes) -> None:
    """No body, however strange, makes the reading of an error fail."""
    for status in (200, 400, 500):
        assert isinstance(str(parse_error(status, {}, body)), str)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": {"message": "no"}}, True),
        ({"error": "no"}, True),
        ({"error": {"message": "no"}, "choices": [{}]}, True),
        ({"detail": "no"}, True),
        ({"object": "error", "message": "no"}, True),
        ({"error": None, "choices": []}, False),
        ({"error": {}}, False),
        ({"detail": None}, False),
        ({"detail": "more", "choices": [{}]}, False),
        ({"object": "chat.completion", "choices": []}, False),
        ({}, False),
    ],
)
def test_errors_under_success_are_recognised(answer: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - parametrized
    """An answer is an error if it says so, and not if it merely has a field for one."""
    assert error_in(answer) is expected


def test_categories_are_members() -> None:
    """The category of an error that was read is a member, not a bare string."""
    assert isinstance(parse_error(429, {}, b"").category, ErrorCategory)


OTHER_SHAPES: list[tuple[dict[str, object], str]] = [
    (
        {"result": None, "success": False, "errors": [{"code": 7009, "message": "Upstream unavailable"}]},
        "Upstream unavailable",
    ),
    ({"errors": ["no such model", {"msg": "nor key"}]}, "no such model; nor key"),
    ({"errors": {"model": ["is missing"]}}, "model: is missing"),
    ({"errors": "all wrong"}, "all wrong"),
    ({"error_code": "ENDPOINT_NOT_FOUND", "message": "path not found"}, "path not found"),
    ({"Message": "User is not authorized"}, "User is not authorized"),
    ({"fault": {"faultstring": "Quota violation", "detail": {"errorcode": "q"}}}, "Quota violation"),
    ({"title": "Forbidden", "status": 403, "detail": "not this key"}, "not this key"),
    ({"error": "invalid_grant", "error_description": "token expired"}, "invalid_grant"),
    ({"id": "x", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "login fail"),
    ({"status": "error", "msg": "busy"}, "busy"),
    ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded"),
]


@pytest.mark.parametrize(("body", "words"), OTHER_SHAPES)
@pytest.mark.parametrize("status", [200, 502])
def test_errors_of_any_shape_are_told(body: dict[str, object], words: str, status: int) -> None:
    """The server's own words are the message, whatever the shape of its error and its status."""
    assert error_in(body)
    error = parse_error(status, {}, json.dumps(body).encode())
    assert error.message.startswith(words)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [], "base_resp": {"status_code": 0, "status_msg": "success"}},
        {"choices": [{"index": 0}], "errors": ["of another kind"], "message": "hello"},
        {"output": [{"type": "message"}], "status": "completed", "error": None},
        {"object": "list", "data": []},
        {"title": "My API", "description": "Hello"},
    ],
)
def test_answers_are_no_errors(body: dict[str, object]) -> None:
    """An answer, or something that is plainly neither, is not taken for an error."""
    assert not error_in(body)
