"""Tests of `endpoints.moderations`: categories per model, one result per text."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import Got, ask


def moderate(server: FakeOpenAI, given: Any, **fields: Any) -> Got:
    return ask(server, {"input": given, **fields}, path="/v1/moderations")


def test_each_text_has_a_result(server: FakeOpenAI) -> None:
    """A list of texts gets a list of results, each flagged by its own words."""
    results = moderate(server, ["a nice day", "I will kill you"]).json["results"]
    assert [result["flagged"] for result in results] == [False, True]
    assert [name for name, flagged in results[1]["categories"].items() if flagged] == ["violence"]
    assert results[1]["category_scores"]["violence"] > 0.9 > results[1]["category_scores"]["hate"]


def test_older_models_have_fewer_categories(server: FakeOpenAI) -> None:
    """A text model knows eleven categories; omni-moderation, the default, thirteen and what they apply to."""
    old = moderate(server, "x", model="text-moderation-stable").json
    new = moderate(server, "x").json
    assert (old["model"], new["model"]) == ("text-moderation-stable", "omni-moderation-latest")
    assert (len(old["results"][0]["categories"]), len(new["results"][0]["categories"])) == (11, 13)
    assert set(old["results"][0]) == {"flagged", "categories", "category_scores"}
    assert new["results"][0]["category_applied_input_types"]["violence"] == ["text"]


def test_parts_are_one_text(server: FakeOpenAI) -> None:
    """Parts of text and images are judged together."""
    parts = [{"type": "text", "text": "a murder"}, {"type": "image_url", "image_url": {"url": "https://example.com/a"}}]
    (result,) = moderate(server, parts).json["results"]
    assert result["flagged"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"text": "x"}]}, "input[0].type"),
        ({"input": [{"type": "text"}]}, "input[0].text"),
        ({"input": [{"type": "video", "video": "x"}]}, "input[0].type"),
        ({"input": "x", "model": 3}, "model"),
        ({"input": "x", "user": "me"}, "user"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, body: Any, param: str) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = ask(server, body, path="/v1/moderations")
    assert (got.status, got.error["param"]) == (400, param)


def test_the_model_must_moderate(server: FakeOpenAI) -> None:
    """A model for something else is not found here."""
    assert moderate(server, "x", model="gpt-4").status == 404
