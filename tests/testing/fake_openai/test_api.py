"""Tests of `shim.testing.fake_openai.api`: headers, paths, methods, models."""

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import KEY, ask, chat


def test_the_default_answer_has_every_field_of_the_api(server: FakeOpenAI) -> None:
    """A plain request gets a complete `chat.completion` object."""
    got = ask(server, chat("Tell me about the tides."))
    assert got.status == 200
    assert set(got.json) == {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
    }
    assert got.json["id"] == "chatcmpl-00000000000000000000000000001"
    assert got.json["model"] == "gpt-4o"
    assert "Tell me about the tides." in got.choice["message"]["content"]
    assert got.choice["finish_reason"] == "stop"


def test_a_json_body_is_written_as_the_api_writes_it(server: FakeOpenAI) -> None:
    """JSON answers are pretty-printed and end in a line feed."""
    body = ask(server, chat()).body
    assert body.startswith(b'{\n  "id": ')
    assert body.endswith(b"}\n")


def test_every_response_carries_the_headers_of_the_api(server: FakeOpenAI) -> None:
    """Successes and errors alike have a request id of their own, the processing time and a content type."""
    good, bad = ask(server, chat()), ask(server, b"nonsense")
    for got in (good, bad):
        assert got.headers["content-type"] == "application/json"
        assert got.headers["x-request-id"].startswith("req_")
        assert int(got.headers["openai-processing-ms"]) > 0
    assert good.headers["x-request-id"] != bad.headers["x-request-id"]


def test_models_are_listed(server: FakeOpenAI) -> None:
    """`GET /v1/models` lists model objects."""
    got = ask(server, None, path="/v1/models", method="GET")
    assert got.json["object"] == "list"
    assert {"id", "object", "created", "owned_by"} == set(got.json["data"][0])


def test_one_model_can_be_asked_for(server: FakeOpenAI) -> None:
    """`GET /v1/models/{name}` knows the models that exist, and only those."""
    assert ask(server, None, path="/v1/models/gpt-4o", method="GET").json["id"] == "gpt-4o"
    assert ask(server, None, path="/v1/models/parrot", method="GET").error["code"] == "model_not_found"


def test_an_unknown_url_is_a_404(server: FakeOpenAI) -> None:
    """A path that is no endpoint gets the API's error body."""
    got = ask(server, chat(), path="/v1/chat/completion")
    assert got.status == 404
    assert got.error["message"] == "Invalid URL (POST /v1/chat/completion)"


def test_a_wrong_method_is_a_405(server: FakeOpenAI) -> None:
    """A known path with another method says which methods it has."""
    got = ask(server, None, method="GET")
    assert got.status == 405
    assert got.headers["allow"] == "POST"
    assert got.error["code"] == "method_not_supported"


def test_head_gets_headers_only(server: FakeOpenAI) -> None:
    """A HEAD request is answered without a body."""
    got = ask(server, None, method="HEAD", path="/v1/models")
    assert (got.status, got.body) == (405, b"")


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-5-chat-latest", "o1", "o3-mini", "o4-mini", "chatgpt-4o-latest", "fake-x"]
)
def test_names_like_openais_exist(server: FakeOpenAI, model: str) -> None:
    """Models are known by the pattern of their names."""
    assert ask(server, chat() | {"model": model}).status == 200


def test_an_unknown_model_is_a_404(server: FakeOpenAI) -> None:
    """A model that does not exist gets 404 `model_not_found`."""
    got = ask(server, chat() | {"model": "parrot-1"})
    assert (got.status, got.error["code"]) == (404, "model_not_found")


def test_the_models_can_be_chosen() -> None:
    """A server made with `models` knows these alone, and lists them."""
    with FakeOpenAI(api_key=KEY, models=["mine"]) as server:
        assert ask(server, chat() | {"model": "mine"}).status == 200
        assert ask(server, chat()).status == 404
        assert [one["id"] for one in ask(server, None, path="/v1/models", method="GET").json["data"]] == ["mine"]
