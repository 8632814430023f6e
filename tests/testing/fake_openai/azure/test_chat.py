"""Tests of Azure's way to chat and complete: paths, keys, the content filter, and the errors of its gateway."""

from typing import Any

import pytest

from shim.testing.fake_openai import Cut, FakeOpenAI, Status, rate_limited, stream_failed
from shim.testing.fake_openai.azure.content_filter import safe_results
from tests.testing.fake_openai.asking import KEY, ask, connection_to
from tests.testing.fake_openai.azure.asking_azure import AZURE_KEY, VERSION, ask_azure, deployed

HELLO = {"messages": [{"role": "user", "content": "Count to 3."}]}
CHAT = deployed("chat/completions")


@pytest.mark.parametrize("headers", [AZURE_KEY, {"authorization": f"Bearer {KEY}"}])
def test_both_kinds_of_key_are_accepted(server: FakeOpenAI, headers: dict[str, str]) -> None:
    """An `api-key` and a bearer token open the door, and no model is needed in the body."""
    got = ask_azure(server, CHAT, HELLO, headers=headers)
    assert (got.status, got.json["model"]) == (200, "gpt-35-turbo")
    assert got.choice["message"]["content"] == "1, 2, 3."


def test_a_whole_answer_is_judged(server: FakeOpenAI) -> None:
    """The prompt and every choice carry the filter's results."""
    got = ask_azure(server, CHAT, HELLO | {"n": 2})
    assert got.json["prompt_filter_results"] == [{"prompt_index": 0, "content_filter_results": safe_results()}]
    assert [choice["content_filter_results"] for choice in got.json["choices"]] == [safe_results()] * 2


@pytest.mark.parametrize(("rest", "body"), [("chat/completions", HELLO), ("completions", {"prompt": "Count to 3."})])
def test_a_stream_begins_with_azures_own_chunk(server: FakeOpenAI, rest: str, body: dict[str, Any]) -> None:
    """The first chunk has no id, model or choices but judges the prompt; what follows is judged piece by piece."""
    first, *chunks = ask_azure(server, deployed(rest), body | {"stream": True}).chunks
    assert (first["id"], first["object"], first["created"], first["model"], first["choices"]) == ("", "", 0, "", [])
    assert first["prompt_filter_results"][0]["content_filter_results"] == safe_results()
    results = [chunk["choices"][0]["content_filter_results"] for chunk in chunks]
    texts = [chunk["choices"][0].get("text") or chunk["choices"][0].get("delta", {}).get("content") for chunk in chunks]
    assert results == [safe_results() if text else {} for text in texts]
    assert "".join(filter(None, texts)).strip() == "1, 2, 3."


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "Trip the Content Filter"}]}),
        ("completions", {"prompt": "Trip the content filter"}),
    ],
)
def test_the_filter_refuses_a_prompt(server: FakeOpenAI, rest: str, body: dict[str, Any]) -> None:
    """A prompt with the words "content filter" gets Azure's 400, which says what was found."""
    got = ask_azure(server, deployed(rest), body)
    error = got.json["error"]
    assert (got.status, error["code"], error["param"], error["status"]) == (400, "content_filter", "prompt", 400)
    assert "content management policy" in error["message"]
    assert error["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}


def test_a_wrong_key_gets_azures_words(server: FakeOpenAI) -> None:
    """A wrong `api-key` is a 401 with a code and no type."""
    got = ask_azure(server, CHAT, HELLO, headers={"api-key": "wrong"})
    assert (got.status, set(got.json["error"]), got.json["error"]["code"]) == (401, {"code", "message"}, "401")
    assert "invalid subscription key or wrong API endpoint" in got.json["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}])
def test_a_missing_or_wrong_token_is_no_error_object(server: FakeOpenAI, headers: dict[str, str]) -> None:
    """Without a key, or with a wrong token, the gateway answers 401 in a shape of its own."""
    got = ask_azure(server, CHAT, HELLO, headers=headers)
    assert (got.status, got.json["statusCode"]) == (401, 401)
    assert "Access token is missing, invalid" in got.json["message"]


@pytest.mark.parametrize(
    "path",
    [
        deployed("chat/completions", version=None),
        deployed("chat/completions", version="banana"),
        deployed("chat/completions", version=""),
        deployed("moderations"),
        f"/openai/moderations?{VERSION}",
        f"/openai/nothing?{VERSION}",
    ],
)
def test_what_azure_does_not_know_is_not_found(server: FakeOpenAI, path: str) -> None:
    """A path without a proper version, and one that is no endpoint, get Azure's 404."""
    got = ask_azure(server, path, HELLO)
    assert (got.status, got.json) == (404, {"error": {"code": "404", "message": "Resource not found"}})


def test_the_headers_are_azures(server: FakeOpenAI) -> None:
    """Answers carry what Azure's gateway adds, and none of OpenAI's own."""
    for got in (ask_azure(server, CHAT, HELLO), ask_azure(server, CHAT, HELLO, headers={"api-key": "wrong"})):
        assert {"apim-request-id", "x-ms-region", "x-request-id"} <= set(got.headers)
        assert "openai-organization" not in got.headers


def test_planned_statuses_have_azures_bodies(server: FakeOpenAI) -> None:
    """A planned status without a body of its own says what Azure would; one with a body keeps it."""
    server.plan(rate_limited(retry_after=3), Status(404), Status(418, body={"mine": True}))
    limited, missing, own = (ask_azure(server, CHAT, HELLO) for _ in range(3))
    assert (limited.json["error"]["code"], limited.headers["retry-after"]) == ("429", "3")
    assert missing.json["error"]["code"] == "DeploymentNotFound"
    assert own.json == {"mine": True}


def test_streams_fail_and_break_here_too(server: FakeOpenAI) -> None:
    """A stream may end in an error object, or be cut, as anywhere else."""
    server.plan(stream_failed("server_error", "gone", after_events=2))
    body = ask_azure(server, CHAT, HELLO | {"stream": True}).body
    assert b'data: {"error":{"message":"gone"' in body
    server.plan(Cut(after_events=1))
    connection = connection_to(server)
    connection.request("POST", CHAT, b'{"stream": true, "messages": [{"role": "user", "content": "x"}]}', AZURE_KEY)
    assert connection.getresponse().readline().startswith(b'data: {"id":""')
    connection.close()


def test_refusals_of_the_model_are_openais(server: FakeOpenAI) -> None:
    """A body that is wrong gets the same error as with OpenAI."""
    got = ask_azure(server, CHAT, HELLO | {"temperature": 3})
    assert (got.status, got.error["param"]) == (400, "temperature")


def test_the_newer_paths_need_no_version(server: FakeOpenAI) -> None:
    """Below `/openai/v1/` a body names its deployment as model, and a version may be left out."""
    got = ask_azure(server, "/openai/v1/chat/completions", HELLO | {"model": "my-chat"})
    assert (got.status, got.json["model"]) == (200, "my-chat")
    assert "prompt_filter_results" in got.json
    answer = ask_azure(server, "/openai/v1/responses?api-version=preview", {"model": "my-chat", "input": "Hello"})
    assert (answer.status, answer.json["object"]) == (200, "response")


def test_openais_paths_stay_openais(server: FakeOpenAI) -> None:
    """An `api-key` opens no path of OpenAI, and no filter judges there."""
    assert ask_azure(server, "/v1/chat/completions", HELLO | {"model": "gpt-4"}).status == 401
    assert "prompt_filter_results" not in ask(server, HELLO | {"model": "gpt-4"}).json
